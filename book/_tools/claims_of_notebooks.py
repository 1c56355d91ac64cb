"""What the executed notebooks measured, collected from their outputs into `out/claims.json`.

It is made from the execution cache at every build, so it is right after a build that executed
nothing as well, and after one that was killed.
"""

import json

import execution_cache
import safely
from project import Project

MIME = "application/vnd.taylorlib.claim+json"  # taylorlib.claims.MIME; importing it would load JAX


def collect(project: Project, keys: dict[str, str]) -> list[dict]:
    """Every measurement of the executed notebooks (page -> cache key), in reading order."""
    found = []
    for page in project.pages:
        if page in keys:
            text = execution_cache.executed(project, page, keys[page]).read_text("utf8")
            found += of_notebook(page, json.loads(text))
    return found


def of_notebook(page: str, notebook: dict) -> list[dict]:
    """The measurements of one executed notebook, each with its chapter and its cell."""
    return [
        {"chapter": page.removeprefix("book/"), "cell": cell["id"], **output["data"][MIME]}
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if MIME in output.get("data", {})
    ]


def write(project: Project, measured: list[dict]) -> None:
    """Write `out/claims.json`."""
    text = json.dumps(measured, indent=1, ensure_ascii=False)
    safely.write(project.out / "claims.json", f"{text}\n".encode())
