"""Check built pages without a browser: complete, all links lead somewhere, nothing from outside."""

import re
import sys
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup
from project import HERE, Project

# attributes by which a page makes a browser load something, as opposed to links to follow
LOADING = {
    "script": ["src"],
    "link": ["href"],
    "img": ["src", "srcset"],
    "source": ["src", "srcset"],
    "iframe": ["src"],
    "video": ["src", "poster"],
    "audio": ["src"],
    "object": ["data"],
    "embed": ["src"],
    "use": ["href", "xlink:href"],
    "image": ["href", "xlink:href"],
}
OUTSIDE = re.compile(r"^\s*(https?:)?//", re.IGNORECASE)
ADDRESS_IN_MEMORY = re.compile(r"\bat 0x[0-9a-f]{6,}")


class Page:
    """One HTML file, parsed when it is first needed."""

    def __init__(self, path: Path) -> None:
        """Remember where it lies."""
        self.path = path

    @cached_property
    def soup(self) -> BeautifulSoup:
        """The parsed page."""
        return BeautifulSoup(self.path.read_text("utf8"), "html.parser")

    @cached_property
    def anchors(self) -> set[str]:
        """All places that a link can lead to."""
        found = {tag["id"] for tag in self.soup.find_all(id=True)}
        return found | {tag["name"] for tag in self.soup.find_all("a", attrs={"name": True})}


def check(project: Project, html: Path | None = None) -> list[str]:
    """Check every page of a built book.

    Args:
        project: The book, whose table of contents tells which pages there must be.
        html: The folder with the pages; the finished ones by default.

    Returns:
        One line for each problem.
    """
    html = (html or project.html).resolve()
    pages = {path: Page(path) for path in sorted(html.rglob("*.html")) if "_static" not in path.parts}
    problems = _missing(project, html, pages)
    for path, page in pages.items():
        where = str(path.relative_to(html))
        for problem in (
            *_broken_links(page, html, pages),
            *_loaded_from_outside(page),
            *_images_without_words(page),
            *_chance(page),
        ):
            problems.append(f"{where}: {problem}")
    for sheet in html.rglob("*.css"):
        for url in re.findall(r"url\(\s*['\"]?([^'\")]+)", sheet.read_text("utf8")):
            if OUTSIDE.match(url):
                problems.append(f"{sheet.relative_to(html)}: loads {url} from outside")
    return problems


def _missing(project: Project, html: Path, pages: dict[Path, Page]) -> list[str]:
    problems = []
    for name in project.pages:
        page = pages.get(html / f"{name}.html")
        body = page.soup.find("article") if page else None
        if body is None or len(body.get_text(strip=True)) < 40:
            problems.append(f"{name}.html: the page is missing or has no text")
    return problems


def _broken_links(page: Page, html: Path, pages: dict[Path, Page]):
    for tag in page.soup.find_all("a", href=True):
        link = urlsplit(tag["href"])
        if link.scheme or link.netloc:
            continue
        target = page.path
        if link.path:
            target = (page.path.parent / unquote(link.path)).resolve()
            if not target.is_relative_to(html) or not target.is_file():
                yield f"the link {tag['href']} leads nowhere"
                continue
        wanted = unquote(link.fragment)
        if wanted and target in pages and wanted not in pages[target].anchors:
            yield f"the link {tag['href']} leads to no anchor"


def _loaded_from_outside(page: Page):
    for name, attributes in LOADING.items():
        for tag in page.soup.find_all(name):
            if name == "link" and not set(tag.get("rel", [])) & _LOADED_RELATIONS:
                continue
            for attribute in attributes:
                for url in tag.get(attribute, "").split(","):
                    if OUTSIDE.match(url):
                        yield f"loads {url.strip()} from outside"
    for style in page.soup.find_all("style"):
        for url in re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")]+)", style.get_text()):
            if OUTSIDE.match(url):
                yield f"loads {url} from outside"


_LOADED_RELATIONS = {"stylesheet", "preload", "prefetch", "icon", "modulepreload", "preconnect"}
_LOADED_RELATIONS |= {"dns-prefetch", "manifest", "apple-touch-icon"}


def _images_without_words(page: Page):
    for image in page.soup.find_all("img"):
        alt = image.get("alt", "").strip()
        # myst-nb falls back to the file's own name, which tells nobody what is seen
        if not alt or re.fullmatch(r"(\.\./)*_images/.*|[0-9a-f]{32,}(\.\w+)?", alt):
            yield f"the image {image.get('src', '')[-60:]} has no alt text"


def _chance(page: Page):
    body = page.soup.find("article") or page.soup
    match = ADDRESS_IN_MEMORY.search(body.get_text())
    if match:
        yield f"shows {match.group()}, which changes with every execution"


def main() -> int:
    """Check the finished pages and print every problem."""
    project = Project(HERE)
    if not project.html.is_dir():
        print("There are no pages yet: run make book.", file=sys.stderr)
        return 1
    problems = check(project)
    print("\n".join(problems) or f"{len(project.pages)} pages checked, no problem.")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
