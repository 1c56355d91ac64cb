r"""The largest learning rate at which gradient descent is stable.

On a quadratic loss with largest curvature $\lambda_{\max}$, gradient descent with learning rate
$\eta$ multiplies the steepest direction by $1-\eta\lambda_{\max}$ in every step, so it converges
for $\eta<2/\lambda_{\max}$ and diverges beyond. For the linearization of a network under the
squared loss $\frac1n\sum_i\frac12\|f(x_i)-y_i\|^2$ the curvature is that of the tangent kernel,
$\lambda_{\max}(K)/n$; elsewhere it is the top of the Hessian, the *sharpness*.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array
from scipy.sparse.linalg import LinearOperator, eigsh

__all__ = ["critical_rate", "kernel_top", "sharpness"]


def sharpness(objective: Callable) -> Callable:
    r"""The largest eigenvalue of the Hessian of a loss, without the matrix.

    Args:
        objective: A scalar function ``objective(params, *args)`` of a tree of parameters.

    Returns:
        The function ``find(params, *args, tolerance=1e-6)``, a float. It compiles once for each
        shape, and takes a few dozen Hessian-vector products.

    Raises:
        ValueError: (by ``find``) if the Hessian is not finite.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> find = tl.sharpness(lambda w: w["a"] ** 2 - 5 * w["b"] ** 2)
        >>> round(find({"a": jnp.ones(()), "b": jnp.ones(())}), 6)
        2.0
    """

    @jax.jit
    def product(params, v, *args):
        flat, tree = ravel_pytree(params)
        return jax.jvp(
            lambda p: ravel_pytree(jax.grad(objective)(tree(p), *args))[0], (flat,), (v,)
        )[1]

    def find(params: Any, *args, tolerance: float = 1e-6) -> float:
        leaves = jax.tree.leaves(params)
        size, dtype = sum(leaf.size for leaf in leaves), jnp.result_type(*leaves)
        return _largest(lambda v: product(params, v, *args), size, dtype, tolerance)

    return find


def kernel_top(f: Callable) -> Callable:
    r"""The largest eigenvalue of $\frac1nK$ with the tangent kernel $K$ of all outputs.

    Args:
        f: A function ``f(params, x)`` with outputs ``[n, ...]``.

    Returns:
        The function ``find(params, x, tolerance=1e-6)``, a float.

    Raises:
        ValueError: (by ``find``) if the derivative is not finite.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> find = tl.stability.kernel_top(lambda w, x: x @ w)
        >>> round(find(jnp.zeros(2), jnp.array([[3.0, 4.0], [0.0, 0.0]])), 6)
        12.5
    """

    @jax.jit
    def product(params, x, v):
        model = lambda p: f(p, x)  # noqa: E731
        outputs, back = jax.vjp(model, params)
        tangent = back(v.reshape(outputs.shape).astype(outputs.dtype))[0]
        return jax.jvp(model, (params,), (tangent,))[1].ravel() / len(x)

    def find(params: Any, x: Array, tolerance: float = 1e-6) -> float:
        outputs = jax.eval_shape(f, params, x)
        apply = lambda v: product(params, x, v)  # noqa: E731
        return _largest(apply, outputs.size, outputs.dtype, tolerance)

    return find


def critical_rate(f: Callable) -> Callable:
    r"""The edge $2/\lambda_{\max}$ of stability of the linearization, squared loss, all data.

    Args:
        f: A function ``f(params, x)`` with outputs ``[n, ...]``.

    Returns:
        The function ``find(params, x, tolerance=1e-6)``: $2n/\lambda_{\max}(K)$, for the loss
        $\frac1n\sum_i\frac12\|f(x_i)-y_i\|^2$.

    Raises:
        ValueError: (by ``find``) if the derivative is not finite.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> rate = tl.critical_rate(lambda w, x: x @ w)
        >>> round(rate(jnp.zeros(2), jnp.array([[3.0, 4.0]])), 6)
        0.08
    """
    top = kernel_top(f)
    return lambda params, x, tolerance=1e-6: 2 / top(params, x, tolerance)


def _largest(product: Callable, size: int, dtype: np.dtype, tolerance: float) -> float:
    """The largest eigenvalue of a symmetric operator, by Lanczos iteration (ARPACK)."""

    def apply(v):
        return np.asarray(product(jnp.asarray(v.ravel(), dtype)))

    start = np.random.default_rng(0).standard_normal(size).astype(dtype)
    first = apply(start)
    if not np.isfinite(first).all():
        raise ValueError("the curvature is not finite at this point: has the training diverged?")
    if size < 3 or not first.any():
        # ARPACK wants more than two unknowns, and cannot start on the zero matrix.
        matrix = np.stack([apply(e) for e in np.eye(size, dtype=dtype)]) if first.any() else None
        return 0.0 if matrix is None else float(np.linalg.eigvalsh(matrix)[-1])
    operator = LinearOperator((size, size), matvec=apply, dtype=dtype)
    top = eigsh(operator, k=1, which="LA", v0=start, tol=tolerance, return_eigenvectors=False)
    return float(top[0])
