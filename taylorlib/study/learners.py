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
    targets,
)
from taylorlib.study.errors import StudyError
from taylorlib.study.registry import learner
from taylorlib.targets import Target

__all__ = ["Problem", "hierarchical_learner", "ntk", "problem", "quadratic_model"]

TEST_POINTS = 2000


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
    d, p, rank = cell["d"], cell["p"], cell["settings"].get("rank", 1)
    keys = jax.random.split(jax.random.key(cell["seed"]), 4)
    make = {
        "power": lambda: targets.power_target(d, p, key=keys[0]),
        "harmonic": lambda: targets.harmonic_target(d, p, key=keys[0]),
        "low rank": lambda: targets.low_rank_polynomial(
            d, (p,) * rank, key=keys[0], orthogonal=True
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


def _test_error(fit, data: Problem) -> float:
    return float(jnp.mean((fit.predict(data.x_test) - data.y_test) ** 2))


_DATA = (problem, inputs, targets)


@learner("ntk", depends=[*_DATA, regression, kernels], model="ntk")
def ntk(cell: dict) -> list[dict]:
    """Ridge regression with the infinite-width first-layer kernel.

    Settings: ``activation``; ``ridges``, in units of K(x, x), of which the one with the smallest
    prequential error is taken at each size; ``sizes``.
    """
    settings, sizes = cell["settings"], cell["settings"]["sizes"]
    data = problem(cell, max(sizes))
    kernel = kernels.first_layer_ntk(getattr(activations, settings["activation"]))
    norm = cell["d"] ** 0.5
    K = kernel(data.x, data.x, input_norm=norm)
    K_test = kernel(data.x_test, data.x, input_norm=norm)
    ridges = [ridge * float(K[0, 0]) for ridge in settings["ridges"]]
    curves = regression.kernel_learning_curve(
        K, data.y, K_test, data.y_test, ridge=ridges, sizes=sizes
    )
    curve, chosen = regression.choose_ridge(curves)
    rows = zip(curve.sizes, curve.test_error, chosen, strict=True)
    return [
        {"n": int(n), "error": float(error), "ridge": settings["ridges"][which]}
        for n, error, which in rows
    ]


def padded(n: int) -> int:
    """The next number of the form $2^k$ or $3\\cdot2^k$: few shapes, so few compilations."""
    power = 1 << max(n - 1, 1).bit_length()
    return 3 * power // 4 if n <= 3 * power // 4 else power


@learner("quadratic", depends=[*_DATA, quadratic, padded], model="quadratic")
def quadratic_model(cell: dict) -> list[dict]:
    """The quadratic Taylor model on the inputs.

    Settings: ``gates``, ``m``, ``regularizer`` and ``iterations`` as ``fit_quadratic`` has them;
    ``sizes``.
    """
    settings, sizes = cell["settings"], cell["settings"]["sizes"]
    data = problem(cell, max(sizes))
    rows = []
    for n in sizes:
        fit = quadratic.fit_quadratic(
            data.x[:n],
            data.y[:n],
            key=data.key,
            pad_to=padded(n),
            **{name: settings[name] for name in ("gates", "m", "regularizer", "iterations")},
        )
        rows.append({"n": n, "error": _test_error(fit, data)})
    return rows


@learner(
    "hierarchical",
    depends=[*_DATA, hierarchical, quadratic, representation, padded],
    model="hierarchical",
)
def hierarchical_learner(cell: dict) -> list[dict]:
    """The quadratic model on a whitened random representation.

    Settings: ``features`` and ``D0``, kind and number of the random features; ``method``,
    ``rank`` of the whitening; ``unlabelled``, how many points it is estimated from; ``m``,
    ``regularizer``, ``iterations``; ``sizes``.
    """
    settings, sizes = cell["settings"], cell["settings"]["sizes"]
    data = problem(cell, max(sizes))
    keys = jax.random.split(data.key, 3)
    features = representation.random_features(
        settings["features"], settings["D0"], cell["d"], key=keys[0]
    )
    unlabelled = inputs.sphere(settings["unlabelled"], cell["d"], key=keys[1])
    h = representation.whiten(
        features, unlabelled, method=settings["method"], rank=settings["rank"]
    )
    rows = []
    for n in sizes:
        fit = hierarchical.fit_hierarchical(
            data.x[:n],
            data.y[:n],
            h,
            key=keys[2],
            pad_to=padded(n),
            **{name: settings[name] for name in ("m", "regularizer", "iterations")},
        )
        rows.append({"n": n, "error": _test_error(fit, data)})
    return rows
