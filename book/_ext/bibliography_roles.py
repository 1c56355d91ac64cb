"""Entries of the bibliography are items of their list, also for screen readers.

Docutils gives them the role `doc-biblioentry`, which DPUB-ARIA 1.1 has withdrawn because a list may
only have list items.
"""

from sphinx.application import Sphinx

from page_text import on_every_page


def as_items(body: str) -> str:
    """The text of a page whose entries are list items."""
    return body.replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app: Sphinx) -> dict:
    """Change the text of every page before it is written."""
    return on_every_page(app, as_items)
