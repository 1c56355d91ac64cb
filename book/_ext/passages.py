"""Search: the text of every section, statement, figure, symbol, word and function, on the disk.

Browsers forbid a page that was opened from the disk to read another one, so the passages that a
search looks through and shows stand in a script, `_static/passages.js`, which the search page
alone loads. `_static/search.js` looks through them.
"""

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

import readable

SYMBOLS = "book/notation"  # its tables list a symbol in each row
UNREAD = (nodes.raw, nodes.comment, nodes.image, nodes.substitution_definition)
BLOCK = (nodes.paragraph, nodes.list_item, nodes.entry, nodes.field_name, nodes.math_block)
TITLE = (nodes.title, nodes.caption, nodes.term, addnodes.desc_signature)
TITLE_LENGTH = 110


class Passage(dict):
    """What one result of a search leads to: an anchor with title, text, keys and code."""

    def __init__(self, kind: str, anchor: str, title: str, keys: list[str] | None = None):
        super().__init__(kind=kind, anchor=anchor, title=" ".join(title.split()))
        self["keys"] = keys or []
        self.pieces: list[str] = []
        self.symbols: dict[str, None] = {}
        self.code: list[str] = []

    def finished(self) -> dict:
        """With the text that was gathered."""
        text = re.sub(r"\s+", " ", "".join(self.pieces).replace("\u2060", "")).strip()
        found = {"text": text, "symbols": " ".join(self.symbols), "code": "\n".join(self.code)}
        return {name: value for name, value in {**self, **found}.items() if value}


class Reader:
    """Splits one page, as Sphinx has resolved it, into passages."""

    def __init__(self, app: Sphinx, page: str):
        self.numbers = app.env.toc_fignumbers.get(page, {})
        self.passages: list[Passage] = []

    def read(self, node: nodes.Node, here: Passage | None) -> None:
        """Give every text below a node to the passage it stands in."""
        for child in node.children:
            new = self._opened(child)
            if new is not None:
                self.passages.append(new)
                self.read(child, new)
            elif isinstance(child, UNREAD) or _is_solution(child) or here is None:
                self.read(child, None) if isinstance(child, nodes.Element) else None
            elif isinstance(child, nodes.Text):
                here.pieces.append(child.astext())
            elif isinstance(child, nodes.math | nodes.math_block):
                self._formula(child, here)
            elif isinstance(child, nodes.literal_block):
                lines = child.astext().splitlines()
                here.code += [line.strip() for line in lines if "tl." in line]  # calls of ours
            elif isinstance(child, TITLE) or _is_symbol(child):
                here.symbols.update(dict.fromkeys(_symbols_of(child)))  # the title of the passage
            elif "cell_output" in child.get("classes", ()):
                self.read(child, None)
            else:
                self.read(child, here)
                here.pieces.append(" " if isinstance(child, BLOCK) else "")

    def _formula(self, node: nodes.Element, here: Passage) -> None:
        space = " " if isinstance(node, nodes.math_block) else ""
        here.pieces.append(space + readable.formula(node.astext()) + space)
        here.symbols.update(dict.fromkeys(readable.symbols(node.astext())))

    def _opened(self, node: nodes.Node) -> Passage | None:
        """The passage that a node begins, if it begins one."""
        if not isinstance(node, nodes.Element):
            return None
        anchor = next(iter(node.get("ids", ())), "")
        classes = node.get("classes", ())
        if isinstance(node, nodes.section) and not {"proof-content"} & {anchor}:
            title = next(iter(node.findall(nodes.title)), None)
            if title is None or title.parent is not node:
                return None
            kind = "page" if isinstance(node.parent, nodes.document) else "section"
            return Passage(kind, anchor, words(title))
        if node.get("realtype") and node.get("realtype") != "proof":
            return self._numbered(node.get("realtype"), anchor, node)
        if type(node).__name__ in ("exercise_enumerable_node", "exercise_node"):
            return self._numbered("exercise", anchor, node)
        if isinstance(node, nodes.figure) and anchor:
            return self._figure(node, anchor)
        if isinstance(node, nodes.definition_list_item) and isinstance(node[0], nodes.term):
            return _word([child for child in node.children if isinstance(child, nodes.term)])
        if isinstance(node, addnodes.desc) and node.get("domain") == "py":
            return _function(node)
        if isinstance(node, nodes.row) and anchor.startswith("symbol-"):
            formulas = [m.astext() for m in node[0].findall(nodes.math)]
            return Passage("symbol", anchor, words(node[0]), keys_of(formulas))
        if "ledger-entry" in classes:
            return Passage("claim", anchor, shortened(words(node[0])))
        return None

    def _numbered(self, kind: str, anchor: str, node: nodes.Element) -> Passage:
        number = ".".join(map(str, self.numbers.get(kind, {}).get(anchor, ())))
        title = next(iter(node.findall(nodes.title)), None)
        own = words(title).removeprefix("Exercise") if title is not None else ""
        return Passage(kind, anchor, f"{kind.capitalize()} {number} {own}")

    def _figure(self, node: nodes.figure, anchor: str) -> Passage:
        number = ".".join(map(str, self.numbers.get("figure", {}).get(anchor, ())))
        caption = next(iter(node.findall(nodes.caption)), None)
        text = words(caption) if caption is not None else ""
        passage = Passage("figure", anchor, f"Figure {number}: {shortened(text)}")
        passage.pieces.append(text)
        return passage


def words(node: nodes.Node) -> str:
    """The text of a node, formulas readable."""
    if isinstance(node, nodes.math | nodes.math_block):
        return readable.formula(node.astext())
    if isinstance(node, nodes.Text):
        return node.astext().replace("\u2060", "")
    if isinstance(node, nodes.raw) or "headerlink" in node.get("classes", ()):
        return ""
    return "".join(words(child) for child in node.children)


def keys_of(formulas: list[str]) -> list[str]:
    """What the symbols of a row are found by: the parts between commas, each to its first "="."""
    parts = [part for tex in formulas for part in re.split(r",\\ |,\\quad", tex)]
    found = [readable.formula_key(re.split(r"=|\\in(?![a-z])|\\sim", part)[0]) for part in parts]
    return list(dict.fromkeys(filter(None, found)))


def shortened(text: str) -> str:
    """The first sentence, or as much as a title may have."""
    first = re.split(r"(?<=[.:;])\s", text, maxsplit=1)[0].rstrip(".:;")
    if len(first) <= TITLE_LENGTH:
        return first
    return first[:TITLE_LENGTH].rsplit(" ", 1)[0] + " …"


def _word(terms: list[nodes.term]) -> Passage | None:
    """An entry of the glossary, which may explain several words at once."""
    anchor = next(iter(terms[0].get("ids", ())), "")
    if not anchor.startswith("term-"):
        return None
    names = [words(term) for term in terms]
    return Passage("word", anchor, ", ".join(names), [readable.key(name) for name in names])


def _function(node: addnodes.desc) -> Passage | None:
    signature = next(iter(node.findall(addnodes.desc_signature)))
    anchor = next(iter(signature.get("ids", ())), "")
    short = signature.get("fullname", "")
    return (
        Passage("function", anchor, anchor, [short, short.rsplit(".", 1)[-1]]) if anchor else None
    )


def _is_symbol(node: nodes.Element) -> bool:
    """The first cell of a row that has an anchor."""
    row = node.parent
    return isinstance(row, nodes.row) and node is row[0] and bool(row.get("ids"))


def _symbols_of(node: nodes.Element) -> list[str]:
    formulas = node.findall(lambda one: isinstance(one, nodes.math | nodes.math_block))
    return [symbol for one in formulas for symbol in readable.symbols(one.astext())]


def _says_nothing(passage: dict) -> bool:
    return passage.get("text", "").startswith("Alias for field number")  # of a NamedTuple


def _is_solution(node: nodes.Node) -> bool:
    return type(node).__name__.startswith("solution")  # folded, and not to be given away


def name_rows(app: Sphinx, doctree: nodes.document) -> None:
    """Give every row of the tables of symbols an anchor."""
    if app.env.docname != SYMBOLS:
        return
    for row in doctree.findall(nodes.row):
        tex = " ".join(m.astext() for m in row[0].findall(nodes.math))
        if tex and isinstance(row.parent, nodes.tbody):
            name = wanted = nodes.make_id(f"symbol-{re.sub('[^A-Za-z0-9]+', '-', tex)}")
            count = 1
            while name in doctree.ids:
                count += 1
                name = f"{wanted}-{count}"
            row["ids"].append(name)
            doctree.ids[name] = row


def collect(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Keep the passages of a page until all are there."""
    if app.builder.format != "html":
        return
    reader = Reader(app, page)
    reader.read(doctree, None)
    app.found_passages = getattr(app, "found_passages", {})
    passages = [passage.finished() for passage in reader.passages]
    app.found_passages[page] = [p for p in passages if not _says_nothing(p)]


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the script that the search page loads."""
    found = getattr(app, "found_passages", {})
    if exception is not None or not found:
        return
    pages = [app.config.root_doc, *app.env.toctree_includes.get(app.config.root_doc, ())]
    order = [p for p in dict.fromkeys([*pages, *sorted(found)]) if p in found]
    listed = [
        {"page": page, "title": readable_title(app, page), "passages": found[page]}
        for page in order
    ]
    text = json.dumps(listed, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    path = Path(app.outdir) / "_static" / "passages.js"
    path.write_text(f"window.bookPassages = {text};\n", "utf8")


def readable_title(app: Sphinx, page: str) -> str:
    """A page's title with its formulas as text."""
    return " ".join(words(app.env.titles[page]).split())


def load(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Only the search page loads passages and search."""
    if pagename == "search":
        app.add_js_file("passages.js", loading_method="defer")
        app.add_js_file("search.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Passages are gathered in one process, so pages cannot be written by several."""
    app.connect("doctree-read", name_rows)
    app.connect("doctree-resolved", collect, priority=950)
    app.connect("html-page-context", load)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
