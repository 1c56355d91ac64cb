"""A notebook as the house style sees it: cells, prose, directives, and what is wrong with them."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing to mend: where it is, which rule it breaks, and what to do."""

    page: str
    cell: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.page}, cell {self.cell}, {self.rule}: {self.remedy}"


@dataclass(frozen=True)
class Notebook:
    """A page's notebook. The front page is one, too, but no chapter."""

    page: str
    cells: list[dict]
    is_chapter: bool = True

    @classmethod
    def read(cls, path: Path, page: str, is_chapter: bool = True) -> "Notebook":
        """From its file."""
        return cls(page, json.loads(path.read_text("utf8"))["cells"], is_chapter)

    @cached_property
    def code(self) -> list[dict]:
        """The code cells."""
        return [cell for cell in self.cells if cell["cell_type"] == "code"]

    @cached_property
    def texts(self) -> list[dict]:
        """The cells of text."""
        return [cell for cell in self.cells if cell["cell_type"] == "markdown"]

    @cached_property
    def prose(self) -> str:
        """All text."""
        return "\n\n".join(source(cell) for cell in self.texts)

    def found(self, cell: dict | None, rule: str, remedy: str) -> Finding:
        """Something to mend in a cell, or in the whole notebook."""
        return Finding(self.page, cell.get("id", "?") if cell else "-", rule, remedy)

    def cell_with(self, text: str) -> dict | None:
        """The first cell whose text holds some words."""
        return next((cell for cell in self.texts if text in source(cell)), None)


def source(cell: dict) -> str:
    """A cell's text."""
    return "".join(cell["source"])


def directives(text: str, kind: str) -> list[tuple[str, str]]:
    """The argument and the body of every directive of a kind, however many colons it has."""
    pattern = rf"^(:{{3,}}|`{{3,}})\{{{kind}\}}([^\n]*)\n(.*?)^\1[ \t]*$"
    return [(a.strip(), b) for _, a, b in re.findall(pattern, text, re.DOTALL | re.MULTILINE)]


def label(body: str) -> str | None:
    """The label that a directive's body begins with."""
    found = re.search(r"^:label: (\S+)$", body, re.MULTILINE)
    return found[1] if found else None
