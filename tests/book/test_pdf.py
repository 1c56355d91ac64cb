"""The printed book: one PDF with title, contents, bookmarks, numbers and links that stay inside."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from miniature import CODE, TOOLS, build, make_mini
from pypdf import PdfReader

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("CI needs a Chromium: .ci/run installs it.")
        pytest.skip("no Chromium found")
    root = make_mini(tmp_path_factory.mktemp("mini"), CODE)
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def make_pdf(root):
    command = [sys.executable, str(TOOLS / "pdf.py"), "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def pdf(root):
    done = make_pdf(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return PdfReader(root / "out" / "book.pdf")


def test_title_page_contents_and_chapters_follow_each_other(pdf):
    texts = [page.extract_text() for page in pdf.pages]
    assert "more powerful than neural tangent kernels?" in re.sub(r"\s+", " ", texts[0])
    assert "Contents" in texts[1]
    for title in ("Miniature", "One"):
        [number] = re.findall(rf"{title}\D*(\d+)", texts[1])
        assert title in texts[int(number) - 1]


def test_every_page_but_the_first_carries_its_number(pdf):
    for i, page in enumerate(pdf.pages):
        last = page.extract_text().split()[-1:]
        assert (last == [str(i + 1)]) == (i > 0)


def test_pages_are_packed(pdf):
    assert all(page["/Contents"].get_object()["/Filter"] == "/FlateDecode" for page in pdf.pages)


def test_bookmarks_lead_to_contents_and_chapters(pdf):
    found = {
        item.title: pdf.get_destination_page_number(item)
        for item in pdf.outline
        if not isinstance(item, list)
    }
    assert list(found) == ["Contents", "Miniature", "One"]
    assert found["Contents"] == 1
    assert "One" in pdf.pages[found["One"]].extract_text()


def test_link_to_another_page_of_the_book_leads_within_the_document(pdf):
    notes = [n.get_object() for page in pdf.pages for n in page.get("/Annots", ())]
    uris = [str(n["/A"].get("/URI", "")) for n in notes if "/A" in n]
    assert not [u for u in uris if u.startswith("file:")]
    targets = [n["/Dest"][0].get_object() for n in notes if "/Dest" in n and "/XYZ" in n["/Dest"]]
    pages = [page.get_object() for page in pdf.pages]
    assert pages[-1] in targets


def test_book_that_was_not_built_is_said_to_be_missing(tmp_path):
    done = make_pdf(make_mini(tmp_path, CODE))
    assert done.returncode == 1
    assert "run `make book` first" in done.stderr
