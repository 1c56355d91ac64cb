"""An environment like Colab's: its packages and no other, its Python, and `google.colab` loaded.

Either with the newest versions from the package index, or, in seconds and without a network, with
those of the book's own environment, lent file by file.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, PathDistribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

import one_sentence
import test_pythons

# What the notebooks may count on; Colab has hundreds more.
SHIPPED = [
    *("jax", "numpy", "scipy", "matplotlib", "pandas", "scikit-learn", "ipykernel", "tqdm"),
]
PYTHONS = ["3.12", "3.13", "3.11"]  # Colab's own first
UNTOUCHED = ["jax", "jaxlib", "numpy"]  # named in reports; all that was there must stay


def newest(folder: Path) -> Path:
    """A fresh environment with the newest versions of what Colab ships."""
    found = (path for version in PYTHONS if (path := test_pythons.found(version)))
    python = next(found, Path(sys.executable))
    _run([python, "-m", "venv", "--clear", folder])
    _run([folder / "bin/python", "-m", "pip", "install", "-q", *SHIPPED])
    return _with_google_colab(folder)


def lent(folder: Path) -> Path:
    """The same from the environment in which this runs: nothing is downloaded."""
    _run([sys.executable, "-m", "venv", "--clear", folder])
    there = {_canonical(d.name): d for d in distributions()}
    wanted, target = list(SHIPPED), packages_of(folder)
    taken: set[str] = set()
    while wanted:
        name = _canonical(wanted.pop())
        if name in taken or name not in there:
            continue
        taken.add(name)
        _lend(there[name], target)
        for text in there[name].requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted.append(requirement.name)
    return _with_google_colab(folder)


def copy(environment: Path, folder: Path) -> Path:
    """Another environment with the same packages; its files are links, which pip replaces."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(environment, folder, symlinks=True, copy_function=os.link)
    return folder


def packages_of(environment: Path) -> Path:
    """Where the packages lie."""
    return next(environment.glob("lib/python3.*/site-packages"))


def versions(environment: Path) -> dict[str, str]:
    """Package -> version."""
    found = distributions(path=[str(packages_of(environment))])
    return {_canonical(d.name): d.version for d in found}


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What an installation did to packages that were there, one line each."""
    return [
        f"{name}: {version} became {after.get(name, 'none')}"
        for name, version in before.items()
        if after.get(name) != version
    ]


def _with_google_colab(folder: Path) -> Path:
    """Each Python of the environment starts with `google.colab` loaded, as a kernel of Colab."""
    module = packages_of(folder) / "google" / "colab"
    module.mkdir(parents=True)
    for name in ("__init__.py", "output.py"):  # the second is what JAX looks for in Colab
        (module / name).write_text('"""Stands for the module of Colab."""\n')
    (packages_of(folder) / "colab.pth").write_text("import google.colab\n")
    return folder


def _lend(package: Distribution, target: Path) -> None:
    assert isinstance(package, PathDistribution)
    for file in package.files or []:
        source = Path(package.locate_file(file))
        if ".." not in file.parts and source.is_file() and source.suffix != ".pyc":
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target / file)
            except OSError:  # another disk
                shutil.copy(source, target / file)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _run(command: list) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        known = one_sentence.of_output(done.stdout)
        words = " ".join(map(str, command[1:4]))
        raise one_sentence.Told(known or f"{words} failed: {done.stdout.strip()[-400:]}")
