"""The set-up cell, the first code cell of every chapter: the one text, and writing it into notebooks.

python book/_tools/setup_cell.py    gives every chapter the cell, or brings it up to date
"""

import json
import sys
from pathlib import Path

import address

ID = "setup"
METADATA = {
    "mystnb": {
        "code_prompt_hide": "Hide the set-up for Colab",
        "code_prompt_show": "Show the set-up for Colab",
    },
    "tags": ["hide-cell", "setup"],
}
BRANCH = "main"

TEXT = '''\
# In Google Colab this installs what the chapter needs and Colab lacks; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    import importlib.metadata
    import importlib.util
    import subprocess
    import tempfile

    BOOK = "{address}"
    if "/-owner-/" in BOOK:
        raise RuntimeError("The address of this book is not set, so taylorlib cannot be installed.")

    def pip_install(*what):
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *what], check=True)
        print("installed", what[-1])

    with tempfile.NamedTemporaryFile("w", suffix=".txt") as colabs_own:  # JAX stays as it is
        for name in ("jax", "jaxlib", "numpy", "scipy"):
            print(f"{{name}}=={{importlib.metadata.version(name)}}", file=colabs_own, flush=True)
        for name in ("jaxtyping", "frozendict"):
            if not importlib.util.find_spec(name):
                pip_install("--constraint", colabs_own.name, name)
    if not importlib.util.find_spec("neural_tangents"):
        pip_install("--no-deps", "neural-tangents==0.6.5")
    if not importlib.util.find_spec("taylorlib"):
        pip_install("--no-deps", f"git+{{BOOK}}@{branch}")
'''


def source(repository: str) -> str:
    """The cell's text for a repository's address."""
    return TEXT.format(address=repository, branch=BRANCH).rstrip("\n")


def of_notebook(notebook: dict) -> str | None:
    """The text of a notebook's set-up cell, None where its first code cell is another one."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            is_setup = "setup" in cell["metadata"].get("tags", [])
            return "".join(cell["source"]) if is_setup else None
    return None


def write(path: Path, repository: str) -> bool:
    """Give a notebook the cell; return whether that changed it."""
    before = path.read_text("utf8")
    notebook = json.loads(before)
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": ID,
        "metadata": METADATA,
        "outputs": [],
        "source": source(repository).splitlines(keepends=True),
    }
    cells = notebook["cells"]
    kinds = [c["cell_type"] for c in cells]
    first = kinds.index("code") if "code" in kinds else len(cells)
    end = first + (of_notebook(notebook) is not None)
    cells[first:end] = [cell]
    after = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if after != before:
        path.write_text(after, "utf8")
    return after != before


def main() -> int:
    """Write the cell into every chapter."""
    repository = address.read()
    for path in sorted((address.ROOT / "book").glob("*.ipynb")):
        if write(path, repository):
            print(f"wrote the set-up cell of {path.relative_to(address.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
