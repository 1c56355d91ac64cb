"""The house style of notebooks: every slip with the notebook, the cell, the rule and the remedy.

python book/_tools/check_style.py
"""

import sys

import address
import one_sentence
import style_cells
import style_numbers
import style_parts
from project import HERE, Project
from style_notebook import Finding, Notebook

RULES = (*style_parts.RULES, *style_cells.RULES, *style_numbers.RULES)


def of_notebook(notebook: Notebook) -> list[Finding]:
    """What all rules find in one notebook."""
    return [finding for rule in RULES for finding in rule(notebook)]


def of_book(project: Project) -> list[str]:
    """What they find in all notebooks of the table of contents, and set-up cells that differ."""
    front = project.pages[0]
    found = [
        str(finding)
        for page in project.notebooks
        for finding in of_notebook(Notebook.read(project.notebook(page), page, page != front))
    ]
    return [*found, *address.differing(project)]


def main() -> int:
    """Tell everything, and fail if there is anything."""
    found = of_book(Project(HERE))
    print("\n".join(found) or "The notebooks follow the house style.")
    return bool(found)


if __name__ == "__main__":
    if sys.argv[1:]:
        raise SystemExit("check_style.py takes no arguments: it checks all notebooks.")
    one_sentence.run(main)
