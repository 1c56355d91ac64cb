"""The neural tangent hierarchy: its tensors, its equation of motion, its truncations."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import taylorlib as tl

SINE = tl.activations.sine()


@functools.cache
def problem(m, symmetric):
    keys = jax.random.split(jax.random.key(3), 3)
    init = tl.init_two_layer(m, 3, key=keys[0], symmetric=symmetric)
    x = tl.inputs.sphere(5, 3, key=keys[1], radius=1.0)
    return init, x[:3], jax.random.normal(keys[2], (3,)), x[3:]


@pytest.mark.parametrize("k", [2, 3, 4])
def test_closed_form_is_the_nested_derivative(k):
    init, *_ = problem(4, False)
    keys = jax.random.split(jax.random.key(0), 5)
    W = jax.random.normal(keys[0], (4, 3))
    xs = [jax.random.normal(key, (1 + i % 2, 3)) for i, key in enumerate(keys[1 : k + 1])]
    model = functools.partial(tl.two_layer(SINE), init)
    nested = jax.jit(tl.hierarchy_kernel(model, k))(W, *xs)
    closed = jax.jit(tl.two_layer_hierarchy(SINE, k))(init, W, *xs)
    assert closed.shape == tuple(len(x) for x in xs)
    # A dozen products in float64.
    np.testing.assert_allclose(closed, nested, rtol=1e-11, atol=1e-13)


def test_order_two_is_the_tangent_kernel():
    init, x, _, x_test = problem(16, False)
    W = 0.3 * init.W0[::-1]
    found = tensor_function(2)(init, W, x_test, x)
    np.testing.assert_allclose(found, tl.two_layer_ntk(SINE)(init, W, x_test, x), rtol=1e-12)


@functools.cache
def tensor_function(k):
    return jax.jit(tl.two_layer_hierarchy(SINE, k))


@pytest.mark.parametrize("k", [2, 3])
def test_each_tensor_moves_by_the_next(k):
    init, x, y, _ = problem(16, False)
    h = 1e-3
    flow = tl.particle_flow(
        SINE, init, x, y, alpha=4.0, times=[1 - h, 1.0, 1 + h], rtol=1e-12, atol=1e-13
    )

    def tensor(order, V):
        return tensor_function(order)(init, V - init.W0, *[x] * order)

    before, after = (tensor(k, flow.V[i]) for i in (0, 2))
    above = tensor(k + 1, flow.V[1])
    # Central differences: h^2 times a third derivative of order one.
    np.testing.assert_allclose(
        (after - before) / (2 * h), -above @ (flow.train[1] - y), rtol=1e-5, atol=1e-6
    )


def tensors(init, x, x_test, order):
    everything, W = jnp.concatenate([x, x_test]), 0 * init.W0
    return [tensor_function(k)(init, W, everything, *[x] * (k - 1)) for k in range(1, order + 1)]


def test_cut_at_order_two_is_the_kernel_predictor():
    init, x, y, x_test = problem(16, False)
    f0, K = tensors(init, x, x_test, 2)
    decayed = scipy.linalg.expm(-2.0 * np.asarray(K[:3])) @ (f0[:3] - y)
    expected = f0 - K @ np.linalg.solve(K[:3], f0[:3] - y - decayed)
    found = tl.truncated_hierarchy([f0, K], y, times=[2.0])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize("p", [3, 4])
def test_tensors_and_neuron_series_solve_the_same_truncation(p):
    init, x, y, x_test = problem(16, False)
    times = [0.5, 3.0]
    found = tl.truncated_hierarchy(tensors(init, x, x_test, p), y, times=times)
    series = tl.hierarchy_flow(SINE, init, x, y, order=p, times=times, x_test=x_test)
    both = np.concatenate([series.train, series.test], axis=1)
    np.testing.assert_allclose(both, found, rtol=1e-6, atol=1e-8)
    # and not because nothing happens at this order
    lower = tl.hierarchy_flow(SINE, init, x, y, order=p - 1, times=times)
    assert np.abs(lower.train - series.train).max() > 1e-4


def test_with_pairs_of_opposite_signs_odd_orders_add_nothing():
    init, x, y, x_test = problem(16, True)
    assert float(jnp.abs(tensors(init, x, x_test, 3)[2]).max()) < 1e-15
    two, three = (
        tl.hierarchy_flow(SINE, init, x, y, order=p, times=[4.0], x_test=x_test) for p in (2, 3)
    )
    np.testing.assert_allclose(three.test, two.test, atol=1e-9)


@pytest.mark.parametrize("k", [3, 4])
def test_tensors_are_bounded_by_factorial_and_width(k):
    # For a sine all derivatives are at most 1; unit inputs.
    for m in (4, 16):
        init, x, *_ = problem(m, False)
        W = jax.random.normal(jax.random.key(7), init.W0.shape)
        K = tensor_function(k)(init, W, *[x] * k)
        assert float(jnp.abs(K).max()) <= math.factorial(k - 1) * m ** (-(k - 2) / 2)


def test_truncation_error_falls_with_the_scale_in_pairs():
    init, x, y, x_test = problem(16, True)
    errors = []
    for alpha in (8.0, 16.0):
        data = (SINE, init, x, y)
        options = {"times": [3.0], "x_test": x_test, "alpha": alpha, "rtol": 1e-11, "atol": 1e-13}
        exact = tl.particle_flow(*data, **options)
        cuts = [tl.hierarchy_flow(*data, order=p, **options) for p in (2, 4)]
        errors.append([np.abs(cut.test - exact.test).max() for cut in cuts])
    slopes = np.log2(np.divide(*errors))
    # -2 and -4 in alpha, up to a relative correction of order alpha^-2.
    np.testing.assert_allclose(slopes, [2, 4], atol=0.2)


def test_bad_input_is_named():
    init, x, y, _ = problem(4, True)
    with pytest.raises(ValueError, match="at least 1"):
        tl.hierarchy_kernel(lambda w, x: x @ w, 0)
    with pytest.raises(ValueError, match="has 2 arguments, got 1"):
        tl.hierarchy_kernel(lambda w, x: x @ w, 2)(jnp.ones(3), x)
    with pytest.raises(ValueError, match="has 3 arguments, got 2"):
        tl.two_layer_hierarchy(SINE, 3)(init, 0 * init.W0, x, x)
    with pytest.raises(ValueError, match="n = 3"):
        tl.truncated_hierarchy([jnp.zeros(3), jnp.zeros((3, 2))], y, times=[1.0])
    with pytest.raises(ValueError, match="at least 2"):
        tl.hierarchy_flow(SINE, init, x, y, order=1, times=[1.0])
    with pytest.raises(ValueError, match="alpha"):
        tl.hierarchy_flow(SINE, init, x, y, order=2, times=[1.0], alpha=-1.0)
