r"""The smallest eigenvalue of a Hessian with its direction, without forming the matrix."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.sparse.linalg import LinearOperator, eigsh

__all__ = ["Eigenpair", "smallest_eigenpair"]


class Eigenpair(NamedTuple):
    """An eigenvalue of a Hessian with its direction.

    Attributes:
        value: The eigenvalue.
        vector: A unit eigenvector, of the shape of the argument.
    """

    value: float
    vector: np.ndarray


def smallest_eigenpair(f: Callable) -> Callable:
    r"""The smallest eigenvalue of $\nabla^2f(W)$ and its eigenvector, without the matrix.

    The Lanczos method (ARPACK, through SciPy) needs only Hessian-vector products, each of which
    costs about two gradients.

    Args:
        f: A scalar function ``f(W, *args)`` of an array ``W``.

    Returns:
        The function ``find(W, *args, tolerance=1e-8)``, an ``Eigenpair``. It compiles once for
        each shape. The Lanczos iteration starts from a fixed vector, so that a rerun agrees.

    Raises:
        ValueError: (by ``find``) if the Hessian is not finite.
        scipy.sparse.linalg.ArpackNoConvergence: (by ``find``) if the iteration does not converge.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> find = tl.smallest_eigenpair(lambda W: W[0] ** 2 - 3 * W[1] ** 2 + W[2] ** 2)
        >>> pair = find(jnp.zeros(3))
        >>> round(pair.value, 6), abs(pair.vector).round(4).tolist()
        (-6.0, [0.0, 1.0, 0.0])
    """

    @jax.jit
    def product(W, V, *args):
        return jax.jvp(lambda W: jax.grad(f)(W, *args), (W,), (V,))[1]

    def find(W: Array, *args, tolerance: float = 1e-8) -> Eigenpair:
        size, dtype = W.size, np.dtype(W.dtype)

        def apply(v):
            flat = jnp.asarray(v, W.dtype).reshape(W.shape)
            return np.asarray(product(W, flat, *args)).ravel()

        start = np.random.default_rng(0).standard_normal(size).astype(dtype)
        first = apply(start)
        if not np.isfinite(first).all():
            raise ValueError("the Hessian is not finite at this point: has the descent diverged?")
        if size < 3 or not first.any():
            # ARPACK wants more than two unknowns, and cannot start on the zero matrix.
            values, vectors = np.linalg.eigh(
                np.stack([apply(e) for e in np.eye(size, dtype=dtype)])
            )
            return Eigenpair(float(values[0]), vectors[:, 0].reshape(W.shape))
        operator = LinearOperator((size, size), matvec=apply, dtype=dtype)
        values, vectors = eigsh(
            operator, k=1, which="SA", v0=start, tol=tolerance, maxiter=100 * size
        )
        return Eigenpair(float(values[0]), vectors[:, 0].reshape(W.shape))

    return find
