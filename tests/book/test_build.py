"""The build of a two-page miniature book: failing cells, kills, damage, two builds at once."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = [sys.executable, str(ROOT / "book" / "_tools" / "build.py"), "--root"]
WAITING = "Another build of this book is running"
INTRO = (
    "# Miniature\n\nThe formula $x^2$ stands in {doc}`one`, which has a number of results.\n" * 3
)
CODE = """import matplotlib.pyplot as plt
plt.rcParams["svg.hashsalt"] = "mini"
plt.plot([0, 1])
plt.show()"""


def notebook(*sources):
    cells = [
        {"cell_type": "markdown", "id": "text", "metadata": {}, "source": "# One\n\n" + "A. " * 60}
    ]
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


def make_mini(root, *sources):
    shutil.copytree(ROOT / "book" / "_ext", root / "book" / "_ext")
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    for name in ("_config.yml", "requirements.lock", "book/references.bib"):
        shutil.copy(ROOT / name, root / name)
    toc = "format: jb-book\nroot: book/intro\nchapters:\n  - file: book/one\n"
    (root / "_toc.yml").write_text(toc)
    (root / "book" / "intro.md").write_text(INTRO)
    (root / "book" / "one.ipynb").write_text(notebook(*sources))
    return root


def build(root):
    return subprocess.run([*BUILD, str(root)], capture_output=True, text=True, timeout=200)


def pages(root):
    """The text of every page, run times masked."""
    html = (root / "out" / "html").resolve()
    mask = re.compile(r'<span class="run-time">.*?</span>')
    return {
        str(p.relative_to(html)): mask.sub("", p.read_text("utf8")) for p in html.rglob("*.html")
    }


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    root = make_mini(tmp_path_factory.mktemp("clean"), CODE)
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def test_failing_cell_stops_the_build_and_is_shown(tmp_path):
    root = make_mini(tmp_path, CODE, "apples = 3\nraise RuntimeError('no pears')")
    done = build(root)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "book/one" in said
    assert "apples = 3" in said
    assert "RuntimeError" in said
    assert "no pears" in said
    assert not (root / "out" / "html").exists()


def test_unchanged_book_is_not_built_again(clean):
    before = (clean / "out" / "html").resolve()
    done = build(clean)
    assert "up to date" in done.stdout
    assert (clean / "out" / "html").resolve() == before


def test_damaged_execution_is_noticed_and_repeated(clean):
    [executed] = (clean / "out" / "cache").rglob("*.ipynb")
    good = executed.read_bytes()
    executed.write_bytes(good[: len(good) // 2])
    done = build(clean)
    assert done.returncode == 0, done.stderr
    assert "executed again" in done.stdout
    assert executed.read_bytes() == good


def test_book_killed_at_random_moments_becomes_the_same_as_a_clean_one(clean, tmp_path):
    root, moments = make_mini(tmp_path, CODE), random.Random(0)
    for _ in range(8):
        started = subprocess.Popen(
            [*BUILD, str(root)],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(0.2, 7))
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert pages(root) == pages(clean)


def test_second_build_waits_for_the_first(tmp_path):
    root = make_mini(tmp_path, CODE)
    both = [
        subprocess.Popen([*BUILD, str(root)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=200)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(WAITING in text for text in said) == [False, True], said
