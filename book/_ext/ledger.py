"""The ledger page: every claim of `claims.toml` beside what the notebooks measured.

The directive ``claim-ledger`` writes the page. In the chapters, the id in front of a measured line
becomes a link to the claim's entry. On any page ``{claim}`id` `` links to an entry, and the
directive ``claim-measured`` repeats what decided some claims: their verdicts, the lines measured
for them and their proofs.
"""

import json
import re
import tomllib
from collections import Counter
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

PAGE = "book/ledger"
TO_COME = "chapter still to come"
CHAPTER_MAP = re.compile(r"^```\{chapter-map\}\n(.*?)^```", re.MULTILINE | re.DOTALL)
CLAIM_ID = re.compile(r'<span class="claim-id">([a-z0-9-]+)</span>')


def entry_id(claim: str) -> str:
    """The anchor of a claim's entry."""
    return f"claim-{claim}"


class ClaimLedger(SphinxDirective):
    """Write a summary, then an entry for each claim, in the sections of the source."""

    def run(self) -> list[nodes.Node]:
        """Read claims and measurements, and return the page's body."""
        root = Path(self.env.srcdir)
        claims = tomllib.loads((root / "book" / "claims.toml").read_text("utf8"))["claim"]
        measured = json.loads((root / "claims.json").read_text("utf8"))
        for name in ("book/claims.toml", "claims.json"):
            self.env.note_dependency(str(root / name))
        self.titles = _titles(root / "book" / "intro.ipynb")
        self.measured = {claim["id"]: [] for claim in claims}
        for one in measured:
            self.measured[one["claim"]].append(one)
        places = dict.fromkeys(claim["where"] for claim in claims)
        sections = [self._section(p, [c for c in claims if c["where"] == p]) for p in places]
        return [*self._summary(claims), *sections]

    def _is_finished(self, claim: dict) -> bool:
        return f"book/{claim['chapter']}" in self.env.found_docs

    def _summary(self, claims: list[dict]) -> list[nodes.Node]:
        settled = Counter(c["verdict"] for c in claims if self._is_finished(c))
        to_come = Counter(c["verdict"] for c in claims if not self._is_finished(c))
        lines = sum(map(len, self.measured.values()))
        by = f"by {lines} measured lines and the proofs of the chapters."
        if to_come:
            text = (
                f"So far {settled.total()} of {len(claims)} claims are settled, {by} A claim is "
                "settled when the chapter that examines it stands; the verdicts on the others "
                "are what we expect."
            )
            head = ["| Verdict | settled | still to come |", "|:--|--:|--:|"]
            rows = [f"| {v} | {settled[v]} | {to_come[v]} |" for v in _verdicts(claims)]
            total = f"| **all {len(claims)}** | **{settled.total()}** | **{to_come.total()}** |"
        else:
            text = f"All {len(claims)} claims are settled, {by}"
            if "book/errata" in self.env.found_docs:
                text += " {doc}`/book/errata` says what follows for the text of the post."
            head = ["| Verdict | claims |", "|:--|--:|"]
            rows = [f"| {v} | {settled[v]} |" for v in _verdicts(claims)]
            total = f"| **all** | **{len(claims)}** |"
        table = "\n".join([text, "", *head, *rows, total])
        return [nodes.container("", *self._parse(table), classes=["ledger"])]

    def _section(self, place: str, claims: list[dict]) -> nodes.section:
        section = nodes.section("", nodes.title("", place))
        section["names"].append(nodes.fully_normalize_name(f"claims: {place}"))
        self.state.document.note_implicit_target(section, section)
        section += [self._entry(claim) for claim in claims]
        return section

    def _entry(self, claim: dict) -> nodes.container:
        finished = self._is_finished(claim)
        entry = nodes.container(ids=[entry_id(claim["id"])], classes=["ledger-entry"])
        entry += self._parse(claim["claim"], "ledger-claim")
        kind = claim["verdict"].replace(" ", "-")
        state = "settled" if finished else "to-come"
        words = claim["verdict"] if finished else f"expected: {claim['verdict']}"
        badge = nodes.inline("", words, classes=["ledger-verdict", f"verdict-{kind}", state])
        line = nodes.paragraph("", "", badge, nodes.Text(" "), classes=["ledger-line"])
        if finished:
            line += self._parse(f"{{doc}}`/book/{claim['chapter']}`")[0].children
        else:
            title = self.titles.get(claim["chapter"], claim["chapter"].replace("-", " "))
            line += nodes.Text(f"{title} ({TO_COME})")
        line += [nodes.Text(" "), nodes.literal("", claim["id"], classes=["ledger-id"])]
        entry += line
        label = "Predicted" if finished else "Expected"
        entry += self._parse(f"**{label}.** {claim['predicted']}")
        entry += self._parse(f"**Why.** {claim['why']}{self._proofs(claim, finished)}")
        found = self.measured[claim["id"]]
        if found:
            items = [nodes.list_item("", measured_line(self.env, one)) for one in found]
            entry += nodes.bullet_list("", *items, classes=["ledger-measured"])
        return entry

    def _proofs(self, claim: dict, finished: bool) -> str:
        proofs = claim.get("proof", [])
        proofs = [proofs] if isinstance(proofs, str) else proofs
        if not (finished and proofs):
            return ""
        return " Proof: " + ", ".join(f"{{prf:ref}}`{label}`" for label in proofs) + "."

    def _parse(self, text: str, style: str | None = None) -> list[nodes.Node]:
        parent = nodes.Element()
        source = str(Path(self.env.srcdir) / "book" / "claims.toml")
        self.state.nested_parse(StringList(text.split("\n"), source), 0, parent)
        if style:
            for child in parent.children:
                child["classes"].append(style)
        return parent.children


def measured_line(env, one: dict) -> nodes.paragraph:
    """One measurement in words, with a link to the cell that made it."""
    page = env.app.builder.get_relative_uri(env.docname, f"book/{one['chapter']}")
    link = nodes.reference("", one["quantity"], refuri=f"{page}#{one['anchor']}", internal=True)
    value = nodes.inline("", one["measured"], classes=["ledger-value"])
    said = f", predicted {one['prediction']} ({one['because']})"
    return nodes.paragraph("", "", link, nodes.Text(": "), value, nodes.Text(said))


def _titles(front_page: Path) -> dict[str, str]:
    """The chapters' titles as in the map of the front page; none in a book without a map."""
    if not front_page.is_file():
        return {}
    cells = json.loads(front_page.read_text("utf8"))["cells"]
    found = CHAPTER_MAP.search("\n".join("".join(cell["source"]) for cell in cells))
    lines = found[1].splitlines() if found else []
    parts = [line.split(" <- ")[0].split(": ", 1) for line in lines if ": " in line]
    return {name.strip(): title.strip() for name, title in parts}


def _verdicts(claims: list[dict]) -> list[str]:
    """Verdicts in the order of their frequency, the last resort last."""
    counts = Counter(claim["verdict"] for claim in claims)
    return sorted(counts, key=lambda verdict: (verdict.startswith("cannot"), -counts[verdict]))


class LinkMeasuredLines(SphinxPostTransform):
    """Let the id of each measured line lead to its claim, in a book that has a ledger."""

    default_priority = 900
    formats = ("html",)

    def run(self) -> None:
        """Visit the raw HTML of one page."""
        if PAGE not in self.env.found_docs:
            return
        page = self.app.builder.get_relative_uri(self.env.docname, PAGE)
        link = rf'<a class="claim-id" href="{page}#{entry_id("")}\1">\1</a>'
        for raw in list(self.document.findall(nodes.raw)):
            if raw.get("format") == "html" and 'class="claim-id"' in raw.astext():
                html = CLAIM_ID.sub(link, raw.astext())
                raw.replace_self(nodes.raw("", html, format="html"))


def setup(app: Sphinx) -> dict:
    """Register directive and transform."""
    app.add_directive("claim-ledger", ClaimLedger)
    app.add_post_transform(LinkMeasuredLines)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
