"""Make or repair the environment in .venv from requirements.lock, with nothing but Python.

A stamp, written last, holds a hash of what was installed. Without a stamp (an interrupted
installation) the environment is made afresh; with another stamp (the lock changed) it is updated.

The syntax stays readable for old Pythons, so that they get their one sentence.
"""

import hashlib
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import one_sentence

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAYOUT = "1"  # raise it to have every environment installed again
NEEDED_BYTES = (
    2000000000  # for the environment; tests/book/test_sentences.py compares it with .venv
)


def main():
    """Bring .venv up to date; does nothing when the stamp says that it is."""
    if sys.version_info < (3, 11):
        raise one_sentence.Told(
            "The book needs Python 3.11 or newer, and %s is Python %d.%d: install one, or set PYTHON to it."
            % (sys.executable, sys.version_info[0], sys.version_info[1])
        )
    venv = os.path.join(ROOT, ".venv")
    if is_current(venv):
        return 0
    import fcntl

    with open(os.path.join(ROOT, "requirements.lock")) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another make is installing the environment: waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current(venv):
            install(venv)
    return 0


def wanted(python_version):
    """The stamp of a complete environment: a hash of all that decides what is in it."""
    import tomllib

    digest = hashlib.sha256()
    with open(os.path.join(ROOT, "requirements.lock"), "rb") as lock:
        digest.update(lock.read())
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        pyproject = tomllib.load(file)
    for part in (pyproject["build-system"], pyproject["project"], no_deps(pyproject)):
        digest.update(repr(part).encode())
    return "layout %s, python %s, %s" % (LAYOUT, python_version, digest.hexdigest())


def no_deps(pyproject):
    """Packages that are installed without their dependencies, in a step of their own."""
    return pyproject.get("tool", {}).get("taylorlib", {}).get("no-deps", [])


def version_of(venv):
    """The "3.11" of the environment's own Python, or None where it does not run."""
    command = [python_in(venv), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.check_output(command, stderr=subprocess.DEVNULL).decode().strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def python_in(venv):
    """The environment's Python."""
    return os.path.join(venv, "bin", "python")


def stamp_of(venv):
    """Where the stamp lies."""
    return os.path.join(venv, "book-environment.txt")


def is_current(venv):
    """Whether the environment is complete and belongs to this lock."""
    try:
        with open(stamp_of(venv)) as file:
            stamp = file.read()
    except OSError:
        return False
    return os.path.exists(python_in(venv)) and stamp == wanted(stamp.split(", ")[1].split()[-1])


def install(venv):
    """Install everything and write the stamp last."""
    import tomllib

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        pyproject = tomllib.load(file)
    if os.path.exists(stamp_of(venv)) and version_of(venv):
        print("The lock changed: updating the environment in .venv.")
        os.remove(stamp_of(venv))
    else:
        room_for(venv)
        print("Making the environment in .venv (once, a few minutes).")
        make_venv(venv)
    lock = ["--no-deps", "--require-hashes", "-r", os.path.join(ROOT, "requirements.lock")]
    pip(venv, lock, "the packages of requirements.lock")
    for package in no_deps(pyproject):
        pip(venv, ["--no-deps", package], "%s, without its dependencies" % package)
    # setuptools comes from the lock, so that building the library needs no network
    pip(venv, ["--no-deps", "--no-build-isolation", "-e", ROOT], "taylorlib itself")
    temporary = stamp_of(venv) + ".new"
    with open(temporary, "w") as file:
        file.write(wanted(version_of(venv)))
    os.replace(temporary, stamp_of(venv))


def room_for(venv):
    """Find a full disk now, and not after minutes of downloads."""
    free = shutil.disk_usage(ROOT).free + size_of(venv)
    if free < NEEDED_BYTES:
        raise one_sentence.Told(
            "The environment needs about %.1f GB and the disk has %.1f: free some space and run make again."
            % (NEEDED_BYTES / 1e9, free / 1e9)
        )


def size_of(folder):
    """The bytes in a folder; what is left of an interrupted installation is written over."""
    total = 0
    for place, _, names in os.walk(folder):
        total += sum(os.lstat(os.path.join(place, name)).st_blocks * 512 for name in names)
    return total


def make_venv(venv):
    """Make an empty environment with pip in it."""
    steps = [
        [sys.executable, "-m", "venv", "--clear", "--without-pip", venv],
        # by itself, since venv hides what ensurepip says when it fails
        [python_in(venv), "-m", "ensurepip", "--upgrade", "--default-pip"],
    ]
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PIP_TARGET")}
    for command in steps:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        if done.returncode == 0 and version_of(venv):
            continue
        known = one_sentence.of_output(done.stdout)
        if not known and ("ensurepip" in done.stdout or "No module named" in done.stdout):
            known = (
                "This Python cannot make environments, its venv or ensurepip module is missing: install it "
                "(on Debian and Ubuntu: apt install python%d.%d-venv) and run make again."
                % sys.version_info[:2]
            )
        raise one_sentence.Told(known or "Making .venv failed: %s" % last_line(done.stdout))


def pip(venv, arguments, what):
    """Install something, showing how far it is; on failure, say why in one sentence."""
    print("  installing %s" % what)
    sys.stdout.flush()
    command = [python_in(venv), "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--no-input", "--progress-bar", "off"]
    process = subprocess.Popen(
        command + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines, collected = [], 0
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Collecting"):
            collected += 1
            if collected % 25 == 0:
                print("  %d packages collected" % collected)
        elif line.startswith("Installing collected"):
            print("  writing them to .venv")
        sys.stdout.flush()
    if process.wait() != 0:
        text = "".join(lines)
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        known = one_sentence.of_output(text)
        raise one_sentence.Told(
            known or "Installing %s failed: %s" % (what, last_line("".join(errors)))
        )


def last_line(text):
    """The last line that is not empty."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"


if __name__ == "__main__":
    one_sentence.run(main)
