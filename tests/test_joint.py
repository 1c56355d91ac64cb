"""Kernel and quadratic term as one: gradient, elimination of the kernel, and what each learns."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import taylorlib as tl
from taylorlib import joint, quadratic

N, D, M = 12, 4, 6
KEYS = jax.random.split(jax.random.key(0), 5)
X = tl.inputs.sphere(N, D, key=KEYS[0])
Y = X[:, 0] + X[:, 1] * X[:, 2]


def kernel(u, v):
    return u @ v.T


def parts():
    gates = jax.random.normal(KEYS[1], (M, N))
    W = jax.random.normal(KEYS[2], (M, D))
    half = jax.random.normal(KEYS[3], (N, N))
    return gates, W, X, Y, half @ half.T / N


def test_gradient_is_that_of_autodiff():
    gates, W, *rest = parts()
    _, gradient = joint.objective_and_gradient(gates, W, *rest, 0.3)
    expected = jax.grad(lambda V: joint.objective_and_gradient(gates, V, *rest, 0.3)[0])(W)
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-12)


def test_diagonal_weights_give_the_objective_of_the_quadratic_model():
    gates, W, x, y, _ = parts()
    weights = jnp.arange(1.0, N + 1)
    found = joint.objective_and_gradient(gates, W, x, y, jnp.diag(weights), 0.3)
    expected = quadratic.objective_and_gradient(gates, W, x, y, weights, 0.3)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_fit_has_the_smallest_objective_over_kernel_and_movement():
    ridge, strength = 0.5, 1e-3
    fit = joint.fit_joint(
        X, Y, kernel=kernel, ridge=ridge, key=KEYS[4], gates="constant", m=M,
        regularizer=(strength,), iterations=(2000,),
    )  # fmt: skip
    K = kernel(X, X)

    def full(alpha, W):
        out = K @ alpha + tl.two_layer_term(fit.activation, 2)(fit.init, W, X)
        penalty = ridge * alpha @ K @ alpha / (2 * N) + strength * ((W**2).sum(1) ** 2).sum()
        return ((out - Y) ** 2).mean() / 2 + penalty

    assert float(full(fit.coefficients, fit.W)) == pytest.approx(fit.objectives[-1], rel=1e-9)
    pulls = jax.grad(full, argnums=(0, 1))(fit.coefficients, fit.W)
    # The kernel is eliminated exactly, W is found to the tolerance of L-BFGS.
    assert float(jnp.abs(pulls[0]).max()) < 1e-12
    assert float(jnp.abs(pulls[1]).max()) < 1e-5


def test_predictions_add_up_and_each_part_learns_its_degree():
    x = tl.inputs.sphere(160, 8, key=KEYS[0])
    target = lambda v: v[:, 0] + (v[:, 1] ** 2 - 1)  # noqa: E731
    fit = joint.fit_joint(
        x, target(x), kernel=kernel, ridge=1e-2, key=KEYS[1], gates="constant", m=16
    )
    new = tl.inputs.sphere(500, 8, key=KEYS[2])
    linear, square = fit.predict_linear(new), fit.predict_quadratic(new)
    np.testing.assert_allclose(fit.predict(new), linear + square, rtol=1e-12)
    # The kernel has degree 1 only and the quadratic term is even, so the split is forced.
    assert float(((linear - new[:, 0]) ** 2).mean()) < 1e-2
    assert float(((square - new[:, 1] ** 2 + 1) ** 2).mean()) < 0.1


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"ridge": 0.0}, "got 0.0"),
        ({"gates": "step"}, "got 'step'"),
        ({"iterations": (5,)}, "got 1 and 2"),
        ({"y": Y[:3]}, r"\(3,\)"),
    ],
)
def test_bad_input_is_named(changes, match):
    settings = {"y": Y, "kernel": kernel, "ridge": 1.0, "key": KEYS[0], "m": 4} | changes
    with pytest.raises(ValueError, match=match):
        joint.fit_joint(X, settings.pop("y"), **settings)


def test_width_is_not_seen_in_the_start():
    # Movement of size m^(-1/4) per neuron: the quadratic term keeps its size.
    sizes = []
    for m in (64, 1024):
        fit = joint.fit_joint(
            X, Y, kernel=kernel, ridge=1.0, key=KEYS[1], gates="constant", m=m,
            regularizer=(1e-3,), iterations=(1,),
        )  # fmt: skip
        sizes.append(math.sqrt(float((fit.W**2).sum(axis=1).mean())) * m**0.25)
    assert sizes[0] == pytest.approx(sizes[1], rel=0.3)
