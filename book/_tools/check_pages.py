"""Check the built pages: text on each, every internal link resolves, nothing from outside."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

from project import Project

# as book/_ext/mathematics.py sets it: a drawing, which may hold others, and MathML
FORMULA = re.compile(
    r"<svg style=vertical-align.*?</svg>(?=</(?:span|div)>)|<math\b.*?</math>", re.DOTALL
)
SHORTEST_TEXT = 100  # characters, without menus
LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src"}


def check(project: Project) -> list[str]:
    """Every problem found, one line each; an empty list for good pages."""
    soup = cache(lambda path: BeautifulSoup(_text(path), "html.parser"))
    anchors = cache(lambda path: {tag.get("id") or tag.get("name") for tag in soup(path)(True)})
    html = project.html.resolve()
    problems = []
    for page in project.pages:
        path = html / f"{page}.html"
        if not path.is_file():
            problems.append(f"{page}: no page was made")
            continue
        article = soup(path).find("article")
        if article is None or len(article.get_text(strip=True)) < SHORTEST_TEXT:
            problems.append(f"{page}: has next to no text")
        problems += [f"{page}: {p}" for p in _unread_formulas(article)]
        problems += [f"{page}: {p}" for p in _loaded_from_outside(soup(path))]
        problems += [f"{page}: {p}" for p in _broken_links(soup(path), path, anchors)]
        missing = [i["src"] for i in soup(path).select("article img") if not i.get("alt")]
        problems += [f"{page}: {src} has no alternative text" for src in missing]
    return problems


def _text(path: Path) -> str:
    """The page without its set formulas, most of its elements, which hold nothing to check."""
    return FORMULA.sub("", path.read_text("utf8"))


def _unread_formulas(article: BeautifulSoup | None) -> list[str]:
    """Dollars left in the text: a formula that Markdown did not take for one (in a list, say)."""
    texts = article.find_all(string=lambda text: "$" in text) if article else []
    apart = ("pre", "code", "script", "style")
    left = [t for t in texts if not t.find_parent(apart) and not t.find_parent(class_="math")]
    return [f"has a formula that was not read as one: ...{text.strip()[:60]}..." for text in left]


def _loaded_from_outside(page: BeautifulSoup) -> list[str]:
    found = [tag.get(key) for name, key in LOADING.items() for tag in page(name)]
    sheets = [
        tag.get("href")
        for tag in page("link")
        if set(tag.get("rel", [])) & {"stylesheet", "preload"}
    ]
    styles = [url for tag in page("style") for url in re.findall(r"url\(([^)]*)\)", tag.text)]
    return [f"loads {u}" for u in [*found, *sheets, *styles] if u and re.match(r"(https?:)?//", u)]


def _broken_links(page: BeautifulSoup, path: Path, anchors) -> list[str]:
    broken = []
    for tag in page("a", href=True):
        url = urlsplit(tag["href"])
        if url.scheme or url.netloc:
            continue
        target = (path.parent / unquote(url.path)).resolve() if url.path else path
        if not target.is_file():
            broken.append(f"the link {tag['href']} leads nowhere")
        elif target.suffix == ".html" and unquote(url.fragment) not in {*anchors(target), ""}:
            broken.append(f"the anchor {tag['href']} does not exist")
    return broken
