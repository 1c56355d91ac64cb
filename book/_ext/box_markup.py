"""Boxes of statements, proofs, exercises and solutions: what their extensions write, mended.

sphinx-proof and sphinx-exercise give all boxes of a page the same ids. Nothing leads to these; that
of proofs carried a padding, which look.css sets by their class. The link in the title of a solution
begins with a space, which is underlined.
"""

import re

from sphinx.application import Sphinx

from page_text import on_every_page

REPEATED = re.compile(
    r'(<div\b[^>]*?) id="proof"'
    r'|(<section\b[^>]*?) id="(?:proof|exercise|solution)-content"'
)
SPACE = re.compile(r"(Solution to)(<a [^>]*>) ")


def mended(body: str) -> str:
    """The text of a page with each id once and the space before the link."""
    return SPACE.sub(r"\1 \2", REPEATED.sub(lambda found: found[1] or found[2], body))


def setup(app: Sphinx) -> dict:
    """Change the text of every page before it is written."""
    return on_every_page(app, mended)
