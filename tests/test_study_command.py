"""The command line of studies: what it writes, what it says, and what it survives."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import stand_in_learners

import taylorlib as tl
from taylorlib.study.command import main
from taylorlib.study.plot import needed_by_dimension, series
from taylorlib.study.table import csv_text, frame
from taylorlib.study.worker import ONE_THREAD

TESTS = Path(__file__).parent
PYTHON = [sys.executable, "-m", "taylorlib.study"]


def environment(folder):
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    # With one thread from the start, or the command would have to start itself again.
    return {
        **os.environ,
        **ONE_THREAD,
        "PYTHONPATH": os.pathsep.join(paths),
        "STAND_IN_LOG": str(folder / "log"),
    }


def start(folder, command, study, *words):
    words = [*PYTHON, command, study, "--import", "stand_in_learners", *words]
    with (folder / "output").open("a") as log:
        return subprocess.Popen(words, cwd=folder, env=environment(folder), stdout=log, stderr=log)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAND_IN_LOG", str(tmp_path / "log"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def test_run_resume_and_table_write_the_same_bytes_and_say_where_they_come_from(here, capsys):
    assert main(["run", "fast"]) == 0
    assert "120 cells computed" in capsys.readouterr().out
    text = (here / "out/study/fast.csv").read_bytes()
    about = json.loads((here / "out/study/fast.json").read_text())
    assert about["command"] == "python -m taylorlib.study run fast"
    assert about["cells"] == {"finished": 120, "missing": 0}
    for command in ("resume", "table"):
        assert main([command, "fast", "--output", f"{command}.csv"]) == 0
        assert (here / f"{command}.csv").read_bytes() == text
    table, _ = tl.study.read_table(here / "table.csv")
    assert len(table) == 120


def test_command_in_the_provenance_has_no_path_and_no_address(here, capsys):
    main(["run", "fast", "--quick", "--jobs", "1", "--cache", "a/b", "--output", "c/d.csv"])
    about = json.loads((here / "c/d.json").read_text())
    assert about["command"] == "python -m taylorlib.study run fast --quick --jobs 1"


def test_failing_cells_are_listed_and_the_status_tells(here, capsys):
    tl.study.GRIDS["raising"] = lambda: tl.study.grid("troubled", seed=[0, 1, 3])
    assert main(["run", "raising"]) == 1
    said = capsys.readouterr()
    assert re.search(r'failed: .*"seed":1.*ArithmeticError: seed 1 does not converge', said.err)
    assert "1 failed" in said.out
    report = (here / "out/study/raising.failures.txt").read_text()
    assert '"seed":1' in report
    assert "in troubled" in report
    table, about = tl.study.read_table(here / "out/study/raising.csv")
    assert table["seed"].tolist() == [0, 3]
    assert about["cells"] == {"finished": 2, "missing": 1}
    assert main(["table", "raising"]) == 1
    assert "1 cells are not finished" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "fats"], "no study is called 'fats'"),
        (["run", "fast", "--jobs", "0"], "jobs must be a whole number from 1 on"),
        (["run", "fast", "--import", "no_such_module"], "no module is called 'no_such_module'"),
        (["run", "fast", "--cache", "/proc/cache"], "the cache /proc/cache cannot be written"),
        (["resume", "fast"], "there is nothing to resume"),
        (["plot", "fast"], "out/study/fast.csv is missing"),
        (["run", "fast", "--dask", "tcp://127.0.0.1:1"], "no Dask scheduler answers at tcp://"),
        (["run", "fast", "--dask", "nowhere"], "no Dask scheduler answers at nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(here, capsys, monkeypatch, words, sentence):
    monkeypatch.setattr("taylorlib.study.cluster._ANSWER_SECONDS", 0.3)
    assert main(words) == 2
    # Progress bars of cells that are not begun apart.
    said = [s for s in capsys.readouterr().err.splitlines() if s.strip() and "cell/s" not in s]
    assert len(said) == 1
    assert sentence in said[0]


def test_dask_without_its_package_is_said_with_the_remedy(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["run", "fast", "--dask", "tcp://127.0.0.1:1"]) == 2
    assert "pip install 'taylorlib[cluster]'" in capsys.readouterr().err


def test_damaged_cache_file_is_named_and_computed_again(here, capsys):
    main(["run", "fast", "--quick"])
    text = (here / "out/study/fast-quick.csv").read_bytes()
    victim = min((here / "out/study/cache").glob("*.json"))
    victim.write_bytes(victim.read_bytes()[:100])
    capsys.readouterr()
    assert main(["run", "fast", "--quick"]) == 0
    said = capsys.readouterr()
    assert f"the cache file out/study/cache/{victim.name} is damaged" in said.err
    assert "1 cells computed" in said.out
    assert (here / "out/study/fast-quick.csv").read_bytes() == text


def test_plot_draws_curves_and_fits_the_samples_needed(here, capsys):
    assert main(["run", "curves"]) == 0
    assert main(["plot", "curves"]) == 0
    assert (here / "out/study/curves.svg").read_text().startswith("<?xml")
    assert main(["plot", "curves", "--output", "a.nope"]) == 2
    assert "a.nope cannot be drawn" in capsys.readouterr().err
    main(["run", "fast", "--quick"])
    assert main(["plot", "fast", "--quick"]) == 2
    assert "no column 'error'" in capsys.readouterr().err


def test_interrupted_run_keeps_what_was_finished_and_says_how_to_go_on(here, capsys, monkeypatch):
    def interrupt(cell):
        if cell["seed"] == 5:
            raise KeyboardInterrupt
        return {"value": 1}

    from taylorlib.study import registry

    old = registry.find("parabola")
    monkeypatch.setitem(registry._LEARNERS, "parabola", old._replace(function=interrupt))
    assert main(["run", "fast"]) == 130
    assert "what was finished is kept" in capsys.readouterr().err
    assert finished(here) == 5


def finished(folder):
    return len(list((folder / "out/study/cache").glob("*.json")))


def computed(folder):
    log = folder / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def kill_at_random(folder, study, jobs, rng):
    """Start a run, kill it when it has done some more cells, return when its workers are gone."""
    before, run = finished(folder), start(folder, "run", study, "--jobs", str(jobs))
    while finished(folder) <= before and run.poll() is None:
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.4))
    assert run.poll() is None, (folder / "output").read_text()
    workers = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGKILL)
    run.wait()
    # Workers notice within half a second, and finish the cell that they have begun at most.
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive


@pytest.mark.parametrize(("study", "jobs", "kills"), [("many", 1, 3), ("waiting", 2, 2)])
def test_killed_run_loses_at_most_the_cells_in_flight(tmp_path, monkeypatch, study, jobs, kills):
    rng = random.Random(f"{study}{jobs}")
    monkeypatch.setenv("STAND_IN_LOG", os.devnull)
    whole = tl.study.run(study, cache=tmp_path / "whole")
    # With processes: twice as many as jobs are handed out, and while one result is being put on
    # the disk each process may finish a cell more. (These cells take 0.2 s. A disk that needs
    # longer for one file would lose more of them, but not of a study's, which take minutes.)
    in_flight = 1 if jobs == 1 else 3 * jobs
    for number in range(1, kills + 1):
        kill_at_random(tmp_path, study, jobs, rng)
        assert computed(tmp_path) - finished(tmp_path) <= number * in_flight
    assert 0 < finished(tmp_path) < whole.computed
    assert start(tmp_path, "resume", study, "--jobs", str(jobs)).wait() == 0
    assert computed(tmp_path) <= whole.computed + kills * in_flight
    assert (tmp_path / f"out/study/{study}.csv").read_text() == whole.text


def test_two_runs_of_one_study_at_once_do_no_damage(tmp_path):
    runs = [start(tmp_path, "run", "many", "--output", f"{i}.csv") for i in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    assert start(tmp_path, "table", "many", "--output", "table.csv").wait() == 0
    texts = [(tmp_path / f"{name}.csv").read_bytes() for name in (0, 1, "table")]
    assert texts[0] == texts[1] == texts[2]
    assert finished(tmp_path) == 800
    assert not list((tmp_path / "out/study/cache").glob("*.part"))


def test_disk_that_is_really_full_loses_nothing(tmp_path):
    unshare = shutil.which("unshare")
    small = tmp_path / "small"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=256k none {small}"
    if not unshare or subprocess.run([unshare, "-rm", "sh", "-c", mount]).returncode:
        pytest.skip("no small disk can be mounted here")
    run = " ".join([*PYTHON, "run", "fast", "--import", "stand_in_learners", "--cache", str(small)])
    table = run.replace(" run ", " table ") + " --output table.csv"
    script = f"{mount} && {{ {run}; echo status $?; {table}; ls -A {small} | wc -l; }}"
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", script],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "could not be written (the disk is full): free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert "status 2" in done.stdout
    rows = (tmp_path / "table.csv").read_text().count("\n") - 1
    assert int(done.stdout.split()[-1]) == rows > 10


def test_variants_of_a_learner_are_told_apart_by_the_fewest_settings_that_do():
    cells = [
        tl.study.cell("curve", d=d, n=8, seed=seed, features=kind, D0=factor * d, wide=10 * factor)
        for kind, factor in (("gelu", 4), ("quadratic", 1))
        for d in (4, 8)
        for seed in range(2)
    ]
    records = [{"cell": cell, "rows": [{"error": 0.1}]} for cell in cells]
    found = series(frame(csv_text(records)), ["D0", "features", "wide"])
    assert [name for name, _ in found] == ["curve, features gelu", "curve, features quadratic"]
    assert [len(part) for _, part in found] == [4, 4]
    [(name, _)] = series(frame(csv_text(records[:4])), ["D0", "features", "wide"])
    assert name == "curve"


def test_samples_needed_are_read_for_each_dimension_and_seed():
    study = tl.study.grid("curve", d=[4, 8], seed=range(2), sizes=(16, 512, 4096, 32768))
    rows = [{"cell": c, "rows": stand_in_learners.curve(c)} for c in study]
    needed = needed_by_dimension(frame(csv_text(rows)), 0.05)
    # The error is (1 + seed/100) d^2/n, a power law, which is interpolated exactly.
    for d, values in needed.items():
        assert [v.n for v in values] == pytest.approx([20 * d**2, 20.2 * d**2], rel=1e-9)
