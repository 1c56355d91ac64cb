"""What of a built page belongs on slides: title, question, statements, figures, summary."""

import base64
import html
import math
import mimetypes
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from bs4 import BeautifulSoup, Tag

STATEMENTS = ("theorem", "lemma", "proposition", "corollary", "definition")
SUMMARY = "What we have learnt"
LEFT_OUT = ("Exercises", "Further reading")
PER_SLIDE = 760  # characters of a summary; formulas count with their source
STATEMENT = 1250  # the same for a statement, where a display counts as 120 more


class Slide(NamedTuple):
    """One slide: the section it stands in, its kind and its content as HTML."""

    section: str
    kind: str
    body: str


class Chapter(NamedTuple):
    """A chapter's slides.

    Attributes:
        title: As HTML, for it may hold formulas.
        learn: What the reader will learn, as HTML; empty if the page does not say.
        slides: In the order of the page.
        glyphs: The drawing that the formulas refer to, see `book/_ext/mathematics.py`.
    """

    title: str
    learn: str
    slides: list[Slide]
    glyphs: str


def read(path: Path) -> Chapter:
    """Read a built page."""
    soup = BeautifulSoup(path.read_text("utf8"), "html.parser")
    article = soup.find("article")
    for unwanted in article.select("a.headerlink, script, style, button"):
        unwanted.decompose()
    title = _inner(article.find("h1"))
    learn = ""
    for item in article.select("div.admonition-this-chapter li"):
        if item.get_text().strip().startswith("You will learn"):
            item.find("strong").decompose()
            learn = _inner(item.find("p") or item).strip()
    slides = []
    for section in article.select("section > section"):
        heading = section.find("h2", recursive=False)
        if heading is None or heading.get_text().strip() in LEFT_OUT:
            continue
        slides += _of_section(section, heading, path.parent)
    return Chapter(title, learn, slides, str(soup.select_one("svg.glyphs") or ""))


def _of_section(section: Tag, heading: Tag, folder: Path) -> list[Slide]:
    name = _inner(heading)
    if heading.get_text().strip() == SUMMARY:
        return [Slide(name, "summary", body) for body in _summary(section)]
    found = []
    if heading.get_text().strip() == "The question":
        found += [Slide(name, "question", body) for body in _question(section)]
    for node in section.find_all(_belongs):
        if node.find_parent("details") or node.find_parent(_belongs):
            continue
        if node.name == "figure":
            found.append(Slide(name, "figure", _figure(node, folder)))
        elif _is_slider(node):
            found += [Slide(name, "figure", body) for body in _slider(node, folder)]
        else:
            found += [Slide(name, "statement", body) for body in _statement(node)]
    return found


def _belongs(node: Tag) -> bool:
    if node.name == "figure":
        return node.find("img") is not None
    return _is_slider(node) or _is_statement(node)


def _is_statement(node: Tag) -> bool:
    classes = node.get("class") or []
    return "proof" in classes and any(kind in classes for kind in STATEMENTS)


def _is_slider(node: Tag) -> bool:
    return "slider-figure" in (node.get("class") or [])


def _statement(node: Tag) -> list[str]:
    """The statement, on several slides if it is long, cut before a paragraph or an item."""
    head = node.find("p", class_="admonition-title")
    text = " ".join(_inner(head).split())
    head.decompose()
    _unlink(node)
    blocks = _blocks(node)
    count = max(1, math.ceil(sum(size for _, size, _ in blocks) / STATEMENT))
    goal = sum(size for _, size, _ in blocks) / count
    bodies, length = [[]], 0
    for block, size, may_begin in blocks:
        if may_begin and len(bodies) < count and length + size / 2 > goal * len(bodies):
            bodies.append([])
        bodies[-1].append(block)
        length += size
    parts = [f" ({i}/{len(bodies)})" if len(bodies) > 1 else "" for i in range(1, len(bodies) + 1)]
    return [
        f'<h3 class="statement">{text}{part}</h3>{"".join(body)}'
        for part, body in zip(parts, bodies, strict=True)
    ]


def _blocks(node: Tag) -> list[tuple[str, int, bool]]:
    """Paragraphs, formulas, items: HTML, about its room, and whether a slide may begin here."""
    found = []
    for child in node.find_all(True, recursive=False):
        if child.name in ("section", "div") and "math" not in (child.get("class") or []):
            found += _blocks(child)
        elif child.name == "ol":
            first = int(child.get("start", 1))
            for number, item in enumerate(child.find_all("li", recursive=False), start=first):
                found.append((f'<ol start="{number}">{item}</ol>', _room(item), True))
        else:
            found.append((str(child), _room(child), child.name == "p"))
    return found


def _room(node: Tag) -> int:
    displays = [*node.select("div.math")]
    if "math" in (node.get("class") or []):
        displays.append(node)
    return _length(node) + 120 * len(displays)


def _length(node: Tag) -> int:
    """Characters, where a formula counts with its TeX."""
    formulas = node.select(".math[data-tex]")
    formulas += [node] if node.has_attr("data-tex") else []
    spoken = sum(len(formula.get_text()) for formula in formulas)
    return len(node.get_text()) - spoken + sum(len(f["data-tex"]) + 4 for f in formulas)


def _figure(node: Tag, folder: Path) -> str:
    picture = _picture(node.find("img"), folder)
    caption = node.find("figcaption")
    words = caption.select_one(".caption-text") if caption else None
    text = f"<figcaption>{_inner(words or caption)}</figcaption>" if caption else ""
    return f"<figure>{picture}{text}</figure>"


def _slider(node: Tag, folder: Path) -> list[str]:
    """The position at which a slider starts; what is seen there is its caption."""
    frames = node.select(".slider-frame")
    shown = next((f for f in frames if not f.has_attr("hidden")), None)
    image = shown.find("img") if shown else None
    if image is None:
        return []
    words = _escaped(image.get("alt", ""))
    picture = _picture(image, folder)
    return [f"<figure>{picture}<figcaption>{words}</figcaption></figure>"]


def _picture(image: Tag, folder: Path) -> str:
    source = image["src"]
    if not source.startswith("data:"):
        path = folder / unquote(source)
        kind = mimetypes.guess_type(path.name)[0]
        source = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return f'<img src="{_escaped(source)}" alt="{_escaped(image.get("alt", ""))}">'


def _question(section: Tag) -> list[str]:
    """The first paragraph, and the formula that follows it directly."""
    first = section.find("p", recursive=False)
    if first is None:
        return []
    after = first.find_next_sibling()
    formula = after if after is not None and "math" in (after.get("class") or []) else None
    return [_outer(first) + (_outer(formula) if formula else "")]


def _summary(section: Tag) -> list[str]:
    items = section.select("ul > li")
    bodies, now, length = [], [], 0
    for item in items:
        size = _length(item)
        if now and length + size > PER_SLIDE:
            bodies.append(now)
            now, length = [], 0
        now.append(_outer(item))
        length += size
    return [f"<ul>{''.join(body)}</ul>" for body in (*bodies, now) if body]


def _escaped(text: str) -> str:
    return html.escape(text, quote=True)


def _outer(node: Tag) -> str:
    _unlink(node)
    return str(node)


def _inner(node: Tag) -> str:
    _unlink(node)
    return node.decode_contents().strip()


def _unlink(node: Tag) -> None:
    """Links lead to other pages of the book, which a deck does not carry along."""
    for link in node.find_all("a"):
        link.unwrap()
    for tag in node.find_all(id=True):
        del tag["id"]
