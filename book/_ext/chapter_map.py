"""A drawn map of the chapters: which leads to which, and which are still to come.

    ```{chapter-map}
    ntk: The neural tangent kernel
    expansion: Higher-order Taylor expansion <- ntk
    ```

Each line is a page of `book/`, its title, and after the arrow the pages it builds on. A page of the
table of contents becomes a link, one that is not there yet a dashed box. The drawing is an SVG in
the page, 320 units wide so that its words can be read on a phone; its colours are the theme's.
"""

import html
import re
from itertools import pairwise

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

LINE = re.compile(r"(?P<page>[\w-]+): (?P<title>[^<]+?)(?: <- (?P<needs>[\w, -]+))?")
WIDTH, COLUMN, ROW, BOX = 320, 152, 74, 46


class ChapterMap(SphinxDirective):
    """The directive."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Read the lines, place the boxes, draw."""
        entries = [self._entry(line) for line in self.content if line.strip()]
        missing = {need for _, _, needs in entries for need in needs} - {e[0] for e in entries}
        if missing:
            raise self.error(f"the map has arrows from unknown pages: {sorted(missing)}")
        ready = {page for page, _, _ in entries if f"book/{page}" in self.env.found_docs}
        ready_words = ", ".join(t for p, t, _ in entries if p in ready)
        svg = draw(entries, ready)
        label = html.escape(f"Map of the chapters. Ready: {ready_words}.")
        markup = f'<figure class="chapter-map" role="group" aria-label="{label}">{svg}</figure>'
        return [nodes.raw("", markup, format="html")]

    def _entry(self, line: str) -> tuple[str, str, list[str]]:
        found = LINE.fullmatch(line.strip())
        if not found:
            raise self.error(f"a line of the map is 'page: title <- page, page', got {line!r}")
        needs = re.split(r",\s*", found["needs"]) if found["needs"] else []
        return found["page"], found["title"], needs


def place(entries: list) -> dict[str, tuple[int, int]]:
    """Row and column of each page: a row below all that it needs, two boxes in a row at most."""
    rows: dict[int, list[str]] = {}
    row_of: dict[str, int] = {}
    for page, _, needs in entries:
        row = max((row_of[need] for need in needs), default=-1) + 1
        while len(rows.get(row, [])) == 2:
            row += 1
        rows.setdefault(row, []).append(page)
        row_of[page] = row
    return {page: (row, i) for row, pages in rows.items() for i, page in enumerate(pages)}


def draw(entries: list, ready: set[str]) -> str:
    """The SVG."""
    places = place(entries)
    alone = {row for row, _ in places.values()} - {row for row, column in places.values() if column}

    def centre(page: str) -> tuple[float, float]:
        row, column = places[page]
        x = WIDTH / 2 if row in alone else COLUMN / 2 + 1 + column * (WIDTH - COLUMN - 2)
        return x, row * ROW + BOX / 2 + 1

    arrows = []
    for page, _, needs in entries:
        for need in needs:
            (x1, y1), (x2, y2) = centre(need), centre(page)
            top, bottom = y1 + BOX / 2, y2 - BOX / 2 - 4
            curve = f"M{x1:g},{top:g} " + _curve(x1, top, x2, bottom)
            if places[page][0] > places[need][0] + 1:  # past other rows, between their boxes
                gap, x = ROW - BOX, WIDTH / 2
                down = f" L{x:g},{bottom - gap + 4:g} "
                curve = f"M{x1:g},{top:g} " + _curve(x1, top, x, top + gap) + down
                curve += _curve(x, bottom - gap + 4, x2, bottom)
            arrows.append(f'<path class="arrow" d="{curve}" marker-end="url(#map-arrow)"/>')
    boxes = [_box(page, title, centre(page), page in ready) for page, title, _ in entries]
    height = max(row for row, _ in places.values()) * ROW + BOX + 2
    head = (
        '<defs><marker id="map-arrow" viewBox="0 0 6 6" refX="4" refY="3" markerWidth="6" '
        'markerHeight="6" orient="auto"><path class="head" d="M0,0 L6,3 L0,6 z"/></marker></defs>'
    )
    return f'<svg viewBox="0 0 {WIDTH} {height}">{head}{"".join(arrows + boxes)}</svg>'


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    middle = (y1 + y2) / 2
    return f"C{x1:g},{middle:g} {x2:g},{middle:g} {x2:g},{y2:g}"


def _box(page: str, title: str, centre: tuple[float, float], is_ready: bool) -> str:
    x, y = centre
    lines = wrap(title, 20)
    words = "".join(
        f'<text x="{x:g}" y="{y + 4.5 + 14 * (i - (len(lines) - 1) / 2):g}">{html.escape(line)}'
        "</text>"
        for i, line in enumerate(lines)
    )
    kind = "ready" if is_ready else "coming"
    box = (
        f'<rect class="{kind}" x="{x - COLUMN / 2:g}" y="{y - BOX / 2:g}" width="{COLUMN}" '
        f'height="{BOX}" rx="5"/>{words}'
    )
    return f'<a href="{page}.html">{box}</a>' if is_ready else f"<g>{box}</g>"


def wrap(title: str, width: int) -> list[str]:
    """Break a title into two lines of nearly equal length if it is longer than `width`."""
    if len(title) <= width:
        return [title]
    gaps = [found.start() for found in re.finditer(" ", title)]
    if not gaps:
        return [title]
    gap = min(gaps, key=lambda i: abs(i - len(title) / 2))
    return [part.strip() for part in (title[a:b] for a, b in pairwise([0, gap, len(title)]))]


def setup(app: Sphinx) -> dict:
    """Register the directive."""
    app.add_directive("chapter-map", ChapterMap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
