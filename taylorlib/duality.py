r"""How far the quadratic model is from the best movement: a lower bound by convex duality.

Replace $w_rw_r^\top$ by any positive semidefinite $M_r$. The quadratic Taylor model is linear in
$(M_r)$ and $\|W\|_{2,4}^4=\sum_r(\mathrm{tr}M_r)^2$ is convex, so the regularized objective becomes
convex: a *relaxation*, whose minimum lies below that over movements. A dual point is a vector of
slopes of the loss, and every movement offers one.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from taylorlib.activations import Activation
from taylorlib.losses import Loss
from taylorlib.networks import TwoLayerInit, two_layer_term

__all__ = ["dual_bound"]


def dual_bound(activation: Activation, loss: Loss, *, weight: float, power: int = 4) -> Callable:
    r"""A lower bound of the quadratic model's objective over **all** movements.

    Linearize the convex loss at the outputs $f_i$ of a movement $W$. With
    $h_r=\lambda_{\max}\big(-\frac1n\sum_i\ell'(f_i)\frac{a_r\sigma''(z_{ir})}{2\sqrt m}
    x_ix_i^\top\big)_+$,

    $$\inf_{M_r\succeq0}L_\lambda\ \ge\ \frac1n\sum_i\big[\ell(f_i)-\ell'(f_i)f_i\big]
    -\begin{cases}\frac1{4\lambda}\|h\|^2&p=4\\\frac34\|h\|^{4/3}(4\lambda)^{-1/3}&p=8,\end{cases}$$

    because each $\langle-h_rI,M_r\rangle+\dots$ is minimized by hand. The infimum runs over the
    convex relaxation, so it is at most $\min_WL_\lambda(W)$; the closer $W$ is to a minimum, the
    better the bound. No trust in the method that found $W$ is needed.

    Args:
        activation: $\sigma$, with a second derivative.
        loss: $\ell$.
        weight: $\lambda>0$.
        power: $p$, 4 or 8.

    Returns:
        The function ``bound(init, W, x, y)``, a scalar.

    Raises:
        ValueError: If ``weight`` is not positive or ``power`` is neither 4 nor 8.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(8, 2, key=jax.random.key(0))
        >>> bound = tl.dual_bound(tl.activations.gelu, tl.losses.square, weight=0.1)
        >>> L = tl.quadratic_objective(tl.activations.gelu, tl.losses.square, weight=0.1)
        >>> x, y = jnp.eye(2), jnp.ones(2)
        >>> bool(bound(init, init.W0, x, y) <= L(init, 0 * init.W0, x, y))
        True

    References:
        Proved in the chapter on the optimization theorem.
    """
    if not (math.isfinite(weight) and weight > 0):
        raise ValueError(f"the dual bound needs a positive weight, got {weight}.")
    if power not in (4, 8):
        raise ValueError(f"power must be 4 or 8, got {power}.")
    second, gate = two_layer_term(activation, 2), activation.derivative(2)

    def bound(
        init: TwoLayerInit,
        W: Float[Array, "m d"],
        x: Float[Array, "n d"],
        y: Float[Array, " n"],
    ) -> Float[Array, ""]:
        f = second(init, W, x)
        value, slope = loss(y, f), jax.grad(lambda f: loss(y, f).sum())(f)
        gates = init.a * gate(x @ init.W0.T) / (2 * math.sqrt(W.shape[0]))

        def steepest(g):  # one neuron at a time, to save memory
            return jnp.linalg.eigvalsh(-(x.T * (slope * g)) @ x / len(y))[-1]

        h = jnp.maximum(jax.lax.map(steepest, gates.T, batch_size=64), 0.0)
        square = (h**2).sum()
        if power == 4:
            price = square / (4 * weight)
        else:
            price = 3 / 4 * square ** (2 / 3) / (4 * weight) ** (1 / 3)
        return (value - slope * f).mean() - price

    return bound
