r"""Measured against predicted: the one call by which a chapter states a result.

The book's ledger (``book/claims.toml``) lists what its source says. A chapter that examines a
claim calls ``measure`` with the number it found, the interval of that number and the prediction.
The call fails if they disagree; otherwise it shows one line in the page, which also carries the
numbers in machine-readable form, from which the ledger page is made.

The rule is strict on purpose: not the value alone but the **whole interval** must lie within the
tolerance of the prediction. So a measurement too noisy to tell two exponents apart fails like a
wrong one.
"""

import html
import math
import re
from fractions import Fraction
from typing import NamedTuple

from taylorlib.fits import PowerLaw

__all__ = ["MIME", "Measurement", "measure"]

MIME = "application/vnd.taylorlib.claim+json"
"""Under this type an executed notebook holds its measurements."""

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Measurement(NamedTuple):
    """A measured quantity that agreed with the prediction for a claim.

    Attributes:
        claim: The claim's id in the ledger.
        quantity: What was measured, in words.
        value: The measured value.
        interval: Its interval ``(low, high)``, or None for a deterministic quantity.
        prediction: The prediction in words, as in ``"-1/2 ± 0.05"`` or ``"at least 20"``.
        because: Where the tolerance comes from.
    """

    claim: str
    quantity: str
    value: float
    interval: tuple[float, float] | None
    prediction: str
    because: str

    def __str__(self) -> str:
        return f"{self.quantity}: measured {self.measured}, predicted {self.prediction}"

    @property
    def measured(self) -> str:
        """The value with its interval, as in ``-0.251 [-0.260, -0.240]``."""
        if self.interval is None:
            return _number(self.value)
        low, high = self.interval
        # Enough digits to see the interval's width, and three that count at least.
        lengths = ((2, max(abs(low), abs(high))), (1, (high - low) / 2))
        digits = max([0, *(n - math.floor(math.log10(v)) for n, v in lengths if v > 0)])
        if digits > 6 or abs(self.value) >= 1e5:
            return f"{_number(self.value)} [{_number(low)}, {_number(high)}]"
        return f"{self.value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"

    @property
    def anchor(self) -> str:
        """The id of this line in the page."""
        words = re.sub(r"[^a-z0-9]+", "-", self.quantity.lower()).strip("-")
        return f"measured-{self.claim}-{words}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        text = html.escape(str(self))
        why = html.escape(self.because, quote=True)
        line = (
            f'<p class="claim" id="{self.anchor}" title="{why}"><span class="claim-id">'
            f"{self.claim}</span> {text}</p>"
        )
        record = {**self._asdict(), "measured": self.measured, "anchor": self.anchor}
        return {"text/plain": f"{self.claim} | {self}", "text/html": line, MIME: record}

    def _ipython_display_(self) -> None:
        """``measure`` has shown the line; as the last value of a cell it is not shown again."""


def measure(
    claim: str,
    quantity: str,
    value: float | PowerLaw,
    *,
    interval: tuple[float, float] | None = None,
    predicted: float | None = None,
    tolerance: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    because: str,
) -> Measurement:
    r"""State a measured value against the prediction for a claim, and fail if they disagree.

    Exactly one kind of prediction is given: ``predicted`` with ``tolerance``, which asks for
    $|v-p|\le\tau$ at the value and at both ends of the interval; ``at_least``; or ``at_most``.

    Args:
        claim: The claim's id, words joined by hyphens.
        quantity: What was measured, in words, as in ``"slope of |f - f1| against m"``.
        value: The measured value, or a ``PowerLaw``, whose slope and interval are taken.
        interval: ``(low, high)`` around the value. None says that the value is deterministic.
        predicted: $p$.
        tolerance: $\tau>0$, or 0 for an exact result.
        at_least: A lower bound, which the low end of the interval must reach.
        at_most: An upper bound, which the high end must not exceed.
        because: Where the tolerance comes from: theory, rounding, or which measured spread.

    Returns:
        The ``Measurement``. In a notebook it is displayed at once.

    Raises:
        AssertionError: If the measurement disagrees with the prediction.
        ValueError: If the call is not of this form or a number is not finite.

    Examples:
        >>> import taylorlib as tl
        >>> found = tl.claims.measure(
        ...     "linear-term", "slope against m", -0.251, interval=(-0.26, -0.24),
        ...     predicted=-1/4, tolerance=0.05, because="spread over 8 seeds",
        ... )
        >>> print(found)
        slope against m: measured -0.251 [-0.260, -0.240], predicted -1/4 ± 0.05
    """
    if isinstance(value, PowerLaw):
        value, interval = value.slope, value.interval
    value = float(value)
    interval = None if interval is None else (float(interval[0]), float(interval[1]))
    _check_form(claim, quantity, because, value, interval)
    low, high = interval or (value, value)
    if predicted is not None and tolerance is not None and at_least is None and at_most is None:
        if not (math.isfinite(predicted) and 0 <= tolerance < math.inf):
            raise ValueError(f"got predicted={predicted}, tolerance={tolerance}; both are finite.")
        words = _ratio(predicted) + (f" ± {tolerance:g}" if tolerance else "")
        agrees = max(abs(v - predicted) for v in (low, value, high)) <= tolerance
    elif [predicted, tolerance, at_most] == [None] * 3 and at_least is not None:
        words, agrees = f"at least {_ratio(at_least)}", low >= at_least
    elif [predicted, tolerance, at_least] == [None] * 3 and at_most is not None:
        words, agrees = f"at most {_ratio(at_most)}", high <= at_most
    else:
        raise ValueError("give either predicted with tolerance, or at_least, or at_most.")
    found = Measurement(claim, quantity, value, interval, words, because)
    if not agrees:
        raise AssertionError(f"claim {claim!r} does not hold: {found} ({because}).")
    _show(found)
    return found


def _check_form(
    claim: str, quantity: str, because: str, value: float, interval: tuple[float, float] | None
) -> None:
    if not _ID.fullmatch(claim):
        raise ValueError(f"a claim's id is lower-case words joined by hyphens, got {claim!r}.")
    if not (quantity.strip() and because.strip()):
        raise ValueError(f"quantity and because must say something, got {quantity!r}, {because!r}.")
    ends = interval or (value, value)
    if not all(math.isfinite(v) for v in (value, *ends)):
        raise ValueError(f"{quantity}: value and interval must be finite, got {value}, {interval}.")
    if not ends[0] <= value <= ends[1]:
        raise ValueError(f"{quantity}: the interval {interval} does not contain {value}.")


def _ratio(number: float) -> str:
    """A simple fraction as a fraction: -0.25 is -1/4."""
    simple = Fraction(number).limit_denominator(12)
    # A tiny number is near the fraction 0, and is not it.
    is_simple = abs(simple - Fraction(number)) <= 1e-12 * abs(simple) and abs(number) < 1e3
    return str(simple) if is_simple else _number(number)


def _number(number: float) -> str:
    return f"{number:.4g}"


def _show(found: Measurement) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is not None:
        display(found._repr_mimebundle_(), raw=True)
