"""Gradient of a loss of the Taylor model: this library, jet, nested derivatives, neural-tangents.

Each is also divided by the same gradient of the network itself: how much dearer is it to train
the Taylor model of order k? A dense layer needs 2k + 1 products forward and 3k - 1 backward
where the network needs 1 and 2, so 5k/3 is what to expect of wide layers. Float32, mean squared
loss. The smaller multilayer perceptron is the one of the chapter on Taylorized training.
"""

import itertools
import math
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import taylorlib as tl
from taylorlib.compat import neural_tangents as nt

from contest import Contest, Way

ROUTES = ["auto", "jet", "nested"]


def relu(x):
    """As a maximum, for which jet has a rule."""
    return jnp.maximum(x, 0.0)


def perceptron(sizes: list[int], batch: int, act: Callable) -> tuple[Callable, list, tuple]:
    """A multilayer perceptron, the shapes of its weights and of its input."""

    def network(params, x):
        *hidden, last = params
        for weights in hidden:
            x = act(x @ weights)
        return x @ last

    return network, list(itertools.pairwise(sizes)), (batch, sizes[0])


def convolutional(side: int, channels: int, batch: int) -> tuple[Callable, list, tuple]:
    """Two convolutions of 3 by 3, each with pooling, and a dense layer."""

    def network(params, x):
        *kernels, last = params
        for kernel in kernels:
            x = jax.lax.conv_general_dilated(
                x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            window = (1, 2, 2, 1)
            x = jax.lax.reduce_window(jnp.tanh(x), 0.0, jax.lax.add, window, window, "VALID") / 4
        return x.reshape(len(x), -1) @ last

    dense = ((side // 4) ** 2 * 2 * channels, 10)
    shapes = [(3, 3, 1, channels), (3, 3, channels, 2 * channels), dense]
    return network, shapes, (batch, side, side, 1)


def attention(width: int, heads: int, length: int, batch: int) -> tuple[Callable, list, tuple]:
    """A block of a transformer: attention and a perceptron, each after a layer norm."""

    def norm(x):
        x = x - x.mean(-1, keepdims=True)
        return x / jnp.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)

    def network(params, x):
        (into, out, up, down), shape = params, (batch, length, 3, heads, width // heads)
        q, k, v = jnp.moveaxis((norm(x) @ into).reshape(shape), 2, 0)
        scores = jnp.einsum("bthe,bshe->bhts", q, k) / jnp.sqrt(width / heads)
        mixed = jnp.einsum("bhts,bshe->bthe", jax.nn.softmax(scores), v)
        x = x + mixed.reshape(x.shape) @ out
        return x + jax.nn.gelu(norm(x) @ up) @ down

    shapes = [(width, 3 * width), (width, width), (width, 4 * width), (4 * width, width)]
    return network, shapes, (batch, length, width)


def settings(quick: bool) -> Iterator[tuple[str, tuple, range, list[str]]]:
    """A name, a network, orders and the routes to compare."""
    everything = [*ROUTES, "nt.taylor_expand"]
    if quick:
        yield "MLP 4-5-2, batch 3", perceptron([4, 5, 2], 3, jnp.tanh), range(1, 3), everything
        yield "conv net 4x4, batch 2", convolutional(4, 2, 2), range(2, 3), ROUTES[:2]
        yield "attention block of width 4, batch 2", attention(4, 2, 3, 2), range(2, 3), ROUTES[:2]
        return
    wide, small = [256, 512, 512, 512, 10], [196, *[128] * 5, 10]
    for act in (jnp.tanh, relu):
        of = f"{act.__name__} MLP"
        yield f"{of} 256-512x3-10, batch 256", perceptron(wide, 256, act), range(1, 7), everything
        yield f"{of} 196-128x5-10, batch 64", perceptron(small, 64, act), range(1, 7), everything
    yield (
        "conv net 14x14, 16 and 32 channels, batch 64",
        convolutional(14, 16, 64),
        range(2, 5),
        ROUTES,
    )
    yield (
        "attention block of width 64, 4 heads, 16 tokens, batch 16",
        attention(64, 4, 16, 16),
        range(2, 5),
        ROUTES,
    )


def expansion(route: str, network: Callable, order: int) -> Callable:
    """The function from ``params0`` to the Taylor model."""
    if route == "nt.taylor_expand":
        return lambda params0: nt.taylor_expand(network, params0, order)
    return lambda params0: tl.taylor_model(network, params0, order, implementation=route)


def gradient(model_at: Callable, arguments: tuple) -> Way:
    """The gradient of the loss of a model that is expanded within the compiled program."""

    def loss(params, params0, x, y):
        return jnp.mean((model_at(params0)(params, x) - y) ** 2)

    return Way(jax.grad(loss), arguments)


def random_arguments(network: Callable, shapes: list, inputs: tuple) -> tuple:
    """Parameters, the expansion point, inputs and targets."""
    *keys, moved, for_x, for_y = jax.random.split(jax.random.key(0), len(shapes) + 3)
    params0 = [
        jax.random.normal(k, s) / math.sqrt(math.prod(s[:-1]))
        for k, s in zip(keys, shapes, strict=True)
    ]
    params = [p + 0.01 * jax.random.normal(moved, p.shape) for p in params0]
    x = jax.random.normal(for_x, inputs)
    y = jax.random.normal(for_y, jax.eval_shape(network, params0, x).shape)
    return params, params0, x, y


def contests(quick: bool) -> Iterator[Contest]:
    """One for each network and order."""
    for name, (network, shapes, inputs), orders, routes in settings(quick):
        arguments = random_arguments(network, shapes, inputs)
        for order in orders:
            ways = {"network": gradient(lambda params0, f=network: f, arguments)}
            for route in routes:
                ways[route] = gradient(expansion(route, network, order), arguments)
            ratios = [(other, routes[0]) for other in routes[1:]]
            ratios += [(route, "network") for route in routes]
            yield Contest(f"{name}, order {order} (5k/3 = {5 * order / 3:.3g})", ways, ratios)
