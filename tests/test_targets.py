"""Targets on the sphere: moments against quadrature, class membership, harmonics."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import eval_gegenbauer, roots_gegenbauer

import taylorlib as tl
from taylorlib.targets import Target, check_class, sphere_moment

dimensions = st.integers(3, 12)
seeds = st.integers(0, 10_000)


def mean_over_sphere(function, d, nodes=40):
    """E function(e.x / |x|) for x uniform on a sphere in d dimensions, by Gauss-Gegenbauer."""
    t, weights = roots_gegenbauer(nodes, (d - 2) / 2)
    return weights @ function(t) / weights.sum()


def mean_over_two_projections(function, d, nodes=30):
    """E function(x_1, x_2) / |x|^... for the first two coordinates of a unit vector in d > 3."""
    t, weights = roots_gegenbauer(nodes, (d - 2) / 2)
    s, inner = roots_gegenbauer(nodes, (d - 3) / 2)
    second = np.sqrt(1 - t[:, None] ** 2) * s
    values = function(np.broadcast_to(t[:, None], second.shape), second)
    return weights @ values @ inner / (weights.sum() * inner.sum())


@given(dimensions, st.integers(0, 12), st.floats(0.2, 5.0))
def test_moments_of_a_projection_agree_with_quadrature(d, p, radius):
    expected = mean_over_sphere(lambda t: (radius * t) ** p, d)
    found = sphere_moment(d, p, radius=radius)
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-11 * radius**p)


def test_moments_tend_to_those_of_a_gaussian():
    assert sphere_moment(10**7, 8) == pytest.approx(105, rel=1e-5)


@given(dimensions, st.integers(1, 7), seeds)
@settings(max_examples=12)
def test_power_targets_have_variance_one_by_quadrature(d, p, seed):
    target = tl.power_target(d, p, key=jax.random.key(seed))
    scale = float(target.coefficients[0])
    assert float(jnp.linalg.norm(target.directions)) == pytest.approx(1, rel=1e-12)

    def values(t):
        return scale * (math.sqrt(d) * t) ** p

    mean = mean_over_sphere(values, d)
    variance = mean_over_sphere(lambda t: (values(t) - mean) ** 2, d)
    assert variance == pytest.approx(1, rel=1e-11)
    assert target.mean == pytest.approx(mean, abs=1e-11)


@given(st.integers(4, 9), st.tuples(st.integers(0, 5), st.integers(0, 5)), seeds)
@settings(max_examples=12)
def test_mean_and_variance_of_two_terms_agree_with_quadrature(d, degrees, seed):
    keys = jax.random.split(jax.random.key(seed))
    target = tl.low_rank_polynomial(d, degrees, key=keys[0], coefficients=[0.7, -0.4])
    first, second = np.asarray(target.directions)
    # Coordinates in which the first direction is the first axis and the second lies in a plane.
    along = second @ first / np.linalg.norm(first)
    across = math.sqrt(max(second @ second - along**2, 0.0))

    def values(t, s):
        a = math.sqrt(d) * np.linalg.norm(first) * t
        b = math.sqrt(d) * (along * t + across * s)
        return 0.7 * a ** degrees[0] - 0.4 * b ** degrees[1]

    mean = mean_over_two_projections(values, d)
    square = mean_over_two_projections(lambda t, s: values(t, s) ** 2, d)
    assert target.mean == pytest.approx(mean, abs=1e-10)
    assert target.variance == pytest.approx(square - mean**2, abs=1e-10)


@given(dimensions, st.integers(1, 8), seeds)
@settings(max_examples=12)
def test_harmonics_are_gegenbauer_polynomials_of_variance_one(d, p, seed):
    key = jax.random.key(seed)
    target = tl.harmonic_target(d, p, key=key)
    x = jax.random.normal(jax.random.key(seed + 1), (20, d))
    x = math.sqrt(d) * x / jnp.linalg.norm(x, axis=1, keepdims=True)
    t = np.asarray(x @ target.directions[0]) / math.sqrt(d)
    count = math.comb(d + p - 1, p) - (math.comb(d + p - 3, p - 2) if p > 1 else 0)
    index = (d - 2) / 2
    expected = math.sqrt(count) * eval_gegenbauer(p, index, t) / eval_gegenbauer(p, index, 1.0)
    np.testing.assert_allclose(target(x), expected, atol=1e-10 * math.sqrt(count))
    assert target.variance == pytest.approx(1, rel=1e-9)
    assert target.mean == pytest.approx(0, abs=1e-10)
    np.testing.assert_array_equal(
        target.directions[0], tl.power_target(d, p, key=key).directions[0]
    )


@given(dimensions, st.lists(st.integers(1, 6), min_size=1, max_size=4), seeds)
@settings(max_examples=12)
def test_members_of_the_class_meet_the_norm_condition_with_equality(d, degrees, seed):
    target = tl.low_rank_polynomial(d, degrees, key=jax.random.key(seed))
    report = check_class(target)
    assert report.belongs
    assert report.rank == len(degrees)
    assert report.degree == max(degrees)
    for beta, p in zip(np.asarray(target.directions), degrees, strict=True):
        square = mean_over_sphere(lambda t, b=beta, p=p: (math.sqrt(d * (b @ b)) * t) ** (2 * p), d)
        assert square == pytest.approx(1, rel=1e-10)
    np.testing.assert_allclose(report.coefficients, 1, rtol=1e-12)


@given(st.floats(0.3, 3.0), st.integers(1, 6))
def test_the_normal_form_does_not_depend_on_where_a_factor_stands(factor, p):
    beta = jnp.array([[0.6, 0.8, 0.0, 0.0]])
    one = Target("one", beta, (p,), jnp.array([0.5]), 2.0)
    other = Target("other", beta * factor, (p,), jnp.array([0.5]) / factor**p, 2.0)
    a, b = check_class(one), check_class(other)
    assert a.largest == pytest.approx(b.largest, rel=1e-11)
    np.testing.assert_allclose(a.lengths, b.lengths, rtol=1e-11)


def test_terms_that_vanish_do_not_count():
    beta = jnp.eye(4)[:2]
    report = check_class(Target("f", beta, (2, 5), jnp.array([0.3, 0.0]), 2.0))
    assert (report.rank, report.degree) == (1, 2)


def test_a_target_may_be_an_argument_of_a_jitted_function():
    target = tl.power_target(5, 3, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (7, 5))
    np.testing.assert_allclose(jax.jit(lambda f, x: f(x))(target, x), target(x), rtol=1e-12)


def test_orthogonal_directions_are_orthogonal():
    target = tl.low_rank_polynomial(6, [2, 4, 4], key=jax.random.key(3), orthogonal=True)
    gram = np.asarray(target.directions @ target.directions.T)
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda k: tl.power_target(1, 2, key=k), "d=1"),
        (lambda k: tl.power_target(5, 0, key=k), r"1\.\.20, got 0"),
        (lambda k: tl.harmonic_target(5, 21, key=k), "got 21"),
        (lambda k: tl.low_rank_polynomial(5, [], key=k), "one coefficient for each degree"),
        (lambda k: tl.low_rank_polynomial(5, [2], key=k, coefficients=[1.5]), r"\[1.5\]"),
        (lambda k: tl.low_rank_polynomial(5, [2], key=k, coefficients=[1, 1]), r"\(2,\)"),
        (lambda k: tl.low_rank_polynomial(2, [2] * 3, key=k, orthogonal=True), "3 orthogonal"),
        (lambda k: sphere_moment(0, 2), "d=0"),
        (lambda k: sphere_moment(4, -1), "power=-1"),
        (lambda k: sphere_moment(4, 2, radius=-1.0), "-1.0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(jax.random.key(0))
