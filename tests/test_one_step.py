"""One step and ridge: the weights are gradients, the second layer is leave-one-out ridge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import taylorlib as tl
from taylorlib import one_step
from taylorlib.gradients import first_gradient, subspace_share

SINE = tl.activations.sine()
X = tl.inputs.gaussian(300, 5, key=jax.random.key(0))
Y = X[:, 0] ** 2 - 1 + X[:, 0] * X[:, 1]


def test_weights_after_the_step_are_gradients_of_the_first_part_in_pairs():
    fit = one_step.fit_one_step(X, Y, key=jax.random.key(1), m=16, share=0.4)
    assert float((fit.W**2).sum(axis=1).mean()) == pytest.approx(1, rel=1e-12)
    np.testing.assert_array_equal(fit.W[:8], -fit.W[8:])
    half = tl.inputs.sphere(8, 5, key=jax.random.split(jax.random.key(1))[0], radius=1.0)
    G = first_gradient(SINE, half, X[:120], Y[:120])
    np.testing.assert_allclose(fit.W[:8] / fit.W[0, 0], G / G[0, 0], rtol=1e-10)


def test_second_layer_solves_the_normal_equations_with_the_best_left_out_ridge():
    P = np.asarray(jax.random.normal(jax.random.key(2), (30, 12)))
    y = P[:, 0] + np.asarray(jax.random.normal(jax.random.key(3), (30,)))
    ridges = (1e-3, 1e-1, 10.0)
    a, ridge = one_step._second_layer(P, y, ridges)
    scale = (P**2).sum() / len(P)
    errors = []
    for r in ridges:
        left_out = []
        for i in range(30):
            keep = np.arange(30) != i
            gram = P[keep].T @ P[keep] + r * scale * np.eye(12)
            left_out.append(y[i] - P[i] @ np.linalg.solve(gram, P[keep].T @ y[keep]))
        errors.append(np.mean(np.square(left_out)))
    assert ridge == pytest.approx(ridges[int(np.argmin(errors))] * scale)
    np.testing.assert_allclose((P.T @ P + ridge * np.eye(12)) @ a, P.T @ y, rtol=1e-9, atol=1e-9)


def test_the_step_finds_the_subspace_and_the_error_falls():
    fits = [one_step.fit_one_step(X, Y, key=jax.random.key(4), m=64, step=s) for s in (True, False)]
    shares = [subspace_share(fit.W, jnp.eye(5)[:2]) for fit in fits]
    # Random weights have 2/5; 150 samples are six times d^2.
    assert shares[0] > 0.75 > 0.55 > shares[1]
    points = tl.inputs.gaussian(1000, 5, key=jax.random.key(5))
    truth = points[:, 0] ** 2 - 1 + points[:, 0] * points[:, 1]
    errors = [float(((fit.predict(points) - truth) ** 2).mean()) for fit in fits]
    assert errors[0] < 0.3 * float((truth**2).mean())


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"m": 7}, "got 7"),
        ({"share": 1.0}, "got 1.0"),
        ({"share": 0.003}, "got 1 and 299"),
        ({"ridges": (0.0,)}, "positive"),
    ],
)
def test_bad_input_is_named(changes, match):
    with pytest.raises(ValueError, match=match):
        one_step.fit_one_step(X, Y, key=jax.random.key(0), **({"m": 8} | changes))
