"""A Sphinx builder that writes each notebook's page as a list of Markdown texts and code cells."""

import json
from pathlib import Path

import chapter_map
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.builders import Builder

import colab_address
from colab_markdown import Writer

NAME = "colab"
NOT_MEASURED = "a minute or two"


class ColabBuilder(Builder):
    """Writes `<page>.json` for each page of the configuration value `colab_pages`."""

    name = NAME
    format = "markdown"
    supported_image_types = ("image/png", "image/svg+xml")
    supported_remote_images = True

    def init(self) -> None:
        """What sphinx-proof and sphinx-exercise read of an HTML builder."""
        self.fignumbers: dict = {}
        self.current_docname = ""

    def get_outdated_docs(self) -> list[str]:
        """All pages that have a notebook."""
        return list(self.config.colab_pages)

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """The public page."""
        return colab_address.of_page(self.config.colab_address, docname)

    def get_relative_uri(self, from_: str, to: str, typ: str | None = None) -> str:
        """Links leave the notebook, so none is relative."""
        return self.get_target_uri(to, typ)

    def prepare_writing(self, docnames: set[str]) -> None:
        """Nothing to prepare."""

    def write_doc(self, docname: str, doctree: nodes.document) -> None:
        """One page, unless it is one that Sphinx adds because its table of contents changed."""
        if docname not in self.config.colab_pages:
            return
        writer = Writer(
            docname,
            self.env.toc_fignumbers.get(docname, {}),
            self.config.colab_address,
            self.config.colab_macros,
            self.config.numfig_format,
        )
        path = Path(self.outdir) / f"{docname}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(writer.page(doctree), ensure_ascii=False), "utf8")

    def finish(self) -> None:
        """Nothing to finish."""


class ListedMap(chapter_map.ChapterMap):
    """The map of the chapters as a list of links, since a notebook shows no drawing of ours."""

    def run(self) -> list[nodes.Node]:
        """Write the list and let the page's own parser read it."""
        entries = [self._entry(line) for line in self.content if line.strip()]
        titles = {page: title for page, title, _ in entries}
        lines = []
        for page, title, needs in entries:
            ready = f"book/{page}" in self.env.found_docs
            words = f"{{doc}}`{title} </book/{page}>`" if ready else f"{title} (still to come)"
            after = f", after {' and '.join(titles[n] for n in needs)}" if needs else ""
            lines.append(f"- {words}{after}")
        parent = nodes.Element()
        self.state.nested_parse(StringList(lines, "chapter map"), 0, parent)
        return parent.children


def _run_time(name, rawtext, text, lineno, inliner, options=None, content=None):
    path = Path(inliner.document.settings.env.srcdir) / "run_times.json"
    seconds = json.loads(path.read_text()).get(f"book/{text}")
    words = f"{seconds:.0f} s" if seconds else NOT_MEASURED
    return [nodes.inline(rawtext, words)], []


def setup(app: Sphinx) -> dict:
    """Register the builder, and what is written otherwise than in the pages."""
    for other in ("chapter_map", "offline"):
        app.setup_extension(other)
    app.add_config_value("colab_pages", [], "env")
    app.add_config_value("colab_address", colab_address.NOWHERE, "env")
    app.add_config_value("colab_macros", {}, "env")
    app.add_directive("chapter-map", ListedMap, override=True)
    app.add_role("runtime", _run_time, override=True)
    app.add_builder(ColabBuilder)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
