"""The whole book as one PDF (`make pdf`): title, contents, chapters, page numbers, bookmarks.

Headless Chromium prints each finished page as `book/_static/print.css` says, with folded proofs
and solutions open and figures in their first position; pypdf joins them. Links between pages of
the book become links within the PDF.
"""

import argparse
import html
import io
import shutil
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NullObject

import one_sentence
from project import HERE, Project

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PAPER = {
    "format": "A4",
    "print_background": True,
    "margin": {"top": "18mm", "bottom": "20mm", "left": "17mm", "right": "17mm"},
}
PATIENCE = 180_000  # milliseconds for the longest page on a machine that is busy
OPEN_ALL = """
() => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const box of document.querySelectorAll(".toggle-hidden")) {
    box.classList.remove("toggle-hidden");
  }
}
"""
SHEET = """<!doctype html><meta charset="utf-8"><style>
body {{ font-family: "Noto Sans", "DejaVu Sans", sans-serif; margin: 0; color: #222; }}
{style}</style>{body}"""
COVER_STYLE = """
h1 { font-size: 30pt; line-height: 1.25; margin: 60mm 0 12mm; } p { font-size: 13pt; }
h2 { break-before: page; font-size: 18pt; } li { margin: 2.2mm 0; display: flex; }
.note { font-size: 9.5pt; color: #444; position: absolute; bottom: 0; }
ol { list-style: none; padding: 0; } .dots { flex: 1; border-bottom: 1px dotted #888; margin: 1mm; }
"""
NOTE = (
    "Printed from the pages of the book. Proofs and solutions that are folded there are open here; "
    "code that only draws figures is left out, and figures with a slider show one position."
)


class Chapter(NamedTuple):
    """One page of the book, printed."""

    name: str
    title: str
    pdf: PdfReader


def print_pages(browser, project: Project) -> list[Chapter]:
    """Print every page of the table of contents, in its order."""
    context = browser.new_context(color_scheme="light", service_workers="block")
    context.set_default_timeout(PATIENCE)
    printed = []
    for name in project.pages:
        path = project.html.resolve() / f"{name}.html"
        tab = context.new_page()
        tab.goto(path.as_uri())
        tab.evaluate(OPEN_ALL)
        title = tab.locator("article h1").first.evaluate("h => h.firstChild.textContent.trim()")
        pdf = PdfReader(io.BytesIO(tab.pdf(**PAPER, outline=True, tagged=True)))
        printed.append(Chapter(name, title, pdf))
        tab.close()
        print(f"  {name}: {len(pdf.pages)} pages", flush=True)
    context.close()
    return printed


def sheet(browser, style: str, body: str, **paper) -> PdfReader:
    """A PDF of some HTML."""
    tab = browser.new_page()
    tab.set_content(SHEET.format(style=style, body=body))
    pdf = tab.pdf(**{**PAPER, **paper})
    tab.close()
    return PdfReader(io.BytesIO(pdf))


def front(browser, project: Project, chapters: list[Chapter]) -> PdfReader:
    """Title page and contents; set twice, since its own length moves the page numbers."""
    title, author = project.config["title"], project.config["author"]
    before = 0
    while True:
        number, lines = before + 1, []
        for chapter in chapters:
            name = html.escape(chapter.title)
            lines.append(f'<li>{name}<span class="dots"></span>{number}</li>')
            number += len(chapter.pdf.pages)
        body = (
            f"<h1>{html.escape(title)}</h1><p>{html.escape(author)}</p>"
            f'<p class="note">{html.escape(NOTE)}</p>'
            f"<h2>Contents</h2><ol>{''.join(lines)}</ol>"
        )
        pdf = sheet(browser, COVER_STYLE, body)
        if len(pdf.pages) == before:
            return pdf
        before = len(pdf.pages)


def numbers(browser, count: int) -> PdfReader:
    """Transparent pages that carry nothing but their number."""
    style = "div { break-after: page; height: 100vh; position: relative; } div:last-child { \
break-after: auto; } span { position: absolute; bottom: 9mm; width: 100%; text-align: center; \
font-size: 9pt; } body { background: transparent; }"
    body = "".join(f"<div><span>{i + 1}</span></div>" for i in range(count))
    none = {"top": "0", "bottom": "0", "left": "0", "right": "0"}
    return sheet(browser, style, body, margin=none, print_background=False)


def join(browser, project: Project, chapters: list[Chapter]) -> PdfWriter:
    """One document: pages, bookmarks, links, numbers."""
    writer, starts = PdfWriter(), {}
    cover = front(browser, project, chapters)
    writer.append(cover, import_outline=False)
    writer.add_outline_item("Contents", page_number=min(1, len(cover.pages) - 1))
    for chapter in chapters:
        starts[chapter.name] = len(writer.pages)
        writer.append(chapter.pdf, outline_item=chapter.title)
    for page in writer.pages:
        point_inside(writer, page, project.html.resolve(), starts)
    stamps = numbers(browser, len(writer.pages))
    for i, page in enumerate(writer.pages):
        if i:  # the title page carries none
            page.merge_page(stamps.pages[i])
            page.compress_content_streams()  # pypdf has unpacked them to add the number
    writer.add_metadata({"/Title": project.config["title"], "/Author": project.config["author"]})
    return writer


def point_inside(writer: PdfWriter, page, folder: Path, starts: dict[str, int]) -> None:
    """Let links to files of the book lead to their chapter's first page in this document."""
    for reference in page.get("/Annots", ()):
        note = reference.get_object()
        action = note.get("/A", DictionaryObject()).get_object()
        uri = urlsplit(str(action.get("/URI", "")))
        if uri.scheme != "file":
            continue
        path = Path(unquote(uri.path))
        name = str(path.relative_to(folder).with_suffix("")) if folder in path.parents else ""
        del note["/A"]
        if name in starts:
            target = writer.pages[starts[name]].indirect_reference
            parts = [target, NameObject("/XYZ"), NullObject(), NullObject(), NullObject()]
            note[NameObject("/Dest")] = ArrayObject(parts)


def make(project: Project, chromium: str, path: Path) -> int:
    """Print the book to a file; the number of its pages."""
    from playwright.sync_api import sync_playwright

    missing = [n for n in project.pages if not (project.html / f"{n}.html").is_file()]
    if missing:
        raise one_sentence.Told(f"There is no page of {missing[0]}: run `make book` first.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        document = join(browser, project, print_pages(browser, project))
        browser.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        document.write(file)
    temporary.replace(path)
    return len(document.pages)


def main() -> int:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=HERE, help="the folder with _config.yml")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("chrome"))
    arguments = parser.parse_args()
    if arguments.chromium is None:
        raise one_sentence.Told("Printing needs a Chromium: install it or name it by --chromium.")
    project = Project(arguments.root.resolve())
    path = project.out / "book.pdf"
    pages = make(project, arguments.chromium, path)
    print(f"{pages} pages, {path.stat().st_size / 1e6:.1f} MB: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(one_sentence.run(main))
