r"""The learners of the book's studies, by name.

Each gives one row, or one for each number of samples, with the test error relative to the
target's variance: all targets have variance 1. A cell's seed fixes target, data and learner, and
cells that differ only in their learner have the same target, training and test inputs: sample
$i$ is the same for every learner and every $n>i$.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from taylorlib import (
    activations,
    hierarchical,
    inputs,
    kernels,
    quadratic,
    regression,
    representation,
    signed_network,
    targets,
)
from taylorlib.study.errors import StudyError
from taylorlib.study.registry import learner
from taylorlib.targets import Target

__all__ = [
    "Problem",
    "hierarchical_learner",
    "ntk",
    "problem",
    "quadratic_model",
    "signed",
    "sizes_of",
]

TEST_POINTS = 2000

RIDGES = (1e-5, 1e-3, 1e-1)
"""Of ``ntk``, in units of K(x, x); at each size the smallest prequential error chooses."""

QUADRATIC = {"regularizer": (1e-3, 1e-5), "iterations": (50, 200)}
"""Of ``quadratic``. The number of iterations is part of the learner."""

HIERARCHICAL = {"m": 40, "regularizer": (1e-2, 1e-3), "iterations": (50, 200)}
"""Of ``hierarchical``."""


class Problem(NamedTuple):
    """The data of a cell, and the key from which its learner draws.

    Attributes:
        target: The function to be learnt, of variance 1.
        x: Training inputs, on the sphere of radius sqrt(d).
        y: Their labels, without noise.
        x_test: Test inputs.
        y_test: Their labels.
        key: For everything else that is random.
    """

    target: Target
    x: Float[Array, "n d"]
    y: Float[Array, " n"]
    x_test: Float[Array, "k d"]
    y_test: Float[Array, " k"]
    key: Array


def problem(cell: dict, n: int) -> Problem:
    """The data of a cell with ``n`` training samples.

    Raises:
        StudyError: If the cell's target is not ``"power"``, ``"harmonic"`` or ``"low rank"``.
    """
    d, p, terms = cell["d"], cell["p"], cell["settings"].get("terms", 1)
    keys = jax.random.split(jax.random.key(cell["seed"]), 4)
    make = {
        "power": lambda: targets.power_target(d, p, key=keys[0]),
        "harmonic": lambda: targets.harmonic_target(d, p, key=keys[0]),
        "low rank": lambda: targets.low_rank_polynomial(
            d, (p,) * terms, key=keys[0], orthogonal=True
        ).standardized(),
    }
    if cell["target"] not in make:
        raise StudyError(f"target must be one of {sorted(make)}, got {cell['target']!r}.")
    target = make[cell["target"]]()
    # A block at a time, so that more samples extend the same sequence.
    block = 1024
    parts = [
        inputs.sphere(block, d, key=jax.random.fold_in(keys[1], i)) for i in range(-(-n // block))
    ]
    x = jnp.concatenate(parts)[:n]
    x_test = inputs.sphere(TEST_POINTS, d, key=keys[2])
    return Problem(target, x, target(x), x_test, target(x_test), keys[3])


def sizes_of(cell: dict) -> list[int]:
    """The numbers of samples of a learning curve: ``count`` of them from ``first``, by ``factor``.

    Examples:
        >>> import taylorlib as tl
        >>> cell = tl.study.cell("ntk", first=10, factor=1.5, count=3)
        >>> tl.study.learners.sizes_of(cell)
        [10, 15, 22]
    """
    first, factor, count = (cell["settings"][name] for name in ("first", "factor", "count"))
    return sorted({int(first * factor**k) for k in range(count)})


def padded(n: int) -> int:
    r"""The next number of the form $2^k$ or $3\cdot2^k$: few shapes, so few compilations."""
    power = 1 << max(n - 1, 1).bit_length()
    return 3 * power // 4 if n <= 3 * power // 4 else power


def _row(n: int, error: float, **others) -> dict:
    # Six digits are more than 2,000 test points determine, and keep the table small.
    return {"n": int(n), "error": float(f"{error:.6g}"), **others}


def _test_error(fit, data: Problem) -> float:
    return float(jnp.mean((fit.predict(data.x_test) - data.y_test) ** 2))


_COMMON = (problem, inputs, targets, sizes_of, padded, _row, _test_error)


@learner("ntk", depends=[*_COMMON, regression, kernels], model="ntk")
def ntk(cell: dict) -> list[dict]:
    """Ridge regression with the infinite-width first-layer kernel.

    Settings: ``activation``; ``first``, ``factor``, ``count`` of the sizes; ``terms`` of a target
    that has several.
    """
    sizes = sizes_of(cell)
    data = problem(cell, max(sizes))
    kernel = kernels.first_layer_ntk(getattr(activations, cell["settings"]["activation"]))
    norm = cell["d"] ** 0.5
    K = kernel(data.x, data.x, input_norm=norm)
    K_test = kernel(data.x_test, data.x, input_norm=norm)
    ridges = [ridge * float(K[0, 0]) for ridge in RIDGES]
    curves = regression.kernel_learning_curve(
        K, data.y, K_test, data.y_test, ridge=ridges, sizes=sizes
    )
    curve, chosen = regression.choose_ridge(curves)
    rows = zip(curve.sizes, curve.test_error, chosen, strict=True)
    return [_row(n, error, ridge=RIDGES[which]) for n, error, which in rows]


@learner("quadratic", depends=[*_COMMON, quadratic], model="quadratic")
def quadratic_model(cell: dict) -> list[dict]:
    """The quadratic Taylor model on the inputs.

    Settings: ``gates`` and width ``m``; ``first``, ``factor``, ``count``; ``terms``.
    """
    settings, sizes = cell["settings"], sizes_of(cell)
    data = problem(cell, max(sizes))
    rows = []
    for n in sizes:
        fit = quadratic.fit_quadratic(
            data.x[:n],
            data.y[:n],
            key=data.key,
            gates=settings["gates"],
            m=settings["m"],
            pad_to=padded(n),
            **QUADRATIC,
        )
        rows.append(_row(n, _test_error(fit, data)))
    return rows


@learner(
    "hierarchical",
    depends=[*_COMMON, hierarchical, quadratic, representation],
    model="hierarchical",
)
def hierarchical_learner(cell: dict) -> list[dict]:
    """The quadratic model on random features, whitened and truncated to the degrees up to 2.

    Rotation invariance puts the lowest degrees first: the d (d + 3) / 2 leading directions are
    those of degree at most 2.

    Settings: ``features`` and ``D0``, kind and number of the random features; ``unlabelled``,
    how many points whiten them; ``first``, ``factor``, ``count``; ``terms``.
    """
    settings, sizes, d = cell["settings"], sizes_of(cell), cell["d"]
    data = problem(cell, max(sizes))
    keys = jax.random.split(data.key, 3)
    features = representation.random_features(settings["features"], settings["D0"], d, key=keys[0])
    unlabelled = inputs.sphere(settings["unlabelled"], d, key=keys[1])
    h = representation.whiten(features, unlabelled, method="truncate", rank=d * (d + 3) // 2)
    rows = []
    for n in sizes:
        fit = hierarchical.fit_hierarchical(
            data.x[:n], data.y[:n], h, key=keys[2], pad_to=padded(n), **HIERARCHICAL
        )
        rows.append(_row(n, _test_error(fit, data)))
    return rows


@learner("signed network", depends=[*_COMMON, signed_network], model="network")
def signed(cell: dict) -> list[dict]:
    """The network itself, trained with fresh random signs; its average over them predicts.

    Settings: ``activation`` and width ``m``; ``first``, ``factor``, ``count``. The error of its
    quadratic term alone stands in ``term_error``.
    """
    settings, sizes = cell["settings"], sizes_of(cell)
    data = problem(cell, max(sizes))
    rows = []
    for n in sizes:
        fit = signed_network.fit_signed_network(
            data.x[:n],
            data.y[:n],
            activation=getattr(activations, settings["activation"]),
            m=settings["m"],
            key=data.key,
        )
        term = jnp.mean((fit.predict_quadratic(data.x_test) - data.y_test) ** 2)
        error = jnp.mean((fit.predict_mean(data.x_test) - data.y_test) ** 2)
        rows.append(_row(n, float(error), term_error=float(f"{float(term):.6g}")))
    return rows
