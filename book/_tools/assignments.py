"""Makes student notebooks, autograders and solutions of the problem sets from their masters.

python book/_tools/assignments.py [NAME ...]
"""

import hashlib
import logging
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat

import assignment_master
import assignment_student
import one_sentence
import safely
from assignment_master import Master
from project import HERE, Project

OUT = HERE / "out" / "assignments"


def make(master: Master, out: Path = OUT, project: Project | None = None) -> Path:
    """Make the three folders of one problem set; the old ones stay until the new ones are whole."""
    from otter.assign import main as assign

    with tempfile.TemporaryDirectory() as scratch:
        logging.disable(logging.INFO)
        try:
            assign(str(master.path), scratch, no_run_tests=True, no_pdfs=True)
        finally:
            logging.disable(logging.NOTSET)
        made = Path(scratch)
        new = safely.empty(out / f".{master.name}.new")
        _student(master, made / "student", new / "student", project or Project(HERE))
        _solution(master, made / "autograder", new / "solution")
        _autograder(made / "autograder", new / "autograder")
        target = out / master.name
        if target.exists():
            shutil.rmtree(target)
        new.rename(target)
    return target


def student_path(name: str, out: Path = OUT) -> Path:
    """The notebook that students get."""
    return out / name / "student" / f"{name}.ipynb"


def key(master: Master) -> str:
    """Changes with the master."""
    return hashlib.sha256(master.path.read_bytes()).hexdigest()[:16]


def _student(master: Master, made: Path, target: Path, project: Project) -> None:
    notebook = nbformat.read(made / f"{master.name}.ipynb", as_version=4)
    parts = [p for p in master.parts.values() if not p.manual]
    tests = {p.name: (made / "tests" / f"{p.name}.py").read_text("utf8") for p in parts}
    set_up = assignment_student.set_up_cell(project)
    assignment_student.complete(notebook, master.name, tests, set_up)
    text = nbformat.writes(notebook)
    seen = "\n".join(cell["source"] for cell in notebook.cells)
    if found := assignment_student.leaks(master, seen):
        raise one_sentence.Told(f"The student's {master.name} would show:\n" + "\n".join(found))
    safely.write(target / f"{master.name}.ipynb", text.encode() + b"\n")


def _solution(master: Master, made: Path, target: Path) -> None:
    notebook = nbformat.read(made / f"{master.name}.ipynb", as_version=4)
    notebook.cells = [c for c in notebook.cells if not c["source"].startswith("grader.check")]
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        if cell["cell_type"] == "code":
            cell["source"] = without_marks(cell["source"])
    safely.write(target / f"{master.name}.ipynb", nbformat.writes(notebook).encode() + b"\n")


def without_marks(source: str) -> str:
    """A solution cell as an instructor reads it: no marks, and no prompt beside the solution."""
    source = re.sub(r'""" # BEGIN PROMPT\n.*?"""\s+# END PROMPT\n?', "", source, flags=re.DOTALL)
    lines = source.rstrip("\n").split("\n")
    kept = (line for line in lines if not re.match(r"\s*# (BEGIN|END) SOLUTION", line))
    return "\n".join(line.removesuffix("  # SOLUTION") for line in kept)


def _autograder(made: Path, target: Path) -> None:
    target.mkdir(parents=True)
    shutil.copytree(made / "tests", target / "tests")
    (zipped,) = made.glob("*-autograder_*.zip")
    shutil.copy(zipped, target / "autograder.zip")


def main() -> int:
    """Make the named problem sets, or all."""
    for name in sys.argv[1:] or assignment_master.names():
        master = assignment_master.read(name)
        target = make(master)
        parts = [f"{p.name} {p.points:g}" for p in master.parts.values()]
        print(f"{target.relative_to(HERE)}: {master.points():g} points ({', '.join(parts)})")
    return 0


if __name__ == "__main__":
    one_sentence.run(main)
