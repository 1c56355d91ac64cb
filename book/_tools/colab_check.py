"""Check a Colab notebook: valid, the code of its source, up to date, and plain Markdown."""

import json
import re
from pathlib import Path

import nbformat

import colab_twin
from project import Project

FORMULA = re.compile(r"(\$\$.*?\$\$|\$(?!\s)[^$]+?\$)", re.DOTALL)
CODE = re.compile(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
LEFT_OVER = {
    "a role": r"\{[\w:+-]+\}`[^`\s]",
    "a directive": r"^[>\s]*(?:`{3,}|~{3,}|:{3,})\s*\{",
    "a colon fence": r"^[>\s]*:{3,}",
    "a target": r"^[>\s]*\([\w:.-]+\)=",
    "the label of an equation": r"\$\$[ \t]*\([\w:-]+\)",
    "an option of a directive": r"^[>\s]*:[\w-]+:(\s|$)",
    "attributes": r"(?<=[\])])\{[^}\n]*\}",
    "a link without an address": r"\]\((#|unset:|[\w./-]+\.(?:ipynb|md|html))",
    "a reference that was not resolved": r"\?\?|%s|\[\d+\]\(\)",
    "a comment of MyST": r"^%",
}
WITH_TICKS = ("a role", "a directive")  # which have backticks of their own
AT_FORMULAS = ("the label of an equation",)


def problems(project: Project, page: str, source: Path, path: Path) -> list[str]:
    """What is wrong with the Colab notebook of a page, one line each."""
    if not path.is_file():
        return [f"{page}: there is no Colab notebook (make colab)"]
    original = json.loads(source.read_text("utf8"))
    made = json.loads(path.read_text("utf8"))
    found = shown_raw(path)
    if colab_twin.code_of(made) != colab_twin.code_of(original):
        found.append("its code is not that of the source")
    if made["metadata"].get("book", {}).get("made_from") != colab_twin.made_from(project, source):
        found.append("it is not up to date (make colab)")
    return [f"{page}: {one}" for one in found]


def shown_raw(path: Path) -> list[str]:
    """Why a notebook is none, or what it would show raw, one line each."""
    text = path.read_text("utf8")
    try:
        nbformat.validate(nbformat.reads(text, 4))
    except nbformat.ValidationError as error:
        return [f"it is no valid notebook: {error.message}"]
    cells = json.loads(text)["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    return [one for text in texts for one in left_over(text)]


def left_over(text: str) -> list[str]:
    """What a notebook would show raw, in a text of Markdown; formulas and code apart."""
    found = []
    for name, pattern in LEFT_OVER.items():
        searched = text if name in WITH_TICKS else CODE.sub("[code]", text)
        searched = searched if name in AT_FORMULAS else FORMULA.sub("formula", searched)
        if hit := re.search(pattern, searched, re.MULTILINE):
            line = searched[: hit.start()].count("\n")
            found.append(f"{name} is left: {searched.splitlines()[line].strip()[:80]!r}")
    return found
