r"""Weights that express a polynomial: the explicit solutions of order $k$.

Let $h_q$ be the Hermite polynomials orthonormal for $N(0,1)$ and
$c_q=E[\sigma^{(k)}(g)h_q(g)]$. With $\|x\|=B_x$ and $w_0\sim N(0,B_x^{-2}I)$ the Gaussians
$w_0^\top x$ and $B_xw_0^\top\beta/\|\beta\|$ have correlation $\beta^\top x/(B_x\|\beta\|)$, so

$$E\big[\sigma^{(k)}(w_0^\top x)\,g(w_0)\big]=\alpha(\beta^\top x)^{q},\qquad
g(w_0)=\frac{\alpha(B_x\|\beta\|)^q}{c_q}\,h_q\Big(\frac{B_xw_0^\top\beta}{\|\beta\|}\Big).$$

A movement along $v$ of size $(2k!\,|g|/\sqrt m)^{1/k}$, on the neuron of each symmetric pair
whose $a_r$ is the sign of $g$, therefore has $E f^{(k)}_W(x)=\alpha(\beta^\top x)^q(v^\top x)^k$.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import roots_gegenbauer

from taylorlib.activations import Activation
from taylorlib.networks import TwoLayerInit
from taylorlib.targets import Target

__all__ = ["ExplicitSolution", "explicit_solution", "gate_coefficient", "hermite", "mean_error"]

_SMALLEST = 1e-10
"""A gate coefficient below this is zero up to quadrature: the gate lacks the degree."""


class ExplicitSolution(NamedTuple):
    r"""Weights $W_\star$ with $E_{W_0}f^{(k)}_{W_\star}=f$, see ``explicit_solution``.

    Attributes:
        W: $W_\star$.
        norm_power: $\|W_\star\|_{2,2k}^{2k}$.
        predicted_norm_power: Its mean over $W_0$, from the formula.
        groups: How many groups the pairs were split into.
    """

    W: Float[Array, "m d"]
    norm_power: Float[Array, ""]
    predicted_norm_power: float
    groups: int


class _Block(NamedTuple):
    """One product alpha (beta.x)^q (v.x)^k, the work of one group of pairs."""

    alpha: float
    beta: np.ndarray
    q: int
    v: np.ndarray


def hermite(degree: int) -> Callable[[Array], Array]:
    r"""The Hermite polynomial $h_q$ with $E\,h_q(g)h_{q'}(g)=\mathbf 1\{q=q'\}$.

    Args:
        degree: $q\ge0$.

    Returns:
        The function $h_q$, elementwise.

    Raises:
        ValueError: If ``degree`` is negative.

    Examples:
        >>> import taylorlib as tl
        >>> round(float(tl.expressivity.hermite(2)(3.0)), 5)  # (t^2 - 1) / sqrt(2)
        5.65685
    """
    if degree < 0:
        raise ValueError(f"degree must be a non-negative integer, got {degree}.")

    def h(t: Array) -> Array:
        t = jnp.asarray(t, float) if not hasattr(t, "dtype") else t
        previous, current = 0 * t, 1 + 0 * t
        for q in range(degree):
            following = (t * current - math.sqrt(q) * previous) / math.sqrt(q + 1)
            previous, current = current, following
        return current

    return h


def gate_coefficient(activation: Activation, degree: int, *, order: int = 2) -> float:
    r"""The Hermite coefficient $c_q=E[\sigma^{(k)}(g)h_q(g)]$ of a gate.

    Args:
        activation: $\sigma$; kinks of $\sigma^{(k)}$, if any, at 0.
        degree: $q\ge0$.
        order: $k\ge0$.

    Returns:
        $c_q$, to about 13 digits in float64.

    Raises:
        ValueError: If $\sigma^{(k)}$ does not exist or ``degree`` is negative.

    Examples:
        >>> import taylorlib as tl
        >>> relu_gate = tl.activations.cubic_relu
        >>> [round(tl.expressivity.gate_coefficient(relu_gate, q), 3) for q in range(5)]
        [0.399, 0.5, 0.282, 0.0, -0.081]
    """
    t, weights = _half_line_rule()
    gate, h = activation.derivative(order), hermite(degree)
    with jax.enable_x64(True):
        found = float(weights @ np.asarray(gate(jnp.asarray(t)) * h(jnp.asarray(t))))
    return 0.0 if abs(found) < _SMALLEST else found


def explicit_solution(
    init: TwoLayerInit, target: Target, activation: Activation, *, order: int = 2
) -> ExplicitSolution:
    r"""Weights whose order-$k$ model is the target on average over $W_0$.

    The pairs are split into groups, one for each term $\alpha_s(\beta_s^\top x)^{p_s}$ with
    $q=p_s-k$, $v=\beta_s$; with $G$ equal groups every $g_s$ is multiplied by $G$. For $k=2$
    degrees 0 and 1 are reached through $1=B_x^{-2}\sum_j(e_j^\top x)^2$, by $d$ groups with
    $v=e_j$ and $q=0$ or 1. Then $E_{W_0}f^{(k)}_{W_\star}(x)=f(x)$ at all $\|x\|=B_x$, and

    $$E\|W_\star\|_{2,2k}^{2k}=2(k!)^2G\sum_s
    \frac{\alpha_s^2(B_x\|\beta_s\|)^{2q_s}\|v_s\|^{2k}}{c_{q_s}^2}.$$

    Args:
        init: A symmetric initialization with ``input_norm`` that of the target.
        target: The polynomial.
        activation: $\sigma$.
        order: $k\ge1$.

    Returns:
        An ``ExplicitSolution``.

    Raises:
        ValueError: If the initialization is not symmetric, there are fewer pairs than groups,
            a degree is below ``order`` (but for $k=2$), or $c_{q}=0$ for a degree needed: the
            gate does not contain it.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> target = tl.power_target(4, 3, key=jax.random.key(0))
        >>> init = tl.init_two_layer(2000, 4, key=jax.random.key(1), input_norm=2.0)
        >>> star = tl.explicit_solution(init, target, tl.activations.cubic_relu)
        >>> bool(abs(star.norm_power / star.predicted_norm_power - 1) < 0.2)
        True

    References:
        Proved in the chapter "Learning low-rank polynomials".
    """
    # In NumPy, since JAX would compile each of the small steps for each width.
    W0, a = np.asarray(init.W0), np.asarray(init.a)
    m, d = W0.shape
    half = m // 2
    same = m % 2 == 0 and bool((W0[:half] == W0[half:]).all())
    if not (same and bool((a[:half] == -a[half:]).all())):
        raise ValueError(
            "the explicit solution needs the symmetric initialization: neurons r and r + m/2 "
            "with equal weights and opposite signs. Use init_two_layer(..., symmetric=True)."
        )
    if target.directions.shape[1] != d:
        raise ValueError(
            f"the target has dimension {target.directions.shape[1]}, the initialization {d}."
        )
    blocks = _blocks(target, order)
    groups = np.array_split(np.arange(half), len(blocks))
    if half < len(blocks):
        raise ValueError(
            f"{len(blocks)} groups of pairs need a width of at least that many pairs, got m={m}."
        )
    norm = target.input_norm
    rows, predicted = [], 0.0
    for block, group in zip(blocks, groups, strict=True):
        c = _needed_coefficient(activation, block.q, order)
        length = float(np.linalg.norm(block.beta))
        share = half / len(group)
        scale = float(share * block.alpha * (norm * length) ** block.q / c)
        projection = norm * (W0[group] @ np.asarray(block.beta / length, W0.dtype))
        g = scale * hermite(block.q)(projection)
        size = (2 * math.factorial(order) * np.abs(g) / math.sqrt(m)) ** (1 / order)
        # the neuron of the first half if g has its sign, else its partner
        first = np.sign(g) == a[group]
        v = np.asarray(block.v, W0.dtype)
        rows.append((np.where(first, size, 0)[:, None] * v, np.where(first, 0, size)[:, None] * v))
        reach = float(np.linalg.norm(block.v)) ** (2 * order)
        predicted += 2 * math.factorial(order) ** 2 * scale**2 / share * reach
    W = np.concatenate([r[0] for r in rows] + [r[1] for r in rows])
    power = ((W**2).sum(axis=1) ** order).sum()
    return ExplicitSolution(jnp.asarray(W), jnp.asarray(power), predicted, len(blocks))


def mean_error(target: Target, activation: Activation, m: int, *, order: int = 2) -> float:
    r"""The mean over $W_0$ of the squared $L_2$ error of the explicit solution, exactly.

    A group of $M_s$ pairs is an average of $M_s$ independent terms, so that

    $$E_{W_0}\|f^{(k)}_{W_\star}-f\|^2=\sum_s\frac1{M_s}\Big(
    E_x\big[(\beta_s^\top x)^{2k}E_{w_0}[\sigma^{(k)}(z)^2g_s^2]\big]
    -\alpha_s^2E_x(\beta_s^\top x)^{2p_s}\Big).$$

    The integrals are over $\beta^\top x$ (Gauss-Gegenbauer) and two Gaussians.

    Args:
        target: The polynomial, all degrees at least ``order``.
        activation: $\sigma$.
        m: Width.
        order: $k$.

    Returns:
        The error, of size $1/m$. Not relative: divide by ``target.variance``.

    Raises:
        ValueError: If a degree is below ``order``, or a gate coefficient vanishes.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> target = tl.power_target(6, 4, key=jax.random.key(0))
        >>> one, four = (
        ...     tl.expressivity.mean_error(target, tl.activations.cubic_relu, m)
        ...     for m in (1000, 4000)
        ... )
        >>> round(one / four, 6)
        4.0
    """
    if min(target.degrees) < order:
        raise ValueError(
            f"the error is computed for degrees from {order} on, got {list(target.degrees)}."
        )
    d, norm = target.directions.shape[1], target.input_norm
    rho, at = roots_gegenbauer(60, max(d - 2, 1e-9) / 2)
    at = at / at.sum()
    z, dz = _half_line_rule()
    xi, dxi = np.polynomial.hermite_e.hermegauss(30)
    dxi = dxi / dxi.sum()
    with jax.enable_x64(True):
        gates = np.asarray(activation.derivative(order)(jnp.asarray(z))) ** 2 * dz
    blocks = _blocks(target, order)
    sizes = [len(g) for g in np.array_split(np.arange(m // 2), len(blocks))]
    total = 0.0
    for block, pairs in zip(blocks, sizes, strict=True):
        c = _needed_coefficient(activation, block.q, order)
        length = norm * float(np.linalg.norm(block.beta))
        other = rho[:, None, None] * z[:, None] + np.sqrt(1 - rho**2)[:, None, None] * xi
        with jax.enable_x64(True):
            squares = np.asarray(hermite(block.q)(jnp.asarray(other))) ** 2
        inner = (
            np.einsum("tzx,z,x->t", squares, gates, dxi) * (block.alpha * length**block.q / c) ** 2
        )
        reach = (length * rho) ** (2 * order)
        mean = block.alpha**2 * (length * rho) ** (2 * (block.q + order))
        total += float(at @ (inner * reach - mean)) / pairs
    return total


def _blocks(target: Target, order: int) -> list[_Block]:
    if order < 1:
        raise ValueError(f"order must be a positive integer, got {order}.")
    directions = np.asarray(target.directions, float)
    alphas = np.asarray(target.coefficients, float)
    d = directions.shape[1]
    blocks = []
    for alpha, beta, p in zip(alphas, directions, target.degrees, strict=True):
        if p >= order:
            blocks.append(_Block(alpha, beta, p - order, beta))
        elif order == 2:
            share = alpha / target.input_norm**2
            blocks += [_Block(share, beta, p, axis) for axis in np.eye(d)]
        else:
            raise ValueError(
                f"order {order} reaches degrees from {order} on here, got degree {p}. Degrees "
                f"below the order are built for order 2 only."
            )
    return blocks


def _needed_coefficient(activation: Activation, degree: int, order: int) -> float:
    c = gate_coefficient(activation, degree, order=order)
    if c == 0:
        raise ValueError(
            f"the derivative of order {order} of {activation.name} has no Hermite part of degree "
            f"{degree}, which degree {degree + order} of the target needs. Take another activation."
        )
    return c


def _half_line_rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for expectations over N(0, 1) of functions smooth on either side of 0."""
    nodes, weights = np.polynomial.legendre.leggauss(150)
    t = 7.0 * (nodes + 1)  # up to 14 standard deviations
    density = 7.0 * weights * np.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)
    return np.concatenate([-t[::-1], t]), np.concatenate([density[::-1], density])
