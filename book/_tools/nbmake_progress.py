"""A pytest plugin for nbmake: tell what starts and ends, and keep each notebook that passed.

With xdist it works in the process that distributes the notebooks, and not in those that run them.
"""

import json
import os
import time
from pathlib import Path

import nbformat

import execution_cache
from project import Project


class Progress:
    """The running commentary of one pytest session."""

    def __init__(self, folder: Path) -> None:
        """Read which notebooks are executed, and under which keys they are kept."""
        self.folder = folder
        self.project = Project(Path(os.environ["BOOK_ROOT"]))
        self.keys = json.loads((folder / "keys.json").read_text())
        self.started: dict[str, float] = {}
        self.ended = 0
        self.failed = 0

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Called when a notebook starts."""
        page = _page(nodeid)
        self.started[page] = time.monotonic()
        print(f"  {page} starts", flush=True)

    def pytest_runtest_logreport(self, report) -> None:
        """Called three times for a notebook: set-up, call, and teardown."""
        if report.when != "call" and not report.failed:
            return
        page = _page(report.nodeid)
        self.ended += 1
        of = f"{self.ended} of {len(self.keys)}"
        if report.passed:
            notebook = without_timings(self.folder / f"{page}.ipynb")
            execution_cache.store(self.project, page, self.keys[page], notebook, report.duration)
            print(f"  {page} done in {report.duration:.1f} s ({of})", flush=True)
        else:
            self.failed += 1
            print(f"  {page} FAILED after {report.duration:.1f} s ({of})\n", flush=True)
            print(explain(page, self.folder / f"{page}.ipynb", report.longreprtext), flush=True)

    def pytest_sessionfinish(self) -> None:
        """Close with a line that says how many passed."""
        passed = self.ended - self.failed
        total = time.monotonic() - min(self.started.values(), default=time.monotonic())
        print(f"notebooks: {passed} passed, {self.failed} failed", flush=True)
        print(f"  executed in {total:.1f} s", flush=True)


def pytest_configure(config) -> None:
    """Register the commentary in the distributing process."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(Path(config.rootpath)))


def _page(nodeid: str) -> str:
    return nodeid.split("::")[0].removesuffix(".ipynb")


def without_timings(path: Path) -> bytes:
    """An executed notebook without what differs from one execution to the next."""
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    return nbformat.writes(notebook).encode()


def explain(page: str, path: Path, report: str) -> str:
    """The failing cell: its place, its source and its traceback."""
    for number, cell in enumerate(nbformat.read(path, nbformat.NO_CONVERT).cells, 1):
        errors = [o for o in cell.get("outputs", []) if o["output_type"] == "error"]
        if errors:
            traceback = "\n".join(errors[0]["traceback"])
            return f"{page}.ipynb, cell {number}:\n\n{cell['source']}\n\n{traceback}\n"
    return f"{page}.ipynb:\n\n{report}\n"
