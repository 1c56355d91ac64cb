"""A two-page miniature of the book, for tests of what builds it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "book" / "_tools"
BUILD = [sys.executable, str(TOOLS / "build.py"), "--root"]
INTRO = (
    "# Miniature\n\nThe formula $x^2$ stands in {doc}`one`, which has a number of results.\n" * 3
)
CODE = """import matplotlib.pyplot as plt
plt.rcParams["svg.hashsalt"] = "mini"
plt.plot([0, 1])
plt.show()"""


def notebook(*sources, text="# One\n\n" + "A. " * 60):
    """A notebook with one cell of text and cells of code."""
    cells = [{"cell_type": "markdown", "id": "text", "metadata": {}, "source": text}]
    cells += [
        {
            "cell_type": "code",
            "id": f"code-{i}",
            "metadata": {"mystnb": {"image": {"alt": "a straight line"}}},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for i, source in enumerate(sources)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps(
        {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    )


def make_mini(root, *sources, intro=INTRO):
    """Write the miniature into a folder."""
    shutil.copytree(ROOT / "book" / "_ext", root / "book" / "_ext")
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    for name in ("_config.yml", "requirements.lock", "book/references.bib"):
        shutil.copy(ROOT / name, root / name)
    toc = "format: jb-book\nroot: book/intro\nchapters:\n  - file: book/one\n"
    (root / "_toc.yml").write_text(toc)
    (root / "book" / "intro.md").write_text(intro)
    (root / "book" / "one.ipynb").write_text(notebook(*sources))
    return root


def build(root, *before):
    """Build a book; `before` is put in front of the command."""
    return subprocess.run([*before, *BUILD, str(root)], capture_output=True, text=True, timeout=300)


def pages(root):
    """The text of every page, run times masked."""
    html = (root / "out" / "html").resolve()
    mask = re.compile(r'<span class="run-time">.*?</span>')
    return {
        str(p.relative_to(html)): mask.sub("", p.read_text("utf8")) for p in html.rglob("*.html")
    }
