r"""Curvature in random directions: the second derivative along $SV$, averaged over signs.

The optimization theorem looks at the Hessian of an objective in the direction $SW_\star$ with
random signs $S$. The average sees only the diagonal blocks, one for each neuron; for the quadratic
Taylor model it has two terms, and convexity of the loss bounds them by the difference of two
objectives.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from taylorlib.activations import Activation
from taylorlib.landscape import penalty, quadratic_objective
from taylorlib.losses import Loss
from taylorlib.networks import TwoLayerInit, two_layer_term

__all__ = ["AveragedCurvature", "quadratic_curvature", "sign_averaged_curvature"]


def sign_averaged_curvature(f: Callable) -> Callable:
    r"""The average of the second derivative over signs of the direction, exactly.

    $$E_S\,d^2f(W)[SV,SV]=\sum_rd^2f(W)[e_rv_r^\top,e_rv_r^\top],$$

    because $E\,s_rs_q=0$ for $r\ne q$: random signs see the diagonal blocks of the Hessian only.
    This holds for every function that is twice differentiable, and costs $m$ Hessian-vector
    products in place of $2^m$.

    Args:
        f: A scalar function ``f(W, *args)`` of ``W[m, d]``.

    Returns:
        The function ``curvature(W, V, *args)``, a scalar.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> total = tl.sign_averaged_curvature(lambda W: W.sum() ** 2)
        >>> float(total(jnp.zeros((3, 1)), jnp.ones((3, 1))))
        6.0
    """

    def curvature(W: Float[Array, "m d"], V: Float[Array, "m d"], *args) -> Float[Array, ""]:
        def block(r):
            direction = jnp.zeros_like(V).at[r].set(V[r])
            slope = jax.jvp(lambda W: jax.grad(f)(W, *args), (W,), (direction,))[1]
            return (slope[r] * V[r]).sum()

        return jax.lax.map(block, jnp.arange(W.shape[0]), batch_size=32).sum()

    return curvature


class AveragedCurvature(NamedTuple):
    r"""The two parts of $E_S\,d^2L(W)[SV,SV]$ for the quadratic Taylor model.

    Attributes:
        descent: $2E[\ell'(f_W)f_V]$, negative where moving the outputs towards $f_V$ helps.
        interference: $\frac1mE[\ell''(f_W)\sum_r\sigma''(z_r)^2(w_r^\top x)^2(v_r^\top x)^2]$,
            the price of moving all neurons at once; of order $1/m$.
        bound: What Theorem "curvature in a random direction" bounds their sum by.
    """

    descent: Float[Array, ""]
    interference: Float[Array, ""]
    bound: Float[Array, ""]


def quadratic_curvature(activation: Activation, loss: Loss) -> Callable:
    r"""Both sides of the curvature theorem for the quadratic Taylor model.

    $$E_S\,d^2L(W)[SV,SV]&=2E[\ell'f_V]+\tfrac1mE\big[\ell''\textstyle\sum_r\sigma''(z_r)^2
    (w_r^\top x)^2(v_r^\top x)^2\big]\\
    &\le\langle\nabla L(W),W\rangle+2(L(V)-L(W))+\tfrac Km\|W\|_{2,4}^2\|V\|_{2,4}^2$$

    with $f_W=f^{(2)}_W$ and $K=\sup\ell''\max_{r,i}\sigma''(z_r(x_i))^2\max_i\|x_i\|^4$.

    Args:
        activation: $\sigma$, with a second derivative.
        loss: $\ell$.

    Returns:
        The function ``curvature(init, W, V, x, y)``, an ``AveragedCurvature``.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(8, 2, key=jax.random.key(0))
        >>> sides = tl.quadratic_curvature(tl.activations.gelu, tl.losses.square)
        >>> keys = jax.random.split(jax.random.key(1), 3)
        >>> x, y = jax.random.normal(keys[0], (5, 2)), jax.random.normal(keys[1], (5,))
        >>> found = sides(init, init.W0, jax.random.normal(keys[2], (8, 2)), x, y)
        >>> bool(found.descent + found.interference <= found.bound)
        True

    References:
        Proved in the chapter on the optimization theorem; after Bai & Lee (2020),
        arXiv 1910.01619.
    """
    second, gate = two_layer_term(activation, 2), activation.derivative(2)
    objective = quadratic_objective(activation, loss)

    def curvature(
        init: TwoLayerInit,
        W: Float[Array, "m d"],
        V: Float[Array, "m d"],
        x: Float[Array, "n d"],
        y: Float[Array, " n"],
    ) -> AveragedCurvature:
        outputs, towards = second(init, W, x), second(init, V, x)
        slope = jax.grad(lambda f: loss(y, f).sum())
        first, bend = jax.jvp(slope, (outputs,), (jnp.ones_like(outputs),))
        gates = gate(x @ init.W0.T) ** 2
        overlap = (gates * (x @ W.T) ** 2 * (x @ V.T) ** 2).mean(axis=-1)
        here, gradient = jax.value_and_grad(objective, argnums=1)(init, W, x, y)
        m = W.shape[0]
        K = loss.curvature * gates.max() * (x**2).sum(axis=-1).max() ** 2
        price = K / m * jnp.sqrt(penalty(W) * penalty(V))
        return AveragedCurvature(
            2 * (first * towards).mean(),
            (bend * overlap).mean(),
            (gradient * W).sum() + 2 * (objective(init, V, x, y) - here) + price,
        )

    return curvature
