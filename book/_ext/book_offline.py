"""Make the pages complete by themselves: local mathematics, nothing loaded from elsewhere."""

from importlib import metadata
from pathlib import Path

from sphinx.util.osutil import copyfile, ensuredir

MATHJAX = "sphinx-mathjax-offline"
DROPPED = ("sphinx-thebe", "thebelab", "THEBE_JS_URL")  # live code from a server: we offer none


def setup(app):
    """Register with Sphinx."""
    app.connect("build-finished", copy_mathjax)
    # late, so that the scripts of all extensions are already in the list
    app.connect("html-page-context", drop_scripts, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathjax() -> Path:
    """The single-file MathJax with SVG output (so it needs no fonts), from its PyPI package."""
    for file in metadata.files(MATHJAX) or []:
        if file.as_posix().endswith("static/mathjax/tex-svg-full.js"):
            return Path(file.locate())
    raise FileNotFoundError(f"tex-svg-full.js is not in the package {MATHJAX}")


def copy_mathjax(app, exception):
    """Put MathJax beside the other scripts."""
    if exception is None and app.builder.format == "html":
        target = Path(app.outdir, "_static", app.config.mathjax_path)
        ensuredir(target.parent)
        copyfile(mathjax(), target)


def drop_scripts(app, pagename, templatename, context, doctree):
    """Leave out scripts that would load something, or declare things twice."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if not _is_dropped(file)]


def _is_dropped(file) -> bool:
    told = f"{getattr(file, 'filename', file)} {getattr(file, 'attributes', {})}"
    return any(name in told for name in DROPPED)
