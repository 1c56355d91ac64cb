r"""The two-layer network of the book: only the hidden layer moves.

$$f_{W_0+W}(x)=\frac1{\sqrt m}\sum_{r=1}^m a_r\,\sigma\big((w_{0,r}+w_r)^\top x\big),
\qquad a_r=\pm1,\quad w_{0,r}\sim N(0,B_x^{-2}I_d).$$

The factor $1/\sqrt m$ is part of the network. With inputs of norm $B_x$ every preactivation
$w_{0,r}^\top x$ is a standard Gaussian.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from taylorlib import draws
from taylorlib.activations import Activation

__all__ = ["TwoLayerInit", "init_two_layer", "two_layer", "two_layer_term"]


class TwoLayerInit(NamedTuple):
    """The part of a two-layer network that does not train.

    Attributes:
        W0: Hidden weights at initialization, ``[m, d]``.
        a: Output signs, ``[m]``, each 1 or -1.
    """

    W0: Float[Array, "m d"]
    a: Float[Array, " m"]


def init_two_layer(
    m: int, d: int, *, key: Array, input_norm: float = 1.0, symmetric: bool = True
) -> TwoLayerInit:
    r"""Draw $w_{0,r}\sim N(0,B_x^{-2}I_d)$ and signs $a_r$.

    With the *symmetric initialization*, neurons $r$ and $r+m/2$ share $w_{0,r}$ and have
    opposite signs, so that the network at $W=0$ is exactly zero. There are then only $m/2$
    independent neurons.

    Args:
        m: Width, even if ``symmetric``.
        d: Input dimension.
        key: A JAX random key.
        input_norm: $B_x>0$, the norm of the inputs.
        symmetric: Draw pairs; otherwise all neurons and signs are independent.

    Returns:
        A ``TwoLayerInit`` with ``W0[m, d]`` and ``a[m]``.

    Raises:
        ValueError: If ``m`` or ``d`` is not positive, ``m`` is odd with ``symmetric``, or
            ``input_norm`` is not a positive number.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(6, 3, key=jax.random.key(0))
        >>> init.W0.shape, init.a.tolist()
        ((6, 3), [1.0, 1.0, 1.0, -1.0, -1.0, -1.0])

    References:
        Bai & Lee (2020), arXiv 1910.01619.
    """
    if m < 1 or d < 1:
        raise ValueError(f"m and d must be positive integers, got m={m}, d={d}.")
    if not (math.isfinite(input_norm) and input_norm > 0):
        raise ValueError(f"input_norm must be a positive number, got {input_norm}.")
    key_w, key_a = jax.random.split(key)
    if not symmetric:
        W0 = jnp.asarray(draws.normal(key_w, (m, d)) / input_norm)
        return TwoLayerInit(W0, jnp.asarray(draws.rademacher(key_a, (m,), W0.dtype)))
    if m % 2:
        raise ValueError(f"symmetric initialization needs an even width, got m={m}.")
    half = draws.normal(key_w, (m // 2, d)) / input_norm
    signs = np.repeat(np.array([1, -1], half.dtype), m // 2)
    return TwoLayerInit(jnp.asarray(half[np.arange(m) % (m // 2)]), jnp.asarray(signs))


def two_layer(activation: Activation) -> Callable:
    r"""The network $f_{W_0+W}(x)=m^{-1/2}\sum_r a_r\sigma((w_{0,r}+w_r)^\top x)$.

    Args:
        activation: $\sigma$.

    Returns:
        The function ``f(init, W, x)`` of a ``TwoLayerInit``, the movement ``W[m, d]`` and
        inputs ``x[n, d]``, with values of shape ``[n]``. ``functools.partial(f, init)`` has
        the form ``f(params, x)`` that ``taylor_model`` expects, with $W$ as parameters and
        $W=0$ as initialization.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> f = tl.two_layer(tl.activations.gelu)
        >>> init = tl.init_two_layer(8, 3, key=jax.random.key(0))
        >>> f(init, jnp.zeros((8, 3)), jnp.ones((2, 3))).tolist()
        [0.0, 0.0]
    """

    def f(init: TwoLayerInit, W: Float[Array, "m d"], x: Float[Array, "n d"]) -> Float[Array, " n"]:
        summands = [activation(z) for z in _preactivations(init.W0 + W, x)]
        return _sum_neurons(init.a, summands)

    return f


def two_layer_term(activation: Activation, order: int) -> Callable:
    r"""The closed-form Taylor term of order $k$.

    $$f^{(k)}_W(x)=\frac1{k!\,\sqrt m}\sum_r
    a_r\,\sigma^{(k)}(w_{0,r}^\top x)\,(w_r^\top x)^k.$$

    Args:
        activation: $\sigma$.
        order: $k\ge0$, at most ``activation.max_order``.

    Returns:
        The function ``term(init, W, x)``, with values of shape ``[n]``.

    Raises:
        ValueError: If $\sigma$ has no derivative of this order.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(8, 3, key=jax.random.key(0))
        >>> second = tl.two_layer_term(tl.activations.quadratic, 2)
        >>> second(init, jnp.ones((8, 3)), jnp.ones((1, 3))).tolist()
        [0.0]
    """
    derivative = activation.derivative(order)

    def term(
        init: TwoLayerInit, W: Float[Array, "m d"], x: Float[Array, "n d"]
    ) -> Float[Array, " n"]:
        gates = _preactivations(init.W0, x)
        moves = _preactivations(W, x)
        summands = [derivative(z) * u**order for z, u in zip(gates, moves, strict=True)]
        return _sum_neurons(init.a, summands) / float(math.factorial(order))  # 21! is no int64

    return term


def _preactivations(V: Array, x: Array) -> list[Array]:
    """Inner products ``[n, m]``, in two halves: see ``_sum_neurons``."""
    half = V.shape[0] // 2
    if V.shape[0] % 2:
        return [x @ V.T]
    return [x @ V[:half].T, x @ V[half:].T]


def _sum_neurons(a: Array, summands: list[Array]) -> Array:
    """Signed sum over the neurons, divided by sqrt(m).

    The two halves are added neuron by neuron before the sum over neurons: symmetric pairs
    then cancel exactly, in whatever order the compiler takes the remaining sum.
    """
    m = a.shape[0]
    if len(summands) == 1:
        return summands[0] @ a / math.sqrt(m)
    first, second = summands
    return (first * a[: m // 2] + second * a[m // 2 :]).sum(axis=-1) / math.sqrt(m)
