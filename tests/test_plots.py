"""The figure style: deterministic bytes and one colour for each model."""

import io

import numpy as np
import pytest

import taylorlib as tl

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")


def picture():
    import matplotlib.pyplot as plt

    tl.plots.use_style()
    x = np.array([1.0, 10.0, 100.0])
    fit = tl.fit_power_law(x, np.stack([x**-0.5, 1.1 * x**-0.5]))
    figure, ax = plt.subplots()
    tl.plots.draw_power_law(ax, x, fit, label="gap", model="network", theory=-0.5)
    ax.legend()
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    plt.close(figure)
    return stream.getvalue(), legend


def test_figures_have_the_same_bytes_every_time():
    assert picture()[0] == picture()[0]


def test_legend_states_the_measured_slope():
    assert picture()[1] == ["gap: slope -0.500 [-0.500, -0.500]"]


def test_dashed_theory_line_lies_over_the_fitted_one_and_is_wider():
    import matplotlib.pyplot as plt

    x = np.array([1.0, 10.0, 100.0])
    fit = tl.fit_power_law(x, np.stack([x**-0.5, 1.1 * x**-0.5]))
    figure, ax = plt.subplots()
    tl.plots.draw_power_law(ax, x, fit, label="gap", model="network", theory=-0.5, size=9)
    points, fitted, theory = ax.get_lines()
    plt.close(figure)
    assert points.get_markersize() == 9
    assert theory.get_zorder() > fitted.get_zorder()
    assert theory.get_linewidth() > fitted.get_linewidth()
    assert (fitted.get_linestyle(), theory.get_linestyle()) == ("-", "--")


def test_every_model_has_its_own_colour_and_marker():
    models = set(tl.plots.MARKERS)
    assert models == set(tl.plots.COLOURS) - {"theory"}
    assert len(set(tl.plots.COLOURS.values())) == len(tl.plots.COLOURS)
    assert len(set(tl.plots.MARKERS.values())) == len(models)
