"""Where a learning curve meets a threshold, and when it does not say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorlib.thresholds import needed_samples

N = np.array([10.0, 17.0, 30.0, 52.0, 90.0])


@given(st.floats(0.3, 4.0), st.floats(11.0, 89.0))
def test_on_a_power_law_the_crossing_is_exact(exponent, crossing):
    found = needed_samples(N, (N / crossing) ** -exponent, 1.0)
    assert found.censored == ""
    assert found.n == pytest.approx(crossing, rel=1e-10)


def test_a_size_that_meets_the_threshold_exactly_is_the_answer():
    assert needed_samples([10, 20, 40], [0.2, 0.1, 0.05], 0.1) == (20.0, "")


def test_the_first_of_several_crossings_counts():
    assert needed_samples([1, 2, 4, 8, 16], [4, 1, 4, 1, 0.5], 2.0).n == pytest.approx(2**0.5)


def test_a_curve_that_starts_below_is_censored_not_crossing_at_its_first_size():
    assert needed_samples(N, 1 / N, 0.5) == (10.0, "below")


def test_a_curve_that_ends_above_is_censored():
    assert needed_samples(N, 1 / N, 0.01) == (90.0, "above")


@given(st.floats(0.02, 0.09), st.floats(1.05, 3.0))
def test_a_harder_threshold_never_needs_fewer_samples(threshold, harder):
    errors = 1 / N + 0.02 * np.cos(N)
    easy = needed_samples(N, errors, threshold)
    hard = needed_samples(N, errors, threshold / harder)
    assert hard.n >= easy.n


@pytest.mark.parametrize(
    ("sizes", "errors", "threshold", "sentence"),
    [
        ([10, 20], [0.1], 0.05, "one error for each size"),
        ([], [], 0.05, "one error for each size"),
        ([20, 10], [0.1, 0.2], 0.05, "increase"),
        ([10, 20], [0.1, np.nan], 0.05, r"errors\[1\], at n = 20, is nan"),
        ([10, 20], [0.1, 0.0], 0.05, r"errors\[1\], at n = 20, is 0.0"),
        ([10, 20], [0.2, 0.1], 0.0, "threshold must be a positive number, got 0.0"),
    ],
)
def test_bad_curves_are_refused_by_name(sizes, errors, threshold, sentence):
    with pytest.raises(ValueError, match=sentence):
        needed_samples(sizes, errors, threshold)
