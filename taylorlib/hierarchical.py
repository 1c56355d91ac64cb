r"""The hierarchical learner: a quadratic Taylor model on top of a fixed representation.

With a representation $h:\mathbb R^d\to\mathbb R^D$, random and whitened, and constant gates,

$$f_W(x)=\frac1{2\sqrt m}\sum_ra_r(w_r^\top h(x))^2=h(x)^\top Mh(x),\qquad
M=\frac1{2\sqrt m}\sum_ra_rw_rw_r^\top.$$

It is a network of three layers, of which only the middle one, $W$, is trained. A polynomial of
degree $p$ in one direction is a matrix $M$ of rank one, or two for odd $p$, if the features span
the degrees up to $\lceil p/2\rceil$.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from taylorlib.quadratic import QuadraticFit, fit_quadratic
from taylorlib.representation import represent

__all__ = ["HierarchicalFit", "fit_hierarchical", "least_movement", "least_penalty"]


class HierarchicalFit(NamedTuple):
    """A fitted hierarchical learner.

    Attributes:
        representation: The map $h$ from ``x[n, d]`` to ``[n, D]``.
        layer: The quadratic model that was fitted on $h(x)$.
    """

    representation: Callable
    layer: QuadraticFit

    def predict(self, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        """The outputs at inputs ``x[n, d]``."""
        return self.layer.predict(represent(self.representation, x))

    @property
    def matrix(self) -> Float[Array, "D D"]:
        r"""The matrix $M$ with $f_W(x)=h(x)^\top Mh(x)$."""
        a, W = self.layer.init.a, self.layer.W
        return (W * a[:, None]).T @ W / (2 * math.sqrt(len(a)))


def fit_hierarchical(
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    representation: Callable,
    *,
    key: Array,
    m: int = 40,
    regularizer: float | Sequence[float] = (1e-2, 1e-3),
    iterations: int | Sequence[int] = (50, 200),
    x_held: Float[Array, "k d"] | None = None,
    y_held: Float[Array, " k"] | None = None,
    weights: Float[Array, " n"] | None = None,
    pad_to: int | None = None,
    start: float = 1.0,
) -> HierarchicalFit:
    r"""Fit the quadratic model with constant gates on $h(x)$ by L-BFGS.

    Minimizes $\frac12\sum_i\omega_i(f_W(x_i)-y_i)^2+\lambda\|W\|_{2,4}^4$ as ``fit_quadratic``
    does, with $h(x_i)$ for the inputs. For $m\ge2D$ the problem in $M$ is convex, see
    ``least_penalty``.

    Args:
        x: Inputs.
        y: Labels.
        representation: The map $h$ from ``x[n, d]`` to ``[n, D]``, as from ``whiten`` or
            ``degree_two``. It should be whitened with other points than ``x``.
        key: A JAX random key, for the start of $W$.
        m: Width, even. A target of $r$ terms needs at least $2r$, in practice more.
        regularizer: One $\lambda\ge0$ or several, the warm path, largest first.
        iterations: L-BFGS iterations for each $\lambda$; part of the learner.
        x_held: Held-out inputs, to choose $\lambda$ along the path.
        y_held: Their labels.
        weights: Relative weights $\ge0$ of the samples; equal ones if None.
        pad_to: Fill up with this many samples of weight zero, so that sizes up to ``pad_to``
            share one compilation.
        start: Scale of the random start, as in ``fit_quadratic``.

    Returns:
        A ``HierarchicalFit``.

    Raises:
        ValueError: As ``fit_quadratic``; if the representation does not return one row for each
            input.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> x = tl.inputs.sphere(300, 4, key=jax.random.key(0))
        >>> fit = tl.fit_hierarchical(x, x[:, 0] ** 4, tl.degree_two(4), key=jax.random.key(1))
        >>> bool(abs(fit.predict(x) - x[:, 0] ** 4).mean() < 0.2)
        True

    References:
        Chen et al. (2020), arXiv 2006.13436; proved in the chapter on hierarchical learning.
    """
    layer = fit_quadratic(
        represent(representation, x),
        y,
        key=key,
        gates="constant",
        m=m,
        regularizer=regularizer,
        iterations=iterations,
        x_held=None if x_held is None else represent(representation, x_held),
        y_held=y_held,
        weights=weights,
        pad_to=pad_to,
        start=start,
    )
    return HierarchicalFit(representation, layer)


def least_penalty(M: Float[Array, "D D"]) -> Float[Array, ""]:
    r"""The smallest $\|W\|_{2,4}^4$ with which the model with constant gates expresses $M$.

    $$\min\{\|W\|_{2,4}^4:f_W(x)=h^\top Mh\}=8(\mathrm{tr}\,M_+)^2+8(\mathrm{tr}\,M_-)^2,$$

    where $M_\pm$ are the positive and the negative part of the symmetric matrix $M$, half of the
    $m$ output signs are positive, and $m/2$ is at least the rank of each part. The right side
    lies between 4 and 8 times the square of the nuclear norm, and is convex.

    Args:
        M: A symmetric matrix.

    Returns:
        The minimum.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> float(tl.hierarchical.least_penalty(jnp.diag(jnp.array([1.0, 2.0, -1.0]))))
        80.0

    References:
        Proved in the chapter on hierarchical learning.
    """
    values = jnp.linalg.eigvalsh(M)
    return 8 * jnp.maximum(values, 0).sum() ** 2 + 8 * jnp.minimum(values, 0).sum() ** 2


def least_movement(M: Float[Array, "D D"], a: Float[Array, " m"]) -> Float[Array, "m D"]:
    r"""A movement $W$ that expresses $h^\top Mh$ and attains ``least_penalty``.

    The neurons with $a_r=1$ share $M_+$: their rows are $(2\sqrt m)^{1/2}Q\Lambda^{1/2}U^\top$
    with $M_+=U\Lambda U^\top$ and an orthogonal $Q$ that makes all diagonal entries of
    $Q\Lambda Q^\top$ equal (Schur and Horn), so that all rows have one norm.

    Args:
        M: A symmetric matrix.
        a: Output signs, half of them positive.

    Returns:
        $W$, ``[m, D]``.

    Raises:
        ValueError: If ``M`` is not symmetric, the signs are not balanced or there are too few.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> a = jnp.array([1.0, -1.0, 1.0, -1.0])
        >>> W = tl.hierarchical.least_movement(jnp.diag(jnp.array([3.0, 1.0])), a)
        >>> (W**2).sum(axis=1).round(3).tolist(), abs((W.T * a) @ W / 4).round().tolist()
        ([8.0, 0.0, 8.0, 0.0], [[3.0, 0.0], [0.0, 1.0]])

    References:
        Horn (1954), *Doubly stochastic matrices and the diagonal of a rotation matrix*.
    """
    M, a = np.asarray(M, float), np.asarray(a)
    if M.ndim != 2 or M.shape[0] != M.shape[1] or not np.allclose(M, M.T, rtol=0, atol=1e-6):
        raise ValueError(f"M must be a symmetric matrix, got shape {M.shape}; (M + M.T) / 2 is.")
    m, D = len(a), len(M)
    values, vectors = np.linalg.eigh(M)
    W = np.zeros((m, D))
    for sign in (1, -1):
        # Eigenvalues that are rounding errors would ask for neurons of their own.
        part = np.where(sign * values > 1e-12 * np.abs(values).max(), sign * values, 0.0)
        rows, rank = np.flatnonzero(a == sign), int((part > 0).sum())
        if 2 * len(rows) != m or len(rows) < rank:
            raise ValueError(
                f"needs m/2 neurons of each sign and at least {rank} with sign {sign:+d}; got "
                f"{len(rows)} of {m}."
            )
        top = np.argsort(part)[::-1][:rank]
        spread = np.zeros((len(rows), D))
        spread[:rank] = np.sqrt(part[top])[:, None] * vectors[:, top].T
        W[rows] = math.sqrt(2 * math.sqrt(m)) * _equalize(spread)
    return jnp.asarray(W)


def _equalize(rows: np.ndarray) -> np.ndarray:
    """Rotate the rows among themselves until all have the same norm."""
    rows = rows.copy()
    goal = (rows**2).sum() / len(rows)
    for _ in range(len(rows) - 1):
        squares = (rows**2).sum(axis=1)
        i, j = int(squares.argmax()), int(squares.argmin())
        # The norm of c u + s v runs from |v| to |u| as the angle turns, so it meets the goal.
        u, v = rows[i], rows[j]
        A, B, C = u @ u - goal, u @ v, v @ v - goal
        if A <= 0 or C >= 0:
            break
        t = (-B + math.sqrt(B * B - A * C)) / A
        c, s = t / math.hypot(1, t), 1 / math.hypot(1, t)
        rows[i], rows[j] = c * u + s * v, -s * u + c * v
    return rows
