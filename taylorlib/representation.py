r"""Fixed representations of the input: random features with biases, and their whitening.

A random feature is $g_j(x)=\psi(v_j^\top x+b_j)$ with $v_j$ uniform on the unit sphere of
$\mathbb R^d$ and $b_j\sim N(0,1)$. For $\|x\|=\sqrt d$ the projection $v_j^\top x$ has variance 1.
The features of $x$ are far from isotropic; whitening multiplies them by a root of the inverse of
$\Sigma=E\,g(x)g(x)^\top$ (not centred: the constant is a feature like any other), which is
estimated from points without labels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from taylorlib import activations, draws

__all__ = [
    "DegreeTwo",
    "RandomFeatures",
    "Whitened",
    "degree_two",
    "profile",
    "random_features",
    "represent",
    "second_moment",
    "whiten",
]

_PROFILES = {
    "quadratic": jnp.square,
    "gelu": activations.gelu,
    "relu": activations.relu,
    "indicator": activations.relu.derivative(1),
}
_METHODS = ("pseudo-inverse", "ridge", "truncate")
_BATCH = 2048


def _tree(*, static: tuple[str, ...] = ()):
    """A frozen dataclass whose arrays are arguments of a compiled function, not constants."""

    def register(cls):
        cls = dataclass(frozen=True, eq=False)(cls)
        arrays = [name for name in cls.__annotations__ if name not in static]
        return jax.tree_util.register_dataclass(cls, arrays, list(static))

    return register


@_tree(static=("kind",))
class RandomFeatures:
    r"""The map $x\mapsto(\psi(v_j^\top x+b_j))_{j\le D}$; call it with ``x[n, d]``.

    Attributes:
        V: The directions, ``[D, d]``.
        b: The biases, ``[D]``.
        kind: The name of $\psi$.
    """

    V: Float[Array, "D d"]
    b: Float[Array, " D"]
    kind: str

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n D"]:
        """The features ``[n, D]``."""
        x = _check_dimension(x, self.V.shape[1])
        V, b = (v.astype(x.dtype) for v in (self.V, self.b))  # the inputs' precision rules
        return _PROFILES[self.kind](x @ V.T + b)


@_tree()
class DegreeTwo:
    r"""The harmonics of degree at most two; call it with ``x[n, d]``.

    Attributes:
        contrasts: Orthonormal vectors orthogonal to $(1,\dots,1)$, ``[d, d - 1]``.
    """

    contrasts: Float[Array, "d e"]

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n D"]:
        """The features ``[n, d (d + 3) / 2]``."""
        d = len(self.contrasts)
        x = _check_dimension(x, d)
        rows, columns = np.triu_indices(d, 1)
        scale = math.sqrt((d + 2) / d)
        return jnp.concatenate(
            [
                jnp.ones_like(x[:, :1]),
                x,
                scale * x[:, rows] * x[:, columns],
                scale / math.sqrt(2) * x**2 @ self.contrasts.astype(x.dtype),
            ],
            axis=1,
        )


@_tree()
class Whitened:
    r"""The map $x\mapsto T^\top g(x)$; call it with ``x[n, d]``.

    Attributes:
        features: The map $g$.
        transform: The matrix $T$, ``[D0, D]``, from $D_0$ features to $D$ whitened ones.
        eigenvalues: All eigenvalues of the estimated $\Sigma$, largest first, ``[D0]``.
    """

    features: Callable
    transform: Float[Array, "D0 D"]
    eigenvalues: Float[Array, " D0"]

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n D"]:
        """The whitened features ``[n, D]``."""
        g = self.features(x)
        return g @ self.transform.astype(g.dtype)


def profile(kind: str) -> Callable:
    r"""The function $\psi$ of a kind of random feature.

    $t^2$ for ``"quadratic"``, $t\Phi(t)$ for ``"gelu"``, $\max(t,0)$ for ``"relu"``, and 1 if
    $t>0$, else 0, for ``"indicator"``.

    Args:
        kind: Its name.

    Returns:
        The function, elementwise.

    Raises:
        ValueError: If there is no such kind.

    Examples:
        >>> import taylorlib as tl
        >>> float(tl.representation.profile("quadratic")(3.0))
        9.0
    """
    if kind not in _PROFILES:
        raise ValueError(f"kind must be one of {', '.join(_PROFILES)}; got {kind!r}.")
    return _PROFILES[kind]


def random_features(kind: str, D: int, d: int, *, key: Array) -> RandomFeatures:
    r"""Draw $D$ random features with biases, $\psi(v_j^\top x+b_j)$.

    Args:
        kind: $\psi$ by name, as in ``profile``. The indicator units are those of the paper.
        D: Number of features.
        d: Dimension of the input.
        key: Random key.

    Returns:
        The map from ``x[n, d]`` to ``[n, D]``, a tree of arrays that compiled functions take as
        an argument.

    Raises:
        ValueError: If there is no such kind or a size is not positive.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> g = tl.random_features("relu", 10, 3, key=jax.random.key(0))
        >>> g(jnp.ones((5, 3))).shape
        (5, 10)

    References:
        Chen et al. (2020), arXiv 2006.13436, for the representation by indicators.
    """
    profile(kind)
    if D < 1 or d < 1:
        raise ValueError(f"random features need D >= 1 and d >= 1, got D = {D} and d = {d}.")
    keys = jax.random.split(key)
    V = draws.normal(keys[0], (D, d))
    V = jnp.asarray(V / (V * V).sum(axis=1, keepdims=True) ** 0.5)
    return RandomFeatures(V, jnp.asarray(draws.normal(keys[1], (D,))), kind)


def degree_two(d: int) -> DegreeTwo:
    r"""All harmonics of degree at most two, exactly whitened for $x$ uniform on the sphere.

    The $D=d(d+3)/2$ features, orthonormal in $L_2$ of the sphere of radius $\sqrt d$, are

    $$1,\quad x_i,\quad\sqrt{\tfrac{d+2}d}\,x_ix_j\ (i<j),\quad
    \sqrt{\tfrac{d+2}{2d}}\,\textstyle\sum_iu_{ik}x_i^2$$

    with $u_1,\dots,u_{d-1}$ orthonormal and orthogonal to $(1,\dots,1)$. On the sphere
    $\|h(x)\|^2=D$ for every $x$ (addition theorem).

    Args:
        d: Dimension of the input, at least 2.

    Returns:
        The map from ``x[n, d]`` to ``[n, d (d + 3) / 2]``.

    Raises:
        ValueError: If ``d`` is less than 2.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> h = tl.degree_two(2)(jnp.array([[1.0, 1.0]]))
        >>> h.shape, round(float((h**2).sum()), 5)
        ((1, 5), 5.0)
    """
    if d < 2:
        raise ValueError(f"degree_two needs dimension d >= 2, got {d}.")
    # Helmert: row k compares coordinate k + 1 with the mean of those before it.
    k = np.arange(1, d)
    contrasts = np.triu(np.ones((d, d - 1)))
    contrasts[k, k - 1] = -k
    return DegreeTwo(jnp.asarray(contrasts / np.sqrt(k * (k + 1))))


def _check_dimension(x: Array, d: int) -> Array:
    x = jnp.asarray(x, jnp.result_type(x, jnp.float32))
    if x.ndim != 2 or x.shape[1] != d:
        raise ValueError(f"these features are for inputs [n, {d}], got shape {x.shape}.")
    return x


def _as_tree(features: Callable) -> Callable:
    is_leaf = jax.tree_util.all_leaves([features])
    return jax.tree_util.Partial(features) if is_leaf else features


@jax.jit
def _evaluate(features: Callable, x: Array) -> Array:
    return features(x)


def represent(features: Callable, x: Float[Array, "n d"]) -> Float[Array, "n D"]:
    r"""Evaluate a representation, compiled once for each dimension and number of batches.

    Args:
        features: A map from ``x[n, d]`` to ``[n, D]``.
        x: Inputs, ``[n, d]``.

    Returns:
        ``features(x)``.

    Raises:
        ValueError: If ``x`` is no matrix, or ``features`` does not return one row for each input.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> tl.representation.represent(tl.degree_two(2), jnp.ones((3, 2))).shape
        (3, 5)
    """
    x = jnp.asarray(x)
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"x must hold inputs [n, d] with n >= 1, got shape {x.shape}.")
    features = _as_tree(features)
    h = _evaluate.eval_shape(features, x)
    if h.ndim != 2 or h.shape[0] != len(x):
        raise ValueError(
            f"a representation must map inputs of shape {x.shape} to one row of features for each; "
            f"it returned shape {h.shape}."
        )
    if isinstance(x, jax.core.Tracer):
        return _evaluate(features, x)
    # zero rows up to full batches, so that many numbers of inputs share a program
    padded = np.pad(x, ((0, -len(x) % _BATCH), (0, 0)))
    return jnp.asarray(np.asarray(_evaluate(features, padded))[: len(x)])


def second_moment(features: Callable, x: Float[Array, "n d"]) -> np.ndarray:
    r"""The matrix $\hat\Sigma=\frac1n\sum_ig(x_i)g(x_i)^\top$, batch by batch.

    Products are added in float64 whatever the dtype of the features, so that eigenvalues far
    below the largest one survive.

    Args:
        features: A map from ``x[n, d]`` to ``[n, D]``.
        x: Inputs, ``[n, d]``.

    Returns:
        The symmetric matrix, ``[D, D]``, a NumPy array in float64.

    Raises:
        ValueError: If ``x`` is no matrix or a feature is not finite.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> tl.representation.second_moment(lambda x: 2 * x, jnp.eye(2)).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """
    x = np.asarray(x)
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"x must hold inputs [n, d] with n >= 1, got shape {x.shape}.")
    features, total = _as_tree(features), 0.0
    for start in range(0, len(x), _BATCH):
        batch = x[start : start + _BATCH]
        # One shape for all batches, so that it is compiled once.
        padded = np.pad(batch, ((0, _BATCH - len(batch)), (0, 0)))
        g = np.asarray(_evaluate(features, padded), float)[: len(batch)]
        total = total + g.T @ g
    if not np.isfinite(total).all():
        raise ValueError(
            f"a feature of one of the {len(x)} inputs is not finite. Look for NaN or very large "
            "values in x."
        )
    return total / len(x)


def whiten(
    features: Callable,
    x_unlabelled: Float[Array, "n d"],
    *,
    method: str = "pseudo-inverse",
    rank: int | None = None,
    ridge: float | None = None,
) -> Whitened:
    r"""Whiten features by the eigenvectors of their second moment on unlabelled points.

    With $\hat\Sigma=\sum_i\lambda_iu_iu_i^\top$, $\lambda_1\ge\lambda_2\ge\dots$, the features
    $h_i(x)=\omega_iu_i^\top g(x)$ are

    - ``"pseudo-inverse"``: $\omega_i=\lambda_i^{-1/2}$ for all $\lambda_i>0$,
    - ``"truncate"``: the same for the first ``rank`` of them only,
    - ``"ridge"``: $\omega_i=(\lambda_i+\rho)^{-1/2}$ with $\rho=$ ``ridge`` times the trace of
      $\hat\Sigma$.

    They are $\hat\Sigma^{+1/2}g$ and its relatives in the coordinates $u_i$; norms and inner
    products are the same, and dead or repeated features drop out. An eigenvalue counts as zero
    if it is less than the rounding errors of the features can make it, $\lambda_1$ times
    the larger of $(D_0\epsilon_g)^2$ and $D_0\epsilon_{64}$, with $D_0$ features of machine
    precision $\epsilon_g$ and $\epsilon_{64}$ that of float64.

    Args:
        features: The map $g$ from ``x[n, d]`` to ``[n, D0]``.
        x_unlabelled: At least $D_0$ inputs, which should not be those of the training set;
            reliable from about $20D_0$ on.
        method: As above.
        rank: How many directions ``"truncate"`` keeps.
        ridge: The weight of ``"ridge"``, positive.

    Returns:
        The map $h$ from ``x[n, d]`` to ``[n, D]``.

    Raises:
        ValueError: On an unknown method, a missing, superfluous or impossible ``rank`` or
            ``ridge``, fewer points than features, features that are not finite or all zero.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> keys = jax.random.split(jax.random.key(0))
        >>> g = tl.random_features("quadratic", 12, 3, key=keys[0])
        >>> h = tl.whiten(g, jax.random.normal(keys[1], (300, 3)), method="truncate", rank=9)
        >>> h(jax.numpy.ones((2, 3))).shape
        (2, 9)
    """
    _check_method(method, rank, ridge)
    x_unlabelled = jnp.asarray(x_unlabelled)
    shape = jax.eval_shape(features, x_unlabelled)
    D0 = shape.shape[1]
    if len(x_unlabelled) < D0:
        raise ValueError(
            f"the second moment of {D0} features needs at least as many unlabelled points, "
            f"better 20 times as many; got {len(x_unlabelled)}."
        )
    values, vectors = np.linalg.eigh(second_moment(features, x_unlabelled))
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = max((D0 * float(jnp.finfo(shape.dtype).eps)) ** 2, D0 * np.finfo(float).eps)
    positive = int((values > noise * values[0]).sum())
    if positive == 0:
        raise ValueError("all features are zero on the unlabelled points: nothing to whiten.")
    if method == "truncate" and rank > positive:
        raise ValueError(
            f"rank must not exceed the {positive} positive eigenvalues of the second moment, "
            f"got {rank}."
        )
    kept = rank if method == "truncate" else positive
    shift = ridge * values.sum() if method == "ridge" else 0.0
    transform = vectors[:, :kept] / np.sqrt(values[:kept] + shift)
    return Whitened(
        _as_tree(features),
        jnp.asarray(transform, shape.dtype),
        jnp.asarray(np.maximum(values, 0), shape.dtype),
    )


def _check_method(method: str, rank: int | None, ridge: float | None) -> None:
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}; got {method!r}.")
    if (rank is None) == (method == "truncate") or (rank is not None and rank < 1):
        raise ValueError(f"'truncate', and only it, takes a rank of at least 1; got {rank}.")
    if (ridge is None) == (method == "ridge") or (
        ridge is not None and not (math.isfinite(ridge) and ridge > 0)
    ):
        raise ValueError(f"'ridge', and only it, takes a positive weight ridge; got {ridge}.")
