"""Random signs: identities by enumeration, estimates within their errors, bounds that hold."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib import activations, coupling

SMOOTH = [activations.tanh, activations.erf, activations.gelu, activations.sine()]
widths = st.integers(1, 12)
small = st.integers(1, 4)
seeds = st.integers(0, 10_000)


def draw(m, d, n, seed, size=1.0):
    """A network without the symmetry that would hide errors, a movement and inputs."""
    keys = jax.random.split(jax.random.key(seed), 3)
    init = tl.init_two_layer(m, d, key=keys[0], symmetric=False)
    return init, size * jax.random.normal(keys[1], (m, d)), jax.random.normal(keys[2], (n, d))


def exact_moments(g, m):
    """Mean and variance over all signs."""
    mean, square = coupling.exact_sign_mean(lambda s: (g(s), g(s) ** 2), m)
    return mean, square - mean**2


@settings(max_examples=8)  # each shape is compiled
@given(m=widths, d=small, n=small, seed=seeds)
def test_odd_orders_vanish_exactly_in_expectation_and_even_orders_do_not_change(m, d, n, seed):
    init, W, x = draw(m, d, n, seed)
    terms = [tl.two_layer_term(activations.sine(), order) for order in range(1, 6)]
    means = jax.jit(
        lambda W: coupling.exact_sign_mean(
            lambda s: [term(init, tl.scale_neurons(s, W), x) for term in terms], m
        )
    )(W)
    assert not jnp.any(jnp.stack(means[0::2]))
    for mean, term in zip(means[1::2], terms[1::2], strict=True):
        np.testing.assert_allclose(mean, term(init, W, x), rtol=1e-12, atol=1e-12)


@settings(max_examples=8)
@given(m=st.integers(1, 400), d=small, n=small, seed=seeds)
def test_quadratic_term_is_the_same_at_every_sign(m, d, n, seed):
    init, W, x = draw(m, d, n, seed)
    second = jax.jit(tl.two_layer_term(activations.gelu, 2))
    unsigned = second(init, W, x)
    for movement in tl.scale_neurons(tl.random_signs(m, key=jax.random.key(seed), draws=3), W):
        np.testing.assert_allclose(second(init, movement, x), unsigned, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", [*SMOOTH, activations.cubic_relu], ids=lambda a: a.name)
@settings(max_examples=3)
@given(m=widths, d=small, n=small, seed=seeds)
def test_enumeration_gives_the_closed_forms_of_mean_and_variances(activation, m, d, n, seed):
    init, W, x = draw(m, d, n, seed)
    f = tl.two_layer(activation)
    mean, variance = exact_moments(lambda s: f(init, tl.scale_neurons(s, W), x), m)
    scale = float(jnp.abs(mean).max() + variance.max()) + 1
    atol = 1e-12 * scale**2  # the variance is a difference of squares
    np.testing.assert_allclose(tl.randomized_mean(activation)(init, W, x), mean, atol=atol)
    np.testing.assert_allclose(tl.randomized_variance(activation)(init, W, x), variance, atol=atol)
    first = tl.two_layer_term(activation, 1)
    _, linear = exact_moments(lambda s: first(init, tl.scale_neurons(s, W), x), m)
    closed = tl.linear_term_variance(activation)(init, W, x)
    np.testing.assert_allclose(closed, linear, rtol=1e-12, atol=atol)


def test_mean_is_the_average_of_plus_and_minus_neuron_by_neuron():
    init, W, x = draw(7, 3, 4, 0)
    z, u, a = (np.asarray(v) for v in (x @ init.W0.T, x @ W.T, init.a))
    neurons = (np.tanh(z + u) + np.tanh(z - u)) / 2 * a
    mean = tl.randomized_mean(activations.tanh)(init, W, x)
    np.testing.assert_allclose(mean, neurons.sum(1) / math.sqrt(7), rtol=1e-13, atol=1e-14)


@given(m=st.integers(1, 15), seed=seeds)
@settings(max_examples=10)
def test_enumeration_visits_every_sign_pattern_once(m, seed):
    # E (sum c_r s_r)^2 = sum c_r^2, and a product of different signs has mean 0.
    c = jax.random.normal(jax.random.key(seed), (m,))
    mean = coupling.exact_sign_mean(lambda s: {"square": (s @ c) ** 2, "product": s.prod()}, m)
    assert float(mean["square"]) == pytest.approx(float(c @ c), rel=1e-12)
    assert float(mean["product"]) == 0
    pattern = tl.random_signs(m, key=jax.random.key(seed + 1))
    hit = coupling.exact_sign_mean(lambda s: (s == pattern).all().astype(float), m)
    assert float(hit) == 2.0**-m


@pytest.mark.parametrize("seed", range(4))
def test_monte_carlo_lies_within_four_standard_errors_which_have_the_right_size(seed):
    init, W, x = draw(200, 3, 5, seed)
    f = tl.two_layer(activations.gelu)
    found = coupling.monte_carlo_sign_mean(
        lambda s: f(init, tl.scale_neurons(s, W), x), 200, key=jax.random.key(seed), draws=4000
    )
    exact = tl.randomized_mean(activations.gelu)(init, W, x)
    assert float(jnp.abs((found.mean - exact) / found.standard_error).max()) < 4
    error = jnp.sqrt(tl.randomized_variance(activations.gelu)(init, W, x) / 4000)
    # A sample deviation of 4000 nearly Gaussian draws has relative error 1/sqrt(8000) = .011.
    np.testing.assert_allclose(found.standard_error, error, rtol=0.05)


def test_monte_carlo_draws_do_not_depend_on_the_batch_size():
    def run(batch_size):
        return coupling.monte_carlo_sign_mean(
            lambda s: s.cumsum(), 9, key=jax.random.key(1), draws=50, batch_size=batch_size
        )

    np.testing.assert_allclose(run(7).mean, run(50).mean, rtol=1e-14)
    np.testing.assert_allclose(run(7).standard_error, run(50).standard_error, rtol=1e-13)


@pytest.mark.parametrize("m", [1, 5, 64])
def test_signs_are_uniform_and_independent(m):
    signs = np.asarray(tl.random_signs(m, key=jax.random.key(m), draws=20_000))
    assert set(np.unique(signs)) == {-1.0, 1.0}
    second = signs.T @ signs / len(signs) - np.eye(m)
    noise = 1 / math.sqrt(len(signs))
    assert np.abs(signs.mean(axis=0)).max() < 4.5 * noise
    assert np.abs(second).max() < 5 * noise  # the largest of 2016 correlations
    assert tl.random_signs(m, key=jax.random.key(0)).shape == (m,)


def test_different_keys_give_fresh_signs():
    one, two = (tl.random_signs(64, key=jax.random.key(seed)) for seed in (0, 1))
    assert not jnp.array_equal(one, two)


@settings(max_examples=5)
@given(half=st.integers(1, 6), d=small, n=small, seed=seeds)
def test_masks_on_the_movement_keep_the_linear_term_and_double_the_quadratic(half, d, n, seed):
    m = 2 * half
    init, W, x = draw(m, d, n, seed)
    first, second = (tl.two_layer_term(activations.gelu, k) for k in (1, 2))
    # 1 + s runs over all masks in {0, 2} when s runs over all signs.
    means = coupling.exact_sign_mean(
        lambda s: [t(init, tl.scale_neurons(1 + s, W), x) for t in (first, second)], m
    )
    np.testing.assert_allclose(means[0], first(init, W, x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(means[1], 2 * second(init, W, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.9])
def test_masks_have_mean_one_and_the_second_moment_of_inverted_dropout(rate):
    masks = np.asarray(
        coupling.dropout_masks(50, key=jax.random.key(3), rate=rate, draws=4000)
    ).ravel()
    assert set(np.round(np.unique(masks), 12)) <= {0.0, round(1 / (1 - rate), 12)}
    spread = math.sqrt(rate / (1 - rate) / masks.size)
    assert masks.mean() == pytest.approx(1.0, abs=4 * spread + 1e-12)
    assert (masks**2).mean() == pytest.approx(1 / (1 - rate), abs=4 * spread / (1 - rate) + 1e-12)


def test_dropout_movement_puts_the_mask_on_all_weights():
    init, W, x = draw(9, 3, 4, 5)
    f = tl.two_layer(activations.gelu)
    masks = coupling.dropout_masks(9, key=jax.random.key(5))
    moved = f(init, coupling.dropout_movement(masks, init.W0, W), x)
    weights = np.asarray(masks)[:, None] * np.asarray(init.W0 + W)
    direct = np.asarray(activations.gelu(jnp.asarray(np.asarray(x) @ weights.T))) @ np.asarray(
        init.a
    )
    np.testing.assert_allclose(moved, direct / 3, rtol=1e-12, atol=1e-13)


def maximum(activation, order):
    return float(jnp.abs(activation.derivative(order)(jnp.linspace(-9, 9, 200_001))).max())


def logcosh(y, f):
    return jnp.logaddexp(f - y, y - f) - math.log(2)


@pytest.mark.parametrize("activation", [activations.tanh, activations.erf, activations.sine()])
@settings(max_examples=10)
@given(m=st.sampled_from([2, 7, 60]), size=st.floats(0.01, 2.0), seed=seeds)
def test_coupling_bounds_hold(activation, m, size, seed):
    init, W, x = draw(m, 3, 4, seed, size)
    x = 1.7 * x / jnp.linalg.norm(x, axis=1, keepdims=True)
    C1, C3, C4 = (maximum(activation, k) for k in (1, 3, 4))
    slack = 1 + 1e-9
    smooth = coupling.coupling_bounds(W, input_norm=1.7, slope=C1 * slack, fourth=C4 * slack)
    rough = coupling.coupling_bounds(W, input_norm=1.7, slope=C1 * slack, lipschitz=C3 * slack)
    variance = tl.randomized_variance(activation)(init, W, x)
    assert float(variance.max()) <= smooth.variance == rough.variance
    assert float(tl.linear_term_variance(activation)(init, W, x).max()) <= smooth.variance
    rest = jnp.abs(coupling.even_remainder(activation)(init, W, x)).max() - 1e-13
    assert float(rest) <= min(smooth.even_remainder, rough.even_remainder)
    assert float(smooth.loss_gap) == pytest.approx(
        float(smooth.even_remainder + smooth.variance / 2), rel=1e-12
    )


@pytest.mark.parametrize("activation", [activations.tanh, activations.sine()])
@settings(max_examples=6)
@given(half=st.sampled_from([1, 5]), size=st.floats(0.1, 1.5), seed=seeds)
def test_loss_gap_is_bounded_with_symmetric_initialization(activation, half, size, seed):
    keys = jax.random.split(jax.random.key(seed), 3)
    init = tl.init_two_layer(2 * half, 3, key=keys[0])
    W = size * jax.random.normal(keys[1], (2 * half, 3))
    x = jax.random.normal(keys[2], (4, 3))
    x = x / jnp.linalg.norm(x, axis=1, keepdims=True)
    f, y = tl.two_layer(activation), jnp.array([-2.0, -0.3, 0.0, 1.5])
    average = coupling.exact_sign_mean(
        lambda s: logcosh(y, f(init, tl.scale_neurons(s, W), x)), 2 * half
    )
    gap = jnp.abs(average - logcosh(y, tl.two_layer_term(activation, 2)(init, W, x)))
    own = jnp.abs(coupling.even_remainder(activation)(init, W, x))
    own = own + tl.randomized_variance(activation)(init, W, x) / 2
    assert (gap <= own + 1e-12).all()
    C1, C4 = (maximum(activation, k) * (1 + 1e-9) for k in (1, 4))
    assert (own <= coupling.coupling_bounds(W, slope=C1, fourth=C4).loss_gap).all()


@settings(max_examples=10)
@given(m=st.sampled_from([1, 8, 60]), seed=seeds)
def test_cubic_relu_has_the_even_remainder_of_its_kink(m, seed):
    init, W, x = draw(m, 3, 4, seed)
    z, u = x @ init.W0.T, x @ W.T
    exact = (init.a * jnp.maximum(jnp.abs(u) - jnp.abs(z), 0) ** 3 / 12).sum(axis=1) / math.sqrt(m)
    rest = coupling.even_remainder(activations.cubic_relu)(init, W, x)
    np.testing.assert_allclose(rest, exact, rtol=1e-10, atol=1e-11)


def test_bounds_are_attained_at_equal_norms():
    # sigma = sin: |sigma'| = 1 at z = 0 and u -> 0, so V_W = m^(-1/2) A^2 in the limit.
    m = 16
    W = jnp.full((m, 1), 1e-4)
    init = tl.TwoLayerInit(jnp.zeros((m, 1)), jnp.ones(m))
    bounds = coupling.coupling_bounds(W, slope=1.0, fourth=1.0)
    variance = tl.randomized_variance(activations.sine(0.0))(init, W, jnp.ones((1, 1)))[0]
    assert float(variance) == pytest.approx(float(bounds.variance), rel=1e-8)
    # sigma = cos: |sigma''''| = 1 at z = 0, so |e_W| = m^(-1/2) A^4 / 24 in the limit.
    W = jnp.full((m, 1), 0.03)
    rest = coupling.even_remainder(activations.sine(math.pi / 2))(init, W, jnp.ones((1, 1)))[0]
    bounds = coupling.coupling_bounds(W, slope=1.0, fourth=1.0)
    assert abs(float(rest)) == pytest.approx(float(bounds.even_remainder), rel=1e-3)


@given(p=st.floats(1, 12), m=st.sampled_from([1, 4, 9]), seed=seeds)
def test_mixed_norm_is_the_p_norm_of_the_row_norms(p, m, seed):
    W = jax.random.normal(jax.random.key(seed), (m, 3))
    rows = np.linalg.norm(np.asarray(W), axis=1)
    assert float(tl.mixed_norm(W, p)) == pytest.approx(np.linalg.norm(rows, p), rel=1e-12)


def test_mixed_norm_two_is_the_frobenius_norm():
    W = jax.random.normal(jax.random.key(0), (7, 3))
    assert float(tl.mixed_norm(W, 2)) == pytest.approx(float(jnp.linalg.norm(W)), rel=1e-14)


KEY = jax.random.key(0)
BAD = [
    (lambda: tl.random_signs(0, key=KEY), "m=0"),
    (lambda: tl.random_signs(3, key=KEY, draws=0), "draws=0"),
    (lambda: coupling.dropout_masks(3, key=KEY, rate=1.0), "got 1.0"),
    (lambda: coupling.dropout_masks(3, key=KEY, rate=math.nan), "got nan"),
    (lambda: coupling.dropout_masks(-1, key=KEY), "m=-1"),
    (lambda: coupling.exact_sign_mean(jnp.sum, 21), "m=21. Use monte_carlo_sign_mean"),
    (lambda: coupling.exact_sign_mean(jnp.sum, 0), "got m=0"),
    (lambda: coupling.monte_carlo_sign_mean(jnp.sum, 3, key=KEY, draws=1), "draws=1"),
    (lambda: tl.mixed_norm(jnp.ones((2, 2)), 0.5), "got 0.5"),
    (lambda: coupling.even_remainder(activations.relu), "no derivative of order 2"),
    (lambda: coupling.coupling_bounds(jnp.ones((2, 2)), slope=1.0), "None and None"),
    (
        lambda: coupling.coupling_bounds(jnp.ones((2, 2)), slope=1.0, fourth=1.0, lipschitz=2.0),
        "1.0 and 2.0",
    ),
    (lambda: coupling.coupling_bounds(jnp.ones((2, 2)), slope=-1.0, fourth=1.0), "slope.*-1.0"),
    (
        lambda: coupling.coupling_bounds(jnp.ones((2, 2)), slope=1.0, lipschitz=math.nan),
        "lipschitz.*nan",
    ),
    (
        lambda: coupling.coupling_bounds(jnp.ones((2, 2)), slope=1.0, fourth=1.0, input_norm=0.0),
        "got 0.0",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_refused_with_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
