"""Infinite-width kernel of the first layer: our closed form, and neural-tangents' kernel_fn.

neural-tangents computes the kernels of both layers together, and their difference is ours.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import taylorlib as tl
from taylorlib.compat import neural_tangents as nt

from contest import Contest, Way


def contests(quick: bool) -> Iterator[Contest]:
    """One for each activation that has a closed form in both."""
    n, d = (6, 4) if quick else (2000, 64)
    x = jax.random.normal(jax.random.key(0), (n, d))
    x = x / jnp.linalg.norm(x, axis=1, keepdims=True)
    for name in ("relu", "erf", "gelu"):
        layer = getattr(nt.stax, name.capitalize())()
        _, _, kernel_fn = nt.stax.serial(nt.stax.Dense(1), layer, nt.stax.Dense(1))

        def theirs(x, kernel_fn=kernel_fn, d=d):
            both = kernel_fn(x * d**0.5, None, ("ntk", "nngp"))
            return both.ntk - both.nngp

        kernel = tl.first_layer_ntk(getattr(tl.activations, name))

        ways = {"taylorlib": Way(kernel, (x, x)), "neural-tangents": Way(theirs, (x,))}
        yield Contest(f"{name}, n = {n}", ways, [("neural-tangents", "taylorlib")])
