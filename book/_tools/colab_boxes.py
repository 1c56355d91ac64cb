"""What a page sets in a box, as plain Markdown: theorems, proofs, exercises, notes, folded text."""

import re

from docutils import nodes

from colab_inline import WriterOfLines


class WriterOfBoxes(WriterOfLines):
    """Writes boxes, given `blocks`, which writes what is in them."""

    inside: int  # how many quotes and lists the present node stands in

    def blocks(self, children: list[nodes.Node]) -> list[str]:
        """The paragraphs of some nodes."""
        raise NotImplementedError

    def _quoted(self, children: list[nodes.Node], title: str = "") -> str:
        self.inside += 1
        texts = [*([title] if title else []), *self.blocks(children)]
        self.inside -= 1
        lines = "\n\n".join(texts).split("\n")
        return "\n".join(f"> {line}".rstrip() for line in lines)

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


for _kind in (
    *("axiom", "theorem", "lemma", "algorithm", "definition", "remark", "conjecture"),
    *("corollary", "criterion", "example", "property", "observation", "proposition"),
    *("assumption", "notation", "unenumerable"),
):
    setattr(WriterOfBoxes, f"_block_{_kind}_node", WriterOfBoxes._theorem)
