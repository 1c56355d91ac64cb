"""Slides of every chapter: its statements, figures and summary, from the built pages.

The pages of `make book` come from the executed notebooks, and references and numbers in them are
resolved; so what stands on a slide is what the book says, with its formulas as they are set. Each
deck is a file of HTML that holds all it needs, and a PDF of the same slides.
"""

import argparse
import sys
from pathlib import Path

import one_sentence
import safely
import slides_deck
import slides_page
import slides_print
from project import HERE, Project


def folder(project: Project) -> Path:
    """Where the decks are written."""
    return project.out / "slides"


def make(project: Project, names: list[str]) -> list[Path]:
    """Write the decks of these pages and return the files, HTML and PDF of each."""
    if not project.html.is_dir():
        raise one_sentence.Told("There are no pages yet: run make book before make slides.")
    title = project.config["title"]
    pages = {page: project.html / f"{page}.html" for page in names}
    absent = [page for page, path in pages.items() if not path.is_file()]
    if absent:
        raise one_sentence.Told(f"{', '.join(absent)} is not among the pages: run make book.")
    written = []
    with slides_print.Press() as press:
        for page, path in pages.items():
            chapter = slides_page.read(path)
            if not chapter.slides:
                print(f"{page}: nothing for slides")
                continue
            deck = press.typeset(slides_deck.html(chapter, title))
            target = folder(project) / Path(page).name
            for suffix, content in ((".html", deck.html.encode()), (".pdf", deck.pdf)):
                safely.write(target.with_suffix(suffix), content)
                written.append(target.with_suffix(suffix))
            print(f"{page}: {deck.count} slides, {len(deck.pdf) / 1e6:.1f} MB", flush=True)
            if deck.too_small:
                print(f"  small print on slides {deck.too_small}: shorten the statement")
    return written


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=HERE, help="the folder with _config.yml")
    parser.add_argument("pages", nargs="*", help="such as book/ntk; default: every notebook")
    arguments = parser.parse_args()
    project = Project(arguments.root.resolve())
    written = make(project, arguments.pages or project.notebooks)
    print(f"{len(written)} files in {folder(project)}")
    return 0


if __name__ == "__main__":
    sys.exit(one_sentence.run(main))
