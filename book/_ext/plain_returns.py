"""What a docstring says of its result is a sentence, also when it has a colon.

Napoleon takes the words in front of a colon for a type: of "A Path: where it went" the reference
would show "Where it went" and, apart from it, "Return type: A Path". The library's docstrings name
no types there, so an empty one is put in front.
"""

import re

from sphinx.application import Sphinx

RETURNS = re.compile(r"^( *(?:Returns|Yields):\n +)(?=[^\n]*:)", re.MULTILINE)
VALUES = ("attribute", "data", "property")  # their whole docstring is read like that


def without_types(text: str, what: str) -> str:
    """A docstring that Napoleon cuts nowhere."""
    if what in VALUES:
        return f": {text}" if ":" in text.partition("\n")[0] else text
    return RETURNS.sub(r"\1: ", text)


def _rewrite(app: Sphinx, what, name, obj, options, lines: list[str]) -> None:
    lines[:] = without_types("\n".join(lines), what).split("\n")


def setup(app: Sphinx) -> dict:
    """Run after dollars have become roles, and before napoleon reads the sections."""
    app.connect("autodoc-process-docstring", _rewrite, priority=200)
    return {"parallel_read_safe": True}
