"""Taylor models and network trained side by side: against closed forms, frameworks, kills."""

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import equinox as eqx
import flax.linen
import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import taylorlib as tl
from taylorlib import objectives
from taylorlib.compat import neural_tangents as nt

HERE = Path(__file__).parent


def relu(t):
    return jnp.maximum(t, 0.0)


@pytest.fixture(scope="module")
def problem():
    """Inputs in the plane with three classes, a small network, an order of batches."""
    keys = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(keys[0], (48, 2))
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    params0 = tl.init_mlp([2, 16, 16, 3], key=keys[1])
    return x, y, params0, tl.batch_order(40, 8, 30, key=keys[2])


def clipped(rate):
    return optax.chain(optax.clip_by_global_norm(5.0), optax.sgd(rate))


TANH, RELU = tl.mlp(jnp.tanh), tl.mlp(relu)
trainer = functools.cache(tl.trainer)  # each compiles its programs once


def train_on(problem, f=TANH, every=10, learning_rate=0.3, params0=None, batches=True, **settings):
    x, y, own, rows = problem
    settings = {"optimizer": clipped} | settings
    named = {k: settings.pop(k) for k in ("checkpoint", "key", "steps") if k in settings}
    train = trainer(f, **settings)
    return train(
        own if params0 is None else params0,
        x[:40],
        y[:40],
        batches=rows if batches else None,
        every=every,
        probe=(x[40:], y[40:]),
        learning_rate=learning_rate,
        **named,
    )


# ---------------------------------------------------------------- what a step is


@pytest.mark.parametrize("order", [2, 3, "full"])
def test_every_step_is_the_optimizers_step_on_the_order_k_model(problem, order):
    x, y, params0, rows = problem
    run = train_on(problem, orders=(order,))
    f = TANH
    model = f if order == "full" else tl.taylor_model(f, params0, order, implementation="nested")
    params, losses = params0, []
    rule = clipped(0.3)
    memory = rule.init(params)

    def objective(params, batch):
        return objectives.cross_entropy(model(params, x[batch]), y[batch]).mean()

    step = jax.jit(jax.value_and_grad(objective))
    for batch in rows:
        value, gradient = step(params, batch)
        update, memory = rule.update(gradient, memory, params)
        params = optax.apply_updates(params, update)
        losses.append(value)
    np.testing.assert_allclose(run.curves[order].batch_loss, losses, rtol=1e-10)
    ours, theirs = jax.tree.leaves(run.params[order]), jax.tree.leaves(params)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(run.curves[order].outputs[-1], model(params, x[40:]), rtol=1e-9)


def test_order_1_is_kernel_gradient_descent(problem):
    # Full batches, squared loss: the residual shrinks by I - eta K / n in every step.
    x, y, params0, _ = problem
    settings = {"loss": objectives.squared_error, "optimizer": optax.sgd, "orders": (1,)}
    run = train_on(problem, batches=False, steps=20, every=20, **settings)
    f = TANH
    outputs = f(params0, x).ravel()
    targets = jax.nn.one_hot(y, 3).ravel()
    K = tl.trajectory.tangent_matrix(f, params0, x)
    for _ in range(20):
        outputs = outputs - 0.3 / 40 * K[:, :120] @ (outputs - targets)[:120]
    np.testing.assert_allclose(run.curves[1].outputs[-1].ravel(), outputs[120:], rtol=1e-9)


@pytest.mark.parametrize(
    "optimizer",
    [optax.sgd(0.1, momentum=0.9, nesterov=True), optax.adam(1e-2), optax.lion(1e-3)],
    ids=["momentum", "adam", "lion"],
)
def test_order_k_of_a_model_of_degree_k_is_the_model_under_every_optimizer(problem, optimizer):
    # A linear network of three layers is a polynomial of degree 3 in its weights.
    run = train_on(
        problem, tl.mlp(lambda t: t), optimizer=optimizer, learning_rate=None, orders=(2, 3, "full")
    )
    assert run.curves[3].relative_error.max() < 1e-9
    assert run.curves[2].relative_error[-1] > 1e-4
    assert run.curves[3].cosine.min() > 1 - 1e-12


def test_order_of_a_relu_network_above_its_depth_changes_nothing(problem):
    # With frozen gates it is a polynomial whose degree is the number of layers of weights.
    run = train_on(problem, RELU, orders=(2, 3, 4))
    np.testing.assert_allclose(run.curves[4].outputs, run.curves[3].outputs, rtol=1e-9, atol=1e-12)
    assert np.abs(run.curves[3].outputs - run.curves[2].outputs).max() > 1e-3


# ---------------------------------------------------------------- measurements


def test_measurements_are_what_they_say(problem):
    x, y, params0, _ = problem
    f, gates = RELU, tl.multilayer.mlp_preactivations(relu)
    run = train_on(problem, f, orders=(1, "full"), gates=gates, kernel_points=4)
    one, net = run.curves[1], run.curves["full"]
    assert one.steps.tolist() == [0, 10, 20, 30]
    f0 = f(params0, x[40:])
    change, reference = (np.asarray(c.outputs[-1] - f0).ravel() for c in (one, net))
    assert one.cosine[-1] == pytest.approx(
        change @ reference / np.linalg.norm(change) / np.linalg.norm(reference), rel=1e-10
    )
    assert one.relative_error[-1] == pytest.approx(
        np.linalg.norm(change - reference) / np.linalg.norm(reference), rel=1e-10
    )
    moves = [
        np.concatenate(
            [(a - b).ravel() for a, b in zip(*map(jax.tree.leaves, (p, params0)), strict=True)]
        )
        for p in (run.params[1], run.params["full"])
    ]
    assert one.movement[-1] == pytest.approx(np.linalg.norm(moves[0]), rel=1e-10)
    assert one.parameter_cosine[-1] == pytest.approx(
        moves[0] @ moves[1] / np.linalg.norm(moves[0]) / np.linalg.norm(moves[1]), rel=1e-10
    )
    assert net.loss[-1] == pytest.approx(
        float(-jax.nn.log_softmax(net.outputs[-1])[np.arange(8), y[40:]].mean()), rel=1e-10
    )
    assert net.accuracy[-1] == (net.outputs[-1].argmax(1) == y[40:]).mean()
    before, after = (
        np.concatenate(gates(p, x[40:]), axis=1) > 0 for p in (params0, run.params["full"])
    )
    assert net.gate_flips[-1] == pytest.approx((before != after).mean())
    assert net.gate_flips[-1] > 0
    # Only a model that is linear in its parameters keeps its kernel.
    assert one.kernel_drift.max() < 1e-12
    kernels = [tl.trajectory.tangent_matrix(f, p, x[40:44]) for p in (params0, run.params["full"])]
    assert net.kernel_drift[-1] == pytest.approx(
        np.linalg.norm(kernels[1] - kernels[0]) / np.linalg.norm(kernels[0]), rel=1e-10
    )


def test_conventions_before_the_first_step_and_without_a_network(problem):
    run = train_on(problem, orders=(1, "full"))
    for curve in run.curves.values():
        first = curve.cosine[0], curve.relative_error[0], curve.parameter_cosine[0]
        assert first == (1.0, 0.0, 1.0)
        assert (curve.gate_flips, curve.kernel_drift) == (None, None)
    alone = train_on(problem, orders=(1,))
    assert np.isnan(alone.curves[1].cosine).all()
    np.testing.assert_array_equal(alone.curves[1].outputs, run.curves[1].outputs)


def test_cosine_and_relative_error_of_zero_changes():
    assert tl.trajectory.cosine([0.0], [1.0]) == 0
    assert tl.trajectory.cosine([-2.0], [1.0]) == -1
    assert tl.trajectory.relative_error([1.0], [0.0]) == float("inf")


def test_every_epoch_is_a_permutation_and_epochs_differ():
    rows = np.asarray(tl.batch_order(23, 5, 9, key=jax.random.key(0)))
    assert rows.shape == (9, 5)
    epochs = rows[:8].reshape(2, 20)
    assert all(len(set(epoch)) == 20 for epoch in epochs)
    assert (epochs[0] != epochs[1]).any()


def test_other_rates_seeds_and_data_do_not_compile_again(problem):
    x, y, params0, rows = problem
    traced = []

    def f(params, x):
        traced.append(1)
        return tl.mlp(jnp.tanh)(params, x)

    train = tl.trainer(f, optimizer=clipped, orders=(2, "full"))
    probe = x[40:], y[40:]
    train(params0, x[:40], y[:40], batches=rows, every=10, probe=probe, learning_rate=0.1)
    before = len(traced)
    other = jax.tree.map(lambda v: 1.1 * v, params0)
    train(other, x[:40] + 1, y[:40], batches=rows + 0, every=10, probe=probe, learning_rate=0.2)
    assert len(traced) == before


def test_a_second_leg_does_not_compile_again(problem):
    seen = []

    def f(params, x):
        seen.append(x.shape)
        return TANH(params, x)

    def traced(every):
        seen.clear()
        train = tl.trainer(f, optimizer=clipped, orders=("full",))
        x, y, params0, rows = problem
        train(params0, x, y, batches=rows, every=every, probe=(x[40:], y[40:]), learning_rate=0.1)
        return len(seen)

    assert traced(10) == traced(30)


def test_augmentation_has_its_own_key_in_every_step_the_same_for_all_orders(problem):
    x = jnp.zeros((40, 2))
    y = jnp.zeros(40)

    def noise(key, x):
        return x + jax.random.normal(key, x.shape)

    train = tl.trainer(
        lambda w, x: x @ w,
        optimizer=optax.sgd,
        loss=objectives.squared_error,
        augment=noise,
        orders=(1, "full"),
    )
    given = {"steps": 6, "every": 3, "probe": (x, y), "learning_rate": 1e-9}
    run = train(jnp.ones(2), x, y, key=jax.random.key(3), **given)
    np.testing.assert_allclose(run.curves[1].batch_loss, run.curves["full"].batch_loss)
    expected = [
        (
            jax.random.normal(jax.random.fold_in(jax.random.key(3), t), (40, 2)).sum(1) ** 2 / 2
        ).mean()
        for t in range(6)
    ]
    np.testing.assert_allclose(run.curves["full"].batch_loss, expected, rtol=1e-6)


# ---------------------------------------------------------------- frameworks


def linen_model():
    class Net(flax.linen.Module):
        @flax.linen.compact
        def __call__(self, x):
            return flax.linen.Dense(3)(relu(flax.linen.Dense(16)(x)))

    net = Net()
    return net.apply, net.init(jax.random.key(0), jnp.ones((1, 2)))


def nnx_model():
    class Net(flax.nnx.Module):
        def __init__(self, rngs):
            self.first = flax.nnx.Linear(2, 16, rngs=rngs)
            self.second = flax.nnx.Linear(16, 3, rngs=rngs)

        def __call__(self, x):
            return self.second(relu(self.first(x)))

    graph, params = flax.nnx.split(Net(flax.nnx.Rngs(0)))
    return lambda params, x: flax.nnx.merge(graph, params)(x), params


def equinox_model():
    net = eqx.nn.MLP(2, 3, 16, 1, activation=relu, key=jax.random.key(0))
    params, rest = eqx.partition(net, eqx.is_inexact_array)
    return lambda params, x: jax.vmap(eqx.combine(params, rest))(x), params


def stax_model():
    stax = nt.stax
    init, apply, _ = stax.serial(stax.Dense(16), stax.Relu(), stax.Dense(3))
    return apply, init(jax.random.key(0), (-1, 2))[1]


def plain_model():
    return tl.mlp(relu), tl.init_mlp([2, 16, 3], key=jax.random.key(0))


@pytest.mark.filterwarnings("ignore:Taylor mode can't be used")
@pytest.mark.parametrize(
    "build",
    [plain_model, linen_model, nnx_model, equinox_model, stax_model],
    ids=lambda b: b.__name__,
)
def test_models_of_all_frameworks_are_trained_at_every_order(problem, build):
    f, params0 = build()
    run = train_on(problem, f, params0=params0, orders=(1, 2, "full"))
    assert not run.divergences
    assert np.abs(run.curves[2].outputs - run.curves[1].outputs).max() > 1e-3
    for order, curve in run.curves.items():
        assert curve.loss[-1] < curve.loss[0], order
        assert jax.tree.structure(run.params[order]) == jax.tree.structure(params0)
    x = problem[0]
    np.testing.assert_allclose(
        run.curves["full"].outputs[-1], f(run.params["full"], x[40:]), rtol=1e-4, atol=1e-5
    )


# ---------------------------------------------------------------- divergence


def test_divergence_is_reported_and_the_others_go_on(problem):
    # The kernel model leaves at 2.5 / lambda_max, the tanh network finds a flatter place.
    x, _, params0, _ = problem
    f = TANH
    rate = 1.25 * tl.critical_rate(f)(params0, x[:40])
    settings = {"loss": objectives.squared_error, "optimizer": optax.sgd, "orders": (1, "full")}
    run = train_on(
        problem,
        f,
        batches=False,
        steps=400,
        every=40,
        learning_rate=rate,
        explosion=1e4,
        **settings,
    )
    (fallen,) = run.divergences
    assert (fallen.order, fallen.learning_rate) == (1, rate)
    curve = run.curves[1]
    # The loss is multiplied by (1 - 2.5)^2 = 2.25 a step along the top direction.
    assert 10 < fallen.step < 60
    assert len(curve.batch_loss) == fallen.step
    assert curve.batch_loss[-1] <= 1e4 * curve.batch_loss[0] < fallen.loss
    growth = curve.batch_loss[-1] / curve.batch_loss[-2]
    assert growth == pytest.approx(2.25, rel=1e-3)
    assert fallen.norm > 10
    assert curve.steps.tolist() == [40 * t for t in range(len(curve.steps))]
    assert curve.steps[-1] < fallen.step
    assert f"order 1 diverged in step {fallen.step} at learning rate" in str(fallen)
    net = run.curves["full"]
    assert len(net.steps) == 11
    assert net.loss[-1] < net.loss[0]
    for leaf in jax.tree.leaves(run.params[1]):
        assert np.isfinite(leaf).all()
    for values in (curve.outputs, curve.loss, curve.cosine, net.outputs, net.cosine):
        assert np.isfinite(values).all()


def test_overflow_is_noticed_in_the_step_in_which_it_happens(problem):
    run = train_on(
        problem, optimizer=optax.sgd, learning_rate=1e200, orders=("full",), explosion=np.inf,
        loss=objectives.squared_error,
    )  # fmt: skip
    (fallen,) = run.divergences
    # The loss of step 1 is about 1e400.
    assert fallen.step <= 1
    assert not np.isfinite(fallen.loss) or fallen.step == 0
    for leaf in jax.tree.leaves(run.params["full"]):
        assert np.isfinite(leaf).all()


# ---------------------------------------------------------------- checkpoints

SCRIPT = """
import sys, time
import jax, jax.numpy as jnp, numpy as np, optax
import taylorlib as tl

folder, slow = sys.argv[1], float(sys.argv[2])
keys = jax.random.split(jax.random.key(0), 3)
x = jax.random.normal(keys[0], (48, 2))
y = (x[:, 0] > 0).astype(int)
params0 = tl.init_mlp([2, 16, 16, 2], key=keys[1])
rows = tl.batch_order(40, 8, 60, key=keys[2])
write = tl.checkpoints.write_atomically


def slowly(path, content):
    # A kill then falls between the files of one save, where a careless order would tear it.
    time.sleep(slow)
    write(path, content)


tl.checkpoints.write_atomically = slowly
train = tl.trainer(
    tl.mlp(jnp.tanh), optimizer=lambda r: optax.chain(optax.add_noise(1e-4, 0.5, 1), optax.adam(r)),
    orders=(2, "full"),
    augment=lambda key, x: x + 0.1 * jax.random.normal(key, x.shape),
)
run = train(
    params0, x[:40], y[:40], batches=rows, every=5, probe=(x[40:], y[40:]), learning_rate=0.01,
    key=jax.random.key(9), checkpoint=folder,
)
arrays = {f"{k}/{n}": v for k, c in run.curves.items() for n, v in c._asdict().items()
          if v is not None}
arrays |= {f"{k}/p{i}": v for k, p in run.params.items() for i, v in enumerate(jax.tree.leaves(p))}
np.savez(sys.argv[3], **arrays)
"""


def launch(programs, *args):
    # The processes run the same programs: the first compiles them, the others read them.
    env = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "OMP_NUM_THREADS": "1",
        "JAX_COMPILATION_CACHE_DIR": str(programs),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, args)], env=env, cwd=HERE.parent
    )


def test_killed_run_goes_on_and_ends_the_same_to_the_bit(tmp_path):
    run = functools.partial(launch, tmp_path / "programs")
    assert run(tmp_path / "whole", 0, tmp_path / "whole.npz").wait(300) == 0
    kills = []
    # Two kills, at different places of a save.
    for after in (2, 7):
        process = run(tmp_path / "cut", 0.05, tmp_path / "cut.npz")
        deadline = time.monotonic() + 300
        while len(list((tmp_path / "cut").glob("record-*.npz"))) < after:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills.append(process.returncode)
    assert kills == [-signal.SIGKILL] * 2
    assert not (tmp_path / "cut.npz").exists()
    assert run(tmp_path / "cut", 0, tmp_path / "cut.npz").wait(300) == 0
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "cut.npz") as cut:
        assert set(whole.files) == set(cut.files)
        for name in whole.files:
            assert whole[name].tobytes() == cut[name].tobytes(), name
    names = sorted(p.name for p in (tmp_path / "cut").iterdir())
    assert names == sorted(
        ["run.json", "state-000060.npz", *(f"record-{t:06d}.npz" for t in range(0, 61, 5))]
    )


def test_finished_run_is_read_back_without_a_step(problem, tmp_path):
    runs = [train_on(problem, orders=(1, "full"), checkpoint=tmp_path) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].curves[1].outputs, runs[1].curves[1].outputs)
    np.testing.assert_array_equal(runs[0].curves[1].batch_loss, runs[1].curves[1].batch_loss)


def test_divergence_survives_a_checkpoint(problem, tmp_path):
    settings = {"optimizer": optax.sgd, "learning_rate": 1e200, "orders": (1, "full")}
    settings |= {"loss": objectives.squared_error, "checkpoint": tmp_path}
    first, again = (train_on(problem, **settings) for _ in range(2))
    assert len(first.divergences) == 2
    assert str(first.divergences) == str(again.divergences)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.2}, "learning_rate = 0.3, this one 0.2"),
        ({"orders": (1, 2)}, r"orders = \[1\], this one \[1, 2\]"),
        ({"every": 15}, "every = 10, this one 15"),
        ({"optimizer": optax.adam}, "another model or optimizer"),
    ],
)
def test_checkpoint_of_another_run_is_refused(problem, tmp_path, change, message):
    train_on(problem, orders=(1,), checkpoint=tmp_path)
    with pytest.raises(ValueError, match=message):
        train_on(problem, **{"orders": (1,), "checkpoint": tmp_path} | change)


def test_checkpoint_of_other_data_is_refused(problem, tmp_path):
    train_on(problem, orders=(1,), checkpoint=tmp_path)
    x, *rest = problem
    with pytest.raises(ValueError, match="data = "):
        train_on((x.at[0, 0].add(1e-9), *rest), orders=(1,), checkpoint=tmp_path)


def test_progress_shows_order_loss_and_time_left(problem, capsys):
    x, y, params0, rows = problem
    train = tl.trainer(tl.mlp(jnp.tanh), optimizer=optax.sgd, orders=(1,))
    given = {"batches": rows, "every": 10, "probe": (x, y), "learning_rate": 0.1}
    train(params0, x, y, **given)
    assert capsys.readouterr() == ("", "")
    train(params0, x, y, progress=True, **given)
    shown = capsys.readouterr().err
    assert "order 1: loss" in shown
    assert "30/30" in shown
    assert "<" in shown  # tqdm's [elapsed<left]


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"orders": ()}, "at least one"),
        ({"orders": (1, 1)}, r"different.*\(1, 1\)"),
        ({"orders": (-1,)}, "got -1"),
        ({"orders": ("whole",)}, "got 'whole'"),
        ({"every": 7}, "every=7 and steps=30"),
        ({"steps": 30}, "either batches or steps"),
        ({"learning_rate": None}, "learning_rate=None"),
        ({"optimizer": optax.sgd(0.1)}, "learning_rate=0.3"),
        ({"key": jax.random.key(0)}, "augmentation"),
        ({"augment": lambda key, x: x}, "augmentation"),
    ],
)
def test_bad_arguments_are_refused_with_the_value(problem, change, message):
    with pytest.raises(ValueError, match=message):
        train_on(problem, **change)


def test_bad_batches_and_targets_are_refused():
    with pytest.raises(ValueError, match="size=9, n=8"):
        tl.batch_order(8, 9, 1, key=jax.random.key(0))
    with pytest.raises(ValueError, match=r"\(4,\), outputs \(4, 1\)"):
        objectives.squared_error(jnp.zeros((4, 1)), jnp.zeros(4))
