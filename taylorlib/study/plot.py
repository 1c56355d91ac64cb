"""Figures of a study's table: learning curves, and how many samples are needed against d."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from taylorlib.fits import fit_power_law
from taylorlib.plots import COLOURS, MARKERS, draw_power_law, label_widths, use_style
from taylorlib.study.cache import write_whole
from taylorlib.study.cells import FIELDS
from taylorlib.study.errors import StudyError
from taylorlib.thresholds import needed_samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from pandas import DataFrame

__all__ = ["draw", "needed_by_dimension", "series"]


def draw(table: "DataFrame", provenance: dict, path: Path, *, threshold: float) -> None:
    """Draw a table: one row of two panels for each target and degree.

    On the left the median error over seeds at one dimension, with every seed as a thin line; on
    the right the number of samples at which the error falls to the threshold, with a fitted power
    law where all seeds give it at two dimensions or more. Arrows are censored readings.

    Args:
        table: With the columns ``learner``, ``target``, ``p``, ``d``, ``n``, ``seed``, ``error``.
        provenance: What stands beside the table; its ``settings`` tell variants of a learner.
        path: The figure to write; its suffix says the format.
        threshold: The error to be reached.

    Raises:
        StudyError: If the table has no learning curves or the figure cannot be written.
    """
    import matplotlib.pyplot as plt

    lacking = [name for name in (*FIELDS, "error") if name not in table]
    if lacking:
        raise StudyError(
            f"the table has no column {lacking[0]!r}: only a study whose learners return 'error' "
            "against 'n' can be drawn."
        )
    curves = table[np.isfinite(table["error"]) & (table["error"] > 0) & np.isfinite(table["n"])]
    if curves.empty or not threshold > 0:
        raise StudyError("there is nothing to draw: give a positive threshold and finished cells.")
    use_style()
    parts = list(curves.groupby(["target", "p"], dropna=False))
    figure, axes = plt.subplots(
        len(parts), 2, figsize=(10, 3.8 * len(parts)), squeeze=False, layout="constrained"
    )
    for (left, right), ((target, p), part) in zip(axes, parts, strict=True):
        title = ", ".join(
            str(v) for v in (target, f"p = {p:g}") if not _is_nan(v) and v != "p = nan"
        )
        learners = series(part, provenance.get("settings", []))
        # The largest dimension of those at which most learners were run.
        d = max(part["d"], key=lambda d: (sum(d in set(one["d"]) for _, one in learners), d))
        for number, (name, one) in enumerate(learners):
            model = _model(one["learner"].iloc[0], number)
            _draw_curves(left, one[one["d"] == d], name, model)
            _draw_needed(right, needed_by_dimension(one, threshold), name, model)
        left.axhline(threshold, color=COLOURS["theory"], linewidth=1, linestyle=":")
        left.set(xscale="log", yscale="log", xlabel="samples n", ylabel="relative test error")
        left.set_title(f"{title}, d = {d:g}".removeprefix(", "))
        right.set(xscale="log", yscale="log", xlabel="dimension d", ylabel=f"n* for {threshold:g}")
        right.set_title(f"{title}: samples needed".removeprefix(": "))
        label_widths(right, [int(d) for d in sorted(part["d"].unique())])
        for axis in (left.xaxis, right.yaxis):
            _label_threes(axis)
        for panel in (left, right):
            panel.legend(fontsize=8)
    try:
        image = io.BytesIO()
        kind = path.suffix.removeprefix(".") or "svg"
        figure.savefig(image, format=kind, metadata={"Date": None} if kind == "svg" else None)
    except ValueError as error:
        raise StudyError(f"{path} cannot be drawn: {error}.") from None
    finally:
        plt.close(figure)
    write_whole(path, image.getvalue())


def series(table: "DataFrame", settings: list[str]) -> list[tuple[str, "DataFrame"]]:
    """The learners of a table, each with its variants.

    Variants are told apart by as few settings as make the measurements at one dimension, seed
    and sample size unique. So a number of features that goes with the dimension makes none.
    """
    found = []
    for learner, part in table.groupby("learner", sort=False):
        telling: list[str] = []
        for name in _by_simplicity(part, settings):
            if _is_unique(part, telling):
                break
            telling.append(name)
        if not telling:
            found.append((str(learner), part))
            continue
        for values, variant in part.groupby(telling, sort=False, dropna=False):
            said = [
                f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in zip(telling, values, strict=True)
            ]
            found.append((", ".join([str(learner), *said]), variant))
    return found


def _by_simplicity(table: "DataFrame", settings: list[str]) -> list[str]:
    """Settings with several values: the fewest first, then words, then the last named."""
    counts = {name: table[name].nunique(dropna=False) for name in settings if name in table}
    several = [name for name in reversed(counts) if counts[name] > 1]
    return sorted(several, key=lambda name: (counts[name], table[name].dtype.kind in "if"))


def _is_unique(table: "DataFrame", names: list[str]) -> bool:
    return not table.duplicated(["d", "n", "seed", *names]).any()


def needed_by_dimension(table: "DataFrame", threshold: float) -> dict[float, list]:
    """For each dimension what each seed needs, in the order of the seeds."""
    needed: dict[float, list] = {}
    for (d, _), curve in table.groupby(["d", "seed"], dropna=False):
        curve = curve.sort_values("n").drop_duplicates("n")
        needed.setdefault(d, []).append(needed_samples(curve["n"], curve["error"], threshold))
    return needed


def _label_threes(axis: "Axis") -> None:
    """Ticks at 1, 3, 10, 30 and so on, as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:,g}"))
    axis.set_minor_locator(NullLocator())


def _draw_curves(ax: "Axes", table: "DataFrame", name: str, model: str) -> None:
    if table.empty:
        return
    for _, curve in table.groupby("seed", dropna=False):
        curve = curve.sort_values("n")
        ax.plot(curve["n"], curve["error"], color=COLOURS[model], linewidth=0.6, alpha=0.5)
    median = table.groupby("n")["error"].median()
    # A curve of every n is a line, one of a few sizes has markers.
    marker = MARKERS[model] if len(median) <= 30 else None
    ax.plot(median.index, median, color=COLOURS[model], marker=marker, label=name)


def _draw_needed(ax: "Axes", needed: dict[float, list], name: str, model: str) -> None:
    whole = {d: v for d, v in needed.items() if not any(one.censored for one in v)}
    seeds = {len(v) for v in whole.values()}
    if len(whole) >= 2 and len(seeds) == 1 and seeds != {1}:
        samples = np.array([[one.n for one in v] for v in whole.values()]).T
        draw_power_law(
            ax, list(whole), fit_power_law(list(whole), samples, statistic="median"),
            label=name, model=model,
        )  # fmt: skip
    elif whole:
        medians = [np.median([one.n for one in v]) for v in whole.values()]
        ax.plot(list(whole), medians, MARKERS[model], color=COLOURS[model], label=name)
    # Censored: the true number lies below or above, as the arrow says.
    for d, values in needed.items():
        for one in values:
            if one.censored:
                arrow = "v" if one.censored == "below" else "^"
                ax.plot(d, one.n, arrow, color=COLOURS[model], markerfacecolor="none", alpha=0.6)


def _model(learner: str, number: int) -> str:
    from taylorlib.study.registry import find

    drawn = [name for name in COLOURS if name in MARKERS]
    try:
        model = find(learner).model
    except StudyError:
        model = ""
    model = {"ntk": "kernel", "quadratic": "order 2"}.get(model, model)
    return model if model in drawn else drawn[number % len(drawn)]


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and np.isnan(value)
