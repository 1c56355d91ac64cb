r"""Taylor mode: the Taylor coefficients of a program, in one pass through its operations.

A traced program is a list of operations (its jaxpr). Taylor mode reads it once from top to
bottom. For each variable it keeps a series, and for each operation it asks a rule how the
series of the outputs come from those of the inputs. Three things decide the cost.

- What does not depend on the parameters is a series of length 1, and is computed as in the
  program itself.
- A series is as long as it must be. A parameter has two coefficients, the first layer's sum
  has two, a product of degrees $a$ and $b$ has degree $a+b$, and only a nonlinear function
  makes a series full. Coefficients that are known to be zero don't exist.
- Each operation is carried out on coefficients, never differentiated again: order $k$ costs
  $O(k^2)$ elementwise operations and, through weights, $2k+1$ products.

Rules come from three places. ``taylor_rules`` has those of linear operations and of products.
``taylor_series.SLOPES`` has those of functions whose derivative is known from their value. For
all others JAX itself supplies the rule: from its program for the derivative, $\frac{d}{dt}h=
\partial_z\mathrm{op}(z)\,\frac{d}{dt}z$, whose right-hand side is expanded to one order less
and integrated. That also honours derivatives written by hand (``jax.custom_jvp``).
"""

import itertools
from typing import Any

import jax
import jax.extend.core
import jax.numpy as jnp

from taylorlib.jet_trust import apply
from taylorlib.taylor_coefficients import NoTaylorRuleError
from taylorlib.taylor_rules import RULES, is_constant
from taylorlib.taylor_series import SLOPES, Series, chain

__all__ = ["propagate", "taylor_mode_coefficients"]

# Functions of one variable, applied elementwise, without an entry in SLOPES.
_ELEMENTWISE = """
    log log1p log2 erf erfc erf_inv cbrt asin acos atan asinh acosh atanh lgamma digamma
    bessel_i0e bessel_i1e
""".split()  # noqa: SIM905  (a table of names, not a column)
_REFUSED = {
    "while": "it has no fixed number of steps (a scan has)",
    "custom_vjp_call": "its derivative is written by hand for reverse mode only",
    "custom_vjp_call_jaxpr": "its derivative is written by hand for reverse mode only",
}


def taylor_mode_coefficients(g, leaves: list, directions: list, order: int) -> list:
    """Coefficients ``[order + 1]`` of ``g(*leaves)`` on a line; each a list of leaves.

    Args:
        g: A function of arrays that returns a list of arrays.
        leaves: Where the line starts.
        directions: Its direction, arrays like ``leaves``.
        order: The order of truncation.

    Returns:
        ``[[coefficient j of each output] for j = 0, ..., order]``.

    Raises:
        NoTaylorRuleError: If there is no way through an operation that depends on ``leaves``.

    Examples:
        >>> import jax.numpy as jnp
        >>> from taylorlib.taylor_mode import taylor_mode_coefficients
        >>> start, direction = jnp.float32(1.0), jnp.float32(2.0)
        >>> levels = taylor_mode_coefficients(lambda w: [w**3], [start], [direction], 4)
        >>> [float(c) for [c] in levels]  # (1 + 2t)^3
        [1.0, 6.0, 12.0, 8.0, 0.0]
    """
    program = jax.make_jaxpr(g)(*leaves)
    lines = list(zip(leaves, directions, strict=True)) if order else [(leaf,) for leaf in leaves]
    outputs = propagate(program.jaxpr, program.consts, lines, order)
    return [[_coefficient(series, j) for series in outputs] for j in range(order + 1)]


def _coefficient(series: Series, j: int) -> jax.Array:
    return series[j] if j < len(series) else jnp.zeros_like(series[0])


def _padded(series: Series, length: int) -> Series:
    return tuple(_coefficient(series, j) for j in range(length))


def propagate(jaxpr, consts: list, inputs: list[Series], order: int) -> list[Series]:
    """The series of a program's outputs from those of its inputs."""
    series = dict(zip(jaxpr.constvars, ((c,) for c in consts), strict=True))
    series.update(zip(jaxpr.invars, inputs, strict=True))

    def read(atom) -> Series:
        return (atom.val,) if isinstance(atom, jax.extend.core.Literal) else series[atom]

    for eqn in _needed(jaxpr):
        outputs = _through(eqn, [read(atom) for atom in eqn.invars], order)
        series.update(zip(eqn.outvars, outputs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _needed(jaxpr) -> list:
    """The operations on which an output depends; a program for a derivative has others too."""
    wanted, found = set(map(id, jaxpr.outvars)), []
    for eqn in reversed(jaxpr.eqns):
        if eqn.effects or wanted.intersection(map(id, eqn.outvars)):
            wanted.update(map(id, eqn.invars))
            found.append(eqn)
    return found[::-1]


def _through(eqn, arguments: list[Series], order: int) -> list[Series]:
    """The series of one operation's outputs."""
    name = eqn.primitive.name
    if is_constant(eqn) or all(len(a) == 1 for a in arguments):
        return [(value,) for value in apply(eqn, *(a[0] for a in arguments))]
    if name in _REFUSED:
        raise NoTaylorRuleError(name, _REFUSED[name])
    rule = RULES.get(name) or _RECURSIVE_RULES.get(name, _by_its_derivative)
    return rule(eqn, arguments, order)


def _elementwise(eqn, arguments: list[Series], order: int) -> list[Series]:
    (z,) = arguments

    def value(t):
        return apply(eqn, t)[0]

    def from_program(z: Series, h: list, last: int):
        slope = jax.make_jaxpr(lambda t: jax.jvp(value, [t], [jnp.ones_like(t)])[1])(z[0])
        return iter(propagate(slope.jaxpr, slope.consts, [z[: last + 1]], last)[0])

    return [chain(value, SLOPES.get(eqn.primitive.name, from_program), z, order)]


def _by_its_derivative(eqn, arguments: list[Series], order: int) -> list[Series]:
    """Expand ``d/dt`` of the outputs to one order less; integrate."""
    moving = [i for i, a in enumerate(arguments) if len(a) > 1]
    numbers = [jnp.issubdtype(v.aval.dtype, jnp.inexact) for v in eqn.outvars]

    def at(*changed):
        new = dict(zip(moving, changed, strict=True))
        outputs = apply(eqn, *(new.get(i, a[0]) for i, a in enumerate(arguments)))
        return list(itertools.compress(outputs, numbers))

    def speed(*points_and_speeds):
        half = len(moving)
        return jax.jvp(at, points_and_speeds[:half], points_and_speeds[half:])[1]

    points = [arguments[i][:order] for i in moving]
    speeds = [tuple(j * c for j, c in enumerate(arguments[i]) if j) for i in moving]
    starts = [z[0] for z in points]
    try:
        program = jax.make_jaxpr(speed)(*starts, *starts)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise NoTaylorRuleError(
            eqn.primitive.name, f"JAX can't differentiate it: {error}"
        ) from error
    slopes = iter(propagate(program.jaxpr, program.consts, [*points, *speeds], order - 1))
    values = apply(eqn, *(a[0] for a in arguments))
    return [
        (value, *(c / j for j, c in enumerate(next(slopes), 1))) if number else (value,)
        for value, number in zip(values, numbers, strict=True)
    ]


def _call(eqn, arguments: list[Series], order: int) -> list[Series]:
    inner = eqn.params["jaxpr" if "jaxpr" in eqn.params else "call_jaxpr"]
    return propagate(inner.jaxpr, inner.consts, arguments, order)


def _checkpoint(eqn, arguments: list[Series], order: int) -> list[Series]:
    inner, options = eqn.params["jaxpr"], {k: eqn.params[k] for k in ("policy", "prevent_cse")}
    run = jax.checkpoint(lambda inputs: propagate(inner, [], inputs, order), **options)
    return run(arguments)


def _cond(eqn, arguments: list[Series], order: int) -> list[Series]:
    """Which branch, is decided by the value; its outputs get the length of the longest."""
    (index,), *inputs = arguments

    def branch(program):
        return lambda inputs: propagate(program.jaxpr, program.consts, inputs, order)

    branches = [branch(program) for program in eqn.params["branches"]]
    lengths = _lengths(*(jax.eval_shape(run, inputs) for run in branches))
    return jax.lax.switch(
        index, [lambda s, run=run: _all_padded(run(s), lengths) for run in branches], inputs
    )


def _scan(eqn, arguments: list[Series], order: int) -> list[Series]:
    """A loop over series. What is carried gets as long as the loop can make it."""
    p = eqn.params
    fixed, carried = p["num_consts"], p["num_consts"] + p["num_carry"]
    consts, carry, xs = arguments[:fixed], arguments[fixed:carried], arguments[carried:]

    def step(carry, x):
        inputs = [*consts, *carry, *x]
        outputs = propagate(p["jaxpr"].jaxpr, p["jaxpr"].consts, inputs, order)
        return outputs[: p["num_carry"]], outputs[p["num_carry"] :]

    one = jax.tree.map(lambda c: jax.ShapeDtypeStruct(c.shape[1:], c.dtype), xs)
    lengths = None
    while lengths != [len(c) for c in carry]:
        lengths = [len(c) for c in carry]
        after, _ = jax.eval_shape(step, carry, one)
        carry = _all_padded(carry, _lengths(carry, after))

    def same_length(carry, x):
        carry, y = step(carry, x)
        return _all_padded(carry, lengths), y

    options = {k: p[k] for k in ("length", "reverse", "unroll")}
    carry, ys = jax.lax.scan(same_length, carry, xs, **options)
    return [*carry, *ys]


def _lengths(*several: Any) -> list[int]:
    """For each output the greatest length of its series."""
    return [max(map(len, versions)) for versions in zip(*several, strict=True)]


def _all_padded(series: list[Series], lengths: list[int]) -> list[Series]:
    return [_padded(s, n) for s, n in zip(series, lengths, strict=True)]


_RECURSIVE_RULES = {
    **dict.fromkeys([*SLOPES, *_ELEMENTWISE], _elementwise),
    **dict.fromkeys(["jit", "pjit", "closed_call", "core_call"], _call),
    **dict.fromkeys(["remat", "remat2", "checkpoint"], _checkpoint),
    "cond": _cond,
    "scan": _scan,
}
