"""From a page as Sphinx has read and resolved it to the plain Markdown that any notebook shows.

Numbers and links are those of the built book, since they come from the same tree. A kind of node
that is not known here stops the work: nothing may get lost silently.
"""

import re
from dataclasses import dataclass, field

from docutils import nodes

import colab_tex
from colab_boxes import WriterOfBoxes

AT_THE_START = re.compile(r"^(\d*)(#+|[+.)-])(?=\s)")  # of a paragraph: a heading or an item
ALIGNMENTS = {"text-left": ":--", "text-right": "--:", "text-center": ":-:"}


@dataclass
class Writer(WriterOfBoxes):
    """Writes the nodes of one page; `parts` is what becomes of it: texts and code in order."""

    parts: list = field(default_factory=list)
    level: int = 0
    inside: int = 0  # how many quotes and lists the present node stands in

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

    # each node gives a list of paragraphs

    def blocks(self, children: list[nodes.Node]) -> list[str]:
        """The paragraphs of some nodes."""
        return [text for child in children for text in self._block(child)]

    def _block(self, node: nodes.Node) -> list[str]:
        return self._method("block", node)(node)

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

    def _block_container(self, node: nodes.container) -> list[str]:
        if node.get("design_component") == "dropdown":
            title, *rest = node.children
            return self._folded(self._summary(title), rest)
        return self.blocks(node.children)

    _block_compound = _block_section = _block_container

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


def _indented(text: str, width: int) -> str:
    head, *rest = text.split("\n")
    return "\n".join([head, *(" " * width + line if line else "" for line in rest)])
