"""Slopes are recovered, intervals cover, bad samples are named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import taylorlib as tl


@given(slope=st.floats(-4, 4), prefactor=st.floats(1e-3, 1e3), seeds=st.integers(2, 5))
def test_exact_power_law_is_recovered_with_an_interval_of_width_zero(slope, prefactor, seeds):
    x = np.array([2.0, 5.0, 11.0])
    fit = tl.fit_power_law(x, np.tile(prefactor * x**slope, (seeds, 1)))
    np.testing.assert_allclose([fit.slope, *fit.interval], slope, atol=1e-10)
    assert fit.prefactor == pytest.approx(prefactor, rel=1e-9)


def test_interval_covers_the_true_slope_as_often_as_it_says():
    rng = np.random.default_rng(0)
    x = np.array([1.0, 2.0, 4.0, 8.0])
    hits = 0
    for _ in range(300):
        noise = np.exp(0.1 * rng.standard_normal((20, 4)))
        fit = tl.fit_power_law(x, noise / x, resamples=400)
        hits += fit.interval[0] <= -1 <= fit.interval[1]
    # 95 % nominal; percentile intervals of 20 seeds cover about 92 %; sd of the count 1.5 %.
    assert 0.88 <= hits / 300 <= 0.98


@pytest.mark.parametrize(
    ("statistic", "expected"), [("mean", 7 / 3), ("rms", 7**0.5), ("median", 2.0)]
)
def test_centre_is_the_named_statistic(statistic, expected):
    samples = np.array([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]])
    fit = tl.fit_power_law(np.array([1.0, 2.0]), samples, statistic=statistic)
    np.testing.assert_allclose(fit.centre, expected)


def test_rows_are_resampled_whole():
    # Seeds differ by a factor only: every resample has the same slope.
    x = np.array([1.0, 3.0, 9.0])
    fit = tl.fit_power_law(x, np.array([[1.0], [5.0], [25.0]]) * x**0.5)
    np.testing.assert_allclose(fit.interval, 0.5, atol=1e-12)


@pytest.mark.parametrize(
    ("samples", "kwargs", "message"),
    [
        (np.ones((3, 3)), {}, "shape"),
        (np.ones((1, 2)), {}, "two seeds"),
        (np.array([[1.0, 2.0], [0.0, 1.0]]), {}, r"samples\[1, 0\] is 0.0"),
        (np.array([[1.0, np.nan], [1.0, 1.0]]), {}, r"samples\[0, 1\] is nan"),
        (np.ones((2, 2)), {"statistic": "mode"}, "'mode'"),
        (np.ones((2, 2)), {"confidence": 1.0}, "got 1.0"),
    ],
)
def test_bad_samples_are_refused_with_the_value(samples, kwargs, message):
    with pytest.raises(ValueError, match=message):
        tl.fit_power_law(np.array([1.0, 2.0]), samples, **kwargs)


X = np.array([2.0, 3.0, 7.0, 20.0])
positive = st.floats(1e-3, 1e3)


def scattered(seed, rows=5):
    return np.exp(np.random.default_rng(seed).standard_normal((rows, len(X))))


@given(seed=st.integers(0, 99), of_x=positive, of_y=positive)
def test_slope_and_interval_do_not_depend_on_the_units(seed, of_x, of_y):
    samples = scattered(seed)
    fit = tl.fit_power_law(X, samples, resamples=50)
    other = tl.fit_power_law(of_x * X, of_y * samples, resamples=50)
    np.testing.assert_allclose(
        [other.slope, *other.interval], [fit.slope, *fit.interval], atol=1e-9
    )
    assert other.prefactor == pytest.approx(fit.prefactor * of_y * of_x**-fit.slope, rel=1e-8)
    np.testing.assert_allclose(other.band, of_y * fit.band, rtol=1e-12)


@given(seed=st.integers(0, 99), power=st.floats(-3, 3))
def test_times_a_power_of_x_the_slope_moves_by_that_power(seed, power):
    samples = scattered(seed)
    fit = tl.fit_power_law(X, samples, resamples=50)
    other = tl.fit_power_law(X, samples * X**power, resamples=50)
    moved = [v + power for v in (fit.slope, *fit.interval)]
    np.testing.assert_allclose([other.slope, *other.interval], moved, atol=1e-9)


@given(seed=st.integers(0, 99), statistic=st.sampled_from(["mean", "rms", "median"]))
def test_fit_does_not_depend_on_the_order_of_abscissae_and_seeds(seed, statistic):
    samples, rng = scattered(seed), np.random.default_rng(seed)
    columns, rows = rng.permutation(len(X)), rng.permutation(len(samples))
    fit = tl.fit_power_law(X, samples, statistic=statistic, resamples=50)
    other = tl.fit_power_law(
        X[columns], samples[rows][:, columns], statistic=statistic, resamples=50
    )
    assert other.slope == pytest.approx(fit.slope, abs=1e-10)
    np.testing.assert_allclose(other.centre, fit.centre[columns], rtol=1e-13)


@given(seed=st.integers(0, 99))
def test_more_confidence_gives_a_wider_interval_around_the_narrower_one(seed):
    narrow, wide = (
        tl.fit_power_law(X, scattered(seed), resamples=50, confidence=c).interval
        for c in (0.5, 0.9)
    )
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]
