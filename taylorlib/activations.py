r"""Activation functions with exact derivatives of every order that exists.

The Taylor terms of a network need $\sigma', \sigma'', \sigma''', \dots$ themselves, not only
their use inside a chain rule. Repeated automatic differentiation of an activation costs
$2^k$ and loses digits; each function here has a recurrence instead, evaluated to rounding.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf as _erf
from jaxtyping import Array, Float

__all__ = [
    "Activation",
    "cubic_relu",
    "erf",
    "gelu",
    "quadratic",
    "relu",
    "sine",
    "softplus",
    "tanh",
]

Scalars = Float[Array, "..."]


class Activation(NamedTuple):
    r"""An activation $\sigma$ together with its derivatives.

    Calling an ``Activation`` evaluates $\sigma$ elementwise.

    Attributes:
        name: Its name, with parameters if it has any.
        derivatives: The function ``k -> sigma^(k)``, for ``0 <= k <= max_order``.
        max_order: The highest derivative that exists as a function, possibly with isolated
            jumps; ``math.inf`` for an analytic activation.
        why: What happens beyond ``max_order``, for the error message.
    """

    name: str
    derivatives: Callable[[int], Callable[[Scalars], Scalars]]
    max_order: float = math.inf
    why: str = ""

    def __call__(self, t: Scalars) -> Scalars:
        """The activation itself, elementwise."""
        return self.derivatives(0)(t)

    def derivative(self, order: int) -> Callable[[Scalars], Scalars]:
        r"""The function $\sigma^{(k)}$, to be applied elementwise.

        Args:
            order: The order $k\ge0$.

        Returns:
            A function from arrays to arrays of the same shape and dtype.

        Raises:
            ValueError: If ``order`` is negative, or exceeds what exists for this activation.

        Examples:
            >>> import taylorlib as tl
            >>> float(tl.activations.quadratic.derivative(2)(3.0))
            1.0
        """
        if order < 0:
            raise ValueError(f"order must be a non-negative integer, got {order}.")
        if order > self.max_order:
            raise ValueError(
                f"{self.name} has no derivative of order {order} (the last is of order "
                f"{self.max_order}): {self.why}"
            )
        return self.derivatives(order)


def _polynomial_in(state: Callable, first: list[float], flow: list[float]) -> Callable:
    """Derivatives of a function whose state ``s(t)`` obeys ``s' = flow(s)``.

    If the order-k derivative is ``P_k(s)``, the next one is ``P_k'(s) flow(s)``.
    """

    def derivative(order: int) -> Callable:
        coefficients = np.polynomial.Polynomial(first)
        for _ in range(order - 1):
            coefficients = coefficients.deriv() * np.polynomial.Polynomial(flow)
        highest_first = coefficients.coef[::-1].tolist()

        def apply(t):
            s = state(t)
            value = jnp.zeros_like(s)
            for c in highest_first:
                value = value * s + c
            return value

        return apply

    return derivative


def _hermite_times_gauss(t: Scalars, degree: int) -> Scalars:
    r"""$He_q(t)\,e^{-t^2/2}/\sqrt{2\pi}$ with the probabilists' Hermite polynomial."""
    previous, current = jnp.zeros_like(t), jnp.ones_like(t)
    for q in range(degree):
        previous, current = current, t * current - q * previous
    return current * jnp.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)


def _normal_cdf_derivative(order: int) -> Callable:
    """The order-k derivative of the standard normal distribution function."""
    if order == 0:
        # As accurate as jax.scipy.special.ndtr, which takes erf and erfc of every number and
        # selects: a third of its time, to run and to compile, with derivatives.
        return lambda t: jax.lax.erfc(jnp.asarray(t) * -math.sqrt(0.5)) / 2
    sign = -1.0 if order % 2 == 0 else 1.0
    return lambda t: sign * _hermite_times_gauss(t, order - 1)


def _tanh(order: int) -> Callable:
    if order == 0:
        return jnp.tanh
    return _polynomial_in(jnp.tanh, [1.0, 0.0, -1.0], [1.0, 0.0, -1.0])(order)


def _softplus(order: int) -> Callable:
    if order == 0:
        return lambda t: jnp.logaddexp(t, 0.0)
    return _polynomial_in(jax.nn.sigmoid, [0.0, 1.0], [0.0, 1.0, -1.0])(order)


def _erf_derivative(order: int) -> Callable:
    if order == 0:
        return _erf
    # erf(t) = 2 Phi(sqrt(2) t) - 1
    scale = 2.0 * 2.0 ** (order / 2)
    return lambda t: scale * _normal_cdf_derivative(order)(math.sqrt(2.0) * t)


def _gelu(order: int) -> Callable:
    # Leibniz' rule for t * Phi(t): only the first two terms survive.
    cdf = _normal_cdf_derivative(order)
    if order == 0:
        return lambda t: t * cdf(t)
    below = _normal_cdf_derivative(order - 1)
    return lambda t: t * cdf(t) + order * below(t)


def _quadratic(order: int) -> Callable:
    if order > 2:
        return jnp.zeros_like
    return [lambda t: t**2 / 2, lambda t: t, jnp.ones_like][order]


def _power_of_relu(power: int) -> Callable:
    def derivative(order: int) -> Callable:
        left = power - order
        if left == 0:
            return lambda t: (t > 0).astype(t.dtype)
        return lambda t: jnp.maximum(t, 0.0) ** left / math.factorial(left)

    return lambda order: _on_arrays(derivative(order))


def _on_arrays(apply: Callable) -> Callable:
    return lambda t: apply(jnp.asarray(t))


tanh = Activation("tanh", _tanh)
erf = Activation("erf", _erf_derivative)
gelu = Activation("gelu", _gelu)
softplus = Activation("softplus", _softplus)
quadratic = Activation("quadratic", lambda order: _on_arrays(_quadratic(order)))
"""$\\sigma(t)=t^2/2$, so that $\\sigma''\\equiv1$."""

relu = Activation(
    "relu",
    _power_of_relu(1),
    1,
    "the first derivative is a step, so the second is zero almost everywhere and a point mass "
    "at 0. The quadratic Taylor term of a ReLU network carries no information; use cubic_relu "
    "or a smooth activation.",
)
cubic_relu = Activation(
    "cubic_relu",
    _power_of_relu(3),
    3,
    "the third derivative is a step. Use a smooth activation for terms of order 4 and more.",
)
"""$\\sigma(t)=\\max(t,0)^3/6$, so that $\\sigma''$ is the ReLU."""


def sine(phase: float = math.pi / 4) -> Activation:
    r"""The activation $\sigma(t)=\sin(t+\varphi)$.

    Its derivatives are $\sigma^{(k)}(t)=\sin(t+\varphi+k\pi/2)$.

    With $\varphi=\pi/4$ the even and the odd part of $\sigma$ have equal weight, so its kernel
    has every degree, which those of tanh (odd) and gelu ($t/2$ plus an even part) have not.

    Args:
        phase: The phase $\varphi$ in radians.

    Returns:
        The activation.

    Examples:
        >>> import math
        >>> import taylorlib as tl
        >>> f = tl.activations.sine(0.0)
        >>> bool(abs(f.derivative(1)(math.pi)) < 1 + 1e-6)
        True
    """
    if not math.isfinite(phase):
        raise ValueError(f"phase must be a finite number of radians, got {phase}.")
    return Activation(
        f"sine(phase={phase:.6g})",
        lambda order: lambda t: jnp.sin(t + (phase + order * math.pi / 2)),
    )
