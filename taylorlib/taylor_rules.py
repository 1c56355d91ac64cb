r"""Taylor rules of single operations: how series go through each of them.

A rule is a function ``(eqn, arguments, order) -> [series, ...]`` of one operation of a traced
program and the series of its arguments, at least one of which is not constant; it returns one
series for each output. There are four kinds.

- *Locally constant* (comparisons, rounding): the value has no further coefficients.
- *Linear* (sums, reshapes): each coefficient is treated like the value.
- *Piecewise linear* (maxima, sorting, selection by a condition): which piece, is decided by the
  value, $t=0$; there the operation is linear, and its derivative treats each coefficient. So a
  ReLU multiplies all coefficients by one gate, which is frozen.
- *Products and quotients*: Cauchy products.

Elementwise functions, and all others, are the business of ``taylor_mode``.
"""

import itertools

import jax
import jax.numpy as jnp

from taylorlib import taylor_series
from taylorlib.jet_trust import apply
from taylorlib.taylor_products import bilinear
from taylorlib.taylor_series import Series

__all__ = ["RULES", "is_constant"]


def is_constant(eqn) -> bool:
    """Whether the outputs are locally constant: not numbers, or steps."""
    steps = ("sign", "floor", "ceil", "round", "stop_gradient", "nextafter")
    numbers = any(jnp.issubdtype(v.aval.dtype, jnp.inexact) for v in eqn.outvars)
    return eqn.primitive.name in steps or not numbers


def _linear(eqn, arguments: list[Series], order: int) -> list[Series]:
    """Linear in the first argument, which alone moves."""
    moving, *fixed = arguments
    if any(len(a) > 1 for a in fixed):
        return _piecewise_linear(eqn, arguments, order)
    images = [apply(eqn, c, *(a[0] for a in fixed)) for c in moving]
    return list(zip(*images, strict=True))


def _piecewise_linear(eqn, arguments: list[Series], order: int) -> list[Series]:
    """Linear near the value: the derivative there takes each coefficient to its image."""
    values = [a[0] for a in arguments]
    images = [apply(eqn, *values)]
    for j in range(1, max(map(len, arguments))):
        moving = [i for i, a in enumerate(arguments) if len(a) > j]

        def near(*changed, moving=moving):
            new = dict(zip(moving, changed, strict=True))
            return apply(eqn, *(new.get(i, v) for i, v in enumerate(values)))

        _, image = jax.jvp(near, [values[i] for i in moving], [arguments[i][j] for i in moving])
        images.append(image)
    return [
        series if jnp.issubdtype(series[0].dtype, jnp.inexact) else series[:1]
        for series in zip(*images, strict=True)
    ]


def _added(eqn, arguments: list[Series], order: int) -> list[Series]:
    shape = eqn.outvars[0].aval.shape
    series = []
    for x, y in itertools.zip_longest(*arguments):
        alone = x if y is None else y if x is None else None
        # A scalar may stand beside an array.
        series.append(x + y if alone is None else jnp.broadcast_to(alone, shape))
    return [tuple(series)]


def _subtracted(eqn, arguments: list[Series], order: int) -> list[Series]:
    a, b = arguments
    return _added(eqn, [a, tuple(-c for c in b)], order)


def _extremum(eqn, arguments: list[Series], order: int) -> list[Series]:
    """Maximum or minimum: the coefficients of the one that wins, at ties the average."""
    (x, *xs), (y, *ys) = arguments
    value = apply(eqn, x, y)[0]
    first = (x > y) if eqn.primitive.name == "max" else (x < y)
    gate = jnp.where(first, 1.0, jnp.where(x == y, 0.5, 0.0)).astype(value.dtype)
    series = [value]
    for a, b in itertools.zip_longest(xs, ys):
        parts = [] if a is None else [gate * a]
        parts += [] if b is None else [(1 - gate) * b]
        series.append(taylor_series.total(parts))
    return [tuple(series)]


def _multiplied(eqn, arguments: list[Series], order: int) -> list[Series]:
    return [taylor_series.product(jnp.multiply, *arguments, order)]


def _bilinear(eqn, arguments: list[Series], order: int) -> list[Series]:
    return [bilinear(eqn, *arguments, order)]


def _divided(eqn, arguments: list[Series], order: int) -> list[Series]:
    return [taylor_series.quotient(*arguments, order)]


def _squared(eqn, arguments: list[Series], order: int) -> list[Series]:
    return [taylor_series.square(*arguments, order)]


def _power(eqn, arguments: list[Series], order: int) -> list[Series]:
    (z,), exponent = arguments, eqn.params["y"]
    one = jnp.ones_like(z[0])
    result = (one,)
    factor, left = z, abs(exponent)
    while left:  # binary powering
        if left % 2:
            result = (
                factor
                if len(result) == 1
                else taylor_series.product(jnp.multiply, result, factor, order)
            )
        left //= 2
        factor = taylor_series.square(factor, order) if left else factor
    return [result if exponent >= 0 else taylor_series.quotient((one,), result, order)]


_LINEAR = """
    neg convert_element_type broadcast_in_dim split reshape squeeze rev transpose slice
    dynamic_slice unstack reduce_sum reduce_window_sum cumsum copy real imag conj fft
    reduce_precision
""".split()  # noqa: SIM905  (a table of names, not a column)
_PIECEWISE_LINEAR = """
    concatenate pad select_n dynamic_update_slice gather scatter scatter-add stack device_put
    complex clamp rem reduce_max reduce_min reduce_window_max reduce_window_min
    select_and_gather_add select_and_scatter_add sort top_k cummax cummin optimization_barrier
""".split()  # noqa: SIM905

RULES = {
    **dict.fromkeys(_LINEAR, _linear),
    **dict.fromkeys(_PIECEWISE_LINEAR, _piecewise_linear),
    "add": _added,
    "add_any": _added,
    "sub": _subtracted,
    "max": _extremum,
    "min": _extremum,
    "mul": _multiplied,
    "dot_general": _bilinear,
    "conv_general_dilated": _bilinear,
    "div": _divided,
    "square": _squared,
    "integer_pow": _power,
}
"""Name of an operation -> its rule."""
