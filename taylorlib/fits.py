r"""Power laws fitted to seeds, with bootstrap intervals.

A scaling claim $y\propto x^{s}$ is measured by a straight line through $(\log x,\log y)$. The
uncertainty is that of the seeds: whole seeds are drawn again with replacement, because the
values of one seed at different $x$ may depend on each other.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["PowerLaw", "fit_power_law"]


class PowerLaw(NamedTuple):
    """A fitted power law ``y = prefactor * x ** slope``.

    Attributes:
        slope: Least-squares slope of the logarithms.
        interval: Bootstrap percentile interval of the slope, ``(low, high)``.
        prefactor: ``y`` at ``x = 1`` on the fitted line.
        centre: The statistic over seeds at each ``x``, ``[k]``: what the line was fitted to.
        band: Bootstrap interval of ``centre``, ``[2, k]``.
    """

    slope: float
    interval: tuple[float, float]
    prefactor: float
    centre: np.ndarray
    band: np.ndarray

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.slope:.3f} [{low:.3f}, {high:.3f}]"


_STATISTICS = {
    "mean": lambda v: v.mean(axis=-2),
    "rms": lambda v: np.sqrt((v**2).mean(axis=-2)),
    "median": lambda v: np.median(v, axis=-2),
}


def fit_power_law(
    x: ArrayLike,
    samples: ArrayLike,
    *,
    statistic: str = "mean",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> PowerLaw:
    r"""Fit $y\propto x^{s}$ to positive samples, one row for each seed.

    The line is fitted to $\log$ of the statistic over seeds, with equal weights. Percentile
    intervals from fewer than about 8 seeds are somewhat too narrow.

    Args:
        x: Positive abscissae, ``[k]``, at least two different ones.
        samples: Positive finite values, ``[seeds, k]``, at least two seeds.
        statistic: What is taken over seeds: ``"mean"``, ``"rms"`` or ``"median"``.
        confidence: Coverage of the intervals, between 0 and 1.
        resamples: Number of bootstrap draws.
        seed: Seed of the bootstrap, so that a rerun gives the same interval.

    Returns:
        A ``PowerLaw``.

    Raises:
        ValueError: On wrong shapes, values that are not positive and finite (the first one is
            named), an unknown statistic or a confidence outside (0, 1).

    Examples:
        >>> import numpy as np
        >>> import taylorlib as tl
        >>> m = np.array([64, 256, 1024])
        >>> fit = tl.fit_power_law(m, np.stack([3 / m, 3 / m]))
        >>> print(fit, round(fit.prefactor, 6))
        -1.000 [-1.000, -1.000] 3.0

    References:
        Efron & Tibshirani (1993), *An Introduction to the Bootstrap*, chapter 13.
    """
    x, samples = np.asarray(x, float), np.asarray(samples, float)
    _check(x, samples, statistic, confidence)
    over_seeds = _STATISTICS[statistic]
    design = np.vander(np.log(x), 2)

    def line(centre):
        return np.linalg.lstsq(design, np.log(centre).T, rcond=None)[0]

    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(samples), (resamples, len(samples)))
    centres = over_seeds(samples[rows])
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(line(centres)[0], tails)
    centre = over_seeds(samples)
    slope, log_prefactor = line(centre)
    return PowerLaw(
        float(slope),
        (float(low), float(high)),
        float(np.exp(log_prefactor)),
        centre,
        np.quantile(centres, tails, axis=0),
    )


def _check(x: np.ndarray, samples: np.ndarray, statistic: str, confidence: float) -> None:
    if x.ndim != 1 or samples.ndim != 2 or samples.shape[1] != len(x):
        raise ValueError(
            f"samples must have shape [seeds, k] with k = len(x); got {samples.shape} for x "
            f"of shape {x.shape}."
        )
    if len(samples) < 2 or len(np.unique(x)) < 2:
        raise ValueError(
            f"a fit with an interval needs at least two seeds and two different x; got "
            f"{len(samples)} seeds and {len(np.unique(x))} different x."
        )
    for name, values in (("x", x), ("samples", samples)):
        bad = np.argwhere(~(np.isfinite(values) & (values > 0)))
        if len(bad):
            where = tuple(bad[0].tolist())
            raise ValueError(
                f"a power law needs positive finite values; {name}{list(where)} is "
                f"{values[where]}. Drop the cell or report it as diverged."
            )
    if statistic not in _STATISTICS:
        raise ValueError(f"statistic must be one of {sorted(_STATISTICS)}, got {statistic!r}.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}.")
