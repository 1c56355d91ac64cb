"""One factorization against refitting, one-step-ahead errors, the choice of a ridge."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taylorlib.regression import choose_ridge, kernel_learning_curve, nested_coefficients


def problem(seed, n=24, n_test=9, d=3):
    """A Gaussian kernel on random points: kernel_train, y, kernel_test, y_test."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n + n_test, d))
    y = np.sin(2 * x[:, 0]) + 0.3 * rng.standard_normal(n + n_test)
    K = np.exp(-((x[:, None] - x[:n]) ** 2).sum(-1) / 2)
    return K[:n], y[:n], K[n:], y[n:]


def refit(K, y, K_test, ridge, n):
    alpha = np.linalg.solve(K[:n, :n] + ridge * np.eye(n), y[:n])
    return K_test[:, :n] @ alpha


@given(seed=st.integers(0, 99), n=st.integers(2, 30), ridge=st.floats(1e-3, 10))
@settings(max_examples=25)
def test_curve_from_one_factorization_equals_refitting_at_every_n(seed, n, ridge):
    K, y, K_test, y_test = problem(seed, n)
    curve = kernel_learning_curve(K, y, K_test, y_test, ridge=ridge)
    expected = [((refit(K, y, K_test, ridge, k) - y_test) ** 2).mean() for k in range(2, n + 1)]
    assert curve.sizes.tolist() == list(range(2, n + 1))
    # condition number at most 30 / 1e-3
    np.testing.assert_allclose(curve.test_error, expected, rtol=1e-10, atol=1e-11)


@given(seed=st.integers(0, 99), ridge=st.floats(1e-3, 10))
@settings(max_examples=15)
def test_prequential_error_is_the_one_step_ahead_error_over_the_second_half(seed, ridge):
    K, y, K_test, y_test = problem(seed)
    ahead = [(y[0]) ** 2]
    for i in range(1, len(y)):
        ahead.append((y[i] - refit(K, y, K[i : i + 1], ridge, i)[0]) ** 2)
    curve = kernel_learning_curve(K, y, K_test, y_test, ridge=ridge)
    for n, error in zip(curve.sizes, curve.prequential_error, strict=True):
        np.testing.assert_allclose(error, np.mean(ahead[n // 2 : n]), rtol=1e-10, atol=1e-12)


def test_few_sizes_give_the_same_errors_as_all_of_them():
    data = problem(1)
    every = kernel_learning_curve(*data, ridge=0.1)
    few = kernel_learning_curve(*data, ridge=0.1, sizes=[3, 11, 24, 2])
    for error in ("test_error", "prequential_error"):
        picked = getattr(every, error)[few.sizes - 2]
        np.testing.assert_allclose(getattr(few, error), picked, rtol=1e-11)


def test_several_ridges_give_one_curve_each():
    data, ridges = problem(2), [0.01, 0.3, 4.0]
    together = kernel_learning_curve(*data, ridge=ridges)
    assert together.test_error.shape == (3, 23)
    for row, ridge in enumerate(ridges):
        alone = kernel_learning_curve(*data, ridge=ridge)
        np.testing.assert_array_equal(together.test_error[row], alone.test_error)
        np.testing.assert_array_equal(together.prequential_error[row], alone.prequential_error)


def test_coefficients_solve_the_regularized_system_and_vanish_beyond_n():
    K, y, *_ = problem(3)
    alpha = nested_coefficients(K, y, ridge=0.2, sizes=[5, 24])
    for n, row in zip([5, 24], alpha, strict=True):
        np.testing.assert_allclose((K[:n, :n] + 0.2 * np.eye(n)) @ row[:n], y[:n], atol=1e-12)
        assert not row[n:].any()


def test_without_ridge_the_predictor_interpolates_its_samples():
    K, y, *_ = problem(4, n=12)
    curve = kernel_learning_curve(K, y, K[:7], y[:7], ridge=0.0)
    assert curve.test_error[curve.sizes >= 7].max() < 1e-18
    assert curve.test_error[curve.sizes < 7].min() > 1e-6


def test_curve_agrees_with_scikit_learn():
    from sklearn.kernel_ridge import KernelRidge

    K, y, K_test, y_test = problem(5)
    curve = kernel_learning_curve(K, y, K_test, y_test, ridge=0.5, sizes=[6, 24])
    for n, error in zip(curve.sizes, curve.test_error, strict=True):
        model = KernelRidge(alpha=0.5, kernel="precomputed").fit(K[:n, :n], y[:n])
        expected = ((model.predict(K_test[:, :n]) - y_test) ** 2).mean()
        np.testing.assert_allclose(error, expected, rtol=1e-11)


def test_single_precision_stays_single_and_agrees():
    data = problem(6)
    single = kernel_learning_curve(*(v.astype(np.float32) for v in data), ridge=0.1)
    double = kernel_learning_curve(*data, ridge=0.1)
    assert single.test_error.dtype == np.float32
    # condition number up to 240, so about 240 * 6e-8
    np.testing.assert_allclose(single.test_error, double.test_error, rtol=1e-4)


def test_chosen_ridge_has_the_smallest_prequential_error():
    curves = kernel_learning_curve(*problem(7), ridge=[1e-3, 0.1, 10.0])
    chosen, which = choose_ridge(curves)
    np.testing.assert_array_equal(chosen.prequential_error, curves.prequential_error.min(axis=0))
    columns = np.arange(len(which))
    np.testing.assert_array_equal(chosen.test_error, curves.test_error[which, columns])
    assert len(set(which.tolist())) > 1  # the choice is one


@given(seed=st.integers(0, 99), seen=st.integers(2, 23))
@settings(max_examples=15)
def test_choice_at_n_does_not_see_later_samples_or_the_test_set(seed, seen):
    K, y, K_test, y_test = problem(seed)
    changed = np.where(np.arange(24) < seen, y, -3 * y + 1)
    ridges = [1e-2, 0.3, 5.0]
    first = choose_ridge(kernel_learning_curve(K, y, K_test, y_test, ridge=ridges))
    second = choose_ridge(kernel_learning_curve(K, changed, K_test, 1 - y_test, ridge=ridges))
    known = first[0].sizes <= seen
    np.testing.assert_array_equal(first[1][known], second[1][known])


def broken(**changes):
    K, y, K_test, y_test = problem(0, n=4, n_test=2)
    arguments = {"kernel_train": K, "y": y, "kernel_test": K_test, "y_test": y_test, "ridge": 0.1}
    arguments |= changes
    return kernel_learning_curve(**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": np.ones(3)}, r"shape \(4, 4\) for labels of shape \(3,\)"),
        (
            {"kernel_train": np.ones((1, 1)), "y": np.ones(1), "kernel_test": np.ones((2, 1))},
            "at least two samples, got 1",
        ),
        ({"kernel_test": np.ones((4, 2))}, r"4 columns.*got shape \(4, 2\)"),
        ({"y_test": np.ones(3)}, r"test labels of shape \(3,\)"),
        ({"y": np.array([0.0, math.nan, 0, 0])}, r"y must be finite, but entry \[1\]"),
        ({"kernel_train": np.full((4, 4), np.inf)}, r"kernel_train must be finite"),
        ({"y_test": np.array([0.0, math.nan])}, "y_test must be finite"),
        ({"ridge": -1.0}, "from 0 on, got -1.0"),
        ({"ridge": [0.1, math.nan]}, "from 0 on, got nan"),
        ({"ridge": 0.0, "kernel_train": np.ones((4, 4))}, "not positive definite.*larger ridge"),
        ({"kernel_train": -np.eye(4)}, "not positive definite"),
        ({"sizes": [1, 3]}, "between 2 and the 4 samples given, got 1"),
        ({"sizes": [3, 5]}, "between 2 and the 4 samples given, got 5"),
        ({"sizes": [2.5]}, "sequence of integers"),
    ],
)
def test_bad_input_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        broken(**changes)


def test_choice_needs_several_ridges():
    with pytest.raises(ValueError, match=r"got shape \(23,\)"):
        choose_ridge(kernel_learning_curve(*problem(0), ridge=0.1))
