"""Hashes that tell whether something has to be made again."""

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import edition
from project import Project

EXECUTION = "1"  # raise it when notebooks are executed in another way: all are executed again
RENDERING = "1"  # the same for pages


def of_bytes(content: bytes) -> str:
    """The hash of some content."""
    return hashlib.sha256(content).hexdigest()


def of_execution(project: Project, page: str) -> str:
    """All that decides a notebook's outputs: its source, the library, the packages, Python."""
    return _combine(
        [
            ("execution", EXECUTION),
            ("python", f"{sys.version_info.major}.{sys.version_info.minor}"),
            ("page", page),
            *_files(project, [project.notebook(page), *_common(project)]),
        ]
    )


def of_pages(project: Project, records: dict[str, dict]) -> str:
    """All that decides the pages: the book's files, the executed notebooks, the tools."""
    inputs = [project.root / "_config.yml", project.root / "_toc.yml"]
    inputs += (p for p in (project.root / "book").rglob("*") if _is_source(p))
    inputs += Path(__file__).parent.glob("*.py")
    return _combine(
        [
            ("rendering", RENDERING),
            ("python", f"{sys.version_info.major}.{sys.version_info.minor}"),
            ("records", json.dumps(records, sort_keys=True)),
            ("edition", json.dumps(edition.read(project), sort_keys=True)),
            *_files(project, [*inputs, *_common(project)]),
        ]
    )


def _is_source(path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return path.is_file() and not hidden


def _common(project: Project) -> list[Path]:
    return [*project.library(), project.root / "requirements.lock"]


def _files(project: Project, paths: Iterable[Path]) -> list[tuple[str, str]]:
    found = []
    for path in sorted(set(paths)):
        name = path.relative_to(project.root) if path.is_relative_to(project.root) else path.name
        found.append((str(name), of_bytes(path.read_bytes()) if path.is_file() else "none"))
    return found


def _combine(parts: list[tuple[str, str]]) -> str:
    return of_bytes(json.dumps(parts).encode())[:32]
