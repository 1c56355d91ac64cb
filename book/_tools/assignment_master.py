"""A problem set's master notebook: its parts, their solution cells and their tests.

The format is described in book/assignments/README.md. This reader knows as much of otter's format
as grading needs; the files for students and for Gradescope are made by otter itself.
"""

import ast
import json
import re
import symtable
from pathlib import Path
from typing import NamedTuple

import yaml

import one_sentence
from project import HERE

FOLDER = HERE / "book" / "assignments"
EXAMPLE = HERE / "tests" / "book" / "example_assignment"  # the format at its smallest
MARK = re.compile(r"#\s*(BEGIN|END)\s+(QUESTION|SOLUTION|TESTS)\s*$")
CHECK = re.compile(r"grader\.check\(\s*[\"'](\w+)[\"']")


class Case(NamedTuple):
    """One test: a function of names of the notebook, as source."""

    hidden: bool
    source: str


class Part(NamedTuple):
    """One graded part of a question, such as q1a."""

    name: str
    points: float
    manual: bool
    solution: str
    cases: tuple[Case, ...]


class Master(NamedTuple):
    """A master: its name, its file, its parts by name, and its code cells in order.

    A code cell is (part or None, source); `None` stands for code outside the questions. After the
    solution of a part comes its check, `grader.check("q1a")`.
    """

    name: str
    path: Path
    parts: dict[str, Part]
    cells: tuple[tuple[str | None, str], ...]

    def points(self) -> float:
        """The points that tests decide."""
        return sum(p.points for p in self.parts.values() if not p.manual)

    def with_answers(self, answers: dict[str, str]) -> list[str]:
        """The code cells in order with other solutions for some parts; checks after each part."""
        sources = []
        for part, source in self.cells:
            sources.append(answers.get(part, source) if part else source)
            if part and not self.parts[part].manual:
                sources.append(f'grader.check("{part}")')
        return sources


def names() -> list[str]:
    """The problem sets, in the order of their folders' names."""
    return sorted(p.parent.name for p in FOLDER.glob("*/*.ipynb") if p.stem == p.parent.name)


def path_of(name: str) -> Path:
    """The master of a problem set."""
    folder = EXAMPLE if name == EXAMPLE.name else FOLDER / name
    path = folder / f"{name}.ipynb"
    if not path.is_file():
        raise one_sentence.Told(f"There is no problem set {name!r}; there are {names()}.")
    return path


def read(name: str) -> Master:
    """Read the master of a problem set."""
    path = path_of(name)
    cells = json.loads(path.read_text("utf8"))["cells"]
    parts, code = {}, []
    stack, config, solution, cases = [], {}, [], []
    for cell in cells:
        source = "".join(cell["source"])
        first = source.split("\n", 1)[0]
        mark = MARK.match(first) if cell["cell_type"] == "raw" else None
        if mark and mark[1] == "BEGIN":
            stack.append(mark[2])
            if mark[2] == "QUESTION":
                config, solution, cases = yaml.safe_load(source), [], []
        elif mark:
            if not stack or stack.pop() != mark[2]:
                raise one_sentence.Told(f"{path}: {first!r} ends what did not begin.")
            if mark[2] == "QUESTION":
                part = _part(path, config, solution, cases)
                parts[part.name] = part
        elif cell["cell_type"] == "code":
            where = stack[-1] if stack else None
            if where == "SOLUTION":
                solution.append(source)
                code.append((config["name"], source))
            elif where == "TESTS":
                cases.append(_case(source))
            else:
                code.append((None, source))
    return Master(name, path, parts, tuple(code))


def bound_names(source: str) -> set[str]:
    """The names that a cell defines at its top level."""
    table = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            table.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            table |= {(a.asname or a.name).split(".")[0] for a in node.names}
        else:
            table |= {
                n.id
                for n in ast.walk(node)
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
    return table


def used_names(source: str) -> set[str]:
    """The names that a cell takes from the notebook: read, but not its own inside a function.

    The arguments of a test are taken from the notebook as well.
    """
    used, tables = set(), [symtable.symtable(source, "<cell>", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        outermost = table.get_type() == "module"
        for name in table.get_symbols():
            if name.is_referenced() and (outermost or name.is_global()):
                used.add(name.get_name())
        if table.get_type() == "function" and table.get_name().startswith("test_"):
            used |= set(table.get_parameters())
    return used


def _part(path: Path, config: dict, solution: list[str], cases: list[Case]) -> Part:
    name, manual = config["name"], bool(config.get("manual"))
    if not manual and len(solution) != 1:
        raise one_sentence.Told(f"{path}: {name} has {len(solution)} solution cells instead of 1.")
    return Part(name, config["points"], manual, "\n".join(solution), tuple(cases))


def _case(source: str) -> Case:
    hidden = re.match(r"#.*\bhidden\b", source, re.IGNORECASE) is not None
    body = source.split("\n", 1)[1] if hidden else source
    return Case(hidden, body)
