"""What other pages say of the ledger's claims.

``{claim}`isotropy-condition` `` links to a claim's entry in the ledger. The directive

    ```{claim-verdicts} isotropy-condition better-by-sqrt-d
    ```

repeats what decided these claims: verdict, proofs and the lines that were measured.
"""

import json
import tomllib
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from ledger import PAGE, entry_id, measured_line


def claims(env) -> dict[str, dict]:
    """Every claim by its id."""
    text = (Path(env.srcdir) / "book" / "claims.toml").read_text("utf8")
    return {claim["id"]: claim for claim in tomllib.loads(text)["claim"]}


def link(env, claim: str) -> nodes.reference:
    """A link to a claim's entry."""
    page = env.app.builder.get_relative_uri(env.docname, PAGE)
    code = nodes.literal("", claim, classes=["ledger-id"])
    return nodes.reference("", "", code, refuri=f"{page}#{entry_id(claim)}", internal=True)


class Claim(SphinxRole):
    """The role."""

    def run(self) -> tuple[list[nodes.Node], list]:
        """One link."""
        if self.text not in claims(self.env):
            message = f"the ledger has no claim {self.text!r}"
            return [], [self.inliner.reporter.error(message, line=self.lineno)]
        return [link(self.env, self.text)], []


class ClaimVerdicts(SphinxDirective):
    """The directive."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """A list with an item for each claim and, in it, its measured lines."""
        known = claims(self.env)
        measured = json.loads((Path(self.env.srcdir) / "claims.json").read_text("utf8"))
        for name in ("book/claims.toml", "claims.json"):
            self.env.note_dependency(str(Path(self.env.srcdir) / name))
        items = []
        for name in self.arguments[0].split():
            if name not in known:
                raise self.error(f"the ledger has no claim {name!r}")
            lines = [measured_line(self.env, one) for one in measured if one["claim"] == name]
            items.append(self._item(known[name], lines))
        return [nodes.bullet_list("", *items, classes=["claim-verdicts"])]

    def _item(self, claim: dict, lines: list[nodes.paragraph]) -> nodes.list_item:
        head = nodes.paragraph("", "", link(self.env, claim["id"]))
        text = f": {claim['verdict']}, in {{doc}}`/book/{claim['chapter']}`"
        proofs = claim.get("proof", [])
        proofs = [proofs] if isinstance(proofs, str) else proofs
        if proofs:
            text += "; proof: " + ", ".join(f"{{prf:ref}}`{label}`" for label in proofs)
        parent = nodes.Element()
        self.state.nested_parse(StringList([f"x{text}."], "claims.toml"), 0, parent)
        [paragraph] = parent.children
        paragraph[0] = nodes.Text(paragraph[0].astext().removeprefix("x"))
        head += paragraph.children
        item = nodes.list_item("", head)
        if lines:
            item += nodes.bullet_list("", *(nodes.list_item("", line) for line in lines))
        return item


def setup(app: Sphinx) -> dict:
    """Register role and directive."""
    app.add_role("claim", Claim())
    app.add_directive("claim-verdicts", ClaimVerdicts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
