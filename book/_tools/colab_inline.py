"""Words on one line, as plain Markdown: what stands in a paragraph, a title or a cell of a table.

A kind of node that is not known here stops the work: nothing may get lost silently.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from docutils import nodes

import colab_address
import colab_tex

SPECIAL = re.compile(r"([\\`*_\[\]$<>~|]|&(?=#?\w+;))")
IGNORED = ("comment", "target", "substitution_definition", "index", "meta", "toctree")


class UnknownNodeError(ValueError):
    """A kind of node for which there is no Markdown yet."""


@dataclass
class WriterOfLines:
    """Writes what stands on one line.

    Attributes:
        docname: The page, ``book/ntk``.
        numbers: ``toc_fignumbers`` of the page: kind, id -> numbers.
        pages: Where the book's pages are, or what stands for it while nobody knows.
        macros: TeX macros of the configuration.
        formats: Words around the numbers of figures, exercises and so on.
    """

    docname: str
    numbers: dict
    pages: str
    macros: dict = field(default_factory=dict)
    formats: dict = field(default_factory=dict)
    in_table: bool = False

    def inline(self, node: nodes.Node) -> str:
        """The words below a node, on one line."""
        return "".join(self._inline(child) for child in node.children)

    def _inline(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Text):
            return SPECIAL.sub(r"\\\1", re.sub(r"\s*\n\s*", " ", node.astext()))
        return self._method("inline", node)(node)

    def _inline_inline(self, node: nodes.Node) -> str:
        return self.inline(node)

    _inline_generated = _inline_abbreviation = _inline_exercise_title = _inline_inline

    def _inline_emphasis(self, node: nodes.emphasis) -> str:
        return f"*{self.inline(node)}*"

    _inline_title_reference = _inline_emphasis

    def _inline_strong(self, node: nodes.strong) -> str:
        return f"**{self.inline(node)}**"

    def _inline_literal(self, node: nodes.literal) -> str:
        text = " ".join(node.astext().split())
        ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
        pad = " " if "`" in (text[:1], text[-1:]) else ""
        text = text.replace("|", r"\|") if self.in_table else text
        return f"{ticks}{pad}{text}{pad}{ticks}"

    def _inline_math(self, node: nodes.math) -> str:
        return colab_tex.inline(node.astext(), self.macros, self.in_table)

    def _inline_reference(self, node: nodes.reference) -> str:
        words = self.inline(node)
        if "refuri" in node:
            link = node["refuri"]
        else:
            link = colab_address.of_page(self.pages, self.docname) + f"#{node['refid']}"
        return f"[{words}]({link})" if colab_address.is_known(link) else words

    _inline_number_reference = _inline_reference

    def _inline_raw(self, node: nodes.raw) -> str:
        return node.astext() if node.get("format") == "html" else ""

    # --- numbers and titles ---

    def _plain_number(self, node: nodes.Element, kind: str) -> str:
        return ".".join(map(str, self.numbers[kind][node["ids"][0]]))

    def _number(self, node: nodes.Element, kind: str) -> str:
        return self.formats[kind] % self._plain_number(node, kind)

    def _summary(self, title: nodes.Node) -> str:
        """A title as HTML, since a notebook reads no Markdown inside of `<summary>`."""
        parts = []
        for child in title.children:
            if isinstance(child, nodes.math):
                parts.append(colab_tex.inline(child.astext(), self.macros))
            elif isinstance(child, nodes.Text):
                parts.append(html.escape(child.astext(), quote=False))
            else:
                tag = {"emphasis": "em", "strong": "strong", "literal": "code"}
                name = tag.get(type(child).__name__)
                words = self._summary(child)
                parts.append(f"<{name}>{words}</{name}>" if name else words)
        return "".join(parts)

    def _method(self, prefix: str, node: nodes.Node) -> Callable:
        for kind in type(node).__mro__:
            if kind.__name__ in IGNORED:
                return lambda _: [] if prefix == "block" else ""
            if method := getattr(self, f"_{prefix}_{kind.__name__}", None):
                return method
        where = f"{self.docname}, line {node.line}" if node.line else self.docname
        kind, start = type(node).__name__, node.astext()[:60]
        raise UnknownNodeError(f"{where}: no Markdown for a {kind} ({prefix}): {start!r}")
