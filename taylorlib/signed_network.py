r"""Training the two-layer network itself, with fresh random signs at every step.

Adam on $\frac1n\sum_i\ell\big(y_i,f_{W_0+S_tW}(x_i)\big)+\lambda\|W\|_{2,4}^4$ with new signs
$S_t$ in every step $t$, a cosine schedule and the loss $\log\cosh(f-y)$: an unbiased gradient of
the objective that the chapters on coupling and on the landscape study.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from taylorlib import losses
from taylorlib.activations import Activation
from taylorlib.coupling import random_signs, randomized_mean, scale_neurons
from taylorlib.landscape import coupled_objective
from taylorlib.networks import TwoLayerInit, init_two_layer, two_layer, two_layer_term

__all__ = ["SignedFit", "fit_signed_network"]


class SignedFit(NamedTuple):
    r"""A network trained with fresh signs.

    Attributes:
        init: $W_0$ and $a$.
        W: The movement, without signs.
        activation: $\sigma$.
        losses: The objective at each step, with the signs of that step, ``[steps]``.
    """

    init: TwoLayerInit
    W: Float[Array, "m d"]
    activation: Activation
    losses: Float[Array, " steps"]

    def predict_mean(
        self, x: Float[Array, "n d"], *, draws: int | None = None, key: Array | None = None
    ) -> Float[Array, " n"]:
        r"""The average network $E_Sf_{W_0+SW}(x)$: exactly, or over some draws of the signs.

        Args:
            x: Inputs.
            draws: How many draws; None for the exact average.
            key: A JAX random key for the draws.

        Returns:
            Outputs ``[n]``.

        Raises:
            ValueError: If only one of ``draws`` and ``key`` is given.
        """
        if (draws is None) != (key is None):
            raise ValueError("give both draws and key, or neither for the exact average.")
        x = jnp.asarray(x, self.W.dtype)
        if draws is None:
            return _mean(self.activation, self.init, self.W, x)
        signs = random_signs(self.W.shape[0], key=key, draws=draws).astype(self.W.dtype)
        return _mean_of_draws(self.activation, self.init, self.W, signs, x)

    def predict_quadratic(self, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        """The quadratic term $f^{(2)}_W(x)$ alone, ``[n]``."""
        return _quadratic(self.activation, self.init, self.W, jnp.asarray(x, self.W.dtype))


@functools.partial(jax.jit, static_argnums=0)
def _mean(activation, init, W, x):
    return randomized_mean(activation)(init, W, x)


@functools.partial(jax.jit, static_argnums=0)
def _mean_of_draws(activation, init, W, signs, x):
    f = two_layer(activation)
    return jax.lax.map(lambda s: f(init, scale_neurons(s, W), x), signs).mean(axis=0)


@functools.partial(jax.jit, static_argnums=0)
def _quadratic(activation, init, W, x):
    return two_layer_term(activation, 2)(init, W, x)


def fit_signed_network(
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    *,
    activation: Activation,
    key: Array,
    m: int = 1024,
    steps: int = 2500,
    learning_rate: float = 0.1,
    penalty: float = 1e-4,
) -> SignedFit:
    r"""Train the network from $W=0$ with one fresh draw of the signs in every step.

    The step size of Adam begins at ``learning_rate`` times $m^{-1/4}$, the scale of the movement
    of a neuron, and falls to zero along a cosine. **The number of steps is part of the learner**;
    wider networks need more.

    Args:
        x: Inputs; $B_x=\sqrt d$. Their dtype is that of the training.
        y: Labels.
        activation: $\sigma$, smooth.
        key: A JAX random key, for $W_0$ and the signs.
        m: Width, even: the initialization is symmetric.
        steps: Number of steps, all in one compiled loop.
        learning_rate: See above.
        penalty: $\lambda\ge0$.

    Returns:
        A ``SignedFit``.

    Raises:
        ValueError: On fewer than 2 samples, unequal shapes, values that are not finite, a
            width, number of steps or rate that is not positive, a negative penalty, or if
            training diverges.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> x = tl.inputs.sphere(40, 4, key=jax.random.key(0))
        >>> fit = tl.fit_signed_network(
        ...     x, x[:, 0] ** 2 - 1, activation=tl.activations.sine(),
        ...     key=jax.random.key(1), m=64, steps=300,
        ... )
        >>> bool(fit.losses[-20:].mean() < fit.losses[0] / 2)
        True

    References:
        Bai & Lee (2020), arXiv 1910.01619.
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ValueError(f"samples must have shapes x[n, d] and y[n], got {x.shape} and {y.shape}.")
    if len(x) < 2:
        raise ValueError(f"training needs at least 2 samples, got n={len(x)}.")
    for name, values in (("x", x), ("y", y)):
        if not bool(jnp.isfinite(values).all()):
            raise ValueError(f"{name} holds values that are not finite. Drop these samples.")
    if steps < 1 or not learning_rate > 0:
        raise ValueError(
            f"steps and learning_rate must be positive, got {steps} and {learning_rate}."
        )
    if not (math.isfinite(penalty) and penalty >= 0):
        raise ValueError(f"penalty must be a non-negative number, got {penalty}.")
    keys = jax.random.split(key)
    init = init_two_layer(m, x.shape[1], key=keys[0], input_norm=math.sqrt(x.shape[1]))
    init = TwoLayerInit(init.W0.astype(x.dtype), init.a.astype(x.dtype))
    W, history = _train(
        activation, steps, init, x, y.astype(x.dtype), keys[1], learning_rate * m**-0.25, penalty
    )
    if not bool(jnp.isfinite(history[-1])):
        raise ValueError(f"training diverged at learning_rate={learning_rate}; take a smaller one.")
    return SignedFit(init, W, activation, history)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _train(activation, steps, init, x, y, key, rate, penalty):
    unpenalized = coupled_objective(activation, losses.log_cosh)

    def objective(W, signs):
        return unpenalized(init, W, signs, x, y) + penalty * ((W * W).sum(axis=1) ** 2).sum()

    optimizer = optax.adam(optax.cosine_decay_schedule(rate, steps))

    def step(state, step_key):
        W, memory = state
        signs = random_signs(W.shape[0], key=step_key, draws=1).astype(W.dtype)
        value, gradient = jax.value_and_grad(objective)(W, signs)
        updates, memory = optimizer.update(gradient, memory, W)
        return (optax.apply_updates(W, updates).astype(W.dtype), memory), value

    start = jnp.zeros_like(init.W0)
    keys = jax.random.split(key, steps)
    (W, _), history = jax.lax.scan(step, (start, optimizer.init(start)), keys)
    return W, history
