"""Which edition of the book the pages are: version, date, and what a citation needs.

The date is that of the last commit that changed what pages are made of, or SOURCE_DATE_EPOCH, so
that the same sources make the same pages on every day. Outside git an edition has no date.
"""

import json
import os
import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import yaml

import address
import colab_address
import one_sentence
from project import Project

SOURCES = ("book", "taylorlib", "_config.yml", "_toc.yml", "pyproject.toml", "requirements.lock")
FILE = "edition.json"


def read(project: Project) -> dict:
    """Version, date, title, authors and addresses, as far as the book has them."""
    here = address.read(project.root)
    found = {
        "version": _version(project.root / "pyproject.toml"),
        "date": date(project.root),
        **_citation(project.root / "CITATION.cff"),
    }
    if not address.is_unset(here):
        found |= {"repository": here, "url": f"{colab_address.of_pages(here)}/"}
    return {name: value for name, value in found.items() if value}


def write(project: Project, folder: Path) -> None:
    """Put it where the pages are built (`book/_ext/page_footer.py` reads it)."""
    (folder / FILE).write_text(json.dumps(read(project), sort_keys=True), "utf8")


def date(root: Path) -> str | None:
    """The day of the sources, in UTC: 2026-11-28."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        epoch = _last_commit(root)
    if not epoch:
        return None
    if not epoch.isdecimal():
        raise one_sentence.Told(
            f"SOURCE_DATE_EPOCH is {epoch!r}: make it a number of seconds since 1970, or unset it."
        )
    return datetime.fromtimestamp(int(epoch), UTC).date().isoformat()


def _last_commit(root: Path) -> str:
    command = ["git", "log", "-1", "--format=%ct", "--", *SOURCES]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    except FileNotFoundError:  # no git on this machine
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _version(path: Path) -> str | None:
    if not path.is_file():
        return None
    return tomllib.loads(path.read_text("utf8")).get("project", {}).get("version")


def _citation(path: Path) -> dict:
    if not path.is_file():
        return {}
    entry = yaml.safe_load(path.read_text("utf8"))
    authors = [_name(author) for author in entry["authors"]]
    name = entry.get("repository-code", "book").rsplit("/", 1)[-1]
    return {"title": entry["title"], "authors": authors, "name": name}


def _name(author: dict) -> str:
    parts = [author.get("given-names"), author.get("family-names")]
    return author.get("name") or " ".join(filter(None, parts))
