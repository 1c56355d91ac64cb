"""Executed notebooks, kept by the hash of all that decides their outputs.

An entry is two files: the executed notebook and, written after it, its record (the notebook's
hash and the measured run time). So an entry with a record is complete, and one that was damaged
later is noticed.
"""

import json
from pathlib import Path

import fingerprint
import safely
from project import Project

KEPT = 3  # entries for each notebook, so that going back and forth between versions is cheap


class Damaged(Exception):
    """A cache entry whose content does not match its record."""


def _record_path(project: Project, page: str, key: str) -> Path:
    return project.cache / page / f"{key}.json"


def executed(project: Project, page: str, key: str) -> Path:
    """Where the executed notebook of an entry lies."""
    return project.cache / page / f"{key}.ipynb"


def store(project: Project, page: str, key: str, notebook: bytes, seconds: float) -> None:
    """Keep an executed notebook."""
    safely.write(executed(project, page, key), notebook)
    record = {
        "page": page,
        "seconds": round(seconds, 1),
        "sha256": fingerprint.of_bytes(notebook),
    }
    safely.write(_record_path(project, page, key), json.dumps(record, indent=1).encode())
    _forget_old(project, page)


def find(project: Project, page: str, key: str) -> dict | None:
    """The record of an entry, or None where there is none.

    Raises:
        Damaged: If there is an entry, but not as it was stored.
    """
    try:
        record = json.loads(_record_path(project, page, key).read_bytes())
        content = executed(project, page, key).read_bytes()
        intact = record["sha256"] == fingerprint.of_bytes(content) and record["page"] == page
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        intact = False
    if not intact:
        raise Damaged(f"the kept copy of {page} is damaged")
    return record


def last_seconds(project: Project, page: str) -> float:
    """How long the notebook took when it was last executed, in whatever version; 0 if never."""
    for path in sorted((project.cache / page).glob("*.json"), key=_age):
        try:
            return float(json.loads(path.read_bytes())["seconds"])
        except (ValueError, KeyError, TypeError):
            continue
    return 0.0


def _age(path: Path) -> float:
    return -path.stat().st_mtime


def _forget_old(project: Project, page: str) -> None:
    for path in sorted((project.cache / page).glob("*.json"), key=_age)[KEPT:]:
        path.unlink(missing_ok=True)
        path.with_suffix(".ipynb").unlink(missing_ok=True)
