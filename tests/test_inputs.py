"""Inputs have the norms, covariances and symmetries that their docstrings state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taylorlib import inputs

DRAWS = 20_000
dimensions = st.sampled_from([1, 2, 3, 7])
seeds = st.integers(0, 10_000)


def covariance(x):
    return np.asarray(x.T @ x / len(x))


@settings(max_examples=10)
@given(d=dimensions, radius=st.one_of(st.none(), st.floats(0.01, 100)), seed=seeds)
def test_sphere_has_its_radius(d, radius, seed):
    x = inputs.sphere(3, d, key=jax.random.key(seed), radius=radius)
    expected = d**0.5 if radius is None else radius
    np.testing.assert_allclose(jnp.linalg.norm(x, axis=1), expected, rtol=1e-12)


@settings(max_examples=20)
@given(d=dimensions, position=st.floats(0, 1), seed=seeds)
def test_spiked_inputs_have_norm_root_d_at_every_share(d, position, seed):
    share = 1 / d + position * (1 - 1 / d)
    x = inputs.spiked(5, d, key=jax.random.key(seed), share=share)
    np.testing.assert_allclose((x**2).sum(axis=1), d, rtol=1e-12)


# Standard errors: an entry x_i x_j of inputs with norm sqrt(d) has standard deviation at most
# d / 2, so that five of them are 2.5 d / sqrt(DRAWS).
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("share", [0.2, 0.3, 0.7, 0.95, 1.0])
def test_spiked_covariance_is_the_stated_one(share, seed):
    d = 5
    x = inputs.spiked(DRAWS, d, key=jax.random.key(seed), share=share)
    stated = np.diag([share * d] + [(1 - share) * d / (d - 1)] * (d - 1))
    assert np.abs(covariance(x) - stated).max() < 2.5 * d / DRAWS**0.5
    assert np.abs(x.mean(axis=0)).max() < 5 * (share * d / DRAWS) ** 0.5


@pytest.mark.parametrize("seed", [0, 1])
def test_sphere_covariance_is_a_multiple_of_the_identity(seed):
    x = inputs.sphere(DRAWS, 4, key=jax.random.key(seed))
    assert np.abs(covariance(x) - np.eye(4)).max() < 2.5 * 4 / DRAWS**0.5


@pytest.mark.parametrize("seed", [0, 1])
def test_spiked_with_share_one_over_d_is_uniform_on_the_sphere(seed):
    # On the sphere of radius sqrt(d) the mean of x_j^4 is 3 d / (d + 2) for every axis; with a
    # sign in place of a beta variable the first would be 1. Its deviation is below 4 at d = 5.
    x = inputs.spiked(DRAWS, 5, key=jax.random.key(seed), share=1 / 5)
    assert np.abs((x**4).mean(axis=0) - 15 / 7).max() < 5 * 4 / DRAWS**0.5


@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 4096, 4097])
def test_spiked_gives_as_many_inputs_as_asked_for(n):
    x = inputs.spiked(n, 3, key=jax.random.key(0), share=0.5)
    assert x.shape == (n, 3)
    assert len(np.unique(x[:, 0])) == n


def test_rank_one_inputs_lie_on_one_axis_with_both_signs():
    x = inputs.spiked(50, 3, key=jax.random.key(0), share=1.0)
    assert (x[:, 1:] == 0).all()
    assert set(np.sign(x[:, 0]).tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("seed", [0, 1])
def test_gaussian_has_its_covariance_even_if_singular(seed):
    root = np.array([[1.0, 0.0], [0.5, 0.0], [-2.0, 1.0]])
    stated = root @ root.T  # rank 2
    x = inputs.gaussian(DRAWS, 3, key=jax.random.key(seed), covariance=jnp.asarray(stated))
    assert np.abs(covariance(x) - stated).max() < 5 * 5 * 2**0.5 / DRAWS**0.5
    null = np.linalg.svd(root.T)[2][-1]
    assert np.abs(x @ null).max() < 1e-6


def test_gaussian_without_covariance_is_standard():
    x = inputs.gaussian(DRAWS, 3, key=jax.random.key(3))
    assert np.abs(covariance(x) - np.eye(3)).max() < 5 * 2**0.5 / DRAWS**0.5


KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: inputs.sphere(0, 3, key=KEY), "n and d must be positive integers, got n=0, d=3"),
        (lambda: inputs.spiked(3, -1, key=KEY, share=1.0), "got n=3, d=-1"),
        (lambda: inputs.sphere(3, 3, key=KEY, radius=0.0), "radius must be a positive number"),
        (lambda: inputs.sphere(3, 3, key=KEY, radius=float("nan")), "got nan"),
        (lambda: inputs.spiked(3, 4, key=KEY, share=0.1), "between 1/d = 0.25 .* got 0.1"),
        (lambda: inputs.spiked(3, 4, key=KEY, share=1.5), "and 1 .rank one., got 1.5"),
        (lambda: inputs.spiked(3, 4, key=KEY, share=float("nan")), "got nan"),
        (
            lambda: inputs.gaussian(3, 2, key=KEY, covariance=jnp.ones(2)),
            r"shape \(2, 2\), got shape \(2,\). For given variances use jnp.diag",
        ),
        (
            lambda: inputs.gaussian(3, 2, key=KEY, covariance=jnp.array([[1.0, 1.0], [0, 1.0]])),
            "must be symmetric",
        ),
        (
            lambda: inputs.gaussian(3, 2, key=KEY, covariance=jnp.diag(jnp.array([1.0, -2.0]))),
            "smallest eigenvalue is -2",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
