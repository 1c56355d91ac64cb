"""Logo and card, pictures to play with, colours that can be read, print, and reduced motion."""

import base64
import itertools
import json
import os
import re
import struct
import sys
import zlib
from pathlib import Path

import pytest
import yaml
from miniature import ROOT, TOOLS

sys.path.insert(0, str(TOOLS))
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import emblem
import slider_frames
from project import Project

PROJECT = Project(ROOT)
STATIC = ROOT / "book" / "_static"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
PAGE = "book/coupling"  # it has a slider, folded proofs and solutions, and code that only draws


def test_logo_and_icon_are_those_that_the_script_draws():
    says = "A curve and its Taylor polynomials of order 1, 2 and 3"
    assert (STATIC / "logo.svg").read_text("utf8") == emblem.svg(96, 4.2, (1, 2, 3), says)
    assert (STATIC / "favicon.svg").read_text("utf8") == emblem.svg(32, 2.7, (1, 2), says)


def test_polynomials_of_the_logo_touch_the_curve_to_their_order():
    curves, step = emblem.curves(), 1e-3
    for order in (1, 2, 3):
        gap = abs(curves[order](emblem.CENTRE + step) - curves[0](emblem.CENTRE + step))
        assert 0 < gap < step ** (order + 1)


def test_every_page_carries_logo_and_icon():
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    assert config["logo"] == "book/_static/logo.svg"
    assert config["html"]["favicon"] == "book/_static/favicon.svg"


def test_social_card_is_a_png_of_1200_by_630():
    content = (STATIC / "social-card.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (1200, 630)
    assert len(content) < 200_000


@pytest.mark.parametrize("page", PROJECT.notebooks)
def test_notebook_has_a_picture_to_play_with_that_has_a_label_and_is_described(page):
    cells = json.loads(PROJECT.notebook(page).read_text("utf8"))["cells"]
    calls = [
        source[source.index("tl.slider_figure(") :]
        for source in ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        if "tl.slider_figure(" in source
    ]
    assert calls, "no tl.slider_figure"
    for call in calls:
        assert all(f"{word}=" in call for word in ("control", "name", "alt")), call[:200]


def picture(i):
    svg = f"<svg xmlns='s' width='72pt' height='36pt'><path d='M {i}'/></svg>"
    return svg, "data:image/svg+xml," + svg.replace("<", "%3C").replace(">", "%3E")


def frame(i, hidden):
    return (
        f'<div class="slider-frame"{" hidden" if hidden else ""}><img alt="frame {i}" '
        f'src="{picture(i)[1]}" style="max-width: 100%"></div>'
    )


def test_hidden_frames_are_packed_and_the_first_stays_for_paper_and_without_scripts():
    page = slider_frames.small("before" + frame(0, False) + frame(1, True) + "after")
    assert picture(0)[1] in page
    assert picture(1)[1] not in page
    [packed] = re.findall(r'alt="frame 1" data-frame="([^"]+)" width="96" height="48"', page)
    assert zlib.decompress(base64.b64decode(packed)).decode() == picture(1)[0]
    assert page.startswith("before")
    assert page.endswith("after")


def test_frames_are_packed_as_the_library_draws_them():
    from matplotlib.figure import Figure

    import taylorlib as tl

    frames = [(str(k), Figure(figsize=(2, 1))) for k in range(3)]
    markup = tl.slider_figure(frames, control="order", name="orders", alt="empty").markup
    small = slider_frames.small(markup)
    assert (small.count("data-frame="), small.count("src=")) == (2, 1)
    assert small.count('width="192" height="96"') == 3


def colours(theme):
    """The colours that look.css gives to a theme."""
    css = (STATIC / "look.css").read_text("utf8")
    rule = re.search(rf'^html\[data-theme="{theme}"\] \{{(.*?)^\}}', css, re.DOTALL | re.MULTILINE)
    return dict(re.findall(r"--(?:pst-color-|book-)([\w-]+): (#\w+)", rule.group(1)))


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_links_are_told_from_every_ground(theme):
    found = colours(theme)
    grounds = ("background", "surface", "tint", "target", "table-row-hover-bg")
    texts = ("text-base", "text-muted", "heading", "link", "link-hover", "inline-code")
    for text, ground in itertools.product(texts, grounds):
        if (text, ground) == ("text-muted", "target"):
            continue  # nothing muted can be a target of a link
        light, dark = sorted((luminance(found[text]), luminance(found[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def in_dark_mode(colour):
    """What the filter of book.css makes of a colour, by the formulas of the standard."""
    css = (STATIC / "book.css").read_text("utf8")
    rule = re.search(r"invert\(([\d.]+)\) hue-rotate\(180deg\) brightness\(([\d.]+)\)", css)
    inverted, brightness = map(float, rule.groups())
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    channels = [inverted + (1 - 2 * inverted) * c for c in channels]
    grey = 2 * sum(w * c for w, c in zip((0.213, 0.715, 0.072), channels, strict=True))
    turned = [min(max(grey - c, 0), 1) for c in channels]
    return "#" + "".join(f"{round(255 * min(brightness * c, 1)):02x}" for c in turned)


def test_models_are_seen_on_the_ground_of_figures_in_dark_mode():
    from taylorlib.plots import COLOURS

    ground = colours("dark")["background"]
    assert in_dark_mode("#ffffff") == ground
    for model, colour in COLOURS.items():
        contrast = (luminance(in_dark_mode(colour)) + 0.05) / (luminance(ground) + 0.05)
        assert contrast >= 4.5, model


@pytest.fixture(scope="module")
def page():
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("CI needs a Chromium: .ci/run installs it.")
        pytest.skip("no Chromium found")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        tab = browser.new_page(viewport={"width": 640, "height": 900}, reduced_motion="reduce")
        tab.goto((PROJECT.html / f"{PAGE}.html").as_uri(), wait_until="domcontentloaded")
        tab.wait_for_selector(".solution .toggle-button", state="attached")
        yield tab
        browser.close()


@pytest.mark.browser
def test_every_frame_of_a_slider_is_unpacked_and_shown_by_the_keyboard(page):
    page.wait_for_function("!document.querySelector('img[data-frame]')")
    slider = page.locator(".slider-figure").first
    slider.locator("input").focus()
    seen = set()
    for _ in range(slider.locator(".slider-frame").count()):
        shown = slider.locator(".slider-frame:not([hidden]) img")
        assert shown.evaluate("img => img.decode().then(() => img.naturalWidth)") > 100
        seen.add(shown.get_attribute("alt"))
        page.keyboard.press("ArrowRight")
    assert len(seen) == slider.locator(".slider-frame").count()
    page.keyboard.press("Home")


@pytest.mark.browser
def test_page_fits_at_200_percent(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


@pytest.mark.browser
def test_nothing_moves_by_itself_for_readers_who_asked_for_that(page):
    moving = """() => [...document.querySelectorAll("body *")].filter((e) => {
      const s = getComputedStyle(e);
      const long = (t) => t.split(",").some((part) => parseFloat(part) > 0.01);
      const turns = s.animationName !== "none" && long(s.animationDuration);
      return turns || long(s.transitionDuration);
    }).length"""
    assert page.evaluate(moving) == 0
    style = "getComputedStyle(document.documentElement).scrollBehavior"
    assert page.evaluate(style) == "auto"


@pytest.mark.browser
def test_on_paper_folds_are_open_and_nothing_but_the_text_is_left(page):
    folded = page.locator(".solution section, details.sd-dropdown .sd-summary-content")
    assert not any(fold.is_visible() for fold in folded.all())
    page.emulate_media(media="print")
    assert folded.count() > 3
    assert all(fold.evaluate("e => e.getBoundingClientRect().height") > 20 for fold in folded.all())
    around = (
        ".bd-sidebar-primary, .bd-header-article, .toggle-button, .copybtn, .slider-control input"
    )
    assert not any(thing.is_visible() for thing in page.locator(around).all())
    assert page.locator("article h1").is_visible()
    assert page.locator(".slider-frame:not([hidden])").first.is_visible()
    page.emulate_media(media="screen")
