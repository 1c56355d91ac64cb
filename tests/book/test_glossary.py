"""A word of the glossary is one that the chapter it names uses."""

import json
import re

import pytest
from miniature import ROOT

TEXT = (ROOT / "book" / "glossary.md").read_text("utf8")
ENTRY = re.compile(r"((?:^\S[^\n]*\n)+)((?:  [^\n]+\n)+)", re.MULTILINE)
GLOSSARY = re.search(r"```\{glossary\}\n:sorted:\n(.*?)```", TEXT, re.DOTALL)[1]
ENTRIES = [(words.splitlines(), body) for words, body in ENTRY.findall(GLOSSARY)]


def plain(text):
    return re.sub(r"\s+", " ", re.sub(r"[*_`]", "", text)).lower()


def text_of(page):
    path = ROOT / "book" / f"{page}.ipynb"
    if not path.exists():
        return plain((ROOT / "book" / f"{page}.md").read_text("utf8"))
    cells = json.loads(path.read_text("utf8"))["cells"]
    return plain("\n".join("".join(cell["source"]) for cell in cells))


@pytest.mark.parametrize(("words", "body"), ENTRIES, ids=[words[0] for words, _ in ENTRIES])
def test_word_stands_in_the_chapter_that_its_entry_names(words, body):
    page = re.findall(r"\{doc\}`([\w-]+)`", body)[-1]
    assert any(plain(word) in text_of(page) for word in words)


def test_glossary_is_read_whole():
    assert len(ENTRIES) == GLOSSARY.count("{doc}") >= 50
