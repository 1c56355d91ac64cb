"""Slider figures travel small: all frames but the one shown first are compressed in the page.

`taylorlib.slider_figure` draws every frame into the page as an SVG; frames of one figure are
nearly the same, and most of a page's bytes. Here the hidden ones become deflated base64, which
`_static/slider-frames.js` turns back into pictures when the page has been read. The first frame
stays as it is, for paper and for readers without scripts. Every frame gets its width and height,
so that nothing moves when it appears.
"""

import base64
import re
import zlib
from urllib.parse import unquote

from sphinx.application import Sphinx

START = "data:image/svg+xml,"
FRAME = re.compile(
    r'<div class="slider-frame"(?P<hidden> hidden)?><img (?P<alt>alt="[^"]*") '
    rf'src="{re.escape(START)}(?P<svg>[^"]*)" style="max-width: 100%"></div>'
)
SIZE = re.compile(r"<svg [^>]*?\bwidth='([\d.]+)pt' height='([\d.]+)pt'")
SCRIPT = "slider-frames.js"


def small(body: str) -> str:
    """The HTML of a page with its slider frames compressed."""
    return FRAME.sub(_frame, body)


def _frame(found: re.Match) -> str:
    svg = unquote(found["svg"])
    size = SIZE.search(svg)
    width, height = (round(float(points) * 4 / 3) for points in size.groups()) if size else (0, 0)
    given = f' width="{width}" height="{height}"' if size else ""
    if found["hidden"] is None:
        source = f'src="{START}{found["svg"]}"'
    else:
        packed = base64.b64encode(zlib.compress(svg.encode(), 9)).decode()
        source = f'data-frame="{packed}"'
    return (
        f'<div class="slider-frame"{found["hidden"] or ""}>'
        f"<img {found['alt']} {source}{given}></div>"
    )


def _shrink(app: Sphinx, pagename, templatename, context, doctree) -> None:
    body = context.get("body") or ""
    if 'class="slider-frame"' in body:
        context["body"] = small(body)
        app.add_js_file(SCRIPT, loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Register the hook."""
    app.connect("html-page-context", _shrink)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
