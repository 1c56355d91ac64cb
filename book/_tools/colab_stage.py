"""Let Sphinx read the book and write its notebooks as Markdown texts and code cells.

Nothing is executed. Where a cell will draw a figure with a caption, a picture of one pixel stands
for it in a copy of the sources, so that figures are numbered and can be referred to.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

import address
import colab_address
import execution_cache
import one_sentence
import safely
from execute import copy_sources
from project import Project

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


def parts_of_pages(project: Project) -> dict[str, list[dict]]:
    """Texts and cells of every page that is a notebook."""
    stage = safely.empty(project.out / "colab-stage")
    copy_sources(project, stage)
    pages = project.notebooks
    for page in pages:
        path = stage / f"{page}.ipynb"
        path.write_text(json.dumps(with_pictures(json.loads(path.read_text("utf8")))), "utf8")
    _configure(project, stage, pages)
    seconds = {page: execution_cache.last_seconds(project, page) for page in project.notebooks}
    (stage / "run_times.json").write_text(json.dumps(seconds))
    (stage / "claims.json").write_text("[]")
    written = _sphinx(stage)
    found = {page: json.loads((written / f"{page}.json").read_text("utf8")) for page in pages}
    shutil.rmtree(stage)
    return found


def with_pictures(notebook: dict) -> dict:
    """The notebook with no outputs but a pixel below each cell that has a caption."""
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        cell["outputs"], cell["execution_count"] = [], None
        if "figure" in cell["metadata"].get("mystnb", {}):
            data = {"image/png": PIXEL}
            picture = nbformat.v4.new_output("display_data", data=data, metadata={})
            cell["outputs"].append(picture)
    return notebook


def macros_of(config: dict) -> dict:
    """The TeX macros that the configuration defines for the pages."""
    sphinx = config.get("sphinx", {}).get("config", {})
    return sphinx.get("mathjax3_config", {}).get("tex", {}).get("macros", {})


def _configure(project: Project, stage: Path, pages: list[str]) -> None:
    config = yaml.safe_load((stage / "_config.yml").read_text("utf8"))
    sphinx = config.setdefault("sphinx", {})
    sphinx.setdefault("local_extensions", {})["colab_builder"] = str(Path(__file__).parent)
    sphinx.setdefault("config", {}).update(
        colab_pages=pages,
        colab_address=colab_address.of_pages(address.read(project.root)),
        colab_macros=macros_of(config),
        nb_mime_priority_overrides=[["colab", "image/png", 1]],
    )
    (stage / "_config.yml").write_text(yaml.safe_dump(config), "utf8")


def _sphinx(stage: Path) -> Path:
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    command += [str(stage), "--path-output", str(stage), "-W", "-n", "--keep-going", "-q"]
    command += ["--builder", "custom", "--custom-builder", "colab"]
    done = subprocess.run(
        command,
        env=dict(os.environ, PYTHONHASHSEED="0", NO_COLOR="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        bad = r"^.*(?:WARNING|ERROR|CRITICAL|UnknownNodeError: ).*$"
        told = re.findall(bad, done.stdout, re.MULTILINE)
        print("\n".join(told) or done.stdout, file=sys.stderr)
        raise one_sentence.Told("The Colab notebooks were not made: mend what is told above.")
    return stage / "_build" / "colab"
