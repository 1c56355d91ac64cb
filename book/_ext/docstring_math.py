"""Docstrings write mathematics between dollar signs, as the chapters do; Sphinx wants roles."""

import re

from sphinx.application import Sphinx

LITERAL = re.compile(r"(``.*?``)", re.DOTALL)
DISPLAY = re.compile(r"^( *)\$\$(.+?)\$\$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<!\$)\$([^$]+?)\$(?!\$)")


def to_rst(text: str) -> str:
    """Turn ``$$...$$`` into a math directive and ``$...$`` into a role, outside of literals."""
    parts = LITERAL.split(DISPLAY.sub(_directive, text))
    return "".join(p if p.startswith("``") else INLINE.sub(_role, p) for p in parts)


def _directive(found: re.Match) -> str:
    indent, formula = found.group(1), " ".join(found.group(2).split())
    return f"{indent}.. math:: {formula}"


def _role(found: re.Match) -> str:
    formula = " ".join(found.group(1).split())
    return f":math:`{formula}`"


def _rewrite(app: Sphinx, what, name, obj, options, lines: list[str]) -> None:
    lines[:] = to_rst("\n".join(lines)).split("\n")


def setup(app: Sphinx) -> dict:
    """Run before napoleon reads the sections."""
    app.connect("autodoc-process-docstring", _rewrite, priority=100)
    return {"parallel_read_safe": True}
