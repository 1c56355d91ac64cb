"""The unit tests on other Pythons: with the locked packages on each, or on the newest of all.

Without an option every Python from 3.11 to 3.13 that is found gets an environment in
`out/pythons` from requirements.lock, kept for the next time. With `--latest` the newest Python
gets a fresh environment with the newest version of every package, without the lock: this tells
early what the next lock would break.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import bootstrap
import one_sentence
from project import HERE, Project

LOCKED = ["3.11", "3.12", "3.13"]  # for these the lock is resolved
NEWER = ["3.14", "3.15", "3.16"]  # tried first by --latest
UNIT = ["-m", "pytest", "-q", "-n", "2", "tests", "taylorlib", "--ignore=tests/book"]
TOLD = ["jax", "jaxlib", "numpy", "scipy", "neural-tangents"]


def found(version: str) -> Path | None:
    """A Python of this version that runs and can make environments.

    Looked for on the PATH and where pyenv and uv keep theirs. A command that exists may be the
    empty shim of a version manager, so each is tried.
    """
    name, home = f"python{version}", Path.home()
    on_path = shutil.which(name)
    candidates = [Path(sys.executable), *([Path(on_path)] if on_path else [])]
    for kept in (".pyenv/versions", ".local/share/uv/python"):
        candidates += sorted((home / kept).glob(f"*/bin/{name}"), reverse=True)
    return next((path for path in candidates if _runs(path, version)), None)


def _runs(python: Path, version: str) -> bool:
    program = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", program], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == version


def locked_environment(python: Path, version: str) -> Path:
    """The Python of an environment with the locked packages."""
    if bootstrap.is_current(str(HERE / ".venv")) and _runs(HERE / ".venv/bin/python", version):
        return HERE / ".venv/bin/python"
    venv = Project().out / "pythons" / version
    venv.parent.mkdir(parents=True, exist_ok=True)
    if not bootstrap.is_current(str(venv)):
        print(f"Installing the locked packages for Python {version} in {venv}.", flush=True)
        # The environment's Python must make it, since each makes only its own kind.
        tools = str(Path(__file__).parent)
        program = (
            f"import sys; sys.path.insert(0, {tools!r}); import bootstrap, one_sentence; "
            f"one_sentence.run(lambda: bootstrap.install({str(venv)!r}))"
        )
        if subprocess.run([python, "-c", program], cwd=HERE).returncode:
            raise one_sentence.Told(f"The locked packages do not install on Python {version}.")
    return venv / "bin/python"


def latest_environment(python: Path) -> Path:
    """The Python of a fresh environment with the newest versions, in their declared ranges."""
    venv = Project().out / "latest"
    pyproject = tomllib.loads((HERE / "pyproject.toml").read_text("utf8"))
    project, alone = pyproject["project"], bootstrap.no_deps(pyproject)
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(package for extra in extras for package in extra)]
    print(f"Installing the newest packages in {venv}.", flush=True)
    venv.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [python, "-m", "venv", "--clear", venv],
        [venv / "bin/python", "-m", "pip", "install", "-q", "--upgrade", "pip"],
        [venv / "bin/python", "-m", "pip", "install", "-q", *wanted],
        [venv / "bin/python", "-m", "pip", "install", "-q", "--no-deps", *alone],
    ):
        done = subprocess.run(command, cwd=HERE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            known = one_sentence.of_output(done.stderr)
            raise one_sentence.Told(known or f"Installing failed: {done.stderr.strip()[-400:]}")
    return venv / "bin/python"


def versions(python: Path) -> str:
    """What is installed, in words."""
    program = (
        "import importlib.metadata as m, platform; "
        f"print('Python', platform.python_version(), *(f'{{n}} {{m.version(n)}}' for n in {TOLD}))"
    )
    return subprocess.check_output([python, "-c", program], text=True).strip()


def passes(python: Path) -> bool:
    """Run the unit tests, the doctests and the smoke test of neural-tangents."""
    start = time.monotonic()
    print(f"== {versions(python)}", flush=True)
    environment = dict(os.environ, OMP_NUM_THREADS="1", JAX_PLATFORMS="cpu", PYTHONPATH=str(HERE))
    good = subprocess.run([python, *UNIT], cwd=HERE, env=environment).returncode == 0
    word = "passed" if good else "FAILED"
    print(f"== {python}: {word} in {time.monotonic() - start:.0f} s", flush=True)
    return good


def main() -> int:
    """Test on what is there and say what is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latest", action="store_true", help="newest Python, newest packages")
    if parser.parse_args().latest:
        newest_first = sorted({*LOCKED, *NEWER}, key=_number, reverse=True)
        there = {v: path for v in newest_first if (path := found(v))}
        results = [passes(latest_environment(there[next(iter(there))]))]
    else:
        there = {v: path for v in LOCKED if (path := found(v))}
        missing = ", ".join(v for v in LOCKED if v not in there)
        if missing:
            print(f"Not found on this machine, so not tested: Python {missing}.", flush=True)
        results = [passes(locked_environment(path, v)) for v, path in there.items()]
    print(f"Pythons: {sum(results)} passed, {len(results) - sum(results)} failed")
    return not all(results)


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


if __name__ == "__main__":
    one_sentence.run(main)
