"""The Colab notebooks of the whole book against its built pages."""

import json
import re
import shutil
import sys
from collections import Counter
from functools import cache
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup
from miniature import ROOT, TOOLS

sys.path.insert(0, str(TOOLS))

import address
import colab
import colab_address
from project import Project

PROJECT = Project(ROOT)
ADDRESS = "https://github.com/some-body/the.book"
SITE = colab_address.of_pages(ADDRESS)
LINK = re.compile(r"\]\(([^()\s]+)\)")
TAG = re.compile(r"\\tag\{([\d.]+)\}")
THEOREM = re.compile(r"^> \*\*([A-Z][a-z]+ [\d.]+)", re.MULTILINE)
EXERCISE = re.compile(r"^\*\*(Exercise [\d.]+)", re.MULTILINE)
FIGURE = re.compile(r"^\*\*(Fig\. [\d.]+)\.\*\*", re.MULTILINE)
SUMMARY = re.compile(r"^[> ]*<summary>", re.MULTILINE)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The book with an address, so that its notebooks have links, and they are made."""
    root = tmp_path_factory.mktemp("colab") / "book"
    ignored = shutil.ignore_patterns("out", ".*", "__pycache__", "tests")
    shutil.copytree(ROOT, root, ignore=ignored)
    project = Project(root)
    address.write(project, ADDRESS)
    colab.make(project)
    return project


@cache
def page(name):
    path = (PROJECT.html / f"{name}.html").resolve()
    return BeautifulSoup(path.read_text("utf8"), "html.parser")


@cache
def anchors(name):
    return {tag.get("id") or tag.get("name") for tag in page(name)(True)}


def text_of(book, name):
    cells = json.loads(colab.twin_of(book, name).read_text("utf8"))["cells"]
    texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    return "\n\n".join(texts)


def words(tags):
    return [re.sub(r"[\s\u2060]+", " ", tag.get_text()).strip() for tag in tags]


def test_each_has_the_code_of_its_page_is_up_to_date_valid_and_plain(book):
    assert colab.check(book) == []


@pytest.mark.parametrize("name", PROJECT.notebooks)
def test_every_link_leads_to_a_page_and_an_anchor_that_exist(book, name):
    links = [unquote(link) for link in LINK.findall(text_of(book, name))]
    ours = [link.removeprefix(f"{SITE}/") for link in links if link.startswith(SITE)]
    assert len(ours) >= 5
    broken = []
    for link in ours:
        target, _, anchor = link.partition("#")
        target = target.removesuffix(".html")
        if target not in PROJECT.pages or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", PROJECT.notebooks)
def test_numbers_are_those_of_the_page(book, name):
    text, article = text_of(book, name), page(name).find("article")
    titles = words(article.select("div.proof > p.admonition-title"))
    theorems = [found[0] for t in titles if (found := re.match(r"[A-Z][a-z]+ [\d.]+", t))]
    assert THEOREM.findall(text) == theorems
    numbered = [number.strip("()#") for number in words(article.select(".eqno"))]
    assert TAG.findall(text) == [re.search(r"[\d.]+", n)[0] for n in numbered]
    captions = words(article.select("figcaption .caption-number"))
    assert FIGURE.findall(text) == captions
    exercises = words(article.select("div.exercise > p.admonition-title"))
    assert EXERCISE.findall(text) == [re.match(r"Exercise [\d.]+", e)[0] for e in exercises]


@pytest.mark.parametrize("name", PROJECT.notebooks)
def test_nothing_of_the_source_is_lost(book, name):
    """Proofs, folded parts, formulas: as many as the source has."""
    cells = json.loads(PROJECT.notebook(name).read_text("utf8"))["cells"]
    source = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    text = text_of(book, name)
    assert text.count("**Proof.**") == source.count("{prf:proof}")
    folded = Counter(re.findall(r"\{dropdown\}|:class: .*dropdown", source)).total()
    assert len(SUMMARY.findall(text)) == text.count("</details>") == folded
    assert text.count("$$") == source.count("$$")


@pytest.mark.parametrize("name", PROJECT.notebooks)
def test_numbers_that_are_asserted_are_computed_in_full_precision_on_any_machine(name):
    """A GPU rounds the factors of a product in float32 to 10 bits unless it is told not to.

    Each notebook works in float64; one that goes down to float32 asks for full precision. Both
    stand in the cell of the imports, before anything is computed.
    """
    cells = json.loads(PROJECT.notebook(name).read_text("utf8"))["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    computing = any("assert " in cell for cell in code)
    assert not computing or 'jax.config.update("jax_enable_x64", True)' in code[1]
    if any(re.search(r"float32|bfloat16|float16", cell) for cell in code[2:]):
        assert 'jax.config.update("jax_default_matmul_precision", "highest")' in code[1]
