"""Timing several ways to the same result against each other, as ratios.

Absolute times depend on the machine and on the moment. So the ways take turns in one process,
in an order that rotates, and each repetition gives one ratio of two ways. What is reported is
the median ratio with a bootstrap interval over the repetitions.
"""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import numpy as np


class Way(NamedTuple):
    """A function with its arguments; compiled by JAX before it is timed."""

    function: Callable
    arguments: tuple
    compiled: bool = True


class Recorded(NamedTuple):
    """A time that was measured elsewhere."""

    seconds: float


class Contest(NamedTuple):
    """Ways to one result, and the pairs (dividend, divisor) whose ratio is of interest."""

    setting: str
    ways: dict[str, Way | Recorded]
    ratios: list[tuple[str, str]]


class Limits(NamedTuple):
    """How long one contest is repeated."""

    seconds: float = 12.0
    fewest: int = 7
    most: int = 40


def hold(contest: Contest, limits: Limits) -> dict:
    """Compile every way, repeat them in turns; medians, ratios and their intervals."""
    runs, costs = {}, {}
    for name, way in contest.ways.items():
        runs[name], costs[name] = _prepare(way)
    times = {name: [] for name in runs}
    names, start = list(runs), time.perf_counter()
    for repetition in range(limits.most):
        if repetition >= limits.fewest and time.perf_counter() - start > limits.seconds:
            break
        turn = repetition % len(names)
        for name in names[turn:] + names[:turn]:
            times[name].append(runs[name]())
    return {
        "setting": contest.setting,
        "ways": {
            name: {"median_seconds": float(np.median(times[name])), **costs[name]} for name in names
        },
        "ratios": [_ratio(a, b, times) for a, b in contest.ratios],
    }


def _prepare(way: Way | Recorded) -> tuple[Callable[[], float], dict]:
    """A function that takes the time of one run; the time to compile and the memory it takes."""
    costs = {"compile_seconds": None, "temporary_bytes": None}
    if isinstance(way, Recorded):
        return lambda: way.seconds, costs
    function = way.function
    if way.compiled:
        start = time.perf_counter()
        function = jax.jit(function).lower(*way.arguments).compile()
        costs["compile_seconds"] = time.perf_counter() - start
        # The most that it needs at one time beside its arguments and results.
        memory = function.memory_analysis()
        costs["temporary_bytes"] = getattr(memory, "temp_size_in_bytes", None)

    def run():
        begin = time.perf_counter()
        jax.block_until_ready(function(*way.arguments))
        return time.perf_counter() - begin

    run()  # the first run may still load something
    return run, costs


def _ratio(dividend: str, divisor: str, times: dict[str, list[float]]) -> dict:
    each = np.array(times[dividend]) / np.array(times[divisor])
    draws = np.random.default_rng(0).integers(0, len(each), (2000, len(each)))
    low, high = np.quantile(np.median(each[draws], axis=1), [0.025, 0.975])
    return {
        "dividend": dividend,
        "divisor": divisor,
        "median": float(np.median(each)),
        "low": float(low),
        "high": float(high),
        "repetitions": len(each),
    }


def in_words(found: dict) -> Iterable[str]:
    """The lines to print for one contest."""
    yield f"  {found['setting']}"
    for r in found["ratios"]:
        interval = f"[{r['low']:.3g}, {r['high']:.3g}]"
        yield f"    {r['dividend']} / {r['divisor']}: {r['median']:.3g} {interval}"
    compiled = {name: way["compile_seconds"] for name, way in found["ways"].items()}
    if all(compiled.values()):
        yield "    to compile: " + ", ".join(f"{n} {s:.2g} s" for n, s in compiled.items())
    memory = {name: way["temporary_bytes"] for name, way in found["ways"].items()}
    if all(memory.values()):
        yield "    memory: " + ", ".join(f"{n} {b / 1e6:.3g} MB" for n, b in memory.items())
