"""Formulas are set without a browser: seen as SVG, heard as MathML, and an error is told."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import html5lib
import pytest
from bs4 import BeautifulSoup
from docutils import nodes

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import glued_punctuation  # noqa: E402
import mathematics  # noqa: E402
import typesetting  # noqa: E402


@pytest.fixture(scope="module")
def press():
    return typesetting.Typesetter({"macros": {"norm": [r"\|#1\|", 1]}})


def glyphs(formula):
    return mathematics.GLYPH.findall(formula.svg)


def test_letters_fractions_and_indices_have_their_places(press):
    formula = press.set(r"\frac ab+x_i", display=False)
    uses = re.findall(r"<use href=#(\S+)(?: x=(\S+))?(?: y=(\S+))? />", formula.svg)
    names = [name for name, _, _ in uses]
    assert names == ["I-1D44E", "I-1D44F", "N-2B", "I-1D465", "I-1D456"]
    heights = [int(y or 0) for _, _, y in uses]
    assert heights[0] < 0 < heights[1]  # the numerator above, the denominator below; y downwards
    assert heights[4] > 0  # the index below
    assert "<rect" in formula.svg  # the fraction's bar
    assert "transform=scale(.707)" in formula.svg


def test_what_is_heard_is_mathml(press):
    formula = press.set(r"\sum_{i=1}^n x_i\le\norm{w}", display=True)
    heard = BeautifulSoup(formula.mathml, "html.parser").math
    assert heard["display"] == "block"
    assert [tag.name for tag in heard.find_all(recursive=False)][:2] == ["munderover", "msub"]
    assert heard.get_text() == "∑i=1nxi≤∥w∥"


@pytest.mark.parametrize(
    "tex",
    [
        r"\left(\begin{array}{c|c}a&b\\c&d\\e&f\\g&h\\i&j\end{array}\right)",
        r"\begin{cases}x&\text{if }x>0\\0\end{cases}",
        r"\boxed{\color{red}{x}}+\sqrt[3]{y}+\underbrace{a+b}_{c}+\overline{z}",
        r"\mathbb R\mathcal F\mathfrak g\mathbf 1\mathrm{tr}",
    ],
)
def test_drawing_is_lean_and_names_only_outlines_that_exist(press, tex):
    formula = press.set(tex, display=True)
    for word in ("data-", "xlink", "mjx", "id=", "NaN", "undefined"):
        assert word not in formula.svg
        assert word not in formula.mathml
    assert BeautifulSoup(formula.svg, "html.parser").svg["aria-hidden"] == "true"
    names = glyphs(formula)
    assert names
    assert all(press.outline(name).startswith("M") for name in names)


def test_page_with_formulas_is_html_by_the_standard(press):
    tex = [
        r"\frac ab+\sqrt[3]{x_i}",
        r"\left(\begin{array}{c|c}a\\b\\c\\d\end{array}\right)",
        "x<1",
    ]
    body = "".join(f.mathml + f.svg for f in (press.set(t, display=False) for t in tex * 2))
    page = f"<!doctype html><html><head><title>x</title></head><body>{body}</body></html>"
    html5lib.HTMLParser(strict=True).parse(mathematics.with_store(page, press.outline))


def test_formula_does_not_depend_on_those_before(press):
    other = typesetting.Typesetter()
    other.set(r"\int_0^1 f \label{one}", display=True)
    other.set(r"\int_0^2 f \label{one}", display=True)
    assert other.set("x^2", display=False) == press.set("x^2", display=False)


@pytest.mark.parametrize(
    ("tex", "words"),
    [
        (r"\nonsense x", r"Undefined control sequence \nonsense"),
        (r"\frac{a", "Missing close brace"),
        (r"x^2^3", "Double exponent"),
        (r"\newcommand{\q}{x}\q", "newcommand"),  # macros stand in _config.yml, for all pages
        (r"\begin{align}x\tag{1}\end{align}", "use a label"),
    ],
)
def test_formula_that_cannot_be_read_is_told_in_mathjax_own_words(press, tex, words):
    with pytest.raises(typesetting.UnreadError, match=re.escape(words)):
        press.set(tex, display=True)


def test_absent_package_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setattr(typesetting, "PACKAGE", "no-such-package")
    with pytest.raises(typesetting.MissingError, match=r"delete \.venv and run make again"):
        typesetting._mathjax()


def test_page_gets_each_outline_and_each_repeated_formula_once(press):
    long, short = press.set(r"a+a+\sigma'(z)", display=False), press.set("a", display=False)
    page = f"<html><body class=x><p>{long.svg}{short.svg}{long.svg}{short.svg}</p></body></html>"
    made = mathematics.with_store(page, press.outline)
    soup = BeautifulSoup(made, "html.parser")
    store = soup.body.find(recursive=False)
    assert store["class"] == ["glyphs"]
    names = [tag["id"] for tag in store.select("[id]")]
    assert len(names) == len(set(names))
    assert len(store.select("path")) == len({*glyphs(long), *glyphs(short)})
    assert {use["href"][1:] for use in soup.select("use")} == set(names)
    first, *_, third, _ = soup.select("p svg")
    assert first == third
    assert len(first.select("use")) == 1
    assert [p["d"] for p in store.select("path")].count(press.outline("I-1D44E")) == 1
    assert mathematics.with_store("<body><p>No formula.</p>", press.outline).endswith("a.</p>")


def test_lines_and_paragraphs_of_a_display_are_aligned():
    assert mathematics.source(nodes.math_block("", "x=1")) == "x=1"
    assert mathematics.source(nodes.math_block("", r"a&=b\\c&=d")).startswith(r"\begin{split}")
    assert r"x=1\\y=2" in mathematics.source(nodes.math_block("", "x=1\n\ny=2"))
    own = nodes.math_block("", r"\begin{align}a\\b\end{align}", classes=["amsmath"])
    assert mathematics.source(own) == own.astext()


def test_no_line_breaks_beside_a_bracket_or_a_comma():
    paragraph = nodes.paragraph()
    paragraph += [nodes.Text("At once ("), nodes.math("", "x"), nodes.Text("), [")]
    paragraph += [nodes.math("", "y"), nodes.Text(" of z")]
    glued_punctuation.GluePunctuation.run(SimpleNamespace(document=paragraph))
    assert paragraph.astext() == "At once (\u2060x\u2060), [\u2060y of z"
