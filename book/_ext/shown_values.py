"""The value of a constant is shown, unless it holds functions.

`{1: <function first at 0x…>}` tells a reader nothing; the docstring says what is in it.
"""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx


def leave_out_functions(app: Sphinx, doctree: nodes.document) -> None:
    """Take the values with functions from the signatures of one page."""
    for value in list(doctree.findall(addnodes.desc_annotation)):
        if "<function" in value.astext():
            value.parent.remove(value)


def setup(app: Sphinx) -> dict:
    """Change every page when it is read."""
    app.connect("doctree-read", leave_out_functions)
    return {"parallel_read_safe": True}
