"""The page of speed: tables of `book/bench.json`, which a complete `make bench` has written.

The directive ``speed`` states the targets beside what was measured, as met or not met, and then
shows every contest. All of it is computed from that file; without it the page says so.
"""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SOURCE = "book/bench.json"
OURS = "auto"  # the default route of `taylor_model`
THEIRS = ("jet", "nt.taylor_expand")
SIZE = re.compile(r"(?<=\d)x(?=\d)")  # as in "conv net 14x14"
NESTED = ("nested", "nt.taylor_expand")  # nested derivatives, ours and those of neural-tangents
WIDE, SMALL = "MLP 256-512x3-10, batch 256", "MLP 196-128x5-10, batch 64"
ORDER = re.compile(r"(?P<network>.+), order (?P<order>\d+) \(5k/3 = [^)]+\)")


class Place(NamedTuple):
    """What one contest says about a target: a quotient that has to reach a bound, or stay below.

    Attributes:
        where: The contest in words.
        value: The measured quotient; None if it was not measured.
        interval: Its interval, if it has one.
        bound: The target's number.
        at_least: Whether the value must be at least the bound, or at most.
    """

    where: str
    value: float | None
    interval: tuple[float, float] | None
    bound: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Decided by the measured median alone; the interval is shown beside it."""
        if self.value is None:
            return False
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def margin(self) -> float:
        """How far on the good side, as a quotient; below 1 where the target is missed."""
        if self.value is None:
            return 0.0
        return self.value / self.bound if self.at_least else self.bound / max(self.value, 1e-300)

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.where}: not measured"
        interval = ""
        if self.interval:
            interval = f" [{_number(self.interval[0])}, {_number(self.interval[1])}]"
        side = "at least" if self.at_least else "at most"
        return f"{self.where}: {_number(self.value)}{interval}, {side} {_number(self.bound)}"


class Target(NamedTuple):
    """A sentence, and the places at which the measurements decide it."""

    sentence: str
    places: Callable[[dict], list[Place]]


def contests(found: dict) -> dict[tuple[str, int], dict]:
    """The contests on gradients of Taylor models, by network and order."""
    held = found["comparisons"].get("taylor_gradient", {"contests": []})["contests"]
    named = [(ORDER.fullmatch(contest["setting"]), contest) for contest in held]
    return {(name["network"], int(name["order"])): contest for name, contest in named if name}


def _networks(index: dict, part: str) -> list[str]:
    return list(dict.fromkeys(network for network, _ in index if part in network))


def _ratio(contest: dict | None, dividend: str, divisor: str) -> dict | None:
    pairs = contest["ratios"] if contest else []
    found = [r for r in pairs if (r["dividend"], r["divisor"]) == (dividend, divisor)]
    return found[0] if found else None


def _over(others: Iterable[str], part: str, bounds: dict[int, float]) -> Callable:
    """The time of each of the others over ours, which must be at least the bound of the order."""

    def places(index: dict) -> list[Place]:
        found = []
        for network in _networks(index, part) or [part]:
            for order, bound in bounds.items():
                for other in others:
                    ratio = _ratio(index.get((network, order)), other, OURS)
                    where = f"{other} / ours, {network}, order {order}"
                    found.append(_place(where, ratio, bound, at_least=True))
        return found

    return places


def _near_the_floor(part: str, factor: float) -> Callable:
    """Our time over that of the network's gradient, at most a factor times 5k/3."""

    def places(index: dict) -> list[Place]:
        return [
            _place(
                f"ours / network, {network}, order {order}",
                _ratio(index.get((network, order)), OURS, "network"),
                factor * 5 * order / 3,
                at_least=False,
            )
            for network in _networks(index, part) or [part]
            for order in range(1, 7)
        ]

    return places


def _compiles_sooner(index: dict) -> list[Place]:
    found = []
    for (network, order), contest in index.items():
        compiled = {name: way["compile_seconds"] for name, way in contest["ways"].items()}
        for other in NESTED:
            if order >= 3 and compiled.get(other) and compiled.get(OURS):
                where = f"to compile, {other} / ours, {network}, order {order}"
                found.append(Place(where, compiled[other] / compiled[OURS], None, 1.0))
    return found


def _memory_is_reported(index: dict) -> list[Place]:
    ways = [way for contest in index.values() for way in contest["ways"].values()]
    said = sum(way["temporary_bytes"] is not None for way in ways)
    return [Place("share of programs", said / len(ways), None, 1.0)] if ways else []


def _place(where: str, ratio: dict | None, bound: float, at_least: bool) -> Place:
    if ratio is None:
        return Place(where, None, None, bound, at_least)
    return Place(where, ratio["median"], (ratio["low"], ratio["high"]), bound, at_least)


NEVER_SLOWER = dict.fromkeys(range(1, 7), 1 / 1.05)
TARGETS = [
    Target(
        "Wide MLP, orders 1 to 6: never more than 5 % slower than the faster of `jet` and "
        "`nt.taylor_expand`.",
        _over(THEIRS, WIDE, NEVER_SLOWER),
    ),
    Target(
        "Wide MLP: faster than nested derivatives at least 1.3 times at order 3, 2 times at "
        "order 4, 5 times at order 6.",
        _over(NESTED, WIDE, {3: 1.3, 4: 2.0, 6: 5.0}),
    ),
    Target(
        "Small MLP: faster than both `jet` and `nt.taylor_expand` at least 1.2 times at orders "
        "2 and 3.",
        _over(THEIRS, SMALL, {2: 1.2, 3: 1.2}),
    ),
    Target(
        "Small MLP: faster than both at least 1.8 times at order 4.",
        _over(THEIRS, SMALL, {4: 1.8}),
    ),
    Target("Small conv net: no slower than `jet`.", _over(["jet"], "conv net", {2: 1, 3: 1, 4: 1})),
    Target(
        "Attention block: no slower than `jet`.", _over(["jet"], "attention", {2: 1, 3: 1, 4: 1})
    ),
    Target("From order 3 on it compiles sooner than nested derivatives.", _compiles_sooner),
    Target("Wide MLP: within 1.2 times 5k/3 full gradients.", _near_the_floor(WIDE, 1.2)),
    Target("Small MLP: within 1.5 times 5k/3 full gradients.", _near_the_floor(SMALL, 1.5)),
    Target("Peak memory is reported for every program.", _memory_is_reported),
]


def verdict(places: list[Place]) -> str:
    """Met only where every place meets it."""
    if not any(place.value is not None for place in places):
        return "not measured"
    return "met" if all(place.met for place in places) else "not met"


class Speed(SphinxDirective):
    """The whole body of the page."""

    def run(self) -> list[nodes.Node]:
        """Read the measurements; targets first, then every comparison."""
        path = Path(self.env.srcdir) / SOURCE
        self.env.note_dependency(str(path))
        if not path.is_file():
            # else the page is not made again when the file appears
            self.env.note_reread()
            return self._parse(
                "**There are no measurements here yet.** A complete run of `make bench` writes "
                f"them to `{SOURCE}`, and this page then shows them."
            )
        found = json.loads(path.read_text("utf8"))
        if found["quick"]:
            raise self.error(f"{SOURCE} is of a quick run, which measures nothing.")
        body = self._parse(_provenance(found))
        body.append(self._section("Targets", _targets(contests(found))))
        for name, comparison in found["comparisons"].items():
            body.append(self._section(name.replace("_", " ").capitalize(), _tables(comparison)))
        return body

    def _section(self, title: str, text: str) -> nodes.section:
        section = nodes.section("", nodes.title("", title))
        section["names"].append(nodes.fully_normalize_name(f"speed: {title}"))
        self.state.document.note_implicit_target(section, section)
        section += self._parse(text)
        return section

    def _parse(self, text: str) -> list[nodes.Node]:
        parent = nodes.Element()
        source = str(Path(self.env.srcdir) / SOURCE)
        text = SIZE.sub("×", text)
        self.state.nested_parse(StringList(text.split("\n"), source), 0, parent)
        return parent.children


def _provenance(found: dict) -> str:
    machine = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"Measured on {found['date']} with {found['threads']} thread on {machine['cpu']} "
        f"({machine['cores']} cores, {machine['system']}; {machine['busy_cores_at_the_start']} "
        f"cores busy at the start), with {versions}."
    )


def _targets(index: dict) -> str:
    rows, missed = [], []
    for target in TARGETS:
        places = target.places(index)
        decision = verdict(places)
        missed += [target.sentence] if decision != "met" else []
        met = sum(place.met for place in places)
        least = min(places, key=lambda place: place.margin, default=None)
        rows.append([target.sentence, f"**{decision}**", f"{met} of {len(places)}", str(least)])
    met = len(TARGETS) - len(missed)
    said = f"{met} of {len(TARGETS)} targets are met."
    if missed:
        said += " Not met, or not measured:\n\n" + "\n".join(f"- {sentence}" for sentence in missed)
    head = ["Target", "Verdict", "Places where it is met", "The place with the least margin"]
    return f"{said}\n\n{_table(head, rows)}"


def _tables(comparison: dict) -> str:
    """For each group of contests a table of ratios, and one of what compiling takes."""
    if comparison.get("pages"):
        return f"{comparison['title']}\n\n{_pages(comparison)}"
    if not comparison["contests"]:
        return f"{comparison['title']}\n\nNothing was measured."
    groups: dict[str, list[tuple[str, dict]]] = {}
    for contest in comparison["contests"]:
        name = ORDER.fullmatch(contest["setting"])
        group, row = (name["network"], f"order {name['order']}") if name else ("", None)
        groups.setdefault(group, []).append((row or contest["setting"], contest))
    parts = [comparison["title"]]
    for group, rows in groups.items():
        parts += [f"**{group}**"] if group else []
        parts += [_ratios(rows), _costs(rows)]
    return "\n\n".join(part for part in parts if part)


def _pages(comparison: dict) -> str:
    """What opening each page takes, and whether all stay below the targets."""
    later, bounds = comparison.get("later"), comparison["targets"]
    units = {"text": " s", "mathematics": " s", "shift": ""}
    pages = comparison["pages"].items()
    said = []
    for what, bound in bounds.items():
        over = [f"`{name}`" for name, seen in pages if seen[what] > bound]
        limit = f"{what} at most {_number(bound)}{units[what]}"
        decision = f"not met by {', '.join(over)}" if over else "met by every page"
        said.append(f"- {limit}: **{decision}**")
    rows = [[f"`{n}`", *(f"{_number(s[w])}{units[w]}" for w in bounds)] for n, s in pages]
    when = ""
    if later:
        busy = later["machine"]["busy_cores_at_the_start"]
        when = f"Measured on {later['date']} ({busy} cores busy at the start).\n\n"
    return when + "\n".join(said) + "\n\n" + _table(["Page", *bounds], rows)


def _ratios(rows: list[tuple[str, dict]]) -> str:
    """For each divisor a table: all in one would be wider than the page."""
    pairs = dict.fromkeys(
        (r["dividend"], r["divisor"]) for _, contest in rows for r in contest["ratios"]
    )
    tables = []
    for divisor in dict.fromkeys(b for _, b in pairs):
        dividends = [a for a, b in pairs if b == divisor]
        body = []
        for name, contest in rows:
            ratios = [_ratio(contest, dividend, divisor) for dividend in dividends]
            body.append([name, *(_with_interval(r) if r else "" for r in ratios)])
        tables.append(_table([f"Time over {divisor}", *dividends], body))
    return "\n\n".join(tables)


def _with_interval(ratio: dict) -> str:
    return f"{_number(ratio['median'])} [{_number(ratio['low'])}, {_number(ratio['high'])}]"


def _costs(rows: list[tuple[str, dict]]) -> str:
    """Seconds to compile and temporary memory, of what JAX compiles; nothing if that is nothing."""
    ways = dict.fromkeys(name for _, contest in rows for name in contest["ways"])
    body = []
    for name, contest in rows:
        cells = []
        for way in ways:
            costs = contest["ways"].get(way, {})
            seconds, memory = costs.get("compile_seconds"), costs.get("temporary_bytes")
            words = [] if seconds is None else [f"{_number(seconds)} s"]
            words += [] if memory is None else [f"{_number(memory / 1e6)} MB"]
            cells.append(", ".join(words))
        body.append([name, *cells])
    if not any(cell for _, *cells in body for cell in cells):
        return ""
    return _table(["Compile time, memory", *ways], body)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, [":--"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )


def _number(value: float) -> str:
    """Three digits, and never the form 1e+03."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def setup(app: Sphinx) -> dict:
    """Register the directive."""
    app.add_directive("speed", Speed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
