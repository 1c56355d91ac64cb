"""Spans that change nothing are left out: the page of the library has thousands of them.

Sphinx wraps every word of a code name in a span of class `pre`, which no style sheet mentions; and
Pygments wraps names, punctuation and spaces, which have the colour of the code around them.
"""

import re

from sphinx.application import Sphinx

from page_text import on_every_page

WORD = re.compile(r'<span class="pre">([^<]*)</span>')
CODE = re.compile(r"<pre>.*?</pre>", re.DOTALL)
PLAIN = ("n", "nn", "p", "w")
TOKEN = re.compile(rf'<span class="(?:{"|".join(PLAIN)})">([^<]*)</span>')


def lean(body: str) -> str:
    """The same text with fewer spans."""
    return CODE.sub(lambda code: TOKEN.sub(r"\1", code[0]), WORD.sub(r"\1", body))


def setup(app: Sphinx) -> dict:
    """Change the text of every page before it is written."""
    return on_every_page(app, lean)
