r"""What the optimization theorems guarantee at a point.

They turn the gradient norm and the smallest Hessian eigenvalue at $W$ into an upper bound on the
objective there, in terms of any competitor $W_\star$.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from taylorlib.activations import Activation
from taylorlib.hessian import smallest_eigenpair
from taylorlib.landscape import (
    coupled_objective,
    exact_coupled_objective,
    penalty,
    quadratic_objective,
)
from taylorlib.losses import Loss
from taylorlib.networks import TwoLayerInit

__all__ = [
    "Certificate",
    "certify_network",
    "certify_quadratic",
    "network_slack",
    "regularizer_slack",
]


class Certificate(NamedTuple):
    """A point, and the most that the theorem allows its objective to be.

    Attributes:
        objective: The regularized objective at the point.
        gradient_norm: The Frobenius norm of its gradient.
        smallest_eigenvalue: Of its Hessian.
        bound: The theorem's upper bound on the objective at any point with this gradient norm
            and smallest eigenvalue.
    """

    objective: float
    gradient_norm: float
    smallest_eigenvalue: float
    bound: float


def regularizer_slack(a: float, b: float, power: int = 4) -> float:
    r"""The regularizer's part of the theorem's bound, divided by $\lambda$.

    $$6a^2b^2-a^4-b^4\quad(p=4),\qquad28a^6b^2-3a^8-b^8\quad(p=8),$$

    with $a=\|W\|_{2,4}$ and $b=\|W_\star\|_{2,4}$: the curvature of the regularizer in the
    direction $SW_\star$, at most $12a^2b^2$ or $56a^6b^2$, halved, less what Euler's identity
    $\langle\nabla\|W\|^p,W\rangle=p\|W\|^p$ gives back.

    Args:
        a: $\|W\|_{2,4}$.
        b: $\|W_\star\|_{2,4}$.
        power: $p$, 4 or 8.

    Returns:
        The slack, possibly negative.

    Raises:
        ValueError: If ``power`` is neither 4 nor 8.

    Examples:
        >>> import taylorlib as tl
        >>> tl.certificates.regularizer_slack(1.0, 1.0), tl.certificates.regularizer_slack(1, 1, 8)
        (4.0, 24)
    """
    if power == 4:
        return 6 * a**2 * b**2 - a**4 - b**4
    if power == 8:
        return 28 * a**6 * b**2 - 3 * a**8 - b**8
    raise ValueError(f"power must be 4 or 8, got {power}.")


def network_slack(A: float, B: float, m: int, *, smoothness: float) -> float:
    r"""What the network's theorem adds to that of the quadratic model, $\frac12m^{-1/2}\Gamma$.

    $$\Gamma=C^2(3A^2+B^2)+C\big(AB^2+\tfrac12A^2B^2+\tfrac14A^4+\tfrac1{12}B^4\big).$$

    Args:
        A: $B_x\|W\|_{2,4}$.
        B: $B_x\|W_\star\|_{2,4}$.
        m: Width.
        smoothness: $C$, a bound of $|\sigma'|,|\sigma'''|,|\sigma''''|$.

    Returns:
        The slack.

    Examples:
        >>> import taylorlib as tl
        >>> tl.certificates.network_slack(0.0, 2.0, 4, smoothness=3.0)
        10.0
    """
    C = smoothness
    gamma = C**2 * (3 * A**2 + B**2)
    gamma += C * (A * B**2 + A**2 * B**2 / 2 + A**4 / 4 + B**4 / 12)
    return gamma / (2 * math.sqrt(m))


def _norms(W: Array, W_star: Array, x: Array) -> tuple[float, float, float]:
    """The norms ||W||_{2,4}, ||W_star||_{2,4} and the largest norm of an input."""
    a, b = float(penalty(W)) ** 0.25, float(penalty(W_star)) ** 0.25
    return a, b, float(jnp.sqrt((x**2).sum(axis=-1).max()))


def _stationarity_slack(gradient_norm: float, eigenvalue: float, W: Array, W_star: Array) -> float:
    size = float(jnp.linalg.norm(W))
    size_star = float((W_star**2).sum())
    return (gradient_norm * size + max(0.0, -eigenvalue) * size_star) / 2


def _projected_slack(W: Array, W_star: Array, gradient: Array, weight: float, power: int) -> float:
    """What the regularizer costs if the direction is orthogonal to the rows of W."""
    bend = 2 * weight * jnp.ones(W.shape[0])
    if power == 8:
        bend = weight * (4 * penalty(W) + 8 * (W**2).sum(axis=-1) ** 2)
    slopes = jnp.linalg.norm(gradient, axis=-1)
    return float(((2 * bend) ** (1 / 3) * slopes ** (2 / 3) * (W_star**2).sum(axis=-1)).sum())


def certify_quadratic(
    activation: Activation, loss: Loss, *, weight: float = 0.0, power: int = 4
) -> Callable:
    r"""Certify a point of the quadratic model's landscape against a competitor.

    With $\epsilon_1=\|\nabla L_\lambda(W)\|_F$, $\epsilon_2=(-\lambda_{\min})_+$ and $K$ as in
    ``quadratic_curvature``, the bound is the smaller of

    $$L_\lambda(W_\star)+\tfrac K{2m}a^2b^2+\tfrac12\big(\epsilon_1\|W\|_F
    +\epsilon_2\|W_\star\|_F^2\big)+P,$$

    with $P=\lambda$ times ``regularizer_slack``, from the direction $SW_\star$, or with
    $P=\sum_r(2\rho_r)^{1/3}\|\nabla_{w_r}L_\lambda\|^{2/3}\|w_{\star r}\|^2$, from its part
    orthogonal to the rows of $W$. Here $\rho_r=2\lambda$ for $p=4$ and
    $\lambda(4\|W\|_{2,4}^4+8\|w_r\|^4)$ for $p=8$; this $P$ vanishes with the gradient.

    Args:
        activation: $\sigma$, with a second derivative.
        loss: $\ell$, with bounded $\ell''$.
        weight: $\lambda\ge0$.
        power: $p$, 4 or 8.

    Returns:
        The function ``certify(init, W, W_star, x, y)``, a ``Certificate``.

    Raises:
        ValueError: If ``weight`` is negative or ``power`` is neither 4 nor 8.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(8, 2, key=jax.random.key(0))
        >>> certify = tl.certify_quadratic(tl.activations.gelu, tl.losses.square, weight=0.1)
        >>> x, y = jnp.eye(2), jnp.ones(2)
        >>> at = certify(init, 0.1 * init.W0, 0.5 * init.W0, x, y)
        >>> bool(at.objective <= at.bound)
        True

    References:
        Proved in the chapter on the optimization theorem.
    """
    objective = quadratic_objective(activation, loss, weight=weight, power=power)
    slope = jax.jit(jax.value_and_grad(objective, argnums=1))
    find = smallest_eigenpair(lambda W, init, x, y: objective(init, W, x, y))
    gate = activation.derivative(2)

    def certify(init: TwoLayerInit, W: Array, W_star: Array, x: Array, y: Array) -> Certificate:
        value, gradient = slope(init, W, x, y)
        norm, eigenvalue = float(jnp.linalg.norm(gradient)), find(W, init, x, y).value
        a, b, input_norm = _norms(W, W_star, x)
        K = loss.curvature * float((gate(x @ init.W0.T) ** 2).max()) * input_norm**4
        bound = float(objective(init, W_star, x, y)) + K / (2 * W.shape[0]) * a**2 * b**2
        bound += _stationarity_slack(norm, eigenvalue, W, W_star)
        bound += min(
            weight * regularizer_slack(a, b, power),
            _projected_slack(W, W_star, gradient, weight, power),
        )
        return Certificate(float(value), norm, eigenvalue, bound)

    return certify


def certify_network(
    activation: Activation,
    loss: Loss,
    *,
    smoothness: float,
    weight: float = 0.0,
    power: int = 4,
) -> Callable:
    r"""Certify a point of the randomized network's landscape against a competitor.

    As ``certify_quadratic``, with $\mathcal N_\lambda$ in place of $L_\lambda$ and
    $\frac12m^{-1/2}\Gamma$ in place of $\frac K{2m}a^2b^2$ (see ``network_slack``).

    Args:
        activation: $\sigma$, four times differentiable.
        loss: $\ell$ with $|\ell'|\le1$ and $0\le\ell''\le1$.
        smoothness: $C$, a bound of $|\sigma'|,|\sigma'''|,|\sigma''''|$.
        weight: $\lambda\ge0$.
        power: $p$, 4 or 8.

    Returns:
        The function ``certify(init, W, W_star, x, y, signs=None)``, a ``Certificate``. Without
        ``signs[K, m]`` it averages over all $2^m$; with them, over these, and then the theorem
        holds up to the sampling error of that average.

    Raises:
        ValueError: If the loss does not satisfy the conditions.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(4, 2, key=jax.random.key(0))
        >>> certify = tl.certify_network(tl.activations.sine(), tl.losses.log_cosh, smoothness=1.0)
        >>> at = certify(init, 0.1 * init.W0, 0.5 * init.W0, jnp.eye(2), jnp.ones(2))
        >>> bool(at.objective <= at.bound)
        True

    References:
        Proved in the chapter on the optimization theorem.
    """
    if loss.slope > 1 or loss.curvature > 1:
        raise ValueError(
            f"the network's theorem needs |l'| <= 1 and l'' <= 1; {loss.name} has "
            f"{loss.slope} and {loss.curvature}. Use logistic, log_cosh or huber."
        )
    exact = exact_coupled_objective(activation, loss, weight=weight, power=power)
    sampled = coupled_objective(activation, loss, weight=weight, power=power)

    def objective(W, init, x, y, signs):
        return exact(init, W, x, y) if signs is None else sampled(init, W, signs, x, y)

    slope, find = jax.jit(jax.value_and_grad(objective)), smallest_eigenpair(objective)

    def certify(
        init: TwoLayerInit,
        W: Array,
        W_star: Array,
        x: Array,
        y: Array,
        signs: Array | None = None,
    ) -> Certificate:
        value, gradient = slope(W, init, x, y, signs)
        norm, eigenvalue = float(jnp.linalg.norm(gradient)), find(W, init, x, y, signs).value
        a, b, input_norm = _norms(W, W_star, x)
        bound = float(objective(W_star, init, x, y, signs))
        bound += weight * regularizer_slack(a, b, power)
        bound += network_slack(input_norm * a, input_norm * b, W.shape[0], smoothness=smoothness)
        bound += _stationarity_slack(norm, eigenvalue, W, W_star)
        return Certificate(float(value), norm, eigenvalue, bound)

    return certify
