"""The repository's address: kept in `_config.yml`, followed by everything that mentions it.

    python book/_tools/address.py set https://github.com/someone/beyond-ntk
    python book/_tools/address.py check

Standard library only: it is also used before there is an environment.
"""

import json
import re
import sys
from pathlib import Path

import one_sentence

ROOT = Path(__file__).resolve().parents[2]
UNSET = "https://github.com/-owner-/beyond-ntk"  # GitHub allows no name that begins with a hyphen
VALID = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")
_LINE = re.compile(r"^(repository:\s*\n(?:\s+\w+:.*\n)*?\s+url:\s*)(\S+)", re.MULTILINE)


def read(root: Path = ROOT) -> str:
    """The address in `_config.yml`."""
    match = _LINE.search((root / "_config.yml").read_text("utf8"))
    if not match:
        raise one_sentence.Told("_config.yml names no repository url.")
    return match.group(2)


def is_unset(address: str) -> bool:
    """Whether the real address is still to be set."""
    return address == UNSET


def followers(root: Path) -> list[Path]:
    """Files that may mention the address."""
    named = [root / name for name in ("README.md", "CITATION.cff", "CONTRIBUTING.md", "pyproject.toml")]
    written = [*(root / "book").rglob("*.md"), *(root / "book").rglob("*.ipynb")]
    return [path for path in [*named, *sorted(written)] if path.is_file()]


def change(root: Path, new: str) -> list[Path]:
    """Set another address everywhere, and return the files that were changed."""
    new = new.removesuffix(".git").rstrip("/")
    if not VALID.fullmatch(new):
        raise one_sentence.Told(f"{new} is no address of the form https://github.com/OWNER/NAME.")
    old, changed = read(root), []
    whole = re.compile(re.escape(old) + r"(?![\w-])")
    for path in [root / "_config.yml", *followers(root)]:
        text = path.read_text("utf8")
        replaced = whole.sub(new, text)
        if replaced != text:
            path.write_text(replaced, "utf8")
            changed.append(path)
    return changed


def disagreements(root: Path) -> list[str]:
    """Places that follow another address, one line each."""
    from setup_cell import of_notebook, source

    address, found = read(root), []
    name = address.rsplit("/", 1)[1]
    mention = re.compile(rf"https://github\.com/[\w.-]+/{re.escape(name)}(?![\w.-])")
    for path in followers(root):
        text = path.read_text("utf8")
        others = set(mention.findall(text)) - {address}
        if UNSET in text and address != UNSET:
            others.add(UNSET)
        found += [f"{path.relative_to(root)} mentions {other}" for other in sorted(others)]
        if path.suffix == ".ipynb" and ".ipynb_checkpoints" not in path.parts:
            cell = of_notebook(json.loads(text))
            if cell != source(address):
                what = "another set-up cell" if cell else "no set-up cell"
                found.append(f"{path.relative_to(root)} has {what}: run setup_cell.py")
    return found


def main() -> int:
    """Read the command line."""
    match sys.argv[1:]:
        case ["set", new]:
            changed = change(ROOT, new)
            print("\n".join(f"changed {path.relative_to(ROOT)}" for path in changed))
            return 0
        case ["check"]:
            found = disagreements(ROOT)
            print("\n".join(found) or f"Everything follows {read(ROOT)}.")
            return bool(found)
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    one_sentence.run(main)
