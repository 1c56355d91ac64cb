"""Writing that survives a kill at any moment, and one build at a time."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import one_sentence

# What a build writes before it deletes anything: without former pages a fixed amount, with them
# also a copy of the sources, what Sphinx keeps, and the new pages beside the former ones.
NEEDED_BYTES = 30_000_000
TIMES_FORMER = 2
PROBE_BYTES = 1_000_000  # after a failure: a disk that takes no more than this is full


def write(path: Path, content: bytes) -> None:
    """Write a file so that it is there with its whole content, or as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def point(link: Path, target: Path) -> None:
    """Let a symbolic link lead to a folder beside it, in one step."""
    temporary = link.with_name(f"{link.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target.relative_to(link.parent))
    os.replace(temporary, link)


def empty(folder: Path) -> Path:
    """A folder with nothing in it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Hold the lock of a folder; a second build waits here, and says so."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another build of this book is running: waiting for it to end.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def raise_if_full(out: Path) -> None:
    """After something failed: raise the OSError of a disk that takes no more, if that is why."""
    probe = out / f"probe.{os.getpid()}.new"
    try:
        with probe.open("wb") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    finally:
        probe.unlink(missing_ok=True)


def room_for_a_build(out: Path) -> None:
    """Find a full disk now, before notebooks are executed for minutes."""
    needed = NEEDED_BYTES + TIMES_FORMER * _bytes_of(out / "html")
    free = shutil.disk_usage(out).free
    if free < needed:
        raise one_sentence.Told(
            f"Building the book needs about {needed / 1e6:.0f} MB and the disk has "
            f"{free / 1e6:.0f}: free some space and run make again."
        )


def _bytes_of(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.resolve().rglob("*") if p.is_file())
