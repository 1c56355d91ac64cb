"""The notebooks and pages of the book as a whole; `test_style.py` looks at each notebook."""

import json
import re
import subprocess
import sys

import yaml
from miniature import ROOT, TOOLS

sys.path.insert(0, str(TOOLS))

from project import Project

PROJECT = Project(ROOT)


def cells(page):
    return json.loads(PROJECT.notebook(page).read_text("utf8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def prose(page):
    return "\n\n".join(source(c) for c in cells(page) if c["cell_type"] == "markdown")


def test_every_notebook_stands_in_the_table_of_contents():
    lying = {f"book/{p.stem}" for p in (ROOT / "book").glob("*.ipynb")}
    assert lying - set(PROJECT.notebooks) == set()


def test_every_page_of_text_stands_in_the_table_of_contents():
    lying = {f"book/{p.stem}" for p in (ROOT / "book").glob("*.md")}
    assert lying - set(PROJECT.pages) == set()


def test_no_notebook_in_git_carries_outputs():
    listed = ["git", "ls-files", "-z", "*.ipynb"]
    names = subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")
    wrong = [
        name
        for name in filter(None, names)
        for c in json.loads((ROOT / name).read_text("utf8"))["cells"]
        if c.get("outputs") or c.get("execution_count")
    ]
    assert wrong == []


def test_labels_are_unique_in_the_whole_book():
    label = re.compile(
        r"^:(?:label|name): (\S+)$|^\$\$ \(([\w-]+)\)$|^\(([\w-]+)\)=$", re.MULTILINE
    )
    labels = ["".join(m) for page in PROJECT.notebooks for m in label.findall(prose(page))]
    figures = [
        cell["metadata"]["mystnb"]["figure"]["name"]
        for page in PROJECT.notebooks
        for cell in cells(page)
        if "name" in cell["metadata"].get("mystnb", {}).get("figure", {})
    ]
    names = [*labels, *figures]
    assert sorted(names) == sorted(set(names))


def test_table_of_contents_names_every_page_once():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    assert toc["root"] == PROJECT.pages[0]
    assert len(PROJECT.pages) == len(set(PROJECT.pages))
