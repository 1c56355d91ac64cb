"""No line breaks within a number, its interval, its error or in front of its unit."""

import re
import sys

import pytest
from miniature import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import unbroken


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("in 0.64 s, of 5 % or 12 MB", ["0.64 s", "5 %", "12 MB"]),
        ("1.1 [1.056, 1.140] and [1, -2e-3]", ["[1.056, 1.140]", "[1, -2e-3]"]),
        ("predicted -1/4 ± 0.05", ["-1/4 ± 0.05"]),
        ("2 seeds, 3 hidden layers, m = 2, 5, 8", []),
    ],
)
def test_spaces_within_a_number_do_not_break(text, whole):
    expected = text
    for part in whole:
        expected = expected.replace(part, part.replace(" ", "\xa0"))
    assert unbroken.spaced(text) == expected
    assert "".join(piece.astext() for piece in unbroken.pieces(text)) == expected


def test_number_with_an_exponent_is_one_piece_in_text_and_in_markup():
    one, number, rest = unbroken.pieces("at -7.8e-16, at")
    assert (one, number.astext(), rest) == ("at ", "-7.8e-16", ", at")
    assert number["classes"] == ["unbroken"]
    html = '<p class="claim" title="below 1e-12">at 1e-12, or 3</p>'
    expected = html.replace("at 1e-12", 'at <span class="unbroken">1e-12</span>')
    assert unbroken.in_markup(html) == expected


def test_measured_lines_of_the_chapters_have_whole_numbers():
    pages = (ROOT / "out" / "html" / "book").glob("*.html")
    lines = [p for page in pages for p in re.findall(r'<p class="claim".*?</p>', page.read_text())]
    assert len(lines) > 100
    for line in lines:
        said = re.sub(r'<span class="unbroken">[^<]*</span>|<[^>]*>', "", line)
        assert not re.search(r"\d e-\d|\de-\d|\[\S+, |\d % |± ", said), line


def test_values_of_the_ledger_have_whole_numbers():
    html = (ROOT / "out" / "html" / "book" / "ledger.html").read_text("utf8")
    values = re.findall(r'<span class="ledger-value">(.*?)</span>', html)
    exponents = [value for value in values if re.search(r"\de-\d", value)]
    assert len(exponents) > 5
    assert all('class="unbroken"' in value for value in exponents)
