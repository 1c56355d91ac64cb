"""Four devices, and two processes with two devices each, train as one device does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import taylorlib as tl

HERE = Path(__file__).parent

SCRIPT = """
import sys
import jax
where, out = sys.argv[1], sys.argv[2]
if where == "cluster":
    jax.distributed.initialize(sys.argv[3], num_processes=2, process_id=int(sys.argv[4]))
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp, numpy as np, optax
import taylorlib as tl

assert len(jax.devices()) == {"one": 1, "four": 4, "cluster": 4}[where]
keys = jax.random.split(jax.random.key(0), 3)
x = jax.random.normal(keys[0], (48, 2))
y = (x[:, 0] > 0).astype(int)
params0 = tl.init_mlp([2, 16, 16, 2], key=keys[1])
rows = tl.batch_order(40, 8, 20, key=keys[2])
train = tl.trainer(
    tl.mlp(jnp.tanh), optimizer=optax.adam, orders=(2, "full"), mesh=tl.sharding.data_mesh(),
)
run = train(
    jax.tree.map(np.asarray, params0), np.asarray(x[:40]),
    np.asarray(y[:40]), batches=np.asarray(rows), every=10,
    probe=(np.asarray(x[40:]), np.asarray(y[40:])), learning_rate=0.01,
)
if jax.process_index() == 0:
    np.savez(out, **{f"{k}{n}": getattr(c, n) for k, c in run.curves.items()
                     for n in ("batch_loss", "outputs", "cosine")})
for leaf in jax.tree.leaves(run.params["full"]):
    assert len(leaf.sharding.device_set) == len(jax.devices())
if len(jax.devices()) == 4:
    # The work is split: the compiled program takes a quarter of the batch on each device.
    split = jax.jit(lambda v: tl.sharding.split_batch(v, tl.sharding.data_mesh()))
    text = split.lower(jax.ShapeDtypeStruct((8, 2), jnp.float64)).compile().as_text()
    assert "f64[2,2]" in text
"""


def launch(where, out, devices, *args):
    flags = f"--xla_force_host_platform_device_count={devices} --xla_cpu_multi_thread_eigen=false"
    flags = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    env = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, where, str(out), *map(str, args)]
    return subprocess.Popen(command, env=env, cwd=HERE.parent)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "run.npz"
    assert launch("one", out, 1).wait(300) == 0
    return dict(np.load(out))


def agrees(one, out):
    with np.load(out) as found:
        assert set(found.files) == set(one)
        for name, expected in one.items():
            np.testing.assert_allclose(found[name], expected, rtol=1e-10, atol=1e-12)


def test_four_devices_train_as_one_up_to_rounding(one, tmp_path):
    assert launch("four", tmp_path / "run.npz", 4).wait(300) == 0
    agrees(one, tmp_path / "run.npz")


def test_two_processes_train_as_one_up_to_rounding(one, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    both = [launch("cluster", tmp_path / "run.npz", 2, address, i) for i in range(2)]
    assert [process.wait(300) for process in both] == [0, 0]
    agrees(one, tmp_path / "run.npz")


def test_batch_that_cannot_be_split_is_refused_by_its_size():
    mesh = type("Mesh", (), {"size": 3})()
    with pytest.raises(ValueError, match=r"the batch has size 8.*3 devices"):
        tl.sharding.check_divisible(8, mesh, "the batch")
    tl.sharding.check_divisible(9, mesh, "the batch")
    tl.sharding.check_divisible(8, None, "the batch")
