r"""One large gradient step on the first layer, then ridge regression on the second.

The network $f(x)=m^{-1/2}\sum_ra_r\sigma(w_r^\top x+b_r)$ starts with unit weights $w_r$, no
biases, and in symmetric pairs, so that it is zero. Then the gradient of the loss
$\frac1{2n}\sum_i(f(x_i)-y_i)^2$ with respect to $w_r$ is $-m^{-1/2}a_r\,\hat g(w_r)$ with

$$\hat g(w)=\frac1n\sum_iy_i\,\sigma'(w^\top x_i)\,x_i .$$

One step with weight decay $1/\eta$ forgets the start and leaves a multiple of $a_r\hat g(w_r)$.
Where these vectors point decides what the second layer can learn afterwards.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from taylorlib import activations, inputs
from taylorlib.activations import Activation
from taylorlib.gradients import first_gradient

__all__ = [
    "OneStepFit",
    "fit_one_step",
]

RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Ridges to choose from, relative to the mean square of a feature vector."""


class OneStepFit(NamedTuple):
    r"""Features after one step, and the second layer fitted to them.

    Attributes:
        W: First-layer weights after the step, ``[m, d]``, of root mean square length 1.
        b: Biases, ``[m]``.
        a: Second-layer weights, ``[m]``.
        activation: $\sigma$.
        ridge: The ridge that leave-one-out chose, as added to the Gram matrix.
    """

    W: Float[Array, "m d"]
    b: Float[Array, " m"]
    a: Float[Array, " m"]
    activation: Activation
    ridge: float

    def predict(self, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        """The outputs at inputs ``x[n, d]``."""
        return _features(self.activation, self.W, self.b, x) @ self.a


@functools.partial(jax.jit, static_argnums=0)
def _features(activation, W, b, x):
    return activation(x @ W.T + b) / math.sqrt(len(b))


def fit_one_step(
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    *,
    key: Array,
    activation: Activation | None = None,
    m: int = 256,
    step: bool = True,
    share: float = 0.5,
    bias: float = math.pi,
    ridges: Sequence[float] = RIDGES,
) -> OneStepFit:
    r"""One step on the first layer with a part of the samples, ridge regression with the rest.

    The step is as large as weight decay $1/\eta$ makes it: the weights become a multiple of
    $a_r\hat g(w_r)$, scaled to root mean square length 1. Then biases are drawn, and the second
    layer is fitted with the ridge of the smallest leave-one-out error.

    Args:
        x: Inputs, $E\,xx^\top\approx I$.
        y: Labels.
        key: A JAX random key, for the initial weights and the biases.
        activation: $\sigma$, ``activations.sine()`` if None.
        m: Width, even: neurons come in pairs with opposite $a_r$.
        step: Without the step the learner is random features, and all samples go to the ridge.
        share: Share of the samples for the step, between 0 and 1.
        bias: Biases are uniform on ``[-bias, bias]``.
        ridges: Candidates, relative to the mean square of a feature vector.

    Returns:
        A ``OneStepFit``.

    Raises:
        ValueError: On odd ``m``, a share outside (0, 1), fewer than two samples for either
            layer, or ridges that are not positive.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> x = tl.inputs.gaussian(600, 5, key=jax.random.key(0))
        >>> fit = tl.fit_one_step(x, x[:, 0] ** 2 - 1, key=jax.random.key(1), m=64)
        >>> bool(tl.gradients.subspace_share(fit.W, jax.numpy.eye(5)[:1]) > 0.5)
        True

    References:
        Damian, Lee & Soltanolkotabi (2022), arXiv 2206.15144; Ba et al. (2022), arXiv
        2205.01445, for the idea. Settings of the chapter "After the post".
    """
    activation = activations.sine() if activation is None else activation
    n, d = x.shape
    first = round(share * n) if step else 0
    if m < 2 or m % 2:
        raise ValueError(f"neurons come in pairs, so m must be even, got {m}.")
    if step and not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1, got {share}.")
    if n - first < 2 or (step and first < 2):
        raise ValueError(f"each layer needs two samples, got {first} and {n - first}.")
    if not (len(ridges) and min(ridges) > 0):
        raise ValueError(f"ridges must be positive, got {list(ridges)}.")
    keys = jax.random.split(key)
    half = inputs.sphere(m // 2, d, key=keys[0], radius=1.0).astype(x.dtype)
    if step:
        G = first_gradient(activation, half, x[:first], y[:first])
        W = jnp.concatenate([G, -G]) / jnp.sqrt((G**2).sum() / len(G))
    else:
        W = jnp.concatenate([half, -half])
    b = jax.random.uniform(keys[1], (m,), x.dtype, -bias, bias)
    a, ridge = _second_layer(_features(activation, W, b, x[first:]), y[first:], ridges)
    return OneStepFit(W, b, jnp.asarray(a, x.dtype), activation, ridge)


def _second_layer(P: Array, y: Array, ridges: Sequence[float]) -> tuple[np.ndarray, float]:
    """Ridge regression with the smallest leave-one-out error, from one decomposition."""
    P, y = np.asarray(P, float), np.asarray(y, float)
    squares, V = np.linalg.eigh(P.T @ P)
    rotated = P @ V
    scale, coordinates = (P**2).sum() / len(P), rotated.T @ y
    best = (math.inf, None, 0.0)
    for ridge in np.asarray(ridges) * scale:
        damped = 1 / (np.maximum(squares, 0.0) + ridge)
        # The residual of a sample that was left out, in closed form.
        left_out = (y - rotated @ (damped * coordinates)) / (1 - rotated**2 @ damped)
        error = float((left_out**2).mean())
        if error < best[0]:
            best = error, V @ (damped * coordinates), float(ridge)
    return best[1], best[2]
