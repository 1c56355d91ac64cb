"""The role `runtime`: how long a notebook took when it was executed, as in {runtime}`ntk`."""

import json
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

logger = logging.getLogger(__name__)


class run_time(nodes.Inline, nodes.Element):  # noqa: N801  (docutils names nodes so)
    """A measured time. It holds no text node, so that the search index does not depend on it."""


class RunTime(SphinxRole):
    """Look the notebook up in the record of the build."""

    def run(self):
        """Return the node, or a warning if that notebook was not executed."""
        record = Path(self.env.srcdir, "run_times.json")
        seconds = json.loads(record.read_text()) if record.is_file() else {}
        page = self.text if "/" in self.text else f"book/{self.text}"
        if page not in seconds:
            logger.warning("runtime: no notebook %s was executed", page, location=self.get_location())
            return [], []
        return [run_time(time=in_words(seconds[page]))], []


def in_words(seconds: float) -> str:
    """A time as a reader would say it: 3 s, 41 s, 2 min 5 s."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def visit_html(translator, node):
    """Write the time in a span that a comparison of two builds can mask."""
    translator.body.append(f'<span class="run-time">{node["time"]}</span>')
    raise nodes.SkipNode


def setup(app):
    """Register with Sphinx."""
    app.add_role("runtime", RunTime())
    app.add_node(run_time, html=(visit_html, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
