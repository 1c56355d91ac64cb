"""A measurement agrees with its prediction or fails; the line in the page carries the numbers."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib import claims
from taylorlib.claims import measure

WIDTHS = np.array([64.0, 256.0, 1024.0])
GOOD = {"predicted": -0.25, "tolerance": 0.05, "because": "spread over 8 seeds"}


def test_slope_and_interval_of_a_power_law_are_taken():
    fit = tl.fit_power_law(WIDTHS, np.stack([WIDTHS**-0.24, WIDTHS**-0.26]))
    found = measure("width", "slope", fit, **GOOD)
    assert found.value == pytest.approx(-0.25, abs=1e-3)
    assert found.interval == fit.interval


@given(exponent=st.sampled_from([-1.0, -0.75, -0.5, -0.125, 0.0, 0.25]))
def test_wrong_exponent_fails(exponent):
    fit = tl.fit_power_law(WIDTHS, np.stack([WIDTHS**exponent] * 2))
    with pytest.raises(AssertionError, match="'width' does not hold"):
        measure("width", "slope", fit, **GOOD)


@given(widen=st.floats(0.051, 3))
def test_widened_interval_fails_on_either_side_though_the_value_is_right(widen):
    for interval in ((-0.25 - widen, -0.25), (-0.25, -0.25 + widen)):
        with pytest.raises(AssertionError):
            measure("width", "slope", -0.25, interval=interval, **GOOD)


def test_one_sided_prediction_holds_for_the_whole_interval():
    measure("x", "q", 2.0, interval=(1.5, 2.5), at_least=1.5, because="theory")
    measure("x", "q", 2.0, interval=(1.5, 2.5), at_most=2.5, because="theory")
    with pytest.raises(AssertionError):
        measure("x", "q", 2.0, interval=(1.4, 2.5), at_least=1.5, because="theory")
    with pytest.raises(AssertionError):
        measure("x", "q", 2.0, interval=(1.5, 2.6), at_most=2.5, because="theory")


def test_exact_result_has_tolerance_zero():
    assert str(measure("x", "runs", 20, predicted=20, tolerance=0, because="a count")) == (
        "runs: measured 20, predicted 20"
    )


def test_tiny_bound_is_not_said_to_be_zero():
    assert measure("x", "q", 3e-25, at_most=1e-20, because="rounding").prediction == "at most 1e-20"
    assert measure("x", "q", 0, predicted=0, tolerance=0, because="a count").prediction == "0"


def test_line_is_displayed_once_and_not_again_as_the_last_value_of_a_cell(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    found = measure("x", "runs", 20, predicted=20, tolerance=0, because="a count")
    assert [bundle["text/html"] for bundle in shown] == [found._repr_mimebundle_()["text/html"]]
    assert found._ipython_display_() is None
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (-0.2512, (-0.2604, -0.2396), "-0.251 [-0.260, -0.240]"),
        (483.78, (413.275, 575.588), "484 [413, 576]"),
        (0.0, (0.0, 0.0), "0 [0, 0]"),
        (1.00001, (0.99998, 1.00004), "1.000010 [0.999980, 1.000040]"),
        (3e-14, None, "3e-14"),
    ],
)
def test_digits_show_the_width_of_the_interval(value, interval, text):
    assert claims.Measurement("x", "q", value, interval, "p", "b").measured == text


def test_line_in_the_page_is_escaped_and_carries_the_numbers():
    found = measure("a-b", "|f| < c", 1.0, at_most=2, because='a "count"')
    bundle = found._repr_mimebundle_()
    assert 'id="measured-a-b-f-c"' in bundle["text/html"]
    assert "|f| &lt; c: measured 1, predicted at most 2" in bundle["text/html"]
    assert json.loads(json.dumps(bundle[claims.MIME]))["value"] == 1.0


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"claim": "Not an id"}, "'Not an id'"),
        ({"because": " "}, "must say something"),
        ({"value": float("nan")}, "must be finite, got nan"),
        ({"interval": (0.0, float("inf"))}, "must be finite"),
        ({"interval": (0.0, 1.0)}, "does not contain -0.25"),
        ({"tolerance": None}, "give either"),
        ({"at_least": 0.0}, "give either"),
        ({"predicted": None, "tolerance": None}, "give either"),
        ({"tolerance": -1.0}, "tolerance=-1.0"),
    ],
)
def test_malformed_call_is_refused_with_the_value(kwargs, message):
    call = {"claim": "width", "quantity": "slope", "value": -0.25, **GOOD} | kwargs
    with pytest.raises(ValueError, match=message):
        measure(call.pop("claim"), call.pop("quantity"), call.pop("value"), **call)
