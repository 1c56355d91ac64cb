"""Quadratic Taylor model fitted: our L-BFGS, and a plain loop of Adam down to the same objective.

The other way is what one would write first with JAX and optax: the objective, its automatic
gradient, a jitted step, a Python loop that stops when the objective is as low as ours. Ours
runs 50 + 200 iterations along its warm path; both start from the same weights. Adam's rate is
the fastest of .003, .01 and .03. Float32. "Compiled anew" forgets all compilations before
every run.
"""

import math
from collections.abc import Iterator

import jax
import optax
import taylorlib as tl

from contest import Contest, Way

SETTINGS = {
    # name: samples, dimension, width, gates, regularizers, Adam's rate
    "raw inputs, n = 1500, d = 11, m = 400": (1500, 11, 400, "relu", (1e-3, 1e-5), 0.03),
    "features, n = 400, D = 65, m = 40": (400, 65, 40, "constant", (1e-2, 1e-3), 0.003),
}
QUICK = {"n = 20, d = 3, m = 8": (20, 3, 8, "relu", (1e-3, 1e-5), 0.03)}
MOST_STEPS = 20_000


def contests(quick: bool) -> Iterator[Contest]:
    """Raw inputs with relu gates, and constant gates on as many inputs as features."""
    for name, (n, d, m, gates, path, rate) in (QUICK if quick else SETTINGS).items():
        iterations = (5, 10) if quick else (50, 200)
        keys = jax.random.split(jax.random.key(0), 3)
        x = tl.inputs.sphere(n, d, key=keys[1])
        y = tl.power_target(d, 4, key=keys[0])(x)

        def ours(x=x, y=y, key=keys[2], gates=gates, m=m, path=path, iterations=iterations):
            return tl.fit_quadratic(
                x, y, key=key, gates=gates, m=m, regularizer=path, iterations=iterations
            )

        fit = ours()
        goal = fit.objectives[-1]
        start_key = jax.random.split(keys[2])[1]  # the start of fit_quadratic
        W0 = m**-0.25 / math.sqrt(d) * jax.random.normal(start_key, (m, d))

        def adam(x=x, y=y, fit=fit, W=W0, goal=goal, rate=rate, strength=path[-1], step=None):
            step, optimizer = step or plain_step(fit.activation, strength, rate)
            memory, value = optimizer.init(W), math.inf
            for _ in range(MOST_STEPS):
                if value <= goal:
                    break
                W, memory, value = step(fit.init, W, memory, x, y)
                value = float(value)
            return W

        step = plain_step(fit.activation, path[-1], rate)
        warm = {"L-BFGS": ours, "Adam loop": lambda adam=adam, step=step: adam(step=step)}
        for setting, ways in (
            (name, warm),
            (
                f"{name}, compiled anew",
                {k: anew(f) for k, f in (("L-BFGS", ours), ("Adam loop", adam))},
            ),
        ):
            ways = {k: Way(f, (), compiled=False) for k, f in ways.items()}
            yield Contest(setting, ways, [("Adam loop", "L-BFGS")])


def plain_step(activation, strength, rate):
    """One step of Adam on the objective with its automatic gradient, and the optimizer."""
    objective = tl.quadratic_objective(activation, tl.losses.square, weight=strength)
    optimizer = optax.adam(rate)

    @jax.jit
    def step(init, W, memory, x, y):
        value, gradient = jax.value_and_grad(objective, argnums=1)(init, W, x, y)
        updates, memory = optimizer.update(gradient, memory)
        return optax.apply_updates(W, updates), memory, value

    return step, optimizer


def anew(function):
    """The function after all compilations are forgotten."""

    def run():
        jax.clear_caches()
        return function()

    return run
