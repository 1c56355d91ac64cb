"""Where numbers come from: versions, processor, commit, date. No host name and no path."""

import datetime
import functools
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

__all__ = ["commit", "now", "versions_and_processor"]

_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "taylorlib")


@functools.lru_cache
def versions_and_processor() -> dict[str, str | int]:
    """Versions of Python and of the packages that compute, and the machine's processor."""
    made: dict[str, str | int] = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            made[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            made[name] = "not installed"
    return made | {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
    }


@functools.lru_cache
def commit() -> dict[str, str | bool]:
    """The git commit of the library, and whether its files differ from it; empty without git."""
    package = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(package), *words], capture_output=True, text=True, timeout=20
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        # An installed package may lie within some other repository.
        if git("ls-files", "__init__.py") != "__init__.py":
            return {}
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return {"commit": git("rev-parse", "HEAD"), "changed since": bool(changed)}
    except (OSError, subprocess.TimeoutExpired):
        return {}


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
