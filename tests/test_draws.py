"""Draws that are compiled for few sizes: the numbers of jax.random, of every shape."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taylorlib import draws

PAIRS = [(draws.normal, jax.random.normal), (draws.rademacher, jax.random.rademacher)]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (4096,), (4097,), (100, 5, 3)])
@pytest.mark.parametrize("make_key", [jax.random.key, jax.random.PRNGKey])
def test_numbers_are_those_of_jax(ours, theirs, shape, make_key):
    found = ours(make_key(3), shape)
    expected = theirs(make_key(3), shape, float)
    assert isinstance(found, np.ndarray)
    assert found.dtype == expected.dtype
    assert found.shape == shape
    assert (found == np.asarray(expected)).all()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_dtype_that_is_asked_for(ours, theirs):
    found = ours(jax.random.key(0), (9,), jnp.float32)
    assert found.dtype == np.float32
    assert (found == np.asarray(theirs(jax.random.key(0), (9,), jnp.float32))).all()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_inside_of_a_compiled_function(ours, theirs):
    keys = jax.random.split(jax.random.key(1), 3)
    found = jax.jit(jax.vmap(lambda key: ours(key, (5,))))(keys)
    assert (found == jnp.stack([theirs(key, (5,), float) for key in keys])).all()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_scheme_whose_short_draws_begin_no_long_one(ours, theirs):
    with jax.threefry_partitionable(False):
        key = jax.random.key(2)
        short, long = theirs(key, (9,), float), theirs(key, (draws.SIZES[0],), float)
        assert (short != long[:9]).any(), "this scheme does begin alike: the test needs another one"
        assert (ours(key, (9,)) == np.asarray(short)).all()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_other_generators(ours, theirs, impl):
    key = jax.random.key(2, impl=impl)
    assert (ours(key, (9,)) == np.asarray(theirs(key, (9,), float))).all()
