r"""Taking one order out of a network: what signs do for order 2, for every order.

Random factors $s$ with $Es^j=0$ for $0<j<k$ and $Es^k=1$ leave $f^{(k)}$ and kill the orders
below it. For $k=2$ they are random signs; for $k\ge3$ no real $s$ will do, since $Es^2=0$ means
$s=0$. Two ways remain: the $k$-th roots of unity, and weighted sums of the network at several
multiples of the movement.
"""

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["isolate_order", "order_weights", "roots_of_unity"]


def roots_of_unity(order: int) -> Array:
    r"""The $k$ complex numbers with $s^k=1$, whose lower powers have mean zero.

    Args:
        order: $k\ge1$.

    Returns:
        Complex factors ``[k]``.

    Raises:
        ValueError: If ``order`` is not positive.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> s = tl.isolation.roots_of_unity(3)
        >>> [bool(abs(jnp.mean(s**j) - (j == 3)) < 1e-6) for j in (1, 2, 3)]
        [True, True, True]
    """
    if order < 1:
        raise ValueError(f"order must be a positive integer, got {order}.")
    return jnp.exp(2j * math.pi * jnp.arange(order) / order)


def order_weights(nodes: Float[Array, " j"], order: int) -> np.ndarray:
    r"""Weights $c_j$ with $\sum_jc_jt_j^i=\mathbf 1\{i=k\}$ for every $i\le k$.

    With more than $k+1$ nodes the weights of least norm are taken.

    Args:
        nodes: At least $k+1$ different real numbers $t_j$.
        order: $k\ge0$.

    Returns:
        The weights ``[j]``, in float64.

    Raises:
        ValueError: If ``order`` is negative, or the nodes are too few or not different.

    Examples:
        >>> import taylorlib as tl
        >>> tl.isolation.order_weights([-1.0, 0.0, 1.0], 2).round(6).tolist()
        [0.5, -1.0, 0.5]
    """
    t = np.asarray(nodes, float)
    if order < 0:
        raise ValueError(f"order must be a non-negative integer, got {order}.")
    if t.ndim != 1 or len(np.unique(t)) != len(t) or len(t) <= order:
        raise ValueError(
            f"order {order} needs at least {order + 1} different nodes, got {t.tolist()}."
        )
    powers = np.vander(t, order + 1, increasing=True).T
    return np.linalg.lstsq(powers, np.eye(order + 1)[order], rcond=None)[0]


def isolate_order(f: Callable, order: int, nodes: Float[Array, " j"]) -> Callable:
    r"""The model $\sum_jc_jf(t_jW)$: its orders below $k$ vanish and its order $k$ is $f^{(k)}_W$.

    What is left beyond is $\sum_jc_j$ times the remainders of order $k+1$ at $t_jW$.

    Args:
        f: A function ``f(W, x)`` of the movement and inputs.
        order: $k$.
        nodes: $t_j$, as for ``order_weights``; symmetric ones also kill order $k+1$.

    Returns:
        A function of the same arguments.

    Raises:
        ValueError: As ``order_weights``.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> third = tl.isolation.isolate_order(lambda W, x: (1 + W * x) ** 3, 3, [-1, 0, 1, 2])
        >>> round(float(third(jnp.array(2.0), jnp.array(1.0))), 4)  # (W x)^3 alone
        8.0
    """
    weights = order_weights(nodes, order)
    t = np.asarray(nodes, float)
    return lambda W, x: sum(c * f(node * W, x) for c, node in zip(weights, t, strict=True))
