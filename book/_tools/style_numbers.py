"""The rule that a number in the prose is one that the notebook computes or asserts.

A decimal in the text must stand in a code cell (where an assertion names it) or in a formula.
What neither has, but an output shows, is listed in `style_allowed.toml` with the reason: a list
beside the notebook, since a change of the notebook would execute it.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from style_notebook import Finding, Notebook, source

ALLOWED = Path(__file__).with_name("style_allowed.toml")
# formulas, code, the addresses of links, options of directives, roles
APART = re.compile(
    r"\$\$.*?\$\$|\$[^$]+\$|```.*?```|`[^`]*`|\]\([^)]*\)|^:\w+:[^\n]*$", re.DOTALL | re.MULTILINE
)
FORMULAS = re.compile(r"\$\$.*?\$\$|\$[^$]+\$", re.DOTALL)
DECIMAL = re.compile(r"(?<![\w.-])(\d+\.\d+)(?![\w.])(\s?%)?")
NUMBER = re.compile(r"(?<![\w.])\d+\.?\d*(?:e[-+]?\d+)?(?![\w.])")
PREPRINT = re.compile(r"\d{4}\.\d{4,5}")


def numbers(notebook: Notebook, allowed: dict | None = None) -> Iterator[Finding]:
    """Every decimal of the prose that nothing in the notebook says."""
    if allowed is None:
        allowed = read_allowed()
    here = set(allowed.get(notebook.page.rsplit("/", 1)[-1], {}))
    said = "\n".join(source(cell) for cell in notebook.code)
    said += "\n".join(FORMULAS.findall(notebook.prose))
    values = {float(number) for number in NUMBER.findall(said.replace("_", ""))}
    for cell in notebook.texts:
        for text, percent in DECIMAL.findall(APART.sub(" ", source(cell))):
            value = float(text)
            ways = {value, round(value / 100, 8)} if percent else {value}
            if not (ways & values or PREPRINT.fullmatch(text) or text in here):
                remedy = f"assert {text} in a code cell, or list it in {ALLOWED.name} and say why."
                yield notebook.found(cell, "number in the prose", remedy)


def read_allowed() -> dict:
    """Numbers by notebook, each with its reason."""
    return tomllib.loads(ALLOWED.read_text("utf8"))


RULES = (numbers,)
