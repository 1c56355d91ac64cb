"""MathJax without a browser: TeX becomes SVG to be seen and MathML to be heard.

The MathJax of the package sphinx-mathjax-offline runs in V8, which the package mini-racer brings.
`typesetting.js` keeps its drawings short: a glyph is a `use` of an outline that stands once in the
page, see `outlines`.
"""

import atexit
import json
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import NamedTuple

PACKAGE = "sphinx-mathjax-offline"
PARTS = [
    *("loader.js", "core.js", "adaptors/liteDOM.js", "input/tex-full.js"),
    *("output/svg.js", "output/svg/fonts/tex.js"),
]
BEFORE = "globalThis.MathJax = {startup: {typeset: false, ready() {}}, loader: {load: []}};"


class Formula(NamedTuple):
    """A formula that was set: two pieces of HTML, and how much room it takes.

    Attributes:
        svg: What is seen.
        mathml: What a screen reader reads.
        width: In ex, the height of an x.
    """

    svg: str
    mathml: str
    width: float


class UnreadError(ValueError):
    """TeX that MathJax could not read; its own words."""


class MissingError(RuntimeError):
    """V8 or MathJax is not there."""


class Typesetter:
    """One MathJax with its macros; every formula stands for itself, whatever came before."""

    def __init__(self, tex: dict | None = None):
        """`tex` is MathJax's configuration of that name, such as `{"macros": {"R": "..."}}`."""
        self._v8 = _v8()
        self._v8.eval(BEFORE)
        for path in _mathjax():
            self._v8.eval(path.read_text("utf8"))
        self._v8.eval(Path(__file__).with_suffix(".js").read_text("utf8"))
        options = json.dumps({"tex": tex or {}})
        self._v8.eval(f"const press = typesetter({options});")
        self._v8.eval("const set = (tex, display) => press.set(tex, display);")
        self._v8.eval("const outline = (name) => press.glyph(name);")
        self.set = lru_cache(maxsize=None)(self._set)

    def _set(self, tex: str, display: bool) -> Formula:
        found = json.loads(self._v8.call("set", tex, display))
        if "error" in found:
            raise UnreadError(found["error"])
        return Formula(found["svg"], found["mathml"], found["width"])

    def outline(self, name: str) -> str:
        """The path of a glyph that has occurred; its y points upwards."""
        return self._v8.call("outline", name)


@cache
def typesetter(tex: str = "{}") -> Typesetter:
    """The one of this process for this configuration, given as JSON."""
    return Typesetter(json.loads(tex))


def _v8():
    try:
        from py_mini_racer import MiniRacer

        racer = MiniRacer()
    except (ImportError, OSError, RuntimeError) as error:
        raise MissingError(
            "The formulas cannot be set because V8 (the package mini-racer) does not load on this "
            f"machine ({error}): delete .venv and run make again."
        ) from error
    # else its thread may keep Python from ending
    atexit.register(racer.close)
    return racer


def _mathjax() -> list[Path]:
    try:
        listed = files(PACKAGE) or []
    except PackageNotFoundError:
        listed = []
    found = {str(f).partition("/static/mathjax/")[2]: f for f in listed}
    absent = [name for name in PARTS if name not in found]
    if absent:
        raise MissingError(
            f"MathJax is not there ({absent[0]} of {PACKAGE}): delete .venv and run make again."
        )
    return [Path(str(found[name].locate())) for name in PARTS]
