"""A book's folder: where its parts lie, and which pages it has."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Project:
    """A folder with `_config.yml`, `_toc.yml` and `book/`; all that is generated goes to `out/`."""

    root: Path = HERE

    @property
    def out(self) -> Path:
        """Everything that is generated."""
        return self.root / "out"

    @property
    def html(self) -> Path:
        """The finished pages (a link to the newest complete build)."""
        return self.out / "html"

    @property
    def cache(self) -> Path:
        """Executed notebooks."""
        return self.out / "cache"

    @cached_property
    def config(self) -> dict:
        """The book's configuration."""
        return yaml.safe_load((self.root / "_config.yml").read_text("utf8"))

    @cached_property
    def pages(self) -> list[str]:
        """Every page of the table of contents in reading order, without suffix: `book/ntk`."""
        toc = yaml.safe_load((self.root / "_toc.yml").read_text("utf8"))
        return [toc["root"], *_files_below(toc)]

    @cached_property
    def notebooks(self) -> list[str]:
        """The pages that are notebooks."""
        return [page for page in self.pages if self.notebook(page).is_file()]

    def notebook(self, page: str) -> Path:
        """Where a page's notebook lies, if it is one."""
        return self.root / f"{page}.ipynb"

    def library(self) -> list[Path]:
        """The library's sources, on which every notebook depends."""
        return sorted((self.root / "taylorlib").rglob("*.py"))


def _files_below(entry: dict) -> list[str]:
    found = []
    for key in ("parts", "chapters", "sections", "subtrees", "entries"):
        for child in entry.get(key, []):
            found += [child["file"]] if "file" in child else []
            found += _files_below(child)
    return found
