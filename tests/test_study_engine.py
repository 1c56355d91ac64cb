"""Runs of a study: what is computed, what is reused, what fails."""

import errno
import os
import sys

import jax
import pytest
import stand_in_learners

import taylorlib as tl
from taylorlib.study import registry


def calls_of(monkeypatch, name="parabola"):
    """Register a learner again so that it counts its calls."""
    calls, old = [], registry.find(name)

    def counted(cell):
        calls.append(cell)
        return old.function(cell)

    monkeypatch.setitem(registry._LEARNERS, name, old._replace(function=counted))
    return calls


def test_second_run_computes_nothing_and_gives_the_same_bytes(tmp_path, monkeypatch):
    calls = calls_of(monkeypatch)
    first = tl.study.run("fast", cache=tmp_path)
    again = tl.study.run("fast", cache=tmp_path)
    assert len(calls) == 120
    assert (first.computed, first.reused, again.computed, again.reused) == (120, 0, 0, 120)
    assert first.text == again.text == tl.study.collect("fast", cache=tmp_path).text
    cell = tl.study.grid("parabola", d=[3], seed=[5], shift=[0.1])[0]
    row = first.table.query("d == 3 and seed == 5").iloc[0]
    assert row["value"] == stand_in_learners.parabola(cell)["value"]


def test_cells_that_differ_in_a_setting_have_results_of_their_own(tmp_path):
    one, other = (
        tl.study.run(tl.study.grid("parabola", d=[2], shift=[shift]), cache=tmp_path)
        for shift in (0.0, 1.0)
    )
    assert other.table["value"][0] - one.table["value"][0] == 1


def test_changed_learner_is_computed_again(tmp_path, monkeypatch):
    before = tl.study.run("fast", cache=tmp_path, quick=True)

    def doubled(cell):
        return {"value": 2 * stand_in_learners.parabola(cell)["value"]}

    old = registry.find("parabola")
    monkeypatch.setitem(registry._LEARNERS, "parabola", old._replace(function=doubled))
    after = tl.study.run("fast", cache=tmp_path, quick=True)
    assert after.computed == 4
    assert (after.table["value"] == 2 * before.table["value"]).all()


def test_rows_stand_in_the_order_of_the_study_whatever_was_finished_first(tmp_path):
    cells = tl.study.grid("parabola", d=[2, 3], seed=range(4))
    tl.study.run(cells[5:], cache=tmp_path)
    whole = tl.study.run(cells, cache=tmp_path)
    assert whole.reused == 3
    assert whole.table[["d", "seed"]].to_numpy().tolist() == [[c["d"], c["seed"]] for c in cells]


def test_failing_cell_is_reported_with_its_settings_and_the_rest_goes_on(tmp_path):
    cells = tl.study.grid("troubled", seed=[0, 1, 3])
    found = tl.study.run(cells, cache=tmp_path)
    assert found.table["seed"].tolist() == [0, 3]
    [failure] = found.failures
    assert failure.cell == cells[1]
    assert failure.error == "ArithmeticError: seed 1 does not converge"
    assert "in troubled" in failure.traceback
    assert found.missing == [cells[1]]
    # It is not stored, and tried again the next time.
    assert tl.study.run(cells, cache=tmp_path).computed == 0
    assert len(tl.study.run(cells, cache=tmp_path).failures) == 1


def test_cell_that_takes_its_process_down_costs_no_other_cell(tmp_path):
    found = tl.study.run("troubled", cache=tmp_path, jobs=2)
    assert found.table["seed"].tolist() == [0, 3]
    assert [f.cell["seed"] for f in found.failures] == [1, 2]
    assert "its process died" in found.failures[1].error


def test_learner_with_rows_of_no_table_fails_and_says_why(tmp_path, monkeypatch):
    old = registry.find("parabola")

    def bad(cell):
        return {"value": [1, 2]}

    monkeypatch.setitem(registry._LEARNERS, "parabola", old._replace(function=bad))
    [failure] = tl.study.run(tl.study.grid("parabola", d=[2]), cache=tmp_path).failures
    assert "'value' in a learner's row must be one plain number" in failure.error


def test_worker_with_another_version_of_the_learner_does_not_answer(tmp_path, monkeypatch):
    from taylorlib.study import worker

    monkeypatch.setattr(worker, "code_version", lambda function, depends: "other")
    [failure] = tl.study.run(tl.study.grid("parabola", d=[2]), cache=tmp_path).failures
    assert "has version other in the worker" in failure.error


@pytest.mark.parametrize("jobs", [1, 2])
def test_learners_compute_in_single_precision_whatever_the_caller_does(tmp_path, jobs):
    assert jax.config.jax_enable_x64
    found = tl.study.run(tl.study.grid("surroundings"), cache=tmp_path, jobs=jobs)
    assert found.table["precision"].tolist() == ["float32"]


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="asks Linux")
def test_workers_are_started_with_one_thread_before_they_load_anything(tmp_path, monkeypatch):
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown()  # those of another test are used again otherwise
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    [(threads, flags)] = tl.study.run(
        tl.study.grid("surroundings"), cache=tmp_path, jobs=2
    ).table[["OMP_NUM_THREADS", "XLA_FLAGS"]].to_numpy()  # fmt: skip
    assert threads == 1
    assert flags.startswith("--xla_cpu_enable_fast_math=false")
    assert "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" in flags
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert os.environ["XLA_FLAGS"] == "--xla_cpu_enable_fast_math=false"


def test_damaged_cache_file_costs_one_cell(tmp_path):
    before = tl.study.run("fast", cache=tmp_path)
    victim = sorted(tmp_path.glob("*.json"))[7]
    victim.write_bytes(victim.read_bytes()[:-40])
    with pytest.warns(tl.study.CacheWarning, match=victim.name):
        again = tl.study.run("fast", cache=tmp_path)
    assert (again.computed, again.reused) == (1, 119)
    assert again.text == before.text


def test_full_disk_stops_the_run_and_loses_nothing(tmp_path, monkeypatch):
    written, real = [], os.fsync

    def full_at_last(handle):
        written.append(handle)
        if len(written) > 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full_at_last)
        with pytest.raises(tl.study.StudyError, match="the disk is full") as told:
            tl.study.run("fast", cache=tmp_path)
    assert "\n" not in str(told.value)
    resumed = tl.study.run("fast", cache=tmp_path)
    assert (resumed.reused, resumed.computed) == (10, 110)


@pytest.mark.parametrize("jobs", [0, -1, 1.5, True])
def test_number_of_jobs_is_a_whole_number_from_1_on(tmp_path, jobs):
    with pytest.raises(tl.study.StudyError, match="jobs must be a whole number from 1 on"):
        tl.study.run("fast", cache=tmp_path, jobs=jobs)


def test_unknown_studies_and_learners_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(tl.study.StudyError, match="no study is called 'fats'"):
        tl.study.run("fats", cache=tmp_path / "cache")
    with pytest.raises(tl.study.StudyError, match="no learner is called 'parable'"):
        tl.study.run(tl.study.grid("parable"), cache=tmp_path / "cache")
    with pytest.raises(tl.study.StudyError, match="choose them yourself"):
        tl.study.run(tl.study.grid("parabola"), cache=tmp_path / "cache", quick=True)
    assert list(tmp_path.iterdir()) == []


def test_library_is_imported_without_the_engine_s_packages():
    import subprocess

    names = "{'pandas', 'joblib', 'distributed', 'matplotlib'}"
    code = f"import sys, taylorlib; print(sorted({names} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
