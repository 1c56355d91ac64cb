r"""Linear and quadratic term together: a kernel and a quadratic Taylor model, fitted as one.

$$\min_{f,W}\ \frac1{2n}\sum_i\big(f(x_i)+f^{(2)}_W(x_i)-y_i\big)^2+\frac\rho{2n}\|f\|_K^2
+\lambda\|W\|_{2,4}^4 ,$$

where $f$ is in the space of the tangent kernel $K$, the infinite-width limit of the linear term.
For fixed $W$ the best $f$ is kernel ridge regression on the residuals $e=y-f^{(2)}_W$, and what
remains is a quadratic model with a weighted loss,

$$\frac12\,e^\top\Omega\,e+\lambda\|W\|_{2,4}^4,\qquad\Omega=\frac\rho n(K+\rho I)^{-1}.$$
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize

from taylorlib import draws
from taylorlib.activations import Activation
from taylorlib.networks import TwoLayerInit, init_two_layer, two_layer_term
from taylorlib.quadratic import GATES

__all__ = ["JointFit", "fit_joint", "objective_and_gradient"]


class JointFit(NamedTuple):
    r"""A kernel predictor plus a quadratic Taylor model.

    Attributes:
        kernel: $K$, a function of two sets of inputs.
        x: The training inputs.
        coefficients: $\alpha=(K+\rho I)^{-1}(y-f^{(2)}_W)$.
        init: $W_0$ and $a$.
        W: The movement.
        activation: $\sigma$.
        objectives: The objective at the end of each regularizer.
    """

    kernel: Callable
    x: Float[Array, "n d"]
    coefficients: Float[Array, " n"]
    init: TwoLayerInit
    W: Float[Array, "m d"]
    activation: Activation
    objectives: tuple[float, ...]

    def predict_linear(self, x: Float[Array, "k d"]) -> Float[Array, " k"]:
        """The kernel's part, the limit of the linear term."""
        return self.kernel(x, self.x) @ self.coefficients

    def predict_quadratic(self, x: Float[Array, "k d"]) -> Float[Array, " k"]:
        """The quadratic term."""
        return two_layer_term(self.activation, 2)(self.init, self.W, x)

    def predict(self, x: Float[Array, "k d"]) -> Float[Array, " k"]:
        """The sum of both."""
        return self.predict_linear(x) + self.predict_quadratic(x)


@jax.jit
def objective_and_gradient(
    gates: Float[Array, "m n"],
    W: Float[Array, "m d"],
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    weights: Float[Array, "n n"],
    regularizer: float,
) -> tuple[Float[Array, ""], Float[Array, "m d"]]:
    r"""The objective $\frac12e^\top\Omega e+\lambda\|W\|_{2,4}^4$ and its gradient.

    Args:
        gates: $m^{-1/2}a_r\sigma''(w_{0,r}^\top x_i)$.
        W: The movement.
        x: Inputs.
        y: Labels.
        weights: $\Omega$, symmetric.
        regularizer: $\lambda$.

    Returns:
        The objective and the gradient ``[m, d]``.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> one = jnp.ones((1, 1))  # as in ``quadratic``, with weight 1
        >>> found = tl.joint.objective_and_gradient(one, 2 * one, one, 0 * one[0], one, 1.0)
        >>> [float(v.sum()) for v in found]
        [18.0, 36.0]
    """
    u = W @ x.T
    residual = (gates * u * u).sum(axis=0) / 2 - y
    pull = weights @ residual
    squares = (W * W).sum(axis=1)
    value = (pull @ residual) / 2 + regularizer * (squares @ squares)
    return value, (pull * gates * u) @ x + 4 * regularizer * squares[:, None] * W


def fit_joint(
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    *,
    kernel: Callable,
    ridge: float,
    key: Array,
    gates: str | Activation = "relu",
    m: int = 200,
    regularizer: Sequence[float] = (1e-2, 1e-4),
    iterations: Sequence[int] = (50, 200),
) -> JointFit:
    r"""Fit kernel and quadratic term at once, the kernel in closed form, $W$ by L-BFGS.

    Args:
        x: Inputs of norm $\sqrt d$, float64.
        y: Labels.
        kernel: $K$, a function ``kernel(x1, x2)`` with values ``[n1, n2]``.
        ridge: $\rho>0$, as in ``kernel_learning_curve``.
        key: A JAX random key, for $W_0$ and the start of $W$.
        gates: $\sigma''$: ``"relu"``, ``"constant"`` or an ``Activation`` $\sigma$.
        m: Width, even.
        regularizer: The values of $\lambda$ along the warm path, largest first.
        iterations: L-BFGS iterations for each of them.

    Returns:
        A ``JointFit``.

    Raises:
        ValueError: On unequal numbers of samples, a ridge that is not positive, unknown gates,
            or paths of different lengths.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> x = tl.inputs.sphere(100, 4, key=jax.random.key(0))
        >>> y = x[:, 1] + x[:, 0] ** 2
        >>> fit = tl.fit_joint(x, y, kernel=lambda u, v: u @ v.T, ridge=1e-3,
        ...                    key=jax.random.key(1), gates="constant", m=20)
        >>> bool(abs(fit.predict(x) - y).max() < 0.1)
        True

    References:
        Nichani, Bai & Lee (2022), arXiv 2206.03688, who train both terms of one network; the
        elimination of the kernel is proved in the chapter "After the post".
    """
    n, d = x.shape
    if y.shape != (n,):
        raise ValueError(f"one label for each input: got x of shape {x.shape}, y of {y.shape}.")
    if not (math.isfinite(ridge) and ridge > 0):
        raise ValueError(f"ridge must be a positive number, got {ridge}: at 0 the kernel fits all.")
    if len(regularizer) != len(iterations):
        raise ValueError(
            f"as many iterations as regularizers: got {len(iterations)} and {len(regularizer)}."
        )
    if not isinstance(gates, Activation) and gates not in GATES:
        raise ValueError(f"gates must be one of {sorted(GATES)} or an Activation, got {gates!r}.")
    activation = gates if isinstance(gates, Activation) else GATES[gates]
    keys = jax.random.split(key)
    init = init_two_layer(m, d, key=keys[0], input_norm=math.sqrt(d))
    start = jnp.asarray(m**-0.25 / math.sqrt(d) * draws.normal(keys[1], (m, d)))
    signed = activation.derivative(2)(init.W0 @ x.T) * init.a[:, None] / math.sqrt(m)
    inverse = np.linalg.inv(np.asarray(kernel(x, x), float) + ridge * np.eye(n))
    weights = jnp.asarray(ridge * inverse / n)
    W, objectives = np.asarray(start, float), []
    for strength, steps in zip(regularizer, iterations, strict=True):

        def evaluate(flat, strength=strength):
            value, gradient = objective_and_gradient(
                signed, flat.reshape(m, d), x, y, weights, strength
            )
            return float(value), np.asarray(gradient, float).ravel()

        options = {"maxiter": steps, "maxfun": 20 * steps + 20, "ftol": 0.0, "gtol": 0.0}
        found = minimize(evaluate, W.ravel(), jac=True, method="L-BFGS-B", options=options)
        W = found.x.reshape(m, d)
        objectives.append(float(found.fun))
    W = jnp.asarray(W)
    residual = y - two_layer_term(activation, 2)(init, W, x)
    coefficients = jnp.asarray(inverse @ np.asarray(residual, float))
    return JointFit(kernel, x, coefficients, init, W, activation, tuple(objectives))
