"""Punctuation and brackets beside a formula stay on the formula's line.

An inline formula is a picture, and browsers may break a line between a picture and a comma
behind or a bracket in front of it. A word joiner (U+2060) forbids that and is not seen otherwise.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

PUNCTUATION = tuple(".,;:!?)]")
BRACKETS = tuple("([")


class GluePunctuation(SphinxPostTransform):
    """Put a word joiner between an inline formula and a sign that belongs to it."""

    default_priority = 900
    formats = ("html",)

    def run(self) -> None:
        """Visit every inline formula of one page."""
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
