"""Build the book: execute what changed, make the pages, check them, say where they are."""

import argparse
import os
import sys
import time
import webbrowser
from pathlib import Path

import address
import check_ledger
import claims_of_notebooks
import execution_cache
import fingerprint
import one_sentence
import safely
from check_pages import check
from execute import execute
from project import HERE, Project
from render import render


def build(project: Project, afresh: bool = False) -> Path:
    """Bring the pages up to date and return the page to open."""
    start = time.monotonic()
    if address.is_unset(address.read(project.root)):
        print("The repository address is not set: pages get no launch buttons (see address.py).")
    ledger = check_ledger.read(project)
    if ledger is not None:  # told now, before notebooks are executed for minutes
        check_ledger.require(check_ledger.form(ledger))
    with safely.only_one(project.out):
        keys = execute(project, afresh)
        measured = claims_of_notebooks.collect(project, keys)
        claims_of_notebooks.write(project, measured)
        if ledger is not None:
            chapters, labels = check_ledger.finished(project), check_ledger.labels(project)
            check_ledger.require(check_ledger.against(ledger, measured, chapters, labels))
        records = {page: execution_cache.find(project, page, key) for page, key in keys.items()}
        name = fingerprint.of_pages(project, records)
        if project.html.is_dir() and project.html.resolve().name == name and not check(project):
            print("The pages are up to date.")
        else:
            print("Building the pages.", flush=True)
            render(project, keys, records, name)
            problems = check(project)
            if problems:
                print("\n".join(problems), file=sys.stderr)
                raise one_sentence.Told(f"The pages have {len(problems)} problems (see above).")
    index = project.html / f"{project.pages[0]}.html"
    size = sum(p.stat().st_size for p in project.html.resolve().rglob("*") if p.is_file())
    print(f"{len(project.pages)} pages, {size / 1e6:.1f} MB, in {time.monotonic() - start:.1f} s.")
    print(f"Open {index}")
    return index


def main() -> int:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=HERE, help="the folder with _config.yml")
    parser.add_argument("--afresh", action="store_true", help="execute every notebook again")
    arguments = parser.parse_args()
    index = build(Project(arguments.root.resolve()), arguments.afresh)
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if has_display and sys.stdout.isatty() and not os.environ.get("CI"):
        webbrowser.open(index.as_uri())
    return 0


if __name__ == "__main__":
    one_sentence.run(main)
