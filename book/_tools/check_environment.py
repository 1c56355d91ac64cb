"""Install the pip part of environment.yml in a fresh environment, as conda would, and import.

conda itself is not run: its pip part is what it hands to pip, and here a plain environment takes
the place of the one that conda makes. The newest versions within the ranges are installed, not
those of the lock file. Works on a copy of the sources, so that nothing is left in them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import yaml

import one_sentence
from project import HERE

SOURCES = ("taylorlib", "pyproject.toml", "README.md", "LICENSE")
IMPORTS = "import taylorlib; from taylorlib.compat import neural_tangents; import jax, jupyter_book"
# neural-tangents alone may miss packages: it was installed without them, on purpose
EXCEPTION = "neural-tangents 0.6.5 requires "


def pip_part(text: str) -> list[str]:
    """The requirements that conda hands to pip."""
    [part] = [d["pip"] for d in yaml.safe_load(text)["dependencies"] if isinstance(d, dict)]
    return part


def step_after(text: str) -> list[str]:
    """The arguments of the pip command in the comment, which comes after conda's own work."""
    [line] = [line for line in text.splitlines() if line.startswith("# pip install ")]
    return line.removeprefix("# pip install ").split("(")[0].split()


def unexpected(complaints: str) -> list[str]:
    """The lines of `pip check` other than the known exception."""
    lines = [line for line in complaints.splitlines() if line.strip()]
    return [
        line
        for line in lines
        if not line.startswith(EXCEPTION) and line != "No broken requirements found."
    ]


def main() -> int:
    """Install, import, check."""
    text, start = (HERE / "environment.yml").read_text("utf8"), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="book-environment-") as folder:
        copy, environment = Path(folder) / "copy", Path(folder) / "env"
        copy.mkdir()
        for name in SOURCES:
            source = HERE / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        venv.create(environment, with_pip=True)
        python = str(environment / "bin" / "python")
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        _told(
            [*pip, "install", "-q", *" ".join(pip_part(text)).split()],
            "The pip part of environment.yml",
            copy,
        )
        _told([*pip, "install", "-q", *step_after(text)], "The step after it", copy)
        _told([python, "-W", "error", "-c", IMPORTS], "The import", Path(folder))
        done = subprocess.run([*pip, "check"], capture_output=True, text=True)
        found = unexpected(done.stdout + done.stderr)
        if found:
            print("\n".join(found), file=sys.stderr)
            raise one_sentence.Told("pip check finds more than the known exception (see above).")
        known = len(done.stdout.splitlines())
        print(f"pip check: {known} lines about neural-tangents, which are known, and no other.")
    print(f"environment.yml installs and imports ({time.monotonic() - start:.0f} s).")
    return 0


def _told(command: list[str], what: str, folder: Path) -> None:
    print(f"{what}: {' '.join(command[1:])}", flush=True)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=dict(environment, JAX_PLATFORMS="cpu"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        known = one_sentence.of_output(done.stdout)
        raise one_sentence.Told(known or f"{what} failed (see above).")


if __name__ == "__main__":
    one_sentence.run(main)
