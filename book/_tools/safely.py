"""Writing that survives a kill at any moment, and one build at a time."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED_BYTES = 30_000_000


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
        _room_for_a_build(out)
        yield


def _room_for_a_build(out: Path) -> None:
    # found early, a full disk costs no execution of notebooks
    if shutil.disk_usage(out).free < NEEDED_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(out))
