"""The state of the book: run times, machine, versions, claims. Made by the build.

```{status}
```
"""

import json
import os
import platform
import tomllib
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PACKAGES = (
    *("taylorlib", "jax", "jaxlib", "neural-tangents", "numpy", "scipy", "optax", "matplotlib"),
    *("jupyter-book", "Sphinx", "myst-nb", "sphinx-book-theme"),
)


class Status(SphinxDirective):
    """The directive."""

    def run(self) -> list[nodes.Node]:
        """Read what the build measured, and write tables."""
        root = Path(self.env.srcdir)
        for name in ("run_times.json", "claims.json"):
            self.env.note_dependency(str(root / name))
        seconds = json.loads((root / "run_times.json").read_text("utf8"))
        parts = [run_times(seconds), "", machine(), "", claims(root), "", versions()]
        parent = nodes.Element()
        lines = "\n".join(parts).split("\n")
        self.state.nested_parse(StringList(lines, "status.py"), 0, parent)
        return [nodes.container("", *parent.children, classes=["ledger"])]


def run_times(seconds: dict[str, float]) -> str:
    """A row for each notebook, the slowest first, and their sum."""
    names = [page.removeprefix("book/") for page in sorted(seconds, key=seconds.get, reverse=True)]
    rows = [f"| {{doc}}`/book/{name}` | {{runtime}}`{name}` |" for name in names]
    head = ["| Notebook | run time |", "|:--|--:|"]
    total = f"| **all {len(names)}** | {{runtime}}`.all` |"
    return "\n".join([*head, *rows, total])


def machine() -> str:
    """Processor, cores, system."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf8").splitlines() if info.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return (
        f"Measured on {os.cpu_count()} cores of a machine with the processor {model} under "
        f"{platform.system()}, two notebooks at a time and each in one thread. Run times change "
        "with the machine and with what else runs on it."
    )


def claims(root: Path) -> str:
    """How many claims are measured, and how they ended."""
    path = root / "book" / "claims.toml"
    if not path.is_file():
        return ""
    entries = tomllib.loads(path.read_text("utf8"))["claim"]
    measured = json.loads((root / "claims.json").read_text("utf8"))
    verdicts = Counter(entry["verdict"] for entry in entries)
    counts = ", ".join(f"{n} {verdict}" for verdict, n in verdicts.most_common())
    by = len({one["claim"] for one in measured})
    return (
        f"The ledger has {len(entries)} claims: {counts}. In {by} of them stand measured lines, "
        f"{len(measured)} in all; a line is written only when value and whole interval agree with "
        "the prediction."
    )


def versions() -> str:
    """Python and packages of the environment that executed and built the pages."""
    rows = [f"| {name} | {version(name)} |" for name in PACKAGES]
    head = ["| Package | version |", "|:--|:--|", f"| Python | {platform.python_version()} |"]
    return "\n".join([*head, *rows])


def setup(app: Sphinx) -> dict:
    """Register the directive."""
    app.add_directive("status", Status)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
