r"""Random signs on the movement: what they do to a two-layer network, exactly and by sampling.

Randomized coupling replaces the movement $W$ by $SW$, $S=\mathrm{diag}(s_1,\dots,s_m)$ with
independent uniform signs. With $z_r=w_{0,r}^\top x$, $u_r=w_r^\top x$ and the odd part
$o_r=\frac12[\sigma(z_r+u_r)-\sigma(z_r-u_r)]$ of a neuron,

$$f_{W_0+SW}=\tfrac12(f_{W_0+W}+f_{W_0-W})+\tfrac1{\sqrt m}\sum_ra_rs_ro_r,$$

because $\sigma(z+su)$ is its even part plus $s$ times its odd part. So the average over $2^m$
signs and the variance have closed forms that cost two evaluations of the network.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from taylorlib.activations import Activation
from taylorlib.draws import rademacher
from taylorlib.networks import TwoLayerInit, two_layer, two_layer_term

__all__ = [
    "MAX_ENUMERATED",
    "CouplingBounds",
    "SignEstimate",
    "coupling_bounds",
    "dropout_masks",
    "dropout_movement",
    "even_remainder",
    "exact_sign_mean",
    "linear_term_variance",
    "mixed_norm",
    "monte_carlo_sign_mean",
    "random_signs",
    "randomized_mean",
    "randomized_variance",
    "scale_neurons",
]

MAX_ENUMERATED = 20
"""The largest $m$ for which ``exact_sign_mean`` goes through all $2^m$ signs."""


class SignEstimate(NamedTuple):
    """A Monte Carlo average over random signs.

    Attributes:
        mean: The average over the draws, with the structure of the averaged function.
        standard_error: Its standard error, entry by entry.
    """

    mean: Array
    standard_error: Array


class CouplingBounds(NamedTuple):
    """Upper bounds at an input of norm ``input_norm``; see ``coupling_bounds``.

    Attributes:
        variance: Of the randomized network, and of its linear term.
        even_remainder: Of the distance between the average network and its quadratic term.
        loss_gap: Of the distance between the average loss and the loss of the quadratic term.
    """

    variance: Float[Array, ""]
    even_remainder: Float[Array, ""]
    loss_gap: Float[Array, ""]


def random_signs(m: int, *, key: Array, draws: int | None = None) -> Array:
    r"""Draw $s_1,\dots,s_m$ independent and uniform on $\{-1,1\}$.

    Args:
        m: Number of neurons.
        key: A JAX random key; a new one for fresh signs.
        draws: How many independent rows of signs; None for a single one.

    Returns:
        Signs ``[m]``, or ``[draws, m]``.

    Raises:
        ValueError: If ``m`` or ``draws`` is not positive.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> signs = tl.random_signs(4, key=jax.random.key(0), draws=100)
        >>> signs.shape, sorted(set(signs.ravel().tolist()))
        ((100, 4), [-1.0, 1.0])
    """
    return jnp.asarray(rademacher(key, _shape(m, draws)))


def dropout_masks(m: int, *, key: Array, rate: float = 0.5, draws: int | None = None) -> Array:
    r"""Draw dropout masks: 0 with probability $p$, and $1/(1-p)$ otherwise.

    The masks have mean 1 (inverted scaling). At the rate $p=\frac12$ they are $1+s_r$ with
    random signs $s_r$: 0 or 2.

    Args:
        m: Number of neurons.
        key: A JAX random key; a new one for fresh masks.
        rate: $p$, in $[0,1)$.
        draws: How many independent rows of masks; None for a single one.

    Returns:
        Masks ``[m]``, or ``[draws, m]``.

    Raises:
        ValueError: If ``m`` or ``draws`` is not positive or ``rate`` lies outside $[0,1)$.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> masks = tl.coupling.dropout_masks(50, key=jax.random.key(0))
        >>> sorted(set(masks.tolist()))
        [0.0, 2.0]
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate must lie in [0, 1), got {rate}.")
    kept = jax.random.bernoulli(key, 1 - rate, _shape(m, draws))
    return kept.astype(float) / (1 - rate)


def _shape(m: int, draws: int | None) -> tuple[int, ...]:
    if m < 1 or (draws is not None and draws < 1):
        raise ValueError(f"m and draws must be positive integers, got m={m}, draws={draws}.")
    return (m,) if draws is None else (draws, m)


def scale_neurons(factors: Float[Array, "*draws m"], W: Float[Array, "m d"]) -> Array:
    r"""Multiply the row of each neuron by its own factor: $SW$ for signs, $MW$ for masks.

    Args:
        factors: One factor for each neuron, ``[m]``, or ``[draws, m]``.
        W: The movement. The initialization $W_0$ is not to be scaled: coupling acts on $W$.

    Returns:
        Scaled movements ``[m, d]``, or ``[draws, m, d]``.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> tl.scale_neurons(jnp.array([1.0, -1.0]), jnp.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [[1.0, 2.0], [-3.0, -4.0]]
    """
    return factors[..., None] * W


def dropout_movement(
    masks: Float[Array, "*draws m"], W0: Float[Array, "m d"], W: Float[Array, "m d"]
) -> Array:
    r"""The movement $M(W_0+W)-W_0$ by which dropout of whole weight rows leaves $W_0$.

    Args:
        masks: $M$, ``[m]`` or ``[draws, m]``.
        W0: Initial weights.
        W: The movement before the mask.

    Returns:
        Movements ``[m, d]``, or ``[draws, m, d]``: the network at them has weights $M(W_0+W)$.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> one = jnp.ones((1, 1))
        >>> tl.coupling.dropout_movement(jnp.array([2.0]), one, one).tolist()
        [[3.0]]
    """
    return scale_neurons(masks, W0 + W) - W0


def exact_sign_mean(g: Callable, m: int) -> Array:
    r"""The average $E_S\,g(S)=2^{-m}\sum_{s\in\{\pm1\}^m}g(s)$ over all signs.

    Each $s$ is averaged with $-s$ first, so that an odd function gives 0 without rounding.

    Args:
        g: A function of signs ``[m]`` that JAX can trace, with any tree of arrays as value.
        m: Number of signs, at most ``MAX_ENUMERATED``.

    Returns:
        The average, with the structure of the value of ``g``.

    Raises:
        ValueError: If ``m`` is not in ``1..MAX_ENUMERATED``.

    Examples:
        >>> import taylorlib as tl
        >>> float(tl.coupling.exact_sign_mean(lambda s: s.sum() ** 2, 5))
        5.0
    """
    if not 1 <= m <= MAX_ENUMERATED:
        raise ValueError(
            f"the exact average runs over 2^m signs, for m from 1 to {MAX_ENUMERATED}; got "
            f"m={m}. Use monte_carlo_sign_mean for a wider network."
        )
    half = 2 ** (m - 1)  # the first sign is 1: its negative comes with the pair
    chunk = min(half, 1024)

    def signs(index):
        bits = jnp.right_shift(index[:, None], jnp.arange(m)) & 1
        return 1.0 - 2.0 * bits.astype(float)

    def pairs(start):
        s = signs(start + 2 * jnp.arange(chunk))
        # In a loop, because a compiler that sees the sum of a pair and the multiplications in
        # g together may fuse them and round s and -s differently.
        values = jax.lax.map(jax.vmap(g), jnp.stack([s, -s]))
        return jax.tree.map(lambda v: (v[0] + v[1]).sum(axis=0) / 2, values)

    def add(total, start):
        return jax.tree.map(jnp.add, total, pairs(start)), None

    zero = jax.tree.map(lambda v: jnp.zeros(v.shape, v.dtype), jax.eval_shape(pairs, 0))
    total, _ = jax.lax.scan(add, zero, 2 * chunk * jnp.arange(half // chunk))
    return jax.tree.map(lambda t: t / half, total)


def monte_carlo_sign_mean(
    g: Callable, m: int, *, key: Array, draws: int, batch_size: int = 64
) -> SignEstimate:
    r"""Estimate $E_S\,g(S)$ from independent draws, with standard errors.

    Args:
        g: A function of signs ``[m]`` that JAX can trace, with any tree of arrays as value.
        m: Number of signs.
        key: A JAX random key.
        draws: Number of independent draws, at least 2.
        batch_size: How many draws are evaluated together.

    Returns:
        A ``SignEstimate``; its standard error is $\sqrt{\hat v/\mathrm{draws}}$ with the
        unbiased sample variance $\hat v$.

    Raises:
        ValueError: If ``m`` is not positive or ``draws`` is below 2.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> found = tl.coupling.monte_carlo_sign_mean(
        ...     lambda s: s.sum(), 100, key=jax.random.key(0), draws=400
        ... )
        >>> bool(abs(found.mean) < 4 * found.standard_error), round(float(found.standard_error), 1)
        (True, 0.5)
    """
    if draws < 2:
        raise ValueError(f"a standard error needs at least 2 draws, got draws={draws}.")
    values = jax.lax.map(g, random_signs(m, key=key, draws=draws), batch_size=batch_size)
    return SignEstimate(
        jax.tree.map(lambda v: v.mean(axis=0), values),
        jax.tree.map(lambda v: v.std(axis=0, ddof=1) / math.sqrt(draws), values),
    )


def randomized_mean(activation: Activation) -> Callable:
    r"""The average network $E_Sf_{W_0+SW}=\frac12(f_{W_0+W}+f_{W_0-W})$, exactly.

    Args:
        activation: $\sigma$.

    Returns:
        The function ``mean(init, W, x)``, with values of shape ``[n]``.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(1, 2, key=jax.random.key(0), symmetric=False)
        >>> W, x = jnp.ones((1, 2)), jnp.ones((1, 2))
        >>> mean = tl.randomized_mean(tl.activations.quadratic)(init, W, x)
        >>> still = tl.two_layer(tl.activations.quadratic)(init, 0 * W, x)
        >>> round(float((mean - still)[0] * init.a[0]), 5)  # u^2 / 2
        2.0

    References:
        Proved in the chapter on randomized coupling.
    """
    f = two_layer(activation)
    return lambda init, W, x: (f(init, W, x) + f(init, -W, x)) / 2


def randomized_variance(activation: Activation) -> Callable:
    r"""The variance $\mathrm{Var}_Sf_{W_0+SW}=V_W=\frac1m\sum_ro_r^2$, exactly.

    Args:
        activation: $\sigma$.

    Returns:
        The function ``variance(init, W, x)``, with values of shape ``[n]``.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(8, 2, key=jax.random.key(0))
        >>> variance = tl.randomized_variance(tl.activations.gelu)
        >>> variance(init, 0 * init.W0, jnp.ones((1, 2))).tolist()
        [0.0]

    References:
        Proved in the chapter on randomized coupling.
    """

    def variance(
        init: TwoLayerInit, W: Float[Array, "m d"], x: Float[Array, "n d"]
    ) -> Float[Array, " n"]:
        z, u = x @ init.W0.T, x @ W.T
        odd = (activation(z + u) - activation(z - u)) / 2
        return (odd**2).mean(axis=-1)

    return variance


def linear_term_variance(activation: Activation) -> Callable:
    r"""The variance $\mathrm{Var}_Sf^{(1)}_{SW}=\frac1m\sum_r\sigma'(z_r)^2u_r^2$, exactly.

    Args:
        activation: $\sigma$.

    Returns:
        The function ``variance(init, W, x)``, with values of shape ``[n]``.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(8, 2, key=jax.random.key(0))
        >>> x = jnp.ones((1, 2))
        >>> one = tl.linear_term_variance(tl.activations.gelu)(init, init.W0, x)
        >>> two = tl.linear_term_variance(tl.activations.gelu)(init, 2 * init.W0, x)
        >>> round(float((two / one)[0]), 5)
        4.0

    References:
        Proved in the chapter on randomized coupling.
    """
    slope = activation.derivative(1)

    def variance(
        init: TwoLayerInit, W: Float[Array, "m d"], x: Float[Array, "n d"]
    ) -> Float[Array, " n"]:
        return ((slope(x @ init.W0.T) * (x @ W.T)) ** 2).mean(axis=-1)

    return variance


def even_remainder(activation: Activation) -> Callable:
    r"""What the average network has beyond its quadratic term, $e_W=E_Sf-f^{(0)}-f^{(2)}_W$.

    Args:
        activation: $\sigma$, with a second derivative.

    Returns:
        The function ``remainder(init, W, x)``, with values of shape ``[n]``. It is a difference
        of outputs, so its rounding error is that of the outputs.

    Raises:
        ValueError: If $\sigma$ has no second derivative.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(8, 2, key=jax.random.key(0))
        >>> rest = tl.coupling.even_remainder(tl.activations.quadratic)
        >>> bool(abs(rest(init, init.W0, jnp.ones((1, 2)))[0]) < 1e-6)
        True

    References:
        Bounded in the chapter on randomized coupling.
    """
    f, mean = two_layer(activation), randomized_mean(activation)
    second = two_layer_term(activation, 2)
    return lambda init, W, x: mean(init, W, x) - f(init, 0 * W, x) - second(init, W, x)


def mixed_norm(W: Float[Array, "m d"], p: float) -> Float[Array, ""]:
    r"""The norm $\|W\|_{2,p}=(\sum_r\|w_r\|^p)^{1/p}$.

    Args:
        W: A movement.
        p: At least 1. $p=2$ is the Frobenius norm; $p=4$ is the norm of coupling.

    Returns:
        A scalar. Its gradient at $W=0$ does not exist.

    Raises:
        ValueError: If ``p`` is below 1.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> round(float(tl.mixed_norm(2 * jnp.ones((16, 1)), 4)), 5)
        4.0
    """
    if not p >= 1:
        raise ValueError(f"p must be at least 1, got {p}.")
    return ((W**2).sum(axis=-1) ** (p / 2)).sum() ** (1 / p)


def coupling_bounds(
    W: Float[Array, "m d"],
    *,
    input_norm: float = 1.0,
    slope: float,
    fourth: float | None = None,
    lipschitz: float | None = None,
) -> CouplingBounds:
    r"""The bounds of the coupling theorem, with $A=B_x\|W\|_{2,4}$ and $|\sigma'|\le C_1$.

    $$V_W\le C_1^2m^{-1/2}A^2,\qquad|e_W|\le\tfrac{C_4}{24}m^{-1/2}A^4\ \text{ or }\
    \tfrac L6m^{-1/2}B_x^3\textstyle\sum_r\|w_r\|^3,\qquad|e_W|+\tfrac12V_W$$

    for the variance, for the even remainder with $|\sigma''''|\le C_4$ or with $\sigma''$
    $L$-Lipschitz, and for the gap of any loss with $|\ell'|\le1$, $0\le\ell''\le1$ if
    $f^{(0)}=0$.

    Args:
        W: The movement.
        input_norm: $B_x>0$.
        slope: $C_1\ge0$.
        fourth: $C_4\ge0$; give this or ``lipschitz``.
        lipschitz: $L\ge0$.

    Returns:
        ``CouplingBounds`` of three scalars, valid at every $x$ of norm at most $B_x$.

    Raises:
        ValueError: If not exactly one of ``fourth`` and ``lipschitz`` is given, a constant is
            negative or not a number, or ``input_norm`` is not positive.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> W = 0.5 * jnp.ones((16, 1))  # every |w_r| = m^(-1/4), so A = 1
        >>> bounds = tl.coupling.coupling_bounds(W, slope=1.0, fourth=24.0)
        >>> [round(float(b), 5) for b in bounds]
        [0.25, 0.25, 0.375]

    References:
        Proved in the chapter on randomized coupling.
    """
    if (fourth is None) == (lipschitz is None):
        raise ValueError(f"give one of fourth and lipschitz, got {fourth} and {lipschitz}.")
    if not input_norm > 0:
        raise ValueError(f"input_norm must be a positive number, got {input_norm}.")
    for name, value in (("slope", slope), ("fourth", fourth), ("lipschitz", lipschitz)):
        if value is not None and not value >= 0:
            raise ValueError(f"{name} bounds an absolute value and can't be {value}.")
    root_m = math.sqrt(W.shape[0])
    size = input_norm * mixed_norm(W, 4)
    variance = slope**2 * size**2 / root_m
    if fourth is not None:
        even = fourth / 24 * size**4 / root_m
    else:
        even = lipschitz / 6 * (input_norm * mixed_norm(W, 3)) ** 3 / root_m
    return CouplingBounds(variance, even, even + variance / 2)
