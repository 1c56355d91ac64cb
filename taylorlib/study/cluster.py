"""Cells on a Dask cluster that others have started: joblib's backend, and clear words."""

import contextlib
import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError

from taylorlib.study.backends import DIED, parallel
from taylorlib.study.errors import StudyError
from taylorlib.study.worker import Result, Task

__all__ = ["on_cluster"]

_ANSWER_SECONDS = 5  # within which a scheduler answers
_WORKER_SECONDS = 60  # within which it has a worker


def on_cluster(tasks: list[Task], address: str) -> Iterator[Result]:
    """Compute on a Dask cluster that others have started.

    Yields:
        Results as they become ready.

    Raises:
        StudyError: If ``distributed`` is not installed, if no scheduler answers at the address,
            or if it has no workers.
    """
    try:
        import distributed
    except ImportError:
        raise StudyError(
            "a Dask cluster needs the package distributed, which is not installed: "
            "pip install 'taylorlib[cluster]'."
        ) from None
    from joblib._dask import DaskDistributedBackend

    class Cluster(DaskDistributedBackend):
        """joblib's own, which would wait for ever for a task that Dask has given up."""

        def effective_n_jobs(self, n_jobs):
            # With one, joblib would compute in this process.
            return max(2, super().effective_n_jobs(n_jobs))

        def submit(self, func, callback=None):
            future = super().submit(func, callback)
            [(task, _, _)] = func.items

            def given_up(done):
                error = done.exception()
                if isinstance(error, distributed.scheduler.KilledWorker):
                    error = RuntimeError(DIED)
                if error is not None:
                    callback([task.failed(error)])

            future.add_done_callback(given_up)
            return future

    try:
        client = distributed.Client(address, timeout=_ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise StudyError(
            f"no Dask scheduler answers at {address} ({_first_line(error)}): start one with "
            "`dask scheduler`, and give the address that it prints."
        ) from None
    with _silent("distributed.client", "distributed.utils"), client:
        try:
            client.wait_for_workers(1, timeout=_WORKER_SECONDS)
        except TimeoutError:
            raise StudyError(
                f"the Dask scheduler at {address} has no workers: start some with "
                f"`dask worker {address} --nthreads 1`, then resume."
            ) from None
        try:
            suspects = []
            for result in parallel(tasks, Cluster(client=client), -1, "all"):
                if DIED in result.error:
                    # Dask blames every cell that a worker held when it died.
                    suspects += [task for task in tasks if task.key == result.key]
                else:
                    yield result
            for task in suspects:
                yield from parallel([task], Cluster(client=client), -1, "all")
        except CancelledError:
            raise StudyError(
                f"the connection to the Dask scheduler at {address} was lost: what was finished is "
                "kept; start the cluster again, then resume."
            ) from None


@contextlib.contextmanager
def _silent(*names: str) -> Iterator[None]:
    """Dask's own words on a lost worker or scheduler are tracebacks of its inner parts."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
