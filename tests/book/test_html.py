"""The built pages are HTML that no browser has to guess at, and every finding is reported."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "book" / "_tools"), str(ROOT / "book" / "_ext")]

import box_markup  # noqa: E402
import check_html  # noqa: E402
from project import Project  # noqa: E402

GOOD = """<!DOCTYPE html>
<html lang="en"><head><title>A</title><script src="a.js"></script></head><body>
<div class="onlyprint"><h1>A</h1></div>
<h1 id="a">A</h1><h2>B</h2><h3>C</h3><h2>D</h2>
<label for="x">x</label><input id="x" aria-describedby="a">
<button onclick="window.print()">Print</button>
</body></html>"""


def test_every_built_page_is_correct_html():
    assert check_html.check(Project(ROOT)) == []


def test_good_page_has_no_problems():
    assert check_html.of_page(GOOD) == ([], "A")


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("<!DOCTYPE html>", "", "Expected DOCTYPE"),
        ("<h2>D</h2>", "<h2>D</h3>", "h3"),
        ("<h2>D</h2>", "<p><div></p>", "p"),
        ('id="a"', 'id="a" id="b"', "attribute"),
        ("<h3>C</h3>", "<h3 id='x'>C</h3>", "the id 'x' stands 2 times"),
        ("<h3>C</h3>", "<h3 id='x y'>C</h3>", "has a space"),
        ('for="x"', 'for="y"', "<label for='y'>: there is no such id"),
        ('describedby="a"', 'describedby="a b"', "'b'>: there is no such id"),
        ("<h2>B</h2>", "", "h3 'C' follows an h1"),
        ("<h2>D</h2>", "<h1>D</h1>", "one h1 is needed, there are 2"),
        (' lang="en"', "", "language"),
        ("<title>A</title>", "<title> </title>", "no title"),
        ("window.print()", "go('x')", "is code in an attribute"),
        ('src="a.js">', ">eval('1')", "a script has \"eval('1')"),
        ('src="a.js">', ">f = new Function('return 1')", "new Function"),
        ('src="a.js">', ">setTimeout('f()', 1)", "setTimeout"),
        ("<h2>D</h2>", "<a href=' javascript:f()'>D</a>", "is code in an address"),
    ],
)
def test_what_is_wrong_with_a_page_is_told(good, bad, told):
    assert GOOD.count(good) >= 1
    problems, _ = check_html.of_page(GOOD.replace(good, bad, 1))
    assert any(told in problem for problem in problems), problems


def test_pages_of_one_title_and_scripts_that_evaluate_are_told(tmp_path):
    static = tmp_path / "out" / "html" / "_static"
    static.mkdir(parents=True)
    for name in ("one", "two"):
        (static.parent / f"{name}.html").write_text(GOOD)
    (static / "own.js").write_text("retrieval(1); medieval (2); x.eval(3); eval(4)")
    assert check_html.check(Project(tmp_path)) == [
        "one.html, two.html: the same title, 'A'",
        "_static/own.js: a script has 'eval(4)'",
    ]


def test_boxes_lose_the_ids_that_all_of_them_have_and_nothing_else():
    body = (
        '<div class="proof admonition" id="proof"><section class="c" id="proof-content">proof'
        '</section></div><h2 id="proof">Proof</h2><section id="solution-content">s</section>'
    )
    assert box_markup.mended(body) == (
        '<div class="proof admonition"><section class="c">proof'
        '</section></div><h2 id="proof">Proof</h2><section>s</section>'
    )


def test_link_to_an_exercise_begins_at_its_word():
    body = '<p>Solution to<a class="reference" href="#e"> Exercise 1</a> <a href="#f"> x</a></p>'
    assert box_markup.mended(body) == (
        '<p>Solution to <a class="reference" href="#e">Exercise 1</a> <a href="#f"> x</a></p>'
    )
