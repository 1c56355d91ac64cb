r"""Teacher networks rewritten as low-rank polynomials.

A teacher whose activations are polynomials is a polynomial of the projections $v_j^\top x$ onto
its first-layer weights. Powers of one projection are terms of the class as they stand; products
of several are sums of powers of combined projections, because the powers $(u^\top y)^n$ span the
homogeneous polynomials of degree $n$ in $y$. An analytic activation is first replaced by its
best polynomial on the sphere.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.linalg import qr
from scipy.special import eval_gegenbauer, gegenbauer, roots_gegenbauer

from taylorlib.activations import Activation
from taylorlib.targets import Target

__all__ = ["AnalyticTeacher", "analytic_teacher", "deep_teacher", "polynomial_teacher"]

_NODES = 400


class AnalyticTeacher(NamedTuple):
    r"""A teacher with analytic activation and its polynomial approximation.

    Attributes:
        target: The member of the class (after division by its ``check_class(...).largest``).
        neuron_errors: $L_2$ error of each neuron's polynomial, ``[k]``, before its weight.
        error_bound: $\sum_j|a_j|$ times these: a bound on the teacher's $L_2$ error.
    """

    target: Target
    neuron_errors: np.ndarray
    error_bound: float


def polynomial_teacher(
    weights: Float[Array, "k d"],
    biases: Float[Array, " k"],
    output: Float[Array, " k"],
    polynomial: Sequence[float],
) -> Target:
    r"""The teacher $\sum_ja_jq(v_j^\top x+b_j)$ with a polynomial activation $q$.

    Args:
        weights: $v_j$.
        biases: $b_j$.
        output: $a_j$.
        polynomial: Coefficients of $q$, lowest power first.

    Returns:
        A ``Target`` with at most $k\deg q+1$ terms: every power of every projection, and one
        constant.

    Raises:
        ValueError: If the shapes do not fit or $q$ has no term.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> teacher = tl.teachers.polynomial_teacher(
        ...     jnp.eye(3)[:1], jnp.array([1.0]), jnp.array([1.0]), [0.0, 0.0, 1.0]
        ... )
        >>> teacher.degrees, teacher.coefficients.tolist()  # (x_1 + 1)^2
        ((2, 1, 0), [1.0, 2.0, 1.0])
    """
    v, b, a = _layer(weights, biases, output)
    q = np.polynomial.Polynomial(np.asarray(polynomial, float))
    if not np.any(q.coef):
        raise ValueError(
            f"the activation needs a coefficient that is not 0, got {list(polynomial)}."
        )
    shifted = [q(np.polynomial.Polynomial([shift, 1.0])).coef for shift in b]
    return _sum_of_powers(v, a, shifted, "polynomial teacher")


def analytic_teacher(
    weights: Float[Array, "k d"],
    biases: Float[Array, " k"],
    output: Float[Array, " k"],
    activation: Activation,
    degree: int,
) -> AnalyticTeacher:
    r"""The teacher $\sum_ja_j\sigma(v_j^\top x+b_j)$ up to a degree in each projection.

    The polynomial of a neuron is the projection of $t\mapsto\sigma(\|v_j\|\sqrt d\,t+b_j)$ on
    degrees up to ``degree`` under the law of a projection of the sphere, so it is the best one
    in $L_2$. If $\sigma$ is analytic the error falls geometrically in the degree, at the rate of
    the largest ellipse with foci $\pm1$ that contains no singularity.

    Args:
        weights: $v_j$; inputs lie on the sphere of radius $\sqrt d$.
        biases: $b_j$.
        output: $a_j$.
        activation: $\sigma$.
        degree: From 0 to 20.

    Returns:
        An ``AnalyticTeacher``.

    Raises:
        ValueError: If the shapes do not fit, $d<3$, or the degree is out of range.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> one = jnp.ones(1)
        >>> errors = [
        ...     tl.teachers.analytic_teacher(
        ...         jnp.eye(9)[:1], 0 * one, one, tl.activations.tanh, p
        ...     ).error_bound
        ...     for p in (1, 3, 5)
        ... ]
        >>> [bool(b < a / 2) for a, b in zip(errors, errors[1:])]
        [True, True]
    """
    v, b, a = _layer(weights, biases, output)
    d = v.shape[1]
    if not 0 <= degree <= 20 or d < 3:
        raise ValueError(f"degree must lie in 0..20 and d be at least 3, got {degree} and d={d}.")
    index = (d - 2) / 2
    t, at = roots_gegenbauer(_NODES, index)
    at = at / at.sum()
    basis = np.stack([eval_gegenbauer(q, index, t) for q in range(degree + 1)])
    norms = (basis**2) @ at
    monomials = [np.asarray(gegenbauer(q, index).coef)[::-1] for q in range(degree + 1)]
    parts, errors = [], []
    for weight, shift in zip(v, b, strict=True):
        reach = math.sqrt(d) * np.linalg.norm(weight)
        with jax.enable_x64(True):
            values = np.asarray(activation(jnp.asarray(reach * t + shift)))
        c = (basis * values) @ at / norms
        errors.append(math.sqrt(((values - c @ basis) ** 2) @ at))
        powers = np.zeros(degree + 1)
        for q, coefficient in enumerate(c):
            powers[: q + 1] += coefficient * monomials[q]
        parts.append(powers / reach ** np.arange(degree + 1))
    target = _sum_of_powers(v, a, parts, f"{activation.name} teacher up to degree {degree}")
    return AnalyticTeacher(target, np.array(errors), float(np.abs(a) @ errors))


def deep_teacher(
    weights: Float[Array, "h d"],
    biases: Float[Array, " h"],
    inner: Sequence[float],
    mixing: Float[Array, "k h"],
    mixing_biases: Float[Array, " k"],
    outer: Sequence[float],
    output: Float[Array, " k"],
) -> Target:
    r"""The teacher $\sum_ia_iQ\big(\sum_jA_{ij}q(v_j^\top x+b_j)+e_i\big)$ of three layers.

    It is a polynomial of degree $\deg q\deg Q$ in $h$ projections. Each homogeneous part of
    degree $n$ becomes a sum of $\binom{h+n-1}n$ powers.

    Args:
        weights: $v_j$, linearly independent or not.
        biases: $b_j$.
        inner: Coefficients of $q$, lowest power first.
        mixing: $A$.
        mixing_biases: $e_i$.
        outer: Coefficients of $Q$, lowest power first.
        output: $a_i$.

    Returns:
        A ``Target``. Its number of terms grows like $h^{\deg q\deg Q}$.

    Raises:
        ValueError: If the shapes do not fit, or there are so many terms that it would take
            more than 10^5 candidate directions.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> square, one = [0.0, 0.0, 1.0], jnp.ones(1)
        >>> teacher = tl.teachers.deep_teacher(
        ...     jnp.eye(3)[:2], jnp.zeros(2), square, jnp.ones((1, 2)), 0 * one, square, one
        ... )  # (x_1^2 + x_2^2)^2
        >>> round(float(teacher(jnp.array([[1.0, 2.0, 5.0]]))[0]), 3)
        25.0
    """
    v, b, _ = _layer(weights, biases, biases)
    A, e, a = _layer(mixing, mixing_biases, output)
    h = len(v)
    if A.shape[1] != h:
        raise ValueError(f"mixing must have one column for each of {h} neurons, got {A.shape}.")
    variables = [_power_of_one(j, h) for j in range(h)]
    hidden = [
        _compose(inner, _add({(0,) * h: shift}, variable))
        for shift, variable in zip(b, variables, strict=True)
    ]
    total: dict[tuple[int, ...], float] = {}
    for row, shift, factor in zip(A, e, a, strict=True):
        mixed = {(0,) * h: float(shift)}
        for c, p in zip(row, hidden, strict=True):
            mixed = _add(mixed, p, c)
        total = _add(total, _compose(outer, mixed), factor)
    return _powers_of_combinations(total, v)


def _layer(weights, biases, output):
    v, b, a = (np.asarray(value, float) for value in (weights, biases, output))
    if v.ndim != 2 or b.shape != (len(v),) or a.shape != (len(v),):
        raise ValueError(
            f"a layer needs weights [k, d], biases [k] and outputs [k], got {v.shape}, {b.shape} "
            f"and {a.shape}."
        )
    return v, b, a


def _sum_of_powers(v, a, parts, name) -> Target:
    """sum_j a_j sum_l parts[j][l] (v_j.x)^l, with one constant for all neurons."""
    directions, degrees, coefficients, constant = [], [], [], 0.0
    for weight, factor, part in zip(v, a, parts, strict=True):
        constant += factor * part[0]
        for power in range(len(part) - 1, 0, -1):
            if factor * part[power] != 0:
                directions.append(weight)
                degrees.append(power)
                coefficients.append(factor * part[power])
    return _target(name, directions, degrees, coefficients, constant, v[0])


def _target(name, directions, degrees, coefficients, constant, any_direction) -> Target:
    if constant != 0 or not degrees:
        directions, degrees = [*directions, any_direction], [*degrees, 0]
        coefficients = [*coefficients, constant]
    beta, alpha = jnp.asarray(np.array(directions)), jnp.asarray(np.array(coefficients))
    return Target(name, beta, tuple(degrees), alpha, math.sqrt(beta.shape[1]))


def _power_of_one(j: int, h: int) -> dict:
    return {tuple(int(i == j) for i in range(h)): 1.0}


def _add(p: dict, q: dict, factor: float = 1.0) -> dict:
    found = defaultdict(float, p)
    for powers, c in q.items():
        found[powers] += factor * c
    return dict(found)


def _compose(coefficients: Sequence[float], p: dict) -> dict:
    """The polynomial with these coefficients, of the polynomial p, by Horner's rule."""
    zero = (0,) * len(next(iter(p)))
    found: dict = {}
    for c in reversed(list(coefficients)):
        product: defaultdict = defaultdict(float)
        for (one, a), (other, b) in itertools.product(found.items(), p.items()):
            product[tuple(i + j for i, j in zip(one, other, strict=True))] += a * b
        found = _add(dict(product), {zero: float(c)})
    return found


def _powers_of_combinations(polynomial: dict, v: np.ndarray) -> Target:
    h = v.shape[0]
    by_degree: defaultdict = defaultdict(dict)
    for powers, c in polynomial.items():
        by_degree[sum(powers)][powers] = c
    directions, degrees, coefficients = [], [], []
    for n in sorted(by_degree, reverse=True):
        part = by_degree[n]
        if n == 0 or not any(part.values()):
            continue
        exponents = [e for e in itertools.product(range(n + 1), repeat=h) if sum(e) == n]
        u, matrix = _spanning_powers(exponents, n, h)
        alpha = np.linalg.solve(matrix, [part.get(e, 0.0) for e in exponents])
        directions += list(u @ v)
        degrees += [n] * len(u)
        coefficients += list(alpha)
    constant = by_degree[0].get((0,) * h, 0.0)
    return _target("three-layer teacher", directions, degrees, coefficients, constant, v[0])


def _spanning_powers(exponents, n, h):
    """Directions u whose powers (u.y)^n span degree n, and the matrix of their coefficients."""
    if (2 * n + 1) ** h > 1e5:
        raise ValueError(
            f"degree {n} in {h} projections has too many terms for this construction: take "
            f"fewer neurons in the first layer or lower degrees."
        )
    grid = np.array([u for u in itertools.product(range(-n, n + 1), repeat=h) if any(u)], float)
    grid /= np.linalg.norm(grid, axis=1, keepdims=True)
    multinomials = [math.factorial(n) / math.prod(math.factorial(i) for i in e) for e in exponents]
    columns = np.array(
        [c * np.prod(grid**e, axis=1) for c, e in zip(multinomials, exponents, strict=True)]
    )
    # Pivoting picks directions whose powers are far from dependent.
    chosen = qr(columns / np.sqrt(multinomials)[:, None], pivoting=True, mode="r")[1][
        : len(exponents)
    ]
    return grid[chosen], columns[:, chosen]
