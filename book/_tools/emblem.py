"""Draw logo, favicon and social card: a function and its Taylor polynomials leaving it.

    .venv/bin/python book/_tools/emblem.py

writes `book/_static/logo.svg`, `favicon.svg` and `social-card.png`, which are kept in git. The
curves are computed, and have the colours that the models have in every figure of the book: black
(here white, on a dark ground that suits light and dark pages) for the network, blue, vermilion and
green for orders 1, 2 and 3. The small icon has only what 16 pixels can show.
"""

import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np

import one_sentence
from project import HERE, Project

STATIC = HERE / "book" / "_static"
GROUND, CURVE = "#14283a", "#ffffff"
# order: colour; those of taylorlib.plots.COLOURS, the first two lighter to be seen on the ground
ORDERS = {1: "#4da3d8", 2: "#f08a3c", 3: "#1fbf92"}
CENTRE = 0.6  # where the sine is expanded; no derivative is zero there
LEFT, RIGHT = -2.3, 3.4


def curves() -> dict[int, Callable]:
    """The function (key 0) and its Taylor polynomials, as functions of t."""
    sine, cosine = np.sin(CENTRE), np.cos(CENTRE)
    derivatives = [sine, cosine, -sine, -cosine]

    def polynomial(order: int) -> Callable:
        terms = [derivatives[k] / (1, 1, 2, 6)[k] for k in range(order + 1)]
        return lambda t: sum(c * (t - CENTRE) ** k for k, c in enumerate(terms))

    return {0: np.sin, **{order: polynomial(order) for order in ORDERS}}


def path(f: Callable, size: float, margin: float) -> str:
    """The graph of f inside a square, as an SVG path; what leaves it is cut."""
    t = np.linspace(LEFT, RIGHT, 90)
    y = f(t)
    x_px = margin + (t - t[0]) / (t[-1] - t[0]) * (size - 2 * margin)
    y_px = _height(y, size)
    inside = (y_px > margin) & (y_px < size - margin)
    points = [f"{a:.1f},{b:.1f}" for a, b in zip(x_px[inside], y_px[inside], strict=True)]
    return "M" + " ".join(points)


def _height(y, size: float):
    return size * (0.52 - 0.24 * y)


def svg(size: int, width: float, orders: tuple[int, ...], title: str) -> str:
    """The emblem on a rounded square."""
    lines = [(f, ORDERS[k]) for k, f in curves().items() if k in orders] + [(np.sin, CURVE)]
    drawn = "".join(
        f'<path d="{path(f, size, size * 0.1)}" stroke="{colour}"/>' for f, colour in lines
    )
    share = (CENTRE - LEFT) / (RIGHT - LEFT)
    dot = size * (0.1 + 0.8 * share), _height(np.sin(CENTRE), size)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" role="img">'
        f"<title>{title}</title>"
        f'<rect width="{size}" height="{size}" rx="{size * 0.18:g}" fill="{GROUND}"/>'
        f'<g fill="none" stroke-width="{width}" stroke-linecap="round" stroke-linejoin="round">'
        f'{drawn}</g><circle cx="{dot[0]:.1f}" cy="{dot[1]:.1f}" r="{width * 0.95:.1f}" '
        f'fill="{CURVE}"/></svg>\n'
    )


def card(title: str, path_: Path) -> None:
    """The picture that a link to the book shows: 1200 by 630 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.3), dpi=100, facecolor=GROUND)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.56, 0.08, 0.4, 0.84))
    axes.axis("off")
    axes.set(xlim=(LEFT - 0.1, RIGHT + 0.1), ylim=(-2.1, 2.1))
    t = np.linspace(LEFT, RIGHT, 400)
    names = {0: "network", 1: "order 1, the kernel", 2: "order 2", 3: "order 3"}
    for k, f in reversed(curves().items()):
        y = np.where(np.abs(f(t)) < 2, f(t), np.nan)
        axes.plot(t, y, color=ORDERS.get(k, CURVE), lw=6 if k == 0 else 4, solid_capstyle="round")
        figure.text(
            *(0.075, 0.285 - 0.058 * k), names[k], color=ORDERS.get(k, CURVE), size=19, va="top"
        )
    axes.plot(CENTRE, np.sin(CENTRE), "o", color=CURVE, ms=15)
    words = "\n".join(textwrap.wrap(title, 21))
    figure.text(
        *(0.075, 0.9),
        words,
        color=CURVE,
        size=38,
        va="top",
        linespacing=1.25,
        family="DejaVu Serif",
    )
    figure.savefig(path_, metadata={"Software": None})


def main() -> int:
    """Write the three files."""
    title = Project(HERE).config["title"]
    says = "A curve and its Taylor polynomials of order 1, 2 and 3"
    (STATIC / "logo.svg").write_text(svg(96, 4.2, (1, 2, 3), says), "utf8")
    (STATIC / "favicon.svg").write_text(svg(32, 2.7, (1, 2), says), "utf8")
    card(title, STATIC / "social-card.png")
    for name in ("logo.svg", "favicon.svg", "social-card.png"):
        print(f"book/_static/{name}: {(STATIC / name).stat().st_size / 1000:.1f} kB")
    return 0


if __name__ == "__main__":
    one_sentence.run(main)
