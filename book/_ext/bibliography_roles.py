"""Entries of the bibliography are items of their list, also for screen readers.

Docutils gives them the role `doc-biblioentry`, which DPUB-ARIA 1.1 has withdrawn because a list may
only have list items.
"""

from sphinx.application import Sphinx


def as_items(body: str) -> str:
    """The text of a page whose entries are list items."""
    return body.replace('role="doc-biblioentry"', 'role="listitem"')


def _on_page(app: Sphinx, pagename, templatename, context, doctree) -> None:
    if "body" in context:
        context["body"] = as_items(context["body"])


def setup(app: Sphinx) -> dict:
    """Change the text of every page before it is written."""
    app.connect("html-page-context", _on_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
