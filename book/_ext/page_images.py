"""Every image has its size before it loads, so that nothing below it moves when it comes.

`slider_frames.py` does the same for the frames within a page.
"""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import imagesize
from sphinx.application import Sphinx

IMAGE = re.compile(r'<img\b(?![^>]*\s(?:width|height)=)[^>]*?\ssrc="([^":]+)"[^>]*?(?=\s*/?>)')
LENGTH = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)(pt|px|)" height="([\d.]+)(?:pt|px|)"')


def sized(body: str, file: Callable[[str], Path | None]) -> str:
    """The text of a page whose images know their sizes; `file` finds what is behind an address."""

    def image(found: re.Match) -> str:
        size = of_file(file(unquote(found[1])))
        return found[0] + ' width="{}" height="{}"'.format(*size) if size else found[0]

    return IMAGE.sub(image, body)


def of_file(path: Path | None) -> tuple[int, int] | None:
    """Width and height of an image in CSS pixels, or None if they cannot be told."""
    if path is None or not path.is_file():
        return None
    if path.suffix != ".svg":
        size = imagesize.get(path)
        return size if min(size) > 0 else None
    found = LENGTH.search(path.read_text("utf8")[:2000])
    if found is None:
        return None
    unit = 4 / 3 if found[2] == "pt" else 1
    return round(float(found[1]) * unit), round(float(found[3]) * unit)


def _on_page(app: Sphinx, pagename, templatename, context, doctree) -> None:
    if "body" not in context or app.builder.format != "html":
        return
    # images are copied to the pages at the end; until then they are where Sphinx found them
    found = {name: Path(app.srcdir) / path for path, name in app.builder.images.items()}
    context["body"] = sized(context["body"], lambda source: found.get(Path(source).name))


def setup(app: Sphinx) -> dict:
    """Change the text of every page before it is written."""
    app.connect("html-page-context", _on_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
