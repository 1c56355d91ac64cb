"""One figure style for the whole book; one colour for each model, in every chapter.

The palette is that of Okabe & Ito (2008), distinguishable with every common form of colour
blindness. Figures are drawn on white; the book's stylesheet inverts their lightness in dark
mode and keeps the hues. Matplotlib is imported when a function is called, so that importing
``taylorlib`` stays fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taylorlib.fits import PowerLaw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "MARKERS", "draw_power_law", "label_widths", "use_style"]

COLOURS = {
    "network": "#000000",
    "order 1": "#0072B2",
    "order 2": "#D55E00",
    "order 3": "#009E73",
    "order 4": "#CC79A7",
    "kernel": "#56B4E9",
    "hierarchical": "#E69F00",
    "theory": "#7F7F7F",
}
"""The colour of each model. ``order k`` is its Taylor model, ``kernel`` its infinite width."""

MARKERS = {
    "network": "o",
    "order 1": "s",
    "order 2": "^",
    "order 3": "D",
    "order 4": "v",
    "kernel": "P",
    "hierarchical": "X",
}
"""A second cue beside colour, for print and for readers who see few colours."""


def use_style() -> None:
    """Set the book's figure style for the current session.

    Figures become SVG with text as paths and no date, so that a rebuild gives the same bytes.
    Inside IPython the inline backend is set to SVG as well.

    Examples:
        >>> import taylorlib as tl
        >>> tl.plots.use_style()
    """
    import matplotlib as mpl

    mpl.rcParams.update(
        {
            "axes.grid": True,
            "axes.labelsize": 11,
            "axes.prop_cycle": mpl.cycler(color=list(COLOURS.values())[:-1]),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": 11,
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "figure.figsize": (6.4, 3.8),
            "font.size": 10.5,
            "grid.alpha": 0.25,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "lines.markersize": 5,
            "svg.fonttype": "path",
            "svg.hashsalt": "taylorlib",
        }
    )
    try:
        from IPython import get_ipython
    except ImportError:
        return
    if get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None})


def draw_power_law(
    ax: Axes,
    x: np.ndarray,
    fit: PowerLaw,
    *,
    label: str,
    model: str,
    theory: float | None = None,
    marker: str | None = None,
    filled: bool = True,
    size: float | None = None,
) -> None:
    """Draw a measured power law on logarithmic axes: points, interval, slope, theory line.

    Args:
        ax: Matplotlib axes.
        x: The abscissae of the fit, ``[k]``.
        fit: The result of ``fit_power_law``.
        label: Name in the legend; the measured slope with its interval is appended.
        model: A key of ``COLOURS``.
        theory: Predicted slope; drawn as grey dashes over the fitted line, through its
            geometric centre.
        marker: Overrides the model's marker, to tell two quantities of one model apart.
        filled: Whether markers are filled.
        size: Marker size, to let one quantity show behind another that coincides with it.

    Raises:
        KeyError: If ``model`` has no colour.
    """
    colour = COLOURS[model]
    x = np.asarray(x, float)
    ax.loglog(
        x,
        fit.centre,
        linestyle="none",
        marker=marker or MARKERS[model],
        markersize=size,
        color=colour,
        markerfacecolor=colour if filled else "white",
        label=f"{label}: slope {fit}",
    )
    ax.vlines(x, *fit.band, color=colour, linewidth=1.2)
    ax.loglog(x, fit.prefactor * x**fit.slope, color=colour, linewidth=1.2)
    if theory is not None:
        middle = np.exp(np.log(x).mean())
        height = fit.prefactor * middle**fit.slope
        line = height * (x / middle) ** theory
        # Above the fitted line: where the two agree, both are seen, one through the other's gaps.
        ax.loglog(x, line, color=COLOURS["theory"], linewidth=2.2, ls=(0, (3, 4)), zorder=2.1)


def label_widths(ax: Axes, widths: np.ndarray) -> None:
    """Label a logarithmic abscissa at the given widths, as plain numbers.

    Args:
        ax: Matplotlib axes with a logarithmic x axis.
        widths: Where to put ticks, ``[k]``.
    """
    from matplotlib.ticker import NullLocator

    ax.set_xticks(np.asarray(widths), [f"{m:d}" for m in widths])
    ax.xaxis.set_minor_locator(NullLocator())
