"""The quadratic Taylor model as a learner: gradient, minimum, padding, choice of lambda."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import taylorlib as tl
from taylorlib import activations, quadratic

GATES = ["relu", "constant", activations.gelu]


def problem(n=60, d=4, p=3, seed=0, dtype=None):
    keys = jax.random.split(jax.random.key(seed), 4)
    target = tl.power_target(d, p, key=keys[0])
    x, x_new = (tl.inputs.sphere(n, d, key=k).astype(dtype or float) for k in keys[1:3])
    return x, target(x).astype(x.dtype), x_new, target(x_new).astype(x.dtype)


@pytest.mark.parametrize("gates", GATES, ids=lambda g: g if isinstance(g, str) else g.name)
@given(shape=st.sampled_from([(2, 2, 1), (7, 4, 3), (12, 10, 5)]), seed=st.integers(0, 9999))
@settings(max_examples=6)
def test_gradient_is_that_of_automatic_differentiation(gates, shape, seed):
    n, m, d = shape
    keys = jax.random.split(jax.random.key(seed), 4)
    activation = quadratic.GATES.get(gates, gates) if isinstance(gates, str) else gates
    init = tl.init_two_layer(m, d, key=keys[0])
    W, x = jax.random.normal(keys[1], (m, d)), jax.random.normal(keys[2], (n, d))
    y = jax.random.normal(keys[3], (n,))
    scaled = (activation.derivative(2)(x @ init.W0.T) * init.a / np.sqrt(m)).T
    value, gradient = quadratic.objective_and_gradient(scaled, W, x, y, jnp.full(n, 1 / n), 0.3)
    plain = tl.quadratic_objective(activation, tl.losses.square, weight=0.3)
    expected, derivative = jax.jit(jax.value_and_grad(plain, argnums=1))(init, W, x, y)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(gradient, derivative, atol=1e-12 * float(jnp.abs(derivative).max()))


@pytest.mark.parametrize("gates", ["relu", "constant"])
def test_minimum_agrees_with_a_trust_region_newton_method(gates):
    x, y, _, _ = problem(n=25, d=3)
    fit = tl.fit_quadratic(
        x, y, key=jax.random.key(1), gates=gates, m=12, regularizer=0.01, iterations=3000
    )
    objective = tl.quadratic_objective(fit.activation, tl.losses.square, weight=0.01)

    def value(flat):
        return objective(fit.init, jnp.asarray(flat).reshape(fit.W.shape), x, y)

    gradient, hessian = jax.jit(jax.grad(value)), jax.jit(jax.hessian(value))
    near = np.asarray(fit.W).ravel() * 1.02  # so that the other method has work to do
    other = minimize(value, near, jac=gradient, hess=hessian, method="trust-exact", tol=1e-10)
    assert fit.objectives[-1] == pytest.approx(float(value(fit.W.ravel())), rel=1e-12)
    assert fit.objectives[-1] == pytest.approx(other.fun, rel=1e-7)
    # a minimum and not a saddle
    assert np.linalg.eigvalsh(hessian(fit.W.ravel())).min() > -1e-5


def test_every_budget_is_kept_and_more_iterations_lower_the_objective():
    x, y, _, _ = problem()
    fits = [
        tl.fit_quadratic(x, y, key=jax.random.key(1), m=20, regularizer=1e-4, iterations=k)
        for k in (5, 20, 80)
    ]
    values = [fit.objectives[0] for fit in fits]
    assert values == sorted(values, reverse=True)
    assert fits[0].evaluations < 20 < fits[1].evaluations < 60 < fits[2].evaluations


@pytest.mark.parametrize("gates", ["relu", "constant"])
def test_padding_changes_nothing(gates):
    x, y, x_new, _ = problem(n=40)
    settings = {"key": jax.random.key(2), "gates": gates, "m": 20, "iterations": (10, 20)}
    plain = tl.fit_quadratic(x, y, **settings)
    padded = tl.fit_quadratic(x, y, pad_to=64, **settings)
    np.testing.assert_array_equal(plain.init.W0, padded.init.W0)
    np.testing.assert_allclose(plain.W, padded.W, atol=1e-9)
    np.testing.assert_allclose(plain.predict(x_new), padded.predict(x_new), atol=1e-9)
    assert plain.objectives == pytest.approx(padded.objectives, rel=1e-10)


def test_sizes_up_to_the_padding_share_one_compilation():
    x, y, _, _ = problem(n=50, dtype=jnp.float32)
    for n in (50, 20):
        tl.fit_quadratic(x[:n], y[:n], key=jax.random.key(0), m=22, iterations=(3, 3), pad_to=50)
        if n == 50:
            compiled = quadratic.objective_and_gradient._cache_size()
    assert quadratic.objective_and_gradient._cache_size() == compiled


def test_weights_count_samples():
    x, y, x_new, _ = problem(n=30)
    settings = {"key": jax.random.key(2), "m": 20, "iterations": (10, 20)}
    twice = jnp.concatenate([x, x[:10]]), jnp.concatenate([y, y[:10]])
    weights = jnp.where(jnp.arange(30) < 10, 2.0, 1.0)
    a = tl.fit_quadratic(*twice, **settings)
    b = tl.fit_quadratic(x, y, weights=weights, **settings)
    np.testing.assert_allclose(a.predict(x_new), b.predict(x_new), atol=1e-8)


def test_regularizer_is_the_best_of_the_path_on_held_out_samples():
    x, y, x_new, y_new = problem(n=40, p=4)
    noisy = y + 0.5 * jax.random.normal(jax.random.key(9), y.shape)
    path = (3.0, 1e-2, 1e-6)
    fit = tl.fit_quadratic(
        x, noisy, key=jax.random.key(3), regularizer=path, iterations=(40, 80, 300),
        x_held=x_new, y_held=y_new,
    )  # fmt: skip
    best = int(np.argmin(fit.held_errors))
    assert best == 1  # neither end of the path
    assert fit.regularizer == path[best]
    error = float(((fit.predict(x_new) - y_new) ** 2).mean())
    assert error == pytest.approx(min(fit.held_errors), rel=1e-12)
    last = tl.fit_quadratic(
        x, noisy, key=jax.random.key(3), regularizer=path, iterations=(40, 80, 300)
    )
    assert last.regularizer == path[-1]
    assert last.held_errors is None
    # the warm path is the same with and without held-out samples
    assert last.objectives == fit.objectives


def test_gradient_descent_reaches_the_minimum_of_lbfgs():
    x, y, x_new, _ = problem(n=80, d=3, p=2)
    settings = {"key": jax.random.key(4), "gates": "constant", "m": 30, "regularizer": 1e-3}
    best = tl.fit_quadratic(x, y, iterations=500, **settings)
    for steps, tolerance in ((50, None), (20_000, 1e-6)):
        found = tl.descend_quadratic(x, y, steps=steps, **settings)
        excess = found.objectives[0] / best.objectives[0] - 1
        assert excess > -1e-9
        assert tolerance is None or excess < tolerance
    np.testing.assert_allclose(found.predict(x_new), best.predict(x_new), atol=1e-4)


def test_one_step_of_descent_is_the_gradient_times_root_m():
    x, y, _, _ = problem(n=20)
    settings = {"key": jax.random.key(4), "m": 16, "regularizer": 0.1}
    one, two = (tl.descend_quadratic(x, y, steps=k, learning_rate=0.1, **settings) for k in (1, 2))
    objective = tl.quadratic_objective(one.activation, tl.losses.square, weight=0.1)
    step = 0.1 * 4 * jax.grad(objective, argnums=1)(one.init, one.W, x, y)
    np.testing.assert_allclose(two.W, one.W - step, atol=1e-12)


@pytest.mark.parametrize(("p", "gates"), [(2, "constant"), (2, "relu"), (3, "relu"), (4, "relu")])
def test_powers_are_learnt_from_enough_samples(p, gates):
    x, y, x_new, y_new = problem(n=600, d=5, p=p, dtype=jnp.float32)
    fit = tl.fit_quadratic(x, y, key=jax.random.key(5), gates=gates, m=200)
    assert float(((fit.predict(x_new) - y_new) ** 2).mean()) < 0.03


def test_dtype_is_that_of_the_inputs():
    x, y, _, _ = problem(n=10, dtype=jnp.float32)
    fit = tl.fit_quadratic(x, y, key=jax.random.key(0), m=4, iterations=(2, 2))
    assert {fit.W.dtype, fit.init.W0.dtype, fit.predict(x).dtype} == {np.dtype("float32")}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": jnp.ones(9)}, r"\(10, 3\) and \(9,\)"),
        ({"x": jnp.ones((1, 3)), "y": jnp.ones(1)}, "n=1"),
        ({"x": jnp.full((10, 3), jnp.nan)}, "x holds values that are not finite"),
        ({"y": jnp.full(10, jnp.inf)}, "y holds values that are not finite"),
        ({"x": jnp.ones((10, 3), int)}, "x must hold floats"),
        ({"gates": "step"}, "'step'"),
        ({"gates": activations.relu}, "relu has no derivative of order 2"),
        ({"regularizer": -1.0, "iterations": 5}, r"\[-1.0\]"),
        ({"regularizer": (1.0, 0.1), "iterations": 5}, "got 1 and 2"),
        ({"regularizer": 1.0, "iterations": 0}, r"\[0\]"),
        ({"weights": -jnp.ones(10)}, "non-negative"),
        ({"weights": jnp.ones(3)}, r"\(3,\) for 10"),
        ({"pad_to": 9}, "pad_to=9"),
        ({"start": 0.0}, "saddle"),
        ({"m": 5}, "m=5"),
        ({"x_held": jnp.ones((5, 3))}, "both x_held and y_held"),
        ({"x_held": jnp.ones((5, 4)), "y_held": jnp.ones(5)}, "dimension 4, the others 3"),
    ],
)
def test_bad_input_is_named(changes, message):
    given = {"x": jnp.ones((10, 3)), "y": jnp.ones(10), "m": 4, "key": jax.random.key(0)}
    given |= changes
    with pytest.raises(ValueError, match=message):
        tl.fit_quadratic(given.pop("x"), given.pop("y"), **given)


def test_a_descent_that_diverges_is_an_error():
    x, y, _, _ = problem(n=10)
    with pytest.raises(ValueError, match="learning_rate=1000"):
        tl.descend_quadratic(x, y, key=jax.random.key(0), m=4, steps=100, learning_rate=1000)
    with pytest.raises(ValueError, match="got 0"):
        tl.descend_quadratic(x, y, key=jax.random.key(0), m=4, steps=0)
