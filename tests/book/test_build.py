"""The build of a two-page miniature book: failing cells, kills, damage, two builds at once."""

import os
import random
import signal
import subprocess
import time

import pytest
from miniature import BUILD, CODE, build, make_mini, pages

WAITING = "Another build of this book is running"


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
