"""Cells: one computation of a study, said in plain data.

A cell names its learner and everything that the learner's numbers depend on. It is a dictionary
of plain values, so that it can be written down, compared, hashed and sent to another machine.
"""

import itertools
import json
import math

from taylorlib.study.errors import StudyError

__all__ = ["FIELDS", "canonical", "cell", "check_cells", "grid"]

FIELDS = ("learner", "target", "p", "d", "n", "seed")
"""What every cell has; whatever else a learner needs stands in the cell's ``settings``."""


def cell(
    learner: str,
    *,
    target: str | None = None,
    p: int | None = None,
    d: int | None = None,
    n: int | None = None,
    seed: int | None = 0,
    **settings,
) -> dict:
    """One cell.

    Args:
        learner: Name of a registered learner.
        target: Name of what is learnt.
        p: Its degree.
        d: Dimension of the inputs.
        n: Number of samples. A learner that gives a whole learning curve returns one row for
            each ``n``, which then stands in the table instead of this one.
        seed: From which the learner makes its random key.
        settings: Everything else, plain values.

    Returns:
        ``{"learner": ..., ..., "seed": ..., "settings": {...}}``.

    Raises:
        StudyError: If a value is not plain data.

    Examples:
        >>> import taylorlib as tl
        >>> tl.study.cell("ntk", p=2, d=8, n=100, ridge=1e-4)["settings"]
        {'ridge': 0.0001}
    """
    made = {"learner": learner, "target": target, "p": p, "d": d, "n": n, "seed": seed}
    made["settings"] = settings
    check_cells([made])
    return made


def grid(learner: str, **axes) -> list[dict]:
    """All combinations of the given values, the last axis running fastest.

    Args:
        learner: Name of a registered learner.
        axes: As for ``cell``. A list or a range is an axis, anything else (also a tuple) one
            value.

    Returns:
        The cells.

    Raises:
        StudyError: If a value is not plain data.

    Examples:
        >>> import taylorlib as tl
        >>> cells = tl.study.grid("ntk", p=2, d=[8, 16], seed=range(3), ridge=1e-4)
        >>> [(c["d"], c["seed"]) for c in cells]
        [(8, 0), (8, 1), (8, 2), (16, 0), (16, 1), (16, 2)]
    """
    values = [v if isinstance(v, list | range) else [v] for v in axes.values()]
    return [
        cell(learner, **dict(zip(axes, chosen, strict=True)))
        for chosen in itertools.product(*values)
    ]


def canonical(value: object) -> str:
    """Plain data as JSON, in the one form that is hashed and compared."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def check_cells(cells: list[dict]) -> None:
    """Refuse cells that are not of the form that ``cell`` gives, or that occur twice.

    Raises:
        StudyError: Naming the cell and what is wrong with it.
    """
    seen = set()
    for number, found in enumerate(cells):
        if not isinstance(found, dict) or set(found) != {*FIELDS, "settings"}:
            raise StudyError(
                f"cell {number} is {_short(found)}: make it with tl.study.cell or tl.study.grid."
            )
        if not isinstance(found["learner"], str) or not isinstance(found["settings"], dict):
            raise StudyError(
                f"cell {number} needs a learner's name and a dict of settings: {_short(found)}."
            )
        if any(type(name) is not str for name in found["settings"]):
            raise StudyError(f"the settings of cell {number} have a name that is not a string.")
        taken = {"settings", *FIELDS} & set(found["settings"])
        if taken:
            raise StudyError(
                f"cell {number} has a setting called {sorted(taken)[0]!r}, which every cell has by "
                "that name already: rename the setting."
            )
        values = {name: found[name] for name in FIELDS} | found["settings"]
        for name, value in values.items():
            _check_plain(value, f"{name!r} of cell {number} ({found['learner']})")
        text = canonical(found)
        if text in seen:
            raise StudyError(f"a cell occurs twice in the study, leave one out: {text}.")
        seen.add(text)


def _check_plain(value: object, where: str) -> None:
    # Exact types: numpy's numbers are subclasses of Python's, and JSON would not give them back.
    if value is None or type(value) in (bool, int, str):
        return
    if type(value) is float and math.isfinite(value):
        return
    if type(value) in (list, tuple):
        for item in value:
            _check_plain(item, where)
        return
    if type(value) is dict and all(type(key) is str for key in value):
        for item in value.values():
            _check_plain(item, where)
        return
    kind = "not finite" if type(value) is float else f"of type {type(value).__name__}"
    raise StudyError(
        f"{where} is {_short(value)}, {kind}: a cell holds plain data only (None, bool, int, "
        "finite float, str, and lists or dictionaries of these)."
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."
