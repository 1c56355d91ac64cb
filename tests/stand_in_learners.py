"""Learners and studies that take no time, for the tests of the study engine.

Not a part of the library: `python -m taylorlib.study --import stand_in_learners` finds them.
"""

import os
import time

import taylorlib as tl


@tl.study.learner("parabola", model="order 2")
def parabola(cell):
    time.sleep(cell["settings"].get("wait", 0.0))
    value = cell["d"] ** 2 + cell["seed"] / 7 + cell["settings"].get("shift", 0.0)
    return {"value": value, "half": value / 2}


@tl.study.learner("logged")
def logged(cell):
    """Writes down that it was computed, in the file that the environment names."""
    time.sleep(cell["settings"].get("wait", 0.0))
    with open(os.environ["STAND_IN_LOG"], "a") as log:
        log.write(f"{cell['seed']}\n")
    return {"value": 1 / (1 + cell["seed"])}


@tl.study.learner("surroundings")
def surroundings(cell):
    """Precision of JAX, and the environment that the process was started with."""
    import jax.numpy as jnp

    with open("/proc/self/environ") as file:
        started = dict(item.split("=", 1) for item in file.read().split("\0") if "=" in item)
    names = ("OMP_NUM_THREADS", "XLA_FLAGS")
    return {"precision": str(jnp.ones(1).dtype)} | {name: started.get(name) for name in names}


@tl.study.learner("curve", model="kernel")
def curve(cell):
    """Error d^2/n with a factor near 1 that the seed decides: seed 0 needs 20 d^2 for 0.05."""
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


# Names out of their alphabetical order, here and in the rows: the table keeps it.
tl.study.GRIDS["fast"] = lambda: tl.study.grid(
    "parabola", d=[2, 3], seed=range(60), shift=[0.1], base=[0]
)
tl.study.GRIDS["slow"] = lambda: tl.study.grid("parabola", d=[2, 3], seed=range(20), wait=0.1)
tl.study.GRIDS["curves"] = lambda: tl.study.grid(
    "curve", target="power", p=2, d=[4, 8, 16], seed=range(3), sizes=(16, 64, 512, 4096, 32768)
)
tl.study.GRIDS["many"] = lambda: tl.study.grid("logged", seed=range(800))
tl.study.GRIDS["waiting"] = lambda: tl.study.grid("logged", seed=range(24), wait=0.2)
tl.study.GRIDS["troubled"] = lambda: tl.study.grid("troubled", seed=range(4))
