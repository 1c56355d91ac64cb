r"""Gradient descent with large steps: beyond $2/\lambda_{\max}$ the kernel must move.

The smallest model that shows it is the linear pair $f=u^\top v/\sqrt m$ with one sample, for which
output and tangent kernel obey two exact recursions. For networks and their Taylor models the same
two quantities, loss and top eigenvalue of the tangent kernel, are watched along the descent.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from taylorlib import draws
from taylorlib.expansion import taylor_model

__all__ = ["PairPath", "WatchedDescent", "linear_pair", "watched_descent"]

FULL = "full"
EXPLOSION = 1e6


class PairPath(NamedTuple):
    r"""Output and kernel of the linear pair along gradient descent.

    Attributes:
        f: The output $f_t$, ``[steps + 1, ...]``.
        kernel: The tangent kernel $\lambda_t=(\|u_t\|^2+\|v_t\|^2)/m$, of the same shape.
    """

    f: Float[Array, "..."]
    kernel: Float[Array, "..."]


def linear_pair(
    f0: ArrayLike,
    kernel0: ArrayLike,
    *,
    m: ArrayLike,
    rate: ArrayLike,
    target: ArrayLike = 0.0,
    steps: int,
) -> PairPath:
    r"""Gradient descent on $\frac12(f-y)^2$ with $f=u^\top v/\sqrt m$, in two numbers.

    $$f_{t+1}=f_t-\eta\lambda_te_t+\tfrac{\eta^2}me_t^2f_t,\qquad
    \lambda_{t+1}=\lambda_t+\tfrac{\eta e_t}m(\eta\lambda_te_t-4f_t),\qquad e_t=f_t-y.$$

    Args:
        f0: $f_0$. All arguments but ``steps`` may be arrays and are broadcast.
        kernel0: $\lambda_0$, at least $2|f_0|/\sqrt m$ for vectors $u,v$ to exist.
        m: The width, positive.
        rate: $\eta$.
        target: $y$.
        steps: Number of steps, at least 1.

    Returns:
        A ``PairPath``; what diverges becomes infinite or NaN.

    Raises:
        ValueError: If ``steps`` is not positive, or no $u,v$ have this output and kernel.

    Examples:
        >>> import taylorlib as tl
        >>> path = tl.catapult.linear_pair(0.1, 1.0, m=1000, rate=3.0, steps=60)
        >>> bool(abs(path.f).max() > 5), bool(abs(path.f[-1]) < 1e-4), bool(path.kernel[-1] < 2 / 3)
        (True, True, True)

    References:
        Proved in the chapter on large learning rates; after Lewkowycz et al. (2020),
        arXiv 2003.02218.
    """
    f0, kernel0, m, rate, target = np.broadcast_arrays(
        *(np.asarray(v, jnp.result_type(float)) for v in (f0, kernel0, m, rate, target))
    )
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}.")
    if not ((m > 0).all() and (kernel0 >= 2 * abs(f0) / np.sqrt(m) * (1 - 1e-12)).all()):
        raise ValueError(
            "no u, v have this output and kernel: need m > 0 and kernel0 >= 2 |f0| / sqrt(m), got "
            f"{f0=}, {kernel0=}, {m=}."
        )

    return PairPath(*_iterate(f0, kernel0, m, rate, target, steps))


@functools.partial(jax.jit, static_argnames="steps")
def _iterate(f0, kernel0, m, rate, target, steps):
    def step(state, _):
        f, kernel = state
        error = f - target
        after = (
            f - rate * kernel * error + rate**2 * error**2 * f / m,
            kernel + rate * error / m * (rate * kernel * error - 4 * f),
        )
        return after, after

    f, kernel = jax.lax.scan(step, (f0, kernel0), length=steps)[1]
    return jnp.concatenate([f0[None], f]), jnp.concatenate([kernel0[None], kernel])


class WatchedDescent(NamedTuple):
    r"""A descent and what was seen on the way.

    Attributes:
        loss: $\frac1n\sum_i\frac12\|f(x_i)-y_i\|^2$ before each step and after the last one,
            ``[steps + 1]``; NaN where the descent had ended.
        kernel_top: The largest eigenvalue of $\frac1nK$ at the same times, NaN where it was not
            looked at.
        params: The parameters at the end.
        diverged: Whether the loss exceeded a million times its first value, or was not finite.
        taken: Number of steps taken.
    """

    loss: Float[Array, " times"]
    kernel_top: Float[Array, " times"]
    params: Any
    diverged: Bool[Array, ""]
    taken: Int[Array, ""]


def watched_descent(
    f: Callable, *, order: int | str = FULL, steps: int, every: int | None = None, lanczos: int = 8
) -> Callable:
    r"""Full-batch gradient descent of a network or a Taylor model of it, with its kernel watched.

    $$\theta_{t+1}=\theta_t-\eta\nabla_\theta\frac1n\sum_{i\le n}\tfrac12\|f(\theta_t,x_i)-y_i\|^2$$

    The top of the kernel is found by a few Lanczos iterations, each time from the last
    eigenvector. The Ritz value is a lower bound of the eigenvalue.

    Args:
        f: A function ``f(params, x)`` with outputs of the shape of the targets.
        order: Order $k\ge1$ of the Taylor model at the initial parameters, or ``"full"``.
        steps: The largest number of steps; the length of the record.
        every: The kernel is looked at before every so many steps; None for never.
        lanczos: Number of Lanczos iterations at each look.

    Returns:
        The function ``run(params0, x, y, rate, *, steps=None, until=0.0)``, a
        ``WatchedDescent``. It compiles once for all initializations, data and rates. The descent
        ends after ``steps`` steps, when the loss is at most ``until``, or when it diverges.

    Raises:
        ValueError: If a number is not positive; from ``run``, if the shapes of outputs and
            targets differ or ``steps`` is beyond the record.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> run = tl.catapult.watched_descent(lambda w, x: x * w**2, order=1, steps=50)
        >>> x = jnp.ones(1)  # the kernel at w = 1 is 4, the critical rate 1/2
        >>> [bool(run(jnp.ones(()), x, 0 * x, rate).diverged) for rate in (0.45, 0.6)]
        [False, True]
    """
    if steps < 1 or lanczos < 1 or (every is not None and every < 1):
        raise ValueError(f"need positive numbers, got {steps=}, {every=}, {lanczos=}.")
    record = steps

    @jax.jit
    def descend(params0, x, y, rate, steps, until, vector):
        model = f if order == FULL else taylor_model(f, params0, order)

        def outputs_at(params):
            return model(params, x)

        def look(params, back, vector):
            def product(v):
                tangent = back(v.reshape(y.shape))[0]
                return jax.jvp(outputs_at, (params,), (tangent,))[1].ravel() / len(x)

            return _ritz(product, vector, lanczos)

        def body(state):
            t, params, vector, losses, tops, _ = state
            outputs, back = jax.vjp(outputs_at, params)
            residual = outputs - y
            loss = (residual**2).sum() / (2 * len(x))
            losses = losses.at[t].set(loss)
            good = loss <= EXPLOSION * losses[0]  # NaN is not
            if every is not None:
                seen, vector = jax.lax.cond(
                    good & (t % every == 0),
                    lambda v: look(params, back, v),
                    lambda v: (jnp.asarray(jnp.nan, v.dtype), v),
                    vector,
                )
                tops = tops.at[t].set(seen)
            go = good & (loss > until) & (t < steps)
            gradient = back(residual / len(x))[0]
            moved = jax.tree.map(lambda p, g: jnp.where(go, p - rate * g, p), params, gradient)
            return t + 1, moved, vector, losses, tops, jnp.where(go, 0, jnp.where(good, 1, 2))

        empty = jnp.full(record + 1, jnp.nan, y.dtype)
        first = (0, params0, vector / jnp.linalg.norm(vector), empty, empty, jnp.asarray(0))
        end = jax.lax.while_loop(lambda state: state[-1] == 0, body, first)
        return WatchedDescent(end[3], end[4], end[1], end[5] == 2, end[0] - 1)

    def run(
        params0: Any, x: Array, y: Array, rate: float, *, steps: int | None = None, until=0.0
    ) -> WatchedDescent:
        steps = record if steps is None else steps
        if not 1 <= steps <= record:
            raise ValueError(f"steps must be between 1 and {record}, got {steps}.")
        shape = jax.eval_shape(f, params0, x)
        if shape.shape != y.shape:
            raise ValueError(f"targets have shape {y.shape}, outputs {shape.shape}.")
        y, (rate, until) = jnp.asarray(y, shape.dtype), jnp.asarray([rate, until], shape.dtype)
        # Where Lanczos begins; a run that never asks for the sharpness carries one number.
        vector = draws.normal(jax.random.key(0), (1 if every is None else y.size,), y.dtype)
        return descend(params0, jnp.asarray(x), y, rate, steps, until, vector)

    return run


def _ritz(product: Callable, start: Array, size: int) -> tuple[Array, Array]:
    """The largest Ritz value and its vector, in a Krylov space with full reorthogonalization."""
    first = product(start)
    scale = jnp.linalg.norm(first)

    def grow(j, state):
        basis, images = state
        new = images[j - 1]
        for _ in range(2):  # twice is enough
            new = new - basis.T @ (basis @ new)
        norm = jnp.linalg.norm(new)
        # In an invariant space what is left is rounding, and would be no direction.
        unit = jnp.where(norm > 1e-6 * scale, new / norm, 0.0)
        return basis.at[j].set(unit), images.at[j].set(product(unit))

    empty = jnp.zeros((size, start.size), start.dtype)
    state = empty.at[0].set(start), empty.at[0].set(first)
    basis, images = jax.lax.fori_loop(1, size, grow, state)
    small = basis @ images.T
    values, vectors = jnp.linalg.eigh((small + small.T) / 2)
    vector = vectors[:, -1] @ basis
    return values[-1], vector / jnp.linalg.norm(vector)
