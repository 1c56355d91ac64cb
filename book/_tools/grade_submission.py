"""Finds the notebook in what a student handed in, or says why there is none.

Nothing is unpacked to disk: archives are read in memory, to a limited depth and size.
"""

import io
import json
import re
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from assignment_master import CHECK, Master
from assignment_run import TESTS_MARK

LARGEST = 50 << 20  # bytes of one file, unpacked
MOST_FILES = 2000
DEEPEST = 3  # archives in archives
LARGEST_SOURCE = 2 << 20  # characters of code in one notebook


class Unreadable(Exception):  # noqa: N818
    """Why a submission cannot be graded; `status` goes to the CSV."""

    def __init__(self, status: str, reason: str):
        super().__init__(reason)
        self.status = status


class Submission(NamedTuple):
    """A notebook that can be run: its code cells."""

    cells: list[str]


def read(path: Path, master: Master) -> Submission:
    """The notebook of a submission, for the problem set of a master."""
    if path.stat().st_size > LARGEST:
        raise Unreadable("unreadable", f"larger than {LARGEST >> 20} MB")
    content = path.read_bytes()
    if not content:
        raise Unreadable("unreadable", "the file is empty")
    if path.suffix.lower() == ".ipynb":
        found = [(path.name, content)]
    elif path.suffix.lower() == ".zip":
        found = list(_notebooks(content, 1))
        if not found:
            raise Unreadable("unreadable", "there is no notebook in the archive")
    else:
        raise Unreadable("unreadable", f"neither .ipynb nor .zip: {path.suffix or path.name}")
    if len(found) > 1:  # other notebooks may lie beside it
        found = [f for f in found if _is_of(f, master)] or found
    if len(found) > 1:
        names = ", ".join(sorted(name for name, _ in found)[:4])
        raise Unreadable("unreadable", f"{len(found)} notebooks in the archive: {names}")
    return _submission(*found[0], master)


def _notebooks(content: bytes, depth: int):
    """(name, content) of every notebook in an archive and the archives in it."""
    if depth > DEEPEST:
        raise Unreadable("unreadable", f"archives in archives, more than {DEEPEST} deep")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise Unreadable("unreadable", f"the archive is damaged: {error}") from None
    if len(entries) > MOST_FILES or sum(e.file_size for e in entries) > LARGEST:
        limits = f"{MOST_FILES} files or {LARGEST >> 20} MB"
        raise Unreadable("unreadable", f"the archive holds more than {limits}")
    for entry in entries:
        name = PurePosixPath(entry.filename)
        hidden = {"__MACOSX", ".ipynb_checkpoints"} & set(name.parts)
        if entry.is_dir() or hidden or name.name.startswith("._"):
            continue
        if name.suffix.lower() in (".ipynb", ".zip"):
            inside = _unpacked(archive, entry)
            if name.suffix.lower() == ".zip":
                yield from _notebooks(inside, depth + 1)
            else:
                yield entry.filename, inside


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """One file; its true size may be more than the archive claims."""
    try:
        with archive.open(entry) as file:
            content = file.read(LARGEST + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise Unreadable("unreadable", f"{entry.filename} in the archive: {error}") from None
    except Exception as error:  # zlib.error and what other packings raise
        raise Unreadable("unreadable", f"{entry.filename} is damaged: {error}") from None
    if len(content) > LARGEST:
        raise Unreadable("unreadable", f"{entry.filename} is larger than {LARGEST >> 20} MB")
    return content


def _submission(name: str, content: bytes, master: Master) -> Submission:
    notebook = _parsed(name, content)
    told = _assignment_name(notebook)
    if told and told != master.name:
        reason = f"it is a notebook of {told!r}, not of {master.name!r}"
        raise Unreadable("wrong-assignment", reason)
    sources = [_source(cell) for cell in notebook["cells"] if cell.get("cell_type") == "code"]
    if not told and not {c for s in sources for c in CHECK.findall(s)} & set(master.parts):
        raise Unreadable("wrong-assignment", "no cell checks a part of this problem set")
    if sum(map(len, sources)) > LARGEST_SOURCE:
        raise Unreadable("unreadable", "more than 2 million characters of code")
    return Submission(sources)


def _parsed(name: str, content: bytes) -> dict:
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        reason = f"{name} is not UTF-8 (byte {error.start}): save it again from Jupyter"
        raise Unreadable("unreadable", reason) from None
    except (ValueError, RecursionError) as error:
        reason = f"{name} is no notebook (no JSON): {str(error)[:80]}"
        raise Unreadable("unreadable", reason) from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(c, dict) for c in cells):
        reason = f"{name} is no notebook of format 4: it has no list of cells"
        raise Unreadable("unreadable", reason)
    if not any(c.get("cell_type") == "code" for c in cells):
        raise Unreadable("unreadable", f"{name} has no code cell")
    return notebook


def _source(cell: dict) -> str:
    source = cell.get("source", "")
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str))


def _assignment_name(notebook: dict) -> str | None:
    """From the metadata, or from the cell of the public tests if a program dropped them."""
    otter = notebook.get("metadata", {})
    otter = otter.get("otter") if isinstance(otter, dict) else None
    if isinstance(otter, dict) and isinstance(otter.get("assignment_name"), str):
        return otter["assignment_name"]
    pattern = re.escape(TESTS_MARK) + r"([\w-]+)"
    for cell in notebook["cells"]:
        if found := re.match(pattern, _source(cell)):
            return found[1]
    return None


def _is_of(found: tuple[str, bytes], master: Master) -> bool:
    try:
        _submission(*found, master)
    except Unreadable:
        return False
    return True
