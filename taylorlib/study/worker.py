"""What is done with one cell, in whichever process: compute it and catch what goes wrong."""

import contextlib
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import NamedTuple

from taylorlib.study.provenance import versions_and_processor
from taylorlib.study.registry import Learner, code_version, name_of, named

__all__ = ["ONE_THREAD", "Result", "Task", "end_with", "one_thread"]

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NPROC": "1",  # how many threads XLA makes
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
"""What makes a process compute with one thread, if it is set before numpy and JAX are loaded."""

_GROWTH_BYTES = 1_500_000_000


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Processes started inside compute with one thread."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    _set_one_thread()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _set_one_thread() -> None:
    flags, ours = os.environ.get("XLA_FLAGS", ""), ONE_THREAD["XLA_FLAGS"]
    os.environ.update(ONE_THREAD)
    os.environ["XLA_FLAGS"] = flags if ours in flags else f"{flags} {ours}".strip()


def end_with(parent: int) -> None:
    """Let this process end when its parent is killed, for then nobody waits for its cells."""
    from joblib.externals.loky import process_executor

    # loky takes 300 MB of growth for a leak and starts the worker again; it is compiled programs.
    process_executor._MAX_MEMORY_LEAK_SIZE = _GROWTH_BYTES

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Result(NamedTuple):
    """What became of a cell: its rows, or the error that stopped it, in short and in full."""

    key: str
    rows: list[dict]
    error: str
    traceback: str
    seconds: float
    made: dict


class Task:
    """One cell with its learner, to be called in some process.

    Args:
        key: Of the cell, with the code version in it.
        cell: The cell.
        found: Its learner.
        version: The code version that the result is stored under.
    """

    def __init__(self, key: str, cell: dict, found: Learner, version: str) -> None:
        self.key, self.cell, self.version, self.depends = key, cell, version, found.depends
        self.started_in = os.getpid()
        # By name where it has one, so that a worker which cannot import it says so for this cell.
        self.function = _by_name(found.function)
        self.__name__ = f"{found.name[:16]}-{key}"  # what Dask's dashboard shows

    def __call__(self) -> Result:
        """Compute the cell. An exception becomes the result's error."""
        if os.getpid() != self.started_in:
            _set_one_thread()  # for workers that others have started; JAX reads it late
        start = time.perf_counter()
        try:
            rows = self._compute()
        except Exception as error:
            return self.failed(error)
        seconds = time.perf_counter() - start
        return Result(self.key, rows, "", "", seconds, dict(versions_and_processor()))

    def failed(self, error: BaseException) -> Result:
        """The result of a cell that stopped with an error."""
        short = traceback.format_exception_only(error)[-1].strip()
        full = "".join(traceback.format_exception(error))
        return Result(self.key, [], short, full, 0.0, {})

    def _compute(self) -> list[dict]:
        import jax

        function = named(self.function) if isinstance(self.function, str) else self.function
        here = code_version(function, self.depends)
        if here != self.version:
            raise RuntimeError(
                f"the code of this learner has version {here} in the worker and {self.version} "
                "where the run was started: run again after the last change, with the same "
                "taylorlib and Python on every machine"
            )
        # Whoever started the run may have switched to double precision; the result is the same.
        precision = getattr(jax.experimental, "enable_x64", None) or jax.enable_x64
        with precision(False):
            return _plain_rows(function(self.cell), {"learner", *self.cell["settings"]})


def _by_name(function: Callable) -> Callable | str:
    name = name_of(function)
    with contextlib.suppress(ImportError, AttributeError):
        if function.__module__ != "__main__" and named(name) is function:
            return name
    return function


def _plain_rows(rows: dict | list[dict], taken: set[str]) -> list[dict]:
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise TypeError(f"a learner returns a row or a list of rows (dictionaries), got {rows!r}")
    twice = taken & {name for row in rows for name in row}
    if twice:
        raise ValueError(f"a learner's row has {min(twice)!r}, which is a setting: rename it")
    return [{str(name): _plain(name, value) for name, value in row.items()} for row in rows]


def _plain(name: str, value: object) -> float | int | bool | str | None:
    import numpy as np

    if hasattr(value, "__array__") and np.ndim(value) == 0:
        value = np.asarray(value)[()]
        # The shortest decimal that is this float32, not the longer one of the nearest float64.
        value = float(str(value)) if value.dtype == np.float32 else value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"{name!r} in a learner's row must be one plain number, got {value!r}")
