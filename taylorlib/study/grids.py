"""The book's studies: a name, and a function that gives the cells."""

from collections.abc import Callable

from taylorlib.harmonics import harmonic_dimension
from taylorlib.study.cells import cell, check_cells
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
    for made in cells:
        for field in ("d", "seed"):
            few.setdefault(_axis(made, field), set()).add(made[field])
    few = {axis: sorted(values - {None})[:2] for axis, values in few.items()}
    fields = ("d", "seed")
    return [c for c in cells if all(c[f] is None or c[f] in few[_axis(c, f)] for f in fields)]


def _axis(cell: dict, field: str) -> tuple:
    return cell["learner"], cell["target"], cell["p"], field


def _study(name: str) -> Callable:
    def register(function: Callable[[], list[dict]]) -> Callable:
        GRIDS[name] = function
        return function

    return register


SEEDS = range(8)


@_study("sample-complexity")
def sample_complexity() -> list[dict]:
    """Learning curves of kernel, quadratic model, hierarchical learner; degrees 2, 3 and 4.

    And the network with fresh signs beside its own kernel, at degree 2.

    The sizes reach from where nothing is learnt to well below the smallest threshold used, at
    every dimension, so that no reading is censored.
    """
    cells = []
    for seed in SEEDS:
        for d in (5, 7, 9, 11, 13):
            cells += [
                made
                for target in ("power", "harmonic")
                for made in _degree_four(d, target=target, seed=seed)
            ]
        for d in (5, 7, 9, 13, 17):
            cells += _degree_three(d, seed=seed)
        for d in (8, 16, 24, 32, 40, 48, 64):
            cells += _degree_two(d, seed=seed)
        for terms in (2, 4, 8):
            cells += _degree_four(9, target="low rank", terms=terms, seed=seed)
    for seed in SEEDS:
        for d in (16, 32):
            cells += _network(d, seed=seed)
    return cells


def _degree_four(d: int, **fields) -> list[dict]:
    terms = fields.get("terms", 1)
    fields |= {"p": 4, "d": d}
    features = {"unlabelled": 10_000, "features": "quadratic", "D0": d * d}
    first = harmonic_dimension(d, 4) / 8
    cells = [
        cell("ntk", **fields, activation="relu", **_sizes(first, 1.3, 15 + terms // 2)),
        cell("quadratic", **fields, gates="relu", m=400, **_sizes(0.15 * d**3, 1.4, 9)),
        cell("hierarchical", **fields, **features, **_sizes(0.75 * d * d, 1.3, 9 + min(terms, 6))),
    ]
    if fields["target"] == "power":
        features = {"unlabelled": 100_000, "features": "gelu", "D0": 4 * d * d}
        cells.append(cell("hierarchical", **fields, **features, **_sizes(0.75 * d * d, 1.3, 10)))
    return cells


def _degree_three(d: int, seed: int) -> list[dict]:
    fields = {"target": "power", "p": 3, "d": d, "seed": seed}
    features = {"unlabelled": 10_000, "features": "quadratic", "D0": d * d}
    # The bias-free ReLU kernel has no degree 3; erf's has.
    first = harmonic_dimension(d, 3) / 8
    return [
        cell("ntk", **fields, activation="erf", **_sizes(first, 1.3, 14)),
        cell("quadratic", **fields, gates="relu", m=400, **_sizes(0.7 * d * d, 1.3, 11)),
        cell("hierarchical", **fields, **features, **_sizes(0.75 * d * d, 1.3, 9)),
    ]


def _degree_two(d: int, seed: int) -> list[dict]:
    fields = {"target": "power", "p": 2, "d": d, "seed": seed}
    cells = [cell("quadratic", **fields, gates="constant", m=64, **_sizes(d, 1.25, 11))]
    if d <= 40:
        first = harmonic_dimension(d, 2) / 4
        cells.append(cell("ntk", **fields, activation="relu", **_sizes(first, 1.3, 12)))
    return cells


def _network(d: int, seed: int) -> list[dict]:
    fields = {"target": "power", "p": 2, "d": d, "seed": seed, "activation": "softplus"}
    sizes = _sizes(5 * d, 1.6, 2)
    return [cell("signed network", **fields, m=1024, **sizes), cell("ntk", **fields, **sizes)]


def _sizes(first: float, factor: float, count: int) -> dict:
    # Small kernels would otherwise start below two samples.
    return {"first": max(first, 6.0), "factor": factor, "count": count}
