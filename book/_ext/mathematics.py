"""Formulas are set when the pages are made, so that a page shows them at once, without a script.

Sphinx asks for the HTML of each formula; `typesetting.py` sets it. When all pages are written, each
gets in front of its text one hidden drawing with what its formulas share: the outlines of their
glyphs, and formulas that it shows several times. A formula keeps its TeX in `data-tex`.
"""

import json
import re
from collections import Counter
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from typesetting import Formula, MissingError, Typesetter, UnreadError, typesetter

RENDERER = "before"
WIDE = 25  # ex; anything less fits on a phone, even in a list within a list
SHARED = 60  # characters of a drawing that is worth to be shared when it occurs twice
GLYPH = re.compile(r"(?<=<use href=#)([A-Z\d]+-[A-F\d]+)(?= )")
DRAWING = re.compile(r"(<svg style=vertical-align[^>]*>)(.*?)(</svg>)", re.DOTALL)
STYLE = (
    ".math svg{fill:currentColor;overflow:visible}.math svg .s,.glyphs .s{transform:scale(.707)}"
)
logger = logging.getLogger(__name__)


def press(app: Sphinx) -> Typesetter:
    """The typesetter with the book's macros."""
    tex = (app.config.mathjax3_config or {}).get("tex", {})
    try:
        return typesetter(json.dumps(tex, sort_keys=True))
    except MissingError as error:
        raise ExtensionError(str(error)) from error


def source(node: nodes.math_block) -> str:
    """The TeX of a display: several paragraphs or lines are aligned, as Sphinx does it."""
    text = node.astext()
    if node.get("nowrap") or "amsmath" in node["classes"]:
        return text
    parts = [part for part in text.split("\n\n") if part.strip()]
    lines = [rf"\begin{{split}}{part}\end{{split}}" if r"\\" in part else part for part in parts]
    if len(lines) < 2:
        return "".join(lines)
    return r"\begin{align}\begin{aligned}" + r"\\".join(lines) + r"\end{aligned}\end{align}"


def _set(translator, node: nodes.Node, tex: str, display: bool) -> Formula | None:
    try:
        return press(translator.builder.app).set(tex, display)
    except UnreadError as error:
        shown = " ".join(tex.split())
        logger.warning("MathJax cannot read %s: %s", shown, error, location=node)
        return None


def visit_math(self, node: nodes.math) -> None:
    """An inline formula."""
    tex = node.astext()
    formula = _set(self, node, tex, display=False)
    if formula:
        wide = formula.width > WIDE
        classes = "math wide" if wide else "math"
        self.body.append(self.starttag(node, "span", "", CLASS=classes, **{"data-tex": tex}))
        inside = formula.mathml + formula.svg
        # the outer span keeps the line, the middle one scrolls, the inner one has the baseline
        inside = f"<span><span>{inside}</span></span>" if wide else inside
        self.body.append(f"{inside}</span>")
    raise nodes.SkipNode


def visit_display(self, node: nodes.math_block) -> None:
    """A display with its number."""
    tex = source(node)
    formula = _set(self, node, tex, display=True)
    if formula:
        attributes = {"CLASS": "math", "data-tex": node.astext()}
        self.body.append(self.starttag(node, "div", **attributes))
        if node.get("number"):
            self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
            self.add_permalink_ref(node, "Link to this equation")
            self.body.append("</span>")
        # how wide it is by itself; the style sheet makes one that does not fit a little smaller
        own = f' style="--width:{formula.width:g}ex"' if formula.width > WIDE else ""
        self.body.append(f'<div class="formula"{own}>{formula.mathml}{formula.svg}</div></div>\n')
    raise nodes.SkipNode


def with_store(page: str, outline) -> str:
    """A page with the drawing that its formulas refer to; `outline` gives the path of a glyph."""
    bodies = Counter(body for _, body, _ in DRAWING.findall(page))
    shared = {
        body: f"F{number}"
        for number, body in enumerate(b for b, count in bodies.items() if count > 1)
        if len(body) > SHARED and "<svg" not in body
    }

    def drawn(found: re.Match) -> str:
        opening, body, closing = found.groups()
        return f"{opening}<use href=#{shared[body]} />{closing}" if body in shared else found[0]

    page = DRAWING.sub(drawn, page)
    groups = "".join(f"<g id={name}>{body}</g>" for body, name in shared.items())
    names = dict.fromkeys(GLYPH.findall(page + groups))
    if not names:
        return page
    short = {name: f"G{number:x}" for number, name in enumerate(names)}
    paths = "".join(
        # the outlines are those of a font, where y points upwards
        f'<path id={short[name]} transform=scale(1,-1) d="{outline(name)}" />'
        for name in names
    )
    groups, page = (GLYPH.sub(lambda found: short[found[1]], text) for text in (groups, page))
    store = (
        f'<svg class="glyphs" width="0" height="0" style="position:absolute" aria-hidden="true">'
        f"<style>{STYLE}</style><defs>{paths}{groups}</defs></svg>"
    )
    return re.sub(r"<body[^>]*>", lambda found: found[0] + store, page, count=1)


def _finish(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    for path in sorted(Path(app.outdir).rglob("*.html")):
        text = path.read_text("utf8")
        if GLYPH.search(text):
            path.write_text(with_store(text, press(app).outline), "utf8")


def setup(app: Sphinx) -> dict:
    """Register the renderer; `_config.yml` chooses it."""
    app.add_html_math_renderer(RENDERER, (visit_math, None), (visit_display, None))
    app.connect("build-finished", _finish)
    app.add_css_file("mathematics.css")
    app.add_js_file("mathematics.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": False}
