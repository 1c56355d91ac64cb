"""The public address of the repository: one place holds it, `_config.yml`.

python book/_tools/address.py set https://github.com/OWNER/NAME
python book/_tools/address.py check
"""

import json
import re
import sys
from pathlib import Path

import one_sentence
from project import HERE, Project

UNSET_OWNER = "/-owner-/"  # a name that GitHub gives to nobody
LINE = re.compile(r"^(  url: )(\S+)$", re.MULTILINE)
CELL_LINE = re.compile(r'REPOSITORY = "([^"]*)"')
ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")


def read(root: Path) -> str:
    """The address in `_config.yml`."""
    return LINE.search((root / "_config.yml").read_text("utf8")).group(2)


def is_unset(address: str) -> bool:
    """Whether nobody has set the address yet."""
    return UNSET_OWNER in address


def differing(project: Project) -> list[str]:
    """The notebooks whose set-up cell holds another address."""
    wrong = []
    for page in project.notebooks:
        found = CELL_LINE.findall(_first_code(project.notebook(page)).replace('\\"', '"'))
        if found != [read(project.root)]:
            wrong.append(f"{page}: the set-up cell has the address {found}")
    return wrong


def write(project: Project, address: str) -> None:
    """Set the address everywhere."""
    if not ADDRESS.fullmatch(address):
        raise one_sentence.Told(f"{address!r} is no address like https://github.com/OWNER/NAME.")
    config = project.root / "_config.yml"
    config.write_text(LINE.sub(rf"\g<1>{address}", config.read_text("utf8")), "utf8")
    for page in project.notebooks:
        path = project.notebook(page)
        text = path.read_text("utf8")
        path.write_text(re.sub(r'(REPOSITORY = \\")[^"\\]*', rf"\g<1>{address}", text), "utf8")


def _first_code(path: Path) -> str:
    cells = json.loads(path.read_text("utf8"))["cells"]
    return next("".join(c["source"]) for c in cells if c["cell_type"] == "code")


def main() -> int:
    """Read the command line."""
    project = Project(HERE)
    if sys.argv[1:2] == ["set"] and len(sys.argv) == 3:
        write(project, sys.argv[2])
    elif sys.argv[1:] != ["check"]:
        raise one_sentence.Told("Usage: address.py set ADDRESS, or address.py check.")
    problems = differing(project)
    print("\n".join(problems) or f"The address is {read(project.root)} everywhere.")
    return bool(problems)


if __name__ == "__main__":
    one_sentence.run(main)
