"""The mutation check: its table fits the library, and it tells a noticed break from others."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "book" / "_tools" / "mutants.py"
sys.path.insert(0, str(TOOL.parent))
import mutants  # noqa: E402

TABLE = mutants.read(ROOT)
QUICK = ["claim-checks-the-value-alone", "bootstrap-over-values", "one-over-m-for-one-over-root-m"]


def run(*arguments):
    command = [sys.executable, TOOL, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("mutant", TABLE, ids=lambda mutant: mutant.name)
def test_break_still_fits_the_library_and_its_tests_exist(mutant):
    mutant.applied(ROOT)
    assert mutant.tests
    for name in mutant.tests:
        file, function = name.split("[")[0].split("::")
        defined = ast.parse((ROOT / file).read_text("utf8")).body
        assert function in {getattr(node, "name", None) for node in defined}


def test_three_breaks_of_the_library_are_noticed():
    done = run(*QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nmutants: 3 passed, 0 failed\n" in done.stdout


LIBRARY = "def double(x):\n    return 2 * x\n"
TESTS = """
import pytest
import taylorlib

@pytest.mark.parametrize("x", [0, 1])
def test_double(x):
    assert taylorlib.double(x) == 2 * x
"""


@pytest.fixture
def small(tmp_path):
    """A library of one function, and a way to try one break of it."""
    (tmp_path / "taylorlib").mkdir()
    (tmp_path / "taylorlib" / "__init__.py").write_text(LIBRARY)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_double.py").write_text(TESTS)

    def attempt(old, new, test="test_double"):
        (tmp_path / "tests" / "mutants.toml").write_text(
            f'[[mutant]]\nname = "it"\nfile = "taylorlib/__init__.py"\n'
            f'old = "{old}"\nnew = "{new}"\ntests = ["tests/test_double.py::{test}"]\n'
        )
        return run("--root", str(tmp_path))

    return attempt


def test_noticed_break_passes_and_the_sources_stay_whole(small, tmp_path):
    done = small("2 * x", "3 * x")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mutants: 1 passed, 0 failed" in done.stdout
    assert (tmp_path / "taylorlib" / "__init__.py").read_text() == LIBRARY


@pytest.mark.parametrize(
    ("old", "new", "test", "told"),
    [
        ("2 * x", "x + x", "test_double", "test_double passed"),
        ("2 * x", "3 * x", "test_double[0]", "test_double[0] passed"),
        ("def double", "import absent\\ndef double", "test_double", "without an assertion"),
        ("2 * x", "two * x", "test_double", "without an assertion: NameError"),
    ],
    ids=["same-result", "case-that-cannot-see-it", "not-importable", "not-defined"],
)
def test_break_that_no_assertion_notices_fails(small, old, new, test, told):
    done = small(old, new, test)
    assert done.returncode == 1
    assert "mutants: 0 passed, 1 failed" in done.stdout
    assert told in done.stdout


@pytest.mark.parametrize(
    ("old", "test", "told"),
    [
        ("3 * x", "test_double", "its old text occurs 0 times in taylorlib/__init__.py"),
        ("x", "test_double", "its old text occurs 2 times"),
        ("2 * x", "test_absent", "test_absent should pass: ERROR: not found"),
        ("return", "test_double", "is no longer Python with the break"),
    ],
)
def test_table_that_does_not_fit_is_told_in_a_sentence(small, old, test, told):
    done = small(old, "4 * x", test)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
