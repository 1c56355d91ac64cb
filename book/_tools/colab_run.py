"""Run the Colab notebooks as Colab would, and say how long it took.

python book/_tools/colab_run.py [NAME ...]     (all of them, or `ntk`, `intro`, ...)
python book/_tools/colab_run.py --quick        (a few cells, with the packages that are here)

The set-up cell runs as it stands, byte for byte: it asks pip for the library at the address that
it names, and git is told to take this folder for that address. Each notebook starts in a fresh
copy of the environment, where nothing but Colab's own packages is installed. No notebook is given
more than the set-up cell installs, and no package that was there may change.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import address
import colab
import colab_environment
import colab_kernel
import one_sentence
from project import HERE, Project

SET_UP_LIMIT = 60.0  # seconds
ADDRESS = "https://github.com/colab-test/beyond-ntk"  # nobody is asked for it
QUICK = ("expansion", 4)  # the notebook and how many of its code cells
STUDENT = 2  # a student's notebook: the cells of set-up and grader, before what is to be written
LEFT_OUT = ("out", ".venv", ".git", "__pycache__", ".*_cache", ".hypothesis")


def book_at_an_address(folder: Path) -> Project:
    """A copy of the book that has an address, and is a repository with one commit."""
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for path in HERE.glob(f"out/{colab.STUDENTS}"):
        copy = folder / path.relative_to(HERE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text("utf8").replace(address.read(HERE), ADDRESS)
        copy.write_text(text, "utf8")
    project = Project(folder)
    address.write(project, ADDRESS)
    branch = project.config["repository"]["branch"]
    author = ["-c", "user.name=book", "-c", "user.email=book@localhost"]
    for command in (
        ["init", "-q", "-b", branch],
        ["add", "-A"],
        [*author, "commit", "-q", "-m", "As it is"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return project


def git_takes(folder: Path, settings: Path) -> dict[str, str]:
    """The variables with which git takes a folder for the address, and asks nobody else."""
    text = f'[url "file://{folder}"]\n\tinsteadOf = {ADDRESS}\n[safe]\n\tdirectory = *\n'
    settings.write_text(text)
    return {
        "GIT_CONFIG_GLOBAL": str(settings),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": "file",
    }


def run_one(
    path: Path, base: Path, folder: Path, variables: Mapping[str, str], cells: int | None = None
) -> list[str]:
    """Run one notebook, or its first cells, and tell of it; every problem, one line each."""
    folder.mkdir()
    environment = colab_environment.copy(base, folder / "environment")
    before, name = colab_environment.versions(environment), path.stem
    problems: list[str] = []

    def after_set_up(said: str) -> None:
        after = colab_environment.versions(environment)
        problems.extend(colab_environment.changed(before, after))
        if not said.startswith("Installed: "):
            problems.append(f"the set-up cell says {said!r}")

    home = {"HOME": str(folder), "IPYTHONDIR": str(folder), "MPLCONFIGDIR": str(folder)}
    done = colab_kernel.run(path, environment, folder, variables | home, after_set_up, cells)
    shutil.rmtree(environment)
    if done.error:
        problems.append(done.error)
    set_up, rest = sum(done.seconds[:1]), sum(done.seconds[1:])
    crowded = os.getloadavg()[0] > (os.cpu_count() or 1)  # then only processor time tells
    if max(done.set_up, 0.0 if crowded else set_up) >= SET_UP_LIMIT:
        problems.append(f"the set-up cell took {set_up:.0f} s, {done.set_up:.0f} s of processor")
    word = "FAILED" if problems else "passed"
    said = "".join(done.said[:1]).strip()
    times = f"set-up {set_up:.0f} s ({done.set_up:.0f} s of processor), the rest {rest:.0f} s"
    print(f"{name}: {word}, {times}. {said}", flush=True)
    return [f"{name}: {problem}" for problem in problems]


def run(names: list[str], quick: bool, at_once: int) -> list[str]:
    """Make what is needed, run, and return every problem."""
    with tempfile.TemporaryDirectory(prefix="colab-") as temporary:
        folder, start = Path(temporary), time.monotonic()
        book = book_at_an_address(folder / "book")
        variables = git_takes(book.root, folder / "gitconfig")
        variables |= {"JAX_PLATFORMS": os.environ.get("JAX_PLATFORMS", "cpu")}
        make = colab_environment.lent if quick else colab_environment.newest
        base = make(folder / "base")
        there = colab_environment.versions(base)
        told = ", ".join(f"{n} {there[n]}" for n in colab_environment.UNTOUCHED)
        seconds = time.monotonic() - start
        print(f"{len(there)} packages with {told}, in {seconds:.0f} s", flush=True)
        if quick:  # the code is that of the pages' sources, which need no other reading
            name, cells = QUICK
            return run_one(book.notebook(f"book/{name}"), base, folder / "quick", variables, cells)
        made = {path.stem: path for path in colab.make(book)}
        students = {path.stem: STUDENT for path in colab.copies(book).values()}
        unknown = set(names) - set(made)
        if unknown:
            raise one_sentence.Told(f"No notebook {sorted(unknown)}; there are {sorted(made)}.")
        with ThreadPoolExecutor(at_once) as pool:
            results = [
                pool.submit(run_one, made[name], base, folder / name, variables, students.get(name))
                for name in names or made
            ]
            return [problem for result in results for problem in result.result()]


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few cells, nothing newest")
    parser.add_argument("--at-once", type=int, default=2, help="how many at the same time")
    parser.add_argument("names", nargs="*", help="notebooks, without suffix")
    arguments = parser.parse_args()
    problems = run(arguments.names, arguments.quick, arguments.at_once)
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return bool(problems)


if __name__ == "__main__":
    one_sentence.run(main)
