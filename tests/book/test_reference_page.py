"""The pages of the library: results in whole sentences, values that say something, headings."""

import inspect
import re
import sys

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from miniature import ROOT
from sphinx import addnodes

import taylorlib

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import plain_returns
import shown_values

SOURCES = sorted((ROOT / "book").glob("api-*.md"))


@pytest.fixture(scope="module")
def articles():
    pages = [ROOT / "out" / "html" / "book" / f"{source.stem}.html" for source in SOURCES]
    return [BeautifulSoup(p.read_text("utf8"), "html.parser").find("article") for p in pages]


def test_colon_in_what_is_returned_is_not_the_end_of_a_type():
    text = "Do it.\n\nReturns:\n    A path: the way.\n    It is: long.\n\nRaises:\n    E: never.\n"
    after = plain_returns.without_types(text, "function")
    assert after == text.replace("    A path", "    : A path")
    plain = "Returns:\n    A path.\n    It is: long.\n"
    assert plain_returns.without_types(plain, "function") == plain


def test_colon_in_the_first_line_about_a_value_is_not_the_end_of_a_type():
    cut, whole = "The loss: a square.\n\nMore: x.", "The loss.\n\nMore: x."
    assert plain_returns.without_types(cut, "data") == f": {cut}"
    assert plain_returns.without_types(whole, "data") == whole


def test_value_with_functions_is_left_out_and_a_number_is_shown():
    functions = addnodes.desc_annotation("", " = {1: <function first>}")
    number = addnodes.desc_annotation("", " = 1.5")
    document = nodes.document(None, None)
    document += [addnodes.desc_signature("", "", one) for one in (functions, number)]
    shown_values.leave_out_functions(None, document)
    assert document.astext().split() == ["=", "1.5"]


def test_no_sentence_of_the_reference_is_cut_into_a_type_and_a_rest(articles):
    fields = [field for article in articles for field in article.select("dl.field-list > dt")]
    assert len(fields) > 300
    assert [f for f in fields if re.match("(Return t|T|Yield t)ype", f.get_text().strip())] == []
    values = [dd for article in articles for dd in article.select("dl.field-list > dd.field-even")]
    assert ":" not in [dd.get_text().strip()[:1] for dd in values]
    assert not any("<function" in article.get_text() for article in articles)


def test_every_module_has_its_heading_and_stands_in_the_table_of_the_pages(articles):
    table = (ROOT / "book" / "api.md").read_text("utf8").splitlines()
    for source, article in zip(SOURCES, articles, strict=True):
        modules = re.findall(r"automodule:: (\S+)", source.read_text("utf8"))
        headings = [h.get_text().removesuffix("#").strip() for h in article("h2")]
        assert headings == modules
        (row,) = [line for line in table if f"{{doc}}`{source.stem}`" in line]
        assert re.findall(r"`~(\S+)`", row) == modules


def test_all_that_the_package_exports_is_in_the_reference():
    sources = "".join(source.read_text("utf8") for source in SOURCES)
    listed = re.findall(r"automodule:: (\S+)", sources)
    for name in taylorlib.__all__:
        one = getattr(taylorlib, name)
        home = one.__name__ if inspect.ismodule(one) else one.__module__
        assert any(module == home or module.startswith(f"{home}.") for module in listed), name


def test_no_raw_dollar_is_left_in_the_reference(articles):
    raw = [text for article in articles for text in article.find_all(string=re.compile(r"\$"))]
    shown = [
        t for t in raw if not t.find_parents(["pre", "code"]) and not t.find_parents(class_="math")
    ]
    assert shown == []
