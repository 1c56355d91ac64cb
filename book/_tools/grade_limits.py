"""What a submission may use, and how far this machine can shut it in."""

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import one_sentence
from project import HERE

FIRST_UID = 61_000  # user ids without name and without files, one for each place
TASKS = 256  # processes and threads; JAX itself starts about 20
ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "LANG": "C.UTF-8",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": str(HERE),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
UNSHARE = ["unshare", "--fork", "--pid", "--kill-child=SIGKILL", "--net"]
AS_ROOT = [*UNSHARE, "--mount", "--mount-proc"]
AS_USER = [*UNSHARE, "--user", "--map-current-user"]
GUARD = Path(__file__).with_name("grade_guard.py")
PROBE = "import numpy, pathlib; pathlib.Path('probe').write_text('1')"


class Limits(NamedTuple):
    """What one submission may use."""

    seconds: float = 600.0
    memory: int = 4 << 30
    printed: int = 10 << 20
    file_size: int = 100 << 20
    written: int = 300 << 20
    tasks: int = TASKS


class Confinement(NamedTuple):
    """How submissions are shut in here."""

    namespaces: list[str]
    private: bool
    own_user: bool

    def described(self) -> str:
        """For the first line of a run."""
        network = "no network, own process table" if self.namespaces else "network open"
        files = "disk read-only but for its own folder" if self.private else "disk as permitted"
        user = "a user without rights" if self.own_user else "YOUR user: it can read your files"
        return f"each submission runs as {user}; {network}; {files}"

    def uid(self, place: int) -> int:
        """The user of a place, 0 for the same user as the grader."""
        return FIRST_UID + place if self.own_user else 0


@functools.cache
def confinement() -> Confinement:
    """The strongest that works on this machine, tried out with a notebook of one cell."""
    if sys.platform != "linux":  # the guard reads /proc and is a subreaper
        raise one_sentence.Told("Grading needs Linux: run it in a container (see the README).")
    private = _below_tmp() is None
    ways = [Confinement(AS_USER, False, False), Confinement([], False, False)]
    if os.geteuid() == 0:
        ways = [
            *([Confinement(AS_ROOT, True, True)] if private else []),
            Confinement(UNSHARE, False, True),
            Confinement([], False, True),
            Confinement(UNSHARE, False, False),
            *ways,
        ]
    return next((way for way in ways if _works(way)), ways[-1])


def guarded(way: Confinement, place: int, limits: Limits, cells: list[str], parts: dict) -> dict:
    """Run cells and tests in a guarded process; what became of it (grade_guard.py)."""
    work = tempfile.mkdtemp(prefix="grade-")
    uid = way.uid(place)
    try:
        if uid:
            os.chown(work, uid, uid)
        job = {
            **limits._asdict(),
            "cells": cells,
            "parts": parts,
            "work": work,
            "uid": uid,
            "private": way.private,
            "namespaces": way.namespaces,
            "python": sys.base_prefix,
            "environment": ENVIRONMENT,
        }
        given = json.dumps(job).encode()
        ended = subprocess.run([sys.executable, str(GUARD)], input=given, capture_output=True)
        if ended.returncode:
            said = ended.stderr.decode("utf8", "replace").strip().split("\n")[-1]
            raise RuntimeError(f"the guard ended with {ended.returncode}: {said}")
        return json.loads(ended.stdout)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _below_tmp() -> Path | None:
    """What the submission must read and would not see behind its own /tmp."""
    needed = (HERE, Path(sys.prefix), Path(sys.base_prefix))
    hidden = ("/tmp", "/var/tmp")
    return next((p for p in needed if str(p).startswith(hidden)), None)


def _works(way: Confinement) -> bool:
    found = guarded(way, 0, Limits(seconds=60), [PROBE], {})
    return found["status"] == "graded" and not any("error" in line for line in found["report"])
