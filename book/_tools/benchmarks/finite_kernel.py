"""Kernel of the two-layer network at finite width: our formula, and kernels from the Jacobian."""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import taylorlib as tl
from taylorlib.compat import neural_tangents as nt

from contest import Contest, Way


def contests(quick: bool) -> Iterator[Contest]:
    """One for each number of inputs."""
    sizes = [(4, 6, 3)] if quick else [(64, 1024, 64), (256, 1024, 64)]
    sigma = tl.activations.tanh
    for n, m, d in sizes:
        init = tl.init_two_layer(m, d, key=jax.random.key(0))
        W, x = jnp.zeros((m, d)), jax.random.normal(jax.random.key(1), (n, d)) / d**0.5

        def network(init, W, x):
            return tl.two_layer(sigma)(init, W, x)

        def from_jacobian(init, W, x):
            return tl.empirical_ntk(functools.partial(network, init))(W, x, x)

        def of_neural_tangents(init, W, x):
            f = lambda W, x: network(init, W, x)[:, None]  # noqa: E731
            return nt.empirical_ntk_fn(f, vmap_axes=0)(x, None, W)

        arguments = (init, W, x)
        ways = {
            "two_layer_ntk": Way(tl.two_layer_ntk(sigma), (*arguments, x)),
            "empirical_ntk": Way(from_jacobian, arguments),
            "nt.empirical_ntk_fn": Way(of_neural_tangents, arguments),
        }
        ratios = [(way, "two_layer_ntk") for way in ways if way != "two_layer_ntk"]
        yield Contest(f"n = {n}, m = {m}, d = {d}", ways, ratios)
