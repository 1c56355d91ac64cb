"""Grading a class: whatever a submission does, it gets its row and the others theirs."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from miniature import TOOLS

sys.path.insert(0, str(TOOLS))

import assignment_master
import grade
import grade_limits
import grade_made_up
import grade_submission
from grade_limits import Confinement, Limits

# Packages that otter imports use what is deprecated in others.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NAME = assignment_master.EXAMPLE.name
# Wide enough for a busy machine: an honest submission needs two seconds of CPU.
LIMITS = Limits(seconds=30, memory=600 << 20, printed=1 << 20, written=20 << 20)
SMALL = (
    "model.ipynb",
    "model again.ipynb",
    "alternatives.ipynb",
    "wrong-q1a.ipynb",
    "loops-forever.ipynb",
    "leaves-the-process.ipynb",
    "prints-gigabytes.ipynb",
    "takes-all-memory.ipynb",
    "deletes-its-folder.ipynb",
    "leaves-a-process.ipynb",
    "corrupt.zip",
)


@pytest.fixture(scope="session")
def master():
    return assignment_master.read(NAME)


@pytest.fixture(scope="session")
def made_up():
    return grade_made_up.maker(NAME).made_up()


@pytest.fixture(scope="session")
def graded(master, made_up, tmp_path_factory):
    """A small class, graded, and what was printed meanwhile."""
    folder = tmp_path_factory.mktemp("class")
    write(folder / "in", made_up, SMALL)
    group = grade.Class(master, folder / "in", folder / "out", LIMITS)
    return group, grade.run(group)


def write(folder, made_up, names):
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(made_up[name][0])


def test_every_submission_gets_the_row_that_it_deserves(graded, made_up):
    _, table = graded
    expected = {name: made_up[name][1] for name in SMALL}
    assert grade_made_up.differences(grade.rows(table), expected) == []


def test_rows_name_points_total_status_reason_and_seconds(graded):
    rows = grade.rows(graded[1])
    assert list(rows[0]) == ["submission", "q1a", "q1b", *grade.LAST_COLUMNS]
    assert all(r["reason"] for r in rows if r["status"] != "graded")
    assert {r["out_of"] for r in rows} == {"100"}


def test_nothing_that_a_submission_started_is_left(graded):
    """The submission `leaves-a-process` started a sleep of 9876 s in a session of its own."""
    running = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"{entry.path}/cmdline", "rb") as file:
                    running.append(file.read())
            except OSError:
                pass
    assert b"sleep\x009876\x00" not in running


def test_without_namespaces_the_guard_ends_all_the_same(master, made_up, tmp_path):
    names = ("leaves-a-process.ipynb", "leaves-the-process.ipynb")
    write(tmp_path / "in", made_up, names)
    group = grade.Class(master, tmp_path / "in", tmp_path / "out", LIMITS)
    group.confinement = Confinement([], False, False)
    table = grade.run(group)
    expected = {name: made_up[name][1] for name in names}
    assert grade_made_up.differences(grade.rows(table), expected) == []
    test_nothing_that_a_submission_started_is_left((group, table))


def test_a_submission_writes_and_reaches_only_what_the_first_line_of_a_run_says(tmp_path):
    way = grade_limits.confinement()
    canary = tmp_path / "canary"
    canary.write_text("alive")
    outside = f"open({str(canary)!r}, 'w').write('dead')"
    network = "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)"
    own = "open('mine', 'w').write('1')\nimport os\nassert os.getcwd() == os.environ['HOME']"
    found = grade_limits.guarded(way, 0, LIMITS, [own, outside, network], {})
    failed = {line["at"]: line["error"] for line in found["report"] if "error" in line}
    assert 1 not in failed
    assert 3 in failed  # that address answers to nobody
    if way.own_user:
        assert 2 in failed
        assert canary.read_text() == "alive"
    if way.namespaces:
        assert "unreachable" in failed[3]


def test_a_second_run_grades_nothing_and_says_the_same(graded, capsys):
    group, table = graded
    before = table.read_bytes()
    start = time.process_time()
    grade.run(grade.Class(group.master, group.folder, group.out.parent, LIMITS))
    assert time.process_time() - start < 5
    assert f"{len(SMALL)} submissions, 0 to grade" in capsys.readouterr().out
    assert table.read_bytes() == before


def test_equal_submissions_are_graded_once(graded):
    group, _ = graded
    stored = list((group.out / "results").iterdir())
    assert len(stored) == len(SMALL) - 1  # two are the same


def test_other_limits_or_tests_grade_afresh(graded, master):
    group, _ = graded
    path = group.folder / "model.ipynb"
    longer = grade.Class(master, group.folder, group.out.parent, LIMITS._replace(seconds=31))
    assert longer.stored(path) != group.stored(path)
    part = master.parts["q1b"]._replace(points=61)
    other = grade.Class(
        master._replace(parts={**master.parts, "q1b": part}),
        group.folder,
        group.out.parent,
        LIMITS,
    )
    assert other.stored(path) != group.stored(path)


def test_a_killed_run_resumes_and_leaves_no_process(master, made_up, tmp_path):
    names = ("alternatives.ipynb", "blank.ipynb", "model.ipynb", "loops-forever.ipynb")
    write(tmp_path / "in", made_up, names)
    command = [sys.executable, str(TOOLS / "grade.py"), NAME, str(tmp_path / "in")]
    command += ["--out", str(tmp_path / "out"), "--places", "1"]
    results = tmp_path / "out" / NAME / "results"
    run = subprocess.Popen([*command, "--seconds", "300"], stdout=subprocess.PIPE, text=True)
    lines = [run.stdout.readline() for _ in range(3)]  # the head and two results
    time.sleep(0.5)
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    assert [line[:5] for line in lines[1:]] == ["[1/4]", "[2/4]"]
    kept = {p: p.stat().st_mtime_ns for p in results.glob("*.json")}
    assert len(kept) == 2
    (tmp_path / "in" / "loops-forever.ipynb").unlink()
    done = subprocess.run([*command, "--seconds", "300"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "3 submissions, 1 to grade" in done.stdout
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    rows = grade.rows(tmp_path / "out" / NAME / f"{NAME}.csv")
    expected = {name: made_up[name][1] for name in names[:3]}
    assert grade_made_up.differences(rows, expected) == []


@pytest.mark.parametrize(
    "name",
    [
        "empty.ipynb",
        "corrupt.zip",
        "flipped.zip",
        "no-notebook.zip",
        "too-deep.zip",
        "bomb.zip",
        "two.zip",
        "latin.ipynb",
        "no-json.ipynb",
        "a-list.ipynb",
        "no-code.ipynb",
        "essay.pdf",
        "another-set.ipynb",
        "a-stranger.ipynb",
    ],
)
def test_what_is_no_submission_is_refused_with_its_reason(name, master, made_up, tmp_path):
    content, expected = made_up[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(grade_submission.Unreadable, match=expected.reason) as refusal:
        grade_submission.read(path, master)
    assert refusal.value.status == expected.status


@pytest.mark.parametrize("name", ["model.zip", "nested.zip", "with-another.zip", "with-mark.ipynb"])
def test_the_notebook_is_found_where_it_lies(name, master, made_up, tmp_path):
    path = tmp_path / name
    path.write_bytes(made_up[name][0])
    assert "def coefficient" in "\n".join(grade_submission.read(path, master).cells)


def test_a_made_up_class_has_at_least_thirty_of_every_kind(made_up):
    assert len(made_up) >= 30
    statuses = {expected.status for _, expected in made_up.values()}
    assert {"graded", "timeout", "crashed", "output", "memory", "files"} <= statuses
    assert {"processes", "unreadable", "wrong-assignment"} <= statuses


def test_no_cell_of_the_table_is_a_formula(master, tmp_path):
    group = grade.Class(master, tmp_path, tmp_path, LIMITS)
    result = {"points": {"q1a": 0, "q1b": 0}, "status": "graded", "seconds": 1.0}
    text = group.table([("=1+1.ipynb", {**result, "reason": "@SUM(A1)\nnext"})])
    assert "\n'=1+1.ipynb,0,0,0,100,graded,'@SUM(A1) next,1.0\n" in text


def test_a_fault_of_the_grader_costs_no_points_for_ever(master, tmp_path, monkeypatch):
    """It gets a row, the others are graded, and the next run tries again."""
    (tmp_path / "in").mkdir()
    content = {"cells": [{"cell_type": "code", "source": "grader.check('q1a')"}]}
    (tmp_path / "in" / "one.ipynb").write_text(json.dumps(content))
    group = grade.Class(master, tmp_path / "in", tmp_path / "out", LIMITS)

    def fail(cells):
        raise RuntimeError("no room for a process")

    monkeypatch.setattr(group, "_guarded", fail)
    (row,) = grade.rows(grade.run(group))
    assert row["status"] == "grader-error"
    assert "no room" in row["reason"]
    assert not group.stored(tmp_path / "in" / "one.ipynb").exists()
