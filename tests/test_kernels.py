"""Closed forms against quadrature, neural-tangents, Jacobians and Monte Carlo."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib import activations
from taylorlib.kernels import _arccos, _quadrature

CLOSED = [
    activations.relu,
    activations.cubic_relu,
    activations.erf,
    activations.gelu,
    activations.sine(0.3),
    activations.sine(),
    activations.quadratic,
]
NAMED = ["relu", "erf", "gelu"]


@pytest.fixture
def inputs():
    keys = jax.random.split(jax.random.key(0))
    return jax.random.normal(keys[0], (6, 4)), jax.random.normal(keys[1], (5, 4))


@pytest.mark.parametrize("activation", CLOSED[2:], ids=lambda a: a.name)
def test_smooth_closed_form_equals_quadrature(activation, inputs):
    x1, x2 = inputs
    norm = 1.7
    q1 = (x1**2).sum(1)[:, None] / norm**2
    q2 = (x2**2).sum(1)[None, :] / norm**2
    c = x1 @ x2.T / norm**2
    dual = _quadrature(activation.derivative(1), q1, q2, c, 120)
    kernel = tl.first_layer_ntk(activation)(x1, x2, input_norm=norm)
    # 120 nodes resolve these entire functions at variances up to 6 to about 1e-9.
    np.testing.assert_allclose(kernel, x1 @ x2.T * dual, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_angle_is_the_arc_cosine_to_rounding(dtype):
    near_one = 1 - np.logspace(-15, -1, 200)
    t = np.concatenate([np.linspace(-1, 1, 4001), near_one, -near_one]).astype(dtype)
    exact = np.arccos(t.astype(np.float64))
    # Near 1 the angle is small, and its relative error counts.
    error = abs(np.asarray(_arccos(jnp.asarray(t)), np.float64) - exact) / np.maximum(exact, 1e-300)
    assert error[exact > 0].max() < 16 * np.finfo(dtype).eps
    assert not _arccos(jnp.ones(1, dtype)).any()


def test_angle_has_the_derivatives_of_the_arc_cosine():
    for t in jnp.array([-0.9, -0.2, 0.0, 0.5, 0.99]):
        np.testing.assert_allclose(jax.grad(_arccos)(t), -((1 - t**2) ** -0.5), rtol=1e-14)
        np.testing.assert_allclose(
            jax.grad(jax.grad(_arccos))(t), -t * (1 - t**2) ** -1.5, rtol=1e-13
        )


@pytest.mark.parametrize("activation", CLOSED, ids=lambda a: a.name)
def test_kernel_is_the_mean_over_neurons(activation, inputs):
    x1, x2 = inputs
    m = 400_000
    init = tl.init_two_layer(m, 4, key=jax.random.key(1), input_norm=2.0, symmetric=False)
    s1, s2 = (activation.derivative(1)(x @ init.W0.T) for x in inputs)
    spread = jnp.sqrt(jnp.maximum((s1**2) @ (s2**2).T / m - (s1 @ s2.T / m) ** 2, 0.0))
    closed = tl.first_layer_ntk(activation)(x1, x2, input_norm=2.0)
    empirical = tl.two_layer_ntk(activation)(init, jnp.zeros_like(init.W0), x1, x2)
    error = jnp.abs(closed - empirical) / (jnp.abs(x1 @ x2.T) * spread / math.sqrt(m))
    assert float(error.max()) < 4.5  # 30 entries, in standard errors


@pytest.mark.parametrize("name", NAMED)
def test_closed_form_is_ntk_minus_nngp_of_neural_tangents(name, inputs):
    from taylorlib.compat import neural_tangents as nt

    x1, x2 = inputs
    norm = 1.3
    layer = getattr(nt.stax, name.capitalize())()
    _, _, kernel_fn = nt.stax.serial(nt.stax.Dense(1), layer, nt.stax.Dense(1))
    scale = 2 / norm  # sqrt(d) / B_x at d = 4
    both = kernel_fn(x1 * scale, x2 * scale, ("ntk", "nngp"))
    ours = tl.first_layer_ntk(getattr(activations, name))(x1, x2, input_norm=norm)
    np.testing.assert_allclose(ours, norm**2 * (both.ntk - both.nngp), rtol=1e-7, atol=1e-8)


def test_kernel_without_closed_form_is_computed_by_quadrature(inputs):
    x1, x2 = inputs
    coarse = tl.first_layer_ntk(activations.tanh, nodes=80)(x1, x2, input_norm=2.0)
    fine = tl.first_layer_ntk(activations.tanh, nodes=160)(x1, x2, input_norm=2.0)
    # tanh has poles at i pi/2, so quadrature converges slower than for entire functions.
    np.testing.assert_allclose(coarse, fine, atol=1e-4)


@pytest.mark.parametrize("symmetric", [True, False])
def test_two_layer_kernel_is_the_jacobian_product_also_away_from_initialization(symmetric, inputs):
    x1, x2 = inputs
    init = tl.init_two_layer(8, 4, key=jax.random.key(3), symmetric=symmetric)
    W = 0.3 * jax.random.normal(jax.random.key(4), (8, 4))
    f = functools.partial(tl.two_layer(activations.tanh), init)
    reference = tl.empirical_ntk(f)(W, x1, x2)
    kernel = tl.two_layer_ntk(activations.tanh)(init, W, x1, x2)
    np.testing.assert_allclose(kernel, reference, rtol=1e-12, atol=1e-13)


def test_empirical_kernel_of_a_tree_agrees_with_neural_tangents(inputs):
    from taylorlib.compat import neural_tangents as nt

    x1, x2 = inputs
    keys = jax.random.split(jax.random.key(5))
    params = {"in": jax.random.normal(keys[0], (4, 7)), "out": jax.random.normal(keys[1], (7,))}

    def f(p, x):
        return jnp.tanh(x @ p["in"]) @ p["out"]

    reference = nt.empirical_ntk_fn(lambda p, x: f(p, x)[:, None], trace_axes=(-1,))
    np.testing.assert_allclose(
        tl.empirical_ntk(f)(params, x1, x2), reference(x1, x2, params), rtol=1e-12
    )


def test_empirical_kernel_refuses_several_outputs(inputs):
    with pytest.raises(ValueError, match="Select one output first"):
        tl.empirical_ntk(lambda w, x: x @ w)(jnp.ones((4, 2)), *inputs)


@pytest.mark.parametrize("norm", [0.0, -1.0, math.inf])
def test_input_norm_must_be_positive(norm, inputs):
    with pytest.raises(ValueError, match=str(norm)):
        tl.first_layer_ntk(activations.relu)(*inputs, input_norm=norm)


# Few sizes and one kernel for each activation, since each pair is compiled: numbers are drawn.
sizes = st.sampled_from([(1, 1), (3, 2), (5, 7), (7, 3)])  # n, d
seeds = st.integers(0, 99)
named = st.sampled_from(CLOSED)
kernel_of = functools.cache(tl.first_layer_ntk)


def cloud(seed, n, d):
    return jnp.asarray(np.random.default_rng(seed).standard_normal((n, d)))


@settings(max_examples=20)
@given(activation=named, size=sizes, seed=seeds, norm=st.floats(0.5, 4))
def test_kernel_at_input_norm_b_is_b_squared_times_that_of_the_inputs_over_b(
    activation, size, seed, norm
):
    n, d = size
    x1, x2 = cloud(seed, n, d), cloud(seed + 100, 3, d)
    kernel = kernel_of(activation)
    rescaled = norm**2 * kernel(x1 / norm, x2 / norm)
    # An error of 1e-16 in a cosine near 1 is one of 1e-8 in the angle.
    scale = float(jnp.abs(rescaled).max()) + norm**2
    np.testing.assert_allclose(
        kernel(x1, x2, input_norm=norm), rescaled, rtol=1e-9, atol=2e-8 * scale
    )


@settings(max_examples=20)
@given(activation=named, size=sizes, seed=seeds)
def test_kernel_is_symmetric_positive_and_sees_inner_products_only(activation, size, seed):
    n, d = size
    x = cloud(seed, n, d)
    kernel = kernel_of(activation)
    K = kernel(x, x)
    scale = float(jnp.abs(K).max())
    np.testing.assert_allclose(K, K.T, rtol=0, atol=2e-8 * scale)
    assert np.linalg.eigvalsh(np.asarray(K + K.T) / 2)[0] > -1e-7 * scale * n
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]
    np.testing.assert_allclose(kernel(x @ turn, x @ turn), K, rtol=0, atol=2e-7 * scale)


@settings(max_examples=12)
@given(power=st.sampled_from([1, 3]), size=sizes, seed=seeds, c=st.floats(0.2, 5))
def test_kernel_of_a_rectified_power_is_homogeneous_in_each_input(power, size, seed, c):
    n, d = size
    activation = {1: activations.relu, 3: activations.cubic_relu}[power]
    x1, x2 = cloud(seed, n, d), cloud(seed + 100, 3, d)
    K = kernel_of(activation)
    # sigma' has degree power - 1, and x itself one more.
    expected = c**power * K(x1, x2)
    scale = float(jnp.abs(expected).max())
    np.testing.assert_allclose(K(c * x1, x2), expected, rtol=1e-9, atol=2e-8 * scale)


@settings(max_examples=12)
@given(m_n_d=st.sampled_from([(1, 1, 1), (4, 3, 2), (17, 7, 3)]), seed=seeds)
def test_finite_kernel_is_symmetric_positive_and_a_mean_over_neurons(m_n_d, seed):
    m, n, d = m_n_d
    x = cloud(seed, n, d)
    init = tl.init_two_layer(m, d, key=jax.random.key(seed), symmetric=False)
    W = cloud(seed + 1, m, d)
    kernel = tl.two_layer_ntk(activations.tanh)
    K = kernel(init, W, x, x)
    scale = float(jnp.abs(K).max())
    np.testing.assert_allclose(K, K.T, rtol=0, atol=1e-13 * scale)
    assert np.linalg.eigvalsh(np.asarray(K))[0] > -1e-12 * scale * n
    twice = tl.TwoLayerInit(jnp.tile(init.W0, (2, 1)), jnp.tile(init.a, 2))
    np.testing.assert_allclose(
        kernel(twice, jnp.tile(W, (2, 1)), x, x), K, rtol=0, atol=1e-13 * scale
    )
