r"""The first gradient of a two-layer network: where it points, with samples and on average.

The network $f(x)=m^{-1/2}\sum_ra_r\sigma(w_r^\top x)$ starts with unit weights $w_r$ in symmetric
pairs, so that it is zero. Then the gradient of the loss $\frac1{2n}\sum_i(f(x_i)-y_i)^2$ with
respect to $w_r$ is $-m^{-1/2}a_r\,\hat g(w_r)$ with

$$\hat g(w)=\frac1n\sum_iy_i\,\sigma'(w^\top x_i)\,x_i,\qquad
g(w)=E\,\hat g(w)=E\big[f_\star(x)\,\sigma'(w^\top x)\,x\big].$$
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from taylorlib.activations import Activation

__all__ = ["expected_share", "first_gradient", "mean_first_gradient", "subspace_share"]


@functools.partial(jax.jit, static_argnums=0)
def _gradient(activation, W, x, y):
    return (activation.derivative(1)(x @ W.T) * y[:, None]).T @ x / x.shape[0]


def first_gradient(
    activation: Activation,
    W: Float[Array, "m d"],
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
) -> Float[Array, "m d"]:
    r"""The vectors $\hat g(w_r)=\frac1n\sum_iy_i\,\sigma'(w_r^\top x_i)\,x_i$.

    Args:
        activation: $\sigma$.
        W: First-layer weights, one a row.
        x: Inputs.
        y: Labels.

    Returns:
        $\hat g(w_r)$, ``[m, d]``: the negative gradient with respect to $w_r$ times
        $\sqrt m\,a_r$, at a network that is zero.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> x, y = jnp.array([[1.0, 0.0], [0.0, 2.0]]), jnp.array([3.0, 4.0])
        >>> tl.gradients.first_gradient(tl.activations.quadratic, x[:1], x, y).tolist()
        [[1.5, 0.0]]
    """
    return _gradient(activation, W, x, y)


def subspace_share(G: Float[Array, "m d"], directions: Float[Array, "r d"]) -> float:
    r"""The share $\|GP\|_F^2/\|G\|_F^2$ of vectors that lies in a subspace.

    Args:
        G: Vectors, one a row, not all zero.
        directions: Orthonormal vectors that span the subspace, one a row.

    Returns:
        A number between 0 and 1; about $r/d$ for vectors without preference.

    Raises:
        ValueError: If the directions are not orthonormal, or ``G`` is zero.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> tl.gradients.subspace_share(jnp.array([[3.0, 4.0]]), jnp.eye(2)[:1])
        0.36
    """
    G, U = np.asarray(G, float), np.asarray(directions, float)
    if not np.allclose(U @ U.T, np.eye(len(U)), atol=1e-5):
        raise ValueError("directions must be orthonormal rows; orthogonalize them by a QR first.")
    total = (G**2).sum()
    if total == 0:
        raise ValueError("G is zero, so no share of it lies anywhere.")
    return float(((G @ U.T) ** 2).sum() / total)


def mean_first_gradient(
    activation: Activation,
    link: Callable[[Array], Array],
    W: Float[Array, "m d"],
    directions: Float[Array, "r d"],
    *,
    nodes: int = 24,
) -> Float[Array, "m d"]:
    r"""The mean $g(w)=E[f(x)\,\sigma'(w^\top x)\,x]$ for $x\sim N(0,I)$, by quadrature.

    The target $f(x)=\phi(Ux)$ sees $r$ orthonormal directions, the rows of $U$. Then $x$
    matters only through $Ux$ and one more Gaussian, the projection on the rest of $w$: a
    Gauss-Hermite rule in $r+1$ dimensions.

    Args:
        activation: $\sigma$, smooth.
        link: $\phi$, a function of ``z[k, r]`` with values ``[k]``; compiled once for each
            function.
        W: Weights $w$, one a row.
        directions: $U$, orthonormal rows; $r\le3$.
        nodes: Quadrature nodes for each dimension.

    Returns:
        $g(w)$, ``[m, d]``.

    Raises:
        ValueError: If there are more than three directions.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> square = lambda z: z[:, 0] ** 2 - 1  # Hessian 2 along the first axis
        >>> w, half = jnp.array([[0.6, 0.8]]), tl.activations.quadratic
        >>> g = tl.gradients.mean_first_gradient(half, square, w, jnp.eye(2)[:1])
        >>> [round(abs(float(v)), 4) for v in g[0]]
        [1.2, 0.0]

    References:
        Its form is proved in the chapter "After the post".
    """
    parts, along, _, _ = _moments(activation, link, W, directions, nodes)
    r = len(directions)
    return parts[:, :r] @ directions + parts[:, r:] * along


def expected_share(
    activation: Activation,
    link: Callable[[Array], Array],
    W: Float[Array, "m d"],
    directions: Float[Array, "r d"],
    n: int,
    *,
    nodes: int = 24,
) -> float:
    r"""The share of the first gradient that lies in the target's subspace, from its moments.

    With $P$ the projection on the subspace and $x\sim N(0,I)$,

    $$E\|P\hat g(w)\|^2=\frac{n-1}n\|Pg(w)\|^2
    +\frac1nE\big[f(x)^2\sigma'(w^\top x)^2\|Px\|^2\big],$$

    and the same for $I-P$: the share is the sum over neurons of the first, divided by that of
    both. (The ratio of the means, not the mean of the ratio.)

    Args:
        activation: As for ``mean_first_gradient``.
        link: As for ``mean_first_gradient``.
        W: As for ``mean_first_gradient``.
        directions: As for ``mean_first_gradient``.
        n: Number of samples.
        nodes: As for ``mean_first_gradient``.

    Returns:
        A number between 0 and 1.

    Raises:
        ValueError: If there are more than three directions, or ``n`` is not positive.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> square = lambda z: z[:, 0] ** 2 - 1
        >>> problem = tl.activations.quadratic, square, jnp.eye(9)[:1], jnp.eye(9)[:1]
        >>> round(tl.gradients.expected_share(*problem, 200), 3)  # 4.37 against 0.4
        0.916
    """
    if n < 1:
        raise ValueError(f"n must be a positive number of samples, got {n}.")
    parts, along, inside, outside = _moments(activation, link, W, directions, nodes)
    r = len(directions)
    shrink = (n - 1) / n
    here = shrink * (parts[:, :r] ** 2).sum() + inside.sum() / n
    # Where a weight has no rest, ``along`` is zero and its part of the mean does not count.
    there = shrink * ((parts[:, r:] * along) ** 2).sum() + outside.sum() / n
    return float(here / (here + there))


def _moments(activation, link, W, directions, nodes):
    """Mean of f sigma' x by coordinates, the unit rests, and second moments in and outside."""
    r, d = directions.shape
    if r > 3:
        raise ValueError(f"quadrature covers up to 3 directions, got {r}: use samples instead.")
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    grid = np.stack(np.meshgrid(*[points] * (r + 1), indexing="ij"), -1).reshape(-1, r + 1)
    mass = np.stack(np.meshgrid(*[weights / weights.sum()] * (r + 1), indexing="ij"), -1)
    inside = W @ directions.T
    rest = W - inside @ directions
    length = jnp.linalg.norm(rest, axis=1)
    # A weight inside the subspace has no rest, and then nothing points there.
    along = rest / jnp.where(length > 0, length, 1.0)[:, None]
    rows = np.append(inside, length[:, None], axis=1)
    found = _integrate(activation, link, rows, grid, mass.reshape(-1, r + 1).prod(-1), d)
    return found[0], along, *found[1:]


@functools.partial(jax.jit, static_argnums=(0, 1))
def _integrate(activation, link, weights, grid, mass, d):
    r = grid.shape[1] - 1
    values = link(grid[:, :r])
    # |x|^2 outside the subspace: one coordinate on the grid, the others independent of all.
    near, far = (grid[:, :r] ** 2).sum(1), grid[:, r] ** 2 + d - r - 1

    def one(w):
        pull = values * activation.derivative(1)(grid @ w)
        square = mass * pull**2
        return (mass * pull) @ grid, square @ near, square @ far

    return jax.lax.map(one, weights)
