"""Slides of a miniature chapter: what stands on them, that formulas are set, that all fits."""

import base64
import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from miniature import ROOT, make_mini, notebook

sys.path.insert(0, str(ROOT / "book" / "_tools"))

import one_sentence
import slides
import slides_page
import slides_print
from project import Project

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
BEFORE = r"""# One and $x^2$

:::{admonition} This chapter
- **You will learn** why $1+1=2$.
- **Run time** {runtime}`one` with one thread.
:::

## The question

How much is it? A question like that of {doc}`intro`, asked of

$$
x+x .
$$

This second paragraph stays in the book.

:::{prf:theorem} Sum
:label: thm-sum

Let $x=1$ & <y. Then

$$
x+x=2 .
$$ (eq-sum)
:::

:::{prf:proof}
Count on your fingers, by {eq}`eq-sum`.
:::
"""
LONG = "\n".join(
    f"{i}. Part {i} says that $x_{{{i}}}=\\sum_{{k\\le {i}}}k$ for all." for i in range(1, 19)
)
AFTER = rf"""## More

:::{{prf:proposition}} Long
:label: prop-long

{LONG}
:::

## What we have learnt

- One and one are two, $x+x=2$; see {{prf:ref}}`thm-sum`.
- {"Many words make a long point. " * 15}
- {"Many words make a longer point. " * 15}

## Exercises

:::{{exercise}}
:label: ex-one
Count to ten.
:::
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A miniature whose pages were built; its notebook brings its picture along."""
    root = make_mini(tmp_path_factory.mktemp("slides"), "print('secret code')")
    made = json.loads(notebook("print('secret code')", text=BEFORE))
    text, code = made["cells"]
    code["metadata"]["mystnb"] = {
        "image": {"alt": 'a "straight" line'},
        "figure": {"caption": "The line $y=x$.", "name": "fig-line"},
    }
    code["outputs"] = [
        {"output_type": "display_data", "data": {"image/png": PIXEL}, "metadata": {}}
    ]
    made["cells"].append(dict(text, id="after", source=AFTER))
    (root / "book" / "one.ipynb").write_text(json.dumps(made))
    (root / "claims.json").write_text("[]")
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    command += [str(root), "--path-output", str(root), "-W", "-n", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (root / "out").mkdir()
    (root / "out" / "html").symlink_to(root / "_build" / "html")
    return Project(root)


@pytest.fixture(scope="module")
def chapter(project):
    return slides_page.read(project.html / "book" / "one.html")


@pytest.fixture(scope="module")
def deck(project):
    if not any(Path(p).exists() for p in slides_print.CHROMIUM):
        if os.environ.get("CI"):
            pytest.fail("CI needs a Chromium: .ci/run installs it.")
        pytest.skip("no Chromium found")
    return slides.make(project, ["book/one"])


def _words(text):
    return " ".join(BeautifulSoup(text, "html.parser").get_text().split())


def test_slides_are_question_statements_figures_and_summary_in_the_order_of_the_page(chapter):
    kinds = [slide.kind for slide in chapter.slides]
    assert kinds == ["question", "statement", "figure", "statement", "summary", "summary"]
    assert _words(chapter.title).startswith("One and")
    assert _words(chapter.learn) == "why 1+1=2⁠."


def test_statement_keeps_its_number_name_and_formulas_and_leaves_its_proof(chapter):
    statement = next(s for s in chapter.slides if s.kind == "statement")
    words = _words(statement.body)
    assert words.startswith("Theorem 1 (Sum)")
    assert "x+x=2" in words
    everything = " ".join(s.body for s in chapter.slides)
    for absent in ("fingers", "secret", "Count to ten", "second paragraph", ":::", "{prf", "{doc}"):
        assert absent not in everything
    assert "<a " not in everything


def test_reference_in_a_summary_is_resolved(chapter):
    summary = next(s for s in chapter.slides if s.kind == "summary")
    assert "see Theorem 1" in _words(summary.body)


def test_figure_carries_its_picture_alt_text_and_caption(chapter):
    [figure] = [s for s in chapter.slides if s.kind == "figure"]
    image = BeautifulSoup(figure.body, "html.parser").find("img")
    assert image["alt"] == 'a "straight" line'
    assert base64.b64decode(image["src"].split(",")[1]) == base64.b64decode(PIXEL)
    assert _words(figure.body).startswith("The line")


def test_slider_gives_the_position_at_which_it_starts():
    frames = [("first &amp; last", " hidden"), ("second", "")]
    inside = "".join(
        f'<div class="slider-frame"{hidden}><img alt="{alt}" src="data:,{i}"></div>'
        for i, (alt, hidden) in enumerate(frames)
    )
    page = f'<div class="slider-figure">{inside}</div>'
    [body] = slides_page._slider(BeautifulSoup(page, "html.parser").div, ROOT)
    assert 'alt="second"' in body
    assert "<figcaption>second</figcaption>" in body


@pytest.mark.browser
def test_deck_is_one_file_with_formulas_set_numbers_and_nothing_from_outside(deck, chapter):
    text = deck[0].read_text("utf8")
    soup = BeautifulSoup(text, "html.parser")
    formulas = soup.select("span.math, div.math")
    assert len(formulas) >= 18
    assert all(f.select("svg use, svg rect") for f in formulas)
    drawn = {tag["id"] for tag in soup.select("svg.glyphs [id]")}
    assert {use["href"][1:] for use in soup.select(".math use")} <= drawn
    assert not soup.find_all("script", src=True)
    assert not soup.find_all("link")
    outside = re.findall(r"(?:file|https?):[^\s\"')]+", html.unescape(text))
    assert {u for u in outside if "www.w3.org" not in u} == set()
    numbers = [f.select("span")[-1].get_text() for f in soup.select("footer")]
    total = len(chapter.slides) + 1
    assert numbers == [f"{i} / {total}" for i in range(1, total + 1)]


@pytest.mark.browser
def test_pdf_has_a_page_for_every_slide_and_the_alt_text(deck, chapter):
    pdf = deck[1].read_bytes()
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == len(chapter.slides) + 1
    assert b"straight" in pdf or "straight".encode("utf-16-be") in pdf


@pytest.mark.browser
def test_long_statement_shrinks_until_it_fits(deck):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program = next(p for p in slides_print.CHROMIUM if Path(p).exists())
        chromium = playwright.chromium.launch(executable_path=program, args=slides_print.FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 720})
        page.goto(deck[0].as_uri())
        sizes = page.evaluate(
            """() => [...document.querySelectorAll(".fit")].map(f =>
            [f.scrollHeight - f.parentElement.clientHeight, parseFloat(f.style.fontSize)])"""
        )
        chromium.close()
    assert max(over for over, _ in sizes) <= 0
    assert min(size for _, size in sizes) < slides_print.SMALLEST  # eighteen parts
    assert max(size for _, size in sizes) == 26


def test_without_pages_the_command_says_what_to_do(tmp_path):
    (tmp_path / "_config.yml").write_text("title: T")
    with pytest.raises(one_sentence.Told, match="run make book"):
        slides.make(Project(tmp_path), ["book/one"])


def test_long_statement_is_cut_before_a_paragraph_and_nothing_is_lost():
    texts = ["first " * 110, "second " * 100, "third " * 90]
    inside = "".join(f'<p>{t}</p><div class="math">\\[x={i}\\]</div>' for i, t in enumerate(texts))
    items = "".join(f"<li><p>item {i} {'and more ' * 20}</p></li>" for i in (1, 2))
    page = (
        '<div class="proof theorem"><p class="admonition-title">Theorem 7</p>'
        f"<section>{inside}<ol>{items}</ol></section></div>"
    )
    bodies = slides_page._statement(BeautifulSoup(page, "html.parser").div)
    assert len(bodies) == 3
    assert [_words(b)[:15] for b in bodies] == [f"Theorem 7 ({i}/3)" for i in (1, 2, 3)]
    shown = "".join(_words(b)[15:] for b in bodies).replace(" ", "")
    assert shown == _words(page.replace("Theorem 7", "")).replace(" ", "")
    assert '<ol start="2">' in bodies[-1]
    assert not any("</h3><div" in b for b in bodies)
