"""Particles: the flow of the cloud, its kernel, its scale and its limit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import taylorlib as tl
from taylorlib.meanfield import alignment, gaussian_particles

SINE = tl.activations.sine()


@functools.cache
def problem(m=8, symmetric=False):
    keys = jax.random.split(jax.random.key(1), 3)
    init = tl.init_two_layer(m, 2, key=keys[0], symmetric=symmetric)
    x = tl.inputs.sphere(6, 2, key=keys[1], radius=1.0)
    return init, x[:4], 0.5 * jax.random.normal(keys[2], (4,)), x[4:]


def test_at_the_scale_of_the_kernel_it_is_the_network_of_the_book():
    init, x, y, x_test = problem()
    flow = tl.particle_flow(SINE, init, x, y, alpha=8**0.5, times=[0.0, 1.0], x_test=x_test)
    f = tl.two_layer(SINE)
    np.testing.assert_allclose(flow.test[1], f(init, flow.V[1] - init.W0, x_test), rtol=1e-12)

    # Its velocity is minus the gradient of the loss.
    def objective(W):
        return 0.5 * jnp.sum((f(init, W, x) - y) ** 2)

    h = 1e-4
    step = tl.particle_flow(SINE, init, x, y, alpha=8**0.5, times=[0.0, h], rtol=1e-12)
    velocity = (step.V[1] - step.V[0]) / h
    # One-sided difference: h times a second derivative of order one.
    np.testing.assert_allclose(velocity, -jax.grad(objective)(0 * init.W0), atol=1e-3)


@pytest.mark.parametrize("alpha", [1.0, 5.0])
def test_outputs_move_by_the_kernel_at_every_scale(alpha):
    init, x, y, x_test = problem()
    h = 1e-3
    flow = tl.particle_flow(
        SINE, init, x, y, alpha=alpha, times=[1 - h, 1.0, 1 + h], rtol=1e-12, x_test=x_test
    )
    K = tl.particle_ntk(SINE, flow.V[1], jnp.concatenate([x, x_test]))
    found = np.concatenate([flow.train, flow.test], axis=1)
    # Central differences.
    np.testing.assert_allclose(
        (found[2] - found[0]) / (2 * h), -K[:, :4] @ (flow.train[1] - y), atol=1e-5
    )
    assert np.diff(((flow.train - y) ** 2).sum(axis=1)).max() < 0


def test_copies_of_particles_change_nothing_and_weights_count_copies():
    init, x, y, x_test = problem(4)
    options = {"alpha": 1.0, "times": [2.0], "x_test": x_test}
    once = tl.particle_flow(SINE, init, x, y, **options)
    twice = jax.tree.map(lambda v: jnp.concatenate([v, v]), init)
    again = tl.particle_flow(SINE, twice, x, y, **options)
    np.testing.assert_allclose(again.test, once.test, rtol=1e-7)
    # The first particle three times, the second once, against weights 3 : 1.
    rows = jnp.array([0, 0, 0, 1])
    copies = jax.tree.map(lambda v: v[rows], init)
    pair = jax.tree.map(lambda v: v[:2], init)
    many = tl.particle_flow(SINE, copies, x, y, **options)
    few = tl.particle_flow(SINE, pair, x, y, weights=jnp.array([0.75, 0.25]), **options)
    np.testing.assert_allclose(few.test, many.test, rtol=1e-7)
    np.testing.assert_allclose(
        tl.particle_ntk(SINE, few.V[0], x, jnp.array([0.75, 0.25])),
        tl.particle_ntk(SINE, many.V[0], x),
        rtol=1e-6,
    )


def test_kernel_moves_as_the_inverse_square_of_the_scale():
    init, x, y, _ = problem(16, True)
    drifts = []
    for alpha in (10.0, 20.0):
        V = tl.particle_flow(SINE, init, x, y, alpha=alpha, times=[0.0, 5.0]).V
        drifts.append(tl.trajectory.kernel_drift(*(tl.particle_ntk(SINE, v, x) for v in V[::-1])))
    # A relative correction of order alpha^-2.
    assert drifts[0] / drifts[1] == pytest.approx(4, rel=0.05)


def test_weighted_particles_stand_for_infinitely_many():
    x = tl.inputs.sphere(5, 3, key=jax.random.key(0), radius=2.0)
    cloud, weights = gaussian_particles(14, 3, input_norm=2.0)
    K = tl.particle_ntk(SINE, cloud.W0, x, weights)
    np.testing.assert_allclose(K, tl.first_layer_ntk(SINE)(x, x, input_norm=2.0), atol=1e-9)
    assert float(weights.sum()) == pytest.approx(1)
    assert float(weights @ cloud.a) == pytest.approx(0, abs=1e-15)


def test_limit_dynamics_do_not_depend_on_the_number_of_nodes():
    _, x, y, x_test = problem()
    found = []
    for nodes in (6, 12, 18):
        cloud, weights = gaussian_particles(nodes, 2)
        flow = tl.particle_flow(
            SINE, cloud, x, y, alpha=1.0, times=[0.5], x_test=x_test, weights=weights
        )
        found.append(flow.test)
    errors = [np.abs(f - found[-1]).max() for f in found[:-1]]
    # Faster than any power: twice the nodes gain more than the factor 2^4 of order four.
    assert errors[1] < errors[0] / 16
    # Far below the 0.1 by which a cloud of a hundred random particles is off.
    assert errors[1] < 1e-3


def test_alignment_is_the_share_above_chance():
    beta = jnp.array([0.0, 3.0, 0.0])
    V = jnp.array([[0.0, 2.0, 0.0], [2.0, 0.0, 0.0]])
    assert alignment(V, beta) == pytest.approx(1 / 2 - 1 / 3)
    assert alignment(V, beta, jnp.array([0.75, 0.25])) == pytest.approx(3 / 4 - 1 / 3)
    with pytest.raises(ValueError, match="not zero"):
        alignment(V, 0 * beta)


def test_bad_input_is_named():
    init, x, y, _ = problem()
    with pytest.raises(ValueError, match="alpha must be"):
        tl.particle_flow(SINE, init, x, y, alpha=0.0, times=[1.0])
    with pytest.raises(ValueError, match="of sum 1"):
        tl.particle_flow(SINE, init, x, y, alpha=1.0, times=[1.0], weights=jnp.ones(8))
    with pytest.raises(ValueError, match="positive integers"):
        gaussian_particles(0, 2)
    with pytest.raises(ValueError, match="Take fewer nodes"):
        gaussian_particles(100, 4)
