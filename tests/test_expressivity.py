"""Explicit solutions: exact in the mean, with the predicted norm and the predicted error."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import eval_hermitenorm

import taylorlib as tl
from taylorlib import activations
from taylorlib.expressivity import explicit_solution, gate_coefficient, hermite, mean_error

SINE = activations.sine()


@given(st.integers(0, 12), st.floats(-5, 5))
def test_hermite_polynomials_are_the_orthonormal_ones(q, t):
    expected = eval_hermitenorm(q, t) / math.sqrt(math.factorial(q))
    assert float(hermite(q)(t)) == pytest.approx(expected, rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_coefficients_of_a_sine_gate_are_known(order):
    # E sin(g + phi) h_q(g) = e^(-1/2) sin(phi + q pi/2) / sqrt(q!)
    for q in range(7):
        phase = math.pi / 4 + (order + q) * math.pi / 2
        expected = math.exp(-0.5) * math.sin(phase) / math.sqrt(math.factorial(q))
        assert gate_coefficient(SINE, q, order=order) == pytest.approx(expected, rel=1e-11)


def test_the_relu_gate_has_one_odd_degree():
    found = [gate_coefficient(activations.cubic_relu, q) for q in range(9)]
    expected = [1 / math.sqrt(2 * math.pi), 0.5, 1 / (2 * math.sqrt(math.pi))]
    np.testing.assert_allclose(found[:3], expected, rtol=1e-12)
    assert [q for q in range(9) if found[q] == 0] == [3, 5, 7]


def population_mean(target, activation, order, point, nodes):
    """E_(W0) of the order-k model of the explicit solution, by Gauss-Hermite in the plane.

    One pair for every node of the rule; the pairs, of equal weight in a network, are weighted.
    """
    t, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = np.outer(weights, weights).ravel() / weights.sum() ** 2
    beta = target.directions[0] / jnp.linalg.norm(target.directions[0])
    along = point / jnp.linalg.norm(point)
    across = beta - (beta @ along) * along
    across = across / jnp.linalg.norm(across)
    first, second = (g.ravel()[:, None] for g in np.meshgrid(t, t, indexing="ij"))
    w0 = (first * along + second * across) / target.input_norm
    signs = jnp.concatenate([jnp.ones(len(w0)), -jnp.ones(len(w0))])
    init = tl.TwoLayerInit(jnp.concatenate([w0, w0]), signs)
    W = explicit_solution(init, target, activation, order=order).W
    gates = activation.derivative(order)(init.W0 @ point)
    neurons = signs * gates * (W @ point) ** order / math.factorial(order)
    pairs = neurons.reshape(2, -1).sum(axis=0) / math.sqrt(2 * len(w0))
    return len(w0) * float(weights @ pairs)


@pytest.mark.parametrize(("p", "order"), [(4, 2), (3, 3), (4, 3)])
def test_the_mean_over_initializations_is_the_target(p, order):
    target = tl.power_target(3, p, key=jax.random.key(p))
    for point in tl.inputs.sphere(4, 3, key=jax.random.key(7)):
        found = population_mean(target, SINE, order, point, 40)
        assert found == pytest.approx(float(target(point[None])[0]), abs=1e-10)


@pytest.mark.parametrize("degrees", [(4,), (4, 3), (2, 4, 3), (1,), (0, 2)])
@pytest.mark.parametrize("activation", [SINE, activations.cubic_relu], ids=["sine", "relu gate"])
def test_norm_and_error_of_the_explicit_solution_are_as_predicted(degrees, activation):
    d, m, draws = 5, 4000, 12
    target = tl.low_rank_polynomial(d, degrees, key=jax.random.key(1))
    x = tl.inputs.sphere(1000, d, key=jax.random.key(2))
    term = jax.jit(tl.two_layer_term(activation, 2))
    errors, norms, means = [], [], []
    for key in jax.random.split(jax.random.key(3), draws):
        init = tl.init_two_layer(m, d, key=key, input_norm=math.sqrt(d))
        star = explicit_solution(init, target, activation)
        assert float(star.norm_power) == pytest.approx(float(tl.mixed_norm(star.W, 4) ** 4))
        norms.append(float(star.norm_power) / star.predicted_norm_power)
        means.append(term(init, star.W, x) - target(x))
        errors.append(float((means[-1] ** 2).mean()))
    spread = np.std(norms, ddof=1) / math.sqrt(draws)
    assert abs(np.mean(norms) - 1) < 4 * spread + 1e-9
    assert spread < 0.09  # so a factor 2 or r would be seen
    # unbiased: the average of the draws has an error smaller by their number
    bias = float((jnp.stack(means).mean(axis=0) ** 2).mean())
    assert bias < 3 * np.mean(errors) / draws
    if min(degrees) >= 2:
        predicted = mean_error(target, activation, m)
        spread = np.std(errors, ddof=1) / math.sqrt(draws)
        assert abs(np.mean(errors) - predicted) < 4 * spread
        assert spread < 0.35 * predicted


def test_the_norm_formula_of_one_term():
    d, p, alpha = 4, 4, 0.7
    beta = jnp.array([[0.0, 2.0, 0.0, 0.0]])
    target = tl.Target("f", beta, (p,), jnp.array([alpha]), 3.0)
    init = tl.init_two_layer(10, d, key=jax.random.key(0), input_norm=3.0)
    star = explicit_solution(init, target, SINE)
    c = gate_coefficient(SINE, p - 2)
    expected = 8 * alpha**2 * (3.0 * 2.0) ** (2 * (p - 2)) * 2.0**4 / c**2
    assert star.predicted_norm_power == pytest.approx(expected, rel=1e-12)
    third = explicit_solution(init, target, SINE, order=3)
    c = gate_coefficient(SINE, 1, order=3)
    expected = 2 * 36 * alpha**2 * (3.0 * 2.0) ** 2 * 2.0**6 / c**2
    assert third.predicted_norm_power == pytest.approx(expected, rel=1e-12)


@given(st.integers(1, 6))
@settings(max_examples=4)
def test_the_norm_grows_as_the_square_of_the_rank(r):
    d = 6
    target = tl.low_rank_polynomial(d, [4] * r, key=jax.random.key(r), orthogonal=True)
    one = tl.low_rank_polynomial(d, [4], key=jax.random.key(0))
    init = tl.init_two_layer(120, d, key=jax.random.key(0), input_norm=math.sqrt(d))
    ratio = (
        explicit_solution(init, target, SINE).predicted_norm_power
        / explicit_solution(init, one, SINE).predicted_norm_power
    )
    assert ratio == pytest.approx(r**2, rel=1e-9)


def test_only_one_neuron_of_a_pair_moves_and_its_sign_is_that_of_g():
    d = 4
    target = tl.power_target(d, 3, key=jax.random.key(0))
    init = tl.init_two_layer(50, d, key=jax.random.key(1), input_norm=2.0)
    W = explicit_solution(init, target, activations.cubic_relu).W
    moved = np.asarray(jnp.linalg.norm(W, axis=1) > 0)
    assert (moved[:25] ^ moved[25:]).all()
    positive = np.asarray(init.W0[:25] @ target.directions[0]) > 0  # h_1 is the identity
    np.testing.assert_array_equal(moved[:25], positive)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i, t: explicit_solution(i._replace(a=jnp.ones(8)), t, SINE), "symmetric"),
        (lambda i, t: explicit_solution(i, t, activations.cubic_relu), "degree 5 of the target"),
        (lambda i, t: explicit_solution(i, t, SINE, order=6), "from 6 on here, got degree 5"),
        (lambda i, t: explicit_solution(i, t, SINE, order=0), "got 0"),
        (lambda i, t: mean_error(t, SINE, 8, order=6), r"got \[5\]"),
        (lambda i, t: hermite(-1), "-1"),
    ],
)
def test_bad_input_is_named(call, message):
    init = tl.init_two_layer(8, 4, key=jax.random.key(0), input_norm=2.0)
    with pytest.raises(ValueError, match=message):
        call(init, tl.power_target(4, 5, key=jax.random.key(1)))


def test_unequal_dimensions_and_too_few_pairs_are_named():
    init = tl.init_two_layer(4, 4, key=jax.random.key(0), input_norm=2.0)
    with pytest.raises(ValueError, match="dimension 5, the initialization 4"):
        explicit_solution(init, tl.power_target(5, 4, key=jax.random.key(1)), SINE)
    many = tl.low_rank_polynomial(4, [4] * 3, key=jax.random.key(1))
    with pytest.raises(ValueError, match="3 groups of pairs"):
        explicit_solution(init, many, SINE)
