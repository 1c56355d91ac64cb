"""neural-tangents can be imported on today's JAX, and JAX is left as it was found."""

import subprocess
import sys

import pytest

from taylorlib import compat


def run_alone(program):
    """Run a program in a fresh interpreter in which every warning is an error."""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


LEFT_AS_FOUND = """
import sys, types
import jax, jax.extend.core, jax.extend.linear_util, jax.experimental.jet
import taylorlib  # does not import neural-tangents
from taylorlib import compat
from jax.interpreters import ad
assert "neural_tangents" not in sys.modules

def of_jax():
    return {n: m for n, m in sys.modules.items() if n.split(".")[0] == "jax"}

def contents(modules):
    # Submodules that are imported later become attributes of their package: not a change.
    return {
        n: {k: v for k, v in vars(m).items() if not isinstance(v, types.ModuleType)}
        for n, m in modules.items()
    }

modules = of_jax()
before = contents(modules)
from taylorlib.compat import neural_tangents
after = contents(modules)
for name in before:
    assert before[name].keys() == after[name].keys(), name
    changed = [k for k in before[name] if before[name][k] is not after[name][k]]
    # Counters and caches of JAX itself are replaced as it runs; public names are not.
    assert not [k for k in changed if not k.startswith("_")], (name, changed)
assert modules.items() <= of_jax().items()
assert ("jax.util" in sys.modules) == ("jax.util" in modules)
assert "neural_tangents.experimental" not in sys.modules
assert "tensorflow" not in sys.modules
assert compat.neural_tangents is neural_tangents
"""

AFTER_A_FAILURE = """
import sys, threading
try:
    import neural_tangents
except ImportError:
    pieces = [n for n in sys.modules if n.startswith("neural_tangents")]
    assert pieces, "a failed import is expected to leave pieces behind"
found = []
def use():
    from taylorlib.compat import neural_tangents
    found.append(neural_tangents)
threads = [threading.Thread(target=use) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
assert len(found) == 4 and all(nt is found[0] for nt in found), found
assert found[0].stax is sys.modules["neural_tangents.stax"]
import neural_tangents  # a plain import now finds the same package
assert neural_tangents is found[0]
"""


def test_import_leaves_jax_as_found_and_warns_of_nothing():
    run_alone(LEFT_AS_FOUND)


def test_import_recovers_from_a_failed_one_and_several_threads_get_one_package():
    run_alone(AFTER_A_FAILURE)


def test_missing_package_is_named_with_the_command(monkeypatch):
    def absent(name):
        raise compat.importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(compat.importlib.metadata, "version", absent)
    monkeypatch.delitem(vars(compat), "neural_tangents", raising=False)
    with pytest.raises(ImportError, match=r"pip install --no-deps neural-tangents==0\.6\.5"):
        from taylorlib.compat import neural_tangents  # noqa: F401


def test_other_version_is_refused(monkeypatch):
    monkeypatch.setattr(compat.importlib.metadata, "version", lambda name: "0.7.0")
    monkeypatch.delitem(vars(compat), "neural_tangents", raising=False)
    with pytest.raises(ImportError, match=r"0\.7\.0 is installed.*0\.6\.5"):
        _ = compat.neural_tangents


def test_lent_names_are_taken_back_when_the_import_fails():
    before = set(vars(compat.jax.core)), set(vars(compat.ad)), "jax.util" in sys.modules
    with pytest.raises(RuntimeError, match="in the middle"), compat._old_jax():
        raise RuntimeError("in the middle")
    assert before == (
        set(vars(compat.jax.core)),
        set(vars(compat.ad)),
        "jax.util" in sys.modules,
    )


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = compat.nothing_here
