"""One list of packages: pyproject.toml, the lock file and environment.yml agree."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
LOCK = (ROOT / "requirements.lock").read_text("utf8")
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
WANTED = [*PROJECT["dependencies"], *EXTRAS["book"], *EXTRAS["test"]]
NO_DEPS = PYPROJECT["tool"]["taylorlib"]["no-deps"]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def locked():
    """Name -> every version locked, for one Python or another."""
    found = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE):
        found.setdefault(canonical(name), []).append(version)
    return found


@pytest.mark.parametrize("text", WANTED)
def test_lock_satisfies_the_range_of(text):
    wanted = Requirement(text)
    versions = locked().get(canonical(wanted.name), [])
    assert versions
    assert all(wanted.specifier.contains(v, prereleases=True) for v in versions)


def test_neural_tangents_is_the_one_exception_and_brings_nothing_into_the_lock():
    assert [Requirement(text).name for text in NO_DEPS] == ["neural-tangents"]
    assert not {"neural-tangents", "tensorflow", "tf2jax"} & set(locked())


def test_conda_installs_the_same_and_says_how_to_add_the_exception():
    text = (ROOT / "environment.yml").read_text("utf8")
    [pip] = [d["pip"] for d in yaml.safe_load(text)["dependencies"] if isinstance(d, dict)]
    extras = ",".join(EXTRAS)
    assert pip == [f"-e .[{extras}]"]
    assert f"pip install --no-deps {NO_DEPS[0]}" in text


def test_check_of_the_environment_knows_one_exception_and_no_other():
    sys.path.insert(0, str(ROOT / "book" / "_tools"))
    import check_environment as check

    text = (ROOT / "environment.yml").read_text("utf8")
    assert check.pip_part(text) == [f"-e .[{','.join(EXTRAS)}]"]
    assert check.step_after(text) == ["--no-deps", *NO_DEPS]
    name, version = NO_DEPS[0].split("==")
    assert f"{name} {version} requires " == check.EXCEPTION
    known = f"{name} {version} requires tensorflow, which is not installed.\n"
    other = "jaxtyping 0.3 requires wadler-lindig, which is not installed."
    assert check.unexpected(known) == []
    assert check.unexpected("No broken requirements found.\n") == []
    assert check.unexpected(known + other) == [other]


def test_lock_names_no_registry_and_no_path():
    assert not re.search(r"https?://|file:|/\w+/", LOCK)


def test_set_up_cell_and_library_ask_for_the_same_neural_tangents():
    from taylorlib import compat

    assert f"neural-tangents=={compat.SUPPORTED_VERSION}" in NO_DEPS
    assert NO_DEPS[0] in (ROOT / "book" / "ntk.ipynb").read_text("utf8")
