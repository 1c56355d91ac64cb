"""Every test runs in float64; shapes are checked at run time; hypothesis repeats itself."""

import gc
import os

import hypothesis
import jax
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)
# Only has an effect on modules imported afterwards, so it must come before any test.
# expansion.py checks its arguments itself, and its tests check its messages.
install_import_hook(["taylorlib.networks", "taylorlib.kernels"], "beartype.beartype")

phases = list(hypothesis.Phase)
if os.environ.get("MUTANTS"):
    # The mutation check asks whether a test fails; the smallest example would take minutes.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
hypothesis.settings.register_profile(
    "book", deadline=None, derandomize=True, max_examples=50, phases=phases
)
hypothesis.settings.load_profile("book")


def pytest_collection_finish():
    """Search for garbage seldom, and never among what was imported: a seventh of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
