"""One order alone: roots of unity and Vandermonde weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib.isolation import isolate_order, order_weights, roots_of_unity


@given(st.integers(1, 8))
def test_roots_of_unity_have_no_moment_below_the_order(order):
    s = roots_of_unity(order)
    moments = [complex((s**j).mean()) for j in range(order + 1)]
    expected = [1.0] + [0.0] * (order - 1) + [1.0]
    np.testing.assert_allclose(moments, expected, atol=1e-13)


@given(st.integers(0, 5), st.integers(1, 4))
def test_weights_pick_one_moment(order, more):
    nodes = np.linspace(-1.5, 2.0, order + more)
    weights = order_weights(nodes, order)
    moments = [weights @ nodes**i for i in range(order + 1)]
    np.testing.assert_allclose(moments, np.eye(order + 1)[order], atol=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_isolated_network_is_its_term_up_to_the_next_orders(order):
    activation = tl.activations.sine()
    init = tl.init_two_layer(40, 3, key=jax.random.key(0), symmetric=False)
    W = jax.random.normal(jax.random.key(1), (40, 3))
    x = jax.random.normal(jax.random.key(2), (5, 3))
    network = tl.two_layer(activation)
    alone = isolate_order(lambda V, x: network(init, V, x), order, jnp.linspace(-2, 2, 5))
    term = tl.two_layer_term(activation, order)
    gaps = [
        float(jnp.abs(alone(s * W, x) - term(init, s * W, x)).max()) / s**order
        for s in (0.02, 0.01)
    ]
    size = float(jnp.abs(term(init, W, x)).max())
    assert gaps[1] < 0.05 * size
    assert gaps[1] < 0.6 * gaps[0]  # the rest is of a higher order


def test_a_complex_sum_over_roots_of_unity_kills_lower_orders():
    activation, order = tl.activations.sine(), 3
    init = tl.init_two_layer(20, 3, key=jax.random.key(0), symmetric=False)
    W = 0.1 * jax.random.normal(jax.random.key(1), (20, 3))
    x = jax.random.normal(jax.random.key(2), (4, 3))
    s = roots_of_unity(order)
    z, u = x @ init.W0.T, x @ W.T
    values = jnp.sin(z + s[:, None, None] * u + jnp.pi / 4)
    average = (values.mean(axis=0) @ init.a) / np.sqrt(20)
    f0, f3, f6 = (tl.two_layer_term(activation, k)(init, W, x) for k in (0, 3, 6))
    np.testing.assert_allclose(average, f0 + f3 + f6, atol=1e-8)
    assert float(jnp.abs(f3).max()) > 1e-4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: roots_of_unity(0), "got 0"),
        (lambda: order_weights([0.0, 1.0], 2), "at least 3 different nodes"),
        (lambda: order_weights([1.0, 1.0, 0.0], 1), "different"),
        (lambda: order_weights([1.0], -1), "-1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
