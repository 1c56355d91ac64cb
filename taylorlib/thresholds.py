r"""How many samples a learner needs: where a learning curve first falls below a threshold.

A sample complexity is read from a learning curve, test error against $n$, at an error that is
fixed beforehand. Two things mislead. If most of the target's variance is of a low degree, a high
threshold is met by learning that degree alone. And if the curve is below the threshold at its
first size, or above it at its last, then the curve does not know the answer: such a reading is
**censored**, and only bounds the number of samples.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Needed", "needed_samples"]


class Needed(NamedTuple):
    """The number of samples that a learner needs.

    Attributes:
        n: Where the curve crosses the threshold; for a censored reading the bound that it gives.
        censored: Empty for a crossing; ``"below"`` if the first size already meets the threshold
            (the true number is at most ``n``); ``"above"`` if no size does (it is more than ``n``).
    """

    n: float
    censored: str


def needed_samples(sizes: ArrayLike, errors: ArrayLike, threshold: float) -> Needed:
    r"""The first $n$ at which a learning curve falls to a threshold.

    Between the last size above the threshold and the first one at or below it the logarithm of
    the error is interpolated linearly in $\log n$, so that a power law is read off exactly.

    Args:
        sizes: Increasing positive sample sizes, ``[k]``.
        errors: Positive test errors at these sizes, ``[k]``.
        threshold: The error to be reached, positive.

    Returns:
        A ``Needed``.

    Raises:
        ValueError: On unequal shapes, sizes that do not increase, errors that are not positive
            and finite (a diverged run has no place on a learning curve), or a threshold that is
            not positive.

    Examples:
        >>> import numpy as np
        >>> import taylorlib as tl
        >>> n = np.array([10, 20, 40, 80])
        >>> tl.needed_samples(n, 3 / n, 0.05)
        Needed(n=60.0, censored='')
        >>> tl.needed_samples(n, 3 / n, 0.01)
        Needed(n=80.0, censored='above')
    """
    sizes, errors = np.asarray(sizes, float), np.asarray(errors, float)
    _check(sizes, errors, threshold)
    met = errors <= threshold
    if not met.any():
        return Needed(float(sizes[-1]), "above")
    first = int(np.argmax(met))
    if first == 0:
        return Needed(float(sizes[0]), "below")
    steps = slice(first - 1, first + 1)
    (high, low), (before, after) = np.log(errors[steps]), np.log(sizes[steps])
    way = (high - np.log(threshold)) / (high - low)
    # Rounding in the logarithms would show as 59.99999999.
    return Needed(float(f"{np.exp(before + way * (after - before)):.12g}"), "")


def _check(sizes: np.ndarray, errors: np.ndarray, threshold: float) -> None:
    if sizes.ndim != 1 or sizes.shape != errors.shape or not len(sizes):
        raise ValueError(
            f"a learning curve needs one error for each size; got sizes of shape {sizes.shape} "
            f"and errors of shape {errors.shape}."
        )
    if not (np.isfinite(sizes).all() and sizes[0] > 0 and (np.diff(sizes) > 0).all()):
        raise ValueError(f"sizes must be positive and increase; got {sizes.tolist()}. Sort them.")
    bad = np.flatnonzero(~(np.isfinite(errors) & (errors > 0)))
    if len(bad):
        raise ValueError(
            f"errors must be positive and finite; errors[{bad[0]}], at n = {sizes[bad[0]]:g}, is "
            f"{errors[bad[0]]}. Drop the size or report the run as diverged."
        )
    if not (np.isfinite(threshold) and threshold > 0):
        raise ValueError(f"threshold must be a positive number, got {threshold}.")
