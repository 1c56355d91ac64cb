"""The ledger of claims: every way in which it can be wrong is told, and the real one is right."""

import copy
import json
import re
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from miniature import CODE, ROOT, build, make_mini, notebook

sys.path.insert(0, str(ROOT / "book" / "_tools"))

import check_ledger
import claims_of_notebooks
import one_sentence
import shown_notebook
from project import Project

PROJECT = Project(ROOT)
CLAIM = {
    "id": "wide-is-linear",
    "claim": "Wide networks are linear.",
    "where": "Introduction",
    "chapter": "ntk",
    "predicted": "A slope of -1.",
    "verdict": "made precise",
    "why": "Taylor.",
}
MEASURED = {
    "claim": "wide-is-linear",
    "chapter": "ntk",
    "cell": "ntk-10",
    "quantity": "slope",
    "anchor": "measured-wide-is-linear-slope",
}


def form(*changes, at_least=1):
    return check_ledger.form([{**CLAIM, **change} for change in changes], at_least)


def against(claim, *measured, chapters=("ntk",), labels=("thm-linearization",)):
    return check_ledger.against([{**CLAIM, **claim}], list(measured), set(chapters), set(labels))


def test_good_ledger_has_no_problem():
    assert form({}) == []
    assert against({"proof": "thm-linearization"}, MEASURED) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "refuted"}, "unknown verdict 'refuted'"),
        ({"chapter": "ntk-and-more"}, "unknown chapter 'ntk-and-more'"),
        ({"decided_by": "authority"}, "not proof or text"),
        ({"id": "Wide_is"}, "'Wide_is' is not made of lower-case words"),
        ({"why": " "}, "lacks why"),
        ({"proofs": "thm-linearization"}, "unknown entry proofs"),
    ],
)
def test_wrong_entry_is_told(change, message):
    [problem] = form(change)
    assert message in problem


def test_repeated_id_is_told_once():
    assert form({}, {}, {}) == ["The claim 'wide-is-linear' stands twice in the ledger."]


def test_fewer_than_forty_claims_are_too_few():
    ids = [{"id": f"claim-{'i' * k}"} for k in range(1, 41)]
    assert form(*ids, at_least=check_ledger.AT_LEAST) == []
    assert form(*ids[1:], at_least=check_ledger.AT_LEAST) == [
        "The ledger has 39 claims; it needs at least 40."
    ]


@pytest.mark.parametrize("verdict", ["reproduced", "made precise", "corrected"])
def test_claim_of_a_finished_chapter_needs_a_measurement(verdict):
    assert against({"verdict": verdict}) == [
        "The claim 'wide-is-linear' has no measurement in ntk."
    ]
    assert against({"verdict": verdict}, chapters=["expansion"]) == []


def test_claim_decided_otherwise_needs_none():
    assert against({"verdict": "cannot be shown here"}) == []
    assert against({"decided_by": "text"}) == []
    assert against({"decided_by": "proof", "proof": "thm-linearization"}) == []


def test_claim_decided_by_a_proof_must_name_one():
    [problem] = against({"decided_by": "proof"})
    assert "proof that it does not name" in problem


def test_measurement_of_no_claim_is_told():
    [problem] = against({}, MEASURED, {**MEASURED, "claim": "other", "anchor": "b"})
    assert problem == "ntk (cell ntk-10) measures the claim 'other', which is not in the ledger."


def test_measurement_in_another_chapter_is_told_and_does_not_count():
    problems = against({}, {**MEASURED, "chapter": "expansion"})
    assert problems == [
        "expansion (cell ntk-10) measures the claim 'wide-is-linear', which belongs to ntk.",
        "The claim 'wide-is-linear' has no measurement in ntk.",
    ]


def test_same_quantity_measured_twice_is_told():
    [problem] = against({}, MEASURED, MEASURED)
    assert "measures the same quantity twice" in problem


@pytest.mark.parametrize("proof", ["thm-lost", ["thm-linearization", "thm-lost"]])
def test_proof_that_does_not_exist_is_told(proof):
    assert against({"proof": proof}, MEASURED) == [
        "The claim 'wide-is-linear' names the proof 'thm-lost', which is nowhere in the book."
    ]
    assert against({"proof": proof}, chapters=["expansion"], labels=[]) == []


def test_labels_are_read_from_notebooks_and_pages(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text("root: book/intro\nchapters: [{file: book/one}]\n")
    (tmp_path / "book" / "intro.md").write_text(":::{note}\n:label: rem-one\n:::\n")
    theorem = ":::{prf:theorem} T\n:label: thm-one\n\nTrue.\n:::"
    (tmp_path / "book" / "one.ipynb").write_text(notebook("':label: no'", text=theorem))
    assert check_ledger.labels(Project(tmp_path)) == {"rem-one", "thm-one"}


def test_records_are_found_where_the_library_puts_them():
    from taylorlib import claims

    assert claims_of_notebooks.MIME == claims.MIME
    found = claims.Measurement("a-b", "slope", 1.0, (0.9, 1.1), "1 ± 0.2", "spread")
    output = {"output_type": "display_data", "data": found._repr_mimebundle_(), "metadata": {}}
    executed = {"cells": [{"id": "x-1", "outputs": [output]}, {"id": "x-2"}]}
    executed = json.loads(json.dumps(executed))
    [one] = claims_of_notebooks.of_notebook("book/ntk", copy.deepcopy(executed))
    assert (one["chapter"], one["cell"]) == ("ntk", "x-1")
    assert (one["claim"], one["interval"]) == ("a-b", [0.9, 1.1])
    assert (one["anchor"], one["measured"]) == (found.anchor, found.measured)
    text = shown_notebook.shown(json.dumps(executed).encode()).decode()
    assert claims.MIME not in text
    assert found.anchor in text


# The real book.


def test_ledger_of_the_book_has_a_good_form():
    assert check_ledger.form(check_ledger.read(PROJECT)) == []


def test_claims_of_finished_chapters_are_measured_and_measurements_have_their_claims():
    claims, chapters = check_ledger.read(PROJECT), check_ledger.finished(PROJECT)
    measured = json.loads((PROJECT.out / "claims.json").read_text("utf8"))
    pages = [PROJECT.html / f"{page}.html" for page in PROJECT.pages]
    anchors = {id_ for page in pages for id_ in re.findall(r'id="([^"]+)"', page.read_text("utf8"))}
    assert check_ledger.against(claims, measured, chapters, anchors) == []
    assert {one["claim"] for one in measured} >= {
        claim["id"] for claim in claims if claim["chapter"] == "ntk"
    }


def test_ledger_page_shows_every_claim_and_leads_to_every_measured_line():
    soup = BeautifulSoup((PROJECT.html / "book" / "ledger.html").read_text("utf8"), "html.parser")
    claims, chapters = check_ledger.read(PROJECT), check_ledger.finished(PROJECT)
    assert len(soup.select(".ledger-entry")) == len(claims)
    for claim in claims:
        entry = soup.find(id=f"claim-{claim['id']}")
        assert ("chapter still to come" in entry.get_text()) == (claim["chapter"] not in chapters)
    links = {a["href"] for a in soup.select(".ledger-measured a")}
    for one in json.loads((PROJECT.out / "claims.json").read_text("utf8")):
        assert f"{one['chapter']}.html#{one['anchor']}" in links


def test_measured_line_of_a_chapter_leads_to_its_claim():
    soup = BeautifulSoup((PROJECT.html / "book" / "ntk.html").read_text("utf8"), "html.parser")
    lines = soup.select("p.claim")
    assert len(lines) >= 10
    for line in lines:
        link = line.select_one("a.claim-id")
        assert link["href"] == f"ledger.html#claim-{link.get_text()}"


# A miniature book with a ledger.

STATE = (
    "import taylorlib as tl\n"
    "tl.claims.measure('wide-is-linear', 'slope', -1.0, predicted=-1, tolerance=0.1,"
    " because='spread')\n"
)


@pytest.fixture
def mini(tmp_path):
    root = make_mini(tmp_path, CODE)
    (root / "book" / "one.ipynb").rename(root / "book" / "ntk.ipynb")
    (root / "book" / "ntk.ipynb").write_text(notebook(CODE, STATE))
    intro = root / "book" / "intro.md"
    intro.write_text(intro.read_text().replace("`one`", "`ntk`"))
    toc = (root / "_toc.yml").read_text().replace("book/one", "book/ntk")
    (root / "_toc.yml").write_text(f"{toc}  - file: book/ledger\n")
    (root / "book" / "ledger.md").write_text("# Ledger\n\n```{claim-ledger}\n```\n")
    write_ledger(root)
    return root


def write_ledger(root, **change):
    def entry(claim):
        return "[[claim]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in claim.items())

    others = [{**CLAIM, "id": f"later-{'i' * k}", "chapter": "coupling"} for k in range(1, 41)]
    text = "\n".join(entry(claim) for claim in [{**CLAIM, **change}, *others])
    (root / "book" / "claims.toml").write_text(text)


def test_measurements_are_collected_from_the_cache_and_the_pages_follow_the_ledger(mini):
    done = build(mini)
    assert done.returncode == 0, done.stdout + done.stderr
    collected = (mini / "out" / "claims.json").read_bytes()
    [one] = json.loads(collected)
    assert (one["claim"], one["chapter"], one["cell"]) == ("wide-is-linear", "ntk", "code-1")

    # A build that executes nothing repairs what a killed one left behind.
    (mini / "out" / "claims.json").write_text("half of a fi")
    assert "up to date" in build(mini).stdout
    assert (mini / "out" / "claims.json").read_bytes() == collected

    # Another verdict: nothing is executed, the page is made again.
    write_ledger(mini, verdict="corrected")
    done = build(mini)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 notebooks are unchanged" in done.stdout
    page = (mini / "out" / "html" / "book" / "ledger.html").read_text("utf8")
    assert ">corrected</span>" in page

    # A problem stops the build and is said; the pages stay as they were.
    write_ledger(mini, id="wide-is-different")
    done = build(mini)
    assert done.returncode != 0
    assert "'wide-is-linear', which is not in the ledger." in done.stderr
    assert "'wide-is-different' has no measurement in ntk." in done.stderr
    assert "Traceback" not in done.stderr
    assert (mini / "out" / "html" / "book" / "ledger.html").read_text("utf8") == page


def test_ledger_that_is_no_toml_is_told_in_one_sentence(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "claims.toml").write_text("[[claim]\nid = ")
    with pytest.raises(one_sentence.Told, match=r"^book/claims.toml cannot be read: .*\.$"):
        check_ledger.read(Project(Path(tmp_path)))


def test_book_without_a_ledger_is_no_problem(tmp_path):
    assert check_ledger.read(Project(tmp_path)) is None
