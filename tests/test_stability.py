"""The top of a Hessian and of a tangent kernel; the edge of stability at 2 / lambda_max."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import taylorlib as tl
from taylorlib import objectives


@pytest.fixture(scope="module")
def problem():
    keys = jax.random.split(jax.random.key(0), 3)
    params = tl.init_mlp([3, 6, 2], key=keys[0])
    x = jax.random.normal(keys[1], (9, 3))
    return tl.mlp(jnp.tanh), params, x, jax.random.normal(keys[2], (9, 2))


def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(problem):
    f, params, x, y = problem

    def objective(params, x, y):
        return objectives.squared_error(f(params, x), y).mean()

    flat, tree = ravel_pytree(params)
    H = jax.hessian(lambda p: objective(tree(p), x, y))(flat)
    expected = np.linalg.eigvalsh(H)
    # The smallest one is negative here: a search for the largest modulus is not enough in general.
    assert expected[0] < 0
    assert tl.sharpness(objective)(params, x, y) == pytest.approx(expected[-1], rel=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_sharpness_is_the_largest_not_the_one_of_largest_modulus(sign):
    curvature = sign * jnp.array([-9.0, 1.0, 2.0, 3.0])
    find = tl.sharpness(lambda w: (curvature * w**2).sum() / 2)
    assert find(jnp.ones(4)) == pytest.approx(3 if sign == 1 else 9, rel=1e-9)


def test_top_of_the_kernel_is_that_of_the_matrix(problem):
    f, params, x, _ = problem
    K = tl.trajectory.tangent_matrix(f, params, x)
    found = tl.stability.kernel_top(f)(params, x)
    assert found == pytest.approx(np.linalg.eigvalsh(K)[-1] / 9, rel=1e-6)
    assert tl.critical_rate(f)(params, x) == pytest.approx(2 / found, rel=1e-6)


@pytest.mark.parametrize(("multiple", "stable"), [(0.99, True), (1.01, False)])
def test_linear_model_is_stable_below_the_critical_rate_and_not_above(problem, multiple, stable):
    f, params, x, y = problem
    rate = multiple * tl.critical_rate(f)(params, x)
    K = tl.trajectory.tangent_matrix(f, params, x)
    residual = (f(params, x) - y).ravel()
    sizes = []
    for _ in range(1500):
        residual = residual - rate / 9 * K @ residual
        sizes.append(float(jnp.linalg.norm(residual)))
    assert (sizes[-1] < sizes[0]) == stable


def test_what_is_flat_or_small_or_not_finite():
    find = tl.sharpness(lambda w: (w**2).sum() * 0)
    assert find(jnp.ones(5)) == 0
    assert tl.sharpness(lambda w: (w**2).sum())(jnp.ones(1)) == pytest.approx(2)
    with pytest.raises(ValueError, match="not finite"):
        tl.sharpness(lambda w: (w**2).sum() * jnp.nan)(jnp.ones(5))
