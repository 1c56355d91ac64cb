"""From a page as Sphinx has read and resolved it to the plain Markdown that any notebook shows.

Numbers and links are those of the built book, since they come from the same tree. A kind of node
that is not known here stops the work: nothing may get lost silently.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from docutils import nodes

import colab_address
import colab_tex

SPECIAL = re.compile(r"([\\`*_\[\]$<>~|]|&(?=#?\w+;))")
AT_THE_START = re.compile(r"^(\d*)(#+|[+.)-])(?=\s)")  # of a paragraph: a heading or an item
ALIGNMENTS = {"text-left": ":--", "text-right": "--:", "text-center": ":-:"}
IGNORED = ("comment", "target", "substitution_definition", "index", "meta", "toctree")


class UnknownNodeError(ValueError):
    """A kind of node for which there is no Markdown yet."""


@dataclass
class Writer:
    """Writes the nodes of one page; `parts` is what becomes of it, texts and code cells in order.

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
    parts: list = field(default_factory=list)
    level: int = 0
    inside: int = 0  # how many quotes and lists the present node stands in
    in_table: bool = False

    def page(self, document: nodes.document) -> list[dict]:
        """The whole page: ``{"text": Markdown}`` and ``{"cell": index}`` in order."""
        for child in document.children:
            self._of_page(child)
        return self.parts

    def _of_page(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.section):
            self.level += 1
            for child in node.children:
                self._of_page(child)
            self.level -= 1
        elif isinstance(node, nodes.container) and node.get("nb_element") == "cell_code":
            self.parts.append({"cell": node["cell_index"]})
            self.parts += [{"caption": text} for text in self._captions(node)]
        else:
            self.parts += [{"text": text} for text in self.blocks([node])]

    def _captions(self, cell: nodes.container) -> list[str]:
        captions = []
        for figure in cell.findall(nodes.figure):
            number = self._number(figure, "figure")
            for caption in figure.findall(nodes.caption):
                captions.append(f"**{number}.** {self.inline(caption)}")
        return captions

    # --- blocks: each node gives a list of paragraphs ---

    def blocks(self, children: list[nodes.Node]) -> list[str]:
        """The paragraphs of some nodes."""
        return [text for child in children for text in self._block(child)]

    def _block(self, node: nodes.Node) -> list[str]:
        return self._method("block", node)(node)

    def _method(self, prefix: str, node: nodes.Node) -> Callable:
        for kind in type(node).__mro__:
            if kind.__name__ in IGNORED:
                return lambda _: [] if prefix == "block" else ""
            if method := getattr(self, f"_{prefix}_{kind.__name__}", None):
                return method
        where = f"{self.docname}, line {node.line}" if node.line else self.docname
        kind, start = type(node).__name__, node.astext()[:60]
        raise UnknownNodeError(f"{where}: no Markdown for a {kind} ({prefix}): {start!r}")

    def _block_title(self, node: nodes.title) -> list[str]:
        return [f"{'#' * min(self.level, 6)} {self.inline(node)}"]

    def _block_rubric(self, node: nodes.rubric) -> list[str]:
        return [f"**{self.inline(node)}**"]

    def _block_paragraph(self, node: nodes.paragraph) -> list[str]:
        text = AT_THE_START.sub(r"\1\\\2", self.inline(node).strip())
        return [text] if text else []

    def _block_math_block(self, node: nodes.math_block) -> list[str]:
        number = self._plain_number(node, "displaymath") if node.get("label") else ""
        one_line = self.inside > 0
        return [colab_tex.display(node.astext(), number, self.macros, one_line)]

    def _block_literal_block(self, node: nodes.literal_block) -> list[str]:
        text = node.astext().rstrip("\n")
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        language = node.get("language", "")
        return [f"{fence}{'' if language in ('default', 'none') else language}\n{text}\n{fence}"]

    def _block_bullet_list(self, node: nodes.bullet_list) -> list[str]:
        return self._items(node, ["- "] * len(node.children))

    def _block_enumerated_list(self, node: nodes.enumerated_list) -> list[str]:
        first = node.get("start", 1)
        return self._items(node, [f"{first + i}. " for i in range(len(node.children))])

    def _items(self, node: nodes.Element, marks: list[str]) -> list[str]:
        self.inside += 1
        items = [self.blocks(item.children) for item in node.children]
        self.inside -= 1
        gap = "\n\n" if any(len(item) > 1 for item in items) else "\n"
        texts = [
            mark + _indented("\n\n".join(item), len(mark))
            for mark, item in zip(marks, items, strict=True)
        ]
        return [gap.join(texts)]

    def _block_definition_list(self, node: nodes.definition_list) -> list[str]:
        texts = []
        for item in node.children:
            term = " ".join(self.inline(t) for t in item.findall(nodes.term))
            texts.append(f"**{term}**")
            texts += self.blocks([b for d in item.findall(nodes.definition) for b in d.children])
        return texts

    def _block_block_quote(self, node: nodes.block_quote) -> list[str]:
        return [self._quoted(node.children)]

    def _quoted(self, children: list[nodes.Node], title: str = "") -> str:
        self.inside += 1
        texts = [*([title] if title else []), *self.blocks(children)]
        self.inside -= 1
        lines = "\n\n".join(texts).split("\n")
        return "\n".join(f"> {line}".rstrip() for line in lines)

    def _block_container(self, node: nodes.container) -> list[str]:
        if node.get("design_component") == "dropdown":
            title, *rest = node.children
            return self._folded(self._summary(title), rest)
        return self.blocks(node.children)

    _block_compound = _block_section = _block_container

    def _folded(self, title: str, children: list[nodes.Node]) -> list[str]:
        opening = f"<details>\n<summary>{title}</summary>"
        return [opening, *self.blocks(children), "</details>"]

    def _block_admonition(self, node: nodes.Element) -> list[str]:
        title, rest = self._title_of(node)
        if "dropdown" in node["classes"]:
            return self._folded(self._summary(node.children[0]) if title else "More", rest)
        return [self._quoted(rest, f"**{title}**" if title else "")]

    _block_Admonition = _block_admonition  # noqa: N815  (the base class of notes, theorems, ...)

    def _title_of(self, node: nodes.Element) -> tuple[str, list[nodes.Node]]:
        first, *rest = node.children
        if isinstance(first, nodes.title):
            return self.inline(first), rest
        kind = "" if type(node) is nodes.admonition else type(node).__name__.title()
        return kind, node.children

    def _block_proof_node(self, node: nodes.Element) -> list[str]:
        """A proof, whose first paragraph begins with the word, and a mark for its end."""
        [box] = node.children
        texts = self.blocks(box.children)
        texts[0] = re.sub(r"^Proof\.\s*", "**Proof.** ", texts[0]).strip()
        if texts[-1].endswith(("∎", r"\square$", r"\blacksquare$")):  # the author's own
            return texts
        if texts[-1].endswith(("$$", "</details>", "```")):
            return [*texts, "∎"]
        return [*texts[:-1], f"{texts[-1]} ∎"]

    def _theorem(self, node: nodes.Element) -> list[str]:
        title, *rest = node.children
        kind = node["realtype"].title()
        if node["countertype"] and type(node).__name__ != "unenumerable_node":
            kind += f" {self._plain_number(node, node['countertype'])}"
        name = self.inline(title).strip()
        heading = f"**{kind} {name}**" if name else f"**{kind}**"
        return [self._quoted(rest, heading)]

    def _block_exercise_node(self, node: nodes.Element) -> list[str]:
        title, *rest = node.children
        return [f"**{self._exercise(node, title)}**", *self.blocks(rest)]

    _block_exercise_enumerable_node = _block_exercise_node

    def _exercise(self, node: nodes.Element, title: nodes.Element) -> str:
        words = self.inline(title).strip()
        if type(node).__name__ == "exercise_enumerable_node":
            return f"{self._number(node, 'exercise')} {words}".strip()
        return words

    def _block_solution_node(self, node: nodes.Element) -> list[str]:
        title, *rest = node.children
        return self._folded(self._summary(title), rest)

    def _block_table(self, node: nodes.table) -> list[str]:
        self.in_table, was = True, self.in_table
        rows = [
            [" ".join(self.blocks(entry.children)) for entry in row.children]
            for row in node.findall(nodes.row)
        ]
        self.in_table = was
        first = next(iter(node.findall(nodes.row)))
        alignments = [
            next((ALIGNMENTS[c] for c in entry["classes"] if c in ALIGNMENTS), "---")
            for entry in first.children
        ]
        lines = [f"| {' | '.join(row)} |" for row in [rows[0], alignments, *rows[1:]]]
        title = [f"**{self.inline(t)}**" for t in node.findall(nodes.title)]
        return [*title, "\n".join(lines)]

    def _block_transition(self, node: nodes.transition) -> list[str]:
        return ["---"]

    def _block_raw(self, node: nodes.raw) -> list[str]:
        """HTML of the author; that of Sphinx extensions is scripts, which a notebook drops."""
        text = node.astext().strip()
        return [text] if node.get("format") == "html" and "<script" not in text else []

    # --- inline ---

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


def _indented(text: str, width: int) -> str:
    head, *rest = text.split("\n")
    return "\n".join([head, *(" " * width + line if line else "" for line in rest)])


for _kind in (
    *("axiom", "theorem", "lemma", "algorithm", "definition", "remark", "conjecture"),
    *("corollary", "criterion", "example", "property", "observation", "proposition"),
    *("assumption", "notation", "unenumerable"),
):
    setattr(Writer, f"_block_{_kind}_node", Writer._theorem)
