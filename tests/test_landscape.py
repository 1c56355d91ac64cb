"""Losses with their constants, regularized objectives, averages over signs."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib import activations, landscape, losses

LOSSES = [losses.logistic, losses.log_cosh, losses.huber, losses.square]
seeds = st.integers(0, 10_000)


def draw(m, d, n, seed):
    """A network without the symmetry that would hide errors, a movement and data."""
    keys = jax.random.split(jax.random.key(seed), 4)
    init = tl.init_two_layer(m, d, key=keys[0], symmetric=False)
    W, x = jax.random.normal(keys[1], (m, d)), jax.random.normal(keys[2], (n, d))
    return init, W, x, jax.random.rademacher(keys[3], (n,), float)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_constants_of_a_loss_are_its_suprema(loss):
    f = jnp.linspace(-6, 6, 48_001)
    y = jnp.ones_like(f)
    first = jax.grad(lambda f: loss(y, f).sum())
    slope, bend = jax.jvp(first, (f,), (jnp.ones_like(f),))
    assert float(bend.min()) >= 0  # convex
    assert float(bend.max()) == pytest.approx(loss.curvature, rel=1e-6)
    if math.isfinite(loss.slope):
        assert 0.99 * loss.slope < float(jnp.abs(slope).max()) <= loss.slope
    third = float(jnp.abs(jnp.diff(bend)).max() / (f[1] - f[0]))
    if math.isfinite(loss.third):
        assert third == pytest.approx(loss.third, rel=1e-3, abs=1e-9)
    else:
        assert third > 1000  # l'' jumps


def test_losses_have_their_closed_forms():
    y, f = jnp.array([1.0, -1.0]), jnp.array([0.3, 2.5])
    np.testing.assert_allclose(losses.logistic(y, f), np.log1p(np.exp(-y * f)), rtol=1e-12)
    np.testing.assert_allclose(losses.log_cosh(y, f), np.log(np.cosh(f - y)), rtol=1e-12)
    np.testing.assert_allclose(losses.huber(y, f), [0.7**2 / 2, 3.0], rtol=1e-12)
    np.testing.assert_allclose(losses.square(y, f), [0.7**2 / 2, 3.5**2 / 2], rtol=1e-12)


@pytest.mark.parametrize("power", [4, 8])
@given(shape=st.sampled_from([(1, 1), (3, 2), (5, 4)]), seed=seeds)
@settings(max_examples=8)
def test_penalty_is_the_power_of_the_norm_and_obeys_eulers_identity(power, shape, seed):
    _, W, _, _ = draw(*shape, 1, seed)
    value, gradient = jax.value_and_grad(landscape.penalty)(W, power)
    np.testing.assert_allclose(value, tl.mixed_norm(W, 4) ** power, rtol=1e-12)
    np.testing.assert_allclose((gradient * W).sum(), power * value, rtol=1e-12)


@pytest.mark.parametrize("power", [4, 8])
def test_penalty_is_flat_at_zero(power):
    W = jnp.zeros((3, 2))
    gradient, bend = jax.jvp(
        jax.grad(lambda W: landscape.penalty(W, power)), (W,), (jnp.ones((3, 2)),)
    )
    assert not jnp.any(gradient)
    assert not jnp.any(bend)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_quadratic_objective_is_loss_of_the_quadratic_term_plus_penalty(loss):
    init, W, x, y = draw(6, 3, 4, 0)
    value = tl.quadratic_objective(activations.gelu, loss, weight=0.3, power=8)(init, W, x, y)
    second = activations.gelu.derivative(2)(x @ init.W0.T) / 2 * (x @ W.T) ** 2
    f = second @ init.a / math.sqrt(6)
    expected = loss(y, f).mean() + 0.3 * ((W**2).sum(axis=1) ** 2).sum() ** 2
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_signs_multiply_the_movement_and_not_the_initialization():
    init, W, x, y = draw(5, 3, 4, 1)
    signs = tl.random_signs(5, key=jax.random.key(2), draws=3)
    value = tl.coupled_objective(activations.gelu, losses.log_cosh)(init, W, signs, x, y)
    by_hand = []
    for s in np.asarray(signs):
        f = activations.gelu(x @ (init.W0 + s[:, None] * W).T) @ init.a / math.sqrt(5)
        by_hand.append(losses.log_cosh(y, f).mean())
    np.testing.assert_allclose(value, np.mean(by_hand), rtol=1e-12)


@settings(max_examples=6)
@given(m=st.sampled_from([1, 5]), seed=seeds)
def test_exact_objective_is_the_average_over_all_signs(m, seed):
    init, W, x, y = draw(m, 2, 3, seed)
    exact = landscape.exact_coupled_objective(activations.tanh, losses.logistic, weight=0.1)
    sampled = tl.coupled_objective(activations.tanh, losses.logistic, weight=0.1)
    every = jnp.array([[(-1.0) ** (i >> r & 1) for r in range(m)] for i in range(2**m)])
    np.testing.assert_allclose(
        exact(init, W, x, y), sampled(init, W, every, x, y), rtol=1e-12, atol=1e-14
    )


def test_antithetic_objective_is_even_and_the_average_of_both_halves():
    init, W, x, y = draw(6, 3, 4, 3)
    signs = tl.random_signs(6, key=jax.random.key(4), draws=5)
    both = tl.coupled_objective(activations.gelu, losses.log_cosh, weight=0.1, antithetic=True)
    one = tl.coupled_objective(activations.gelu, losses.log_cosh, weight=0.1)
    value = both(init, W, signs, x, y)
    half = (one(init, W, signs, x, y) + one(init, W, -signs, x, y)) / 2
    np.testing.assert_allclose(value, half, rtol=1e-12)
    np.testing.assert_allclose(value, both(init, -W, signs, x, y), rtol=1e-12)
    assert abs(one(init, W, signs, x, y) - one(init, -W, signs, x, y)) > 1e-3


def test_gradient_at_zero_vanishes_for_pairs_and_not_for_a_single_pattern():
    init, W, x, y = draw(8, 3, 4, 5)
    signs = tl.random_signs(8, key=jax.random.key(6), draws=7)
    pairs = tl.coupled_objective(activations.gelu, losses.log_cosh, antithetic=True)
    single = tl.coupled_objective(activations.gelu, losses.log_cosh)
    for gradient in (jax.grad(pairs, argnums=1), jax.jit(jax.grad(pairs, argnums=1))):
        assert not jnp.any(gradient(init, 0 * W, signs, x, y))
    assert float(jnp.abs(jax.grad(single, argnums=1)(init, 0 * W, signs[:1], x, y)).max()) > 1e-2


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"weight": -1.0}, "got -1.0"),
        ({"weight": math.nan}, "got nan"),
        ({"power": 6}, "got 6"),
    ],
)
@pytest.mark.parametrize(
    "objective",
    [tl.quadratic_objective, tl.coupled_objective, landscape.exact_coupled_objective],
)
def test_bad_regularizer_is_refused_with_the_value(objective, kwargs, message):
    with pytest.raises(ValueError, match=message):
        objective(activations.gelu, losses.square, **kwargs)


def test_bad_power_of_the_penalty_is_refused():
    with pytest.raises(ValueError, match="got 2"):
        landscape.penalty(jnp.ones((2, 2)), 2)
