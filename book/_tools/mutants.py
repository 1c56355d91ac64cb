"""Break the library on purpose, one place at a time, and demand that its tests notice.

The breaks are listed in `tests/mutants.toml`. Each is made in a copy of the library, and each
of the tests named with it must fail there by an assertion; a break that only keeps the library
from being imported proves nothing and counts as a failure. Before that, the same tests must
pass in an unbroken copy. The sources themselves are never touched.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from xml.etree import ElementTree

import one_sentence
from project import HERE

AT_ONCE = 2
COPIED = ["taylorlib", "tests", "pyproject.toml"]
# pytest's own words for an assertion, and for an error or warning that did not come.
ASSERTIONS = ("AssertionError", "assert ", "Failed: DID NOT RAISE", "Failed: DID NOT WARN")


@dataclass(frozen=True)
class Mutant:
    """One deliberate break."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, root: Path) -> str:
        """The file's text with the break in it.

        Raises:
            Told: If the break no longer fits the file, or what it makes is not Python.
        """
        path = root / self.file
        text = path.read_text("utf8") if path.is_file() else ""
        times = text.count(self.old)
        if times != 1 or self.old == self.new:
            raise one_sentence.Told(
                f"Mutant {self.name!r}: its old text occurs {times} times in {self.file} and "
                f"must occur exactly once, and differ from the new text: mend tests/mutants.toml."
            )
        broken = text.replace(self.old, self.new)
        try:
            ast.parse(broken)
        except SyntaxError as error:
            raise one_sentence.Told(
                f"Mutant {self.name!r}: {self.file} is no longer Python with the break: {error}."
            ) from None
        return broken


def read(root: Path) -> list[Mutant]:
    """The table of breaks."""
    table = tomllib.loads((root / "tests" / "mutants.toml").read_text("utf8"))["mutant"]
    mutants = [Mutant(**entry | {"tests": tuple(entry["tests"])}) for entry in table]
    names = [mutant.name for mutant in mutants]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise one_sentence.Told(f"Two mutants have the name {twice[0]!r}.")
    return mutants


def copy(root: Path, folder: Path) -> Path:
    """A copy of what the tests need."""
    folder.mkdir()
    for name in COPIED:
        source = root / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(source, folder / name, ignore=ignored)
        elif source.is_file():
            shutil.copy(source, folder / name)
    return folder


def outcomes(folder: Path, tests: Sequence[str]) -> dict[str, list[str]]:
    """For each name in `tests` the results of its cases: "passed", "assertion" or the error.

    Where nothing ran, all have the reason.
    """
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *tests]
    environment = dict(
        os.environ,
        PYTHONPATH=str(folder),  # before an installed taylorlib
        PYTHONDONTWRITEBYTECODE="1",  # a stale one would hide a break of the same length
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",  # none is needed, and importing them takes time
        MUTANTS="1",  # any failing example will do, see tests/conftest.py
        OMP_NUM_THREADS="1",
        JAX_PLATFORMS="cpu",
    )
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    cases = list(ElementTree.parse(report).iter("testcase")) if report.is_file() else []
    found = {name: [] for name in tests}
    for case in cases:
        # "tests.test_fits" and "test_x[a]" is "tests/test_fits.py::test_x[a]".
        full = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        for name in tests:
            if full == name or full.startswith(f"{name}["):
                found[name].append(_result(case))
    if not any(found.values()):
        # Nothing ran: the library can't be imported, or pytest doesn't know one of the names.
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        why = [_result(case) for case in cases] or [*lines, "pytest ran nothing"][:1]
        found = dict.fromkeys(tests, why)
    return found


def _result(case: ElementTree.Element) -> str:
    failure, error = case.find("failure"), case.find("error")
    if failure is None and error is None:
        return "skipped" if case.find("skipped") is not None else "passed"
    message = (failure if failure is not None else error).get("message", "")
    is_assertion = failure is not None and message.startswith(ASSERTIONS)
    return "assertion" if is_assertion else (message.splitlines() or ["no message"])[0][:120]


def complaint(mutant: Mutant, folder: Path) -> str | None:
    """Make the break in a copy, run its tests, mend it; why it does not count, or None."""
    path = folder / mutant.file
    whole, broken = path.read_text("utf8"), mutant.applied(folder)
    path.write_text(broken, "utf8")
    try:
        found = outcomes(folder, mutant.tests)
    finally:
        path.write_text(whole, "utf8")
    for name, results in found.items():
        if "assertion" not in results:
            others = [r for r in results if r not in ("passed", "skipped")]
            return (
                f"{name} failed without an assertion: {others[0]}" if others else f"{name} passed"
            )
    return None


def check_whole(mutants: list[Mutant], folder: Path) -> None:
    """Demand that the named tests exist and pass where nothing is broken.

    Raises:
        Told: If they don't.
    """
    names = sorted({name for mutant in mutants for name in mutant.tests})
    for name, results in outcomes(folder, names).items():
        if set(results) - {"passed", "skipped"} or "passed" not in results:
            why = next((r for r in results if r != "passed"), "no such test")
            raise one_sentence.Told(f"Without any break, {name} should pass: {why}")


def main() -> int:
    """Try every mutant of the table, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="mutants to try; all if none is named")
    parser.add_argument("--root", type=Path, default=HERE, help="the folder with tests/")
    arguments = parser.parse_args()
    root, mutants = arguments.root.resolve(), read(arguments.root)
    unknown = set(arguments.names) - {mutant.name for mutant in mutants}
    if unknown:
        raise one_sentence.Told(f"No mutant is called {sorted(unknown)[0]!r}.")
    mutants = [m for m in mutants if not arguments.names or m.name in arguments.names]
    for mutant in mutants:
        mutant.applied(root)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        folders = [copy(root, Path(temporary) / str(i)) for i in range(AT_ONCE)]
        print(f"{len(mutants)} mutants; first their tests on the unbroken library.", flush=True)
        check_whole(mutants, folders[0])
        print(f"  passed in {time.monotonic() - start:.1f} s", flush=True)
        survivors = _try_all(mutants, folders)
    print(f"mutants: {len(mutants) - survivors} passed, {survivors} failed")
    print(f"  tried in {time.monotonic() - start:.0f} s")
    return bool(survivors)


def _try_all(mutants: list[Mutant], folders: list[Path]) -> int:
    """How many broke no test."""
    free: SimpleQueue[Path] = SimpleQueue()
    for folder in folders:
        free.put(folder)

    def attempt(mutant):
        folder, start = free.get(), time.monotonic()
        try:
            return mutant, complaint(mutant, folder), time.monotonic() - start
        finally:
            free.put(folder)

    survivors = 0
    with ThreadPoolExecutor(len(folders)) as pool:
        waiting = [pool.submit(attempt, mutant) for mutant in mutants]
        for number, future in enumerate(as_completed(waiting), 1):
            mutant, why, seconds = future.result()
            survivors += why is not None
            verdict = "noticed" if why is None else f"NOT NOTICED, {why}"
            line = f"  {mutant.name}: {verdict} ({seconds:.1f} s, {number} of {len(mutants)})"
            print(line, flush=True)
    return survivors


if __name__ == "__main__":
    one_sentence.run(main)
