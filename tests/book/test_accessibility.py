"""axe-core on every page: what a reader with a screen reader or weak eyes would miss."""

from pathlib import Path

import axe_playwright_python
import pytest
from test_pages import PROJECT, browser  # noqa: F401, a fixture

SOURCE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf8")
# Formulas are most of a page. axe walks through every stroke and symbol, also those it is told to
# leave out, and has no rule for either: it gets boxes of the same size. What is drawn and what is
# read aloud is the subject of test_mathematics.py.
EMPTY_FORMULAS = """() => {
    for (const drawing of document.querySelectorAll(".math svg")) drawing.replaceChildren();
    for (const spoken of document.querySelectorAll(".math math")) spoken.textContent = "formula";
}"""
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    "dark": ["color-contrast"],  # structure is the same in both
}
# Without preload: it would fetch the style sheets again, which files from the disk may not.
RUN = """async (rules) => {
    const options = {runOnly: rules, preload: false, resultTypes: ["violations"]};
    const found = await axe.run(document, options);
    return found.violations.filter(v => ["serious", "critical"].includes(v.impact)).map(
        v => `${v.id} (${v.nodes.length}): ` + v.nodes.slice(0, 3).map(n => n.target).join("; "));
}"""


@pytest.mark.browser
@pytest.mark.parametrize("name", [*PROJECT.pages, "search", "genindex"])
def test_axe_finds_nothing_serious_or_critical(browser, name):  # noqa: F811
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        color_scheme="light",
        reduced_motion="reduce",  # no colour is halfway between the themes
        service_workers="block",
    )
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto((PROJECT.html / f"{name}.html").as_uri())
    page.evaluate(EMPTY_FORMULAS)
    page.evaluate(SOURCE)
    found = {}
    for theme, rules in RULES.items():
        page.emulate_media(color_scheme=theme)
        page.wait_for_selector(f"html[data-theme={theme}]")
        found[theme] = page.evaluate(RUN, rules)
    context.close()
    assert found == {"light": [], "dark": []}


@pytest.mark.browser
def test_axe_sees_what_is_wrong(browser):  # noqa: F811
    page = browser.new_page()
    page.set_content('<html><body style="color:#999;background:#aaa"><img src="x">pale</body>')
    page.evaluate(SOURCE)
    found = page.evaluate(RUN, RULES["light"])
    page.close()
    rules = {text.split(" ")[0] for text in found}
    assert {"image-alt", "color-contrast", "html-has-lang"} <= rules
