"""Random directions see the diagonal blocks; the curvature theorem holds, with equality at best."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib import activations, landscape, losses

LOSSES = [losses.logistic, losses.log_cosh, losses.huber, losses.square]
shapes = st.sampled_from([(1, 1, 1), (3, 2, 4), (6, 3, 2), (8, 2, 3)])  # each is compiled
seeds = st.integers(0, 10_000)
SIDES = {loss.name: jax.jit(tl.quadratic_curvature(activations.gelu, loss)) for loss in LOSSES}
HESSIANS = {
    loss.name: jax.jit(jax.hessian(tl.quadratic_objective(activations.gelu, loss), argnums=1))
    for loss in LOSSES
}
PENALTY_HESSIAN = jax.jit(jax.hessian(landscape.penalty), static_argnums=1)


def network(W, init, x, y):
    N = landscape.exact_coupled_objective(activations.tanh, losses.log_cosh, weight=0.2, power=8)
    return N(init, W, x, y)


NETWORK_HESSIAN = jax.jit(jax.hessian(network))
BLOCKS = jax.jit(tl.sign_averaged_curvature(network))


def draw(m, d, n, seed):
    """A network without the symmetry that would hide errors, two movements and data."""
    keys = jax.random.split(jax.random.key(seed), 5)
    init = tl.init_two_layer(m, d, key=keys[0], symmetric=False)
    W, V = jax.random.normal(keys[1], (2, m, d))
    x, y = jax.random.normal(keys[2], (n, d)), jax.random.rademacher(keys[3], (n,), float)
    return init, W, V, x, y


def average_over_signs(hessian, V):
    """The mean of d^2 f(W)[SV, SV] over all 2^m signs, from the dense Hessian."""
    m, d = V.shape
    hessian = np.asarray(hessian).reshape(m * d, m * d)
    every = np.array([[(-1.0) ** (i >> r & 1) for r in range(m)] for i in range(2**m)])
    directions = (every[:, :, None] * np.asarray(V)).reshape(-1, m * d)
    return np.einsum("ki,ij,kj->k", directions, hessian, directions).mean()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@settings(max_examples=12)
@given(shape=shapes, seed=seeds)
def test_curvature_identity_holds_on_average_over_all_signs(loss, shape, seed):
    init, W, V, x, y = draw(*shape, seed)
    found = SIDES[loss.name](init, W, V, x, y)
    average = average_over_signs(HESSIANS[loss.name](init, W, x, y), V)
    scale = 1 + abs(found.descent) + found.interference
    assert abs(average - (found.descent + found.interference)) <= 1e-10 * scale


@settings(max_examples=6)
@given(shape=shapes, seed=seeds)
def test_signs_see_the_diagonal_blocks_of_any_hessian(shape, seed):
    init, W, V, x, y = draw(*shape, seed)
    blocks = BLOCKS(W, V, init, x, y)
    average = average_over_signs(NETWORK_HESSIAN(W, init, x, y), V)
    np.testing.assert_allclose(blocks, average, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@settings(max_examples=15)
@given(shape=shapes, seed=seeds, size=st.floats(0.01, 10))
def test_curvature_is_at_most_what_the_theorem_says(loss, shape, seed, size):
    init, W, V, x, y = draw(*shape, seed)
    found = SIDES[loss.name](init, size * W, V, x, y)
    slack = found.bound - found.descent - found.interference
    assert float(slack) >= -1e-12 * (1 + abs(float(found.bound)))


def test_curvature_bound_is_attained():
    # One point, square loss, V = W: convexity and both norm inequalities are equalities.
    init, W, _, _, y = draw(1, 1, 1, 0)
    x = jnp.ones((1, 1))
    found = tl.quadratic_curvature(activations.quadratic, losses.square)(init, W, W, x, y)
    np.testing.assert_allclose(found.descent + found.interference, found.bound, rtol=1e-12)


@settings(max_examples=20)
@given(shape=shapes, seed=seeds)
def test_curvature_of_the_penalty_is_at_most_12_a2b2_and_56_a6b2(shape, seed):
    _, W, V, _, _ = draw(*shape, seed)
    a, b = float(tl.mixed_norm(W, 4)), float(tl.mixed_norm(V, 4))
    for power, bound in ((4, 12 * a**2 * b**2), (8, 56 * a**6 * b**2)):
        average = average_over_signs(PENALTY_HESSIAN(W, power), V)
        assert average <= bound * (1 + 1e-12)


def test_constants_12_and_56_are_attained_by_one_neuron():
    W = jnp.array([[3.0, 4.0]])
    total = tl.sign_averaged_curvature(landscape.penalty)
    np.testing.assert_allclose(total(W, W), 12 * 5.0**4, rtol=1e-12)
    total = tl.sign_averaged_curvature(lambda W: landscape.penalty(W, 8))
    np.testing.assert_allclose(total(W, W), 56 * 5.0**8, rtol=1e-12)
