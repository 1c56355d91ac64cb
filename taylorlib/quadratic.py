r"""The quadratic Taylor model as a learner: one objective, its gradient in closed form, L-BFGS.

$$L_\lambda(W)=\frac12\sum_i\omega_i\big(f^{(2)}_W(x_i)-y_i\big)^2+\lambda\|W\|_{2,4}^4,\qquad
f^{(2)}_W(x)=\frac1{2\sqrt m}\sum_ra_r\sigma''(w_{0,r}^\top x)(w_r^\top x)^2,$$

with sample weights $\omega_i\ge0$ of sum 1. The gates $\sigma''(w_{0,r}^\top x_i)$ do not change
during training, so they are computed once. The objective is not convex and $W=0$ is a saddle
point of it; training starts from a small random $W$ and lowers $\lambda$ along a warm path.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize

from taylorlib import activations, draws
from taylorlib.activations import Activation
from taylorlib.networks import TwoLayerInit, init_two_layer, two_layer_term

__all__ = ["QuadraticFit", "descend_quadratic", "fit_quadratic", "objective_and_gradient"]

GATES = {"relu": activations.cubic_relu, "constant": activations.quadratic}
"""Names of the two usual gates $\\sigma''$; every ``Activation`` is a gate as well."""


class QuadraticFit(NamedTuple):
    r"""A fitted quadratic Taylor model.

    Attributes:
        init: $W_0$ and $a$.
        W: The movement.
        activation: $\sigma$, whose second derivative gates the model.
        regularizer: The $\lambda$ that ``W`` was fitted with.
        path: All $\lambda$ along the warm path.
        objectives: $L_\lambda$ at the end of each of them.
        held_errors: Mean squared error on the held-out samples at the end of each, or None.
        evaluations: How often objective and gradient were computed.
    """

    init: TwoLayerInit
    W: Float[Array, "m d"]
    activation: Activation
    regularizer: float
    path: tuple[float, ...]
    objectives: tuple[float, ...]
    held_errors: tuple[float, ...] | None
    evaluations: int

    def predict(self, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        """The outputs at inputs ``x[n, d]``, compiled once for each shape."""
        return _predict(self.activation, self.init, self.W, jnp.asarray(x, self.W.dtype))


@functools.partial(jax.jit, static_argnums=0)
def _predict(activation, init, W, x):
    return two_layer_term(activation, 2)(init, W, x)


def _begin(key, *, m, d, norm, start, dtype):
    """The initialization and the start of the movement."""
    keys = jax.random.split(key)
    init = init_two_layer(m, d, key=keys[0], input_norm=norm)
    init = TwoLayerInit(*(jnp.asarray(np.asarray(v, dtype)) for v in init))
    return init, jnp.asarray((start * m**-0.25 / norm) * draws.normal(keys[1], (m, d), dtype))


@functools.partial(jax.jit, static_argnums=0)
def _signed_gates(activation, init, x):
    signs = init.a[:, None] / math.sqrt(init.a.shape[0])
    return activation.derivative(2)(init.W0 @ x.T) * signs


@jax.jit
def objective_and_gradient(
    gates: Float[Array, "m n"],
    W: Float[Array, "m d"],
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    weights: Float[Array, " n"],
    regularizer: float,
) -> tuple[Float[Array, ""], Float[Array, "m d"]]:
    r"""The objective $L_\lambda(W)$ and its gradient in closed form.

    With $u_{ri}=w_r^\top x_i$, $\gamma_{ri}=m^{-1/2}a_r\sigma''(w_{0,r}^\top x_i)$ and the
    residuals $\rho_i=f^{(2)}_W(x_i)-y_i$,

    $$\nabla_{w_r}L_\lambda=\sum_i\omega_i\rho_i\gamma_{ri}u_{ri}\,x_i+4\lambda\|w_r\|^2w_r.$$

    Args:
        gates: $\gamma$, with one column for each sample.
        W: The movement.
        x: Inputs.
        y: Labels.
        weights: $\omega_i$.
        regularizer: $\lambda$.

    Returns:
        $L_\lambda(W)$ and the gradient ``[m, d]``.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> one = jnp.ones((1, 1))  # f = u^2 / 2 with u = w = 2, so the residual is 2
        >>> found = tl.quadratic.objective_and_gradient(one, 2 * one, one, 0 * one[0], one[0], 1.0)
        >>> [float(v.sum()) for v in found]
        [18.0, 36.0]
    """
    # Samples along the last axis: in the other order a CPU needs 1.5 times as long.
    u = W @ x.T
    residual = (gates * u * u).sum(axis=0) / 2 - y
    pull = weights * residual
    squares = (W * W).sum(axis=1)
    value = (pull @ residual) / 2 + regularizer * (squares @ squares)
    return value, (pull * gates * u) @ x + 4 * regularizer * squares[:, None] * W


def fit_quadratic(
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    *,
    key: Array,
    gates: str | Activation = "relu",
    m: int = 400,
    regularizer: float | Sequence[float] = (1e-3, 1e-5),
    iterations: int | Sequence[int] = (50, 200),
    x_held: Float[Array, "k d"] | None = None,
    y_held: Float[Array, " k"] | None = None,
    weights: Float[Array, " n"] | None = None,
    pad_to: int | None = None,
    input_norm: float | None = None,
    start: float = 1.0,
) -> QuadraticFit:
    r"""Fit the quadratic Taylor model with the square loss by L-BFGS.

    Minimizes $L_\lambda$ for one $\lambda$ after the other, each from the minimizer of the last.
    **The number of iterations is part of the learner**: at the default of 50 and 200 the
    objective is not at its minimum, and the error of the minimizer can be larger or smaller.
    ``iterations`` are upper limits; the search ends before when float32 allows no descent.

    Args:
        x: Inputs. Their dtype is that of the fit: float32 to train, float64 to check.
        y: Labels. The model has no intercept and needs none on a sphere.
        key: A JAX random key, for $W_0$ and the start of $W$.
        gates: $\sigma''$: ``"relu"``, ``"constant"`` or an ``Activation`` $\sigma$.
        m: Width, even: the initialization is symmetric.
        regularizer: One $\lambda\ge0$ or several, the warm path, largest first.
        iterations: L-BFGS iterations for each $\lambda$.
        x_held: Held-out inputs, to choose $\lambda$ along the path; without them the last one
            is taken.
        y_held: Their labels.
        weights: Relative weights $\ge0$ of the samples; equal ones if None.
        pad_to: Fill up with this many samples of weight zero, so that sizes up to ``pad_to``
            share one compilation. Up to rounding the fit is the same.
        input_norm: $B_x$; $\sqrt d$ if None.
        start: $W$ starts at $m^{-1/4}$ times this times a Gaussian of the law of $W_0$.

    Returns:
        A ``QuadraticFit``.

    Raises:
        ValueError: On fewer than 2 samples, unequal shapes, values that are not finite,
            negative regularizers or weights, paths of different lengths, unknown gates, or
            ``pad_to`` below the number of samples.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> x = tl.inputs.sphere(200, 4, key=jax.random.key(0))
        >>> fit = tl.fit_quadratic(x, x[:, 0] ** 2, key=jax.random.key(1), gates="constant", m=20)
        >>> bool(abs(fit.predict(x) - x[:, 0] ** 2).max() < 0.05)
        True

    References:
        Bai & Lee (2020), arXiv 1910.01619, for the model; settings of the chapter "Learning
        low-rank polynomials".
    """
    data, init, W, activation = _prepare(x, y, key, gates, m, weights, pad_to, input_norm, start)
    path, budget = _path(regularizer, iterations)
    held = _held_out(x_held, y_held, data[1].shape[1], W.dtype)
    evaluations = 0
    stages, objectives, errors = [], [], []
    for strength, steps in zip(path, budget, strict=True):

        def evaluate(flat, strength=strength):
            now = flat.reshape(W.shape).astype(W.dtype)
            value, gradient = objective_and_gradient(data[0], now, *data[1:], strength)
            return float(value), np.asarray(gradient, float).ravel()

        last = stages[-1] if stages else np.asarray(W, float)
        # The budget alone ends the search: tolerances would end it at a place that depends on
        # the scale of the data.
        options = {"maxiter": steps, "maxfun": 20 * steps + 20, "ftol": 0.0, "gtol": 0.0}
        found = minimize(evaluate, last.ravel(), jac=True, method="L-BFGS-B", options=options)
        stages.append(found.x.reshape(W.shape))
        objectives.append(float(found.fun))
        evaluations += found.nfev
        if held is not None:
            out = _predict(activation, init, stages[-1].astype(W.dtype), held[0])
            errors.append(float(((np.asarray(out) - held[1]) ** 2).mean()))
    best = int(np.argmin(errors)) if errors else len(path) - 1
    return QuadraticFit(
        init,
        jnp.asarray(stages[best].astype(W.dtype)),
        activation,
        path[best],
        path,
        tuple(objectives),
        tuple(errors) if errors else None,
        evaluations,
    )


def descend_quadratic(
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    *,
    key: Array,
    steps: int,
    learning_rate: float = 0.5,
    gates: str | Activation = "relu",
    m: int = 400,
    regularizer: float = 1e-5,
    weights: Float[Array, " n"] | None = None,
    pad_to: int | None = None,
    input_norm: float | None = None,
    start: float = 1.0,
) -> QuadraticFit:
    r"""Train the same model by gradient descent, $W\leftarrow W-\eta\sqrt m\,\nabla L_\lambda$.

    The factor $\sqrt m$ keeps $\eta$ independent of the width: the movement has size $m^{-1/4}$
    a neuron and the gradient $m^{-3/4}$.

    Args:
        x: As for ``fit_quadratic``.
        y: As for ``fit_quadratic``.
        key: As for ``fit_quadratic``; the same key gives the same start.
        steps: Number of steps, all in one compiled loop.
        learning_rate: $\eta>0$.
        gates: As for ``fit_quadratic``.
        m: As for ``fit_quadratic``.
        regularizer: $\lambda\ge0$.
        weights: As for ``fit_quadratic``.
        pad_to: As for ``fit_quadratic``.
        input_norm: As for ``fit_quadratic``.
        start: As for ``fit_quadratic``.

    Returns:
        A ``QuadraticFit``.

    Raises:
        ValueError: As ``fit_quadratic``; if ``steps`` or ``learning_rate`` is not positive; if
            the descent diverges.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> x = tl.inputs.sphere(100, 3, key=jax.random.key(0))
        >>> fit = tl.quadratic.descend_quadratic(
        ...     x, x[:, 0] ** 2, key=jax.random.key(1), gates="constant", m=20, steps=2000
        ... )
        >>> bool(fit.objectives[0] < 1e-3)
        True
    """
    if steps < 1 or not learning_rate > 0:
        raise ValueError(
            f"steps and learning_rate must be positive, got {steps} and {learning_rate}."
        )
    data, init, W, activation = _prepare(x, y, key, gates, m, weights, pad_to, input_norm, start)
    (strength,), _ = _path(float(regularizer), 1)
    step = learning_rate * math.sqrt(m)
    W, value = _descend(data, W, strength, step, steps)
    if not bool(jnp.isfinite(value)):
        raise ValueError(f"the descent diverged at learning_rate={learning_rate}; take a smaller.")
    return QuadraticFit(
        init, W, activation, strength, (strength,), (float(value),), None, steps + 1
    )


@jax.jit
def _descend(data, W, strength, step, steps):
    def once(_, W):
        return W - step * objective_and_gradient(data[0], W, *data[1:], strength)[1]

    W = jax.lax.fori_loop(0, steps, once, W)
    return W, objective_and_gradient(data[0], W, *data[1:], strength)[0]


def _prepare(x, y, key, gates, m, weights, pad_to, input_norm, start):
    """Checked and padded data with its gates, initialization, start and activation.

    Whatever needs no compilation is done in NumPy.
    """
    activation = _activation(gates)
    x, y = _array(x), _array(y)
    _check_samples(x, y)
    y = y.astype(x.dtype)
    weights = np.ones_like(y) if weights is None else np.asarray(weights).astype(x.dtype)
    _check_weights(weights, y)
    n, d = x.shape
    size = n if pad_to is None else pad_to
    if size < n:
        raise ValueError(f"pad_to={pad_to} is below the number of samples, {n}.")
    if not start > 0:
        raise ValueError(f"start must be positive, got {start}: W = 0 is a saddle point.")
    fill = size - n
    x = jnp.asarray(np.pad(x, ((0, fill), (0, 0))))
    y = jnp.asarray(np.pad(y, (0, fill)))
    weights = jnp.asarray(np.pad(weights / weights.sum(), (0, fill)))
    norm = math.sqrt(d) if input_norm is None else input_norm
    init, W = _begin(key, m=m, d=d, norm=float(norm), start=float(start), dtype=x.dtype)
    return (_signed_gates(activation, init, x), x, y, weights), init, W, activation


def _array(values) -> np.ndarray:
    """The values as JAX would hold them: float64 only if it is enabled."""
    values = np.asarray(values)
    return values.astype(jax.dtypes.canonicalize_dtype(values.dtype))


def _activation(gates: str | Activation) -> Activation:
    if isinstance(gates, Activation):
        gates.derivative(2)  # says what is missing, if anything
        return gates
    if gates not in GATES:
        raise ValueError(f"gates must be one of {sorted(GATES)} or an Activation, got {gates!r}.")
    return GATES[gates]


def _path(regularizer, iterations) -> tuple[tuple[float, ...], tuple[int, ...]]:
    path = tuple(float(v) for v in np.atleast_1d(np.asarray(regularizer, float)))
    budget = tuple(int(v) for v in np.atleast_1d(np.asarray(iterations)))
    if len(path) != len(budget) or not path:
        raise ValueError(
            f"as many iterations as regularizers: got {len(budget)} and {len(path)}. "
            f"For one regularizer give one number of iterations."
        )
    if not all(math.isfinite(v) and v >= 0 for v in path):
        raise ValueError(f"a regularizer must be a non-negative number, got {list(path)}.")
    if min(budget) < 1:
        raise ValueError(f"iterations must be positive, got {list(budget)}.")
    return path, budget


def _held_out(x_held, y_held, d, dtype):
    if (x_held is None) != (y_held is None):
        raise ValueError("give both x_held and y_held, or neither.")
    if x_held is None:
        return None
    x_held, y_held = np.asarray(x_held).astype(dtype), np.asarray(y_held).astype(dtype)
    _check_samples(x_held, y_held, "held-out ")
    if x_held.shape[1] != d:
        raise ValueError(f"held-out inputs have dimension {x_held.shape[1]}, the others {d}.")
    return x_held, y_held


def _check_samples(x: np.ndarray, y: np.ndarray, which: str = "") -> None:
    if x.ndim != 2 or y.ndim != 1 or x.shape[0] != y.shape[0]:
        raise ValueError(
            f"{which}samples must have shapes x[n, d] and y[n], got {x.shape} and {y.shape}."
        )
    if x.shape[0] < 2:
        raise ValueError(f"a fit needs at least 2 {which}samples, got n={x.shape[0]}.")
    for name, values in (("x", x), ("y", y)):
        if not jnp.issubdtype(values.dtype, jnp.floating):
            raise ValueError(f"{which}{name} must hold floats, got {values.dtype}.")
        if not np.isfinite(values).all():
            raise ValueError(f"{which}{name} holds values that are not finite. Drop these samples.")


def _check_weights(weights: np.ndarray, y: np.ndarray) -> None:
    if weights.shape != y.shape:
        raise ValueError(
            f"one weight for each sample: got {weights.shape} for {y.shape[0]} samples."
        )
    if not ((weights >= 0).all() and weights.sum() > 0 and np.isfinite(weights).all()):
        raise ValueError("weights must be finite and non-negative, with a positive sum.")
