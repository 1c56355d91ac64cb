"""The book's studies: a name, and a function that gives the cells."""

from collections.abc import Callable

from taylorlib.study.cells import check_cells
from taylorlib.study.errors import StudyError

__all__ = ["GRIDS", "cells_of"]

GRIDS: dict[str, Callable[[], list[dict]]] = {}
"""Each study by name. The order of its cells is the order in which they are computed."""


def cells_of(study: str, *, quick: bool = False) -> list[dict]:
    """The cells of a study.

    Args:
        study: A key of ``GRIDS``.
        quick: Only the two smallest dimensions and the two smallest seeds of each learner, target
            and degree: the same program in little time, for a first look.

    Returns:
        The cells.

    Raises:
        StudyError: If there is no such study, or a cell is not as it must be.
    """
    if study not in GRIDS:
        known = ", ".join(sorted(GRIDS)) or "none"
        raise StudyError(f"no study is called {study!r}: choose one of those known ({known}).")
    cells = GRIDS[study]()
    if not cells:
        raise StudyError(f"the study {study!r} has no cells: its function must return some.")
    check_cells(cells)
    return _smallest(cells) if quick else cells


def _smallest(cells: list[dict]) -> list[dict]:
    few: dict[tuple, set] = {}
    for cell in cells:
        for field in ("d", "seed"):
            few.setdefault(_axis(cell, field), set()).add(cell[field])
    few = {axis: sorted(values - {None})[:2] for axis, values in few.items()}
    fields = ("d", "seed")
    return [c for c in cells if all(c[f] is None or c[f] in few[_axis(c, f)] for f in fields)]


def _axis(cell: dict, field: str) -> tuple:
    return cell["learner"], cell["target"], cell["p"], field
