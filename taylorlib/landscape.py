r"""Regularized objectives: of the quadratic Taylor model, and of the network under random signs.

For the quadratic Taylor model and for the network with signs,

$$L_\lambda(W)&=\frac1n\sum_i\ell\big(y_i,f^{(2)}_W(x_i)\big)+\lambda\|W\|_{2,4}^p,\\
\mathcal N_\lambda(W)&=\frac1n\sum_iE_S\,\ell\big(y_i,f_{W_0+SW}(x_i)\big)+\lambda\|W\|_{2,4}^p,$$

with $p=4$ or $8$. The average over $S$ is exact for small $m$ (all $2^m$ signs), over given signs,
over antithetic pairs $S,-S$, or over signs drawn afresh in every step of a descent.
"""

import math
from collections.abc import Callable

import jax
from jaxtyping import Array, Float

from taylorlib.activations import Activation
from taylorlib.coupling import exact_sign_mean, scale_neurons
from taylorlib.losses import Loss
from taylorlib.networks import TwoLayerInit, two_layer, two_layer_term

__all__ = [
    "coupled_objective",
    "exact_coupled_objective",
    "penalty",
    "quadratic_objective",
]


def penalty(W: Float[Array, "m d"], power: int = 4) -> Float[Array, ""]:
    r"""The regularizer $\|W\|_{2,4}^p$: a polynomial in $W$, smooth at $W=0$ as well.

    $$\|W\|_{2,4}^4=\sum_r(w_r^\top w_r)^2,\qquad\|W\|_{2,4}^8=\Big(\sum_r(w_r^\top w_r)^2\Big)^2.$$

    Args:
        W: The movement.
        power: 4 or 8.

    Returns:
        A scalar.

    Raises:
        ValueError: If ``power`` is neither 4 nor 8.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> W = jnp.array([[1.0, 1.0], [0.0, 2.0]])
        >>> float(tl.landscape.penalty(W)), float(tl.landscape.penalty(W, 8))
        (20.0, 400.0)
    """
    if power not in (4, 8):
        raise ValueError(f"power must be 4 or 8, got {power}.")
    return ((W**2).sum(axis=-1) ** 2).sum() ** (power // 4)


def _check_weight(weight: float, power: int) -> None:
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError(f"weight must be a non-negative number, got {weight}.")
    if power not in (4, 8):
        raise ValueError(f"power must be 4 or 8, got {power}.")


def quadratic_objective(
    activation: Activation, loss: Loss, *, weight: float = 0.0, power: int = 4
) -> Callable:
    r"""The regularized objective of the quadratic Taylor model.

    $$L_\lambda(W)=\frac1n\sum_i\ell\big(y_i,f^{(2)}_W(x_i)\big)+\lambda\|W\|_{2,4}^p.$$

    Args:
        activation: $\sigma$, with a second derivative.
        loss: $\ell$.
        weight: $\lambda\ge0$.
        power: $p$, 4 or 8.

    Returns:
        The function ``objective(init, W, x, y)``, a scalar. The network at $W=0$ is not part
        of it: use the symmetric initialization, for which $f^{(0)}=0$.

    Raises:
        ValueError: If ``weight`` is negative or ``power`` is neither 4 nor 8.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> L = tl.quadratic_objective(tl.activations.gelu, tl.losses.square, weight=0.1)
        >>> init = tl.init_two_layer(8, 2, key=jax.random.key(0))
        >>> float(L(init, jnp.zeros((8, 2)), jnp.ones((3, 2)), jnp.ones(3)))
        0.5
    """
    _check_weight(weight, power)
    second = two_layer_term(activation, 2)

    def objective(
        init: TwoLayerInit,
        W: Float[Array, "m d"],
        x: Float[Array, "n d"],
        y: Float[Array, " n"],
    ) -> Float[Array, ""]:
        return loss(y, second(init, W, x)).mean() + weight * penalty(W, power)

    return objective


def coupled_objective(
    activation: Activation,
    loss: Loss,
    *,
    weight: float = 0.0,
    power: int = 4,
    antithetic: bool = False,
) -> Callable:
    r"""The regularized objective of the network, averaged over given signs.

    With rows $S_1,\dots,S_K$ of signs, $\frac1{Kn}\sum_{k,i}\ell(y_i,f_{W_0+S_kW}(x_i))
    +\lambda\|W\|_{2,4}^p$. With fresh signs at every step its gradient is an unbiased estimate
    of that of $\mathcal N_\lambda$.

    Args:
        activation: $\sigma$.
        loss: $\ell$.
        weight: $\lambda\ge0$.
        power: $p$, 4 or 8.
        antithetic: Average every $S_k$ with $-S_k$. The objective is then an even function of
            $W$, as $\mathcal N_\lambda$ is, and its gradient at $W=0$ vanishes.

    Returns:
        The function ``objective(init, W, signs, x, y)`` with ``signs[K, m]``, a scalar.

    Raises:
        ValueError: If ``weight`` is negative or ``power`` is neither 4 nor 8.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> N = tl.coupled_objective(tl.activations.gelu, tl.losses.log_cosh, antithetic=True)
        >>> init = tl.init_two_layer(8, 2, key=jax.random.key(0))
        >>> signs = tl.random_signs(8, key=jax.random.key(1), draws=5)
        >>> W, x, y = jnp.zeros((8, 2)), jnp.ones((3, 2)), jnp.ones(3)
        >>> float(jnp.abs(jax.grad(N, argnums=1)(init, W, signs, x, y)).max())
        0.0
    """
    _check_weight(weight, power)
    network = two_layer(activation)

    def objective(
        init: TwoLayerInit,
        W: Float[Array, "m d"],
        signs: Float[Array, "draws m"],
        x: Float[Array, "n d"],
        y: Float[Array, " n"],
    ) -> Float[Array, ""]:
        def once(s):
            return loss(y, network(init, scale_neurons(s, W), x)).mean()

        def pair(s):
            return (once(s) + once(-s)) / 2

        average = jax.vmap(pair if antithetic else once)(signs).mean()
        return average + weight * penalty(W, power)

    return objective


def exact_coupled_objective(
    activation: Activation, loss: Loss, *, weight: float = 0.0, power: int = 4
) -> Callable:
    r"""The objective $\mathcal N_\lambda$ itself, by going through all $2^m$ signs.

    Args:
        activation: $\sigma$.
        loss: $\ell$.
        weight: $\lambda\ge0$.
        power: $p$, 4 or 8.

    Returns:
        The function ``objective(init, W, x, y)``, a scalar, for small $m$
        (``coupling.MAX_ENUMERATED`` at most).

    Raises:
        ValueError: If ``weight`` is negative or ``power`` is neither 4 nor 8.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> N = tl.landscape.exact_coupled_objective(tl.activations.gelu, tl.losses.square)
        >>> init = tl.init_two_layer(4, 2, key=jax.random.key(0))
        >>> float(N(init, jnp.zeros((4, 2)), jnp.ones((3, 2)), jnp.ones(3)))
        0.5
    """
    sampled = coupled_objective(activation, loss, weight=weight, power=power)

    def objective(
        init: TwoLayerInit,
        W: Float[Array, "m d"],
        x: Float[Array, "n d"],
        y: Float[Array, " n"],
    ) -> Float[Array, ""]:
        return exact_sign_mean(lambda s: sampled(init, W, s[None], x, y), W.shape[0])

    return objective
