"""Run a study: compute the cells that the cache does not hold, and put all into one table."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from taylorlib.study import backends
from taylorlib.study.cache import Cache, key_of
from taylorlib.study.cells import canonical, check_cells
from taylorlib.study.cluster import on_cluster
from taylorlib.study.errors import StudyError
from taylorlib.study.grids import cells_of
from taylorlib.study.provenance import commit, now
from taylorlib.study.registry import code_version, find
from taylorlib.study.table import csv_text, frame, settings_with_a_column
from taylorlib.study.worker import Result, Task

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Failure", "Outcome", "collect", "run"]


class Failure(NamedTuple):
    """A cell that could not be computed.

    Attributes:
        cell: The cell with its settings.
        error: The exception that stopped it.
        traceback: Where it was raised.
    """

    cell: dict
    error: str
    traceback: str


class Outcome(NamedTuple):
    """What a run has brought.

    Attributes:
        text: The table of all finished cells as CSV, in the order of the study.
        failures: The cells that failed.
        missing: The cells that are not finished, failed ones among them.
        computed: How many cells were computed now.
        reused: How many were taken from the cache.
        provenance: Versions, commit, machine and date.
    """

    text: str
    failures: list[Failure]
    missing: list[dict]
    computed: int
    reused: int
    provenance: dict

    @property
    def table(self) -> "DataFrame":
        """The table for pandas."""
        return frame(self.text)


def run(
    study: str | list[dict],
    *,
    cache: str | os.PathLike,
    jobs: int = 1,
    dask: str | None = None,
    quick: bool = False,
    progress: bool = False,
) -> Outcome:
    """Compute the cells of a study that are not finished yet.

    Every cell is stored as soon as it is finished. So a run that was stopped, by whatever, goes on
    where it was when it is called again, and cells whose learner has changed are computed again.
    A cell that fails does not stop the others.

    Args:
        study: The name of a study, or its cells.
        cache: Directory of finished cells.
        jobs: Number of processes, one thread each. With 1 the cells are computed in this process.
        dask: Address of a Dask scheduler, to compute on its workers instead.
        quick: See ``grids.cells_of``.
        progress: Whether to show a progress bar with the time left.

    Returns:
        The table, and what failed.

    Raises:
        StudyError: If study or learner is unknown, a cell is not plain data, ``jobs`` is below 1,
            the cache cannot be written (also later on, when the disk is full) or no Dask
            scheduler answers. What is finished stays in the cache.

    Examples:
        >>> import tempfile
        >>> import taylorlib as tl
        >>> @tl.study.learner("example: power")
        ... def power(cell):
        ...     return {"value": float(cell["d"] ** cell["settings"]["exponent"])}
        >>> cells = tl.study.grid("example: power", d=[2, 3], exponent=[2])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     first = tl.study.run(cells, cache=folder)
        ...     again = tl.study.run(cells, cache=folder)
        >>> first.table[["d", "exponent", "value"]]
           d  exponent  value
        0  2         2    4.0
        1  3         2    9.0
        >>> first.computed, again.computed, again.text == first.text
        (2, 0, True)
    """
    from tqdm import tqdm

    backends.check_jobs(jobs)
    cells, learners, versions = _prepare(study, quick)
    store = Cache(cache)
    records, waiting = _finished(cells, versions, store)
    reused, failures = len(records), []
    tasks = [
        Task(key, cell, learners[cell["learner"]], versions[cell["learner"]])
        for key, cell in waiting.items()
    ]
    pause = 0.5 if sys.stderr.isatty() else 20.0  # a log file need not be long
    with (
        tqdm(
            total=len(cells), initial=reused, unit="cell", disable=not progress, mininterval=pause
        ) as bar,
        contextlib.closing(_results(tasks, jobs, dask)) as results,
    ):
        for result in results:
            cell = waiting[result.key]
            if result.error:
                failures.append(Failure(cell, result.error, result.traceback))
                if progress:
                    bar.write(f"failed: {canonical(cell)}: {result.error}", file=sys.stderr)
            else:
                record = {
                    "cell": cell,
                    "version": versions[cell["learner"]],
                    "rows": result.rows,
                    "seconds": result.seconds,
                    "made": result.made | commit(),
                }
                store.write(record)
                records[result.key] = record
            bar.update()
    return _outcome(cells, versions, records, failures, reused)


def collect(study: str | list[dict], *, cache: str | os.PathLike, quick: bool = False) -> Outcome:
    """The table of what is finished, without computing anything.

    Args:
        study: The name of a study, or its cells.
        cache: Directory of finished cells.
        quick: See ``grids.cells_of``.

    Returns:
        The table; ``missing`` lists the cells that are not finished.

    Raises:
        StudyError: As ``run``.
    """
    cells, _, versions = _prepare(study, quick)
    records, _ = _finished(cells, versions, Cache(cache))
    return _outcome(cells, versions, records, [], len(records))


def _prepare(study, quick):
    if isinstance(study, str):
        cells = cells_of(study, quick=quick)
    elif quick:
        raise StudyError("quick chooses cells of a study that has a name: choose them yourself.")
    else:
        cells = list(study)
        check_cells(cells)
    learners = {name: find(name) for name in dict.fromkeys(c["learner"] for c in cells)}
    versions = {n: code_version(one.function, one.depends) for n, one in learners.items()}
    return cells, learners, versions


def _finished(cells: list[dict], versions: dict, store: Cache) -> tuple[dict, dict]:
    """Records by key, and the cells that have none."""
    records, waiting = {}, {}
    for cell in cells:
        version = versions[cell["learner"]]
        record, key = store.read(cell, version), key_of(cell, version)
        if record is None:
            waiting[key] = cell
        else:
            records[key] = record
    return records, waiting


def _results(tasks: list[Task], jobs: int, dask: str | None) -> Iterator[Result]:
    if tasks:
        yield from on_cluster(tasks, dask) if dask else backends.this_machine(tasks, jobs)


def _outcome(cells, versions, records, failures, reused) -> Outcome:
    keys = [key_of(cell, versions[cell["learner"]]) for cell in cells]
    pairs = list(zip(keys, cells, strict=True))
    # The order of the settings is the study's, whatever it was when the cell was computed.
    done = [{**records[key], "cell": cell} for key, cell in pairs if key in records]
    missing = [cell for key, cell in pairs if key not in records]
    provenance = {
        "date": now(),
        "cells": {"finished": len(done), "missing": len(missing)},
        "settings": settings_with_a_column(done),
        "code": versions,
        "made": _where(done),
    }
    computed = len(done) - reused
    order = {id(cell): i for i, cell in enumerate(cells)}
    failures = sorted(failures, key=lambda failure: order[id(failure.cell)])
    return Outcome(csv_text(done), failures, missing, computed, reused, provenance)


def _where(records: list[dict]) -> list[dict]:
    """Each environment in which cells were computed, with their number and time."""
    places: dict[str, dict] = {}
    for record in records:
        made = record["made"]
        place = places.setdefault(repr(sorted(made.items())), made | {"cells": 0, "seconds": 0.0})
        place["cells"] += 1
        place["seconds"] = round(place["seconds"] + record["seconds"], 3)
    return list(places.values())
