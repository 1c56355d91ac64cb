"""Fields of a NamedTuple are described where its docstring lists them, and nowhere else.

Python gives each field a docstring of its own, "Alias for field number 0", which autodoc would set
as an entry below the class: a quarter of the reference would be such lines.
"""

from collections import namedtuple

from sphinx.application import Sphinx

FIELD = type(namedtuple("Example", "field").field)  # the type has no public name


def skip(app: Sphinx, what, name, obj, is_skipped: bool, options) -> bool | None:
    """Whether a member is left out; None leaves it to others."""
    return True if isinstance(obj, FIELD) else None


def setup(app: Sphinx) -> dict:
    """Ask before a member is described."""
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
