r"""Formulas as a notebook's Markdown can show them: between dollars, without macros of our own.

A notebook cuts formulas out of the text before it reads the text as Markdown, so a `>` of a block
quote or the indentation of a list may not stand inside one: there, a display takes one line.
"""

import re
from collections.abc import Mapping

COMMENT = re.compile(r"(?<!\\)%.*")
SMALLER = re.compile(r"<\s*")
BAR = re.compile(r"\\?\|")


def inline(formula: str, macros: Mapping | None = None, in_table: bool = False) -> str:
    """``$...$``."""
    return f"${_plain(formula, macros or {}, in_table)}$"


def display(
    formula: str, number: str = "", macros: Mapping | None = None, one_line: bool = False
) -> str:
    r"""``$$...$$``, with ``\tag{number}`` if the formula has one."""
    text = "\n".join(COMMENT.sub("", line).rstrip() for line in formula.strip().splitlines())
    text = SMALLER.sub(r"\\lt ", expand(text, macros or {}))
    text += rf" \tag{{{number}}}" if number else ""
    return f"$$ {' '.join(text.split())} $$" if one_line else f"$$\n{text}\n$$"


def expand(formula: str, macros: Mapping) -> str:
    """Put in the macros of the configuration, each ``text`` or ``[text, number of arguments]``."""
    ours = re.compile(rf"\\({'|'.join(map(re.escape, macros)) or '(?!)'})(?![A-Za-z])")
    for _ in range(10):  # a macro may use another
        if not ours.search(formula):
            return formula
        for name, macro in macros.items():
            body, arguments = (macro, 0) if isinstance(macro, str) else macro[:2]
            formula = _put_in(formula, name, body, arguments)
    raise ValueError(f"The macros {sorted(macros)} use each other in a circle.")


def _put_in(formula: str, name: str, body: str, arguments: int) -> str:
    parts, start = [], 0
    for found in re.finditer(rf"\\{name}(?![A-Za-z])", formula):
        if found.start() < start:
            continue  # inside the argument of the former one: its turn comes in the next round
        end, text = found.end(), body
        for i in range(1, arguments + 1):
            argument, end = _argument(formula, end)
            text = text.replace(f"#{i}", argument)
        parts += [formula[start : found.start()], text]
        # a command must not run into the letters behind it
        letters = re.search(r"\\[A-Za-z]+$", text) and re.match(r"[A-Za-z]", formula[end:])
        parts.append(" " if letters else "")
        start = end
    return "".join([*parts, formula[start:]])


def _argument(formula: str, start: int) -> tuple[str, int]:
    """What a macro at `start` takes, a group in braces, a command or one character; its end."""
    rest = formula[start:].lstrip()
    start = len(formula) - len(rest)
    if not rest.startswith("{"):
        length = re.match(r"\\[A-Za-z]+|\\?.|", rest).end()
        return rest[:length], start + length
    depth = 0
    for i, character in enumerate(rest):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return rest[1:i], start + i + 1
    raise ValueError(f"A brace is not closed in the formula {formula!r}.")


def _plain(formula: str, macros: Mapping, in_table: bool) -> str:
    text = " ".join(expand(formula, macros).split())
    # `<` could begin a tag, and `|` ends a table's cell
    text = SMALLER.sub(r"\\lt ", text)
    return BAR.sub(_bar, text) if in_table else text


def _bar(found: re.Match) -> str:
    return r"\Vert " if found[0] == r"\|" else r"\vert "
