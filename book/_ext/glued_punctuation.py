"""What belongs together stays on one line: formulas with their punctuation, numbers with their %.

An inline formula is a picture, and browsers may break a line between a picture and a comma
behind or a bracket in front of it. A word joiner (U+2060) forbids that and is not seen otherwise.
The space in "5 %" becomes one at which no line breaks (U+00A0).
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

PUNCTUATION = tuple(".,;:!?)]")
BRACKETS = tuple("([")
PERCENT = re.compile(r"(?<=\d) (?=%)")
VERBATIM = nodes.literal | nodes.literal_block | nodes.math | nodes.math_block | nodes.raw


class GluePunctuation(SphinxPostTransform):
    """Forbid lines to break between signs that belong together."""

    default_priority = 900
    formats = ("html",)

    def run(self) -> None:
        """Visit every text and every inline formula of one page."""
        for text in list(self.document.findall(nodes.Text)):
            if PERCENT.search(text) and not isinstance(text.parent, VERBATIM):
                text.parent.replace(text, nodes.Text(PERCENT.sub("\u00a0", text)))
        for formula in list(self.document.findall(nodes.math)):
            siblings = formula.parent.children
            place = siblings.index(formula)
            before = siblings[place - 1] if place else None
            if isinstance(before, nodes.Text) and before.endswith(BRACKETS):
                formula.parent.replace(before, nodes.Text(f"{before}\u2060"))
            behind = next(iter(siblings[place + 1 :]), None)
            if isinstance(behind, nodes.Text) and behind.startswith(PUNCTUATION):
                formula.parent.replace(behind, nodes.Text(f"\u2060{behind}"))


def setup(app: Sphinx) -> dict:
    """Register the transform."""
    app.add_post_transform(GluePunctuation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
