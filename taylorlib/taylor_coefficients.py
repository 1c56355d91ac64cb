r"""Taylor coefficients of a function along a straight line, by two routes.

Given $g$ and a line $\theta_0+t\Delta$, both routes return $\frac1{j!}\frac{d^j}{dt^j}
g(\theta_0+t\Delta)$ at $t=0$ for $j=0,\dots,k$:

- ``jet``: Taylor-mode automatic differentiation, which pushes the $k+1$ coefficients through
  every operation once; cost $O(k^2)$, in most networks dominated by an $O(k)$ part.
- ``nested``: $k$ nested Jacobian-vector products; cost $2^k$, for every JAX function.

A route that can't do a function raises ``NoTaylorRuleError``, which names the operation.
"""

import functools
import inspect
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.experimental.jet import jet

from taylorlib.jet_trust import apply, objection, split_moving_part

__all__ = ["IMPLEMENTATIONS", "NoTaylorRuleError", "jet_coefficients", "nested_coefficients"]


class NoTaylorRuleError(NotImplementedError):
    """A route has no reliable rule for an operation.

    Attributes:
        operation: The operation, as JAX calls it.
        reason: What is the matter with it.
    """

    def __init__(self, operation: str, reason: str):
        super().__init__(
            f"Taylor mode can't be used for the operation {operation!r}: {reason}. "
            "Choose implementation='nested'."
        )
        self.operation = operation
        self.reason = reason


def jet_coefficients(g: Callable, leaves: list, directions: list, order: int) -> list:
    """Coefficients ``[order + 1]`` of ``g(*leaves)`` by Taylor mode; each a list of leaves.

    Raises:
        NoTaylorRuleError: If an operation that depends on ``leaves`` has no rule in
            ``jax.experimental.jet``, or one that is wrong.
    """
    if order == 0 or not leaves:
        return nested_coefficients(g, leaves, directions, order)
    moving = split_moving_part(g, leaves)
    for eqn in moving.equations:
        reason = objection(eqn)
        if reason:
            raise NoTaylorRuleError(_operation(eqn), reason)
    try:
        # Rules also fail on shapes and dtypes. Only abstract values are computed here, so
        # that no error of the computation itself is taken for one of the rules.
        jax.eval_shape(lambda: _jet(moving.run, leaves, directions, order))
    except Exception as error:
        reason = f"jax.experimental.jet fails with {type(error).__name__}: {error}"
        raise NoTaylorRuleError(_first_failure(moving.equations, order), reason) from error
    return _jet(moving.run, leaves, directions, order)


def _jet(run: Callable, leaves: list, directions: list, order: int) -> list:
    # The line has no coefficients beyond the first.
    series = [[v] + [jnp.zeros_like(v)] * (order - 1) for v in directions]
    value, coefficients = jet(run, leaves, series, **_UNSCALED)
    by_order = [[leaf[j] for leaf in coefficients] for j in range(order)]
    if not _UNSCALED:
        by_order = [[c / math.factorial(j) for c in out] for j, out in enumerate(by_order, 1)]
    if any(c.dtype != v.dtype for out in by_order for c, v in zip(out, value, strict=True)):
        raise TypeError("the coefficients don't have the dtype of the value")
    return [value, *by_order]


# Without it (JAX < 0.7), coefficients are multiplied by factorials in the precision of x.
_UNSCALED = (
    {"factorial_scaled": False} if "factorial_scaled" in inspect.signature(jet).parameters else {}
)


def _first_failure(equations: list, order: int) -> str:
    for eqn in equations:
        shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in eqn.invars]
        run = functools.partial(apply, eqn)
        try:
            jax.eval_shape(lambda *v, run=run: _jet(run, v, v, order), *shapes)
        except Exception:
            return _operation(eqn)
    return "unknown"


def _operation(eqn) -> str:
    """The name of a primitive; for a function with its own derivatives also its name."""
    name = eqn.primitive.name
    inner = eqn.params.get("call_jaxpr")
    written = getattr(getattr(inner, "jaxpr", inner), "debug_info", None)
    if not name.startswith("custom_") or written is None:
        return name
    return f"{name} of {written.func_name.split()[0]}"


def nested_coefficients(g: Callable, leaves: list, directions: list, order: int) -> list:
    """The same as ``jet_coefficients`` by nested Jacobian-vector products."""

    def next_level(previous):
        def level(*point):
            values, tangents = jax.jvp(previous, point, tuple(directions))
            return [*values, tangents[-1]]

        return level

    level = lambda *point: [g(*point)]  # noqa: E731
    for _ in range(order):
        level = next_level(level)
    derivatives = level(*leaves)
    return [[d / math.factorial(j) for d in out] for j, out in enumerate(derivatives)]


IMPLEMENTATIONS = {"jet": jet_coefficients, "nested": nested_coefficients}
"""Name -> function ``(g, leaves, directions, order) -> coefficients``."""
