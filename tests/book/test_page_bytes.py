"""What a reader's browser loads for one page, besides what all pages share, stays small."""

import re
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_tools"))
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import lean_markup  # noqa: E402
import page_images  # noqa: E402
from project import Project  # noqa: E402

PROJECT = Project(ROOT)
HTML = PROJECT.html.resolve()
OF_A_PAGE = 1_500_000  # bytes: its HTML, and the images that only it shows
OF_ALL_PAGES = 2_600_000  # bytes: style sheets, scripts and fonts that every page loads
TAG = re.compile(r"<(img|script|link)\b[^>]*>")
ADDRESS = re.compile(r'\b(?:src|href)="([^"]*)"')


def loaded(page):
    """The files that a page names, by what loads them."""
    path = HTML / f"{page}.html"
    found = {"img": set(), "script": set(), "link": set()}
    for tag in TAG.finditer(path.read_text("utf8")):
        address = ADDRESS.search(tag[0])
        if address is None or ":" in address[1].split("?")[0]:
            continue
        target = (path.parent / unquote(urlsplit(address[1]).path)).resolve()
        if tag[1] != "link" or 'rel="stylesheet"' in tag[0] or 'rel="preload"' in tag[0]:
            found[tag[1]].add(target)
    return found


def size(paths):
    return sum(path.stat().st_size for path in paths)


@pytest.mark.parametrize("page", PROJECT.pages)
def test_page_is_light(page):
    found = loaded(page)
    own = (HTML / f"{page}.html").stat().st_size + size(found["img"])
    assert own < OF_A_PAGE, f"{page}: {own} bytes"


def test_what_all_pages_share_is_bounded_and_has_no_mathjax():
    shared = [found["script"] | found["link"] for found in map(loaded, PROJECT.pages)]
    assert size(set.union(*shared)) < OF_ALL_PAGES
    assert not [path for path in set.union(*shared) if "mathjax" in path.name.lower()]


def test_every_image_of_a_page_has_its_size():
    without = [
        f"{page}: {tag[0][-80:]}"
        for page in PROJECT.pages
        for tag in TAG.finditer((HTML / f"{page}.html").read_text("utf8"))
        if tag[1] == "img" and not re.search(r' (?:width|height)="', tag[0])
        if "site-logo" not in tag[0] and "logo" not in tag[0]  # the theme sizes it in its style
    ]
    assert without == []


def test_image_gets_the_size_of_its_file(tmp_path):
    (tmp_path / "a.svg").write_text('<?xml?>\n<svg width="72pt" height="36pt"></svg>')
    (tmp_path / "b.svg").write_text('<svg width="30" height="9px"/>')
    body = (
        '<img alt="a" src="../a.svg" /><img alt="b" src="b.svg"><img src="absent.svg">'
        '<img width="3" src="a.svg"><img src="data:image/svg+xml,a.svg">'
    )
    made = page_images.sized(body, lambda source: tmp_path / Path(source).name)
    assert made == (
        '<img alt="a" src="../a.svg" width="96" height="48" />'
        '<img alt="b" src="b.svg" width="30" height="9"><img src="absent.svg">'
        '<img width="3" src="a.svg"><img src="data:image/svg+xml,a.svg">'
    )


def test_only_spans_that_change_nothing_are_left_out():
    body = '<code class="x"><span class="pre">a</span></code><pre><span class="w"> </span></pre>'
    assert lean_markup.lean(body) == '<code class="x">a</code><pre> </pre>'
    for kept in ('<pre><span class="k">if</span></pre>', '<i><span class="n">x</span></i>'):
        assert lean_markup.lean(kept) == kept


def test_tokens_that_lose_their_span_have_the_colour_of_the_code_around_them():
    css = (HTML / "_static" / "pygments.css").read_text("utf8")
    around = re.findall(r"\.highlight \{ background: \S+; color: (\S+) \}", css)
    assert len(around) == 2  # light and dark
    for name in lean_markup.PLAIN:
        assert re.findall(rf"\.highlight \.{name} \{{ color: (\S+) \}}", css) == around
