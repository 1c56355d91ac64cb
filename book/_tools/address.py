"""The public address of the repository: one place holds it, `_config.yml`, and all else follows.

What follows are the set-up cell of every notebook (its text is `setup_cell.py`, with the address
and the branch put in), the launch buttons (made when the pages are built) and the files of text
that name the address.

python book/_tools/address.py set https://github.com/OWNER/NAME
python book/_tools/address.py cells    (write the set-up cell into every notebook)
python book/_tools/address.py check
"""

import json
import re
import sys
from pathlib import Path

import one_sentence
import safely
from project import HERE, Project

UNSET_OWNER = "/-owner-/"  # a name that GitHub gives to nobody
LINE = re.compile(r"^(  url: )(\S+)$", re.MULTILINE)
ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")
TEMPLATE = Path(__file__).with_name("setup_cell.py")
# Files of text that may name the address, as far as they exist.
FOLLOWING = ("README.md", "CONTRIBUTING.md", "CITATION.cff", "pyproject.toml", "book/*.md")
SOURCE = re.compile(r'(?<!\\)"source"\s*:\s*')


def read(root: Path) -> str:
    """The address in `_config.yml`."""
    return LINE.search((root / "_config.yml").read_text("utf8")).group(2)


def is_unset(address: str) -> bool:
    """Whether nobody has set the address yet."""
    return UNSET_OWNER in address


def set_up_cell(project: Project) -> str:
    """The set-up cell that every notebook begins with."""
    text = TEMPLATE.read_text("utf8").replace("ADDRESS", read(project.root))
    return text.replace("BRANCH", project.config["repository"]["branch"]).rstrip("\n")


def differing(project: Project) -> list[str]:
    """What does not follow `_config.yml`: set-up cells, and files that name another address."""
    cell = set_up_cell(project)
    wrong = [
        f"{page}: the first code cell is not the set-up cell (address.py cells writes it)"
        for page in project.notebooks
        if _first_code(project.notebook(page)) != cell
    ]
    address = read(project.root)
    for path in _following(project):
        others = sorted(_addresses_of_the_book(path.read_text("utf8"), address) - {address})
        wrong += [f"{path.relative_to(project.root)}: names the address {o}" for o in others]
    return wrong


def write(project: Project, address: str) -> None:
    """Set the address everywhere."""
    if not ADDRESS.fullmatch(address) or address.endswith(".git"):
        raise one_sentence.Told(f"{address!r} is no address like https://github.com/OWNER/NAME.")
    former = read(project.root)
    config = project.root / "_config.yml"
    text = LINE.sub(rf"\g<1>{address}", config.read_text("utf8"))
    safely.write(config, text.encode())
    whole = re.compile(re.escape(former) + r"(?=(\.git)?(?![\w-]|\.\w))")
    for path in _following(project):
        text = path.read_text("utf8")
        if whole.search(text):
            safely.write(path, whole.sub(address, text).encode())
    write_cells(project)


def write_cells(project: Project) -> None:
    """Write the set-up cell into every notebook and leave every other byte as it is."""
    cell = set_up_cell(project)
    for page in project.notebooks:
        path = project.notebook(page)
        text = path.read_bytes().decode("utf8")
        changed = _with_first_code(text, cell)
        if changed != text:
            safely.write(path, changed.encode())


def _following(project: Project) -> list[Path]:
    return [path for pattern in FOLLOWING for path in sorted(project.root.glob(pattern))]


def _addresses_of_the_book(text: str, address: str) -> set[str]:
    """Those in a text that mean this book: a repository of the same name, or the unset owner."""
    name = address.rsplit("/", 1)[1]
    found = {a.rstrip(".").removesuffix(".git") for a in ADDRESS.findall(text)}
    return {a for a in found if is_unset(a) or a.rsplit("/", 1)[1] == name}


def _first_code(path: Path) -> str:
    cells = json.loads(path.read_text("utf8"))["cells"]
    return next(("".join(c["source"]) for c in cells if c["cell_type"] == "code"), "")


def _with_first_code(text: str, source: str) -> str:
    """A notebook's text with another first code cell; the JSON around it is not formatted anew."""
    notebook = json.loads(text)
    cells = notebook["cells"]
    number = next(i for i, c in enumerate(cells) if c["cell_type"] == "code")
    if "".join(cells[number]["source"]) == source:
        return text
    # The sources stand in the order of the cells: take the one with the cell's number.
    start = [found.end() for found in SOURCE.finditer(text)][number]
    former, end = json.JSONDecoder().raw_decode(text, start)
    if isinstance(former, str):
        cells[number]["source"] = source
        encoded = json.dumps(source, ensure_ascii=False)
    else:
        cells[number]["source"] = lines = source.splitlines(keepends=True)
        gap = re.match(r"\[(\s*)", text[start:]).group(1)
        closing = re.search(r"(\s*)\]$", text[start:end]).group(1)
        inner = f",{gap}".join(json.dumps(line, ensure_ascii=False) for line in lines)
        encoded = f"[{gap}{inner}{closing}]"
    changed = text[:start] + encoded + text[end:]
    assert json.loads(changed) == notebook, "nothing but the set-up cell may change"
    return changed


def main() -> int:
    """Read the command line."""
    project = Project(HERE)
    command, *rest = sys.argv[1:] or ["nothing"]
    if command == "set" and len(rest) == 1:
        write(project, rest[0])
    elif command == "cells" and not rest:
        write_cells(project)
    elif command != "check" or rest:
        raise one_sentence.Told("Usage: address.py set ADDRESS, address.py cells, or check.")
    problems = differing(project)
    print("\n".join(problems) or f"The address is {read(project.root)} everywhere.")
    return bool(problems)


if __name__ == "__main__":
    one_sentence.run(main)
