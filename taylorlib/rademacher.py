r"""Rademacher complexities of the linear and of the quadratic Taylor model, in closed form.

For fixed inputs $x_1,\dots,x_n$ and signs $\varepsilon_i=\pm1$, how far can a model of bounded
norm follow the signs? With $z_{ir}=w_{0,r}^\top x_i$ and

$$A_r=\frac1n\sum_i\varepsilon_i\,\sigma''(z_{ir})\,x_ix_i^\top,\qquad
v_r=\frac1n\sum_i\varepsilon_i\,\sigma'(z_{ir})\,x_i,$$

both suprema are attained and known (the book's chapter on generalization proves it):

$$\sup_{\|W\|_{2,4}\le B}\frac1n\sum_i\varepsilon_if^{(2)}_W(x_i)
&=\frac{B^2}2\Big(\frac1m\sum_r\lambda_{\max}(a_rA_r)_+^2\Big)^{1/2},\\
\sup_{\|W\|_F\le B}\frac1n\sum_i\varepsilon_if^{(1)}_W(x_i)
&=B\Big(\frac1m\sum_r\|v_r\|^2\Big)^{1/2}.$$

The (empirical) Rademacher complexity is the mean of the supremum over uniform signs.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from taylorlib.activations import Activation
from taylorlib.networks import TwoLayerInit

__all__ = [
    "ComplexityBounds",
    "QuadraticSupremum",
    "gated_complexity_bounds",
    "isotropy_ratio",
    "linear_complexity",
    "linear_complexity_bound",
    "quadratic_complexity",
    "quadratic_complexity_bound",
    "quadratic_maximizer",
]


class QuadraticSupremum(NamedTuple):
    r"""The supremum over $\|W\|_{2,4}\le B$ for given signs, and the two norms beside it.

    Attributes:
        value: The supremum, exactly.
        operator: Root mean square over neurons of $\|A_r\|_{op}$; ``value`` is at most
            $\frac{B^2}2$ times it, and with the symmetric initialization at least
            $1/\sqrt2$ of that.
        frobenius: Root mean square over neurons of $\|A_r\|_F$.
    """

    value: Float[Array, ""]
    operator: Float[Array, ""]
    frobenius: Float[Array, ""]


class ComplexityBounds(NamedTuple):
    """A lower and an upper bound of a Rademacher complexity given the inputs and gates.

    Attributes:
        lower: Not above the complexity.
        upper: Not below it.
    """

    lower: Float[Array, ""]
    upper: Float[Array, ""]


def quadratic_complexity(
    x: Float[Array, "n d"],
    init: TwoLayerInit,
    activation: Activation,
    signs: Float[Array, " n"],
    *,
    radius: float = 1.0,
) -> QuadraticSupremum:
    r"""How far the quadratic term of norm $\|W\|_{2,4}\le B$ can follow given signs, exactly.

    $$\sup_{\|W\|_{2,4}\le B}\frac1n\sum_i\varepsilon_if^{(2)}_W(x_i)
    =\frac{B^2}2\Big(\frac1m\sum_r\lambda_{\max}(a_rA_r)_+^2\Big)^{1/2}.$$

    Costs one eigenvalue problem of size $d$ for each neuron. If $\sigma''$ is constant all
    neurons have the same matrix, and a network of two neurons gives the value of all widths.

    Args:
        x: Inputs.
        init: $W_0$ and $a$.
        activation: $\sigma$, with a second derivative.
        signs: $\varepsilon$, 1 or -1 (any real numbers are allowed). ``jax.vmap`` over this
            argument gives several draws at once.
        radius: $B>0$.

    Returns:
        A ``QuadraticSupremum``.

    Raises:
        ValueError: If shapes do not fit, ``x`` is not finite, ``radius`` is not positive or
            $\sigma''$ does not exist.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.TwoLayerInit(jnp.zeros((2, 3)), jnp.array([1.0, -1.0]))
        >>> x, signs = 2 * jnp.eye(3), jnp.array([1.0, 1.0, -1.0])
        >>> found = tl.rademacher.quadratic_complexity(
        ...     x, init, tl.activations.quadratic, signs
        ... )  # A = diag(4, 4, -4) / 3
        >>> round(float(found.value), 4), round(float(found.operator), 4)
        (0.6667, 1.3333)

    References:
        Proved in the chapter on generalization; the class is that of Bai & Lee (2020),
        arXiv 1910.01619.
    """
    _check(x, init, radius, signs)
    gates = activation.derivative(2)(x @ init.W0.T)
    top, operator, frobenius = (_rms(v) for v in _ends(x, gates, signs, init.a))
    return QuadraticSupremum(radius**2 / 2 * top, operator, frobenius)


def quadratic_maximizer(
    x: Float[Array, "n d"],
    init: TwoLayerInit,
    activation: Activation,
    signs: Float[Array, " n"],
    *,
    radius: float = 1.0,
) -> Float[Array, "m d"]:
    r"""A movement $W$ of norm $\|W\|_{2,4}=B$ at which the supremum is attained.

    The row $w_r$ is an eigenvector of $a_rA_r$ to its largest eigenvalue $\lambda_r$, with
    $\|w_r\|^2$ proportional to $\max(\lambda_r,0)$.

    Args:
        x: Inputs.
        init: $W_0$ and $a$.
        activation: $\sigma$, with a second derivative.
        signs: $\varepsilon$.
        radius: $B>0$.

    Returns:
        $W$; zero if no $a_rA_r$ has a positive eigenvalue.

    Raises:
        ValueError: As ``quadratic_complexity``.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.TwoLayerInit(jnp.zeros((1, 2)), jnp.ones(1))
        >>> x, signs = jnp.array([[1.0, 0.0], [0.0, 3.0]]), jnp.ones(2)
        >>> W = tl.rademacher.quadratic_maximizer(
        ...     x, init, tl.activations.quadratic, signs, radius=2.0
        ... )
        >>> abs(W).tolist()
        [[0.0, 2.0]]
    """
    _check(x, init, radius, signs)
    gates = activation.derivative(2)(x @ init.W0.T)
    value, vector = _top(x, gates, signs, init.a)
    total = jnp.sqrt((value**2).sum())
    share = jnp.where(total > 0, value / jnp.where(total > 0, total, 1), 0)
    return radius * jnp.sqrt(share)[:, None] * vector


def linear_complexity(
    x: Float[Array, "n d"],
    init: TwoLayerInit,
    activation: Activation,
    signs: Float[Array, " n"],
    *,
    radius: float = 1.0,
) -> Float[Array, ""]:
    r"""How far the linear term of norm $\|W\|_F\le B$ can follow given signs, exactly.

    $$\sup_{\|W\|_F\le B}\frac1n\sum_i\varepsilon_if^{(1)}_W(x_i)
    =B\,\Big\|\frac1n\sum_i\varepsilon_i\nabla_Wf_{W_0}(x_i)\Big\|_F.$$

    Args:
        x: Inputs.
        init: $W_0$ and $a$.
        activation: $\sigma$.
        signs: $\varepsilon$.
        radius: $B>0$.

    Returns:
        The supremum.

    Raises:
        ValueError: If shapes do not fit, ``x`` is not finite or ``radius`` is not positive.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.TwoLayerInit(jnp.ones((1, 2)), jnp.ones(1))
        >>> x, signs = jnp.array([[3.0, 4.0]]), jnp.ones(1)
        >>> float(tl.rademacher.linear_complexity(x, init, tl.activations.relu, signs))
        5.0
    """
    _check(x, init, radius, signs)
    slopes = activation.derivative(1)(x @ init.W0.T)
    v = (signs[:, None] * slopes).T @ x / len(x)  # the signs a_r do not change the norm
    return radius * _rms(jnp.linalg.norm(v, axis=1))


def isotropy_ratio(x: Float[Array, "n d"]) -> Float[Array, ""]:
    r"""The isotropy ratio $\hat M=\|\hat\Sigma\|_{op}^{1/2}/\max_i\|x_i\|$ of a sample.

    $\hat\Sigma=\frac1n\sum_ix_ix_i^\top$. Between $d^{-1/2}$, if the inputs have one norm and
    $\hat\Sigma$ is a multiple of the identity, and 1, if they all lie on one line; inputs of
    different norms can have less.

    Args:
        x: Inputs.

    Returns:
        $\hat M$.

    Raises:
        ValueError: If ``x`` is not a finite matrix with at least one row.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> float(tl.rademacher.isotropy_ratio(3 * jnp.eye(4)))
        0.5
    """
    _check_inputs(x)
    return jnp.linalg.norm(x, 2) / math.sqrt(len(x)) / jnp.linalg.norm(x, axis=1).max()


def quadratic_complexity_bound(
    x: Float[Array, "n d"], *, gate_bound: float, radius: float = 1.0
) -> Float[Array, ""]:
    r"""Upper bound of the Rademacher complexity of the quadratic class $\|W\|_{2,4}\le B$.

    $$E_\varepsilon\sup\frac1n\sum_i\varepsilon_if^{(2)}_W(x_i)\le
    \frac{C\,B^2B_x^2}{2\sqrt n}\min\Big\{1,\ \hat M\sqrt{1+2\lceil\log d\rceil}\Big\}.$$

    Args:
        x: Inputs; $B_x$ is their largest norm and $\hat M$ their ``isotropy_ratio``.
        gate_bound: $C\ge|\sigma''|$. For unbounded gates use ``gated_complexity_bounds``.
        radius: $B>0$.

    Returns:
        The bound.

    Raises:
        ValueError: If ``x`` is not a finite matrix, or ``gate_bound`` or ``radius`` is not
            positive.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> x = jnp.ones((100, 1))
        >>> round(float(tl.rademacher.quadratic_complexity_bound(x, gate_bound=1.0)), 6)
        0.05

    References:
        Proved in the chapter on generalization.
    """
    _check_inputs(x)
    _check_positive(gate_bound=gate_bound, radius=radius)
    n, d = x.shape
    squared_norm = (x**2).sum(axis=1).max()
    price = jnp.minimum(1, isotropy_ratio(x) * math.sqrt(_logarithm(d)))
    return gate_bound * radius**2 * squared_norm / (2 * math.sqrt(n)) * price


def linear_complexity_bound(
    x: Float[Array, "n d"], *, slope_bound: float, radius: float = 1.0
) -> Float[Array, ""]:
    r"""Upper bound $C\,B\,B_x/\sqrt n$ of the complexity of the linear class $\|W\|_F\le B$.

    Args:
        x: Inputs; $B_x$ is their largest norm.
        slope_bound: $C\ge|\sigma'|$.
        radius: $B>0$.

    Returns:
        The bound. It contains a trace, and nothing of the directions of the inputs.

    Raises:
        ValueError: If ``x`` is not a finite matrix, or ``slope_bound`` or ``radius`` is not
            positive.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> float(tl.rademacher.linear_complexity_bound(3 * jnp.ones((4, 1)), slope_bound=1.0))
        1.5
    """
    _check_inputs(x)
    _check_positive(slope_bound=slope_bound, radius=radius)
    return slope_bound * radius * jnp.linalg.norm(x, axis=1).max() / math.sqrt(len(x))


def gated_complexity_bounds(
    x: Float[Array, "n d"], init: TwoLayerInit, activation: Activation, *, radius: float = 1.0
) -> ComplexityBounds:
    r"""Both bounds of the complexity of the quadratic class, given inputs and gates.

    With $s_r^2=\|\frac1{n^2}\sum_i\sigma''(z_{ir})^2\|x_i\|^2x_ix_i^\top\|_{op}$ and its trace
    $F_r^2$,

    $$\frac{B^2}{4\sqrt2}\,\frac1m\sum_rs_r
    &\le E_\varepsilon\sup_{\|W\|_{2,4}\le B}\frac1n\sum_i\varepsilon_if^{(2)}_W(x_i)\\
    &\le\frac{B^2}2\Big(\frac1m\sum_r\min\{F_r^2,\ (1+2\lceil\log d\rceil)\,s_r^2\}\Big)^{1/2}.$$

    Args:
        x: Inputs.
        init: $W_0$ and $a$.
        activation: $\sigma$, with a second derivative, which need not be bounded.
        radius: $B>0$.

    Returns:
        A ``ComplexityBounds``.

    Raises:
        ValueError: If shapes do not fit, ``x`` is not finite, ``radius`` is not positive or
            $\sigma''$ does not exist.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.TwoLayerInit(jnp.zeros((1, 1)), jnp.ones(1))
        >>> bounds = tl.rademacher.gated_complexity_bounds(
        ...     jnp.ones((4, 1)), init, tl.activations.quadratic
        ... )
        >>> round(float(bounds.lower), 4), float(bounds.upper)
        (0.0884, 0.25)

    References:
        Proved in the chapter on generalization.
    """
    _check(x, init, radius)
    d = x.shape[1]
    gates = activation.derivative(2)(x @ init.W0.T)
    s_squared, trace = _variances(x, gates)
    upper = jnp.minimum(trace, _logarithm(d) * s_squared)
    lower = jnp.sqrt(s_squared).mean() / (4 * math.sqrt(2))
    return ComplexityBounds(radius**2 * lower, radius**2 / 2 * jnp.sqrt(upper.mean()))


# One neuron after the other: all matrices A_r at once would need memory of order m d^2, and the
# eigenvalue problems run one by one on a CPU anyway.
@jax.jit
def _ends(x: Array, gates: Array, signs: Array, a: Array) -> tuple[Array, Array, Array]:
    """For each neuron the positive part of the top of a_r A_r, and two norms of A_r."""

    def of_one(gate_and_sign):
        gate, sign = gate_and_sign
        A = _signed_matrix(x, signs * gate)
        values = jnp.linalg.eigvalsh(A)
        top = jnp.maximum(jnp.where(sign > 0, values[-1], -values[0]), 0)
        return top, jnp.maximum(values[-1], -values[0]), jnp.linalg.norm(A)

    return jax.lax.map(of_one, (gates.T, a))


@jax.jit
def _top(x: Array, gates: Array, signs: Array, a: Array) -> tuple[Array, Array]:
    """For each neuron the positive part of the top eigenvalue of a_r A_r, and its vector."""

    def of_one(gate_and_sign):
        gate, sign = gate_and_sign
        values, vectors = jnp.linalg.eigh(sign * _signed_matrix(x, signs * gate))
        return jnp.maximum(values[-1], 0), vectors[:, -1]

    return jax.lax.map(of_one, (gates.T, a))


@jax.jit
def _variances(x: Array, gates: Array) -> tuple[Array, Array]:
    """For each neuron the operator norm and the trace of the variance E A_r^2."""
    lengths = jnp.linalg.norm(x, axis=1)

    def of_one(gate):
        rows = (gate * lengths)[:, None] * x / len(x)
        variance = rows.T @ rows
        return jnp.linalg.eigvalsh(variance)[-1], variance.trace()

    return jax.lax.map(of_one, gates.T)


def _logarithm(d: int) -> int:
    """What matrices pay over numbers: the mean of |sum of signed matrices|^2, over its s^2."""
    return 1 + 2 * math.ceil(math.log(d))


def _signed_matrix(x: Array, weights: Array) -> Array:
    return (weights[:, None] * x).T @ x / len(x)


def _rms(values: Array) -> Array:
    return jnp.sqrt((values**2).mean())


def _check(x: Array, init: TwoLayerInit, radius: float, signs: Array | None = None) -> None:
    _check_inputs(x)
    if init.W0.shape != (len(init.a), x.shape[1]):
        raise ValueError(
            f"inputs of dimension {x.shape[1]} need init.W0 of shape ({len(init.a)}, "
            f"{x.shape[1]}), got {init.W0.shape}."
        )
    if signs is not None and signs.shape != x.shape[:1]:
        raise ValueError(
            f"signs must have shape ({len(x)},), one for each input, got {signs.shape}. For "
            f"several draws use jax.vmap over signs."
        )
    _check_positive(radius=radius)


def _check_inputs(x: Array) -> None:
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"x must have shape [n, d] with n, d >= 1, got {x.shape}.")
    # In numpy, because jax would trace even known values inside a loop or jit.
    if not isinstance(x, jax.core.Tracer) and not np.isfinite(np.asarray(x)).all():
        row = int(np.argmin(np.isfinite(np.asarray(x)).all(axis=1)))
        raise ValueError(f"x must be finite; row {row} is not. Drop or repair such inputs.")


def _check_positive(**numbers: float) -> None:
    for name, value in numbers.items():
        if not isinstance(value, jax.core.Tracer) and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a positive number, got {value}.")
