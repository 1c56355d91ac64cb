"""Every chapter has the parts of a chapter. What stands in them is for readers to judge."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from miniature import ROOT, TOOLS

sys.path.insert(0, str(TOOLS))

from project import Project

PROJECT = Project(ROOT)
# The front page is a notebook, too, but no chapter.
CHAPTERS = [page for page in PROJECT.notebooks if page != PROJECT.pages[0]]
HEADER = ("You will learn", "You need", "It examines", "Run time")
LAST_SECTIONS = ("What we have learnt", "Exercises", "Further reading")


def cells(page):
    return json.loads(PROJECT.notebook(page).read_text("utf8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def prose(page):
    return "\n\n".join(source(c) for c in cells(page) if c["cell_type"] == "markdown")


def directives(text, kind):
    """The argument and the body of every directive of a kind, however many colons it has."""
    pattern = rf"^(:{{3,}}|`{{3,}})\{{{kind}\}}([^\n]*)\n(.*?)^\1[ \t]*$"
    return [(a.strip(), b) for _, a, b in re.findall(pattern, text, re.DOTALL | re.MULTILINE)]


def test_every_notebook_stands_in_the_table_of_contents():
    lying = {f"book/{p.stem}" for p in (ROOT / "book").glob("*.ipynb")}
    assert lying - set(PROJECT.notebooks) == set()


def test_every_page_of_text_stands_in_the_table_of_contents():
    lying = {f"book/{p.stem}" for p in (ROOT / "book").glob("*.md")}
    assert lying - set(PROJECT.pages) == set()


def test_no_notebook_in_git_carries_outputs():
    listed = ["git", "ls-files", "-z", "*.ipynb"]
    names = subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")
    wrong = [
        name
        for name in filter(None, names)
        for c in json.loads((ROOT / name).read_text("utf8"))["cells"]
        if c.get("outputs") or c.get("execution_count")
    ]
    assert wrong == []


@pytest.mark.parametrize("page", CHAPTERS)
def test_chapter_begins_with_a_title_and_the_four_lines_of_its_header(page):
    first = source(cells(page)[0])
    assert re.match(r"(\(.+\)=\n)?# \S", first), "the first cell has no title"
    headers = directives(first, "admonition")
    assert headers, "the first cell has no header admonition"
    missing = [line for line in HEADER if f"- **{line}**" not in headers[0][1]]
    assert missing == []
    name = page.split("/")[-1]
    assert f"{{runtime}}`{name}`" in headers[0][1], "the run time is not that of this page"


@pytest.mark.parametrize("page", PROJECT.notebooks)
def test_first_code_cell_is_folded_and_tagged_as_the_set_up(page):
    first = next(c for c in cells(page) if c["cell_type"] == "code")
    assert first["metadata"].get("tags") == ["setup", "hide-cell"]


@pytest.mark.parametrize("page", CHAPTERS)
def test_chapter_ends_with_summary_exercises_and_further_reading(page):
    sections = re.findall(r"^## (.+)$", prose(page), re.MULTILINE)
    assert tuple(sections[-3:]) == LAST_SECTIONS


@pytest.mark.parametrize("page", CHAPTERS)
def test_further_reading_cites(page):
    last = re.split(r"^## ", prose(page), flags=re.MULTILINE)[-1]
    assert re.search(r"\{cite(:\w+)?\}`", last)


@pytest.mark.parametrize("page", CHAPTERS)
def test_chapter_has_three_to_six_exercises_each_with_one_folded_solution(page):
    text = prose(page)
    exercises = [
        re.search(r"^:label: (\S+)$", body, re.MULTILINE).group(1)
        for _, body in directives(text, "exercise")
    ]
    solutions = directives(text, "solution")
    assert 3 <= len(exercises) <= 6
    assert sorted(exercises) == sorted(argument for argument, _ in solutions)
    for argument, body in solutions:
        assert re.search(r"^:class: .*\bdropdown\b", body, re.MULTILINE), f"{argument} is open"
        rest = re.sub(r"^:\w+:.*$", "", body, flags=re.MULTILINE)
        assert len(rest.split()) >= 10, f"the solution of {argument} says next to nothing"


@pytest.mark.parametrize("page", PROJECT.notebooks)
def test_every_cell_that_draws_has_a_caption_a_name_and_alternative_text(page):
    drawing = re.compile(r"plt\.(show|subplots|figure)\(|slider_figure\(")
    for cell in cells(page):
        if cell["cell_type"] != "code" or not drawing.search(source(cell)):
            continue
        shown = cell["metadata"].get("mystnb", {})
        # a slider figure brings its own alternative text; each of its pictures is one frame
        if "slider_figure(" in source(cell):
            assert "alt=" in source(cell), f"{cell['id']}: slider_figure has no alt"
            continue
        alt = shown.get("image", {}).get("alt", "")
        assert len(alt) >= 20, f"{cell['id']}: no alternative text that says what is seen"
        caption = shown.get("figure", {}).get("caption", "")
        assert len(caption) >= 20, f"{cell['id']}: no caption"
        assert shown["figure"].get("name", "").startswith("fig-"), f"{cell['id']}: no name"


@pytest.mark.parametrize("page", PROJECT.notebooks)
def test_every_theorem_lemma_and_proposition_is_followed_by_a_proof(page):
    text = prose(page)
    stated = [
        label
        for kind in ("theorem", "lemma", "proposition", "corollary")
        for _, body in directives(text, f"prf:{kind}")
        for label in re.findall(r"^:label: (\S+)$", body, re.MULTILINE)
    ]
    proofs = len(re.findall(r"\{prf:proof\}", text))
    assert proofs >= len(stated)


def test_labels_are_unique_in_the_whole_book():
    label = re.compile(
        r"^:(?:label|name): (\S+)$|^\$\$ \(([\w-]+)\)$|^\(([\w-]+)\)=$", re.MULTILINE
    )
    labels = ["".join(m) for page in PROJECT.notebooks for m in label.findall(prose(page))]
    figures = [
        cell["metadata"]["mystnb"]["figure"]["name"]
        for page in PROJECT.notebooks
        for cell in cells(page)
        if "name" in cell["metadata"].get("mystnb", {}).get("figure", {})
    ]
    names = [*labels, *figures]
    assert sorted(names) == sorted(set(names))


def test_table_of_contents_names_every_page_once():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    assert toc["root"] == PROJECT.pages[0]
    assert len(PROJECT.pages) == len(set(PROJECT.pages))
