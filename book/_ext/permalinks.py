"""A link to itself behind the title of every statement and exercise, as headings have one.

Sphinx makes such links for headings, figures, equations, words and functions. All of them say what
they lead to, also to those who hear the page.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

UNLABELLED = re.compile(r'<a class="headerlink" href="([^"]*)" title="([^"]*)">')
LINK = '<a class="headerlink" href="#{anchor}" title="{label}" aria-label="{label}">#</a>'


class LinkStatements(SphinxPostTransform):
    """Append the link to the titles of one page."""

    default_priority = 910
    formats = ("html",)

    def run(self) -> None:
        """Visit every box that has a number."""
        for node in self.document.findall(nodes.Admonition):
            kind = kind_of(node)
            anchor = next(iter(node.get("ids", ())), None) if kind else None
            title = next((c for c in node.children if isinstance(c, nodes.title)), None)
            if anchor and title is not None:
                link = LINK.format(anchor=anchor, label=f"Link to this {kind}")
                title += nodes.raw("", link, format="html")


def kind_of(node: nodes.Element) -> str | None:
    """``theorem``, ``exercise`` and so on; None for proofs, solutions and plain boxes."""
    if type(node).__name__.startswith("exercise"):
        return "exercise"
    kind = node.get("realtype")
    return None if kind == "proof" else kind


def label(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Give the links that Sphinx makes the name that they show on hovering."""
    if "body" in context:
        body = context["body"].replace("Link to this image", "Link to this figure")
        context["body"] = UNLABELLED.sub(
            r'<a class="headerlink" href="\1" title="\2" aria-label="\2">', body
        )


def setup(app: Sphinx) -> dict:
    """After the punctuation is glued to formulas."""
    app.add_post_transform(LinkStatements)
    app.connect("html-page-context", label)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
