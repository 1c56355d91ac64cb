"""The build of a two-page miniature book: failing cells, damage, a kill while pages are swapped.

Other accidents, which need more builds, are in test_robust.py.
"""

import shutil
import signal
import subprocess
import sys

import pytest
from miniature import CODE, INTRO, TOOLS, build, make_mini, pages


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A miniature that was built."""
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


KILLED_IN_THE_SWAP = """
import os, shutil, signal, sys
from pathlib import Path
tools, root, rendered, step = sys.argv[1:]
sys.path.insert(0, tools)
import build, render
count = 0

def counted(real):
    def call(*arguments, **options):
        global count
        count += 1
        if count == int(step):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return call

def fake(project, stage):  # the pages were rendered before: only the swap is of interest
    shutil.copytree(rendered, stage / "_build" / "html")

def show(*arguments):
    for place, name in [(os, "replace"), (shutil, "rmtree"), (Path, "symlink_to")]:
        setattr(place, name, counted(getattr(place, name)))
    path = really_show(*arguments)
    print("steps:", count)
    return path

render._jupyter_book, really_show, render._show = fake, render._show, show
build.build(build.Project(Path(root)))
"""


def test_swap_of_the_pages_killed_before_any_of_its_steps_shows_old_or_new_pages(clean, tmp_path):
    former = pages(clean)
    book = tmp_path / "book"
    shutil.copytree(clean, book, symlinks=True)
    (book / "book" / "intro.md").write_text(INTRO + "\nSomething new stands here.\n")
    kept = tmp_path / "kept"
    shutil.copytree(book, kept, symlinks=True)
    done = build(book)
    assert done.returncode == 0, done.stdout + done.stderr
    new, rendered = pages(book), (book / "out" / "html").resolve()
    assert new != former

    def swap(root, step):
        command = [sys.executable, "-c", KILLED_IN_THE_SWAP, str(TOOLS), str(root), str(rendered)]
        return subprocess.run([*command, str(step)], capture_output=True, text=True, timeout=200)

    whole = swap(shutil.copytree(kept, tmp_path / "whole", symlinks=True), 0)
    assert whole.returncode == 0, whole.stderr
    steps = int(whole.stdout.split("steps: ")[1].split()[0])
    assert steps >= 5
    shown = []
    for step in range(1, steps + 1):
        root = shutil.copytree(kept, tmp_path / f"step{step}", symlinks=True)
        assert swap(root, step).returncode == -signal.SIGKILL
        assert pages(root) in (former, new)
        shown.append("new" if pages(root) == new else "former")
        after = swap(root, 0)
        assert after.returncode == 0, after.stderr
        assert pages(root) == new
    assert shown == sorted(shown)
    assert set(shown) == {"former", "new"}
