r"""How far one training run has gone from another, in function space and in parameter space.

With $\Delta=f_t-f_0$ what a network has learnt on some probe inputs and $\Delta'$ the same of
another model,

$$\cos=\frac{\langle\Delta,\Delta'\rangle}{\|\Delta\|\|\Delta'\|},\qquad
\mathrm{err}=\frac{\|\Delta'-\Delta\|}{\|\Delta\|}.$$

The cosine forgives a wrong length, the relative error does not. Before the first step both
changes are zero, and cosine 1 and error 0 are the values by convention.
"""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

__all__ = ["cosine", "gate_flips", "kernel_drift", "relative_error", "tangent_matrix"]


def cosine(change: ArrayLike, reference: ArrayLike) -> float:
    """The cosine of the angle between two changes, each taken as one long vector.

    Args:
        change: Of a model, any shape.
        reference: Of the network, the same shape.

    Returns:
        A number between -1 and 1; 1 if both vanish, 0 if one does.

    Examples:
        >>> import taylorlib as tl
        >>> tl.trajectory.cosine([3.0, 4.0], [6.0, 8.0])
        1.0
    """
    a, b = (np.asarray(v, np.float64).ravel() for v in (change, reference))
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    if lengths == 0:
        return float(not (a.any() or b.any()))
    return float(a @ b / lengths)


def relative_error(change: ArrayLike, reference: ArrayLike) -> float:
    """The distance of two changes in units of the length of the second.

    Args:
        change: Of a model, any shape.
        reference: Of the network, the same shape.

    Returns:
        A number that is not negative; 0 if both vanish, infinite if only the reference does.

    Examples:
        >>> import taylorlib as tl
        >>> tl.trajectory.relative_error([3.0, 4.0], [6.0, 8.0])
        0.5
    """
    a, b = (np.asarray(v, np.float64).ravel() for v in (change, reference))
    distance, length = np.linalg.norm(a - b), np.linalg.norm(b)
    if length == 0:
        return float("inf") if distance else 0.0
    return float(distance / length)


def gate_flips(preactivations, preactivations0) -> jax.Array:
    """The fraction of ReLU gates that differ from those at initialization.

    Args:
        preactivations: A tree of arrays; an entry above 0 is an open gate.
        preactivations0: The same at initialization.

    Returns:
        A number between 0 and 1, over all entries of all leaves.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> float(tl.trajectory.gate_flips([jnp.array([1.0, -1.0])], [jnp.array([2.0, 3.0])]))
        0.5
    """
    leaves = jax.tree.leaves(preactivations), jax.tree.leaves(preactivations0)
    flips = [((a > 0) != (b > 0)).sum() for a, b in zip(*leaves, strict=True)]
    return sum(flips) / sum(leaf.size for leaf in leaves[0])


def tangent_matrix(model, params, x) -> jax.Array:
    r"""The empirical tangent kernel of all outputs at all inputs, $K=JJ^\top$.

    Args:
        model: A function ``model(params, x)`` of a tree of parameters.
        params: Where the derivative is taken.
        x: Inputs ``[n, ...]``. The Jacobian has as many rows as outputs in total.

    Returns:
        A symmetric matrix, one row for each input and output.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> tl.trajectory.tangent_matrix(lambda w, x: x @ w, jnp.zeros(2), jnp.eye(2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    rows = jax.tree.leaves(jax.jacrev(lambda p: model(p, x).ravel())(params))
    J = jnp.concatenate([row.reshape(len(row), -1) for row in rows], axis=1)
    return J @ J.T


def kernel_drift(kernel: ArrayLike, kernel0: ArrayLike) -> float:
    r"""The drift $\|K_t-K_0\|_F/\|K_0\|_F$ of the empirical tangent kernel.

    Args:
        kernel: $K_t$.
        kernel0: $K_0$.

    Returns:
        A number, 0 for a model that is linear in its parameters.

    Examples:
        >>> import taylorlib as tl
        >>> tl.trajectory.kernel_drift([[2.0]], [[1.0]])
        1.0
    """
    return relative_error(kernel, kernel0)
