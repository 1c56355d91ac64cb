r"""A figure with sliders that works in a static page: no kernel, no network, no library.

All frames are drawn when the chapter is executed and lie in the page as pictures; a range input
chooses which one is seen. So it works from a file, by mouse, touch and keyboard, is read aloud
with its own description, and without scripts or on paper it shows its first frame.
"""

import html
import io
import itertools
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
  const inputs = [...root.querySelectorAll("input")], outputs = root.querySelectorAll("output");
  const frames = root.querySelectorAll(".slider-frame");
  const show = () => {
    const position = inputs.reduce(
      (i, input) => i * (Number(input.max) + 1) + Number(input.value), 0);
    frames.forEach((frame, i) => { frame.hidden = i !== position; });
    inputs.forEach((input, k) => {
      outputs[k].textContent = labels[position][k];
      input.setAttribute("aria-valuetext", labels[position][k]);
    });
  };
  inputs.forEach((input) => {
    input.disabled = false;
    input.addEventListener("input", show);
  });
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
    frames: Sequence[tuple[str | Sequence[str], "Figure"]],
    *,
    control: str | Sequence[str],
    name: str,
    alt: str | Sequence[str],
    start: int = 0,
) -> SliderFigure:
    """Put figures behind a slider, or several, as the last expression of a cell.

    Every slider is a range input with a label of its own: Tab goes from one to the next, the
    arrow keys move it, Home and End go to its ends, and its new value is read aloud.

    Args:
        frames: ``(label, figure)`` for each position, two at least, figures of one size. The
            figures are closed. With several controls ``((label, label, ...), figure)``, one
            label for each control, the last one changing fastest; all sliders keep their
            numbers of positions, but a label may depend on the controls before it.
        control: What the slider changes, in words; plain text, as are the labels. Several of
            them for several sliders.
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
    controls = [control] if isinstance(control, str) else list(control)
    labels = [(v,) if isinstance(v, str) else tuple(v) for v, _ in frames]
    # Unequal numbers are refused below, by _shape.
    pairs = [zip(controls, label, strict=False) for label in labels]
    said = [", ".join(f"{c} {v}" for c, v in pair) for pair in pairs]
    texts = [f"{alt}; {words}" for words in said] if isinstance(alt, str) else list(alt)
    _check(frames, texts, alt, name, start)
    shape = _shape(labels, len(controls))
    uid = f"slider-{name}"
    pictures = "".join(
        f'<div class="slider-frame"{"" if i == start else " hidden"}>'
        f'<img alt="{html.escape(text)}" src="{_picture(figure, uid)}" '
        'style="max-width: 100%"></div>'
        for i, ((_, figure), text) in enumerate(zip(frames, texts, strict=True))
    )
    script = _SCRIPT % {"id": json.dumps(uid), "labels": _json(labels)}
    ends, at = [], start
    for size in reversed(shape):
        at, position = divmod(at, size)
        ends.insert(0, (position, size - 1))
    inputs = "".join(
        _input(f"{uid}-input" + (f"-{k}" if k else ""), words, labels[start][k], *ends[k])
        for k, words in enumerate(controls)
    )
    kind = " and ".join(controls)
    shown = ", ".join(" ".join(label) for label in labels)
    return SliderFigure(
        f'<div class="slider-figure" id="{uid}" role="group" aria-label="{html.escape(kind)}">'
        f"{inputs}{pictures}<script>{script}</script></div>",
        f"<slider figure {name!r}: {kind} = {shown}>",
    )


def _input(uid: str, control: str, label: str, position: int, end: int) -> str:
    return (
        f'<p class="slider-control"><label for="{uid}">{html.escape(control)}</label> '
        f'<input id="{uid}" type="range" min="0" max="{end}" value="{position}" '
        f'aria-valuetext="{html.escape(label)}" disabled> '
        f'<output for="{uid}" aria-live="polite">{html.escape(label)}</output></p>'
    )


def _shape(labels: list[tuple[str, ...]], controls: int) -> tuple[int, ...]:
    """How many positions each slider has; the labels are those of a product, last one fastest."""
    if {len(label) for label in labels} != {controls}:
        raise ValueError(f"each frame needs {controls} labels, one for each control.")
    if controls == 1:
        return (len(labels),)
    groups = [list(group) for _, group in itertools.groupby(labels, key=lambda label: label[0])]
    inner = {_shape([label[1:] for label in group], controls - 1) for group in groups}
    if len(inner) > 1 or len({group[0][0] for group in groups}) < len(groups):
        raise ValueError(
            "with several controls the frames form a product, the last control changing fastest; "
            f"got {len(labels)} frames with first labels {[g[0][0] for g in groups]}."
        )
    return (len(groups), *inner.pop())


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


def _json(labels: list[tuple[str, ...]]) -> str:
    # "</script>" in a label must not end the script.
    return json.dumps(labels).replace("<", "\\u003c")
