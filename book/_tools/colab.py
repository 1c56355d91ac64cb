"""Make the Colab notebook of every page that is one, in `out/colab`, or check what is there.

python book/_tools/colab.py
python book/_tools/colab.py --check

A Colab notebook has the code of its page, and its text as Markdown that needs no MyST. The
students' notebooks of the problem sets are plain Markdown already: those that `make assignments`
has left in `out/assignments` are checked and copied. The workflow that publishes the pages puts
`out/colab` on the branch `colab`, where the pages' launch buttons lead.
"""

import argparse
import json
import time
from pathlib import Path

import colab_check
import colab_stage
import colab_twin
import one_sentence
import safely
from project import HERE, Project

STUDENTS = "assignments/*/student/*.ipynb"  # in out/
NOTE = """# Notebooks for Colab

Made by `make colab` from the notebooks of the book, and published here by the workflow that
publishes its pages. A change belongs into the book: this branch is written anew each time.
"""


def folder(project: Project) -> Path:
    """Where the notebooks are written, laid out as on the branch."""
    return project.out / "colab"


def twin_of(project: Project, page: str) -> Path:
    """The Colab notebook of a page."""
    return folder(project) / f"{page}.ipynb"


def copies(project: Project) -> dict[Path, Path]:
    """Each student's notebook and where its copy lies."""
    to = folder(project) / "book" / "assignments"
    return {path: to / path.name for path in sorted(project.out.glob(STUDENTS))}


def make(project: Project) -> list[Path]:
    """Write them all, and return where they are."""
    with safely.only_one(project.out):
        parts, written = colab_stage.parts_of_pages(project), {}
        for page in project.notebooks:
            notebook = colab_twin.twin(project, page, project.notebook(page), parts[page])
            text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
            written[twin_of(project, page)] = text.encode()
        for source, path in copies(project).items():
            written[path] = source.read_bytes()
        for path, content in written.items():
            safely.write(path, content)
        safely.write(folder(project) / "README.md", NOTE.encode())
        for path in set(folder(project).rglob("*.ipynb")) - set(written):
            path.unlink()
    return list(written)


def check(project: Project) -> list[str]:
    """Every problem of what is in `out/colab`, one line each."""
    found = []
    for page in project.notebooks:
        source = project.notebook(page)
        found += colab_check.problems(project, page, source, twin_of(project, page))
    for source, path in copies(project).items():
        if not path.is_file() or path.read_bytes() != source.read_bytes():
            found.append(f"{source.name}: there is no copy of it, or an old one (make colab)")
        found += [f"{source.name}: {one}" for one in colab_check.shown_raw(source)]
    return found


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=HERE, help="the folder with _config.yml")
    parser.add_argument("--check", action="store_true", help="make nothing, only check")
    arguments = parser.parse_args()
    project, start = Project(arguments.root.resolve()), time.monotonic()
    if not arguments.check:
        made = make(project)
        print(f"{len(made)} notebooks in {time.monotonic() - start:.0f} s: {folder(project)}")
    found = check(project)
    print("\n".join(found) or "Each has the code of its source, is up to date and plain Markdown.")
    return bool(found)


if __name__ == "__main__":
    one_sentence.run(main)
