"""The cache: one file for every finished cell.

A file is there whole or not at all, whatever kills the program: it is written under another name
and renamed when it is complete. So any number of runs may use one cache at the same time.
"""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
import time
import warnings
from pathlib import Path

from taylorlib.study.cells import canonical
from taylorlib.study.errors import CacheWarning, StudyError

__all__ = ["Cache", "key_of", "write_whole"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ABANDONED_SECONDS = 3600.0


def key_of(cell: dict, version: str) -> str:
    """The name of a cell's result: a hash of its settings and of its learner's code version."""
    return hashlib.sha256(canonical([version, cell]).encode()).hexdigest()[:32]


class Cache:
    """Results of cells in a directory, which is made if need be.

    Args:
        folder: The directory.

    Raises:
        StudyError: If nothing can be written there.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise StudyError(
                f"the cache {self.folder} cannot be written ({_reason(error)}): choose another "
                "directory, or make this one writable."
            ) from None
        self._sweep()

    def read(self, cell: dict, version: str) -> dict | None:
        """The record of a cell, or None if it is not there or damaged (which is warned of)."""
        path = self._path(key_of(cell, version))
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StudyError(
                f"{path} cannot be read ({_reason(error)}): mend it, or choose another cache."
            ) from None
        try:
            stored = json.loads(text)
            record = stored["record"]
            whole = _checksum(record) == stored["sha256"]
            whole = whole and [record["version"], record["cell"]] == json.loads(
                canonical([version, cell])
            )
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            warnings.warn(
                f"the cache file {path} is damaged, and its cell is computed again.",
                CacheWarning,
                stacklevel=2,
            )
            return None
        return record

    def write(self, record: dict) -> None:
        """Store a record, which holds at least ``cell`` and ``version``.

        Raises:
            StudyError: If it cannot be written. What was stored before stays.
        """
        path = self._path(key_of(record["cell"], record["version"]))
        stored = {"sha256": _checksum(record), "record": record}
        # In the order of the learner's rows, which the table keeps.
        write_whole(path, json.dumps(stored, separators=(",", ":")).encode() + b"\n")

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _sweep(self) -> None:
        """Remove what killed runs have left; what is younger may belong to a run going on."""
        for path in self.folder.glob("*.part"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there with its whole content, or as it was before.

    Raises:
        StudyError: If that cannot be done, for instance because the disk is full.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(".part", f"{path.name}.", path.parent)
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # a full disk may show only now
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        if not isinstance(error, OSError):
            raise
        remedy = "free some space" if error.errno in _FULL else "choose another place"
        raise StudyError(
            f"{path} could not be written ({_reason(error)}): {remedy} and run the same command "
            "again; all that was finished before is kept."
        ) from None


def _checksum(record: dict) -> str:
    return hashlib.sha256(canonical(record).encode()).hexdigest()


def _reason(error: OSError) -> str:
    return "the disk is full" if error.errno in _FULL else (error.strerror or str(error)).lower()
