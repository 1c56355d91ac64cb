"""From executed notebooks to pages: Sphinx by way of jupyter-book, warnings as errors."""

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import edition
import execution_cache
import one_sentence
import safely
import shown_notebook
from execute import copy_sources
from project import Project


def render(project: Project, keys: dict[str, str], records: dict[str, dict], name: str) -> Path:
    """Build the pages in a new folder of `out/builds` and let `out/html` lead to it.

    Until the last step nothing of the former pages is touched.
    """
    stage = safely.empty(project.out / "stage")
    safely.room_for_a_build(project.out)
    copy_sources(project, stage)
    for page, key in keys.items():
        executed = execution_cache.executed(project, page, key).read_bytes()
        (stage / f"{page}.ipynb").write_bytes(shown_notebook.shown(executed))
    seconds = {page: record["seconds"] for page, record in records.items()}
    (stage / "run_times.json").write_text(json.dumps(seconds))
    shutil.copy(project.out / "claims.json", stage / "claims.json")
    edition.write(project, stage)
    _jupyter_book(project, stage)
    _first_page(project, stage / "_build" / "html" / "index.html")
    built = stage / "_build" / "html"
    missing = [page for page in project.pages if not _has_text(built / f"{page}.html")]
    if missing:
        raise one_sentence.Told(f"No page was made of {', '.join(missing)}.")
    return _show(project, built, name)


def _jupyter_book(project: Project, stage: Path) -> None:
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    command += [str(stage), "--path-output", str(stage), "-W", "-n", "--keep-going", "-q"]
    environment = dict(os.environ, PYTHONHASHSEED="0", NO_COLOR="1")
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        safely.raise_if_full(project.out)
        known = one_sentence.of_output(done.stdout)
        if known:
            raise one_sentence.Told(known)
        warnings = re.findall(r"^.*(?:WARNING|ERROR|CRITICAL).*$", done.stdout, re.MULTILINE)
        print("\n".join(warnings) or done.stdout, file=sys.stderr)
        raise one_sentence.Told("The pages were not built: mend the warnings above.")


def _first_page(project: Project, index: Path) -> None:
    """Jupyter Book's page that leads on to the first one is not HTML: it is written anew."""
    target, title = f"{project.pages[0]}.html", html.escape(project.config["title"])
    index.write_text(
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="refresh" content="0; url={target}">\n<title>{title}</title>\n'
        f'</head>\n<body><h1><a href="{target}">{title}</a></h1></body>\n</html>\n',
        "utf8",
    )


def _has_text(page: Path) -> bool:
    return page.is_file() and page.stat().st_size > 0


def _show(project: Project, built: Path, name: str) -> Path:
    builds = project.out / "builds"
    builds.mkdir(exist_ok=True)
    target = builds / name
    if target.exists():  # from a build of the same inputs that was damaged later
        former = target.with_name(f"{name}.former")
        shutil.rmtree(former, ignore_errors=True)
        os.replace(target, former)
    os.replace(built, target)
    safely.point(project.html, target)
    for other in builds.iterdir():
        if other != target:
            shutil.rmtree(other)
    shutil.rmtree(project.out / "stage")
    return target
