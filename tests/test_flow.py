"""Gradient flow as an ordinary differential equation."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import taylorlib as tl


def test_linear_flow_is_the_matrix_exponential():
    A = np.random.default_rng(0).standard_normal((4, 4))
    start = {"u": jnp.arange(1.0, 3.0), "v": jnp.array([[-1.0], [2.0]])}

    def velocity(s):
        flat = jnp.asarray(A) @ jnp.concatenate([s["u"], s["v"][:, 0]])
        return {"u": flat[:2], "v": flat[2:, None]}

    times = [0.0, 0.5, 2.0]
    path = tl.solve_flow(velocity, start, times)
    found = np.concatenate([path["u"], path["v"][..., 0]], axis=1)
    expected = np.stack([scipy.linalg.expm(A * t) @ [1, 2, -1, 2] for t in times])
    # A few dozen steps of relative error 1e-9 each.
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)


def test_what_cannot_be_solved_is_said():
    with pytest.raises(ValueError, match="must increase"):
        tl.solve_flow(lambda s: s, jnp.ones(1), [1.0, 0.5])
    with pytest.raises(ValueError, match="float32"):
        tl.solve_flow(lambda s: s, jnp.ones(1, jnp.float32), [1.0])
    with pytest.raises(ValueError, match="no solution beyond"):
        tl.solve_flow(lambda s: s**2, jnp.ones(1), [0.5, 2.0], rtol=1e-3)  # 1 / (1 - t)
