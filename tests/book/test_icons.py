"""Icons are drawn in the pages, and nobody loads the theme's script of two thousand."""

import sys

import pytest
from miniature import ROOT, TOOLS
from test_pages import browser  # noqa: F401, a fixture

sys.path.insert(0, str(TOOLS))
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import icons
from project import Project

SCRIPT = '{sun:[1,2,[9],"f1","regular"],"arrow-up":[3,4,[],"f0","M0 1z"],sun:[5,6,[],"f1","solid"]}'
HTML = Project(ROOT).html


def test_icon_becomes_its_solid_outline_with_its_classes_and_its_title():
    page = '<i class="theme-switch fa-solid fa-sun  fa-lg" data-mode="light" title="Light"></i>'
    assert icons.drawn(page, SCRIPT) == (
        '<svg class="svg-inline--fa theme-switch fa-sun fa-lg" data-mode="light" '
        'viewBox="0 0 5 6"><title>Light</title><path fill="currentColor" d="solid"/></svg>'
    )


def test_icon_without_a_title_is_hidden_from_screen_readers():
    assert 'aria-hidden="true"' in icons.drawn('<span class="fas fa-arrow-up"></span>', SCRIPT)


def test_icon_that_the_script_lacks_stops_the_build_and_is_named():
    with pytest.raises(icons.UnknownIconError, match="'moon'"):
        icons.drawn('<i class="fa-solid fa-moon"></i>', SCRIPT)


def test_page_does_not_load_the_script_and_keeps_others():
    page = '<script defer src="../_static/scripts/fontawesome.js?v=5"></script><script a></script>'
    assert icons.drawn(page, SCRIPT) == "<script a></script>"


def test_no_page_asks_for_the_script_or_has_an_icon_that_is_not_drawn():
    pages = {path.name: path.read_text("utf8") for path in HTML.rglob("*.html")}
    assert len(pages) > 20
    assert not [name for name, text in pages.items() if "fontawesome.js" in text]
    assert not [name for name, text in pages.items() if icons.ICON.search(text)]
    assert not list(HTML.rglob("fontawesome.js*"))


@pytest.mark.browser
def test_buttons_show_their_icons(browser):  # noqa: F811
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((HTML / "book" / "ntk.html").as_uri())
    sizes = page.eval_on_selector_all(
        "button svg.svg-inline--fa",
        """all => all.filter(one => one.checkVisibility()).map(one => {
             const box = one.getBoundingClientRect(); return [box.width, box.height]; })""",
    )
    page.close()
    assert len(sizes) >= 4  # bars, search, theme, full screen
    assert all(8 < width < 30 and 8 < height < 30 for width, height in sizes)
