r"""Training a network and its Taylor models side by side.

From one initialization $\theta_0$ and with one order of the batches, the network $f$ and its
Taylor models $f^{[k]}$ of several orders are trained by the same optimizer,

$$\theta^{[k]}_{t+1}=\theta^{[k]}_t-\text{update}\Big(\nabla_\theta\frac1{|B_t|}\sum_{i\in B_t}
\ell\big(f^{[k]}(\theta^{[k]}_t,x_i),y_i\big)\Big),$$

and compared on probe inputs every so many steps. One leg of fixed length is compiled for each
order; data, initialization, batches and learning rate are arguments of it, so that other seeds
and rates don't compile again.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int
from tqdm import tqdm

from taylorlib import checkpoints
from taylorlib.expansion import taylor_model
from taylorlib.objectives import accuracy, cross_entropy
from taylorlib.sharding import check_divisible, replicate, split_batch
from taylorlib.trajectory import cosine, gate_flips, kernel_drift, relative_error, tangent_matrix

__all__ = ["Curve", "Divergence", "Run", "batch_order", "trainer"]

FULL = "full"


class Curve(NamedTuple):
    """The course of one model.

    Attributes:
        steps: Where it was evaluated, from 0 on, ``[T]``. A model that diverged has fewer.
        batch_loss: Loss of each step on its batch, before the step, ``[steps done]``.
        loss: Loss on the probe, ``[T]``.
        accuracy: Accuracy on the probe, ``[T]``.
        outputs: Outputs on the probe, ``[T, n, ...]``.
        movement: Distance from the initialization in parameter space, ``[T]``.
        cosine: Between its change and that of the fully trained network on the probe, ``[T]``.
            This and the next two are NaN without a network to compare with: it is not among
            the orders, or has diverged.
        relative_error: The distance of the two changes in units of the network's, ``[T]``.
        parameter_cosine: Cosine of the two movements in parameter space, ``[T]``.
        gate_flips: Fraction of gates unlike those at initialization, ``[T]``, or None.
        kernel_drift: Relative change of its tangent kernel, ``[T]``, or None.
    """

    steps: np.ndarray
    batch_loss: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    outputs: np.ndarray
    movement: np.ndarray
    cosine: np.ndarray
    relative_error: np.ndarray
    parameter_cosine: np.ndarray
    gate_flips: np.ndarray | None
    kernel_drift: np.ndarray | None


class Divergence(NamedTuple):
    """Where a model left the finite numbers, or its loss exploded. It then stands still.

    Attributes:
        order: Its order, or ``"full"``.
        step: The first step that was not taken.
        learning_rate: As given.
        norm: The length of its movement at that step.
        loss: The loss there, possibly infinite or NaN.
    """

    order: int | str
    step: int
    learning_rate: float | None
    norm: float
    loss: float

    def __str__(self) -> str:
        rate = "" if self.learning_rate is None else f" at learning rate {self.learning_rate:g}"
        name = "the network" if self.order == FULL else f"order {self.order}"
        return (
            f"{name} diverged in step {self.step}{rate}: loss {self.loss:.3g}, movement of norm "
            f"{self.norm:.3g}"
        )


class Run(NamedTuple):
    """Several models trained side by side.

    Attributes:
        curves: ``{order: Curve}``; the network itself has the order ``"full"``.
        params: ``{order: parameters}`` at the end, or at the last good step.
        divergences: What diverged, in the order in which it did.
    """

    curves: dict[int | str, Curve]
    params: dict[int | str, Any]
    divergences: tuple[Divergence, ...]


class _State(NamedTuple):
    params: Any
    optimizer: Any
    first_loss: Array
    alive: Array
    stopped: Array  # the step that was not taken
    norm: Array
    loss: Array


def batch_order(n: int, size: int, steps: int, *, key: Array) -> Int[Array, "steps size"]:
    """Batches without replacement: a new permutation in every epoch, its incomplete rest left out.

    Args:
        n: Number of training inputs.
        size: Batch size, at most ``n``.
        steps: Number of batches.
        key: A JAX random key.

    Returns:
        Row numbers, ``[steps, size]``.

    Raises:
        ValueError: If the batch size or the number of steps is out of its range.

    Examples:
        >>> import jax
        >>> import taylorlib as tl
        >>> batches = tl.batch_order(6, 2, 3, key=jax.random.key(0))
        >>> sorted(batches.ravel().tolist())
        [0, 1, 2, 3, 4, 5]
    """
    if not 1 <= size <= n or steps < 1:
        raise ValueError(f"need 1 <= size <= n and steps >= 1, got {size=}, {n=}, {steps=}.")
    return _batch_order(n, size, steps, key)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _batch_order(n: int, size: int, steps: int, key: Array) -> Array:
    per_epoch = n // size
    keys = jax.random.split(key, -(-steps // per_epoch))
    epochs = jax.lax.map(lambda k: jax.random.permutation(k, n)[: per_epoch * size], keys)
    return epochs.reshape(-1, size)[:steps]


def trainer(
    f: Callable,
    *,
    optimizer: optax.GradientTransformation | Callable,
    orders: Sequence[int | str] = (1, 2, 3, 4, FULL),
    loss: Callable = cross_entropy,
    gates: Callable | None = None,
    kernel_points: int = 0,
    augment: Callable | None = None,
    explosion: float = 1e6,
    implementation: str = "auto",
    mesh: Mesh | None = None,
) -> Callable:
    r"""Set up the training of a network and of its Taylor models.

    Args:
        f: A function ``f(params, x)`` of a tree of float parameters and inputs ``x[n, ...]``,
            with outputs ``[n, ...]``.
        optimizer: An optax optimizer, or a function ``learning_rate -> optimizer`` such as
            ``optax.sgd``; with the latter other learning rates don't compile again.
        orders: Which models: orders $k\ge0$, and ``"full"`` for the network itself.
        loss: A function ``loss(outputs, y)`` with values ``[n]``.
        gates: A function ``gates(params, x)`` whose signs are watched, for instance
            ``mlp_preactivations(relu)``.
        kernel_points: On how many probe inputs the tangent kernel is watched.
        augment: A function ``augment(key, x)`` of a batch; every step has its own key, the same
            for all models.
        explosion: A model whose loss exceeds this multiple of its first loss has diverged.
        implementation: As for ``taylor_model``.
        mesh: Devices among which every batch is split, see ``sharding.data_mesh``.

    Returns:
        The function ``train(params0, x, y, *, batches=None, steps=None, every, probe,
        learning_rate=None, key=None, checkpoint=None, progress=False)``, which returns a
        ``Run``. ``batches[steps, size]`` are row numbers, see ``batch_order``; without them
        ``steps`` steps use all data. ``probe`` is a pair ``(x, y)``; evaluations are made
        before the first step and after every ``every`` steps, which must divide their number.
        ``key`` is for ``augment``. ``checkpoint`` names a directory: the run is saved there at
        every evaluation, and the same call goes on from there, with the same result to the
        bit. ``progress`` shows a bar with the loss and the time left.

    Raises:
        ValueError: If orders are unknown or repeated; from ``train``, if sizes don't fit, the
            learning rate or the key is missing or superfluous, or a checkpoint is of another run.

    Examples:
        >>> import jax, jax.numpy as jnp, optax
        >>> import taylorlib as tl
        >>> train = tl.trainer(
        ...     lambda w, x: x * jnp.sin(w), optimizer=optax.sgd, orders=(1, 3, "full"),
        ...     loss=tl.objectives.squared_error,
        ... )
        >>> x, y = jnp.ones(1), jnp.full(1, 0.5)
        >>> run = train(jnp.zeros(()), x, y, steps=100, every=50, probe=(x, y), learning_rate=0.5)
        >>> {order: round(float(w), 4) for order, w in run.params.items()}  # arcsin(1/2) is .5236
        {1: 0.5, 3: 0.524, 'full': 0.5236}

    References:
        Bai et al. (2020), *Taylorized Training*, arXiv 2002.04010.
    """
    orders = _checked_orders(orders)
    # Taken apart from functions such as optax.sgd, which return one.
    is_rule = isinstance(optimizer, optax.GradientTransformation)
    programs = _Programs(
        f=f,
        rule=(lambda rate: optimizer) if is_rule else optimizer,
        loss=loss,
        gates=gates,
        kernel_points=kernel_points,
        augment=augment,
        explosion=explosion,
        implementation=implementation,
        mesh=mesh,
    )
    legs = {order: programs.leg(order) for order in orders}
    looks = {order: programs.look(order) for order in orders}

    def train(
        params0: Any,
        x: Array,
        y: Array,
        *,
        batches: Int[Array, "steps size"] | None = None,
        steps: int | None = None,
        every: int,
        probe: tuple[Array, Array],
        learning_rate: float | None = None,
        key: Array | None = None,
        checkpoint: str | Path | None = None,
        progress: bool = False,
    ) -> Run:
        if is_rule != (learning_rate is None):
            raise ValueError(
                f"got learning_rate={learning_rate}; give one if and only if the optimizer is a "
                "function of it, such as optax.sgd."
            )
        if (augment is None) != (key is None):
            raise ValueError("give a key if and only if there is an augmentation.")
        steps = _checked_steps(batches, steps, every)
        check_divisible(len(x) if batches is None else len(batches[0]), mesh, "the batch")

        # In the precision of the weights: another one would spread to the updates.
        precision = jnp.result_type(*jax.tree.leaves(params0))
        rate = jnp.asarray(np.nan if is_rule else learning_rate, precision)
        place = lambda tree: replicate(jax.tree.map(jnp.asarray, tree), mesh)  # noqa: E731
        params0, x, y, probe = place(params0), place(x), place(y), place(probe)
        batches, rate, key = place(batches), place(rate), place(key)
        states = {order: _first_state(programs.rule(rate), params0) for order in orders}
        folder = None if checkpoint is None else Path(checkpoint)
        settings, saved = {}, None
        if folder is not None:
            settings = {
                "orders": [*orders],
                "steps": steps,
                "every": every,
                "learning_rate": learning_rate,
                "explosion": explosion,
                "kernel_points": kernel_points,
                "data": checkpoints.fingerprint(params0, x, y, probe, batches, key),
            }
            saved = checkpoints.load(folder, [*states.values()], settings)
        done, held, records = saved or (None, [*states.values()], [])
        # JAX can't sort a dictionary with both numbers and words as keys.
        states = dict(zip(orders, place(held), strict=True))

        def look():
            return {k: looks[k](params0, states[k].params, *probe) for k in orders}

        def keep(step, losses):
            record = _record(states, look(), losses, params0)
            if folder is not None and jax.process_index() == 0:
                checkpoints.save(folder, step, [*states.values()], record, settings)
            records.append(record)

        if done is None:
            done = 0
            keep(0, {k: np.zeros(0) for k in orders})
        with _bar(progress, steps * len(orders), done * len(orders)) as bar:
            for start in range(done, steps, every):
                rows = None if batches is None else batches[start : start + every]
                losses = {}
                for order in orders:
                    losses[order] = np.zeros(0)
                    if bool(states[order].alive):
                        first = replicate(jnp.asarray(start), mesh)
                        leg = legs[order](
                            params0, states[order], rate, x, y, rows, first, key, every
                        )
                        states[order], trace = leg
                        losses[order] = _taken(np.asarray(trace), states[order], start)
                        bar.set_postfix_str(f"order {order}: loss {float(trace[-1]):.3g}")
                    bar.update(every)
                keep(start + every, losses)
        return _run(orders, states, records, every, learning_rate)

    return train


class _Programs(NamedTuple):
    """The compiled parts of a training: a leg of steps, and a look at the probe."""

    f: Callable
    rule: Callable
    loss: Callable
    gates: Callable | None
    kernel_points: int
    augment: Callable | None
    explosion: float
    implementation: str
    mesh: Mesh | None

    def model(self, order: int | str, params0: Any) -> Callable:
        if order == FULL:
            return self.f
        return taylor_model(self.f, params0, order, implementation=self.implementation)

    def compiled(self, function: Callable, **kwargs) -> Callable:
        if self.mesh is not None:
            kwargs["out_shardings"] = NamedSharding(self.mesh, PartitionSpec())
        return jax.jit(function, **kwargs)

    def leg(self, order: int | str) -> Callable:
        """``(params0, state, rate, x, y, rows, first, key, length) -> state, losses``."""

        def leg(params0, state, rate, x, y, rows, first, key, length):
            model, rule = self.model(order, params0), self.rule(rate)

            def step(state, inputs):
                t, batch = inputs
                xb, yb = (x, y) if batch is None else (x[batch], y[batch])
                xb, yb = split_batch((xb, yb), self.mesh)
                if self.augment is not None:
                    xb = self.augment(jax.random.fold_in(key, t), xb)

                def objective(params):
                    return self.loss(model(params, xb), yb).mean()

                value, gradient = jax.value_and_grad(objective)(state.params)
                value = value.astype(state.loss.dtype)
                update, memory = rule.update(gradient, state.optimizer, state.params)
                params = optax.apply_updates(state.params, update)
                norm = _distance(params, params0)
                first_loss = jnp.where(t == 0, value, state.first_loss)
                good = jnp.isfinite(value) & jnp.isfinite(norm)
                good &= value <= self.explosion * first_loss
                after = _State(params, memory, first_loss, good, state.stopped, norm, value)
                # What stands still keeps the numbers of its last good step.
                halted = state._replace(
                    alive=jnp.zeros_like(good),
                    stopped=jnp.where(state.alive, t, state.stopped),
                    loss=jnp.where(state.alive, value, state.loss),
                )
                kept = jax.tree.map(lambda a, b: jnp.where(state.alive & good, a, b), after, halted)
                return kept, value

            return jax.lax.scan(step, state, (first + jnp.arange(length), rows))

        return self.compiled(leg, static_argnums=8)

    def look(self, order: int | str) -> Callable:
        """``(params0, params, x, y) -> {name: array}`` on the probe."""

        def look(params0, params, x, y):
            model = self.model(order, params0)
            if self.mesh is not None and len(x) % self.mesh.size == 0:
                x, y = split_batch((x, y), self.mesh)
            outputs = model(params, x)
            found = {
                "outputs": outputs,
                "loss": self.loss(outputs, y).mean(),
                "accuracy": accuracy(outputs, y),
                "movement": _distance(params, params0),
            }
            if self.gates is not None:
                found["gate_flips"] = gate_flips(self.gates(params, x), self.gates(params0, x))
            if self.kernel_points:
                found["kernel"] = tangent_matrix(model, params, x[: self.kernel_points])
            return found

        return self.compiled(look)


def _first_state(rule: optax.GradientTransformation, params0: Any) -> _State:
    number = jnp.asarray(0.0, jnp.result_type(*jax.tree.leaves(params0)))
    # An int from Python is of a weak type, unlike what comes out of a leg, and the second leg
    # would be compiled again.
    none = jnp.zeros((), int)
    return _State(params0, rule.init(params0), number, jnp.asarray(True), none, number, number)


def _distance(params: Any, params0: Any) -> Array:
    moves = jax.tree.leaves(jax.tree.map(jnp.subtract, params, params0))
    return jnp.sqrt(sum(jnp.vdot(v, v) for v in moves))


def _taken(trace: np.ndarray, state: _State, start: int) -> np.ndarray:
    """The losses of the steps that were taken."""
    return trace if bool(state.alive) else trace[: int(state.stopped) - start]


def _record(states: dict, looks: dict, losses: dict, params0: Any) -> dict[str, np.ndarray]:
    """What is kept of an evaluation, with names such as ``3/loss``."""
    record = {}
    reference = states.get(FULL)
    for order, state in states.items():
        found = {**looks[order], "batch_loss": losses[order]}
        found |= {"alive": state.alive, "stopped": state.stopped, "norm": state.norm}
        found["stop_loss"] = state.loss
        found["parameter_cosine"] = np.nan
        if reference is not None and bool(reference.alive):
            # NumPy here: JAX would compile each difference for every shape.
            changes = [_flat(s.params) - _flat(params0) for s in (state, reference)]
            found["parameter_cosine"] = cosine(*changes)
        record |= {f"{order}/{name}": np.asarray(value) for name, value in found.items()}
    return record


def _flat(params: Any) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)])


def _run(orders, states, records, every, learning_rate) -> Run:
    outputs0 = records[0].get(f"{FULL}/outputs")
    curves = {}
    for order in orders:
        own = [
            {name.split("/")[1]: v for name, v in r.items() if name.startswith(f"{order}/")}
            for r in records
        ]
        batch_loss = np.concatenate([r["batch_loss"] for r in own])
        own = [r for r in own if r["alive"]]
        column = {name: np.stack([r[name] for r in own]) for name in own[0] if name != "batch_loss"}
        compared = []
        for r, record in zip(own, records, strict=False):
            if outputs0 is None or not record[f"{FULL}/alive"]:
                compared.append((np.nan, np.nan))
                continue
            pair = r["outputs"] - own[0]["outputs"], record[f"{FULL}/outputs"] - outputs0
            compared.append((cosine(*pair), relative_error(*pair)))
        angle, error = np.array(compared).T
        drift = [kernel_drift(K, column["kernel"][0]) for K in column.get("kernel", ())]
        curves[order] = Curve(
            every * np.arange(len(own)),
            batch_loss,
            *(column[name] for name in ("loss", "accuracy", "outputs", "movement")),
            angle,
            error,
            column["parameter_cosine"],
            column.get("gate_flips"),
            np.array(drift) if drift else None,
        )
    fallen = [
        Divergence(k, int(s.stopped), learning_rate, float(s.norm), float(s.loss))
        for k, s in states.items()
        if not bool(s.alive)
    ]
    params = {order: state.params for order, state in states.items()}
    return Run(curves, params, tuple(sorted(fallen, key=lambda d: d.step)))


def _bar(progress: bool, total: int, done: int) -> tqdm:
    return tqdm(total=total, initial=done, unit=" steps", disable=not progress)


def _checked_orders(orders: Sequence[int | str]) -> tuple:
    orders = tuple(orders)
    for order in orders:
        is_order = isinstance(order, int) and not isinstance(order, bool) and order >= 0
        if not (is_order or order == FULL):
            raise ValueError(f"orders are integers k >= 0 or {FULL!r}, got {order!r}.")
    if not orders or len(set(orders)) < len(orders):
        raise ValueError(f"orders must be different and at least one, got {orders}.")
    return orders


def _checked_steps(batches: Array | None, steps: int | None, every: int) -> int:
    if (batches is None) == (steps is None):
        raise ValueError("give either batches or steps (for steps with all data), not both.")
    steps = len(batches) if steps is None else steps
    if steps < 1 or every < 1 or steps % every:
        raise ValueError(f"every must divide the number of steps, got {every=} and {steps=}.")
    return steps
