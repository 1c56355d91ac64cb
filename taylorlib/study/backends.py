"""Where cells are computed: here, in processes of this machine, or on a Dask cluster.

All of it is joblib's work. What is added is that a worker's death costs its own cell only.
"""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError

from taylorlib.study.errors import StudyError
from taylorlib.study.worker import Result, Task, end_with, one_thread

__all__ = ["check_jobs", "cluster", "this_machine"]

_IDLE_SECONDS = 30  # then a worker that has nothing to do ends
_ANSWER_SECONDS = 5  # within which a Dask scheduler answers
_WORKER_SECONDS = 60  # within which it has a worker
_DIED = "its process died: it crashed, or was killed for want of memory"


def check_jobs(jobs: int) -> None:
    """Refuse a number of processes that is none.

    Raises:
        StudyError: If it is below 1.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        cores = os.cpu_count()
        raise StudyError(f"jobs must be a whole number from 1 on (here are {cores} cores): {jobs}.")


def this_machine(tasks: list[Task], jobs: int) -> Iterator[Result]:
    """Compute with so many processes, one thread each; with one job, in this process.

    Yields:
        Results as they become ready.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    waiting = {task.key: task for task in tasks}
    with one_thread() if jobs > 1 else contextlib.nullcontext():
        while waiting:
            try:
                for result in _parallel(list(waiting.values()), "loky", jobs):
                    del waiting[result.key]
                    yield result
            except TerminatedWorkerError:
                # Not known: whose fault it was. In flight were at most twice as many as jobs.
                for task in list(waiting.values())[: 2 * jobs]:
                    del waiting[task.key]
                    yield _alone(task)


def _alone(task: Task) -> Result:
    """Compute a cell in a process that does nothing else at the time."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        [result] = _parallel([task], "loky", 2)  # with one job, joblib would compute it here
    except TerminatedWorkerError:
        return task.failed(RuntimeError(_DIED))
    return result


def cluster(tasks: list[Task], address: str) -> Iterator[Result]:
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
                    error = RuntimeError(_DIED)
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
            yield from _parallel(tasks, Cluster(client=client), -1, "all")
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


def _parallel(tasks, backend, jobs, pre_dispatch="2 * n_jobs") -> Iterator[Result]:
    import joblib

    # Cells are large and are handed out one by one, so that few are lost in a kill.
    options = {"backend": backend, "batch_size": 1, "pre_dispatch": pre_dispatch}
    if backend == "loky":
        options |= {"idle_worker_timeout": _IDLE_SECONDS, "max_nbytes": None}
        options |= {"initializer": end_with, "initargs": (os.getpid(),)}
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", **options)
    results = parallel(joblib.delayed(task)() for task in tasks)
    try:
        yield from results
    finally:
        with warnings.catch_warnings():
            # joblib says that cells were cancelled, which whoever stops here knows.
            warnings.simplefilter("ignore", UserWarning)
            results.close()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
