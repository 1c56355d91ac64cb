"""Icons are drawn in the page, not by the theme's Font Awesome.

That is a script of 1.5 MB with two thousand icons, of which a page shows a dozen: each reader had
to load it, and each page to wait for it. The outlines are taken from this script when the book is
built; the pages come out as it would have made them.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

SCRIPT = "_static/scripts/fontawesome.js"
LOADING = re.compile(r"\s*<(?:script|link)\b[^>]*scripts/fontawesome\.js[^>]*>(?:</script>)?")
ICON = re.compile(r'<(i|span) class="(?P<classes>[^"]*\bfa-[^"]*)"(?P<others>[^>]*)>\s*</\1>')
SIZES = ("fa-lg",)
STYLES = ("fa-solid", "fas")
TITLE = re.compile(r'\s*title="([^"]*)"')


class UnknownIconError(ValueError):
    """The theme's script has no such icon."""


def outline(script: str, name: str) -> tuple[str, str]:
    """Width and height, and the path, of a solid icon; those come last in the script."""
    icon = rf'[,{{]"?{re.escape(name)}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]*)"\]'
    found = re.findall(icon, script)
    if not found:
        raise UnknownIconError(f"Font Awesome has no solid icon {name!r}: see book/_ext/icons.py.")
    width, height, path = found[-1]
    return f"{width} {height}", path


def drawn(page: str, script: str) -> str:
    """The text of a page with its icons drawn, which does not load the script."""

    def draw(found: re.Match) -> str:
        classes = found["classes"].split()
        [name] = [c for c in classes if c.startswith("fa-") and c not in (*SIZES, *STYLES)]
        size, path = outline(script, name.removeprefix("fa-"))
        kept = " ".join(["svg-inline--fa", *(c for c in classes if c not in STYLES)])
        title = TITLE.search(found["others"])
        others = TITLE.sub("", found["others"]).rstrip()
        label = f"<title>{title[1]}</title>" if title else ""
        hidden = "" if title else ' aria-hidden="true"'
        return (
            f'<svg class="{kept}"{others}{hidden} viewBox="0 0 {size}">'
            f'{label}<path fill="currentColor" d="{path}"/></svg>'
        )

    return ICON.sub(draw, LOADING.sub("", page))


def _draw_all(app: Sphinx, error: Exception | None) -> None:
    folder = Path(app.outdir)
    if error or app.builder.format != "html" or not (folder / SCRIPT).is_file():
        return
    script = (folder / SCRIPT).read_text("utf8")
    for path in folder.rglob("*.html"):
        text = path.read_text("utf8")
        path.write_text(drawn(text, script), "utf8")
    for unused in folder.glob(f"{SCRIPT}*"):
        unused.unlink()


def setup(app: Sphinx) -> dict:
    """Change every page when all are written."""
    app.connect("build-finished", _draw_all)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
