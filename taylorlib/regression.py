r"""Kernel ridge regression at every sample size, from one factorization.

With nested samples, $K_n$ being the leading $n\times n$ block of one large kernel matrix, the
Cholesky factor of $K_n+\lambda I$ is the leading block of that of the largest matrix,
$LL^\top=K+\lambda I$. Put $a=L^{-1}y$ and $V=L^{-1}K(X,x)$. Then the predictor from the first $n$
samples is a partial sum, and its error at the next sample is on the diagonal:

$$\hat f_n(x)=\sum_{i\le n}V_i(x)\,a_i,\qquad y_n-\hat f_{n-1}(x_n)=L_{nn}a_n .$$
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

__all__ = [
    "LearningCurve",
    "choose_ridge",
    "kernel_learning_curve",
    "nested_coefficients",
]


class LearningCurve(NamedTuple):
    """Errors of kernel ridge regression against the number of samples.

    Attributes:
        sizes: The numbers of samples, ``[k]``.
        test_error: Mean squared error on the test set, ``[k]``; ``[r, k]`` for ``r`` ridges.
        prequential_error: Mean squared one-step-ahead error over the samples after the first
            half of the first ``n``, of the same shape. It needs no test set.
    """

    sizes: np.ndarray
    test_error: np.ndarray
    prequential_error: np.ndarray


def kernel_learning_curve(
    kernel_train: ArrayLike,
    y: ArrayLike,
    kernel_test: ArrayLike,
    y_test: ArrayLike,
    *,
    ridge: float | Sequence[float],
    sizes: Sequence[int] | None = None,
) -> LearningCurve:
    r"""Test error of kernel ridge regression on the first $n$ samples, for every $n$.

    $$\hat f_n(x)=K(x,X_n)\,(K_n+\lambda I)^{-1}y_n .$$

    Costs one Cholesky factorization of the largest matrix for each ridge. The errors at every
    ``n`` cost one more triangular solve with as many right-hand sides as test points; those at
    a few ``sizes`` almost nothing. Computed in the precision of the kernel.

    Args:
        kernel_train: $K(X,X)$, ``[n, n]``, symmetric and positive semidefinite; only its lower
            triangle is read. The order of the samples is the order in which they are added.
        y: Labels, ``[n]``.
        kernel_test: $K(x,X)$ with one row for each test point, ``[n_test, n]``.
        y_test: Labels of the test points, ``[n_test]``.
        ridge: $\lambda\ge0$, added to the diagonal as it is (not multiplied by $n$), or several.
        sizes: Sample sizes of interest, from 2 on; default: all from 2 to ``n``.

    Returns:
        A ``LearningCurve``, with a leading axis for the ridges if several are given.

    Raises:
        ValueError: If there are fewer than two samples, shapes do not fit, a value is not
            finite, a ridge is negative, a size is out of range, or ``kernel_train`` plus ridge
            is not positive definite.

    Examples:
        >>> import numpy as np
        >>> import taylorlib as tl
        >>> x = np.array([0.0, 1.0, 2.0])
        >>> K = np.exp(-np.abs(x[:, None] - x))
        >>> curve = tl.kernel_learning_curve(K, x, K[2:], x[2:], ridge=0.0)
        >>> curve.sizes.tolist(), curve.test_error.round(3).tolist()
        ([2, 3], [2.664, 0.0])

    References:
        Proved in the chapter on the limits of kernels.
    """
    K, y, K_test, y_test = _check(kernel_train, y, kernel_test, y_test)
    all_sizes = sizes is None
    sizes = _check_sizes(sizes, len(y))
    curves = []
    for value in np.atleast_1d(ridge):
        L, a = _factorize(K, y, value)
        if all_sizes:
            V = scipy.linalg.solve_triangular(L, K_test.T, lower=True, check_finite=False)
            V *= a[:, None]
            predictions = np.cumsum(V, axis=0, out=V)[sizes[0] - 1 :]
        else:
            predictions = _coefficients(L, a, sizes) @ K_test.T
        predictions -= y_test
        error = np.einsum("ij,ij->i", predictions, predictions) / len(y_test)
        curves.append((error, _prequential(L, a, sizes)))
    test, prequential = (np.stack(c) for c in zip(*curves, strict=True))
    if np.ndim(ridge) == 0:
        test, prequential = test[0], prequential[0]
    return LearningCurve(sizes, test, prequential)


def choose_ridge(curve: LearningCurve) -> tuple[LearningCurve, np.ndarray]:
    r"""At every size, the ridge with the smallest prequential error.

    The choice uses training data only, and at size ``n`` only the first ``n`` samples.

    Args:
        curve: A curve with several ridges.

    Returns:
        The curve of the chosen ridges, and which one was chosen at each size, as an index.

    Raises:
        ValueError: If the curve has one ridge only.

    Examples:
        >>> import numpy as np
        >>> import taylorlib as tl
        >>> K = np.eye(3) + 1
        >>> y = np.array([1.0, 1.0, 1.0])
        >>> curves = tl.kernel_learning_curve(K, y, K[:1], y[:1], ridge=[0.1, 10.0])
        >>> tl.regression.choose_ridge(curves)[1].tolist()
        [0, 0]
    """
    if curve.prequential_error.ndim != 2:
        raise ValueError(
            f"choose_ridge needs a curve of several ridges, errors of shape [ridges, sizes]; got "
            f"shape {curve.prequential_error.shape}."
        )
    best = curve.prequential_error.argmin(axis=0)
    picked = [
        np.take_along_axis(errors, best[None], axis=0)[0]
        for errors in (curve.test_error, curve.prequential_error)
    ]
    return LearningCurve(curve.sizes, *picked), best


def nested_coefficients(
    kernel_train: ArrayLike,
    y: ArrayLike,
    *,
    ridge: float,
    sizes: Sequence[int] | None = None,
) -> np.ndarray:
    r"""The coefficients $\alpha_n=(K_n+\lambda I)^{-1}y_n$ at several $n$, one factorization.

    Args:
        kernel_train: As in ``kernel_learning_curve``.
        y: Labels, ``[n]``.
        ridge: $\lambda\ge0$.
        sizes: Sample sizes, from 2 on; default: all from 2 to ``n``.

    Returns:
        ``[k, n]``: row $k$ holds $\alpha_n$ for ``sizes[k]``, followed by zeros.

    Raises:
        ValueError: As ``kernel_learning_curve``.

    Examples:
        >>> import numpy as np
        >>> import taylorlib as tl
        >>> tl.regression.nested_coefficients(
        ...     2 * np.eye(3), np.ones(3), ridge=0.0, sizes=[2]).round(12).tolist()
        [[0.5, 0.5, 0.0]]
    """
    K, y, *_ = _check(kernel_train, y)
    sizes = _check_sizes(sizes, len(y))
    L, a = _factorize(K, y, ridge)
    return _coefficients(L, a, sizes)


def _factorize(K: np.ndarray, y: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """$L$ and $a=L^{-1}y$."""
    if not (math.isfinite(ridge) and ridge >= 0):
        raise ValueError(f"a ridge must be a number from 0 on, got {ridge}.")
    regularized = K.copy()
    regularized[np.diag_indices(len(K))] += K.dtype.type(ridge)
    try:
        L = scipy.linalg.cholesky(regularized, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"the kernel matrix plus ridge {ridge} is not positive definite to {K.dtype} "
            f"precision ({error}). Use a larger ridge, float64, or drop repeated inputs."
        ) from None
    return L, scipy.linalg.solve_triangular(L, y, lower=True, check_finite=False)


def _coefficients(L: np.ndarray, a: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    alpha = np.zeros((len(sizes), len(a)), L.dtype)
    for row, n in zip(alpha, sizes, strict=True):
        row[:n] = scipy.linalg.solve_triangular(
            L[:n, :n], a[:n], lower=True, trans="T", check_finite=False
        )
    return alpha


def _prequential(L: np.ndarray, a: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    squares = np.concatenate([[0.0], np.cumsum((np.diag(L) * a).astype(np.float64) ** 2)])
    return (squares[sizes] - squares[sizes // 2]) / (sizes - sizes // 2)


def _check(kernel_train, y, kernel_test=None, y_test=None) -> tuple[np.ndarray, ...]:
    K, y = np.asarray(kernel_train), np.asarray(y)
    n = len(y) if y.ndim == 1 else -1
    if K.shape != (n, n):
        raise ValueError(
            f"kernel_train must be square with one row for each label; got shape {K.shape} for "
            f"labels of shape {y.shape}."
        )
    if n < 2:
        raise ValueError(f"a learning curve needs at least two samples, got {n}.")
    arrays = {"kernel_train": K, "y": y}
    if kernel_test is not None:
        K_test, y_test = np.asarray(kernel_test), np.asarray(y_test)
        if y_test.ndim != 1 or K_test.shape != (len(y_test), n) or len(y_test) == 0:
            raise ValueError(
                f"kernel_test must have one row for each test label and {n} columns, one for each "
                f"sample; got shape {K_test.shape} for test labels of shape {y_test.shape}."
            )
        arrays |= {"kernel_test": K_test, "y_test": y_test}
    for name, values in arrays.items():
        # one pass when all is well: a sum is finite only if its terms are
        if not math.isfinite(float(values.sum(dtype=np.float64))):
            bad = np.argwhere(~np.isfinite(values))
            where = bad[0].tolist() if len(bad) else "a sum"
            raise ValueError(f"{name} must be finite, but entry {where} is not. Remove it first.")
    dtype = np.result_type(K.dtype, np.float32)
    return tuple(np.asarray(values, dtype) for values in arrays.values())


def _check_sizes(sizes: Sequence[int] | None, n: int) -> np.ndarray:
    sizes = np.arange(2, n + 1) if sizes is None else np.asarray(sizes)
    if sizes.ndim != 1 or not np.issubdtype(sizes.dtype, np.integer) or len(sizes) == 0:
        raise ValueError(f"sizes must be a sequence of integers, got {sizes!r}.")
    for size in (sizes.min(), sizes.max()):
        if not 2 <= size <= n:
            raise ValueError(f"sizes must lie between 2 and the {n} samples given, got {size}.")
    return sizes
