r"""Taylor coefficients of matrix products and convolutions, with few products and big ones.

For a layer $h\mapsto hW$ with weights on the line $W(t)=W_0+tV$ the Cauchy product has two
terms, $z_j=h_jW_0+h_{j-1}V$: order $k$ takes $2k+1$ products and not $(k+1)(k+2)/2$. Going
back, $z_0$ and $h_0$ do not depend on the movement; what is left are $k$ products for the
movement of $W$, $k$ with $W_0$ and $k-1$ with $V$ for that of $h$: $3k-1$ against the two of a
plain backward pass. Nothing is done to reach these numbers except that no coefficient known to
be zero is ever multiplied and that $h_0$ is never put into one array with the others.

Products with the same partner can be carried out as one, with their rows below each other. This
reads the partner once, and costs copies into one array and out of it. It pays where the partner
is much larger than what is copied: few rows and a large matrix of weights.
"""

from collections.abc import Callable

from jax import lax

from taylorlib.jet_trust import apply
from taylorlib.taylor_series import Series, product, total

__all__ = ["STACK_UP_TO", "bilinear"]

STACK_UP_TO = 0.25
"""Coefficients of at most this share of their partner's size are stacked."""


def bilinear(eqn, a: Series, b: Series, order: int) -> Series:
    """The series of a ``dot_general`` or ``conv_general_dilated`` of two series.

    Args:
        eqn: The operation.
        a: Its first argument.
        b: Its second argument.
        order: The order of truncation.

    Returns:
        The product, as ``taylor_series.product`` gives it.
    """

    def multiply(x, y):
        return apply(eqn, x, y)[0]

    # The one with more coefficients is stacked; the other one gives one product for each.
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    row = _row_axis(eqn, 0 if long is a else 1)
    if row is None or len(long) < 3 or long[0].size > STACK_UP_TO * short[0].size:
        return product(multiply, a, b, order)
    in_order = multiply if long is a else lambda x, y: multiply(y, x)
    return _stacked(in_order, long, short, order, row)


def _stacked(multiply: Callable, long: Series, short: Series, order: int, row: tuple) -> Series:
    into, out_of = row
    n = long[0].shape[into]
    terms = [[] for _ in range(min(len(long) + len(short) - 2, order) + 1)]
    for i, partner in enumerate(short):
        rest = long[1 : order + 1 - i]
        terms[i].append(multiply(long[0], partner))
        if rest:
            rows = multiply(lax.concatenate(rest, into), partner)
            for j, part in enumerate(lax.split(rows, (n,) * len(rest), out_of), 1):
                terms[i + j].append(part)
    return tuple(map(total, terms))


def _row_axis(eqn, which: int) -> tuple[int, int] | None:
    """An axis of one argument that becomes an axis of the result, as (there, here)."""
    if eqn.primitive.name == "conv_general_dilated":
        numbers = eqn.params["dimension_numbers"]
        if which == 0 and eqn.params["batch_group_count"] == 1:
            return numbers.lhs_spec[0], numbers.out_spec[0]
        if which == 1 and eqn.params["feature_group_count"] == 1:
            return numbers.rhs_spec[0], numbers.out_spec[1]
        return None
    contracted, batched = eqn.params["dimension_numbers"]
    free = [
        [d for d in range(len(v.aval.shape)) if d not in (*contracted[i], *batched[i])]
        for i, v in enumerate(eqn.invars)
    ]
    if not free[which]:
        return None
    before = len(batched[0]) + (len(free[0]) if which == 1 else 0)
    return free[which][0], before
