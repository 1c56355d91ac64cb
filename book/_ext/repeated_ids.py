"""No id twice on a page: sphinx-proof and sphinx-exercise give all their boxes the same ones.

Nothing leads to these ids; that of proofs carried a padding, which look.css sets by their class.
"""

import re

from sphinx.application import Sphinx

REPEATED = re.compile(
    r'(<div\b[^>]*?) id="proof"'
    r'|(<section\b[^>]*?) id="(?:proof|exercise|solution)-content"'
)


def _remove(app: Sphinx, pagename, templatename, context, doctree) -> None:
    if "body" in context:
        context["body"] = without(context["body"])


def without(body: str) -> str:
    """The text of a page without them."""
    return REPEATED.sub(lambda found: found[1] or found[2], body)


def setup(app: Sphinx) -> dict:
    """Register the removal."""
    app.connect("html-page-context", _remove)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
