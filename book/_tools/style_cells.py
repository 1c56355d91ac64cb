"""Rules of the house style about code cells: figures, outputs, numbers that are asserted."""

import re
from collections.abc import Iterator

from style_notebook import Finding, Notebook, source

DRAWING = re.compile(r"plt\.(show|subplots|figure)\(|slider_figure\(")
PRINTS = re.compile(r"^\s*print\(", re.MULTILINE)
ASSERTS = re.compile(r"^\s*assert\b|\bclaims\.measure\(|\btesting\.assert_", re.MULTILINE)
OWN_SLOPE = re.compile(r"\blinregress\(|\bcurve_fit\(")
LOGARITHMIC = re.compile(r"\.loglog\(|set_xscale\(.log.\).*set_yscale\(.log.\)", re.DOTALL)
SHORTEST = 20  # characters of a caption or of alternative text


def outputs(notebook: Notebook) -> Iterator[Finding]:
    """Git holds sources only."""
    for cell in notebook.code:
        if cell.get("outputs") or cell.get("execution_count"):
            remedy = "remove the outputs: .venv/bin/nbstripout --keep-id FILE."
            yield notebook.found(cell, "no outputs", remedy)


def figures(notebook: Notebook) -> Iterator[Finding]:
    """A cell that draws says in its metadata what is seen."""
    for cell in notebook.code:
        if not DRAWING.search(source(cell)):
            continue
        # a slider figure brings its own alternative text; each of its pictures is one frame
        if "slider_figure(" in source(cell):
            if "alt=" not in source(cell):
                yield notebook.found(cell, "alternative text", "give slider_figure an alt=.")
            continue
        shown = cell["metadata"].get("mystnb", {})
        figure = shown.get("figure", {})
        if len(shown.get("image", {}).get("alt", "")) < SHORTEST:
            remedy = "say in the metadata mystnb.image.alt what is seen."
            yield notebook.found(cell, "alternative text", remedy)
        if len(figure.get("caption", "")) < SHORTEST:
            remedy = "say in the metadata mystnb.figure.caption what the figure shows."
            yield notebook.found(cell, "caption", remedy)
        if not figure.get("name", "").startswith("fig-"):
            remedy = "name the figure fig-… in the metadata mystnb.figure.name."
            yield notebook.found(cell, "name of a figure", remedy)


def assertions(notebook: Notebook) -> Iterator[Finding]:
    """What a cell prints is asserted there or in one of the next two code cells."""
    for number, cell in enumerate(notebook.code):
        behind = "\n".join(source(other) for other in notebook.code[number : number + 3])
        is_set_up = "setup" in cell["metadata"].get("tags", ())
        if PRINTS.search(source(cell)) and not is_set_up and not ASSERTS.search(behind):
            remedy = "assert what is printed, here or in one of the next two code cells."
            yield notebook.found(cell, "assertion", remedy)


def slopes(notebook: Notebook) -> Iterator[Finding]:
    """A power law comes with an interval."""
    everything = "\n".join(source(cell) for cell in notebook.code)
    for cell in notebook.code:
        if OWN_SLOPE.search(source(cell)):
            remedy = "take the slope from tl.fit_power_law, which gives an interval."
            yield notebook.found(cell, "power law", remedy)
        elif LOGARITHMIC.search(source(cell)) and "fit_power_law(" not in everything:
            remedy = "fit what is drawn on two logarithmic axes with tl.fit_power_law."
            yield notebook.found(cell, "power law", remedy)


RULES = (outputs, figures, assertions, slopes)
