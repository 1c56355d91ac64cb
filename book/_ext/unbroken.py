"""A number keeps its unit, its exponent, its interval and its error on one line.

Browsers break a line at the space of "0.64 s" and "[1, 2]", and behind the hyphen of "7.8e-16".
The spaces become such that no line breaks there (U+00A0); a number with an exponent becomes a span
of the class `unbroken`. Code and formulas are left alone.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

NUMBER = r"[-−]?\d[\d.e/+-]*"
SPACE = re.compile(
    r"(?<=\d) (?=%|(?:s|ms|min|h|kB|MB|GB)\b)"  # a unit
    rf"|(?<=\d) (?=± )|(?<=\d ±) (?=\d)|(?<=\d\xa0±) (?=\d)"  # an error
    rf"|(?<=[\d.],) (?={NUMBER}\])"  # the end of an interval
)
EXPONENT = re.compile(r"([-−]?\d[\d.]*e-\d+)")
TAG = re.compile(r"(<[^>]*>)")
LEFT_ALONE = (nodes.literal, nodes.math, nodes.FixedTextElement)


def spaced(text: str) -> str:
    """The text with spaces that do not break where a number goes on."""
    return SPACE.sub("\xa0", text)


def in_markup(html: str) -> str:
    """The same for HTML, with its numbers with exponents in spans; tags stay as they are."""
    span = r'<span class="unbroken">\1</span>'
    parts = TAG.split(html)
    return "".join(p if p.startswith("<") else EXPONENT.sub(span, spaced(p)) for p in parts)


def pieces(text: str) -> list[nodes.Node]:
    """The same for a text, as nodes."""
    parts = enumerate(EXPONENT.split(spaced(text)))
    return [
        nodes.inline("", part, classes=["unbroken"]) if number % 2 else nodes.Text(part)
        for number, part in parts
        if part
    ]


class KeepNumbersWhole(SphinxPostTransform):
    """Visit every text, and the lines of HTML that state what was measured."""

    default_priority = 910
    formats = ("html",)

    def run(self) -> None:
        """One page."""
        for text in list(self.document.findall(nodes.Text)):
            if isinstance(text.parent, LEFT_ALONE):
                continue
            new = pieces(text.astext())
            if new != [text]:  # also where all of it is one number with an exponent
                text.parent.replace(text, new)
        for raw in list(self.document.findall(nodes.raw)):
            if raw.get("format") == "html" and '<p class="claim"' in raw.astext():
                raw.replace_self(nodes.raw("", in_markup(raw.astext()), format="html"))


def setup(app: Sphinx) -> dict:
    """Register the transform; it follows the one that writes links into the measured lines."""
    app.add_post_transform(KeepNumbersWhole)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
