"""Cells with a sentence get a class, so that a phone leaves them room.

A table that is wider than a phone scrolls, but browsers first make its columns of text as narrow as
their longest word. The style sheet gives the cells of the class `text` a least width.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from passages import words

LONG = 30  # letters; fewer fit in two lines anyway


class MarkText(SphinxPostTransform):
    """Visit every cell of one page."""

    default_priority = 920
    formats = ("html",)

    def run(self) -> None:
        """Give the class to cells with much text."""
        for cell in self.document.findall(nodes.entry):
            if len(" ".join(words(cell).split())) >= LONG:
                cell["classes"].append("text")


def setup(app: Sphinx) -> dict:
    """Register the transform."""
    app.add_post_transform(MarkText)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
