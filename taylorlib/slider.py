r"""A figure with a slider that works in a static page: no kernel, no network, no library.

All frames are drawn when the chapter is executed and lie in the page as pictures; a range input
chooses which one is seen. So it works from a file, by mouse, touch and keyboard, is read aloud
with its own description, and without scripts or on paper it shows its first frame.
"""

import html
import io
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SliderFigure", "slider_figure"]

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# What a data URI may hold inside double quotes without being escaped.
_SAFE = " =:/;,.()-+'"

_SCRIPT = """
(() => {
  const root = document.getElementById(%(id)s), labels = %(labels)s;
  const input = root.querySelector("input"), output = root.querySelector("output");
  const frames = root.querySelectorAll(".slider-frame");
  const show = () => {
    frames.forEach((frame, i) => { frame.hidden = i !== Number(input.value); });
    output.textContent = labels[input.value];
    input.setAttribute("aria-valuetext", labels[input.value]);
  };
  input.disabled = false;
  input.addEventListener("input", show);
  show();  // a browser that goes back may have kept the position
})();
"""


class SliderFigure:
    """What ``slider_figure`` returns: shown as HTML by every notebook front end."""

    def __init__(self, markup: str, description: str):
        self.markup = markup
        self.description = description

    def _repr_html_(self) -> str:
        return self.markup

    def __repr__(self) -> str:
        return self.description


def slider_figure(
    frames: Sequence[tuple[str, "Figure"]],
    *,
    control: str,
    name: str,
    alt: str | Sequence[str],
    start: int = 0,
) -> SliderFigure:
    """Put figures behind a slider, as the last expression of a cell.

    Args:
        frames: ``(label, figure)`` for each position, two at least, figures of one size. The
            figures are closed.
        control: What the slider changes, in words; plain text, as are the labels.
        name: Its id in the page, words joined by hyphens, unique in the page. It is given and
            not drawn at random, so that a page built twice is the same.
        alt: What is seen, for those who can't; one text for all frames, to which control and
            label are added, or one for each frame.
        start: The position shown first, and the only one without scripts and in print.

    Returns:
        A ``SliderFigure``.

    Raises:
        ValueError: If there are fewer than two frames, their sizes differ, ``alt`` is empty or
            has another length, ``name`` is malformed, or ``start`` is no position.

    Examples:
        >>> from matplotlib.figure import Figure
        >>> import taylorlib as tl
        >>> frames = [(f"{k}", Figure(figsize=(2, 1))) for k in (1, 2)]
        >>> tl.slider_figure(frames, control="order", name="orders", alt="an empty figure")
        <slider figure 'orders': order = 1, 2>
    """
    frames = list(frames)
    labels = [label for label, _ in frames]
    texts = [f"{alt}; {control} {v}" for v in labels] if isinstance(alt, str) else list(alt)
    _check(frames, texts, alt, name, start)
    uid = f"slider-{name}"
    pictures = "".join(
        f'<div class="slider-frame"{"" if i == start else " hidden"}>'
        f'<img alt="{html.escape(text)}" src="{_picture(figure, uid)}" '
        'style="max-width: 100%"></div>'
        for i, ((_, figure), text) in enumerate(zip(frames, texts, strict=True))
    )
    script = _SCRIPT % {"id": json.dumps(uid), "labels": _json(labels)}
    return SliderFigure(
        f'<div class="slider-figure" id="{uid}"><p class="slider-control">'
        f'<label for="{uid}-input">{html.escape(control)}</label> '
        f'<input id="{uid}-input" type="range" min="0" max="{len(frames) - 1}" value="{start}" '
        f'aria-valuetext="{html.escape(labels[start])}" disabled> '
        f'<output for="{uid}-input" aria-live="polite">{html.escape(labels[start])}</output></p>'
        f"{pictures}<script>{script}</script></div>",
        f"<slider figure {name!r}: {control} = {', '.join(labels)}>",
    )


def _check(frames: list, texts: list[str], alt, name: str, start: int) -> None:
    if len(frames) < 2:
        raise ValueError(f"a slider needs at least two frames, got {len(frames)}.")
    if not _NAME.fullmatch(name):
        raise ValueError(f"name is lower-case words joined by hyphens, got {name!r}.")
    if len(texts) != len(frames) or not alt or not all(text.strip() for text in texts):
        raise ValueError(f"alt must describe what is seen, once or per frame, got {alt!r}.")
    if not 0 <= start < len(frames):
        raise ValueError(f"start must be a position from 0 to {len(frames) - 1}, got {start}.")
    sizes = {tuple(figure.get_size_inches().tolist()) for _, figure in frames}
    if len(sizes) > 1:
        # Otherwise the page would jump under the reader's hand.
        raise ValueError(f"all frames must have one size, got {sorted(sizes)} inches.")


def _picture(figure: "Figure", salt: str) -> str:
    """The figure as a data URI; the same bytes for the same figure."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": salt, "svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    plt.close(figure)
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :].replace('"', "'")
    return "data:image/svg+xml," + quote(re.sub(r"\s*\n\s*", " ", svg), safe=_SAFE)


def _json(labels: list[str]) -> str:
    # "</script>" in a label must not end the script.
    return json.dumps(labels).replace("<", "\\u003c")
