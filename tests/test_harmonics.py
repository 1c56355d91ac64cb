"""Dimension, addition theorem, reproducing property, Funk-Hecke, energies by degree."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib import harmonics

dims = st.integers(2, 12)
degrees = st.integers(0, 7)


def cloud(seed, n, d):
    """Uniform on the sphere of radius sqrt(d)."""
    x = np.random.default_rng(seed).standard_normal((n, d))
    return jnp.asarray(math.sqrt(d) * x / np.linalg.norm(x, axis=1, keepdims=True))


def exact_sphere(degree):
    """Points of S^2, radius sqrt(3), and weights: exact for polynomials up to that degree."""
    z, w = np.polynomial.legendre.leggauss(degree // 2 + 1)
    angle = 2 * np.pi * np.arange(degree + 1) / (degree + 1)
    z, angle = (v.ravel() for v in np.meshgrid(z, angle, indexing="ij"))
    r = np.sqrt(1 - z**2)
    weights = np.repeat(w / 2, degree + 1) / (degree + 1)
    return jnp.asarray(
        math.sqrt(3) * np.stack([r * np.cos(angle), r * np.sin(angle), z], 1)
    ), weights


@given(d=dims, p=degrees)
def test_harmonics_of_degree_p_p_minus_2_and_so_on_are_all_homogeneous_polynomials(d, p):
    total = sum(tl.harmonic_dimension(d, q) for q in range(p, -1, -2))
    assert total == math.comb(d + p - 1, p)
    assert tl.harmonic_dimension(d, 2) == (d - 1) * (d + 2) // 2


@given(d=st.integers(3, 300), p=degrees)
def test_legendre_is_the_gegenbauer_polynomial_with_value_one_at_one(d, p):
    t = np.linspace(-1, 1, 21)
    reference = scipy.special.eval_gegenbauer(p, d / 2 - 1, t)
    reference /= scipy.special.eval_gegenbauer(p, d / 2 - 1, 1.0)
    np.testing.assert_allclose(tl.legendre(p, d)(t), reference, rtol=0, atol=1e-13)


@given(p=degrees)
def test_legendre_of_dimension_two_is_chebyshevs(p):
    angle = np.linspace(0, np.pi, 21)
    np.testing.assert_allclose(tl.legendre(p, 2)(np.cos(angle)), np.cos(p * angle), atol=1e-13)


@settings(max_examples=8)
@given(d=st.integers(2, 6), p=degrees)
def test_extended_homogeneously_a_zonal_polynomial_is_harmonic(d, p):
    polynomial = tl.legendre(p, d)

    def extended(x):
        r = jnp.linalg.norm(x)
        return r**p * polynomial(x[0] / r)

    x = jnp.asarray(np.random.default_rng(p).standard_normal(d))
    second = np.diag(jax.hessian(extended)(x))
    assert abs(second.sum()) < 1e-11 * (1 + abs(second).sum())


@pytest.mark.parametrize("d", [2, 3, 4, 9, 40, 200, 2000])
def test_zonal_polynomials_are_orthogonal_with_norm_one_over_dimension(d):
    t, weights = harmonics.zonal_rule(d)
    P = np.stack([np.asarray(tl.legendre(p, d)(t)) for p in range(8)])
    scale = np.array([math.sqrt(tl.harmonic_dimension(d, p)) for p in range(8)])
    gram = (P * weights) @ P.T * np.outer(scale, scale)
    np.testing.assert_allclose(gram, np.eye(8), atol=1e-11)


@pytest.mark.parametrize("d", [2, 3, 8, 50])
def test_rule_integrates_a_kink_at_zero_exactly(d):
    t, weights = harmonics.zonal_rule(d, 48)
    mean = math.gamma(d / 2) / math.gamma((d + 1) / 2) / math.sqrt(math.pi)
    assert abs(weights @ abs(t) - mean) < 1e-13


@given(d=st.integers(2, 5), p=st.integers(0, 4), seed=st.integers(0, 9))
@settings(max_examples=15)
def test_addition_theorem_the_kernel_is_a_sum_of_dimension_many_squares(d, p, seed):
    N = tl.harmonic_dimension(d, p)
    x = cloud(seed, N + 12, d)
    eigenvalues = np.linalg.eigvalsh(np.asarray(tl.harmonic_kernel(x, x, p)))[::-1]
    assert eigenvalues[N - 1] > 1e-7 * eigenvalues[0]
    assert abs(eigenvalues[N:]).max() < 1e-12 * eigenvalues[0]
    # the sum of the N squares is N at every point
    np.testing.assert_allclose(np.diag(tl.harmonic_kernel(x, x, p)), N, rtol=1e-12)


@pytest.mark.parametrize("p", range(5))
@pytest.mark.parametrize("q", range(5))
def test_kernels_reproduce_their_own_degree_and_kill_the_others(p, q):
    points, weights = exact_sphere(8)
    x = cloud(0, 6, 3)
    product = (tl.harmonic_kernel(x, points, p) * weights) @ tl.harmonic_kernel(points, x, q)
    expected = tl.harmonic_kernel(x, x, p) if p == q else np.zeros((6, 6))
    np.testing.assert_allclose(product, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["relu", "gelu"])
def test_funk_hecke_eigenvalues_agree_with_monte_carlo(name):
    d, n = 6, 400_000
    kernel = tl.first_layer_ntk(getattr(tl.activations, name))

    def profile(t):
        first = np.eye(1, d)
        other = np.stack([t, np.sqrt(1 - t**2), *np.zeros((d - 2, len(t)))], 1)
        return kernel(jnp.asarray(first), jnp.asarray(other))[0]

    eigenvalues = tl.kernel_eigenvalues(profile, d, 4)
    x = cloud(1, n, d)
    t = np.asarray(x[:, 0]) / math.sqrt(d)
    values = np.asarray(profile(t))
    for p, eigenvalue in enumerate(eigenvalues):
        # E_x' K(x, x') h(x') = eigenvalue h(x) for h = P_p(first coordinate), x the first axis
        sample = values * np.asarray(tl.legendre(p, d)(t))
        assert abs(sample.mean() - eigenvalue) < 4 * sample.std() / math.sqrt(n)
    if name == "relu":  # the only odd degree is 1
        assert abs(eigenvalues[3]) < 1e-9
    assert eigenvalues[1] > 0


@given(d=dims, coefficients=st.lists(st.floats(-2, 2), min_size=1, max_size=6))
def test_eigenvalues_sum_to_the_kernel(d, coefficients):
    profile = np.polynomial.Polynomial(coefficients)
    top = len(coefficients) - 1
    eigenvalues = tl.kernel_eigenvalues(profile, d, top)
    t = np.linspace(-1, 1, 9)
    total = sum(
        e * tl.harmonic_dimension(d, p) * tl.legendre(p, d)(t) for p, e in enumerate(eigenvalues)
    )
    np.testing.assert_allclose(total, profile(t), atol=1e-11)


@given(d=dims, coefficients=st.lists(st.floats(-2, 2), min_size=1, max_size=6))
def test_energies_of_a_polynomial_sum_to_its_second_moment_and_end_at_its_degree(d, coefficients):
    profile = np.polynomial.Polynomial(coefficients)
    t, weights = harmonics.zonal_rule(d)
    energies = tl.zonal_energies(profile, d, 8)
    second = weights @ profile(math.sqrt(d) * t) ** 2
    np.testing.assert_allclose(energies.sum(), second, rtol=1e-11, atol=1e-12)
    assert abs(energies[len(coefficients) :]).max() < 1e-12 * (1 + second)


@given(d=dims, p=st.integers(1, 6))
def test_top_energy_of_a_power_follows_from_the_leading_coefficient(d, p):
    energies = tl.zonal_energies(lambda z: z**p, d, p)
    leading = math.prod((2 * k + d - 2) / (k + d - 2) for k in range(1, p))
    expected = d**p / leading**2 / tl.harmonic_dimension(d, p)
    np.testing.assert_allclose(energies[p], expected, rtol=1e-11)
    assert (energies[p - 1 :: -2] < 1e-20 * d**p).all()  # the other parity


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_estimated_energy_is_unbiased(degree):
    # uniform over a regular 12-gon, which integrates all products here exactly; n = 2
    angle = 2 * np.pi * np.arange(12) / 12
    x = math.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], 1)
    values = 0.3 + np.cos(angle) - 2 * np.sin(2 * angle) + 0.5 * np.cos(3 * angle)
    estimates = [
        tl.energy_by_degree(jnp.asarray(x[[i, j]]), values[[i, j]], [degree])[0]
        for i in range(12)
        for j in range(12)
    ]
    energy = [0.3**2, 1 / 2, 4 / 2, 0.25 / 2][degree]
    np.testing.assert_allclose(np.mean(estimates), energy, rtol=1e-12)


def test_estimated_energies_of_a_sample_agree_with_quadrature():
    d, runs = 5, 16
    profile = lambda z: np.maximum(z, 0) + 0.2 * z**3  # noqa: E731
    exact = tl.zonal_energies(profile, d, 3)
    found = []
    for seed in range(runs):
        x = cloud(seed, 800, d)
        values = profile(np.asarray(x[:, 2]))
        found.append(tl.energy_by_degree(x, values, range(4)))
        both = tl.energy_by_degree(x, np.stack([values, 2 * values]), range(4))
        np.testing.assert_allclose(both, np.outer([1, 4], found[-1]), rtol=1e-9, atol=1e-9)
    error = np.std(found, axis=0, ddof=1) / math.sqrt(runs)
    assert (abs(np.mean(found, axis=0) - exact) < 3.5 * error).all()


def test_errors_by_degree_are_those_of_the_predictor_on_the_sphere():
    d = 3
    profile = np.polynomial.Polynomial([0.5, 1.0, 0.7, -0.4])
    target = np.polynomial.Polynomial([0.1, -1.0, 0.3, 0.2])
    eigenvalues = tl.kernel_eigenvalues(profile, d, 4)
    coefficients = harmonics.zonal_coefficients(target, d, 4)
    beta = np.array([2.0, -1.0, 2.0]) / 3
    x = cloud(2, 7, d)
    alpha = np.random.default_rng(3).standard_normal((2, 7))
    errors = harmonics.degree_errors(
        x, alpha, eigenvalues, direction=jnp.asarray(beta), target=coefficients
    )
    points, weights = exact_sphere(8)
    difference = alpha @ profile(np.asarray(x @ points.T) / d) - target(np.asarray(points) @ beta)
    for p in range(5):
        projected = (difference * weights) @ np.asarray(tl.harmonic_kernel(points, points, p))
        np.testing.assert_allclose(errors[:, p], projected**2 @ weights, atol=1e-11)
    np.testing.assert_allclose(errors.sum(-1), difference**2 @ weights, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tl.harmonic_dimension(1, 2), "d >= 2, got d = 1"),
        (lambda: tl.harmonic_dimension(3, -1), "0 or larger, got -1"),
        (lambda: tl.legendre(2, 1), "d >= 2, got d = 1"),
        (lambda: harmonics.zonal_rule(3000), "up to d = 2000, got 3000"),
        (lambda: harmonics.zonal_rule(4, 0), "at least one node on each half, got 0"),
        (lambda: tl.zonal_energies(np.log, 4, 2), "entry .* is nan"),
        (lambda: tl.kernel_eigenvalues(lambda t: t, 4, -1), "0 or larger, got -1"),
        (lambda: tl.energy_by_degree(jnp.ones((1, 3)), np.ones(1), [0]), "at least two points"),
        (lambda: tl.energy_by_degree(jnp.eye(3), np.ones(2), [0]), r"values of shape \(2,\)"),
        (
            lambda: tl.energy_by_degree(jnp.eye(2), np.array([0.0, np.inf]), [0]),
            r"values must be finite, but entry \[1\] is inf",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in log")
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_degree_errors_refuse_unequal_numbers():
    x = jnp.eye(3)
    with pytest.raises(ValueError, match="as many target coefficients as eigenvalues"):
        harmonics.degree_errors(x, np.ones(3), [1, 1], direction=x[0], target=[1])
    with pytest.raises(ValueError, match="one coefficient for each point"):
        harmonics.degree_errors(x, np.ones(2), [1], direction=x[0], target=[1])
