"""Teacher networks are members of the class: identities to rounding, truncation errors."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import roots_gegenbauer

import taylorlib as tl
from taylorlib import activations
from taylorlib.teachers import analytic_teacher, deep_teacher, polynomial_teacher

seeds = st.integers(0, 10_000)
coefficients = st.lists(st.floats(-1, 1).filter(lambda c: abs(c) > 1e-3), min_size=1, max_size=5)


def layer(k, d, seed):
    keys = jax.random.split(jax.random.key(seed), 3)
    weights = jax.random.normal(keys[0], (k, d)) / math.sqrt(d)
    return weights, jax.random.normal(keys[1], (k,)), jax.random.normal(keys[2], (k,))


def polynomial(c, t):
    return sum(value * t**power for power, value in enumerate(c))


@given(st.integers(1, 4), st.integers(2, 6), coefficients, seeds)
@settings(max_examples=10)
def test_a_polynomial_teacher_equals_its_rewriting(k, d, q, seed):
    weights, biases, output = layer(k, d, seed)
    x = tl.inputs.sphere(20, d, key=jax.random.key(seed + 1))
    network = polynomial(q, x @ weights.T + biases) @ output
    target = polynomial_teacher(weights, biases, output, q)
    np.testing.assert_allclose(target(x), network, atol=1e-12 * (1 + float(jnp.abs(network).max())))
    report = tl.check_class(target)
    assert report.rank <= k * (len(q) - 1) + 1
    assert report.degree <= len(q) - 1


@pytest.mark.parametrize(("h", "inner", "outer"), [(2, 2, 2), (2, 3, 2), (3, 2, 2), (1, 2, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_a_three_layer_teacher_equals_its_rewriting(h, inner, outer, seed):
    rng = np.random.default_rng(seed)
    d, k = 5, 2
    weights, biases, _ = layer(h, d, seed)
    q, Q = rng.normal(size=inner + 1), rng.normal(size=outer + 1)
    mixing, shifts, output = rng.normal(size=(k, h)), rng.normal(size=k), rng.normal(size=k)
    x = tl.inputs.sphere(20, d, key=jax.random.key(seed))
    hidden = polynomial(q, x @ weights.T + biases)
    network = polynomial(Q, hidden @ mixing.T + shifts) @ output
    target = deep_teacher(weights, biases, q, mixing, shifts, Q, output)
    assert max(target.degrees) == inner * outer
    size = float(jnp.abs(network).max())
    np.testing.assert_allclose(target(x), network, atol=1e-12 * max(size, 1) * 10)
    terms = sum(math.comb(h + n - 1, n) for n in range(1, inner * outer + 1)) + 1
    assert len(target.degrees) <= terms


def test_the_number_of_terms_of_a_homogeneous_quartic_in_two_projections_is_five():
    square, one = [0.0, 0.0, 1.0], jnp.ones(1)
    target = deep_teacher(
        jnp.eye(4)[:2], jnp.zeros(2), square, jnp.ones((1, 2)), 0 * one, square, one
    )
    assert target.degrees == (4,) * 5


def test_the_error_of_an_analytic_teacher_is_its_distance_on_the_sphere():
    d, degree = 6, 5
    weights, biases, output = layer(1, d, 3)
    found = analytic_teacher(weights, biases, output, activations.gelu, degree)
    t, at = roots_gegenbauer(200, (d - 2) / 2)
    at = at / at.sum()
    direction = weights[0] / jnp.linalg.norm(weights[0])
    x = math.sqrt(d) * jnp.asarray(t)[:, None] * direction  # only the projection matters
    network = activations.gelu(x @ weights.T + biases) @ output
    gap = np.asarray(network - found.target(x))
    assert found.error_bound == pytest.approx(math.sqrt(at @ gap**2), rel=1e-6)
    # the best polynomial: what is left is orthogonal to all powers up to the degree
    for power in range(degree + 1):
        assert abs(at @ (gap * t**power)) < 1e-12


def test_the_error_bound_adds_neurons():
    weights, biases, output = layer(3, 6, 0)
    found = analytic_teacher(weights, biases, output, activations.tanh, 4)
    x = tl.inputs.sphere(4000, 6, key=jax.random.key(5))
    network = activations.tanh(x @ weights.T + biases) @ output
    error = float(jnp.sqrt(((network - found.target(x)) ** 2).mean()))
    assert error <= found.error_bound
    assert found.error_bound == pytest.approx(np.abs(output) @ found.neuron_errors)


def test_the_error_falls_at_the_rate_of_the_nearest_pole():
    d = 9
    degrees = np.arange(1, 16, 2)
    errors = [
        analytic_teacher(
            jnp.eye(d)[:1], jnp.zeros(1), jnp.ones(1), activations.tanh, int(p)
        ).error_bound
        for p in degrees
    ]
    slope = np.polyfit(degrees[-4:], np.log(errors[-4:]), 1)[0]
    y = math.pi / (2 * math.sqrt(d))
    rate = math.log(y + math.sqrt(1 + y**2))
    # algebraic factors in the degree change the local rate by O(1/degree)
    assert slope == pytest.approx(-rate, rel=0.35)
    assert np.all(np.diff(errors) < 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: polynomial_teacher(jnp.eye(3), jnp.ones(2), jnp.ones(3), [1.0]), r"\(2,\)"),
        (lambda: polynomial_teacher(jnp.eye(3), jnp.ones(3), jnp.ones(3), [0.0]), "not 0"),
        (
            lambda: analytic_teacher(
                jnp.eye(3), jnp.ones(3), jnp.ones(3), activations.tanh, 21
            ),
            "got 21",
        ),
        (
            lambda: deep_teacher(
                jnp.eye(3), jnp.ones(3), [0, 1], jnp.ones((1, 2)), jnp.ones(1), [0, 1], jnp.ones(1)
            ),
            "each of 3 neurons",
        ),
        (
            lambda: deep_teacher(
                jnp.eye(6), jnp.ones(6), [0, 0, 1], jnp.ones((1, 6)), jnp.ones(1), [0, 0, 1],
                jnp.ones(1),
            ),
            "degree 4 in 6 projections",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
