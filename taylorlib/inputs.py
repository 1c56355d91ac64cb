r"""Distributions of inputs: spheres, Gaussians, and data between isotropic and rank one.

All of them return ``x[n, d]``, independent rows. The covariance is the uncentred one,
$\Sigma=E\,xx^\top$, and its trace is the mean of $\|x\|^2$.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from taylorlib import draws

__all__ = ["gaussian", "sphere", "spiked"]


def sphere(n: int, d: int, *, key: Array, radius: float | None = None) -> Float[Array, "n d"]:
    r"""Draw $x_1,\dots,x_n$ independent and uniform on the sphere of radius $R$ in $\mathbb R^d$.

    $$x=R\,\frac g{\|g\|},\qquad g\sim N(0,I_d),\qquad E\,xx^\top=\frac{R^2}dI_d.$$

    Args:
        n: Number of inputs.
        d: Their dimension.
        key: A JAX random key.
        radius: $R>0$; None for $\sqrt d$, at which the covariance is the identity.

    Returns:
        Inputs ``[n, d]``.

    Raises:
        ValueError: If ``n`` or ``d`` is not a positive integer, or ``radius`` is not a positive
            number.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> x = tl.inputs.sphere(5, 4, key=jax.random.key(0))
        >>> x.shape, (x**2).sum(axis=1).round(4).tolist()
        ((5, 4), [4.0, 4.0, 4.0, 4.0, 4.0])
    """
    _check_sizes(n, d)
    radius = math.sqrt(d) if radius is None else radius
    if not (math.isfinite(radius) and radius > 0):
        raise ValueError(f"radius must be a positive number, got {radius}; None means sqrt(d).")
    return jnp.asarray(radius * _directions(n, d, key))


def gaussian(
    n: int, d: int, *, key: Array, covariance: Float[Array, "d d"] | None = None
) -> Float[Array, "n d"]:
    r"""Draw $x_1,\dots,x_n$ independent from $N(0,\Sigma)$.

    $$x=\Sigma^{1/2}g,\qquad g\sim N(0,I_d).$$

    Args:
        n: Number of inputs.
        d: Their dimension.
        key: A JAX random key.
        covariance: $\Sigma$, symmetric and positive semidefinite (singular is allowed);
            None for the identity.

    Returns:
        Inputs ``[n, d]``.

    Raises:
        ValueError: If ``n`` or ``d`` is not a positive integer, or ``covariance`` is not such a
            matrix of shape ``[d, d]``.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> Sigma = jnp.diag(jnp.array([4.0, 1.0, 0.0]))
        >>> x = tl.inputs.gaussian(1000, 3, key=jax.random.key(0), covariance=Sigma)
        >>> (x**2).mean(axis=0).round().tolist()
        [4.0, 1.0, 0.0]
    """
    _check_sizes(n, d)
    standard = draws.normal(key, (n, d))
    if covariance is not None:
        root = _square_root(np.asarray(covariance, float), d)
        standard = standard @ root.astype(standard.dtype)
    return jnp.asarray(standard)


def spiked(n: int, d: int, *, key: Array, share: float) -> Float[Array, "n d"]:
    r"""Draw inputs of norm exactly $\sqrt d$ with a given share of their energy on one axis.

    $$x=\sqrt d\,\big(s\sqrt t\,e_1+\sqrt{1-t}\,v\big),\qquad
    t\sim\mathrm{Beta}\big(\tfrac12,\tfrac{1-\varrho}{2\varrho}\big),$$

    with a random sign $s$ and $v$ uniform on the unit sphere of $e_1^\perp$, all independent.
    As $E\,t=\varrho$, the covariance has trace $d$ for every share $\varrho$:

    $$E\,xx^\top=\varrho d\,e_1e_1^\top+\frac{(1-\varrho)d}{d-1}(I-e_1e_1^\top),\qquad
    \|E\,xx^\top\|_{op}=\varrho d.$$

    At $\varrho=1/d$ the inputs are uniform on the sphere, at $\varrho=1$ they are
    $\pm\sqrt d\,e_1$: from isotropic to rank one at constant norm.

    Args:
        n: Number of inputs.
        d: Their dimension.
        key: A JAX random key.
        share: $\varrho$, from $1/d$ to 1.

    Returns:
        Inputs ``[n, d]``.

    Raises:
        ValueError: If ``n`` or ``d`` is not a positive integer, or ``share`` lies outside
            $[1/d,1]$.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> x = tl.inputs.spiked(1000, 4, key=jax.random.key(0), share=0.5)
        >>> sigma = x.T @ x / 1000
        >>> round(float(sigma[0, 0]), 1), round(float(sigma.trace()), 4)
        (2.0, 4.0)
    """
    _check_sizes(n, d)
    # The tolerance lets 1 / d pass after a rounding in float32.
    if not (1 / d) * (1 - 1e-6) <= share <= 1:
        raise ValueError(
            f"share must lie between 1/d = {1 / d:.6g} (isotropic) and 1 (rank one), got {share}."
        )
    key_t, key_s, key_v = jax.random.split(key, 3)
    s = draws.rademacher(key_s, (n, 1))
    if d == 1 or share == 1:
        return jnp.asarray(math.sqrt(d) * s * np.eye(1, d, dtype=s.dtype))
    # JAX compiles its rejection sampler for every size, for seconds: round the size up.
    size = 1024 * 4 ** max(0, math.ceil(math.log(n / 1024, 4)))
    b = float((1 - share) / (2 * share))  # a scalar of NumPy would be compiled once more
    t = jax.random.beta(key_t, 0.5, b, (size, 1))
    # NumPy needs no compilation, but does not trace.
    np_or_jnp = jnp if isinstance(t, jax.core.Tracer) else np
    t = np_or_jnp.asarray(t)[:n]
    rest = (1 - t) ** 0.5 * _directions(n, d - 1, key_v)
    return jnp.asarray(math.sqrt(d) * np_or_jnp.hstack([s * t**0.5, rest]))


def _directions(n: int, d: int, key: Array) -> np.ndarray | Array:
    """Uniform on the unit sphere."""
    g = draws.normal(key, (n, d))
    return g / (g * g).sum(axis=1, keepdims=True) ** 0.5


def _square_root(covariance: np.ndarray, d: int) -> np.ndarray:
    if covariance.shape != (d, d) or not np.isfinite(covariance).all():
        raise ValueError(
            f"covariance must be a finite matrix of shape ({d}, {d}), got shape "
            f"{covariance.shape}. For given variances use jnp.diag."
        )
    scale = np.abs(covariance).max()
    if np.abs(covariance - covariance.T).max() > 1e-6 * scale:
        raise ValueError("covariance must be symmetric; (S + S.T) / 2 is.")
    values, vectors = np.linalg.eigh(covariance)
    if values[0] < -1e-6 * scale:
        raise ValueError(
            f"covariance must be positive semidefinite, its smallest eigenvalue is {values[0]:.6g}."
        )
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _check_sizes(n: int, d: int) -> None:
    if n < 1 or d < 1:
        raise ValueError(f"n and d must be positive integers, got n={n}, d={d}.")
