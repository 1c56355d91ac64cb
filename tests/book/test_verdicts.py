"""Pages that draw on ledger and chapters: the errata and the list of statements."""

import json
import re
import tomllib

import pytest
from bs4 import BeautifulSoup
from miniature import CODE, ROOT, build, make_mini, notebook

CLAIMS = tomllib.loads((ROOT / "book" / "claims.toml").read_text("utf8"))["claim"]
ERRATA = (ROOT / "book" / "errata.md").read_text("utf8")
STATE = """import taylorlib as tl
tl.claims.measure(
    "wide-is-linear", "slope", -1.01, predicted=-1, tolerance=0.1, because="theory"
)"""
THEOREMS = """# One

:::{prf:theorem} Order $k$
:label: thm-one

Let $x=1$.
:::

:::{prf:proof}
It is.
:::

:::{prf:lemma} Second
:label: lem-two

Let $x=2$.
:::
"""


@pytest.mark.parametrize("claim", [c["id"] for c in CLAIMS if c["verdict"] == "corrected"])
def test_every_corrected_claim_stands_in_the_errata(claim):
    assert re.search(rf"(?<![\w-]){claim}(?![\w-])", ERRATA)


def test_ledger_has_no_open_claim():
    toc = (ROOT / "_toc.yml").read_text("utf8")
    open_ = {c["chapter"] for c in CLAIMS if f"file: book/{c['chapter']}\n" not in toc}
    assert open_ == set()


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    root = make_mini(tmp_path_factory.mktemp("mini"), CODE)
    (root / "book" / "one.ipynb").unlink()
    text = THEOREMS + "\n" + "A. " * 60
    (root / "book" / "ntk.ipynb").write_text(notebook(CODE, STATE, text=text))
    intro = root / "book" / "intro.md"
    intro.write_text(intro.read_text().replace("`one`", "`ntk`"))
    pages = ("ledger", "errata", "statements", "status")
    toc = (root / "_toc.yml").read_text().replace("book/one", "book/ntk")
    (root / "_toc.yml").write_text(toc + "".join(f"  - file: book/{p}\n" for p in pages))
    filler = "A. " * 60
    (root / "book" / "ledger.md").write_text("# Ledger\n\n```{claim-ledger}\n```\n")
    (root / "book" / "errata.md").write_text(
        f"# Errata\n\nSee {{claim}}`wide-is-linear`. {filler}\n\n"
        "```{claim-verdicts} wide-is-linear\n```\n"
    )
    (root / "book" / "statements.md").write_text(
        f"# Statements\n\n{filler}\n\n```{{statement-list}}\n```\n"
    )
    (root / "book" / "status.md").write_text(f"# Status\n\n{filler}\n\n```{{status}}\n```\n")
    claim = {
        "id": "wide-is-linear",
        "claim": "Wide networks are linear.",
        "where": "Introduction",
        "chapter": "ntk",
        "predicted": "A slope of -1.",
        "verdict": "made precise",
        "why": "Taylor.",
        "proof": "thm-one",
    }
    others = [{**claim, "id": f"other-{'i' * k}", "decided_by": "proof"} for k in range(40)]
    text = "\n".join(
        "[[claim]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in c.items())
        for c in [claim, *others[1:]]
    )
    (root / "book" / "claims.toml").write_text(text)
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def soup(root, page):
    path = root / "out" / "html" / "book" / f"{page}.html"
    return BeautifulSoup(path.read_text("utf8"), "html.parser").find("article")


def test_verdict_is_repeated_with_proof_and_a_link_to_the_cell(mini):
    [item] = soup(mini, "errata").select("ul.claim-verdicts > li")
    assert "wide-is-linear: made precise, in One; proof: Theorem 1." in item.get_text()
    [line] = item.find("ul").select("a")
    assert line["href"].startswith("ntk.html#measured-wide-is-linear")
    assert "-1.01" in item.get_text()
    assert item.select_one("a")["href"] == "ledger.html#claim-wide-is-linear"


def test_role_links_to_the_entry(mini):
    links = [a["href"] for a in soup(mini, "errata").select("p a.internal")]
    assert links[0] == "ledger.html#claim-wide-is-linear"


def test_statements_are_listed_in_order_with_their_numbers_and_lead_there(mini):
    page = soup(mini, "statements")
    links = page.select("ul.statement-list a")
    assert [a.get_text() for a in links] == ["Theorem 1", "Lemma 1"]
    assert [a["href"] for a in links] == ["ntk.html#thm-one", "ntk.html#lem-two"]
    assert page.select_one("ul.statement-list .math") is not None
    html = (mini / "out" / "html" / "book" / "statements.html").read_text("utf8")
    assert '<svg class="glyphs"' in html  # though the page's own text has no formula
    assert page.find("h2").get_text().startswith("One")


def test_settled_ledger_counts_no_claims_to_come(mini):
    text = soup(mini, "ledger").get_text(" ")
    assert "All 40 claims are settled, by 1 measured lines" in text
    assert "still to come" not in text


def test_status_has_run_times_versions_and_the_count_of_claims(mini):
    import jax

    times, versions = soup(mini, "status").find_all("table")
    rows = [[c.get_text() for c in row.find_all("td")] for row in times.find_all("tr")[1:]]
    assert [row[0] for row in rows] == ["One", "all 1"]
    assert all(re.fullmatch(r"\d+\xa0s", row[1]) for row in rows)
    assert ["jax", jax.__version__] in [
        [c.get_text() for c in row.find_all("td")] for row in versions.find_all("tr")
    ]
    assert "The ledger has 40 claims: 40 made precise. In 1 of them stand measured lines" in (
        soup(mini, "status").get_text()
    )


def test_unknown_claim_stops_the_build(mini):
    page = mini / "book" / "errata.md"
    page.write_text(page.read_text().replace("} wide-is-linear", "} wide-is-round"))
    done = build(mini)
    assert done.returncode != 0
    assert "no claim 'wide-is-round'" in done.stderr
