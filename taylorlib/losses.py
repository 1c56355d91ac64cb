r"""Convex losses together with the constants that the optimization theorem asks for.

A loss $\ell(y,f)$ is convex in the output $f$. The theorem for the quadratic Taylor model needs
$\ell''\le1$; the one for the network needs $|\ell'|\le1$ besides; the statement "in polynomial
time" needs $\ell''$ Lipschitz. Each constant is part of the loss, so that a bound can be computed
from it and a wrong choice can be refused.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import optax
from jaxtyping import Array, Float

__all__ = ["Loss", "huber", "log_cosh", "logistic", "square"]

Scalars = Float[Array, "..."]


class Loss(NamedTuple):
    r"""A loss $\ell(y,f)$, convex in $f$, with the suprema of its derivatives in $f$.

    Calling a ``Loss`` evaluates it elementwise.

    Attributes:
        name: Its name.
        value: The function ``(y, f) -> l(y, f)``, elementwise.
        slope: $\sup|\ell'|$, infinite for the square loss.
        curvature: $\sup\ell''$.
        third: The Lipschitz constant of $\ell''$, infinite if $\ell''$ jumps.
    """

    name: str
    value: Callable[[Scalars, Scalars], Scalars]
    slope: float
    curvature: float
    third: float

    def __call__(self, y: Scalars, f: Scalars) -> Scalars:
        """The loss of the output ``f`` at the label ``y``, elementwise."""
        return self.value(y, f)


logistic = Loss(
    "logistic", lambda y, f: jax.nn.softplus(-y * f), 1.0, 1 / 4, 1 / (6 * math.sqrt(3))
)
r"""$\ell(y,f)=\log(1+e^{-yf})$ for labels $y=\pm1$."""

log_cosh = Loss("log-cosh", lambda y, f: optax.log_cosh(f, y), 1.0, 1.0, 4 / (3 * math.sqrt(3)))
r"""$\ell(y,f)=\log\cosh(f-y)$: the square loss near the label, linear far from it."""

huber = Loss("Huber", lambda y, f: optax.huber_loss(f, y), 1.0, 1.0, math.inf)
r"""$\ell=\frac12(f-y)^2$ up to $|f-y|=1$ and $|f-y|-\frac12$ beyond; $\ell''$ jumps there."""

square = Loss("square", lambda y, f: optax.l2_loss(f, y), math.inf, 1.0, 0.0)
r"""$\ell(y,f)=\frac12(f-y)^2$: allowed for the quadratic model only."""
