"""Saddles are left by perturbation and by fresh signs, not by plain descent."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import taylorlib as tl
from taylorlib import activations, losses


def saddle(W, key):
    """A strict saddle at 0 with minima at (0, 1) and (0, -1)."""
    del key
    return W[0] ** 2 + (W[1] ** 2 - 1) ** 2


def perturbed(**kwargs):
    default = {"radius": 1e-3, "threshold": 1e-6, "patience": 10, "key": jax.random.key(0)}
    return tl.perturbed_descent(0.05, **(default | kwargs))


def run(optimizer, f=saddle, steps=400, W=None, **kwargs):
    W = jnp.zeros(2) if W is None else W
    return tl.descend(f, W, optimizer=optimizer, steps=steps, key=jax.random.key(1), **kwargs)


def test_plain_descent_stays_at_the_saddle_for_ever():
    path = run(optax.sgd(0.05))
    assert not jnp.any(path.W)
    assert not jnp.any(path.gradient_norm)


@pytest.mark.parametrize("seed", range(5))
def test_perturbed_and_noisy_descent_leave_it(seed):
    key = jax.random.key(seed)
    path = run(perturbed(key=key))
    assert float(path.objective[-1]) < 1e-5
    path = run(tl.noisy_descent(0.05, noise=1e-3, key=key))
    assert float(path.objective[-1]) < 1e-4


def test_perturbation_is_a_point_of_the_ball_and_waits():
    # A function without slope: only the jumps move.
    rule = perturbed(radius=0.5, patience=4)
    path = run(rule, f=lambda W, key: 0.0 * W.sum(), steps=12, W=jnp.zeros(50), every=1)
    moves = np.linalg.norm(np.diff(path.snapshots, axis=0), axis=1)
    assert (moves > 0).tolist() == [True, False, False, False] * 3
    jumps = moves[moves > 0]
    # Uniform in the ball of R^50: radius * U^(1/50), so nearly all the way out.
    assert ((jumps > 0.5 * 0.7) & (jumps <= 0.5)).all()


def test_perturbation_has_the_precision_of_the_weights():
    path = run(perturbed(patience=1), W=jnp.zeros(2, jnp.float32), steps=5)
    assert path.W.dtype == jnp.float32
    assert jnp.any(path.W)


def test_perturbed_descent_is_descent_where_the_gradient_is_large():
    W = jnp.array([0.3, 0.4])
    path = run(perturbed(), W=W, steps=1)
    np.testing.assert_allclose(path.W, W - 0.05 * jax.grad(saddle)(W, None), rtol=1e-12)


def test_noisy_descent_has_the_stated_standard_deviation():
    rule = tl.noisy_descent(0.1, noise=2.0, key=jax.random.key(3))
    path = run(rule, f=lambda W, key: 0.0 * W.sum(), steps=1, W=jnp.zeros(20_000))
    # The sample standard deviation of 20,000 normals is off by 1 / sqrt(40,000) = .5 %.
    assert float(path.W.std()) == pytest.approx(0.2, rel=0.02)


def test_every_step_gets_fresh_signs():
    m = 64
    drawn = run(
        optax.sgd(1.0),
        f=lambda W, key: -(W * tl.random_signs(m, key=key)).sum(),
        steps=200,
        W=jnp.zeros(m),
        every=1,
    )
    signs = np.diff(np.asarray(drawn.snapshots), axis=0)
    assert (np.abs(signs) == 1).all()
    assert len({tuple(s) for s in signs}) == 200
    # The end is a random walk: 200 equal steps would end at +-200 in every coordinate.
    assert np.abs(drawn.W).max() < 6 * math.sqrt(200)


def test_fresh_signs_leave_the_saddle_of_the_network_and_pairs_stay():
    keys = jax.random.split(jax.random.key(5), 3)
    init = tl.init_two_layer(64, 3, key=keys[0], input_norm=1.0)
    x = jax.random.normal(keys[1], (20, 3))
    x /= jnp.linalg.norm(x, axis=1, keepdims=True)
    y = 2 * x[:, 0] ** 2
    ends = {}
    for pairs in (True, False):
        N = tl.coupled_objective(activations.sine(), losses.log_cosh, weight=1e-3, antithetic=pairs)

        def f(W, key, N=N):
            return N(init, W, tl.random_signs(64, key=key, draws=4), x, y)

        path = functools.partial(run, f=f, steps=1500, W=jnp.zeros((64, 3)))(optax.sgd(0.5))
        ends[pairs] = (float(jnp.abs(path.W).max()), float(path.objective[-50:].mean()))
    start = float(losses.log_cosh(y, 0 * y).mean())
    assert ends[True][0] == 0
    assert ends[False][1] < 0.6 * start


def test_snapshots_are_the_points_of_the_path():
    path = run(optax.sgd(0.05), W=jnp.array([1.0, 0.5]), steps=6, every=3)
    assert path.snapshots.shape == (3, 2)
    np.testing.assert_array_equal(path.snapshots[-1], path.W)
    short = run(optax.sgd(0.05), W=jnp.array([1.0, 0.5]), steps=3)
    np.testing.assert_allclose(path.snapshots[1], short.W, rtol=1e-12)
    np.testing.assert_allclose(path.objective[0], saddle(jnp.array([1.0, 0.5]), None))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: perturbed(radius=0.0), "radius must be a positive number, got 0.0"),
        (lambda: perturbed(patience=0), "got 1e-06 and 0"),
        (lambda: perturbed(threshold=-1.0), "got -1.0 and 10"),
        (lambda: tl.noisy_descent(0.0, noise=1.0, key=jax.random.key(0)), "got 0.0"),
        (lambda: tl.noisy_descent(1.0, noise=-1.0, key=jax.random.key(0)), "got -1.0"),
        (lambda: run(optax.sgd(1.0), steps=7, every=2), "every=2, steps=7"),
    ],
)
def test_bad_arguments_are_refused_with_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
