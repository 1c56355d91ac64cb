"""Derivatives of activations of order 4: our recurrences, and jax.grad four times."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import taylorlib as tl

from contest import Contest, Way

ORDER = 4


def contests(quick: bool) -> Iterator[Contest]:
    """One for each activation."""
    t = jnp.linspace(-3.0, 3.0, 10 if quick else 500_000)
    for name in ("tanh", "gelu", "erf", "softplus"):
        activation = getattr(tl.activations, name)
        nested = activation
        for _ in range(ORDER):
            nested = jax.grad(nested)
        ways = {
            "recurrence": Way(activation.derivative(ORDER), (t,)),
            "nested jax.grad": Way(jax.vmap(nested), (t,)),
        }
        yield Contest(f"{name}, {len(t)} points", ways, [("nested jax.grad", "recurrence")])
