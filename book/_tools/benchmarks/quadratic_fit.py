"""Quadratic Taylor model fitted: our L-BFGS, and a plain loop of Adam down to the same objective.

The other way is what one would write first with JAX and optax: the objective, its automatic
gradient, a jitted step, a Python loop that stops when the objective is as low as ours. Ours
runs 50 + 200 iterations along its warm path; both start from the same weights. Adam's rate is
the fastest of .003, .01 and .03. Float32.

The learning curves count everything: all compilations are forgotten before each. Ours pads
every size to the largest and compiles once; the loop compiles for every size.
"""

import math
from collections.abc import Callable, Iterator

import jax
import numpy as np
import optax
import taylorlib as tl

from contest import Contest, Way

SETTINGS = {
    # name: samples, dimension, width, gates, regularizers, Adam's rate
    "raw inputs, n = 1500, d = 11, m = 400": (1500, 11, 400, "relu", (1e-3, 1e-5), 0.03),
    "features, n = 400, D = 65, m = 40": (400, 65, 40, "constant", (1e-2, 1e-3), 0.003),
}
QUICK = {"n = 20, d = 3, m = 8": (20, 3, 8, "relu", (1e-3, 1e-5), 0.03)}
CURVE = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
MOST_STEPS = 20_000


def contests(quick: bool) -> Iterator[Contest]:
    """Raw inputs with relu gates, and constant gates on as many inputs as features."""
    for name, (n, d, m, gates, path, rate) in (QUICK if quick else SETTINGS).items():
        keys = jax.random.split(jax.random.key(0), 3)
        x = tl.inputs.sphere(n, d, key=keys[1])
        y = tl.power_target(d, 4, key=keys[0])(x)
        x, y = np.asarray(x), np.asarray(y)  # cut without a program for every size
        settings = {"gates": gates, "m": m, "regularizer": path}
        settings |= {"iterations": (5, 10) if quick else (50, 200), "key": keys[2]}
        W0 = m**-0.25 / math.sqrt(d) * jax.random.normal(jax.random.split(keys[2])[1], (m, d))

        def ours(k, x=x, y=y, n=n, settings=settings):
            return tl.fit_quadratic(x[:k], y[:k], pad_to=n, **settings)

        sizes = [int(share * n) for share in CURVE]
        init = ours(n).init
        goals = {k: ours(k).objectives[-1] for k in sizes}
        activation = ours(n).activation

        def adam(k, step, x=x, y=y, init=init, W0=W0, goals=goals):
            return loop(step, init, W0, x[:k], y[:k], goals[k])

        step = plain_step(activation, path[-1], rate)
        warm = {
            "L-BFGS": lambda ours=ours, n=n: ours(n),
            "Adam loop": lambda adam=adam, n=n, step=step: adam(n, step),
        }
        curve = {
            "L-BFGS": lambda ours=ours, sizes=sizes: [ours(k) for k in sizes],
            "Adam loop": lambda adam=adam, sizes=sizes, make=(activation, path[-1], rate): [
                adam(k, step) for step in [plain_step(*make)] for k in sizes
            ],
        }
        curve = {way: anew(run) for way, run in curve.items()}
        title = f"{name}: learning curve of {len(sizes)} sizes with all compilations"
        for setting, ways in ((name, warm), (title, curve)):
            ways = {way: Way(run, (), compiled=False) for way, run in ways.items()}
            yield Contest(setting, ways, [("Adam loop", "L-BFGS")])


def plain_step(activation, strength: float, rate: float) -> tuple:
    """One step of Adam on the objective with its automatic gradient, and the optimizer."""
    objective = tl.quadratic_objective(activation, tl.losses.square, weight=strength)
    optimizer = optax.adam(rate)

    @jax.jit
    def step(init, W, memory, x, y):
        value, gradient = jax.value_and_grad(objective, argnums=1)(init, W, x, y)
        updates, memory = optimizer.update(gradient, memory)
        return optax.apply_updates(W, updates), memory, value

    return step, optimizer


def loop(made: tuple, init, W, x, y, goal: float):
    """Steps of Adam until the objective is as low as the goal."""
    step, optimizer = made
    memory, value = optimizer.init(W), math.inf
    for _ in range(MOST_STEPS):
        if value <= goal:
            break
        W, memory, value = step(init, W, memory, x, y)
        value = float(value)
    return W


def anew(function: Callable) -> Callable:
    """The function after all compilations are forgotten."""

    def run():
        jax.clear_caches()
        return function()

    return run
