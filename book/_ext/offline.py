"""Everything a page needs lies beside it: no script that calls home."""

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx


def _drop_thebe(app: Sphinx, pagename, templatename, context, doctree) -> None:
    def wanted(script) -> bool:
        name, body = (
            str(getattr(script, "filename", "")),
            str(getattr(script, "attributes", "")),
        )
        return "thebe" not in name.lower() and "thebe" not in body.lower()

    context["script_files"] = [s for s in context.get("script_files", []) if wanted(s)]


def _run_time(name, rawtext, text, lineno, inliner, options=None, content=None):
    env = inliner.document.settings.env
    path = Path(env.srcdir) / "run_times.json"
    measured = json.loads(path.read_text()) if path.exists() else {}
    seconds = sum(measured.values()) if text == ".all" else measured.get(f"book/{text}")
    words = "not measured" if seconds is None else f"{seconds:.0f} s"
    return [nodes.inline(rawtext, words, classes=["run-time"])], []


def setup(app: Sphinx) -> dict:
    """Register the parts."""
    app.connect("html-page-context", _drop_thebe, priority=900)
    app.add_role("runtime", _run_time)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
