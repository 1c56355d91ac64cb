"""What a reader can mend is told in exactly one sentence, and nothing is lost by it.

Conditions are real where they can be made here: a full, a nearly full and a read-only disk (a
small tmpfs, which needs root), a folder without permission (root gives up the privilege to pass
over it), a refused connection, a wrong hash, an installation killed in the middle, a Python
without ensurepip (hidden by a mount, for root). Simulated are: an old Python (the present one that
says it is old), a machine without Python (an empty PATH), a Python without venv (a module of that
name that is not to be found).

The installations use a project of one package that is made here, so they need no network.
"""

import ast
import errno
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from miniature import BUILD, CODE, ROOT, TOOLS, make_mini, notebook, pages

sys.path.insert(0, str(TOOLS))

import bootstrap
import one_sentence
import safely

IS_ROOT = os.geteuid() == 0
# root without the privilege to pass over permissions: they hold as for everybody else
OBEYING = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if IS_ROOT else []
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root may mount a disk")
needs_permissions = pytest.mark.skipif(
    IS_ROOT and shutil.which("setpriv") is None, reason="no setpriv to make root obey permissions"
)


def one_sentence_of(done, *words):
    """Assert that a run failed with one sentence on stderr, which has these words."""
    assert done.returncode not in (0, None), done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stdout + done.stderr
    assert lines[0].endswith(".")
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert word in lines[0]
    return lines[0]


@pytest.fixture
def disk(tmp_path):
    """Mounts small disks; `disk(options)` returns the folder."""
    mounted = []

    def mount(options):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting is not allowed here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


# --- building the book ---


def run_build(root, *before):
    command = [*before, *BUILD, str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A miniature that was built."""
    root = make_mini(tmp_path_factory.mktemp("built"), CODE)
    done = run_build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def change(root):
    """Change the notebook, so that there is something to execute and to render."""
    path = root / "book" / "one.ipynb"
    path.write_text(notebook(CODE, "print('more')"))


@needs_root
def test_disk_too_small_for_the_book_is_found_before_anything_is_executed(disk):
    root = make_mini(disk("size=20m"), CODE)
    done = run_build(root)
    one_sentence_of(done, "needs about 30 MB", "free some space")
    assert "starts" not in done.stdout
    assert not (root / "out" / "html").exists()


@needs_root
@pytest.mark.parametrize(
    ("left", "reached"), [(4, None), (60, "Building the pages")], ids=["copying", "rendering"]
)
def test_disk_that_fills_up_in_the_middle_keeps_the_former_pages(built, disk, left, reached):
    """The files run out (tmpfs counts them), which says ENOSPC like bytes that run out.

    The early check counts bytes, so that only this can come in the middle.
    """
    folder = disk("size=200m")
    root = shutil.copytree(built, folder / "book", symlinks=True)
    before = pages(root)
    change(root)
    used = os.statvfs(folder)
    remount(folder, f"nr_inodes={used.f_files - used.f_ffree + left}")
    failed = run_build(root)
    one_sentence_of(failed, "The disk is full", "free some space")
    assert ("starts" in failed.stdout) == (reached is not None)
    assert ("Building the pages" in failed.stdout) == (reached is not None)
    assert pages(root) == before
    remount(folder, "nr_inodes=100k")
    again = run_build(root)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "more" in pages(root)["book/one.html"]


@needs_root
def test_disk_that_fills_up_during_the_execution_keeps_the_former_pages(built, disk):
    folder = disk("size=80m")
    root = shutil.copytree(built, folder / "book", symlinks=True)
    before, path = pages(root), root / "book" / "one.ipynb"
    path.write_text(notebook(CODE, 'open("much", "wb", 0).write(bytes(90_000_000))\n' * 2))
    failed = run_build(root)
    assert "book/one starts" in failed.stdout
    # the failing cell is shown like any other, above the sentence
    assert failed.stderr.startswith("The disk is full")
    assert failed.stderr.count("\n") == 1
    assert failed.returncode == 1
    assert pages(root) == before
    change(root)  # what filled the disk lies in out/run, which the next build empties
    again = run_build(root)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "more" in pages(root)["book/one.html"]


@needs_root
def test_read_only_disk_is_told_and_the_former_pages_still_open(built, disk):
    folder = disk("size=200m")
    root = shutil.copytree(built, folder / "book", symlinks=True)
    before = pages(root)
    change(root)
    remount(folder, "ro")
    one_sentence_of(run_build(root), "The disk is read-only", "copy the book")
    assert pages(root) == before


@needs_permissions
def test_folder_without_permission_is_told(tmp_path):
    root = make_mini(tmp_path / "book", CODE)
    root.chmod(0o555)
    done = run_build(root, *OBEYING)
    root.chmod(0o755)
    one_sentence_of(done, "No permission to write", "make the book's folder writable")


def test_limit_on_the_size_of_files_is_told_like_a_full_disk(tmp_path):
    root = make_mini(tmp_path, CODE)
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh"]  # half a kilobyte
    done = run_build(root, *limited)
    one_sentence_of(done, "The disk is full", "free some space")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EDQUOT, "The disk is full"),
        (errno.EROFS, "The disk is read-only"),
        (errno.EACCES, "No permission"),
    ],
)
def test_error_of_the_disk_anywhere_is_one_sentence(number, words, capsys):
    def main():
        raise OSError(number, os.strerror(number), "/some/file")

    with pytest.raises(SystemExit, match="1"):
        one_sentence.run(main)
    said = capsys.readouterr().err
    assert said.startswith(words)
    assert said.count("\n") == 1


def test_error_that_a_reader_cannot_mend_is_not_hidden():
    def main():
        raise ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="a mistake of ours"):
        one_sentence.run(main)


# --- installing the environment ---

PACKAGE = "onepackage"
BACKEND = '''"""A build backend of the standard library: the library of this miniature, editable."""
import os, zipfile

def get_requires_for_build_editable(settings=None):
    return []

def build_editable(folder, settings=None, metadata=None):
    name = "taylorlib-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("taylorlib.pth", os.getcwd())
        info, head = "taylorlib-0.1.0.dist-info/", "Metadata-Version: 2.1\\nName: taylorlib\\n"
        wheel.writestr(info + "METADATA", head + "Version: 0.1.0\\n")
        pure = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n"
        wheel.writestr(info + "WHEEL", pure + "Tag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
'''


def make_project(root, files=1):
    """A project with the book's own bootstrap, a lock of one package, and its wheel in wheels/."""
    tools = root / "book" / "_tools"
    tools.mkdir(parents=True)
    for name in ("bootstrap.py", "bootstrap.sh", "one_sentence.py"):
        shutil.copy(TOOLS / name, tools / name)
    (root / "taylorlib").mkdir()
    (root / "taylorlib" / "__init__.py").write_text("")
    (root / "backend.py").write_text(BACKEND)
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "taylorlib"\nversion = "0.1.0"\n'
    )
    wheel = root / "wheels" / f"{PACKAGE}-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    info, pure = f"{PACKAGE}-1.0.dist-info", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for i in range(files):
            archive.writestr(f"{PACKAGE}/part{i}.py", f"part = {i}\n")
        archive.writestr(f"{PACKAGE}/__init__.py", "")
        head = f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n"
        archive.writestr(f"{info}/METADATA", head)
        archive.writestr(f"{info}/WHEEL", f"{pure}Tag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (root / "requirements.lock").write_text(f"{PACKAGE}==1.0 \\\n    --hash=sha256:{digest}\n")
    return root


def install(root, *before, python=sys.executable, **variables):
    """Run the bootstrap as make does; pip looks only into the project's folder of wheels."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
    environment.update(
        PIP_CONFIG_FILE=os.devnull,
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(root / "wheels"),
        PIP_NO_CACHE_DIR="1",
        PYTHON=python,
        HOME=str(root),
    )
    environment.update(variables)
    environment = {k: v for k, v in environment.items() if v is not None}
    return subprocess.run(
        [*before, "sh", "book/_tools/bootstrap.sh"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def works(root):
    command = [root / ".venv/bin/python", "-c", f"import taylorlib, {PACKAGE}.part0"]
    return subprocess.run(command, capture_output=True, cwd="/").returncode == 0


@pytest.fixture(scope="module")
def base_python():
    """The Python that .venv was made with (an environment in an environment has no ensurepip)."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}")


def test_installation_works_once_and_then_does_nothing(tmp_path):
    root = make_project(tmp_path)
    first = install(root)
    assert first.returncode == 0, first.stdout + first.stderr
    assert works(root)
    second = install(root)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")


def test_no_network_at_the_first_installation(tmp_path):
    root = make_project(tmp_path)
    refused = "http://127.0.0.1:9/"  # nothing listens there: the connection is really refused
    done = install(
        root, PIP_NO_INDEX=None, PIP_FIND_LINKS=None, PIP_INDEX_URL=refused, PIP_RETRIES="1"
    )
    one_sentence_of(done, "could not be downloaded", "connect to the network")
    repaired = install(root)
    assert repaired.returncode == 0, repaired.stderr
    assert works(root)


def test_package_that_is_not_the_one_in_the_lock(tmp_path):
    root = make_project(tmp_path)
    lock = root / "requirements.lock"
    digest = lock.read_text().rsplit(":", 1)[1].strip()
    lock.write_text(lock.read_text().replace(digest, "0" * 64))
    done = install(root)
    one_sentence_of(done, "does not match its hash in requirements.lock")
    assert not (root / ".venv" / "book-environment.txt").exists()


def test_python_without_the_module_venv(tmp_path):
    root = make_project(tmp_path)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "venv.py").write_text("raise ModuleNotFoundError(\"No module named 'venv'\")\n")
    done = install(root, PYTHONPATH=str(hidden))
    one_sentence_of(done, "venv or ensurepip module is missing", "-venv", "run make again")


@needs_root
def test_python_without_the_module_ensurepip(tmp_path, base_python):
    """Real: as on a Debian without python3-venv, the module is not there (for this process)."""
    root = make_project(tmp_path)
    find = "import ensurepip, os; print(os.path.dirname(ensurepip.__file__))"
    place = subprocess.check_output([base_python, "-c", find], text=True).strip()
    empty = tmp_path / "empty"
    empty.mkdir()
    hide = f'mount --bind "{empty}" "{place}" && exec "$@"'
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("no mount name-spaces here")
    done = install(root, "unshare", "--mount", "sh", "-c", hide, "sh", python=base_python)
    one_sentence_of(done, "venv or ensurepip module is missing", "-venv", "run make again")


def wrapper(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


OLD = """exec "{python}" -c '
import sys, runpy
sys.version_info = (3, 9, 7, "final", 0)
sys.argv = sys.argv[1:]
if sys.argv[0] == "-c":
    exec(sys.argv[1])
else:
    runpy.run_path(sys.argv[0], run_name="__main__")
' "$@" """


@pytest.mark.parametrize("named", [True, False], ids=["by-PYTHON", "on-the-PATH"])
def test_python_that_is_too_old(tmp_path, named):
    root = make_project(tmp_path / "project")
    old = wrapper(tmp_path / "bin" / "python3", OLD.format(python=sys.executable))
    (tmp_path / "bin" / "dirname").symlink_to(shutil.which("dirname"))
    (tmp_path / "bin" / "sh").symlink_to(shutil.which("sh"))
    done = install(root, python=str(old) if named else None, PATH=str(old.parent))
    one_sentence_of(done, "needs Python 3.11 or newer", "is Python 3.9", "PYTHON")
    assert not (root / ".venv").exists()


def test_newer_python_is_found_behind_an_old_one_and_behind_one_that_does_not_run(tmp_path):
    root = make_project(tmp_path / "project")
    wrapper(tmp_path / "bin" / "python3", OLD.format(python=sys.executable))
    wrapper(tmp_path / "bin" / "python3.13", "exit 127")
    wrapper(tmp_path / "bin" / "python3.12", f'exec "{sys.executable}" "$@"')
    done = install(root, python=None, PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert works(root)


@pytest.mark.parametrize("python", ["no-such-python", "/bin/false"])
def test_python_variable_that_does_not_run(tmp_path, python):
    done = install(make_project(tmp_path), python=python)
    one_sentence_of(done, f"PYTHON={python} does not run", "Python 3.11 or newer")


def test_no_python_at_all(tmp_path):
    root = make_project(tmp_path / "project")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("dirname", "sh"):
        (tools / name).symlink_to(shutil.which(name))
    done = install(root, python=None, PATH=str(tools))
    one_sentence_of(done, "No Python was found", "install Python 3.11 or newer")


def test_old_pythons_can_read_what_tells_them_so():
    for name in ("bootstrap.py", "one_sentence.py"):
        ast.parse((TOOLS / name).read_text("utf8"), feature_version=(3, 7))


def test_installation_killed_in_the_middle_is_repaired(tmp_path):
    root = make_project(tmp_path, files=1500)
    environment = dict(os.environ, PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="1")
    environment.update(PIP_FIND_LINKS=str(root / "wheels"), PYTHON=sys.executable)
    started = subprocess.Popen(
        ["sh", "book/_tools/bootstrap.sh"],
        cwd=root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(root.glob(f".venv/lib/*/site-packages/{PACKAGE}/part1*.py")):
        assert time.monotonic() < deadline
        assert started.poll() is None, "it ended before it was killed"
        time.sleep(0.002)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert not (root / ".venv" / "book-environment.txt").exists()
    done = install(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert works(root)


def test_damaged_environment_is_repaired(tmp_path):
    root = make_project(tmp_path)
    assert install(root).returncode == 0
    python, stamp = root / ".venv/bin/python", root / ".venv/book-environment.txt"

    def points_nowhere():
        python.unlink()
        python.symlink_to("/no/such/python")

    for damage in (python.unlink, stamp.unlink, points_nowhere):
        damage()
        done = install(root)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Making the environment" in done.stdout
        assert works(root)


@needs_root
def test_disk_too_small_for_the_environment_is_found_at_once(disk):
    done = install(make_project(disk("size=30m")))
    one_sentence_of(done, "The environment needs about 2.0 GB", "free some space")


@needs_root
@pytest.mark.parametrize(
    ("left", "of_pip"), [(10, False), (400, False), (2600, True)], ids=["venv", "ensurepip", "pip"]
)
def test_disk_that_fills_up_during_the_installation(disk, left, of_pip):
    """The files run out and not the bytes, see above (the size is a limit, no memory is taken)."""
    folder = disk("size=3g")
    root = make_project(folder, files=3000 if of_pip else 1)
    used = os.statvfs(folder)
    remount(folder, f"nr_inodes={used.f_files - used.f_ffree + left}")
    done = install(root, TMPDIR="/tmp")
    one_sentence_of(done, "The disk is full", "free some space")
    assert ("installing the packages" in done.stdout) == of_pip
    remount(folder, "nr_inodes=1m")
    repaired = install(root)
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert works(root)


@needs_root
def test_read_only_disk_at_the_first_installation(disk):
    folder = disk("size=3g")
    root = make_project(folder)
    remount(folder, "ro")
    one_sentence_of(install(root), "The disk is read-only", "copy the book")


@needs_permissions
def test_folder_without_permission_at_the_first_installation(tmp_path):
    root = make_project(tmp_path / "book")
    root.chmod(0o555)
    done = install(root, *OBEYING)
    root.chmod(0o755)
    one_sentence_of(done, "No permission to write", "make the book's folder writable")


def test_room_asked_for_is_what_the_environment_takes():
    size = bootstrap.size_of(str(ROOT / ".venv"))
    assert bootstrap.NEEDED_BYTES / 2 < size < bootstrap.NEEDED_BYTES


def test_room_of_a_book_is_what_a_build_takes(built):
    size = bootstrap.size_of(str(built / "out"))
    # The new pages lie beside the former ones for a moment, and what Sphinx keeps with them.
    assert 2 * size < safely.NEEDED_BYTES
