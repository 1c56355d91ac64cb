"""What search engines and previews read: a description of each page, and the public address.

The description is the beginning of the page's prose. Canonical links, previews (Open Graph) and
the map of the site need the address at which the pages are published, so they come with it.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

import page_footer
from passages import words

CARD = "social-card.png"  # in book/_static
ENOUGH, AT_MOST = 110, 200  # characters
END_OF_SENTENCE = re.compile(r"(?<![A-Z]\.)(?<=[.?!]) (?=[A-Z“])")
FORMULA = re.compile(r"\^|_\(|∑")  # a short symbol may stand in a description
MADE_UP = ["search.html", "genindex.html", "py-modindex.html"]


def description(doctree: nodes.document) -> str:
    """The first sentences of a page's prose, as plain text."""
    paragraphs = [p for p in doctree.findall(nodes.paragraph) if _is_prose(p)]
    text = ""
    for sentence in _sentences(paragraphs):
        if text and (len(text) >= ENOUGH or len(text) + len(sentence) >= AT_MOST):
            break
        text = f"{text} {sentence}".strip()
    return text if len(text) <= AT_MOST else text[:AT_MOST].rsplit(" ", 1)[0] + " …"


def _is_prose(paragraph: nodes.paragraph) -> bool:
    return isinstance(paragraph.parent, nodes.section)


def _sentences(paragraphs: list[nodes.paragraph]):
    for paragraph in paragraphs:
        text = " ".join(words(paragraph).split())
        yield from filter(_stands_alone, END_OF_SENTENCE.split(text))


def _stands_alone(sentence: str) -> bool:
    """Whether it is whole, and not one that a displayed or a long formula interrupts."""
    whole = sentence[:1].isupper() or sentence.startswith("“")
    return whole and sentence.endswith((".", "?", "!", ".”")) and not FORMULA.search(sentence)


def describe(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Put the description into the page's head, and where the previews look for it."""
    text = description(doctree) if doctree is not None else ""
    if not text:
        return
    context["metatags"] += f'<meta name="description" content="{escape(text)}" />\n'
    context["meta"] = {**(context.get("meta") or {}), "og:description": escape(text)}


def published(app: Sphinx) -> None:
    """Set up what needs the public address, if the book has one."""
    url = page_footer.edition(app.srcdir).get("url")
    if url is None:
        return
    url = url.rstrip("/") + "/"
    app.config.html_baseurl = url
    app.setup_extension("sphinx_sitemap")
    app.config.sitemap_url_scheme = "{link}"
    app.config.sitemap_excludes = MADE_UP
    app.setup_extension("sphinxext.opengraph")
    app.config.ogp_site_url = url
    app.config.ogp_social_cards = {"enable": False}  # one card for the book, drawn once
    if (Path(app.srcdir) / "book" / "_static" / CARD).is_file():
        app.config.ogp_image = f"_static/{CARD}"


def setup(app: Sphinx) -> dict:
    """Descriptions come before the previews, which repeat them."""
    app.connect("html-page-context", describe, priority=400)
    published(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
