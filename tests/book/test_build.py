"""The build of a two-page miniature book: failing cells, kills, damage, two builds at once."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from miniature import BUILD, CODE, INTRO, TOOLS, build, make_mini, pages

WAITING = "Another build of this book is running"


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    """A miniature that was built, and how many seconds that took."""
    root = make_mini(tmp_path_factory.mktemp("clean"), CODE)
    start = time.monotonic()
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root, time.monotonic() - start


@pytest.fixture(scope="module")
def clean(timed):
    return timed[0]


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


def test_book_killed_at_ten_random_moments_becomes_the_same_as_a_clean_one(timed, tmp_path):
    """One random moment in each tenth of the time that a clean build takes, in random order.

    What was finished is taken away before each, so that there is everything to do; what a kill
    left lying about stays.
    """
    (clean, seconds), dice = timed, random.Random(0)
    root, said = make_mini(tmp_path / "mini", CODE), tmp_path / "said.txt"
    moments = [seconds * (i + dice.random()) / 10 for i in range(10)]
    dice.shuffle(moments)
    reached = []
    for moment in moments:
        shutil.rmtree(root / "out" / "cache", ignore_errors=True)
        (root / "out" / "html").unlink(missing_ok=True)
        with said.open("w") as output:
            started = subprocess.Popen(
                [*BUILD, str(root)], start_new_session=True, stdout=output, stderr=output
            )
            time.sleep(moment)
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
        text = said.read_text()
        words = {"rendering": "Building the pages", "execution": "starts"}
        reached.append(next((w for w, shown in words.items() if shown in text), "start"))
    assert {"execution", "rendering"} <= set(reached), reached
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert pages(root) == pages(clean)


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


def test_second_build_waits_for_the_first(tmp_path):
    root = make_mini(tmp_path, CODE)
    both = [
        subprocess.Popen([*BUILD, str(root)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=200)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(WAITING in text for text in said) == [False, True], said
