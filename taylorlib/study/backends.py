"""Where cells are computed: in this process or in others of this machine.

All of it is joblib's work. What is added is that a worker's death costs its own cell only.
"""

import contextlib
import os
import warnings
from collections.abc import Iterator

from taylorlib.study.errors import StudyError
from taylorlib.study.worker import Result, Task, end_with, one_thread

__all__ = ["DIED", "check_jobs", "parallel", "this_machine"]

_IDLE_SECONDS = 30  # then a worker that has nothing to do ends
DIED = "its process died: it crashed, or was killed for want of memory"


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
                for result in parallel(list(waiting.values()), "loky", jobs):
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
        [result] = parallel([task], "loky", 2)  # with one job, joblib would compute it here
    except TerminatedWorkerError:
        return task.failed(RuntimeError(DIED))
    return result


def parallel(
    tasks: list[Task], backend: object, jobs: int, pre_dispatch: str = "2 * n_jobs"
) -> Iterator[Result]:
    """Let joblib compute the tasks, and yield each result as soon as it is there."""
    import joblib

    # Cells are large and are handed out one by one, so that few are lost in a kill.
    options = {"backend": backend, "batch_size": 1, "pre_dispatch": pre_dispatch}
    if backend == "loky":
        options |= {"idle_worker_timeout": _IDLE_SECONDS, "max_nbytes": None}
        options |= {"initializer": end_with, "initargs": (os.getpid(),)}
    pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", **options)
    results = pool(joblib.delayed(task)() for task in tasks)
    try:
        yield from results
    finally:
        with warnings.catch_warnings():
            # joblib says that cells were cancelled, which whoever stops here knows.
            warnings.simplefilter("ignore", UserWarning)
            results.close()
