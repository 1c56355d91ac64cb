"""The theorems' bounds are never violated; the dual bound lies below every movement."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib import activations, certificates, losses

seeds = st.integers(0, 10_000)


def draw(m, d, n, seed, sizes=(1.0, 1.0)):
    keys = jax.random.split(jax.random.key(seed), 4)
    init = tl.init_two_layer(m, d, key=keys[0])
    W, V = jax.random.normal(keys[1], (2, m, d)) * jnp.array(sizes)[:, None, None]
    x = jax.random.normal(keys[2], (n, d))
    x /= jnp.linalg.norm(x, axis=1, keepdims=True)
    return init, W, V, x, jax.random.rademacher(keys[3], (n,), float)


def descended(objective, W, steps=300, rate=0.3):
    """Points from a start down to a nearly stationary point."""
    step = jax.jit(lambda W: W - rate * jax.grad(objective)(W))
    points = [W]
    for i in range(steps):
        W = step(W)
        if i in (9, 49, steps - 1):
            points.append(W)
    return points


@pytest.mark.parametrize("power", [4, 8])
@pytest.mark.parametrize("loss", [losses.square, losses.logistic], ids=lambda loss: loss.name)
@pytest.mark.parametrize("seed", range(3))
def test_bound_of_the_quadratic_model_holds_along_descent(power, loss, seed):
    init, W, V, x, y = draw(8, 3, 6, seed, (0.7, 0.8))
    L = tl.quadratic_objective(activations.gelu, loss, weight=0.02, power=power)
    certify = tl.certify_quadratic(activations.gelu, loss, weight=0.02, power=power)
    for point in descended(lambda W: L(init, W, x, y), W, rate=0.8 / power**2):
        for competitor in (V, 0.3 * V, W, 0 * W):
            found = certify(init, point, competitor, x, y)
            assert found.objective <= found.bound * (1 + 1e-12)


@pytest.mark.parametrize("power", [4, 8])
def test_dual_bound_is_attained_where_descent_ends(power):
    init, W, _, x, y = draw(16, 2, 6, 3, (0.7, 1.0))
    y = 0.3 * y
    L = tl.quadratic_objective(activations.sine(), losses.square, weight=0.05, power=power)
    W = descended(lambda W: L(init, W, x, y), W, steps=20_000, rate=0.2)[-1]
    found = tl.certify_quadratic(activations.sine(), losses.square, weight=0.05, power=power)(
        init, W, W, x, y
    )
    assert found.gradient_norm < 1e-5
    assert found.smallest_eigenvalue > -1e-4
    gap = found.objective - tl.dual_bound(
        activations.sine(), losses.square, weight=0.05, power=power
    )(init, W, x, y)
    # The objective is .03; the gap is of the order of the squared gradient over the curvature.
    assert 0 <= float(gap) < 1e-7


@pytest.mark.parametrize("seed", range(2))
def test_bound_of_the_network_holds_along_descent(seed):
    init, W, V, x, y = draw(6, 2, 4, seed, (0.5, 0.6))
    N = tl.landscape.exact_coupled_objective(activations.sine(), losses.log_cosh, weight=0.02)
    certify = tl.certify_network(activations.sine(), losses.log_cosh, smoothness=1.0, weight=0.02)
    for point in descended(lambda W: N(init, W, x, y), W, steps=60):
        for competitor in (V, 0 * W):
            found = certify(init, point, competitor, x, y)
            assert found.objective <= found.bound


def test_certificate_reports_gradient_and_dense_eigenvalue():
    init, W, V, x, y = draw(4, 2, 5, 0)
    L = tl.quadratic_objective(activations.gelu, losses.square, weight=0.1)
    found = tl.certify_quadratic(activations.gelu, losses.square, weight=0.1)(init, W, V, x, y)
    gradient = jax.grad(L, argnums=1)(init, W, x, y)
    hessian = jax.hessian(L, argnums=1)(init, W, x, y).reshape(8, 8)
    assert found.objective == pytest.approx(float(L(init, W, x, y)), rel=1e-12)
    assert found.gradient_norm == pytest.approx(float(jnp.linalg.norm(gradient)), rel=1e-10)
    assert found.smallest_eigenvalue == pytest.approx(np.linalg.eigvalsh(hessian)[0], rel=1e-6)
    # The bound, term by term.
    a, b = tl.mixed_norm(W, 4), tl.mixed_norm(V, 4)
    K = (activations.gelu.derivative(2)(x @ init.W0.T) ** 2).max()
    rows = jnp.linalg.norm(gradient, axis=1)
    orthogonal = (0.4 ** (1 / 3) * rows ** (2 / 3) * (V**2).sum(axis=1)).sum()
    price = jnp.minimum(0.1 * (6 * a**2 * b**2 - a**4 - b**4), orthogonal)
    bound = L(init, V, x, y) + price + K / 8 * a**2 * b**2
    bound += found.gradient_norm * jnp.linalg.norm(W) / 2
    bound += max(0.0, -found.smallest_eigenvalue) * (V**2).sum() / 2
    assert found.bound == pytest.approx(float(bound), rel=1e-10)


def test_given_signs_that_are_all_signs_give_the_exact_certificate():
    init, W, V, x, y = draw(4, 2, 3, 1)
    certify = tl.certify_network(activations.sine(), losses.log_cosh, smoothness=1.0)
    every = jnp.array([[(-1.0) ** (i >> r & 1) for r in range(4)] for i in range(16)])
    one, two = certify(init, W, V, x, y), certify(init, W, V, x, y, every)
    np.testing.assert_allclose(one, two, rtol=1e-8)


def test_network_slack_is_the_sum_of_its_six_terms():
    A, B, C, m = 1.3, 0.7, 2.0, 25
    terms = [
        3 * C**2 * A**2,
        C**2 * B**2,
        C * A * B**2,
        C * A**2 * B**2 / 2,
        C * A**4 / 4,
        C * B**4 / 12,
    ]
    assert certificates.network_slack(A, B, m, smoothness=C) == pytest.approx(
        sum(terms) / 10, rel=1e-12
    )


@given(a=st.floats(0.01, 5), b=st.floats(0.01, 5))
def test_regularizer_costs_at_most_9_and_2401_times_the_competitors_norm(a, b):
    # L + lambda a^p <= L_star + lambda (slack + b^p): the forms 9 b^4 and 2401 b^8.
    assert certificates.regularizer_slack(a, b, 4) + b**4 <= (9 - 1e-9) * b**4 + 1e-9
    assert certificates.regularizer_slack(a, b, 8) + b**8 <= 2401 * b**8 * (1 + 1e-12)


def test_the_constants_9_less_and_2401_are_attained():
    assert certificates.regularizer_slack(math.sqrt(3), 1.0, 4) + 1 == pytest.approx(9.0)
    assert certificates.regularizer_slack(math.sqrt(7), 1.0, 8) + 1 == pytest.approx(2401.0)


@pytest.mark.parametrize("power", [4, 8])
@pytest.mark.parametrize("loss", [losses.square, losses.logistic], ids=lambda loss: loss.name)
@settings(max_examples=6)
@given(seed=seeds, size=st.floats(0.1, 3))
def test_dual_bound_lies_below_every_movement(power, loss, seed, size):
    init, W, V, x, y = draw(6, 2, 5, seed, (size, 1.0))
    bound = tl.dual_bound(activations.gelu, loss, weight=0.05, power=power)(init, W, x, y)
    L = tl.quadratic_objective(activations.gelu, loss, weight=0.05, power=power)
    for movement in (0 * W, W, V, 0.3 * V):
        assert float(bound) <= float(L(init, movement, x, y)) + 1e-12


@pytest.mark.parametrize("power", [4, 8])
def test_dual_bound_meets_the_optimum_where_the_relaxation_is_exact(power):
    # One input e, one neuron with a > 0: minimize (w^2 / 2 - y)^2 / 2 + weight |w|^p over w.
    init = tl.TwoLayerInit(jnp.zeros((1, 1)), jnp.ones(1))
    x, y = jnp.ones((1, 1)), jnp.array([2.0])
    L = tl.quadratic_objective(activations.quadratic, losses.square, weight=0.05, power=power)
    W = jnp.array([[1.0]])
    for _ in range(60):  # Newton
        g = jax.grad(L, argnums=1)(init, W, x, y)
        h = jax.hessian(L, argnums=1)(init, W, x, y).reshape(1, 1)
        W = W - g / h
    bound = tl.dual_bound(activations.quadratic, losses.square, weight=0.05, power=power)
    np.testing.assert_allclose(bound(init, W, x, y), L(init, W, x, y), rtol=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: tl.certify_network(activations.gelu, losses.square, smoothness=1.0),
            "square has inf",
        ),
        (lambda: tl.dual_bound(activations.gelu, losses.square, weight=0.0), "got 0.0"),
        (lambda: tl.dual_bound(activations.gelu, losses.square, weight=1, power=2), "got 2"),
        (lambda: certificates.regularizer_slack(1.0, 1.0, 2), "got 2"),
    ],
)
def test_bad_arguments_are_refused_with_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
