r"""Fully connected networks of any depth in three parameterizations.

With $n$ inputs of a layer, weights $V$ and biases $b$,

$$z=n^{-\gamma}\,Vh+b,\qquad V_{ij}\sim N(0,n^{2\gamma-1}),\qquad b=0\text{ at the start}.$$

Factor times standard deviation is $n^{-1/2}$ for every $\gamma$, so all parameterizations draw
the same random function. They differ in how fast training moves the effective weights
$n^{-\gamma}V$: a step of gradient descent multiplies their gradient by $\eta\,n^{-2\gamma}$.

- ``"standard"``: $\gamma=0$, the usual network.
- ``"ntk"``: $\gamma=1/2$, which has a kernel limit at a fixed learning rate.
- an order $k\ge1$: $\gamma=1/(k+1)$, the scale of *Taylorized Training*; $k=1$ is ``"ntk"``, and
  $k\to\infty$ is ``"standard"``.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from taylorlib import draws

__all__ = ["Layer", "init_mlp", "mlp", "mlp_preactivations"]


class Layer(NamedTuple):
    """The trainable weights of a layer.

    Attributes:
        V: Weights, ``[outputs, inputs]``.
        b: Biases, ``[outputs]``.
    """

    V: Float[Array, "outputs inputs"]
    b: Float[Array, " outputs"]


def _exponent(parameterization: str | int) -> float:
    """The power gamma of 1 / inputs in front of the weights."""
    if parameterization == "standard":
        return 0.0
    if parameterization == "ntk":
        return 0.5
    if isinstance(parameterization, int) and parameterization >= 1:
        return 1 / (parameterization + 1)
    raise ValueError(
        f"parameterization must be 'standard', 'ntk' or an order k >= 1, got {parameterization!r}."
    )


def init_mlp(
    widths: Sequence[int],
    *,
    key: Array,
    parameterization: str | int = "standard",
    dtype: jnp.dtype | None = None,
) -> tuple[Layer, ...]:
    r"""Draw $V_{ij}\sim N(0,n^{2\gamma-1})$ and $b=0$ for every layer.

    Args:
        widths: Sizes from the input to the output, as in ``[196, 128, 128, 10]``.
        key: A JAX random key.
        parameterization: ``"standard"``, ``"ntk"`` or an order $k\ge1$; the same must be given
            to ``mlp``.
        dtype: Of the weights; None for JAX's default.

    Returns:
        A tuple of ``Layer``, one for each pair of neighbouring widths.

    Raises:
        ValueError: If fewer than two widths are given, one is not positive, or the
            parameterization is unknown.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> params = tl.init_mlp([4, 8, 2], key=jax.random.key(0))
        >>> [layer.V.shape for layer in params]
        [(8, 4), (2, 8)]

    References:
        Bai et al. (2020), *Taylorized Training*, arXiv 2002.04010; the factor and the standard
        deviation of order $k$ are those of its authors' code.
    """
    gamma = _exponent(parameterization)
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths must be at least two positive sizes, got {[*widths]}.")
    keys = jax.random.split(key, len(widths) - 1)
    layers = []
    for key_layer, inputs, outputs in zip(keys, widths[:-1], widths[1:], strict=True):
        V = draws.normal(key_layer, (outputs, inputs), dtype or float)
        V = jnp.asarray(V * float(inputs ** (gamma - 0.5)))
        layers.append(Layer(V, jnp.asarray(np.zeros(outputs, V.dtype))))
    return tuple(layers)


def _layers(params: Sequence[Layer], x: Array, activation: Callable, gamma: float) -> list[Array]:
    """The preactivations of every layer; those of the last are the outputs."""
    found = []
    for layer in params:
        x = activation(found[-1]) if found else x
        found.append(x @ layer.V.T * math.pow(layer.V.shape[1], -gamma) + layer.b)
    return found


def mlp(activation: Callable, *, parameterization: str | int = "standard") -> Callable:
    r"""The network $f(\theta,x)$ with an activation between the layers, none after the last.

    Args:
        activation: $\sigma$, elementwise. For the ReLU use ``lambda t: jnp.maximum(t, 0)``:
            the derivative of ``jax.nn.relu`` is written by hand, which Taylor mode can't use.
        parameterization: As for ``init_mlp``.

    Returns:
        The function ``f(params, x)`` of a tuple of ``Layer`` and inputs ``x[n, d]``, with
        values ``[n, outputs]``.

    Raises:
        ValueError: If the parameterization is unknown.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> f = tl.mlp(jnp.tanh, parameterization="ntk")
        >>> params = tl.init_mlp([4, 8, 2], parameterization="ntk", key=jax.random.key(0))
        >>> f(params, jnp.zeros((3, 4))).tolist()
        [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    gamma = _exponent(parameterization)
    return lambda params, x: _layers(params, x, activation, gamma)[-1]


def mlp_preactivations(
    activation: Callable, *, parameterization: str | int = "standard"
) -> Callable:
    """The inputs of all activations of ``mlp``: the signs are the gates of a ReLU network.

    Args:
        activation: As for ``mlp``.
        parameterization: As for ``init_mlp``.

    Returns:
        The function ``g(params, x)``, a list with ``[n, width]`` for each hidden layer.

    Raises:
        ValueError: If the parameterization is unknown.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> params = tl.init_mlp([4, 8, 6, 2], key=jax.random.key(0))
        >>> hidden = tl.multilayer.mlp_preactivations(jnp.tanh)(params, jnp.ones((3, 4)))
        >>> [z.shape for z in hidden]
        [(3, 8), (3, 6)]
    """
    gamma = _exponent(parameterization)
    return lambda params, x: _layers(params, x, activation, gamma)[:-1]
