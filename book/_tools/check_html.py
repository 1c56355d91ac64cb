"""Check that the built pages are correct HTML: every finding is one line, good pages have none.

The parser is that of the HTML standard, so what it complains about is what browsers have to guess.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
from html5lib.constants import E as MESSAGES

import one_sentence
from check_pages import FORMULA
from project import Project

# Attributes whose words are ids of the same page.
REFERRING = ("aria-controls", "aria-describedby", "aria-labelledby", "aria-owns", "for", "list")
HEADINGS = {f"h{level}": level for level in range(1, 7)}
# Written by the theme and left as they are, with the reason. Its two buttons call a function by its
# name and a page has nothing that a reader typed, so that no foreign text becomes code.
THEME_CALLS = {"toggleFullScreen()", "window.print()"}
# Seen in print only, where the theme repeats the title above the table of contents.
PRINTED = "onlyprint"
# doctools makes a function of the plural rule of a translated Sphinx, and the book has none.
SCRIPTS_OF_OTHERS = {"doctools.js"}
# What turns text into code; a page without them works under a strict content security policy.
EVALUATING = re.compile(
    r"(?<![\w.$])eval\s*\(|\bnew\s+Function\s*\(|\bset(?:Timeout|Interval)\s*\(\s*['\"`]"
)


def check(project: Project) -> list[str]:
    """Every problem of every page, and of the book's own scripts."""
    html = project.html.resolve()
    problems, pages_of = [], {}
    for path in sorted(html.rglob("*.html")):
        name = path.relative_to(html).as_posix()
        if name.startswith(("_static/", "_sources/")):
            continue
        # set formulas are most of a page; tests/book/test_mathematics.py parses each kind of them
        found, title = of_page(FORMULA.sub("", path.read_text("utf8")))
        problems += [f"{name}: {problem}" for problem in found]
        pages_of.setdefault(title, []).append(name)
    problems += [
        f"{', '.join(names)}: the same title, {title!r}"
        for title, names in pages_of.items()
        if len(names) > 1
    ]
    for path in sorted((html / "_static").rglob("*.js")):
        name = path.relative_to(html / "_static").as_posix()
        if name not in SCRIPTS_OF_OTHERS:
            problems += [f"_static/{name}: {p}" for p in of_script(path.read_text("utf8"))]
    return problems


def of_page(text: str) -> tuple[list[str], str]:
    """The problems of one page, and its title."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    root = parser.parse(text)
    problems = [
        f"line {line}: {MESSAGES[code] % data if data else MESSAGES[code]}"
        for (line, _), code, data in parser.errors
    ]
    elements = [element for element in root.iter() if isinstance(element.tag, str)]
    title = " ".join(root.findtext("head/title", "").split())
    if not root.get("lang"):
        problems.append("the language of the page is not named")
    if not title:
        problems.append("the page has no title")
    problems += _ids(elements)
    problems += _headings(elements)
    problems += _code(elements)
    return problems, title


def _ids(elements: list[Element]) -> Iterator[str]:
    ids = Counter(element.get("id") for element in elements if "id" in element.keys())  # noqa: SIM118
    for name, times in ids.items():
        if times > 1:
            yield f"the id {name!r} stands {times} times"
        if not name or name.split() != [name]:
            yield f"the id {name!r} is empty or has a space"
    for element in elements:
        for attribute in REFERRING:
            for name in element.get(attribute, "").split():
                if name not in ids:
                    yield f"<{element.tag} {attribute}={name!r}>: there is no such id"


def _headings(elements: list[Element]) -> Iterator[str]:
    """One h1, and never a level left out on the way down."""
    printed = {
        id(inner) for e in elements if PRINTED in e.get("class", "").split() for inner in e.iter()
    }
    found = [
        (HEADINGS[e.tag], " ".join("".join(e.itertext()).split()))
        for e in elements
        if e.tag in HEADINGS and id(e) not in printed
    ]
    first = [text for level, text in found if level == 1]
    if len(first) != 1:
        yield f"one h1 is needed, there are {len(first)}: {first}"
    for (above, _), (level, text) in pairwise(found):
        if level > above + 1:
            yield f"h{level} {text!r} follows an h{above}"


def _code(elements: list[Element]) -> Iterator[str]:
    for element in elements:
        for name, value in element.items():
            if name.startswith("on") and value not in THEME_CALLS:
                yield f"<{element.tag} {name}={value[:40]!r}> is code in an attribute"
            if value.strip().lower().startswith("javascript:"):
                yield f"<{element.tag} {name}={value[:40]!r}> is code in an address"
        if element.tag == "script" and not element.get("src"):
            yield from of_script(element.text or "")


def of_script(text: str) -> list[str]:
    """Where a script makes code of text."""
    return [
        f"a script has {text[found.start() : found.start() + 30]!r}"
        for found in EVALUATING.finditer(text)
    ]


def main() -> int:
    """Print what is wrong."""
    problems = check(Project(*map(Path, sys.argv[1:])))
    print("\n".join([*problems, f"{len(problems)} problems"]))
    return min(len(problems), 1)


if __name__ == "__main__":
    one_sentence.run(main)
