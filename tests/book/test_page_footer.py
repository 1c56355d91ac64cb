"""Version, date, citation, report of a mistake, description and links to statements."""

import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from docutils import nodes
from miniature import ROOT, TOOLS

sys.path.insert(0, str(TOOLS))
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import edition
import one_sentence
import page_footer
import page_metadata
from project import Project

PROJECT = Project(ROOT)
DESCRIPTION = re.compile(r'<meta name="description" content="([^"]*)"')
KINDS = "theorem|lemma|proposition|corollary|definition|exercise"
BOX = re.compile(
    rf'<div class="(?:proof )?({KINDS}) admonition" id="([^"]+)">\s*'
    r'<p class="admonition-title">(.*?)</p>',
    re.DOTALL,
)
FIGURE = re.compile(r'<figure [^>]*id="([^"]+)"[^>]*>(.*?)</figure>', re.DOTALL)
KNOWN = {
    "version": "1.2.0",
    "date": "2026-11-28",
    "title": "A title? A book",
    "authors": ["Ada Lovelace", "The others"],
    "name": "a-book",
    "repository": "https://github.com/some-body/a-book",
    "url": "https://some-body.github.io/a-book/",
}


@pytest.fixture(scope="module")
def built():
    """The text of every page of the book."""
    return {page: (PROJECT.html / f"{page}.html").read_text("utf8") for page in PROJECT.pages}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit of 2 January 2024 in UTC, the day before elsewhere."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "page.md").write_text("# Page\n")
    when = {"GIT_COMMITTER_DATE": "2024-01-01T20:00:00-0800", "HOME": str(tmp_path)}
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "m"]):
        environment = {**when, "PATH": "/usr/bin:/bin"}
        subprocess.run(["git", *command], cwd=tmp_path, env=environment, check=True)
    return tmp_path


def test_date_is_the_day_of_the_last_commit_in_utc(repository):
    assert edition.date(repository) == "2024-01-02"


def test_source_date_epoch_goes_before_the_commit(repository, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert edition.date(repository) == "1970-01-02"


def test_epoch_that_is_no_number_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "today")
    with pytest.raises(one_sentence.Told, match="SOURCE_DATE_EPOCH is 'today'"):
        edition.date(tmp_path)


def test_outside_of_git_and_without_git_there_is_no_date(tmp_path, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert edition.date(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert edition.date(tmp_path) is None


def test_citation_and_package_name_one_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    assert edition.read(PROJECT)["version"] == str(citation["version"])


def test_mistake_can_be_reported_once_the_address_is_known():
    *_, report = page_footer.facts(KNOWN, "book/ntk", "The kernel", "cite.html")
    url = urlsplit(report["url"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{KNOWN['repository']}/issues/new"
    assert parse_qs(url.query)["title"] == ["Mistake in “The kernel”"]
    assert "Version 1.2.0 of 28 November 2026" in parse_qs(url.query)["body"][0]
    unknown = {k: v for k, v in KNOWN.items() if k not in ("repository", "url")}
    assert len(page_footer.facts(unknown, "book/ntk", "The kernel", "cite.html")) == 2
    assert page_footer.facts({}, "book/ntk", "The kernel", None) == []


def test_citation_has_all_that_is_known_and_nothing_that_is_not():
    assert page_footer.plain(KNOWN) == (
        "Ada Lovelace, The others (2026). A title? A book. Version 1.2.0 of 28 November 2026. "
        "https://some-body.github.io/a-book/."
    )
    assert page_footer.bibtex(KNOWN).splitlines() == [
        "@misc{a-book-2026,",
        "  title = {{A title? A book}},",
        "  author = {{Ada Lovelace} and {The others}},",
        "  year = {2026},",
        "  note = {Version 1.2.0 of 28 November 2026},",
        "  url = {https://some-body.github.io/a-book/},",
        "}",
    ]
    without = {k: v for k, v in KNOWN.items() if k not in ("date", "url", "version")}
    assert page_footer.plain(without) == "Ada Lovelace, The others. A title? A book."


def test_every_page_says_its_version_and_leads_to_the_citation(built):
    made = {page: (PROJECT.html / page).read_text("utf8") for page in page_metadata.MADE_UP}
    for page, text in {**built, **made}.items():
        facts = re.search(r'<p class="page-facts">(.*?)</p>', text, re.DOTALL)
        assert facts, page
        assert "<span>Version " in facts[1], page
        link = "book/cite.html" if page in made else "#" if page == "book/cite" else "cite.html"
        assert f'<a href="{link}">Cite this book</a>' in facts[1], page


def test_every_page_has_a_description_of_its_own_without_tex(built):
    found = {page: DESCRIPTION.findall(text) for page, text in built.items()}
    assert [page for page, several in found.items() if len(several) != 1] == []
    texts = [one for several in found.values() for one in several]
    assert len(set(texts)) == len(texts)
    assert [t for t in texts if set("\\$") & set(t) or not 40 <= len(t) <= 250] == []


def test_description_is_made_of_whole_sentences_of_the_prose():
    def paragraph(text):
        return nodes.paragraph("", text)

    section = nodes.section("", nodes.title("", "Title"))
    section += nodes.note("", paragraph("An aside. It is long enough to be taken for prose."))
    section += paragraph("The model is")
    formula = [nodes.Text("A long formula, "), nodes.math("", "a^{b+c}"), nodes.Text(", is left.")]
    section += nodes.paragraph("", "", *formula)
    first = f"By Jason D. Lee it was called {'so ' * 30}so."
    section += paragraph(f"{first} And a second one. {'X' * 90}.")
    document = nodes.document(None, None)
    document += section
    assert page_metadata.description(document) == first


def test_every_statement_figure_and_exercise_links_to_itself(built):
    count = 0
    for page, text in built.items():
        for kind, anchor, title in BOX.findall(text):
            label = f"Link to this {kind}"
            link = f'class="headerlink" href="#{anchor}" title="{label}" aria-label="{label}"'
            assert link in title, page
            assert re.match("(thm|lem|prop|cor|def|ex)", anchor), "not the label of the source"
            count += 1
        for anchor, figure in FIGURE.findall(text):
            assert f'class="headerlink" href="#{anchor}"' in figure, page
        assert not re.search(r'<a class="headerlink"(?![^>]*aria-label)', text), page
    assert count >= 100
