"""Exact derivatives against automatic differentiation, and where they end."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import taylorlib as tl
from taylorlib import activations

SMOOTH = [
    activations.tanh,
    activations.erf,
    activations.gelu,
    activations.softplus,
    activations.sine(),
    activations.sine(0.3),
    activations.quadratic,
]
POINTS = jnp.linspace(-3.1, 2.9, 41)


def autodiff(f, order):
    for _ in range(order):
        f = jax.grad(f)
    return jax.vmap(f)


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize("activation", SMOOTH, ids=lambda a: a.name)
def test_derivative_of_order_k_is_the_k_fold_gradient(activation, order):
    exact = activation.derivative(order)(POINTS)
    reference = autodiff(lambda t: activation(t), order)(POINTS)
    # The reference loses digits with every differentiation; the recurrences do not.
    scale = max(1.0, float(jnp.abs(exact).max()))
    np.testing.assert_allclose(exact, reference, rtol=0, atol=1e-11 * scale)


@pytest.mark.parametrize(
    ("activation", "power"), [(activations.relu, 1), (activations.cubic_relu, 3)]
)
def test_rectified_power_and_its_derivatives_are_t_to_the_j_over_j_factorial(activation, power):
    t = jnp.array([-2.0, 1.5])
    for order in range(power + 1):
        left = power - order
        expected = [0.0, 1.5**left / math.factorial(left)]
        np.testing.assert_allclose(activation.derivative(order)(t), expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("activation", "order"), [(activations.relu, 2), (activations.cubic_relu, 4)]
)
def test_missing_derivative_is_refused_with_the_reason(activation, order):
    with pytest.raises(ValueError, match=f"no derivative of order {order}.*step"):
        activation.derivative(order)


def test_negative_order_is_refused():
    with pytest.raises(ValueError, match="got -1"):
        activations.tanh.derivative(-1)


def test_sine_needs_a_finite_phase():
    with pytest.raises(ValueError, match="nan"):
        activations.sine(math.nan)


def test_second_derivative_of_cubic_relu_is_relu():
    gate = activations.cubic_relu.derivative(2)
    np.testing.assert_array_equal(gate(POINTS), tl.activations.relu(POINTS))
