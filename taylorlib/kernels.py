r"""Neural tangent kernels: empirical, of the two-layer network at finite width, and its limit.

The tangent kernel of $f(\theta,x)$ is $K_\theta(x,x')=\langle\nabla_\theta f(\theta,x),
\nabla_\theta f(\theta,x')\rangle$. For the two-layer network in which the hidden layer trains,

$$K_W(x,x')=x^\top x'\;\frac1m\sum_r\sigma'(u_r)\sigma'(u'_r),\qquad u_r=(w_{0,r}+w_r)^\top x,$$

and at initialization, as $m\to\infty$, $K(x,x')=x^\top x'\,E[\sigma'(u)\sigma'(u')]$ with
$(u,u')$ Gaussian of covariance $q=x^\top x/B_x^2$, $q'$, $c=x^\top x'/B_x^2$.
"""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from taylorlib.activations import Activation
from taylorlib.networks import TwoLayerInit

__all__ = ["empirical_ntk", "first_layer_ntk", "two_layer_ntk"]


def empirical_ntk(f: Callable) -> Callable:
    r"""The tangent kernel of any scalar-valued model, from its Jacobian.

    Args:
        f: A function ``f(params, x)`` of any tree of float parameters and inputs ``x[n, ...]``,
            with values ``[n]``.

    Returns:
        The function ``kernel(params, x1, x2)`` with values ``[n1, n2]``. It holds both
        Jacobians, ``n1 + n2`` times as large as the parameters.

    Raises:
        ValueError: If ``f`` does not return one number for each input.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> kernel = tl.empirical_ntk(lambda w, x: x @ w)
        >>> kernel(jnp.zeros(2), jnp.eye(2), jnp.array([[3.0, 4.0]])).tolist()
        [[3.0], [4.0]]

    References:
        Jacot, Gabriel & Hongler (2018), arXiv 1806.07572.
    """

    def jacobian(params, x):
        values = jax.eval_shape(f, params, x)
        if getattr(values, "shape", None) != (len(x),):
            raise ValueError(
                "empirical_ntk needs f(params, x) of shape [n], one number for each input; got "
                f"{values} for {len(x)} inputs. Select one output first."
            )
        rows = jax.tree.leaves(jax.jacrev(f)(params, x))
        return jnp.concatenate([row.reshape(len(x), -1) for row in rows], axis=1)

    def kernel(params, x1, x2):
        return jacobian(params, x1) @ jacobian(params, x2).T

    return kernel


def two_layer_ntk(activation: Activation) -> Callable:
    r"""The tangent kernel $K_W$ of the two-layer network at finite width.

    Args:
        activation: $\sigma$.

    Returns:
        The function ``kernel(init, W, x1, x2)`` of a ``TwoLayerInit``, the movement
        ``W[m, d]`` and inputs ``x1[n1, d]``, ``x2[n2, d]``, with values ``[n1, n2]``. Costs
        ``O(n1 n2 m)`` and never forms the Jacobian, which would have ``m d`` columns.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(4, 2, key=jax.random.key(0))
        >>> kernel = tl.two_layer_ntk(tl.activations.relu)
        >>> kernel(init, jnp.zeros((4, 2)), jnp.eye(2), jnp.eye(2))[0, 1].item()
        0.0
    """
    slope = activation.derivative(1)

    def kernel(
        init: TwoLayerInit,
        W: Float[Array, "m d"],
        x1: Float[Array, "n1 d"],
        x2: Float[Array, "n2 d"],
    ) -> Float[Array, "n1 n2"]:
        V = init.W0 + W
        # a_r^2 = 1: the signs are not seen by the kernel.
        return (x1 @ x2.T) * (slope(x1 @ V.T) @ slope(x2 @ V.T).T) / len(V)

    return kernel


def first_layer_ntk(activation: Activation, *, nodes: int = 64) -> Callable:
    r"""The infinite-width tangent kernel $x^\top x'\,E[\sigma'(u)\sigma'(u')]$.

    In closed form for relu, cubic_relu, erf, gelu, sine and quadratic; by Gauss-Hermite
    quadrature for every other activation. In the terms of neural-tangents it is
    ``ntk - nngp`` of ``stax.serial(Dense(m), sigma, Dense(1))`` without biases and with
    ``W_std=1`` at inputs rescaled by $\sqrt d/B_x$, times $B_x^2$.

    Args:
        activation: $\sigma$, differentiable at least once.
        nodes: Quadrature nodes per dimension, where no closed form exists.

    Returns:
        The function ``kernel(x1, x2, *, input_norm=1.0)`` of inputs ``x1[n1, d]`` and
        ``x2[n2, d]``, with values ``[n1, n2]``. ``input_norm`` is the $B_x$ of the
        initialization $w_0\sim N(0,B_x^{-2}I_d)$; the inputs may have any norm.

    Raises:
        ValueError: From ``kernel``, if ``input_norm`` is not a positive number.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> kernel = tl.first_layer_ntk(tl.activations.relu)
        >>> kernel(jnp.array([[1.0, 0.0]]), jnp.array([[1.0, 0.0]])).tolist()
        [[0.5]]

    References:
        Cho & Saul (2009) for the rectified powers; Williams (1997) for erf; the others by the
        same Gaussian integrals, derived in the exercises of the chapter on the kernel.
    """
    activation.derivative(1)  # says what is missing, if anything

    def kernel(
        x1: Float[Array, "n1 d"], x2: Float[Array, "n2 d"], *, input_norm: float = 1.0
    ) -> Float[Array, "n1 n2"]:
        if not (math.isfinite(input_norm) and input_norm > 0):
            raise ValueError(f"input_norm must be a positive number, got {input_norm}.")
        return _first_layer_ntk(activation, nodes, x1, x2, input_norm)

    return kernel


@functools.partial(jax.jit, static_argnums=(0, 1))  # one pass over the matrix after the product
def _first_layer_ntk(activation, nodes, x1, x2, input_norm):
    name = activation.name.split("(")[0]
    dual = _CLOSED_FORMS.get(name)
    if name == "sine":
        cos_two_phases = 1 - 2 * activation(jnp.zeros(())) ** 2  # cos(2 phi) = 1 - 2 sin(phi)^2
        dual = lambda q1, q2, c: _sine(q1, q2, c, cos_two_phases)  # noqa: E731
    if dual is None:
        slope = activation.derivative(1)
        dual = lambda q1, q2, c: _quadrature(slope, q1, q2, c, nodes)  # noqa: E731
    products = x1 @ x2.T
    scale = input_norm**-2
    q1 = scale * jnp.sum(x1**2, axis=1)[:, None]
    q2 = scale * jnp.sum(x2**2, axis=1)[None, :]
    return products * dual(q1, q2, scale * products)


# Each function below is E[sigma'(u) sigma'(v)] for centred Gaussians with variances q1, q2
# and covariance c.


# The matrix is large and q1, q2 are vectors: roots are taken of the vectors where possible.


def _arcsin_series(degree: int) -> list[float]:
    """Interpolates arcsin(s)/s in 8 s^2 - 1 at Chebyshev points, for s^2 in [0, 1/4]."""

    def function(u):
        s = np.sqrt((u + 1) / 8)
        return np.arcsin(s) / s

    chebyshev = np.polynomial.chebyshev.chebinterpolate(function, degree)
    return np.polynomial.chebyshev.cheb2poly(chebyshev).tolist()


# Analytic up to s^2 = 1, where it has a root: each degree gains a factor 13.9 = 7 + sqrt(48) and
# more. A higher degree only adds rounding.
_ARCSIN = {jnp.dtype("float32"): _arcsin_series(5), jnp.dtype("float64"): _arcsin_series(12)}


@jax.custom_jvp
def _arccos(t: Array) -> Array:
    """To a few units of rounding; several times faster than XLA's, which goes through atan2."""
    coefficients = _ARCSIN.get(t.dtype)
    if coefficients is None:
        return jnp.arccos(t)
    size = jnp.abs(t)
    small = size <= 0.5
    # arccos t = pi/2 - arcsin t, or 2 arcsin sqrt((1 - t)/2): s is at most 1/2 in both
    square = jnp.where(small, t * t, (1 - size) / 2)
    s = jnp.where(small, size, jnp.sqrt(square))
    u = 8 * square - 1
    value = jnp.full_like(u, coefficients[-1])
    for c in coefficients[-2::-1]:
        value = value * u + c
    angle = jnp.where(small, math.pi / 2 - s * value, 2 * s * value)
    return jnp.where(t < 0, math.pi - angle, angle)


@_arccos.defjvp
def _arccos_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    return _arccos(t), -dt / jnp.sqrt((1 - t) * (1 + t))


def _cosine(q1: Array, q2: Array, c: Array) -> Array:
    return jnp.clip(c * (jax.lax.rsqrt(q1) * jax.lax.rsqrt(q2)), -1.0, 1.0)


def _relu(q1: Array, q2: Array, c: Array) -> Array:
    return (math.pi - _arccos(_cosine(q1, q2, c))) / (2 * math.pi)


def _cubic_relu(q1: Array, q2: Array, c: Array) -> Array:
    cosine = _cosine(q1, q2, c)
    sine = jnp.sqrt((1 - cosine) * (1 + cosine))
    arc = 3 * sine * cosine + (math.pi - _arccos(cosine)) * (1 + 2 * cosine**2)
    return q1 * q2 * arc / (8 * math.pi)


def _erf(q1: Array, q2: Array, c: Array) -> Array:
    return 4 / (math.pi * jnp.sqrt((1 + 2 * q1) * (1 + 2 * q2) - 4 * c**2))


def _gelu(q1: Array, q2: Array, c: Array) -> Array:
    # sigma' = Phi + t phi: four Gaussian integrals, two of them equal up to exchange.
    over_root_det = jax.lax.rsqrt((1 + q1) * (1 + q2) - c**2)
    correlation = c * (jax.lax.rsqrt(1 + q1) * jax.lax.rsqrt(1 + q2))
    both_cdf = math.pi - _arccos(correlation)  # arcsin + pi/2
    mixed = c * over_root_det * (1 / (1 + q1) + 1 / (1 + q2) + over_root_det**2)
    return (both_cdf + mixed) / (2 * math.pi)


def _sine(q1: Array, q2: Array, c: Array, cos_two_phases: Array) -> Array:
    together = jnp.exp(-(q1 + q2 - 2 * c) / 2)
    against = jnp.exp(-(q1 + q2 + 2 * c) / 2)
    return (together + cos_two_phases * against) / 2


def _quadratic(q1: Array, q2: Array, c: Array) -> Array:
    del q1, q2
    return c


def _quadrature(slope: Callable, q1: Array, q2: Array, c: Array, nodes: int) -> Array:
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = jnp.asarray(weights / weights.sum())
    points = jnp.asarray(points)
    # v = (c / q1) u + an independent part
    rest = jnp.sqrt(jnp.maximum(q2 - c**2 / q1, 0.0))

    def given_first(point):
        u = jnp.sqrt(q1) * point
        v = (c / q1 * u)[..., None] + rest[..., None] * points
        return slope(u) * (slope(v) @ weights)

    return jnp.tensordot(weights, jax.lax.map(given_first, points), axes=1)


_CLOSED_FORMS = {
    "relu": _relu,
    "cubic_relu": _cubic_relu,
    "erf": _erf,
    "gelu": _gelu,
    "quadratic": _quadratic,
}
