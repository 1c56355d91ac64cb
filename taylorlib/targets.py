r"""Low-rank polynomials $f(x)=\sum_s\alpha_s(\beta_s^\top x)^{p_s}$ as targets on the sphere.

With few terms such a function sees a few projections of its input only. All inputs here have
norm $B_x$ and are uniform on their sphere, where every moment of a projection is known:

$$E(\beta^\top x)^p=\frac{(p-1)!!\,(B_x\|\beta\|)^p}{d(d+2)\cdots(d+p-2)}\quad(p\text{ even}),\qquad
0\quad(p\text{ odd}),$$

the moment of a Gaussian of the same second moment, $(p-1)!!\,(B_x\|\beta\|/\sqrt d)^p$, times
$d^{p/2}/\big(d(d+2)\cdots(d+p-2)\big)\le1$. So means, variances and norms are computed here and
never estimated.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from taylorlib import draws

__all__ = [
    "ClassReport",
    "Target",
    "check_class",
    "harmonic_target",
    "low_rank_polynomial",
    "power_target",
    "sphere_moment",
]

MAX_DEGREE = 20
"""Higher powers are refused: their standard deviation exceeds what float32 resolves."""


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["directions", "coefficients"],
    meta_fields=["name", "degrees", "input_norm"],
)
@dataclass(frozen=True)
class Target:
    r"""The function $f(x)=\sum_s\alpha_s(\beta_s^\top x)^{p_s}$ on the sphere of radius $B_x$.

    Calling it evaluates it at inputs ``x[n, d]``. It is a tree of arrays, so it may be an
    argument of a jitted function; the degrees are part of its structure.

    Attributes:
        name: What it is, in words.
        directions: $\beta_s$, ``[r, d]``.
        degrees: $p_s\ge0$.
        coefficients: $\alpha_s$, ``[r]``.
        input_norm: $B_x$.
    """

    name: str
    directions: Float[Array, "r d"]
    degrees: tuple[int, ...]
    coefficients: Float[Array, " r"]
    input_norm: float

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        """The values ``f(x)[n]``."""
        return _evaluate(self, x)

    @property
    def mean(self) -> float:
        r"""$E f(x)$, exactly, for $x$ uniform on the sphere."""
        d = self.directions.shape[1]
        lengths = np.linalg.norm(np.asarray(self.directions, float), axis=1)
        moments = [
            sphere_moment(d, p, radius=self.input_norm) * b**p
            for b, p in zip(lengths, self.degrees, strict=True)
        ]
        return float(np.asarray(self.coefficients, float) @ np.array(moments))

    @property
    def variance(self) -> float:
        r"""$\mathrm{Var}f(x)$, exactly, for $x$ uniform on the sphere."""
        alpha = np.asarray(self.coefficients, float)
        return float(alpha @ self._product_moments() @ alpha - self.mean**2)

    def standardized(self) -> "Target":
        """The same function divided by its standard deviation; it is not centred."""
        deviation = math.sqrt(self.variance)
        return replace(self, coefficients=self.coefficients / deviation)

    def _product_moments(self) -> np.ndarray:
        r"""The matrix of $E(\beta_s^\top x)^{p_s}(\beta_t^\top x)^{p_t}$."""
        beta = np.asarray(self.directions, float)
        d = beta.shape[1]
        lengths = np.linalg.norm(beta, axis=1)
        cosines = np.clip(beta @ beta.T / np.outer(lengths, lengths), -1, 1)
        r = len(self.degrees)
        found = np.zeros((r, r))
        for s, t in np.ndindex(r, r):
            p, q = self.degrees[s], self.degrees[t]
            if (p + q) % 2:
                continue
            # For Gaussians by Mehler's formula; a homogeneous function of x = |x| x/|x| differs
            # on the sphere by the moment of |x|, which is independent of x/|x|.
            both = zip(_hermite_parts(p), _hermite_parts(q), strict=False)
            gaussian = sum(a * b * cosines[s, t] ** j for j, (a, b) in enumerate(both))
            scale = (self.input_norm / math.sqrt(d)) ** (p + q) * lengths[s] ** p * lengths[t] ** q
            found[s, t] = gaussian * scale * _sphere_over_gaussian(d, p + q)
        return found


@jax.jit
def _evaluate(target: Target, x: Array) -> Array:
    projections = x @ target.directions.T
    powers = [projections[:, s] ** p for s, p in enumerate(target.degrees)]
    return jnp.stack(powers, axis=-1) @ target.coefficients


class ClassReport(NamedTuple):
    r"""A target in the normal form $\sum_s\alpha_s(\beta_s^\top x)^{p_s}$, all powers of norm 1.

    Attributes:
        rank: $r_\star$, the number of terms that are not zero.
        degree: $p=\max_sp_s$.
        lengths: $\|\beta_s\|$ for which $\|(\beta_s^\top x)^{p_s}\|_{L_2}=1$, ``[r]``.
        coefficients: The $\alpha_s$ that go with them, ``[r]``.
        largest: $\max_s|\alpha_s|$. Divided by it, the target belongs to the class.
        belongs: Whether ``largest`` is at most 1 (up to 1e-6, for float32).
    """

    rank: int
    degree: int
    lengths: np.ndarray
    coefficients: np.ndarray
    largest: float
    belongs: bool


def sphere_moment(d: int, power: int, *, radius: float | None = None) -> float:
    r"""The moment $E(\beta^\top x)^p$ for a unit vector $\beta$, $x$ uniform on a sphere.

    Args:
        d: Dimension, at least 1.
        power: $p\ge0$.
        radius: Of the sphere, $\sqrt d$ if None.

    Returns:
        $(p-1)!!\,B^p/\big(d(d+2)\cdots(d+p-2)\big)$ for even $p$ and 0 for odd $p$.

    Raises:
        ValueError: If ``d`` is below 1, ``power`` is negative, or ``radius`` is not positive.

    Examples:
        >>> import taylorlib as tl
        >>> tl.targets.sphere_moment(10, 2), round(tl.targets.sphere_moment(10, 4), 6)
        (1.0, 2.5)
        >>> round(tl.targets.sphere_moment(10**6, 4), 4)  # a Gaussian has 3
        3.0
    """
    if d < 1 or power < 0:
        raise ValueError(f"d must be positive and power not negative, got d={d}, power={power}.")
    radius = _checked_norm(radius, d)
    if power % 2:
        return 0.0
    gaussian = math.prod(range(1, power, 2)) * (radius / math.sqrt(d)) ** power
    return gaussian * _sphere_over_gaussian(d, power)


def power_target(d: int, p: int, *, key: Array) -> Target:
    r"""A power $(\beta^\top x)^p$ of a random projection, divided by its standard deviation.

    $\beta$ is uniform on the unit sphere and $\|x\|=\sqrt d$. The function is not centred. For
    $p\ge3$ it is far from a pure harmonic: at $p=4$ most of its variance is of degree 2.

    Args:
        d: Dimension, at least 2.
        p: Degree, from 1 to ``MAX_DEGREE``.
        key: A JAX random key, for $\beta$.

    Returns:
        A ``Target`` of variance 1.

    Raises:
        ValueError: If ``d`` or ``p`` is out of range.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> target = tl.power_target(9, 4, key=jax.random.key(0))
        >>> target.degrees, round(target.variance, 5)
        ((4,), 1.0)
    """
    beta = _unit_vectors(d, [p], key, smallest=1)
    return Target(f"power {p}", jnp.asarray(beta), (p,), jnp.ones(1), math.sqrt(d)).standardized()


def harmonic_target(d: int, p: int, *, key: Array) -> Target:
    r"""The harmonic $\sqrt{N(d,p)}\,P_p(\beta^\top x/\sqrt d)$ of a random direction.

    $P_p$ is the Legendre polynomial of dimension $d$ with $P_p(1)=1$, and $N(d,p)$ the number
    of harmonics of degree $p$. The function has variance 1 and is orthogonal to all polynomials
    of lower degree. As a polynomial of one projection it has the form of the low-rank class.

    Args:
        d: Dimension, at least 2.
        p: Degree, from 1 to ``MAX_DEGREE``.
        key: A JAX random key, for $\beta$; the same key gives ``power_target`` the same $\beta$.

    Returns:
        A ``Target`` with one term for each of the powers $p,p-2,\dots$

    Raises:
        ValueError: If ``d`` or ``p`` is out of range.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> target = tl.harmonic_target(9, 4, key=jax.random.key(0))
        >>> target.degrees, round(target.variance, 5), abs(target.mean) < 1e-6
        ((4, 2, 0), 1.0, True)
    """
    beta = _unit_vectors(d, [p], key, smallest=1)
    degrees = tuple(range(p, -1, -2))
    legendre = _legendre_coefficients(p, d)
    dimension = math.comb(d + p - 1, p) - (math.comb(d + p - 3, p - 2) if p >= 2 else 0)
    alpha = np.array([legendre[q] / d ** (q / 2) for q in degrees]) * math.sqrt(dimension)
    beta = jnp.asarray(np.broadcast_to(beta, (len(degrees), d)))
    return Target(f"harmonic {p}", beta, degrees, jnp.asarray(alpha, beta.dtype), math.sqrt(d))


def low_rank_polynomial(
    d: int,
    degrees: Sequence[int],
    *,
    key: Array,
    coefficients: Sequence[float] | None = None,
    orthogonal: bool = False,
) -> Target:
    r"""A member of the class: $|\alpha_s|\le1$ and $\|(\beta_s^\top x)^{p_s}\|_{L_2}=1$.

    The directions are random, their lengths those of the norm condition for $x$ uniform on the
    sphere of radius $\sqrt d$: $\|\beta_s\|^{2p_s}=1/E(e^\top x)^{2p_s}$ with a unit vector $e$.

    Args:
        d: Dimension, at least 2.
        degrees: $p_s$, from 0 to ``MAX_DEGREE``.
        key: A JAX random key, for the directions.
        coefficients: $\alpha_s$ in $[-1,1]$; all 1 if None.
        orthogonal: Draw orthogonal directions instead of independent ones.

    Returns:
        A ``Target``; ``standardized()`` divides it by its standard deviation.

    Raises:
        ValueError: If ``d`` or a degree is out of range, a coefficient is above 1 in size, the
            numbers of degrees and coefficients differ, or more than ``d`` directions are to be
            orthogonal.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> target = tl.low_rank_polynomial(9, [4, 3], key=jax.random.key(0))
        >>> report = tl.targets.check_class(target)
        >>> report.rank, report.degree, report.belongs
        (2, 4, True)
    """
    degrees = tuple(int(p) for p in degrees)
    alpha = np.ones(len(degrees)) if coefficients is None else np.asarray(coefficients, float)
    if len(degrees) == 0 or alpha.shape != (len(degrees),):
        raise ValueError(
            f"one coefficient for each degree: got degrees {degrees} and coefficients of shape "
            f"{alpha.shape}."
        )
    if not (np.abs(alpha) <= 1).all():
        raise ValueError(
            f"the class has |alpha_s| <= 1, got {alpha.tolist()}. Divide the target by the "
            f"largest of them."
        )
    if orthogonal and len(degrees) > d:
        raise ValueError(f"there are no {len(degrees)} orthogonal directions in dimension {d}.")
    beta = _unit_vectors(d, degrees, key, smallest=0)
    if orthogonal:
        beta = np.linalg.qr(np.asarray(beta).T)[0].T
    lengths = [sphere_moment(d, 2 * p) ** (-1 / (2 * p)) if p else 1.0 for p in degrees]
    beta = jnp.asarray(beta * np.asarray(lengths, beta.dtype)[:, None])
    name = "low-rank polynomial of degrees " + ", ".join(map(str, degrees))
    return Target(name, beta, degrees, jnp.asarray(alpha, beta.dtype), math.sqrt(d))


def check_class(target: Target) -> ClassReport:
    r"""Bring a target into the normal form of the class and report its numbers.

    In $\alpha(\beta^\top x)^p$ a factor may be moved between $\alpha$ and $\beta$. The smallest
    $|\alpha|$ that the norm condition allows is $\|\alpha(\beta^\top x)^p\|_{L_2}$.

    Args:
        target: The terms; its directions are not merged.

    Returns:
        A ``ClassReport``.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> target = tl.power_target(9, 4, key=jax.random.key(0))
        >>> report = tl.targets.check_class(target)
        >>> report.belongs, round(report.largest, 3)  # its mean makes its norm exceed 1
        (False, 1.097)
    """
    alpha = np.asarray(target.coefficients, float)
    beta = np.linalg.norm(np.asarray(target.directions, float), axis=1)
    d = target.directions.shape[1]
    norms = np.array(
        [
            math.sqrt(sphere_moment(d, 2 * p, radius=target.input_norm)) * b**p
            for b, p in zip(beta, target.degrees, strict=True)
        ]
    )
    lengths = [
        b * norm ** (-1 / p) if p else b
        for b, norm, p in zip(beta, norms, target.degrees, strict=True)
    ]
    used = alpha * norms != 0
    degrees = [p for p, keep in zip(target.degrees, used, strict=True) if keep]
    largest = float(np.abs(alpha * norms).max())
    return ClassReport(
        int(used.sum()),
        max(degrees, default=0),
        np.array(lengths),
        alpha * norms,
        largest,
        largest <= 1 + 1e-6,
    )


def _unit_vectors(d: int, degrees: Sequence[int], key: Array, smallest: int) -> np.ndarray:
    if d < 2:
        raise ValueError(f"a target needs dimension d at least 2, got d={d}.")
    for p in degrees:
        if not smallest <= p <= MAX_DEGREE:
            raise ValueError(f"degrees must lie in {smallest}..{MAX_DEGREE}, got {p}.")
    beta = draws.normal(key, (len(degrees), d))
    return beta / (beta * beta).sum(axis=1, keepdims=True) ** 0.5


def _checked_norm(radius: float | None, d: int) -> float:
    if radius is None:
        return math.sqrt(d)
    if not (math.isfinite(radius) and radius > 0):
        raise ValueError(f"radius must be a positive number, got {radius}.")
    return radius


def _sphere_over_gaussian(d: int, degree: int) -> float:
    r"""$d^k/\big(d(d+2)\cdots(d+2k-2)\big)$ for a homogeneous function of degree $2k$."""
    return math.prod(d / (d + 2 * i) for i in range(degree // 2))


def _hermite_parts(p: int) -> list[float]:
    r"""$E[g^ph_j(g)]$ for $j=0..p$, $h_j$ the orthonormal Hermite polynomials."""
    parts = []
    for j in range(p + 1):
        half = (p - j) // 2
        value = math.factorial(p) / (2**half * math.factorial(half) * math.sqrt(math.factorial(j)))
        parts.append(0.0 if (p - j) % 2 else value)
    return parts


def _legendre_coefficients(p: int, d: int) -> np.ndarray:
    """Coefficients of the Legendre polynomial of dimension d, lowest power first."""
    previous, current = np.polynomial.Polynomial([0.0]), np.polynomial.Polynomial([1.0])
    t = np.polynomial.Polynomial([0.0, 1.0])
    for q in range(p):
        if q == 0:
            previous, current = current, t
        else:
            following = ((2 * q + d - 2) * t * current - q * previous) / (q + d - 2)
            previous, current = current, following
    return np.pad(current.coef, (0, p + 1 - len(current.coef)))
