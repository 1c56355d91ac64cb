"""Every theorem, lemma, proposition and corollary of the book, page by page.

    ```{statement-list}
    ```

The list is made at the end, when all pages have been read.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

KINDS = ("theorem", "proposition", "lemma", "corollary", "definition")


class StatementsNode(nodes.General, nodes.Element):
    """The place of the list."""


class StatementList(SphinxDirective):
    """The directive."""

    def run(self) -> list[nodes.Node]:
        """Leave a place to be filled."""
        return [StatementsNode()]


def statements(app: Sphinx, page: str) -> list[tuple[str, str, nodes.Element]]:
    """``(id, kind, title)`` of each numbered statement of a page, in its order."""
    found = []
    listed = app.env.proof_list
    for node in app.env.get_doctree(page).findall(nodes.Element):
        label = node.get("label")
        if label in listed and node.get("realtype") in KINDS:
            title = next(iter(node.findall(nodes.title)), None)
            found.append((node["ids"][0], node["realtype"], title))
    return found


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace the place by a section for each page that states something."""
    for place in list(doctree.findall(StatementsNode)):
        sections = []
        for page in _reading_order(app):
            here = statements(app, page)
            if not here:
                continue
            uri = app.builder.get_relative_uri(docname, page)
            items = [nodes.list_item("", _line(app, page, uri, *one)) for one in here]
            title = app.env.titles[page].deepcopy()
            name = nodes.make_id(f"statements-{page}")
            section = nodes.section("", nodes.title("", "", *title.children), ids=[name])
            section += nodes.bullet_list("", *items, classes=["statement-list"])
            sections.append(section)
        place.replace_self(sections)


def _reading_order(app: Sphinx) -> list[str]:
    """The pages in the order of the table of contents."""
    order = list(app.env.toctree_includes.get(app.config.root_doc, []))
    return [page for page in order if page in app.env.found_docs]


def _line(app: Sphinx, page: str, uri: str, name: str, kind: str, title) -> nodes.paragraph:
    """Kind and number as a link, then the title with its formulas."""
    numbers = app.env.toc_fignumbers.get(page, {}).get(kind, {}).get(name, ())
    text = f"{kind.capitalize()} {'.'.join(map(str, numbers))}".strip()
    link = nodes.reference("", text, refuri=f"{uri}#{name}", internal=True)
    line = nodes.paragraph("", "", link)
    if title is not None and title.children:
        line += [nodes.Text(" "), *(child.deepcopy() for child in title.children)]
    return line


def setup(app: Sphinx) -> dict:
    """Register node and directive; the list is filled before a page is written."""
    app.add_node(StatementsNode)
    app.add_directive("statement-list", StatementList)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
