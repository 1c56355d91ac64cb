r"""Random numbers of any shape from a few compiled programs.

``jax.random.normal`` is compiled again for every shape, for up to a second each on a CPU. JAX
numbers the entries of a draw in row-major order and makes each of them from the key and its
number, so a short draw is the beginning of a longer one: here the number of entries is rounded
up to one of a few sizes, and the surplus is cut off. **The numbers are those of** ``jax.random``.
"""

import math
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Array

__all__ = ["normal", "rademacher"]

SIZES = (2**12, 2**16, 2**18, 2**20)
"""What numbers of entries are rounded up to; larger draws are compiled as they are."""


def normal(key: Array, shape: tuple[int, ...], dtype=float) -> np.ndarray | Array:
    """Standard Gaussian numbers, equal to ``jax.random.normal(key, shape, dtype)``.

    Args:
        key: A JAX random key.
        shape: Shape of the result.
        dtype: Its dtype; float64 is float32 unless JAX has it enabled.

    Returns:
        A NumPy array, whose arithmetic needs no compilation; inside ``jit`` or ``vmap`` an array
        of JAX.

    Examples:
        >>> import jax
        >>> from taylorlib import draws
        >>> key = jax.random.key(0)
        >>> bool((draws.normal(key, (3, 2)) == jax.random.normal(key, (3, 2))).all())
        True
    """
    return _first(jax.random.normal, key, shape, dtype)


def rademacher(key: Array, shape: tuple[int, ...], dtype=float) -> np.ndarray | Array:
    """Random signs, equal to ``jax.random.rademacher(key, shape, dtype)``.

    Args:
        key: As for ``normal``.
        shape: As for ``normal``.
        dtype: As for ``normal``.

    Returns:
        As ``normal``.

    Examples:
        >>> import jax
        >>> from taylorlib import draws
        >>> key = jax.random.key(0)
        >>> bool((draws.rademacher(key, (9,)) == jax.random.rademacher(key, (9,), float)).all())
        True
    """
    return _first(jax.random.rademacher, key, shape, dtype)


def _first(draw: Callable, key: Array, shape: tuple[int, ...], dtype) -> np.ndarray | Array:
    dtype = jax.dtypes.canonicalize_dtype(dtype)
    if isinstance(key, jax.core.Tracer):
        return draw(key, shape, dtype)
    count = math.prod(shape)
    if count > SIZES[-1] or not _begins_alike(key):
        return np.asarray(draw(key, shape, dtype))
    size = next(size for size in SIZES if size >= count)
    return np.asarray(draw(key, (size,), dtype))[:count].reshape(shape)


def _begins_alike(key: Array) -> bool:
    """Whether a short draw is the beginning of a long one: so in JAX's standard generator.

    Of the generator ``rbg`` it is true on a CPU, but its numbers depend on the device.
    """
    typed = jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
    kind = jax.random.key_impl(key) if typed else jax.config.jax_default_prng_impl
    return jax.config.jax_threefry_partitionable and str(kind) == "threefry2x32"
