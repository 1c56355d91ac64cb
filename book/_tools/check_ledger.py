"""Check the ledger of claims: `book/claims.toml` against what the notebooks measured.

Every function takes data and returns problems, one sentence each; an empty list is good.
"""

import json
import re
import tomllib
from collections import Counter

import one_sentence
from project import Project

VERDICTS = ("reproduced", "made precise", "corrected", "cannot be shown here")
NEEDED = ("id", "claim", "where", "chapter", "predicted", "verdict", "why")
OPTIONAL = ("proof", "decided_by")
DECIDED_BY = ("proof", "text")
AT_LEAST = 40  # claims; the post makes more than that
CHAPTERS = (
    *("ntk", "expansion", "coupling", "landscape", "taylorized-training", "large-learning-rates"),
    "kernel-against-network",
    *("kernel-limits", "generalization", "low-rank-polynomials", "hierarchical-learning"),
    *("other-frameworks", "after-the-post"),
)
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LABEL = re.compile(r"^ *:label: *(\S+)", re.MULTILINE)


def read(project: Project) -> list[dict] | None:
    """The claims of `book/claims.toml`, or None for a book without a ledger."""
    path = project.root / "book" / "claims.toml"
    if not path.is_file():
        return None
    try:
        return tomllib.loads(path.read_text("utf8")).get("claim", [])
    except ValueError as error:
        raise one_sentence.Told(f"book/claims.toml cannot be read: {error}.") from error


def finished(project: Project) -> set[str]:
    """The chapters that stand in the table of contents."""
    return {page.removeprefix("book/") for page in project.pages} & set(CHAPTERS)


def labels(project: Project) -> set[str]:
    """The labels in the sources of all pages."""
    found = set()
    for page in project.pages:
        notebook, text = project.notebook(page), project.root / f"{page}.md"
        if notebook.is_file():
            cells = json.loads(notebook.read_text("utf8"))["cells"]
            parts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
        else:
            parts = [text.read_text("utf8")] if text.is_file() else []
        found.update(*(_LABEL.findall(part) for part in parts))
    return found


def form(claims: list[dict], at_least: int = AT_LEAST) -> list[str]:
    """What is wrong with the list of claims by itself."""
    problems = []
    if len(claims) < at_least:
        problems.append(f"The ledger has {len(claims)} claims; it needs at least {at_least}.")
    counts = Counter(claim.get("id") for claim in claims)
    problems += [
        f"The claim {name!r} stands twice in the ledger." for name in counts if counts[name] > 1
    ]
    for claim in claims:
        problems += _form_of_one(claim)
    return problems


def _form_of_one(claim: dict) -> list[str]:
    name = claim.get("id")
    missing = [key for key in NEEDED if not str(claim.get(key, "")).strip()]
    if missing:
        return [f"The claim {name!r} lacks {', '.join(missing)}."]
    problems = []
    if not _ID.fullmatch(name):
        problems.append(f"The id {name!r} is not made of lower-case words joined by hyphens.")
    unknown = sorted(set(claim) - {*NEEDED, *OPTIONAL})
    if unknown:
        problems.append(f"The claim {name!r} has the unknown entry {', '.join(unknown)}.")
    if claim["verdict"] not in VERDICTS:
        problems.append(f"The claim {name!r} has the unknown verdict {claim['verdict']!r}.")
    if claim["chapter"] not in CHAPTERS:
        problems.append(f"The claim {name!r} names the unknown chapter {claim['chapter']!r}.")
    if claim.get("decided_by", "text") not in DECIDED_BY:
        problems.append(
            f"The claim {name!r} is decided by {claim['decided_by']!r}, not proof or text."
        )
    return problems


def against(
    claims: list[dict], measured: list[dict], chapters: set[str], labels: set[str]
) -> list[str]:
    """Where claims, measurements and proofs do not match.

    Args:
        claims: The ledger.
        measured: Measurements, each with its claim, chapter, cell, quantity and anchor.
        chapters: The finished chapters.
        labels: The labels that exist in the book.
    """
    problems = []
    chapter_of = {claim["id"]: claim["chapter"] for claim in claims}
    for one in measured:
        name, where = one["claim"], f"{one['chapter']} (cell {one['cell']})"
        if name not in chapter_of:
            problems.append(f"{where} measures the claim {name!r}, which is not in the ledger.")
        elif chapter_of[name] != one["chapter"]:
            problems.append(
                f"{where} measures the claim {name!r}, which belongs to {chapter_of[name]}."
            )
    anchors = Counter((one["chapter"], one["anchor"]) for one in measured)
    problems += [
        f"{chapter} measures the same quantity twice: {anchor}."
        for (chapter, anchor), count in anchors.items()
        if count > 1
    ]
    has_measurement = {(one["claim"], one["chapter"]) for one in measured}
    for claim in claims:
        if claim["chapter"] in chapters:
            problems += _open(claim, (claim["id"], claim["chapter"]) in has_measurement, labels)
    return problems


def _open(claim: dict, is_measured: bool, labels: set[str]) -> list[str]:
    """What the claim of a finished chapter still needs."""
    problems, proofs = [], proofs_of(claim)
    excused = "decided_by" in claim or claim["verdict"] == "cannot be shown here"
    if not (is_measured or excused):
        problems.append(f"The claim {claim['id']!r} has no measurement in {claim['chapter']}.")
    if claim.get("decided_by") == "proof" and not proofs:
        problems.append(f"The claim {claim['id']!r} is decided by a proof that it does not name.")
    problems += [
        f"The claim {claim['id']!r} names the proof {label!r}, which is nowhere in the book."
        for label in proofs
        if label not in labels
    ]
    return problems


def proofs_of(claim: dict) -> list[str]:
    """The labels of the proofs that a claim names."""
    proofs = claim.get("proof", [])
    return [proofs] if isinstance(proofs, str) else proofs


def require(problems: list[str]) -> None:
    """Stop when there are problems, and print each."""
    if problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise one_sentence.Told("\n".join([*problems, f"The ledger has {count} (see above)."]))
