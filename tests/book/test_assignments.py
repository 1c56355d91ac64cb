"""The problem sets: each wrong answer loses exactly its part, nothing leaks to students.

All answers of a problem set run in one process (assignment_answers.py); otter itself grades one
notebook of each set, and three of the smallest example.
"""

import collections
import json
import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from miniature import ROOT, TOOLS

sys.path.insert(0, str(TOOLS))

import assignment_answers
import assignment_master
import assignment_run
import assignment_student
import assignments
import grade_made_up

# Packages that otter imports use what is deprecated in others, and otter leaves sockets open.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# All sets, or those named, for a quick try of one.
SETS = os.environ.get("BOOK_PROBLEM_SETS", "").split() or assignment_master.names()
ALL = [assignment_master.EXAMPLE.name, *SETS]
CONFIG = """# ASSIGNMENT CONFIG
name: {name}
init_cell: false
check_all_cell: false
export_cell: false
tests:
  files: true
  ok_format: false
generate: true"""


@pytest.fixture(scope="session", params=ALL)
def name(request):
    return request.param


@pytest.fixture(scope="session")
def master(name):
    return assignment_master.read(name)


@pytest.fixture(scope="session")
def made(name, master, tmp_path_factory):
    """The three folders of a problem set, made by the tool."""
    return assignments.make(master, tmp_path_factory.mktemp("assignments"))


def sources(path, kind="code"):
    cells = json.loads(path.read_text("utf8"))["cells"]
    return ["".join(c["source"]) for c in cells if c["cell_type"] == kind]


def test_first_cell_is_the_configuration(name, master):
    assert sources(master.path, "raw")[0] == CONFIG.format(name=name)


def test_points_add_up_to_100_in_five_to_seven_questions(name, master):
    assert master.points() == 100
    if name in SETS:
        questions = {re.match(r"q\d+", part)[0] for part in master.parts}
        assert 5 <= len(questions) <= 7
    table = sum(int(p) for p in re.findall(r"### .*\((\d+) points\)", prose(master)))
    assert table == 100, "the points in the headings of the parts"


def prose(master):
    return "\n".join(sources(master.path, "markdown"))


def test_every_part_is_one_question_of_otter_that_counts_fully_or_not_at_all(master):
    begun = [s for s in sources(master.path, "raw") if s.startswith("# BEGIN QUESTION")]
    for config in map(yaml.safe_load, begun):
        assert config.get("manual") or config["all_or_nothing"] is True, config
        assert re.fullmatch(r"q\d+[a-z]?", config["name"])
    assert [yaml.safe_load(b)["name"] for b in begun] == list(master.parts)


def test_every_part_has_public_and_hidden_tests_wrong_and_other_correct_answers(master):
    counts = collections.Counter((a.part, a.kind) for a in assignment_answers.read(master))
    for part in (p for p in master.parts.values() if not p.manual):
        assert {case.hidden for case in part.cases} == {True, False}, part.name
        assert counts[part.name, "wrong"] >= 3, part.name
        assert counts[part.name, "alternative"] >= 1, part.name
    entries = tomllib.loads(master.path.with_name("answers.toml").read_text("utf8"))
    assert all(len(entry["why"]) > 10 for entry in entries["wrong"])


def test_no_part_uses_what_another_one_defines(master):
    assert assignment_answers.entangled(master) == []


def test_model_and_other_correct_answers_get_all_points_wrong_and_blank_ones_none(master):
    verdicts = assignment_answers.try_all(master)
    assert [v for v in verdicts if not v.as_it_should] == []


def test_student_has_one_file_without_solutions_and_hidden_tests(name, master, made):
    files = [p for p in (made / "student").rglob("*") if p.is_file()]
    assert [p.name for p in files] == [f"{name}.ipynb"]
    text = "\n".join(sources(files[0]) + sources(files[0], "markdown"))
    assert assignment_student.leaks(master, text) == []
    for part in master.parts.values():
        for case in (c for c in part.cases if c.hidden):
            assert re.search(r"def (\w+)", case.source)[1] not in text
    assert "hidden=True" not in text
    assert "SOLUTION" not in text
    assert "PROMPT" not in text


def test_leaks_are_found(master):
    part = next(p for p in master.parts.values() if not p.manual)
    (hidden, *_) = (c.source for c in part.cases if c.hidden)
    assert assignment_student.leaks(master, hidden)
    whole = "\n".join(p.solution for p in master.parts.values())
    assert assignment_student.leaks(master, whole)


def test_student_notebook_runs_and_fails_only_where_an_answer_is_missing(name, made):
    namespace = {"__name__": "__main__"}
    for source in sources(made / "student" / f"{name}.ipynb"):
        skipped = source.startswith((assignment_run.TESTS_MARK, "grader.check"))
        error = None if skipped else assignment_answers.execute(source, namespace)
        assert error is None or error.startswith("NotImplementedError"), (source, error)


def test_solution_has_no_marks_and_no_prompts(name, made):
    text = "\n".join(sources(made / "solution" / f"{name}.ipynb"))
    assert not re.search(r"SOLUTION|PROMPT|grader\.check", text)
    compile(text, "<solution>", "exec")


def graded_by_otter(maker, answers, made, folder):
    """Points by part, by otter with the zip that is made for Gradescope."""
    from otter.api import grade_submission

    path = folder / "submission.ipynb"
    path.write_text(json.dumps(maker.notebook(answers)), "utf8")
    zipped = made / "autograder" / "autograder.zip"
    results = grade_submission(str(path), str(zipped), quiet=True)
    return {name: test.score for name, test in results.results.items()}


def maker_of(name, master, made):
    student = json.loads((made / "student" / f"{name}.ipynb").read_text("utf8"))
    for cell in student["cells"]:
        cell["source"] = "".join(cell["source"])
    return grade_made_up.Maker(master, student)


@pytest.mark.parametrize("name", SETS, indirect=True)
def test_otter_takes_the_points_of_a_wrong_and_a_blank_part_and_no_others(
    name, master, made, tmp_path
):
    maker = maker_of(name, master, made)
    wrong = next(a for a in maker.answers if a.kind == "wrong")
    blank = maker.parts[-1].name
    answers = {p: s for p, s in maker.model.items() if p != blank}
    found = graded_by_otter(maker, {**answers, wrong.part: wrong.source}, made, tmp_path)
    wanted = {**maker.full, wrong.part: 0, blank: 0}
    assert {p: found[p] for p in wanted} == wanted


def test_otter_gives_the_model_all_points_and_a_blank_none(tmp_path):
    master = assignment_master.read(ALL[0])
    made = assignments.make(master, tmp_path / "made")
    maker = maker_of(ALL[0], master, made)
    assert graded_by_otter(maker, maker.model, made, tmp_path) == maker.full
    assert graded_by_otter(maker, {}, made, tmp_path) == maker.none


COLAB = """
import json, sys, types
from IPython.core.interactiveshell import InteractiveShell

class Shell(InteractiveShell):
    '''One that calls itself Colab's.'''
    def __repr__(self):
        return "<google.colab._shell.Shell object>"
    __str__ = __repr__

sys.modules["google"] = types.ModuleType("google")
sys.modules["google.colab"] = types.ModuleType("google.colab")
shell = Shell.instance()
notebook = json.load(open(sys.argv[1]))
passed = {}
for cell in notebook["cells"]:
    if cell["cell_type"] == "code":
        source = "".join(cell["source"])
        result = shell.run_cell(source)
        assert result.success, source
        if source.startswith("grader.check"):
            passed[source] = result.result.passed_all
assert shell.user_ns["grader"].interpreter.name == "COLAB"
print(json.dumps(passed))
"""


def test_a_single_file_checks_itself_where_colab_is_pretended(tmp_path):
    """No tests folder, no notebook on disk beside it: as in Colab. The second part is blank."""
    name = ALL[0]
    master = assignment_master.read(name)
    maker = maker_of(name, master, assignments.make(master, tmp_path / "made"))
    first = maker.parts[0].name
    path = tmp_path / "half.ipynb"
    path.write_text(json.dumps(maker.notebook({first: maker.model[first]})), "utf8")
    work = tmp_path / "content"
    work.mkdir()
    command = [sys.executable, "-W", "ignore", "-c", COLAB, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=work, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = json.loads(done.stdout.strip().split("\n")[-1])
    assert list(passed.values()) == [True, False]


def test_masters_of_the_readme_are_those_that_exist():
    text = (ROOT / "book" / "assignments" / "README.md").read_text("utf8")
    assert CONFIG.format(name="NAME") in text
