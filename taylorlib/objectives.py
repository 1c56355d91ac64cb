r"""What a classifier is trained on and judged by: losses of vectors of outputs, accuracy.

Targets are class numbers ``y[n]`` (integers) or vectors ``y[n, classes]``; for a network with one
output ``[n]`` they are numbers ``y[n]``, whose sign is the class.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

__all__ = ["accuracy", "cross_entropy", "squared_error"]


def _is_class_number(y: Array) -> bool:
    return jnp.issubdtype(jnp.asarray(y).dtype, jnp.integer)


def cross_entropy(outputs: Float[Array, "n classes"], y: Array) -> Float[Array, " n"]:
    r"""The loss $\ell=-\sum_cy_c\log p_c$ with $p=\mathrm{softmax}(f)$.

    Args:
        outputs: $f$.
        y: Class numbers ``[n]``, or probabilities ``[n, classes]``.

    Returns:
        One loss for each input, ``[n]``.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> tl.objectives.cross_entropy(jnp.zeros((1, 2)), jnp.array([1])).round(4).tolist()
        [0.6931]
    """
    if _is_class_number(y):
        return optax.softmax_cross_entropy_with_integer_labels(outputs, y)
    return optax.softmax_cross_entropy(outputs, y)


def squared_error(outputs: Float[Array, "n ..."], y: Array) -> Float[Array, " n"]:
    r"""The loss $\ell=\frac12\|f-y\|^2$, with $y$ the unit vector of the class for class numbers.

    Args:
        outputs: $f$, ``[n, classes]`` or ``[n]``.
        y: Class numbers ``[n]``, or targets of the shape of ``outputs``.

    Returns:
        One loss for each input, ``[n]``.

    Raises:
        ValueError: If real targets don't have the shape of the outputs.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> tl.objectives.squared_error(jnp.zeros((1, 3)), jnp.array([2])).tolist()
        [0.5]
    """
    if _is_class_number(y):
        y = jax.nn.one_hot(y, outputs.shape[-1], dtype=outputs.dtype)
    if y.shape != outputs.shape:
        # Broadcasting [n, 1] against [n] would make n^2 residuals without a word.
        raise ValueError(f"targets have shape {y.shape}, outputs {outputs.shape}; make them equal.")
    return optax.l2_loss(outputs, y).reshape(len(outputs), -1).sum(axis=1)


def accuracy(outputs: Float[Array, "n ..."], y: Array) -> Float[Array, ""]:
    """The fraction of inputs whose class is predicted: by the largest output, or by the sign.

    Args:
        outputs: ``[n, classes]``, or ``[n]`` for two classes told by the sign.
        y: As for ``squared_error``.

    Returns:
        A number between 0 and 1.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> outputs = jnp.array([[0.1, 0.9], [0.8, 0.2]])
        >>> float(tl.objectives.accuracy(outputs, jnp.array([1, 1])))
        0.5
    """
    if outputs.ndim == 1:
        return ((outputs > 0) == (y > 0)).mean()
    return (outputs.argmax(-1) == (y if _is_class_number(y) else y.argmax(-1))).mean()
