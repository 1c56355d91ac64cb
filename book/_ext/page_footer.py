"""The foot of every page: version and date, how to cite, and where to report a mistake.

    ```{cite-this-book}
    ```

makes the list of citations from `edition.json`, which `book/_tools/edition.py` writes.
"""

import json
import textwrap
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from passages import words

CITE = "book/cite"
TEMPLATES = "book/_ext/templates"  # beside the configuration, as local_extensions are
BODY = "Page: {page}\nEdition: {edition}\n\nWhat is wrong, and where on the page:\n"


def edition(srcdir: str | Path) -> dict:
    """What `edition.json` says; nothing in a book that is not built by our tools."""
    path = Path(srcdir) / "edition.json"
    return json.loads(path.read_text("utf8")) if path.is_file() else {}


def in_words(found: dict) -> str:
    """``Version 0.1.0 of 28 November 2026``, or as much of it as is known."""
    day = ""
    if "date" in found:
        when = date.fromisoformat(found["date"])
        day = f"{when.day} {when:%B %Y}"
    version = f"Version {found['version']}" if "version" in found else ""
    return " of ".join(filter(None, [version, day]))


def facts(found: dict, page: str, title: str, cite: str | None) -> list[dict]:
    """The entries of the foot; a mistake can be reported once the repository has an address."""
    said = [{"text": in_words(found)}] if in_words(found) else []
    if cite:
        said.append({"text": "Cite this book", "url": cite})
    if "repository" in found:
        body = BODY.format(page=page, edition=in_words(found) or "unknown")
        query = urlencode({"title": f"Mistake in “{title}”", "body": body})
        url = f"{found['repository']}/issues/new?{query}"
        said.append({"text": "Report a mistake on this page", "url": url})
    return said


def plain(found: dict) -> str:
    """The citation as a line of text."""
    year = found.get("date", "")[:4]
    parts = [f"{', '.join(found['authors'])}{f' ({year})' if year else ''}", found["title"]]
    parts += [in_words(found)] if in_words(found) else []
    parts += [found["url"]] if "url" in found else []
    return "".join(f"{part}{'' if part.endswith('?') else '.'} " for part in parts).strip()


def bibtex(found: dict) -> str:
    """The citation as an entry for BibTeX."""
    fields = {
        "title": textwrap.fill(f"{{{found['title']}}}", 70, subsequent_indent=" " * 11),
        "author": " and ".join(f"{{{name}}}" for name in found["authors"]),
        "year": found.get("date", "")[:4],
        "note": in_words(found),
        "url": found.get("url", ""),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    name = "-".join(filter(None, [found["name"], fields["year"]]))
    return "\n".join([f"@misc{{{name},", *lines, "}"])


class CiteThisBook(SphinxDirective):
    """The directive."""

    def run(self) -> list[nodes.Node]:
        """Both forms, ready to be copied."""
        found = edition(self.env.srcdir)
        if "authors" not in found:
            return [nodes.paragraph("", "This copy has no CITATION.cff that says how to cite it.")]
        entry = nodes.literal_block(bibtex(found), bibtex(found), language="bibtex")
        lead = nodes.paragraph("", "For a list made with BibTeX:")
        return [nodes.block_quote("", nodes.paragraph("", plain(found))), lead, entry]


def put(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Hand the facts of a page to the template; search and index have no text to report on."""
    found = edition(app.srcdir)
    title = app.env.titles.get(pagename)
    if doctree is None or title is None:
        title, found = nodes.title(), {k: v for k, v in found.items() if k != "repository"}
    cite = context["pathto"](CITE) if CITE in app.env.found_docs else None
    name = " ".join(words(title).split())
    context["page_facts"] = facts(found, pagename, name, cite)
    # the theme writes "By" in front
    context["author"] = (context.get("author") or "").replace("The authors", "the authors", 1)


def setup(app: Sphinx) -> dict:
    """Register the directive and the template."""
    app.config.templates_path.append(TEMPLATES)
    app.add_directive("cite-this-book", CiteThisBook)
    app.connect("html-page-context", put, priority=600)  # the theme has named the author
    return {"parallel_read_safe": True, "parallel_write_safe": True}
