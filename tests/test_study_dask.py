"""Studies on a real Dask cluster on localhost, whose workers and scheduler are killed."""

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import stand_in_learners  # noqa: F401

import taylorlib as tl
from taylorlib.study.worker import ONE_THREAD

pytest.importorskip("distributed")
SLOW = tl.study.grid("parabola", d=[2, 3], seed=range(15), wait=0.1)


@contextlib.contextmanager
def processes(folder, allowed_failures=3):
    """Starts processes of Dask, each with a log; all are killed at the end."""
    started = []
    path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    # After how many deaths of its workers Dask gives a cell up.
    patience = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures)}
    environment = {**os.environ, **ONE_THREAD, **patience, "PYTHONPATH": os.pathsep.join(path)}

    def start(kind, *words):
        log = folder / f"log-{len(started)}"
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *words]
        with log.open("w") as file:
            started.append(
                subprocess.Popen(command, env=environment, stdout=file, stderr=file, cwd=folder)
            )
        return started[-1], log

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait()


def wait_for(log, pattern, seconds=60):
    end = time.monotonic() + seconds
    while not (found := re.search(pattern, log.read_text())):
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)
    return found


@pytest.fixture
def cluster(tmp_path):
    """Address, scheduler and two workers, each a process with one thread."""
    with processes(tmp_path) as start:
        scheduler, log = start("scheduler", "--host", "127.0.0.1", "--port", "0")
        address = wait_for(log, r"Scheduler at:\s+(tcp://\S+)").group(1)
        workers = [start("worker", address, "--nthreads", "1", "--no-nanny") for _ in range(2)]
        for _, log in workers:
            wait_for(log, "Registered to")
        yield address, scheduler, [worker for worker, _ in workers]


def when_begun(cache, count, do):
    """Do something in another thread when so many cells are finished."""

    def watch():
        while len(list(cache.glob("*.json"))) < count:
            time.sleep(0.01)
        do()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_table_is_complete_and_the_same_when_a_worker_is_killed_in_the_middle(cluster, tmp_path):
    address, scheduler, workers = cluster
    cache = tmp_path / "cache"
    killing = when_begun(cache, 5, workers[0].kill)
    found = tl.study.run(SLOW, cache=cache, dask=address)
    killing.join()
    assert workers[0].wait() == -9
    assert workers[1].poll() is None
    assert (found.computed, found.failures, found.missing) == (len(SLOW), [], [])
    alone = tl.study.run(SLOW, cache=tmp_path / "alone")
    assert found.text == alone.text
    # On what is left of the cluster, a cell that raises is reported as elsewhere.
    failing = tl.study.run(tl.study.grid("troubled", seed=[0, 1]), cache=cache, dask=address)
    [failure] = failing.failures
    assert failure.error == "ArithmeticError: seed 1 does not converge"
    assert failing.table["seed"].tolist() == [0]
    # And the run goes on where it was when the scheduler itself is lost.
    rest = tl.study.grid("parabola", d=[4], seed=range(40), wait=0.1)
    when_begun(cache, len(SLOW) + 1 + 2, scheduler.kill)
    with pytest.raises(tl.study.StudyError, match=r"connection to the Dask scheduler .* was lost"):
        tl.study.run(rest, cache=cache, dask=address)
    assert tl.study.run(rest, cache=cache).reused >= 2


def test_cell_that_kills_every_worker_it_meets_is_given_up_and_the_rest_goes_on(tmp_path):
    with processes(tmp_path, allowed_failures=0) as start:
        _, log = start("scheduler", "--host", "127.0.0.1", "--port", "0")
        address = wait_for(log, r"Scheduler at:\s+(tcp://\S+)").group(1)
        # A nanny starts a dead worker again, until Dask gives the cell up.
        start("worker", address, "--nthreads", "1")
        cells = tl.study.grid("troubled", seed=[2, 3])
        found = tl.study.run(cells, cache=tmp_path / "cache", dask=address)
    assert [f.cell["seed"] for f in found.failures] == [2]
    assert "its process died" in found.failures[0].error
    assert found.table["seed"].tolist() == [3]


def test_scheduler_without_workers_is_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("taylorlib.study.cluster._WORKER_SECONDS", 0.5)
    with processes(tmp_path) as start:
        _, log = start("scheduler", "--host", "127.0.0.1", "--port", "0")
        address = wait_for(log, r"Scheduler at:\s+(tcp://\S+)").group(1)
        with pytest.raises(
            tl.study.StudyError, match=r"has no workers: start some with .dask work"
        ):
            tl.study.run(SLOW, cache=tmp_path / "cache", dask=address)
