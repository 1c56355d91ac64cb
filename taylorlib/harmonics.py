r"""Spherical harmonics: dimensions, zonal polynomials, and the energy of a function by degree.

Functions on the sphere of radius $\sqrt d$ in $\mathbb R^d$, with its uniform measure, are sums of
harmonics: $L_2=\bigoplus_pH_p$, where $H_p$ has dimension $N(d,p)$ and is the space of homogeneous
harmonic polynomials of degree $p$. Everything here comes from one function of one variable, the
Legendre polynomial $P_p$ of dimension $d$ with $P_p(1)=1$: the reproducing kernel of $H_p$ is

$$Z_p(x,x')=N(d,p)\,P_p\Big(\frac{x^\top x'}{\|x\|\,\|x'\|}\Big).$$
"""

import math
from collections.abc import Callable, Iterator, Sequence

import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

__all__ = [
    "degree_errors",
    "energy_by_degree",
    "harmonic_dimension",
    "harmonic_kernel",
    "kernel_eigenvalues",
    "legendre",
    "zonal_coefficients",
    "zonal_energies",
    "zonal_rule",
]


def harmonic_dimension(d: int, p: int) -> int:
    r"""The number of independent harmonics of degree $p$ in dimension $d$.

    $$N(d,p)=\binom{d+p-1}p-\binom{d+p-3}{p-2}\ \sim\ \frac{d^p}{p!}\quad(d\to\infty).$$

    Args:
        d: Dimension, at least 2.
        p: Degree, at least 0.

    Returns:
        $N(d,p)$, exactly.

    Raises:
        ValueError: If ``d < 2`` or ``p < 0``.

    Examples:
        >>> import taylorlib as tl
        >>> [tl.harmonics.harmonic_dimension(3, p) for p in range(4)]
        [1, 3, 5, 7]

    References:
        Proved in the chapter on the limits of kernels.
    """
    _check_degree(d, p)
    # Homogeneous polynomials of degree p, less those that are |x|^2 times another one.
    return math.comb(d + p - 1, p) - (math.comb(d + p - 3, p - 2) if p >= 2 else 0)


def legendre(p: int, d: int) -> Callable[[Float[Array, "..."]], Float[Array, "..."]]:
    r"""The Legendre polynomial $P_p$ of dimension $d$, normalized by $P_p(1)=1$.

    $$P_0=1,\quad P_1=t,\quad(k+d-2)P_{k+1}(t)=(2k+d-2)\,t\,P_k(t)-k\,P_{k-1}(t).$$

    It is the multiple of the Gegenbauer polynomial $C_p^{(d-2)/2}$ with value 1 at 1, and
    $E\,P_p(\beta^\top x/\sqrt d)^2=1/N(d,p)$ for a unit vector $\beta$.

    Args:
        p: Degree, at least 0.
        d: Dimension, at least 2.

    Returns:
        The function ``t -> P_p(t)``, elementwise and differentiable.

    Raises:
        ValueError: If ``d < 2`` or ``p < 0``.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> tl.harmonics.legendre(2, 3)(jnp.array([0.0, 1.0])).tolist()
        [-0.5, 1.0]
    """
    _check_degree(d, p)

    def polynomial(t):
        t = jnp.asarray(t, dtype=jnp.result_type(float, t))
        previous, current = jnp.zeros_like(t), jnp.ones_like(t)
        for k in range(p):
            # at k = 0 the factors are d - 2 on both sides, and d = 2 would divide 0 by 0
            if k == 0:
                previous, current = current, t
                continue
            following = ((2 * k + d - 2) * t * current - k * previous) / (k + d - 2)
            previous, current = current, following
        return current

    return polynomial


def harmonic_kernel(
    x1: Float[Array, "n1 d"], x2: Float[Array, "n2 d"], p: int
) -> Float[Array, "n1 n2"]:
    r"""The reproducing kernel $Z_p(x,x')=N(d,p)\,P_p(\cos\angle(x,x'))$ of the harmonics $H_p$.

    It is also the kernel of the projection: $(P_pf)(x)=E_{x'}Z_p(x,x')f(x')$.

    Args:
        x1: Inputs other than 0; only their directions matter.
        x2: Inputs other than 0.
        p: Degree.

    Returns:
        The matrix of kernel values.

    Raises:
        ValueError: If ``p < 0`` or the dimension is below 2.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> tl.harmonics.harmonic_kernel(jnp.eye(3), jnp.eye(3)[:1], 1).tolist()
        [[3.0], [0.0], [0.0]]
    """
    d = x1.shape[1]
    norms = jnp.linalg.norm(x1, axis=1)[:, None] * jnp.linalg.norm(x2, axis=1)
    cosines = jnp.clip(x1 @ x2.T / norms, -1.0, 1.0)
    return harmonic_dimension(d, p) * legendre(p, d)(cosines)


def zonal_rule(d: int, nodes: int = 128) -> tuple[np.ndarray, np.ndarray]:
    r"""Quadrature for $E\,g(t)$, where $t=\beta^\top x/\|x\|$ is one coordinate of a direction.

    $t$ has the density $\propto(1-t^2)^{(d-3)/2}$. Gauss-Jacobi quadrature on $[-1,0]$ and on
    $[0,1]$ separately: exponentially accurate also for profiles with a kink at 0, as a ReLU.

    Args:
        d: Dimension, at least 2.
        nodes: Nodes on each half.

    Returns:
        Nodes and weights, each ``[2 * nodes]``; the weights sum to 1.

    Raises:
        ValueError: If ``d < 2``, ``d > 2000`` (the weights overflow) or ``nodes < 1``.

    Examples:
        >>> import taylorlib as tl
        >>> t, weights = tl.harmonics.zonal_rule(5)
        >>> round(float(weights @ t**2), 12)
        0.2
    """
    _check_degree(d, 0)
    if d > 2000:
        raise ValueError(f"zonal_rule works up to d = 2000, got {d}: use the Gaussian limit there.")
    if nodes < 1:
        raise ValueError(f"zonal_rule needs at least one node on each half, got {nodes}.")
    power = (d - 3) / 2
    s, weights = scipy.special.roots_jacobi(nodes, power, 0.0)
    t = (1 + s) / 2  # in (0, 1), with the factor (1 - t)^power in the weights
    weights = weights * ((1 + t) / 2) ** power
    t, weights = np.concatenate([-t[::-1], t]), np.concatenate([weights[::-1], weights])
    return t, weights / weights.sum()


def zonal_coefficients(
    profile: Callable, d: int, max_degree: int, *, nodes: int = 128
) -> np.ndarray:
    r"""Coefficients of $f(x)=\phi(\beta^\top x)$, $\|\beta\|=1$, in its normalized harmonics.

    $$f=\sum_pc_p\,\sqrt{N(d,p)}\,P_p(\beta^\top x/\sqrt d),\qquad
    c_p=\sqrt{N(d,p)}\;E\big[\phi(\sqrt d\,t)\,P_p(t)\big],$$

    for $x$ uniform on the sphere of radius $\sqrt d$.

    Args:
        profile: $\phi$, a function of arrays; a kink at 0 does no harm.
        d: Dimension, at least 2.
        max_degree: The last degree.
        nodes: Quadrature nodes on each half of the sphere.

    Returns:
        $c_0,\dots,c_{\text{max\_degree}}$ with their signs.

    Raises:
        ValueError: If ``d < 2``, ``max_degree < 0`` or the profile is not finite.

    Examples:
        >>> import taylorlib as tl
        >>> abs(tl.harmonics.zonal_coefficients(lambda z: z, 7, 2)).round(12).tolist()
        [0.0, 1.0, 0.0]
    """
    t, weights = zonal_rule(d, nodes)
    values = _finite(profile(math.sqrt(d) * t), "the profile")
    _check_degree(d, max_degree)
    return np.array(
        [
            math.sqrt(harmonic_dimension(d, p)) * (weights @ (values * P))
            for p, P in enumerate(_legendre_up_to(max_degree, d, t))
        ]
    )


def zonal_energies(profile: Callable, d: int, max_degree: int, *, nodes: int = 128) -> np.ndarray:
    r"""Energy by degree, $\|P_pf\|_{L_2}^2=c_p^2$, of $f(x)=\phi(\beta^\top x)$ with $\|\beta\|=1$.

    The energies of all degrees sum to $E f^2$. If $\phi$ is a polynomial of degree $q$, they
    vanish beyond $q$ and for the other parity.

    Args:
        profile: $\phi$, a function of arrays.
        d: Dimension, at least 2; $x$ is uniform on the sphere of radius $\sqrt d$.
        max_degree: The last degree.
        nodes: Quadrature nodes on each half of the sphere.

    Returns:
        Energies of the degrees $0,\dots,$ ``max_degree``.

    Raises:
        ValueError: As ``zonal_coefficients``.

    Examples:
        >>> import taylorlib as tl
        >>> tl.harmonics.zonal_energies(lambda z: z**2, 4, 3).round(12).tolist()
        [1.0, 0.0, 1.0, 0.0]
    """
    return zonal_coefficients(profile, d, max_degree, nodes=nodes) ** 2


def kernel_eigenvalues(
    profile: Callable, d: int, max_degree: int, *, nodes: int = 128
) -> np.ndarray:
    r"""Eigenvalues of an inner-product kernel on the sphere (Funk and Hecke).

    For $K(x,x')=\kappa(\cos\angle(x,x'))$ the harmonics $H_p$ are an eigenspace,

    $$E_{x'}K(x,x')h(x')=\lambda_ph(x)\quad(h\in H_p),\qquad
    \lambda_p=E\big[\kappa(t)\,P_p(t)\big],\qquad K=\sum_p\lambda_pZ_p .$$

    Args:
        profile: $\kappa$, a function of the cosine.
        d: Dimension, at least 2.
        max_degree: The last degree.
        nodes: Quadrature nodes on each half of the sphere.

    Returns:
        $\lambda_0,\dots,\lambda_{\text{max\_degree}}$.

    Raises:
        ValueError: If ``d < 2``, ``max_degree < 0`` or the profile is not finite.

    Examples:
        >>> import taylorlib as tl
        >>> abs(tl.harmonics.kernel_eigenvalues(lambda t: 1 + 3 * t, 3, 2)).round(12).tolist()
        [1.0, 1.0, 0.0]
    """
    t, weights = zonal_rule(d, nodes)
    values = _finite(profile(t), "the profile")
    _check_degree(d, max_degree)
    return np.array([weights @ (values * P) for P in _legendre_up_to(max_degree, d, t)])


def energy_by_degree(
    x: Float[Array, "n d"], values: Float[Array, "... n"], degrees: Sequence[int]
) -> np.ndarray:
    r"""Unbiased estimate of the energies $\|P_pf\|^2$ of a function known at sample points only.

    $$\frac1{n(n-1)}\sum_{i\ne j}f(x_i)\,Z_p(x_i,x_j)\,f(x_j),\qquad x_i\text{ i.i.d. uniform.}$$

    A U-statistic: it can be negative. Its standard deviation is about
    $\sqrt{2N(d,p)}\,E f^2/n$ where there is no energy.

    Args:
        x: Points, uniform on a sphere around 0 and independent of the function.
        values: $f(x_i)$; several functions in leading axes.
        degrees: The degrees of interest.

    Returns:
        Estimates ``[..., degrees]``.

    Raises:
        ValueError: If there are fewer than two points, the shapes do not fit or a value is not
            finite.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> x = jax.random.normal(jax.random.key(1), (2000, 3))
        >>> x = 3**0.5 * x / jnp.linalg.norm(x, axis=1, keepdims=True)
        >>> abs(tl.harmonics.energy_by_degree(x, x[:, 0], [0, 1])).round().tolist()
        [0.0, 1.0]
    """
    values = _finite(values, "values").astype(np.float64)
    if values.ndim == 0 or values.shape[-1] != len(x) or len(x) < 2:
        raise ValueError(
            f"energy_by_degree needs at least two points and one value for each; got x of shape "
            f"{x.shape} and values of shape {values.shape}."
        )
    n, d = x.shape
    _finite(x, "x")
    _check_degree(d, min(degrees, default=0))
    energies = {}
    for p, P in enumerate(_legendre_up_to(max(degrees, default=0), d, _cosines(x, x))):
        if p in degrees:
            total = ((values @ P) * values).sum(-1) - (values**2).sum(-1)
            energies[p] = harmonic_dimension(d, p) * total / (n * (n - 1))
    return np.stack([energies[p] for p in degrees], axis=-1)


def degree_errors(
    x: Float[Array, "n d"],
    coefficients: Float[Array, "... n"],
    eigenvalues: ArrayLike,
    *,
    direction: Float[Array, " d"],
    target: ArrayLike,
) -> np.ndarray:
    r"""The error of a kernel predictor in every degree, without any test point.

    For $\hat f=\sum_i\alpha_iK(\cdot,x_i)$ with $K=\sum_p\lambda_pZ_p$ and the zonal target
    $f=\sum_pc_p\sqrt{N}P_p(\beta^\top x/\sqrt d)$ the reproducing property gives, exactly,

    $$\|P_p(\hat f-f)\|^2=\lambda_p^2\,\alpha^\top Z_p(X,X)\,\alpha
    -2\lambda_pc_p\sqrt{N(d,p)}\sum_i\alpha_iP_p\big(\cos\angle(\beta,x_i)\big)+c_p^2.$$

    Args:
        x: The training inputs $x_i$.
        coefficients: $\alpha$, or several of them in leading axes, as from
            ``nested_coefficients``.
        eigenvalues: $\lambda_0,\lambda_1,\dots$ from ``kernel_eigenvalues``.
        direction: $\beta$.
        target: $c_0,c_1,\dots$ from ``zonal_coefficients``, as many as eigenvalues.

    Returns:
        Errors ``[..., degrees]``.

    Raises:
        ValueError: If the numbers of degrees or of points differ.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> x = 2**0.5 * jnp.eye(2)  # K = 1 + 2 cos, f = first coordinate, alpha = (1/2, 0)
        >>> errors = tl.harmonics.degree_errors(
        ...     x, jnp.array([0.5, 0.0]), [1, 1], direction=x[0], target=[0, 1])
        >>> errors.round(3).tolist()
        [0.25, 0.086]
    """
    alpha = np.asarray(coefficients)
    eigenvalues, target = np.asarray(eigenvalues), np.asarray(target)
    if eigenvalues.ndim != 1 or eigenvalues.shape != target.shape:
        raise ValueError(
            f"degree_errors needs as many target coefficients as eigenvalues; got shapes "
            f"{target.shape} and {eigenvalues.shape}."
        )
    if alpha.shape[-1] != len(x):
        raise ValueError(
            f"degree_errors needs one coefficient for each point; got coefficients of shape "
            f"{alpha.shape} for {len(x)} points."
        )
    d = x.shape[1]
    top = len(eigenvalues) - 1
    pairs = _legendre_up_to(top, d, _cosines(x, x))
    along = _legendre_up_to(top, d, _cosines(x, np.asarray(direction)[None])[:, 0])
    errors = []
    for p, (eigenvalue, c, P, Q) in enumerate(zip(eigenvalues, target, pairs, along, strict=True)):
        N = harmonic_dimension(d, p)
        square = eigenvalue**2 * N * ((alpha @ P) * alpha).sum(-1)
        cross = eigenvalue * c * math.sqrt(N) * (alpha @ Q)
        errors.append(square - 2 * cross + c**2)
    return np.stack(errors, axis=-1)


def _legendre_up_to(top: int, d: int, t: np.ndarray) -> Iterator[np.ndarray]:
    """P_0(t), P_1(t), ... as ``legendre``, in the precision of ``t`` and without compilation."""
    previous, current = np.zeros_like(t), np.ones_like(t)
    for k in range(top + 1):
        yield current
        following = t if k == 0 else ((2 * k + d - 2) * t * current - k * previous) / (k + d - 2)
        previous, current = current, following


def _cosines(x1: ArrayLike, x2: ArrayLike) -> np.ndarray:
    x1, x2 = np.asarray(x1), np.asarray(x2)
    norms = np.outer(np.linalg.norm(x1, axis=1), np.linalg.norm(x2, axis=1))
    return np.clip(x1 @ x2.T / norms, -1.0, 1.0)


def _check_degree(d: int, p: int) -> None:
    if d < 2:
        raise ValueError(f"harmonics need dimension d >= 2, got d = {d}.")
    if p < 0:
        raise ValueError(f"a degree must be 0 or larger, got {p}.")


def _finite(values: ArrayLike, name: str) -> np.ndarray:
    values = np.asarray(values)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        where = bad[0].tolist()
        raise ValueError(
            f"{name} must be finite, but entry {where} is {values[tuple(where)]}. Remove it first."
        )
    return values
