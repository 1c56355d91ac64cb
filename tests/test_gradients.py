"""The first gradient: autodiff, the theorem on its direction, and its moments by sampling."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import taylorlib as tl
from taylorlib import gradients
from taylorlib.expressivity import gate_coefficient, hermite

SINE = tl.activations.sine()
U = jnp.linalg.qr(jax.random.normal(jax.random.key(9), (7, 2)))[0].T
W = tl.inputs.sphere(6, 7, key=jax.random.key(1), radius=1.0)


def link(z):
    return hermite(2)(z[:, 0]) + z[:, 0] * z[:, 1] + hermite(3)(z[:, 1])


def test_first_gradient_is_the_gradient_of_the_loss_at_a_network_that_is_zero():
    x = tl.inputs.gaussian(11, 7, key=jax.random.key(2))
    y = jnp.sin(x[:, 0])
    m = 2 * len(W)
    a = jnp.concatenate([jnp.ones(len(W)), -jnp.ones(len(W))])

    def loss(V):
        return ((SINE(x @ V.T) @ a / math.sqrt(m) - y) ** 2).mean() / 2

    found = jax.grad(loss)(jnp.concatenate([W, W]))
    expected = -gradients.first_gradient(SINE, W, x, y) / math.sqrt(m)
    np.testing.assert_allclose(found[: len(W)], expected, atol=1e-14)
    np.testing.assert_allclose(found[len(W) :], -expected, atol=1e-14)


def test_mean_gradient_of_a_quadratic_target_is_hessian_times_weight():
    # Exact for sigma = t^2/2: E[f (w.x) x] = (E Hessian) w if f and its gradient have mean zero.
    found = gradients.mean_first_gradient(tl.activations.quadratic, link, W, U)
    H = U.T @ jnp.array([[math.sqrt(2), 1.0], [1.0, 0.0]]) @ U
    np.testing.assert_allclose(found, W @ H, atol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_one_direction_gives_the_coefficient_times_a_power(k):
    # f = h_k(x_1): along e_1, E[f sigma' x_1] has the Hermite series in w_1, summed to order 20.
    w1 = W[:, 0]
    found = gradients.mean_first_gradient(
        SINE, lambda z: hermite(k)(z[:, 0]), W, jnp.eye(7)[:1], nodes=40
    )
    pairs = [(k - 1, math.sqrt(k)), (k + 1, math.sqrt(k + 1))]
    along = sum(gate_coefficient(SINE, j, order=1) * w1**j * c for j, c in pairs)
    # x_1 h_k = sqrt(k) h_{k-1} + sqrt(k+1) h_{k+1}
    np.testing.assert_allclose(found[:, 0], along, rtol=1e-9)
    # Outside only along w: the coefficient E[f sigma''] = c_k w_1^k.
    outside = gate_coefficient(SINE, k, order=2) * w1**k
    np.testing.assert_allclose(found[:, 1:], outside[:, None] * W[:, 1:], rtol=1e-9, atol=1e-12)


def test_share_is_that_of_the_samples_on_average():
    draws, n = 100, 50
    keys = jax.random.split(jax.random.key(3), draws)

    @jax.vmap
    def energies(key):
        x = tl.inputs.gaussian(n, 7, key=key)
        G = gradients.first_gradient(SINE, W, x, link(x @ U.T))
        return ((G @ U.T) ** 2).sum(), (G**2).sum()

    here, all_of_it = energies(keys)
    expected = gradients.expected_share(SINE, link, W, U, n)
    found = here.mean() / all_of_it.mean()
    # 100 draws leave about 3 % of either mean.
    assert found == pytest.approx(expected, rel=0.1)


def test_share_tends_to_that_of_the_mean_gradient():
    G = gradients.mean_first_gradient(SINE, link, W, U)
    limit = gradients.subspace_share(G, U)
    assert gradients.expected_share(SINE, link, W, U, 10**9) == pytest.approx(limit, rel=1e-6)


def test_weights_inside_the_subspace_are_no_trouble():
    found = gradients.mean_first_gradient(SINE, link, U, U)
    assert np.isfinite(found).all()
    assert gradients.subspace_share(found, U) == pytest.approx(1, abs=1e-12)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="orthonormal"):
        gradients.subspace_share(W, 2 * U)
    with pytest.raises(ValueError, match="G is zero"):
        gradients.subspace_share(0 * W, U)
    with pytest.raises(ValueError, match="got 4"):
        gradients.mean_first_gradient(SINE, link, W, jnp.eye(7)[:4])
    with pytest.raises(ValueError, match="got 0"):
        gradients.expected_share(SINE, link, W, U, 0)
