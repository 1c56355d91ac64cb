"""Each field of a NamedTuple is described in the reference, once and in words of its own."""

import importlib
import inspect
import re
import sys

import pytest
from miniature import ROOT, TOOLS

sys.path.insert(0, str(TOOLS))

from project import Project

SOURCES = sorted((ROOT / "book").glob("api-*.md"))
MODULES = [
    name
    for source in SOURCES
    for name in re.findall(r"automodule:: (\S+)", source.read_text("utf8"))
]
TUPLES = [
    one
    for name in MODULES
    for one in vars(importlib.import_module(name)).values()
    if inspect.isclass(one) and issubclass(one, tuple)
    if one.__module__ == name and not one.__name__.startswith("_")
]


@pytest.mark.parametrize("one", TUPLES, ids=lambda one: one.__name__)
def test_docstring_describes_every_field(one):
    described = re.findall(r"^ +(\w+): ", one.__doc__.partition("Attributes:")[2], re.MULTILINE)
    assert set(one._fields) <= set(described)


def test_reference_repeats_no_field():
    folder = Project(ROOT).html / "book"
    text = "".join((folder / f"{s.stem}.html").read_text("utf8") for s in SOURCES)
    assert "Alias for field number" not in text
    assert all(one.__name__ in text for one in TUPLES)
