r"""Which programs JAX's Taylor mode, ``jax.experimental.jet``, can be trusted with.

Jet has a rule for each primitive operation. Some operations have none, and some have one that
is wrong without saying so. The lists below name the operations whose rules agree with nested
Jacobian-vector products up to order 6 in a comparison at positive arguments, zeros and ties
(``tests/test_expansion.py`` keeps whole models and the wrong rules). All others are refused.

Only operations that depend on the parameters matter, so a program is first split: what is
computed from data alone is evaluated at once, outside of Taylor mode.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.extend.core
import jax.numpy as jnp

__all__ = ["TRUSTED", "MovingPart", "apply", "objection", "split_moving_part"]

# Values are locally constant: every coefficient beyond the value is zero.
_CONSTANT = frozenset(
    """
    eq ne lt le gt ge and or xor not is_finite sign floor ceil round stop_gradient
    """.split()  # noqa: SIM905  (a table of names, not a column)
)
# Each coefficient is treated like the value.
_LINEAR = frozenset(
    """
    add add_any sub neg convert_element_type broadcast_in_dim concatenate split pad reshape
    squeeze rev transpose slice dynamic_slice dynamic_update_slice gather scatter-add stack
    unstack select_n reduce_sum reduce_window_sum cumsum copy device_put real imag complex conj
    fft
    """.split()  # noqa: SIM905
)
# Products, quotients and analytic functions by recurrences, and maxima, which follow the
# branch that is taken (at ties the average, as in jax.jvp).
_NONLINEAR = frozenset(
    """
    mul dot_general conv_general_dilated div integer_pow square sqrt rsqrt exp exp2 expm1 log
    log1p log2 logistic tanh sin cos sinh cosh acosh atanh erf erfc abs max min reduce_max
    reduce_min cumprod cummax cummin
    """.split()  # noqa: SIM905
)
TRUSTED = _CONSTANT | _LINEAR | _NONLINEAR
"""Names of the operations whose rules have been checked."""

_WRONG = {
    "pow": "it goes through a logarithm and gives NaN for bases that are not positive",
    "atan2": "it goes through a quotient and gives NaN where the second argument is 0",
    "rem": "it rounds towards minus infinity, so that even the value can be wrong",
    "clamp": "it averages at the bounds, where the derivative in JAX is 0",
    "asinh": "it cancels for large negative arguments",
    "erf_inv": "it promotes single precision to double",
    "custom_jvp_call": "it ignores hand-written derivatives",
    "custom_vjp_call": "it ignores hand-written derivatives",
}


class MovingPart(NamedTuple):
    """The part of a program that depends on its arguments.

    Attributes:
        equations: Its operations, calls of compiled functions expanded.
        run: The program itself, ``run(*leaves) -> list of outputs``.
    """

    equations: list
    run: Callable


def split_moving_part(g: Callable, leaves: list) -> MovingPart:
    """Trace ``g(*leaves)`` and evaluate what does not depend on ``leaves``.

    Args:
        g: A function of arrays that returns a list of arrays.
        leaves: Arrays of the shapes and dtypes to trace with.

    Returns:
        A ``MovingPart`` that computes the same as ``g``.
    """
    closed = jax.make_jaxpr(g)(*leaves)
    arguments = [_Symbol() for _ in leaves]
    steps: list[tuple[Any, list, list]] = []
    results = _evaluate(closed.jaxpr, closed.consts, arguments, steps)

    def run(*values):
        known = dict(zip(arguments, values, strict=True))

        def value_of(atom):
            return known[atom] if isinstance(atom, _Symbol) else atom

        for eqn, inputs, outputs in steps:
            known.update(zip(outputs, apply(eqn, *map(value_of, inputs)), strict=True))
        return [value_of(r) for r in results]

    return MovingPart([eqn for eqn, _, _ in steps], run)


class _Symbol:
    """A value that depends on the arguments; compared by identity."""


def _evaluate(jaxpr, consts: list, inputs: list, steps: list) -> list:
    """Evaluate what is known; append the rest to ``steps``. Returns values and symbols."""
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *inputs], strict=True))

    def read(atom):
        return atom.val if isinstance(atom, jax.extend.core.Literal) else known[atom]

    for eqn in jaxpr.eqns:
        values = [read(atom) for atom in eqn.invars]
        if not any(isinstance(v, _Symbol) for v in values):
            outputs = apply(eqn, *values)
        elif eqn.primitive.name in ("jit", "pjit"):
            # Jet would treat every input of a compiled function as moving, even integers.
            inner = eqn.params["jaxpr"]
            outputs = _evaluate(inner.jaxpr, inner.consts, values, steps)
        else:
            outputs = [_Symbol() for _ in eqn.outvars]
            steps.append((eqn, values, outputs))
        known.update(zip(eqn.outvars, outputs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def apply(eqn, *values) -> list:
    """Carry out one operation of a traced program."""
    if eqn.primitive.name in ("max", "min"):
        # JAX allows a scalar beside an array here (softmax has one); jet's rule does not.
        values = jnp.broadcast_arrays(*values)
    bound = eqn.primitive.get_bind_params(eqn.params)
    # Older versions of JAX return the functions in the parameters separately.
    functions, params = bound if isinstance(bound, tuple) else ((), bound)
    out = eqn.primitive.bind(*functions, *values, **params)
    return list(out) if eqn.primitive.multiple_results else [out]


def objection(eqn) -> str | None:
    """Why Taylor mode must not be used for an operation, or None if it may."""
    name = eqn.primitive.name
    if name in _WRONG:
        return f"the rule of jax.experimental.jet is unsafe: {_WRONG[name]}"
    if name not in TRUSTED:
        return "jax.experimental.jet has no rule for it that taylorlib has checked"
    inputs, outputs = ([v.aval for v in side] for side in (eqn.invars, eqn.outvars))
    if name in _NONLINEAR and not all(jnp.issubdtype(v.dtype, jnp.inexact) for v in outputs):
        return "it acts on integers, for which the rules of jax.experimental.jet are not meant"
    return _objection_to_parameters(name, eqn.params, inputs, outputs)


def _objection_to_parameters(name: str, params: dict, inputs: list, outputs: list) -> str | None:
    if name == "convert_element_type" and _rounds(inputs[0].dtype, outputs[0].dtype):
        return "jax.experimental.jet differentiates the rounding to integers or booleans"
    if name == "gather" and params.get("fill_value") not in (None, 0):
        return "jax.experimental.jet gives the fill value to every coefficient"
    return None


def _rounds(old, new) -> bool:
    return jnp.issubdtype(old, jnp.inexact) and not jnp.issubdtype(new, jnp.inexact)
