r"""Arithmetic of truncated power series whose coefficients are arrays.

A series $z(t)=\sum_{j\le d}z_jt^j$ is the tuple $(z_0,\dots,z_d)$. Its length is part of the
program, not of the data: coefficients beyond $d$ are known to be zero, and no operation is ever
carried out on them. A constant is a series of length 1, a parameter on its straight line one of
length 2.

Three facts are all that Taylor mode needs:

- $(ab)_j=\sum_ia_ib_{j-i}$, the Cauchy product, for everything that is linear in each of two
  arguments;
- if $\frac{d}{dt}h=p\,\frac{d}{dt}z$ then $h_j=\frac1j\sum_{i=1}^jiz_ip_{j-i}$. With
  $h=\sigma(z)$ and $p=\sigma'(z)$, and with $p$ known from $h$ (as in $p=1-h^2$ for $\tanh$),
  this gives $h$ coefficient by coefficient;
- a change $\delta z$ of the series $z$ changes $\sigma(z)$ by $p\,\delta z$, once more a Cauchy
  product. So the reverse pass through a nonlinearity needs no derivative of the recurrence,
  only $p$, which is there already.
"""

import functools
import itertools
import operator
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

__all__ = ["SLOPES", "Series", "chain", "product", "quotient", "square", "total"]

Series = tuple[jax.Array, ...]
"""The coefficients of a truncated power series, lowest first."""


def total(terms: list) -> jax.Array:
    """The sum of one or more arrays, without a zero to start from."""
    return functools.reduce(operator.add, terms)


def product(multiply: Callable, a: Series, b: Series, order: int) -> Series:
    r"""The Cauchy product $\sum_ia_ib_{j-i}$, $j\le$ ``order``.

    Args:
        multiply: Any operation that is linear in each of its two arguments.
        a: The first factor.
        b: The second factor.
        order: The order of truncation.

    Returns:
        A series of the degree of ``a`` plus that of ``b``, at most ``order``.

    Examples:
        >>> import operator
        >>> from taylorlib import taylor_series
        >>> taylor_series.product(operator.mul, (1.0, 2.0), (3.0, 4.0), 1)  # (1 + 2t)(3 + 4t)
        (3.0, 10.0)
    """
    degree = min(len(a) + len(b) - 2, order)
    return tuple(
        total([multiply(a[i], b[j - i]) for i in _pairs(a, b, j)]) for j in range(degree + 1)
    )


def _pairs(a: Series, b: Series, j: int) -> range:
    """The ``i`` for which both ``a[i]`` and ``b[j - i]`` exist."""
    return range(max(0, j - len(b) + 1), min(j, len(a) - 1) + 1)


def square(z: Series, order: int) -> Series:
    """The product of a series with itself, each pair of coefficients multiplied once."""
    return tuple(_square(z, j) for j in range(min(2 * len(z) - 2, order) + 1))


def _square(z: Series, j: int) -> jax.Array:
    pairs = [z[i] * z[j - i] for i in _pairs(z, z, j) if 2 * i < j]
    twice = [2 * total(pairs)] if pairs else []
    middle = [z[j // 2] * z[j // 2]] if j % 2 == 0 else []
    return total(twice + middle)


def quotient(a: Series, b: Series, order: int) -> Series:
    r"""The series $q=a/b$: $bq=a$ is solved for one coefficient after the other.

    Args:
        a: The dividend.
        b: The divisor.
        order: The order of truncation.

    Returns:
        The series $q$, of degree ``order`` unless ``b`` is constant.

    Examples:
        >>> from taylorlib import taylor_series
        >>> taylor_series.quotient((1.0,), (1.0, -1.0), 3)  # the geometric series
        (1.0, 1.0, 1.0, 1.0)
    """
    if len(b) == 1:
        return tuple(c / b[0] for c in a)
    q = [a[0] / b[0]]
    for j in range(1, order + 1):
        known = total([b[i] * q[j - i] for i in range(1, min(j, len(b) - 1) + 1)])
        q.append((a[j] - known if j < len(a) else -known) / b[0])
    return tuple(q)


def _integral(z: Series, p: list, j: int) -> jax.Array | None:
    r"""Coefficient $j\ge1$ of $\int p\,dz$; a ``p`` that ends early is zero from there."""
    terms = [
        (i / j) * (z[i] * p[j - i]) for i in range(1, min(j, len(z) - 1) + 1) if j - i < len(p)
    ]
    return total(terms) if terms else None


def chain(value: Callable, slopes: Callable, z: Series, order: int) -> Series:
    r"""The series of $h=\sigma(z)$ for an elementwise $\sigma$, from $h_0$ and $p=\sigma'(z)$.

    Args:
        value: $\sigma$ itself, applied to $z_0$ only.
        slopes: The function ``(z, h, last) -> iterator`` over $p_0,\dots,p_{\text{last}}$.
            When it is asked for $p_j$, the list ``h`` has grown to $h_0,\dots,h_j$. It may
            end early, where the rest of $p$ is known to be zero, or never.
        z: The argument, not constant.
        order: The order of truncation, at least 1.

    Returns:
        The coefficients $h_0,\dots$ up to ``order``. Their derivatives are products with $p$.

    Examples:
        >>> import jax.numpy as jnp
        >>> from taylorlib import taylor_series
        >>> t = (jnp.float32(0.0), jnp.float32(1.0))
        >>> h = taylor_series.chain(jnp.exp, taylor_series.SLOPES["exp"], t, 4)
        >>> [round(1 / float(c)) for c in h]  # the factorials
        [1, 1, 2, 6, 24]
    """

    def solve(z: Series, extra: int = 0) -> tuple[list, list]:
        """All of ``h``, and as much of ``p`` as that takes and ``extra`` more."""
        h, p = [value(z[0])], []
        upcoming = slopes(z, h, order - 1 + extra)
        for j in range(order + extra):
            p += itertools.islice(upcoming, 1)
            coefficient = _integral(z, p, j + 1) if j < order else None
            h += [] if coefficient is None else [coefficient]
        return h, p

    # h_0 is left out: what depends on z_0 alone must not seem to depend on all of z.
    @jax.custom_jvp
    def beyond_value(*z):
        return tuple(solve(z)[0][1:])

    def tangents(z, dz):
        moving = [i for i, d in enumerate(dz) if type(d) is not SymbolicZero]
        h, p = solve(z, extra=1 if 0 in moving else 0)
        dh = []
        for j in range(1, len(h)):
            terms = [p[j - i] * dz[i] for i in moving if 0 <= j - i < len(p)]
            dh.append(total(terms) if terms else jnp.zeros_like(h[j]))
        return tuple(h[1:]), tuple(dh)

    beyond_value.defjvp(tangents, symbolic_zeros=True)
    return (value(z[0]), *beyond_value(*z))


# --- p = sigma'(z) for the functions whose derivative is known from their value. Every other
# function is served by the program that JAX has for its derivative (see taylor_mode.py).


def _exp(z: Series, h: list, last: int) -> Iterator:
    for j in itertools.count():
        yield h[j]


def _exp2(z: Series, h: list, last: int) -> Iterator:
    for j in itertools.count():
        yield jnp.log(2.0).astype(h[0].dtype) * h[j]


def _expm1(z: Series, h: list, last: int) -> Iterator:
    yield h[0] + 1
    for j in itertools.count(1):
        yield h[j]


def _tanh(z: Series, h: list, last: int) -> Iterator:
    yield (1 - h[0]) * (1 + h[0])  # not 1 - h^2, which cancels where tanh is flat
    for j in itertools.count(1):
        yield -_square(h, j)


def _logistic(z: Series, h: list, last: int) -> Iterator:
    yield h[0] * (1 - h[0])
    for j in itertools.count(1):
        yield h[j] - _square(h, j)


def _tan(z: Series, h: list, last: int) -> Iterator:
    yield 1 + h[0] * h[0]
    for j in itertools.count(1):
        yield _square(h, j)


def _turning(start: Callable, sign: int) -> Callable:
    """For functions with h'' = sign h: then p itself is an integral of h."""

    def slopes(z: Series, h: list, last: int) -> Iterator:
        yield start(z[0])
        for j in itertools.count(1):
            yield sign * _integral(z, h, j)

    return slopes


def _sqrt(z: Series, h: list, last: int) -> Iterator:
    p = [0.5 / h[0]]  # 2 h p = 1
    yield p[0]
    for j in itertools.count(1):
        p.append(-total([h[i] * p[j - i] for i in range(1, j + 1)]) / h[0])
        yield p[j]


def _rsqrt(z: Series, h: list, last: int) -> Iterator:
    p = [-0.5 * h[0] / z[0]]  # 2 z p = -h
    yield p[0]
    for j in itertools.count(1):
        known = total([z[i] * p[j - i] for i in range(1, min(j, len(z) - 1) + 1)])
        p.append((-0.5 * h[j] - known) / z[0])
        yield p[j]


SLOPES = {
    "exp": _exp,
    "exp2": _exp2,
    "expm1": _expm1,
    "tanh": _tanh,
    "logistic": _logistic,
    "tan": _tan,
    "sin": _turning(jnp.cos, -1),
    "cos": _turning(lambda t: -jnp.sin(t), -1),
    "sinh": _turning(jnp.cosh, 1),
    "cosh": _turning(jnp.sinh, 1),
    "sqrt": _sqrt,
    "rsqrt": _rsqrt,
}
"""Name of an operation -> its ``slopes`` for ``chain``."""
