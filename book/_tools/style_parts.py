"""Rules of the house style about the parts of a chapter: what stands at its head and its end."""

import re
from collections.abc import Iterator

from style_notebook import Finding, Notebook, directives, label, source

HEADER = ("You will learn", "You need", "It examines", "Run time")
LAST_SECTIONS = ("What we have learnt", "Exercises", "Further reading")
PROVED = ("theorem", "lemma", "proposition", "corollary")
FEWEST, MOST = 3, 6  # exercises


def header(notebook: Notebook) -> Iterator[Finding]:
    """A chapter opens with a title and an admonition of four lines."""
    if not notebook.is_chapter:
        return
    first = notebook.cells[0]
    if not re.match(r"(\(.+\)=\n)?# \S", source(first)):
        yield notebook.found(first, "title", "begin the first cell with a line '# Title'.")
    body = next((body for _, body in directives(source(first), "admonition")), "")
    for line in HEADER:
        if f"- **{line}**" not in body:
            remedy = f"add a line '- **{line}** …' to the admonition of the first cell."
            yield notebook.found(first, "header", remedy)
    role = f"{{runtime}}`{notebook.page.split('/')[-1]}`"
    if role not in body:
        yield notebook.found(first, "run time", f"give the run time as {role} in the header.")


def set_up(notebook: Notebook) -> Iterator[Finding]:
    """The first code cell is the set-up cell (`address.py check` compares its text)."""
    first = notebook.code[0] if notebook.code else None
    if first is None or first["metadata"].get("tags") != ["setup", "hide-cell"]:
        remedy = "give the first code cell the tags setup and hide-cell, in this order."
        yield notebook.found(first, "set-up cell", remedy)


def ending(notebook: Notebook) -> Iterator[Finding]:
    """A chapter ends with a summary, exercises and further reading that cites."""
    if not notebook.is_chapter:
        return
    sections = re.findall(r"^## (.+)$", notebook.prose, re.MULTILINE)
    if tuple(sections[-3:]) != LAST_SECTIONS:
        remedy = f"let the last three sections be {', '.join(LAST_SECTIONS)}."
        yield notebook.found(None, "last sections", remedy)
    last = re.split(r"^## ", notebook.prose, flags=re.MULTILINE)[-1]
    if not re.search(r"\{cite(:\w+)?\}`", last):
        cell = notebook.cell_with("## Further reading")
        yield notebook.found(cell, "further reading", "cite a work with {cite}`key`.")


def exercises(notebook: Notebook) -> Iterator[Finding]:
    """Three to six exercises, each with one folded solution that says something."""
    if not notebook.is_chapter:
        return
    labels = [label(body) for _, body in directives(notebook.prose, "exercise")]
    if not FEWEST <= len(labels) <= MOST:
        remedy = f"write {FEWEST} to {MOST} exercises, not {len(labels)}."
        yield notebook.found(notebook.cell_with("## Exercises"), "exercises", remedy)
    solutions = directives(notebook.prose, "solution")
    for name in labels:
        count = [argument for argument, _ in solutions].count(name)
        if count != 1:
            cell = notebook.cell_with(f":label: {name}")
            remedy = f"give {name} one solution, not {count}."
            yield notebook.found(cell, "solution", remedy)
    for argument, body in solutions:
        cell = notebook.cell_with(f"{{solution}} {argument}")
        if argument not in labels:
            remedy = f"{argument} is solved but no exercise here: name the right label."
            yield notebook.found(cell, "solution", remedy)
        if not re.search(r"^:class: .*\bdropdown\b", body, re.MULTILINE):
            remedy = f"fold the solution of {argument} with ':class: dropdown'."
            yield notebook.found(cell, "folded solution", remedy)
        if len(re.sub(r"^:\w+:.*$", "", body, flags=re.MULTILINE).split()) < 10:
            remedy = f"write out the solution of {argument}."
            yield notebook.found(cell, "solution in words", remedy)


def proofs(notebook: Notebook) -> Iterator[Finding]:
    """What is stated is proved: as many proofs as statements."""
    stated = [
        label(body) or argument
        for kind in PROVED
        for argument, body in directives(notebook.prose, f"prf:{kind}")
    ]
    proved = len(re.findall(r"\{prf:proof\}", notebook.prose))
    if proved < len(stated):
        remedy = f"prove every statement: {len(stated)} are stated and {proved} proofs given."
        yield notebook.found(notebook.cell_with(stated[-1]), "proofs", remedy)


RULES = (header, set_up, ending, exercises, proofs)
