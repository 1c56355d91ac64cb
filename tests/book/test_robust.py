"""What can happen to a machine happens to a two-page book: nothing is lost, and it is told."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from miniature import BUILD, CODE, INTRO, TOOLS, build, make_mini, notebook, pages

sys.path.insert(0, str(TOOLS))

import execution_cache
from project import Project

UNSHARE = shutil.which("unshare")
NOWHERE = {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https", "all")}
NETWORK_OF_ITS_OWN = """
import fcntl, os, socket, struct, sys
# Kernels talk to each other on this machine: only its own interface is up.
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=5)
    except OSError:
        os.execv(sys.argv[1], sys.argv[1:])
sys.exit("there is a network")
"""


def in_namespace(script, flags="-rm", **environment):
    """Run a shell script where it may mount disks; skip where that is not allowed."""
    if not UNSHARE or subprocess.run([UNSHARE, flags, "true"], capture_output=True).returncode:
        pytest.skip("no namespace can be made here")
    return subprocess.run(
        [UNSHARE, flags, "sh", "-ec", script],
        env=os.environ | environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    """A miniature that was built, and how many seconds that took."""
    root = make_mini(tmp_path_factory.mktemp("clean"), CODE)
    start = time.monotonic()
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root, time.monotonic() - start


@pytest.fixture
def book(timed, tmp_path):
    """A copy of it."""
    return shutil.copytree(timed[0], tmp_path / "book", symlinks=True)


def told(done):
    """The last line that a failed build says; there is no traceback."""
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_book_killed_at_twenty_random_moments_becomes_the_same_as_a_clean_one(timed, tmp_path):
    """One random moment in each twentieth of the time that a clean build takes, in random order.

    What was finished is taken away before each, so that there is everything to do; what a kill
    left lying about stays.
    """
    (clean, seconds), dice = timed, random.Random(0)
    root, said = make_mini(tmp_path / "mini", CODE), tmp_path / "said.txt"
    moments = [seconds * (i + dice.random()) / 20 for i in range(20)]
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


def test_disk_that_is_too_small_is_told_before_the_work_and_keeps_the_former_pages(book):
    former = pages(book)
    (book / "book" / "intro.md").write_text(INTRO + "\nSomething new stands here.\n")
    out, kept = book / "out", book / "kept"
    out.rename(kept)
    out.mkdir()
    size = sum(p.stat().st_size for p in kept.rglob("*") if p.is_file()) // 1024 + 4000
    done = in_namespace(
        f"mount -t tmpfs -o size={size}k none '{out}'; cp -a '{kept}/.' '{out}'; "
        f"status=0; {' '.join(BUILD)} '{book}' || status=$?; "
        f"diff -r '{kept}/builds' '{out}/builds'; diff -r '{kept}/cache' '{out}/cache'; "
        f"exit $status"
    )
    assert "free some space and run make again" in told(done)
    assert "Building the book needs about" in told(done)
    out.rmdir()
    kept.rename(out)
    assert pages(book) == former


def test_disk_that_fills_while_the_pages_are_made_is_told_and_keeps_the_former_pages(book):
    former = pages(book)
    (book / "book" / "intro.md").write_text(INTRO + "\nSomething new stands here.\n")
    # No file may be longer: MathJax, of 2 MB, is among the first that Sphinx copies.
    limit = ["prlimit", f"--fsize={1_500_000}"]
    if shutil.which("prlimit") is None:
        pytest.skip("no prlimit here")
    assert "The disk is full" in told(build(book, *limit))
    assert pages(book) == former
    assert build(book).returncode == 0
    assert "Something new" in pages(book)["book/intro.html"]


def test_book_is_made_without_network_and_with_a_home_that_cannot_be_written(timed, tmp_path):
    root, home = make_mini(tmp_path / "mini", CODE), tmp_path / "home"
    home.mkdir()
    alone = f"{sys.executable} -c '{NETWORK_OF_ITS_OWN}' {' '.join(BUILD)} '{root}'"
    done = in_namespace(
        f"mount -t tmpfs none '{home}'; mount -o remount,ro '{home}'; "
        f"! touch '{home}/file' 2>/dev/null; {alone}",
        "-rmn", HOME=str(home), **NOWHERE,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert pages(root) == pages(timed[0])


def test_book_in_a_folder_and_with_a_notebook_of_any_name_is_made(tmp_path):
    root = make_mini(tmp_path / "Büch, zwölf Größen ½", CODE)
    (root / "book" / "one.ipynb").rename(root / "book" / "Größe eins é.ipynb")
    for name in ("_toc.yml", "book/intro.md"):
        path = root / name
        text = path.read_text("utf8").replace("book/one", "book/Größe eins é")
        path.write_text(text.replace("{doc}`one`", "{doc}`Größe eins é`"), "utf8")
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "book/Größe eins é.html" in pages(root)
    assert "up to date" in build(root).stdout


def as_stored(root):
    [record] = (root / "out" / "cache").rglob("*.json")
    return record, record.with_suffix(".ipynb")


def flipped(content):
    return bytes([*content[:200], content[200] ^ 1, *content[201:]])


DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "flipped bit": flipped,
    "no text": lambda content: b"\xff\xfe\x00" + content,
}
OF_OTHER_VERSIONS = {
    "another form": b"[1, 2]",
    "nothing": b"null",
    "without hash": b'{"page": "book/one", "seconds": 1.0}',
    "of another page": None,
}


def damages(root):
    """All of them, by name: what is to be written where."""
    record, executed = as_stored(root)
    good = {path: path.read_bytes() for path in (record, executed)}
    other = json.dumps(json.loads(good[record]) | {"page": "book/two"}).encode()
    found = {f"notebook {name}": (executed, f(good[executed])) for name, f in DAMAGES.items()}
    for name in ("truncated", "emptied", "no text"):
        found[f"record {name}"] = record, DAMAGES[name](good[record])
    found |= {f"record {name}": (record, text or other) for name, text in OF_OTHER_VERSIONS.items()}
    return found, good


def test_every_damage_of_the_cache_is_noticed(book):
    project, (found, good) = Project(book), damages(book)
    key = as_stored(book)[0].stem
    assert len(found) == 11
    for name, (path, content) in found.items():
        path.write_bytes(content)
        with pytest.raises(execution_cache.Damaged, match="the kept copy of book/one is damaged"):
            execution_cache.find(project, "book/one", key)
        assert execution_cache.last_seconds(project, "book/one") >= 0, name
        path.write_bytes(good[path])
    assert execution_cache.find(project, "book/one", key)["page"] == "book/one"


def test_damaged_cache_and_damaged_pages_are_made_again_the_same(book):
    former, (record, executed) = pages(book), as_stored(book)
    content = executed.read_bytes()
    record.write_bytes(OF_OTHER_VERSIONS["without hash"])
    (book / "out" / "claims.json").write_text("{")
    page = book / "out" / "html" / "book" / "one.html"
    page.write_bytes(page.read_bytes()[:1000])
    done = build(book)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the kept copy of book/one is damaged: it is executed again." in done.stdout
    assert pages(book) == former
    assert executed.read_bytes() == content


def test_cache_of_another_version_is_left_alone_and_the_book_is_the_same(book):
    former, (record, executed) = pages(book), as_stored(book)
    for path in (record, executed):  # keys of another version are other hashes
        path.rename(path.with_name("0" * 32 + path.suffix))
    (book / "out" / "cache" / "jupyter_cache.db").write_bytes(b"SQLite format 3\0")
    (book / "out" / "html").unlink()
    shutil.rmtree(book / "out" / "builds")
    done = build(book)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unchanged" not in done.stdout
    assert pages(book) == former
    assert record.exists()
    assert record.with_name("0" * 32 + ".json").exists()


def test_second_build_waits_says_so_and_does_nothing_twice(book):
    (book / "book" / "one.ipynb").write_text(notebook(CODE + "\n# new"))
    both = [
        subprocess.Popen([*BUILD, str(book)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    waited = ["Another build of this book is running" in text for text in said]
    assert sorted(waited) == [False, True], said
    assert "up to date" in said[waited.index(True)]
