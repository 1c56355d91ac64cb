r"""Taylor coefficients of a function along a straight line, by two routes.

Given $g$ and a line $\theta_0+t\Delta$, both routes return $\frac1{j!}\frac{d^j}{dt^j}
g(\theta_0+t\Delta)$ at $t=0$ for $j=0,\dots,k$:

- ``jet``: Taylor-mode automatic differentiation, which pushes the $k+1$ coefficients through
  every operation once; cost $O(k^2)$, in most networks dominated by an $O(k)$ part.
- ``nested``: $k$ nested Jacobian-vector products; cost $2^k$, for every JAX function.

``untrusted_primitive`` says which operation, if any, keeps Taylor mode from being used.
"""

import math
from collections.abc import Callable

import jax
import jax.extend.core
import jax.numpy as jnp
from jax.experimental import jet as _jet

__all__ = ["IMPLEMENTATIONS", "jet_coefficients", "nested_coefficients", "untrusted_primitive"]

# Operations for which jax.experimental.jet has a rule that is not to be relied on. Each was
# found by comparison with nested derivatives up to order 6; see tests/test_expansion_jet.py.
_WRONG_RULES = {
    "pow": "goes through a logarithm: NaN for negative bases",
    "rem": "differentiates the rounding",
    "atan2": "NaN at the origin of its first argument",
}


def jet_coefficients(g: Callable, leaves: list, directions: list, order: int) -> list:
    """Coefficients ``[order + 1]`` of ``g(*leaves)`` by Taylor mode; each a list of leaves."""
    if order == 0:
        return [g(*leaves)]
    # The line has no coefficients beyond the first.
    series = [[v] + [jnp.zeros_like(v)] * (order - 1) for v in directions]
    value, derivatives = _jet.jet(g, leaves, series)
    by_order = [[leaf[j] for leaf in derivatives] for j in range(order)]
    scaled = [[d / math.factorial(j) for d in level] for j, level in enumerate(by_order, 1)]
    return [value, *scaled]


def nested_coefficients(g: Callable, leaves: list, directions: list, order: int) -> list:
    """The same as ``jet_coefficients`` by nested Jacobian-vector products."""

    def level_0(t):
        moved = [p + t.astype(p.dtype) * v for p, v in zip(leaves, directions, strict=True)]
        return [g(*moved)]

    def next_level(previous):
        def level(t):
            values, tangents = jax.jvp(previous, (t,), (jnp.ones_like(t),))
            return [*values, tangents[-1]]

        return level

    level = level_0
    for _ in range(order):
        level = next_level(level)
    derivatives = level(jnp.zeros((), jnp.result_type(float, *leaves)))
    return [[d / math.factorial(j) for d in out] for j, out in enumerate(derivatives)]


IMPLEMENTATIONS = {"jet": jet_coefficients, "nested": nested_coefficients}
"""Name -> function ``(g, leaves, directions, order) -> coefficients``."""


def untrusted_primitive(g: Callable, leaves: list) -> str | None:
    """The first operation of ``g`` on its arguments without a trusted Taylor-mode rule.

    Only operations whose inputs depend on ``leaves`` count: what is computed from data alone
    is a constant for the expansion.
    """
    closed = jax.make_jaxpr(g)(*leaves)
    return _search(closed.jaxpr, [True] * len(closed.jaxpr.invars))[0]


def _search(jaxpr, depends: list[bool]) -> tuple[str | None, list[bool]]:
    """The first untrusted primitive, and which outputs depend on the marked inputs."""
    marked = {v for v, d in zip(jaxpr.invars, depends, strict=True) if d}

    def is_marked(atom) -> bool:
        return not isinstance(atom, jax.extend.core.Literal) and atom in marked

    for eqn in jaxpr.eqns:
        inputs = [is_marked(atom) for atom in eqn.invars]
        if not any(inputs):
            continue
        name, outputs = eqn.primitive.name, [True] * len(eqn.outvars)
        if name in ("jit", "pjit"):
            found, outputs = _search(eqn.params["jaxpr"].jaxpr, inputs)
            if found:
                return found, outputs
        elif not _trusted(eqn):
            return name, outputs
        marked |= {v for v, d in zip(eqn.outvars, outputs, strict=True) if d}
    return None, [is_marked(atom) for atom in jaxpr.outvars]


def _trusted(eqn) -> bool:
    if eqn.primitive not in _jet.jet_rules or eqn.primitive.name in _WRONG_RULES:
        return False
    if eqn.primitive.name == "convert_element_type":
        # Conversions to integers and booleans have zero derivative, which jet gets wrong.
        return jnp.issubdtype(eqn.params["new_dtype"], jnp.floating)
    return True
