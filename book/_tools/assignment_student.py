"""The notebook that a student gets: one file that checks itself, without a solution.

Otter removes solutions and hidden tests. This module puts two cells in front (the set-up for Colab
and the public tests), and looks for what must not have stayed.
"""

import nbformat

import address
import one_sentence
from assignment_master import Master
from assignment_run import TESTS_MARK
from project import Project

SET_UP_ANCHOR = '        "optax": "'
OTTER = '        "otter": "otter-grader>=6",\n'
TESTS_CELL = """\
{mark}{name}: run this cell, there is no need to read it.
from pathlib import Path

import otter

public_tests = {{{tests}}}
tests_folder = Path("public-tests-{name}")
tests_folder.mkdir(exist_ok=True)
for test_name, test_text in public_tests.items():
    (tests_folder / f"{{test_name}}.py").write_text(test_text, "utf8")
grader = otter.Notebook(tests_dir=str(tests_folder))"""
SHORTEST = 12  # a shorter line, such as `return x`, may occur anywhere


def set_up_cell(project: Project) -> str:
    """The book's set-up cell, which installs otter as well."""
    text = address.set_up_cell(project)
    if text.count(SET_UP_ANCHOR) != 1:
        raise one_sentence.Told("setup_cell.py: the list `wanted` has no line for optax.")
    return text.replace(SET_UP_ANCHOR, OTTER + SET_UP_ANCHOR)


def tests_cell(name: str, tests: dict[str, str]) -> str:
    """A cell that writes the public tests and makes `grader`."""
    entries = "".join(f"\n    \"{part}\": r'''{text}'''," for part, text in tests.items())
    cell = TESTS_CELL.format(mark=TESTS_MARK, name=name, tests=entries + "\n")
    scope: dict = {}
    exec(
        cell.split("public_tests = ", 1)[1].split("\ntests_folder", 1)[0].join(["t = ", ""]), scope
    )
    assert scope["t"] == tests, "the tests do not survive being quoted"
    return cell


def complete(notebook, name: str, tests: dict[str, str], set_up: str):
    """Put the two cells in front of a notebook, after its title."""
    new = nbformat.v4.new_code_cell
    folded = {"cellView": "form", "jupyter": {"source_hidden": True}}
    cells = [
        new(set_up, id="set-up", metadata={"tags": ["setup", "hide-cell"], **folded}),
        new(tests_cell(name, tests), id="public-tests", metadata={**folded, "editable": False}),
    ]
    notebook.cells[1:1] = cells
    for number, cell in enumerate(notebook.cells):  # otter draws ids at random
        cell["id"] = cell["id"] if cell["id"] in ("set-up", "public-tests") else f"cell-{number}"
    return notebook


def leaks(master: Master, text: str) -> list[str]:
    """Lines of solutions and of hidden tests that occur in a student's text."""
    allowed = "\n".join(_public(master))
    found = []
    for part in master.parts.values():
        secret = [("solution", line) for line in _solution_lines(part.solution)]
        for case in part.cases:
            if case.hidden:
                secret += [("hidden test", line) for line in case.source.split("\n")]
        for kind, line in secret:
            line = line.strip()
            if len(line) >= SHORTEST and line in text and line not in allowed:
                found.append(f"{part.name}: {kind}: {line}")
    return found


def _solution_lines(source: str) -> list[str]:
    """The lines of a solution cell that a student must not see."""
    lines, inside = [], False
    for line in source.split("\n"):
        if line.strip().startswith("# BEGIN SOLUTION"):
            inside = True
        elif line.strip().startswith("# END SOLUTION"):
            inside = False
        elif inside:
            lines.append(line)
        elif line.rstrip().endswith("# SOLUTION"):
            lines.append(line.rsplit("#", 1)[0].split("=", 1)[-1])
    return lines


def _public(master: Master) -> list[str]:
    """What a student may see: code outside the questions, stubs and public tests."""
    import assignment_answers

    outside = [source for part, source in master.cells if part is None]
    stubs = [assignment_answers.blank(p.solution) for p in master.parts.values()]
    public = [c.source for p in master.parts.values() for c in p.cases if not c.hidden]
    return [*outside, *stubs, *public]
