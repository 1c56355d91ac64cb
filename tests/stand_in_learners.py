"""Learners and studies that take no time, for the tests of the study engine.

Not a part of the library: `python -m taylorlib.study --import stand_in_learners` finds them.
"""

import os
import time

import taylorlib as tl


@tl.study.learner("parabola", model="order 2")
def parabola(cell):
    time.sleep(cell["settings"].get("wait", 0.0))
    return {"value": cell["d"] ** 2 + cell["seed"] / 7 + cell["settings"].get("shift", 0.0)}


@tl.study.learner("curve", model="kernel")
def curve(cell):
    """Error d^2/n with a factor near 1 that the seed decides: n* = 20 d^2 at 0.05."""
    factor = 1 + 0.01 * cell["seed"]
    return [{"n": n, "error": factor * cell["d"] ** 2 / n} for n in cell["settings"]["sizes"]]


@tl.study.learner("troubled")
def troubled(cell):
    """Seed 1 raises, seed 2 takes its process down."""
    if cell["seed"] == 1:
        raise ArithmeticError("seed 1 does not converge")
    if cell["seed"] == 2:
        os._exit(7)
    return {"value": cell["seed"]}


@tl.study.learner("matrix")
def matrix(cell):
    """A product in JAX, to see its precision and its threads."""
    import jax.numpy as jnp

    x = jnp.full((cell["n"], cell["n"]), 0.1)
    start, used = time.perf_counter(), time.process_time()
    while time.perf_counter() - start < cell["settings"]["seconds"]:
        product = (x @ x).block_until_ready()
    share = (time.process_time() - used) / (time.perf_counter() - start)
    return {"precision": str(product.dtype), "entry": product[0, 0], "threads": share}


tl.study.GRIDS["fast"] = lambda: tl.study.grid("parabola", d=[2, 3], seed=range(60), shift=[0.1])
tl.study.GRIDS["slow"] = lambda: tl.study.grid("parabola", d=[2, 3], seed=range(12), wait=0.1)
tl.study.GRIDS["curves"] = lambda: tl.study.grid(
    "curve", target="power", p=2, d=[4, 8, 16], seed=range(3), sizes=(16, 64, 512, 4096, 32768)
)
tl.study.GRIDS["troubled"] = lambda: tl.study.grid("troubled", seed=range(4))
