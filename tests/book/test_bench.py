"""`make bench` runs at tiny sizes and yields ratios; nothing here says how large they are."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "book" / "_tools"


def bench(*arguments):
    command = [sys.executable, TOOLS / "bench.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "deep" / "bench.json"
    done = bench("--quick", "--json", path)
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text("utf8"))


def test_machine_and_versions_are_named(found):
    assert {"cpu", "cores"} <= set(found["machine"])
    assert {"python", "jax", "jaxlib", "numpy", "neural-tangents"} <= set(found["versions"])
    assert found["quick"]


def test_every_file_of_benchmarks_is_a_comparison(found):
    files = {path.stem for path in (TOOLS / "benchmarks").glob("[!_]*.py")}
    assert set(found["comparisons"]) == files
    empty = {name for name, c in found["comparisons"].items() if not c["contests"]}
    # the one reads the times of a complete build, the other opens pages
    assert empty <= {"warm_build", "page_load"}
    assert all(c["title"].endswith(".") for c in found["comparisons"].values())


def test_ratios_are_positive_and_lie_in_their_intervals(found):
    contests = [c for each in found["comparisons"].values() for c in each["contests"]]
    ratios = [r for contest in contests for r in contest["ratios"]]
    assert len(ratios) >= 10
    for ratio in ratios:
        assert 0 < ratio["low"] <= ratio["median"] <= ratio["high"] < math.inf
        assert ratio["repetitions"] >= 3
    for contest in contests:
        pairs = {(r["dividend"], r["divisor"]) for r in contest["ratios"]}
        assert {name for pair in pairs for name in pair} == set(contest["ways"])
        # None: not a program that JAX compiles.
        compiled = [way["compile_seconds"] for way in contest["ways"].values()]
        assert all(seconds is None or seconds > 0 for seconds in compiled)


def test_unknown_comparison_is_named():
    done = bench("nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("No comparison 'nothing'")
