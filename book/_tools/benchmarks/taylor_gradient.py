"""Gradient of a loss of the Taylor model: Taylor mode, nested derivatives, neural-tangents.

Each is also divided by the same gradient of the network itself: how much dearer is it to train
the Taylor model of order k? Float32, mean squared loss, tanh.
"""

import itertools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import taylorlib as tl
from taylorlib.compat import neural_tangents as nt

from contest import Contest, Way

NETWORKS = {
    "MLP 256-512-512-512-10, batch 256": ([256, 512, 512, 512, 10], 256),
    "MLP 196-128-128-128-128-128-10, batch 64": ([196, 128, 128, 128, 128, 128, 10], 64),
}


def network(params, x):
    """A multilayer perceptron."""
    *hidden, last = params
    for weights in hidden:
        x = jnp.tanh(x @ weights)
    return x @ last


def contests(quick: bool) -> Iterator[Contest]:
    """One for each network and order."""
    networks = {"MLP 4-5-2, batch 3": ([4, 5, 2], 3)} if quick else NETWORKS
    for name, (sizes, batch) in networks.items():
        keys = jax.random.split(jax.random.key(0), len(sizes) + 2)
        shapes = list(itertools.pairwise(sizes))
        params0 = [
            jax.random.normal(k, s) / jnp.sqrt(s[0]) for k, s in zip(keys, shapes, strict=False)
        ]
        params = [p + 0.01 * jax.random.normal(keys[-3], p.shape) for p in params0]
        x = jax.random.normal(keys[-2], (batch, sizes[0]))
        y = jax.random.normal(keys[-1], (batch, sizes[-1]))

        def gradient_with(expand, x=x, y=y, params0=params0, params=params):
            def loss(params, params0, x, y):
                return jnp.mean((expand(params0)(params, x) - y) ** 2)

            return Way(jax.grad(loss), (params, params0, x, y))

        for order in (1, 2) if quick else range(1, 7):
            ways = {
                "network": gradient_with(lambda params0: network),
                "jet": gradient_with(
                    lambda p0, k=order: tl.taylor_model(network, p0, k, implementation="jet")
                ),
                "nested": gradient_with(
                    lambda p0, k=order: tl.taylor_model(network, p0, k, implementation="nested")
                ),
                "nt.taylor_expand": gradient_with(
                    lambda p0, k=order: nt.taylor_expand(network, p0, k)
                ),
            }
            ratios = [("nested", "jet"), ("nt.taylor_expand", "jet")]
            ratios += [(way, "network") for way in ways if way != "network"]
            yield Contest(f"{name}, order {order}", ways, ratios)
