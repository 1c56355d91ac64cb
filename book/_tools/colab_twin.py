"""The Colab notebook of a page: its texts as plain Markdown, its code cells as they are."""

import copy
import hashlib
import json
from pathlib import Path

import address
import colab_address
import fingerprint
from project import Project

FOLDED = {"hide-input", "hide-cell"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def made_from(project: Project, source: Path) -> str:
    """All that decides a page's Colab notebook: its source, the other pages, the tools."""
    inputs = [project.root / "_config.yml", project.root / "_toc.yml", source]
    for pattern in ("book/*.md", "book/*.ipynb", "book/references.bib", "book/_ext/*.py"):
        inputs += project.root.glob(pattern)
    inputs += [*Path(__file__).parent.glob("colab*.py"), *project.library()]
    whole = hashlib.sha256()
    for path in sorted(set(inputs)):
        whole.update(path.name.encode() + fingerprint.of_bytes(path.read_bytes()).encode())
    return whole.hexdigest()[:32]


def twin(project: Project, page: str, source: Path, parts: list[dict]) -> dict:
    """The notebook."""
    cells = json.loads(source.read_text("utf8"))["cells"]
    made, texts = [], [_origin(project, page)]
    for part in parts:
        if "cell" in part:
            _flush(made, texts)
            made.append(_code(cells[part["cell"]]))
        elif "caption" in part:
            made.append(_markdown(len(made), part["caption"]))
        else:
            if part["text"].startswith("#"):
                _flush(made, texts, keep_origin=True)
            texts.append(part["text"])
    _flush(made, texts)
    expected = [i for i, cell in enumerate(cells) if cell["cell_type"] == "code"]
    found = [part["cell"] for part in parts if "cell" in part]
    if found != expected:
        raise ValueError(f"{page}: the code cells came as {found} instead of {expected}.")
    name = page.rsplit("/", 1)[1]
    metadata = {
        "colab": {"name": f"{name}.ipynb", "provenance": [], "toc_visible": True},
        "kernelspec": KERNEL,
        "language_info": {"name": "python"},
        "book": {"page": page, "made_from": made_from(project, source)},
    }
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def code_of(notebook: dict) -> list[str]:
    """The sources of the code cells, in order."""
    cells = notebook["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def _origin(project: Project, page: str) -> str:
    pages, title = colab_address.of_pages(address.read(project.root)), project.config["title"]
    if not colab_address.is_known(pages):
        return f"*A notebook of the book* {title}"
    book = colab_address.of_page(pages, project.pages[0])
    chapter = colab_address.of_page(pages, page)
    return (
        f"*A notebook of the book* [{title}]({book}), *made from* [this page]({chapter}) *of it.*"
    )


def _flush(made: list[dict], texts: list[str], keep_origin: bool = False) -> None:
    """Turn the texts collected so far into a cell; the origin waits for the title."""
    if keep_origin and not made and len(texts) == 1:
        return
    if texts:
        if not made and len(texts) > 1 and texts[1].startswith("# "):
            texts[:2] = [texts[1], texts[0]]
        made.append(_markdown(len(made), "\n\n".join(texts)))
        texts.clear()


def _markdown(number: int, text: str) -> dict:
    source = text.splitlines(keepends=True)
    return {"cell_type": "markdown", "id": f"text-{number}", "metadata": {}, "source": source}


def _code(cell: dict) -> dict:
    """The cell without outputs; folded, in Colab and in JupyterLab, where the page folds it."""
    metadata = {key: value for key, value in cell["metadata"].items() if key != "mystnb"}
    if FOLDED & set(metadata.get("tags", [])):
        metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    made = copy.deepcopy(cell) | {"metadata": metadata, "outputs": [], "execution_count": None}
    made.pop("attachments", None)
    return made
