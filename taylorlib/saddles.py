r"""Leaving saddle points: perturbed and noisy descent.

A *second-order stationary point* (SOSP) of $F$ has $\nabla F=0$ and $\nabla^2F\succeq0$. Descent
from a generic point avoids strict saddles, but may take long near them; from a saddle itself it
does not move. Perturbed gradient descent adds a small random step wherever the gradient has been
small for a while; noisy descent adds noise in every step; stochastic gradients bring their own.
All are built from optax and run by ``descend``, which hands a fresh key to every step.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

__all__ = [
    "Path",
    "descend",
    "noisy_descent",
    "perturbed_descent",
]


def _norm(v: Array) -> Array:
    return jnp.sqrt(jnp.vdot(v, v))


class _StuckState(NamedTuple):
    key: Array
    waited: Array


def perturbed_descent(
    learning_rate: float, *, radius: float, threshold: float, patience: int, key: Array
) -> optax.GradientTransformation:
    r"""Gradient descent that jumps a little wherever it stands still.

    If $\|\nabla F(W_t)\|\le g$ and the last jump is at least $T$ steps ago,
    $W_{t+1}=W_t-\eta\nabla F(W_t)+\xi$ with $\xi$ uniform in the ball of radius $\rho$;
    otherwise $W_{t+1}=W_t-\eta\nabla F(W_t)$.

    Args:
        learning_rate: $\eta>0$.
        radius: $\rho>0$.
        threshold: $g\ge0$.
        patience: $T\ge1$.
        key: A JAX random key for the jumps.

    Returns:
        An ``optax.GradientTransformation``, to be used like ``optax.sgd``.

    Raises:
        ValueError: If a number is out of its range.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> rule = tl.perturbed_descent(
        ...     0.1, radius=1e-3, threshold=1e-6, patience=10, key=jax.random.key(0)
        ... )
        >>> key, saddle = jax.random.key(1), lambda W, key: W[0] ** 2 + (W[1] ** 2 - 1) ** 2
        >>> path = tl.descend(saddle, jnp.zeros(2), optimizer=rule, steps=200, key=key)
        >>> round(float(path.objective[0]), 3), round(float(path.objective[-1]), 3)
        (1.0, 0.0)

    References:
        Jin, Ge, Netrapalli, Kakade & Jordan (2017), arXiv 1703.00887.
    """
    for name, number in (("learning_rate", learning_rate), ("radius", radius)):
        if not (math.isfinite(number) and number > 0):
            raise ValueError(f"{name} must be a positive number, got {number}.")
    if not threshold >= 0 or patience < 1:
        raise ValueError(
            f"threshold must be >= 0 and patience >= 1, got {threshold} and {patience}."
        )

    def start(W):
        return _StuckState(key, jnp.asarray(patience))

    def step(gradient, state, W=None):
        stuck = (_norm(gradient) <= threshold) & (state.waited >= patience)
        key, key_direction, key_length = jax.random.split(state.key, 3)

        def jump():
            normal = jax.random.normal(key_direction, gradient.shape, gradient.dtype)
            length = jax.random.uniform(key_length) ** (1 / gradient.size)
            return (radius * length * normal / _norm(normal)).astype(gradient.dtype)

        # Drawing costs more than the rest of a small step: only where it is needed.
        noise = jax.lax.cond(stuck, jump, lambda: jnp.zeros_like(gradient))
        update = -learning_rate * gradient + noise
        return update, _StuckState(key, jnp.where(stuck, 1, state.waited + 1))

    return optax.GradientTransformation(start, step)


def noisy_descent(
    learning_rate: float, *, noise: float, key: Array
) -> optax.GradientTransformation:
    r"""Gradient descent with Gaussian noise in every step.

    $W_{t+1}=W_t-\eta(\nabla F(W_t)+\xi_t)$ with entries $\xi_t\sim N(0,\tau^2)$.

    Args:
        learning_rate: $\eta>0$.
        noise: $\tau\ge0$, the standard deviation.
        key: A JAX random key.

    Returns:
        An ``optax.GradientTransformation``.

    Raises:
        ValueError: If a number is out of its range.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> rule = tl.noisy_descent(0.1, noise=1e-3, key=jax.random.key(0))
        >>> key, saddle = jax.random.key(1), lambda W, key: W[0] ** 2 + (W[1] ** 2 - 1) ** 2
        >>> path = tl.descend(saddle, jnp.zeros(2), optimizer=rule, steps=200, key=key)
        >>> bool(path.objective[-1] < 1e-3)
        True
    """
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate must be a positive number, got {learning_rate}.")
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise must be a non-negative number, got {noise}.")
    return optax.chain(optax.add_noise(noise**2, 0.0, key), optax.sgd(learning_rate))


class Path(NamedTuple):
    """What a descent went through.

    Attributes:
        W: The last point.
        objective: The value before each step, ``[steps]``; for a random objective, its draws.
        gradient_norm: The norm of the gradient that each step used, ``[steps]``.
        snapshots: The points at steps ``0, every, 2 every, ...`` up to the end.
    """

    W: Array
    objective: Array
    gradient_norm: Array
    snapshots: Array


def descend(
    f: Callable,
    W: Array,
    *,
    optimizer: optax.GradientTransformation,
    steps: int,
    key: Array,
    every: int | None = None,
) -> Path:
    r"""Minimize $F(W)=E_\omega f(W,\omega)$, with a fresh $\omega_t$ in every step.

    Args:
        f: A function ``f(W, key)`` with a scalar value. Random signs or batches are drawn from
            the key; a deterministic function ignores it.
        W: The first point.
        optimizer: Any optax optimizer.
        steps: Number of steps.
        key: A JAX random key; step $t$ gets the $t$-th of the keys split from it.
        every: Distance of the snapshots, a divisor of ``steps``; None for both ends only.

    Returns:
        A ``Path``. The function is pure: apply ``jax.jit`` and ``jax.vmap`` to it as you like.

    Raises:
        ValueError: If ``every`` does not divide ``steps``.

    Examples:
        >>> import jax, jax.numpy as jnp, optax
        >>> import taylorlib as tl
        >>> path = tl.descend(
        ...     lambda W, key: (W**2).sum(), jnp.ones(2), optimizer=optax.sgd(0.25), steps=4,
        ...     key=jax.random.key(0), every=2,
        ... )
        >>> path.snapshots.tolist()
        [[1.0, 1.0], [0.25, 0.25], [0.0625, 0.0625]]
    """
    every = steps if every is None else every
    if steps < 1 or every < 1 or steps % every:
        raise ValueError(f"every must divide steps, both positive; got every={every}, {steps=}.")

    def step(carry, key):
        W, state = carry
        value, gradient = jax.value_and_grad(f)(W, key)
        update, state = optimizer.update(gradient, state, W)
        return (optax.apply_updates(W, update), state), (value, _norm(gradient))

    def leg(carry, keys):
        carry, trace = jax.lax.scan(step, carry, keys)
        return carry, (carry[0], trace)

    keys = jax.random.split(key, steps).reshape(steps // every, every)
    (last, _), (points, trace) = jax.lax.scan(leg, (W, optimizer.init(W)), keys)
    objective, norms = (t.reshape(steps) for t in trace)
    return Path(last, objective, norms, jnp.concatenate([W[None], points]))
