"""The two-layer network, its exact zero, and its closed-form Taylor terms."""

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

SMOOTH = [
    activations.tanh,
    activations.erf,
    activations.gelu,
    activations.softplus,
    activations.sine(),
    activations.quadratic,
]
# Sizes come from a short list, since each is compiled; draws of numbers then cost next to nothing.
shapes = st.sampled_from([(1, 1, 1), (6, 3, 4), (7, 2, 5), (40, 9, 3)])  # m, d, n
paired_shapes = st.sampled_from([(2, 1, 1), (6, 3, 4), (40, 9, 3), (138, 4, 5)])
seeds = st.integers(0, 99)


def draw(m, d, n, seed, **kwargs):
    keys = jax.random.split(jax.random.key(seed), 3)
    init = tl.init_two_layer(m, d, key=keys[0], **kwargs)
    return init, jax.random.normal(keys[1], (m, d)), jax.random.normal(keys[2], (n, d))


GELU_NETWORK = tl.two_layer(activations.gelu)
COMPILED = jax.jit(GELU_NETWORK)


@settings(max_examples=20)
@given(shape=paired_shapes, seed=seeds)
def test_symmetric_network_is_exactly_zero_at_initialization(shape, seed):
    init, W, x = draw(*shape, seed)
    assert not jnp.any(GELU_NETWORK(init, 0 * W, x))
    assert not jnp.any(COMPILED(init, 0 * W, x))


@pytest.mark.parametrize("m", [1, 6, 7])
def test_network_is_the_signed_sum_over_root_m(m):
    init, W, x = draw(m, 3, 5, 0, symmetric=False)
    a, V = np.asarray(init.a), np.asarray(init.W0 + W)
    neurons = [a[r] * np.tanh(np.asarray(x) @ V[r]) for r in range(m)]
    values = tl.two_layer(activations.tanh)(init, W, x)
    np.testing.assert_allclose(values, sum(neurons) / math.sqrt(m), rtol=1e-13, atol=1e-14)


@pytest.mark.filterwarnings("ignore::taylorlib.TaylorModeFallbackWarning")
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("activation", SMOOTH, ids=lambda a: a.name)
def test_closed_form_terms_are_those_of_the_taylor_expansion(activation, symmetric):
    init, W, x = draw(6, 3, 4, 1, symmetric=symmetric)
    f = functools.partial(tl.two_layer(activation), init)
    terms = tl.taylor_terms(f, jnp.zeros_like(W), W, x, 5)
    for k in range(6):
        closed = tl.two_layer_term(activation, k)(init, W, x)
        np.testing.assert_allclose(closed, terms[k], rtol=1e-12, atol=1e-12)


def test_terms_of_order_beyond_twenty_add_up_to_the_network():
    sine = tl.activations.sine()
    init, W, x = draw(6, 3, 4, 2, symmetric=False)
    partial = sum(tl.two_layer_term(sine, k)(init, W, x) for k in range(41))
    np.testing.assert_allclose(partial, tl.two_layer(sine)(init, W, x), rtol=0, atol=1e-12)


def test_preactivations_have_unit_variance_at_inputs_of_the_stated_norm():
    init = tl.init_two_layer(40_000, 5, key=jax.random.key(2), input_norm=3.0, symmetric=False)
    x = jnp.full((1, 5), 3.0 / math.sqrt(5))
    # The sample variance of N(0,1) has standard deviation sqrt(2/m) = .007.
    assert float(jnp.var(x @ init.W0.T)) == pytest.approx(1.0, abs=4 * math.sqrt(2 / 40_000))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"m": 5}, "even width, got m=5"),
        ({"m": 0}, "m=0"),
        ({"d": -1}, "d=-1"),
        ({"input_norm": 0.0}, "got 0.0"),
        ({"input_norm": math.nan}, "got nan"),
    ],
)
def test_bad_initialization_is_refused_with_the_value(kwargs, message):
    with pytest.raises(ValueError, match=message):
        tl.init_two_layer(**({"m": 4, "d": 3} | kwargs), key=jax.random.key(0))


@settings(max_examples=20)
@given(shape=shapes, seed=seeds, order=st.integers(0, 4))
def test_term_of_order_k_is_homogeneous_of_degree_k(shape, seed, order):
    init, W, x = draw(*shape, seed, symmetric=False)
    term = tl.two_layer_term(activations.sine(), order)
    once = term(init, W, x)
    size = float(jnp.abs(once).max()) + 1
    # Powers of two scale without rounding.
    for c in (-1.0, 0.5, 4.0):
        scaled = term(init, c * W, x)
        np.testing.assert_allclose(scaled, c**order * once, rtol=0, atol=1e-12 * size * 4**order)


@settings(max_examples=20)
@given(shape=shapes, seed=seeds)
def test_quadratic_network_is_the_sum_of_its_terms_up_to_order_2(shape, seed):
    m, d, n = shape
    init, W, x = draw(m, d, n, seed, symmetric=False)
    terms = [tl.two_layer_term(activations.quadratic, k)(init, W, x) for k in range(4)]
    value = tl.two_layer(activations.quadratic)(init, W, x)
    scale = sum(float(jnp.abs(t).max()) for t in terms) + d * math.sqrt(m)
    np.testing.assert_allclose(sum(terms), value, rtol=0, atol=1e-12 * scale)
    assert not jnp.any(terms[3])


@settings(max_examples=20)
@given(shape=shapes, seed=seeds)
def test_network_is_linear_in_its_signs_and_blind_to_the_order_of_neurons(shape, seed):
    m, d, n = shape
    init, W, x = draw(m, d, n, seed, symmetric=False)
    f = tl.two_layer(activations.tanh)
    value = f(init, W, x)
    np.testing.assert_array_equal(f(init._replace(a=-init.a), W, x), -value)
    order = np.random.default_rng(seed).permutation(m)
    shuffled = tl.TwoLayerInit(init.W0[order], init.a[order])
    np.testing.assert_allclose(f(shuffled, W[order], x), value, rtol=1e-12, atol=1e-13 * m)
