"""Lanczos agrees with the dense Hessian."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import taylorlib as tl
from taylorlib import activations, losses


def point(m, d, seed):
    keys = jax.random.split(jax.random.key(seed), 4)
    init = tl.init_two_layer(m, d, key=keys[0])
    W, x = jax.random.normal(keys[1], (m, d)), jax.random.normal(keys[2], (6, d))
    return W, init, x, jax.random.normal(keys[3], (6,))


@pytest.mark.parametrize("m", [2, 10, 30])
@pytest.mark.parametrize("seed", range(3))
def test_smallest_eigenvalue_and_its_vector_are_those_of_the_dense_hessian(m, seed):
    L = tl.quadratic_objective(activations.gelu, losses.square, weight=0.01)

    def f(W, init, x, y):
        return L(init, W, x, y)

    W, *args = point(m, 3, seed)
    pair = tl.smallest_eigenpair(f)(W, *args)
    dense = np.asarray(jax.hessian(f)(W, *args)).reshape(3 * m, 3 * m)
    assert pair.value == pytest.approx(np.linalg.eigvalsh(dense)[0], rel=1e-6, abs=1e-10)
    v = pair.vector.ravel()
    assert pair.vector.shape == W.shape
    assert np.linalg.norm(v) == pytest.approx(1.0, rel=1e-10)
    np.testing.assert_allclose(dense @ v, pair.value * v, atol=1e-6)


def test_a_zero_hessian_and_very_small_problems_need_no_iteration():
    pair = tl.smallest_eigenpair(lambda W: W.sum())(jnp.ones((4, 2)))
    assert pair.value == 0
    assert np.linalg.norm(pair.vector) == pytest.approx(1.0)
    assert tl.smallest_eigenpair(lambda W: -(W**2).sum())(jnp.ones(1)).value == -2


def test_a_diverged_point_is_refused():
    with pytest.raises(ValueError, match="diverged"):
        tl.smallest_eigenpair(lambda W: (W**4).sum())(jnp.full((2, 2), jnp.inf))
