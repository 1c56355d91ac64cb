"""Entries of the bibliography are items of their list, also for screen readers, without labels.

Docutils gives them the role `doc-biblioentry`, which DPUB-ARIA 1.1 has withdrawn because a list may
only have list items. The text cites by author and year, so that labels like [JGH18] name nothing.
"""

import re

from sphinx.application import Sphinx

from page_text import on_every_page

ENTRY = re.compile(
    r'(<div class="citation" id="[^"]*" role=)"doc-biblioentry">\s*'
    r'<span class="label"><span class="fn-bracket">\[</span>.*?\]</span></span>'
)


def as_items(body: str) -> str:
    """The text of a page whose entries are list items."""
    return ENTRY.sub(r'\1"listitem">', body)


def setup(app: Sphinx) -> dict:
    """Change the text of every page before it is written."""
    return on_every_page(app, as_items)
