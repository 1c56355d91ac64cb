"""The built pages and the notebooks in git."""

import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_tools"))

import check_pages  # noqa: E402
from check_pages import check  # noqa: E402
from project import Project  # noqa: E402

PROJECT = Project(ROOT)
CHROMIUM = next((p for p in ("/usr/bin/chromium",) if Path(p).exists()), None)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# Formulas without a drawing, or with a part of one that refers to nothing.
UNSEEN_FORMULAS = """() => [...document.querySelectorAll("span.math, div.math")].filter(formula =>
    !formula.querySelector(":scope math") ||
    !formula.querySelector(":scope svg")?.getAttribute("viewBox") ||
    [...formula.querySelectorAll("use")].some(
        use => !document.getElementById(use.getAttribute("href").slice(1)))
  ).map(formula => formula.dataset.tex)"""
# A comma or full stop that stands in a line of its own behind a formula.
ORPHANS = """() => [...document.querySelectorAll(".bd-article span.math")].filter(formula => {
    const behind = formula.nextSibling;
    if (!formula.offsetParent || behind?.nodeType !== Node.TEXT_NODE) return false;
    const sign = behind.data.match(/^\\u2060?[.,;:!?)\\]]/);
    if (!sign) return false;
    const range = document.createRange();
    range.setStart(behind, sign[0].length - 1);
    range.setEnd(behind, sign[0].length);
    const place = range.getBoundingClientRect();
    const drawing = formula.querySelector("svg").getBoundingClientRect();
    return place.top > drawing.bottom - 2 || place.left < drawing.left;
  }).map(formula => formula.dataset.tex)"""
# A formula, in the text, in a table or by itself, that the column of a laptop cuts off.
CUT_FORMULAS = """() => [...document.querySelectorAll(".math .formula, .math.wide > span")].filter(
    box => box.scrollWidth > box.clientWidth + 1).map(box => box.parentNode.dataset.tex)"""
# One that a phone cuts off without a sign that it goes on.
UNMARKED = """() => [...document.querySelectorAll(".math .formula, .math.wide > span")].filter(
    box => box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).maskImage === "none"
  ).map(box => box.parentNode.dataset.tex)"""
# Eighty characters of code fit the column.
CUT_CODE = """() => [...document.querySelectorAll(".cell_input pre")].filter(
    box => box.scrollWidth > box.clientWidth).map(box => box.innerText.slice(0, 120))"""
TWO_FRAMES = "() => new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))"
OPEN_FOLDS = """() =>
    document.querySelectorAll("details").forEach(fold => { fold.open = true; })"""
# A page wider than its window, text that a box cuts off, pictures that are stretched.
ILL_FITTING = """() => {
    const root = document.documentElement;
    const cut = [...document.querySelectorAll(".bd-article-container *")].filter(e =>
        e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1 &&
        ["hidden", "clip"].includes(getComputedStyle(e).overflowX));
    const stretched = [...document.images].filter(i => i.naturalWidth && i.clientWidth &&
        Math.abs(i.naturalWidth / i.naturalHeight * i.clientHeight / i.clientWidth - 1) > 0.05);
    return [...(root.scrollWidth > root.clientWidth ? [root] : []), ...cut, ...stretched].map(
        e => e.outerHTML.slice(0, 120));
}"""


def test_every_page_has_text_resolving_links_and_loads_nothing_from_outside():
    assert check(PROJECT) == []


def test_formula_that_markdown_did_not_read_is_reported():
    page = '<article><p>Let <span class="math">$x$</span>, <code>$y</code> and $z$.</p></article>'
    [problem] = check_pages._unread_formulas(BeautifulSoup(page, "html.parser").find("article"))
    assert "$z$" in problem


@pytest.mark.parametrize("page", PROJECT.notebooks)
def test_notebook_in_git_carries_no_outputs(page):
    cells = json.loads(PROJECT.notebook(page).read_text("utf8"))["cells"]
    assert not any(c.get("outputs") or c.get("execution_count") for c in cells)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs a Chromium: .ci/run installs it.")
        pytest.skip("no Chromium found")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def _telling_words(project):
    """For each notebook a long word of its prose, which as few other pages as possible have."""
    words = {
        page: set(re.findall(r"(?<![\w\\`-])[a-z]{7,}(?![\w`-])", _prose(project.notebook(page))))
        for page in project.notebooks
    }
    rarity = Counter(word for found in words.values() for word in found)
    return {page: min(sorted(found), key=rarity.get) for page, found in words.items()}


def _prose(path):
    cells = json.loads(path.read_text("utf8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return re.sub(r"\$\$.*?\$\$|\$.*?\$|\{[^}]*\}|\(.*?\)|`.*?`", " ", text, flags=re.DOTALL)


@pytest.mark.browser
@pytest.mark.parametrize("name", PROJECT.pages)
def test_page_renders_offline_on_a_phone_without_errors_in_both_themes(browser, name):
    """Loaded in the light theme; the dark one follows the system, as on a phone in the evening."""
    context = browser.new_context(
        viewport={"width": 375, "height": 800}, color_scheme="light", service_workers="block"
    )
    page = context.new_page()
    errors, outside = [], []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.on("requestfailed", lambda r: errors.append(r.url))
    page.on("request", lambda r: outside.append(r.url) if r.url.startswith("http") else None)
    page.goto((PROJECT.html / f"{name}.html").as_uri())
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_selector(f"html[data-theme={theme}]")
        # what is drawn afresh has been drawn after two frames
        page.evaluate(TWO_FRAMES)
        assert page.evaluate(UNSEEN_FORMULAS) == []
        assert page.evaluate(ILL_FITTING) == []
        assert (errors, outside) == ([], [])
    # half of a laptop's width, as at 200 %
    page.set_viewport_size({"width": 640, "height": 800})
    assert page.evaluate(ILL_FITTING) == []
    page.evaluate(OPEN_FOLDS)
    for width in (375, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate(TWO_FRAMES)
        assert page.evaluate(ORPHANS) == []
        assert page.evaluate(UNMARKED) == []
    assert page.evaluate(CUT_FORMULAS) == []
    assert page.evaluate(CUT_CODE) == []
    context.close()


def is_missing(url):
    """A page that is left stops loading what is there; the test above sees pages that stay."""
    return url.startswith("file:") and not Path(unquote(urlsplit(url).path)).is_file()


@pytest.mark.browser
@pytest.mark.parametrize("name", PROJECT.notebooks)
def test_search_from_the_disk_finds_a_chapter_by_a_word_of_its_text(browser, name):
    """As a reader does it: open a page, press Ctrl+K, type, press Enter, click on the result."""
    word = _telling_words(PROJECT)[name]
    context = browser.new_context(service_workers="block", offline=True)
    page = context.new_page()
    errors, outside = [], []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.on("requestfailed", lambda r: errors.append(r.url) if is_missing(r.url) else None)
    page.on("request", lambda r: outside.append(r.url) if r.url.startswith("http") else None)
    page.goto((PROJECT.html / f"{PROJECT.pages[0]}.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type(word)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    result = page.locator(f'#search-results a[href*="{name}.html"]').first
    result.click()
    page.wait_for_url(f"**/{name}.html*")
    assert page.locator("article h1").count() == 1
    assert (errors, outside) == ([], [])
    context.close()


@pytest.mark.browser
def test_search_for_a_word_that_stands_nowhere_finds_nothing(browser):
    page = browser.new_page()
    page.goto((PROJECT.html / "search.html").as_uri() + "?q=xylophonist")
    page.wait_for_function("document.querySelector('#search-results p')?.innerText.length > 20")
    assert page.locator("#search-results li a").count() == 0
    page.close()


@pytest.mark.browser
# The front page has no exercises.
@pytest.mark.parametrize("name", [n for n in PROJECT.notebooks if n != PROJECT.pages[0]])
def test_solutions_and_long_proofs_are_folded_until_a_click(browser, name):
    page = browser.new_page()
    page.goto((PROJECT.html / f"{name}.html").as_uri())
    page.wait_for_selector(".solution .toggle-button")
    solutions = page.locator(".solution")
    bodies = page.locator(".solution .section, .solution > :not(.admonition-title)")
    assert solutions.count() >= 3
    assert not any(body.is_visible() for body in bodies.all())
    solutions.first.locator(".admonition-title").click()
    assert bodies.first.is_visible()
    assert not any(d.get_attribute("open") for d in page.locator("details.sd-dropdown").all())
    page.close()
