"""neural-tangents works, and JAX is left as it was found."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import taylorlib as tl
from taylorlib import compat
from taylorlib.compat import neural_tangents as nt

LEFT_AS_FOUND = """
import sys, warnings
warnings.simplefilter("error")
import jax, jax.extend.core, jax.extend.linear_util
from jax.interpreters import ad
before = [set(vars(jax.core)), set(vars(ad)), sys.modules.get("jax.util")]
from taylorlib.compat import neural_tangents
after = [set(vars(jax.core)), set(vars(ad)), sys.modules.get("jax.util")]
assert before == after, (before, after)
assert "neural_tangents.experimental" not in sys.modules
assert "tensorflow" not in sys.modules
"""


def test_import_leaves_jax_as_found_and_warns_of_nothing():
    done = subprocess.run([sys.executable, "-c", LEFT_AS_FOUND], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_missing_package_is_named_with_the_command(monkeypatch):
    def absent(name):
        raise compat.importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(compat.importlib.metadata, "version", absent)
    with pytest.raises(ImportError, match=r"pip install --no-deps neural-tangents==0\.6\.5"):
        compat._import()


def test_other_version_is_refused(monkeypatch):
    monkeypatch.setattr(compat.importlib.metadata, "version", lambda name: "0.7.0")
    with pytest.raises(ImportError, match=r"0\.7\.0 is installed.*0\.6\.5"):
        compat._import()


@pytest.fixture
def network():
    keys = jax.random.split(jax.random.key(0), 5)
    params = [jax.random.normal(keys[0], (4, 8)) / 2, jax.random.normal(keys[1], (8, 3))]
    x1, x2 = jax.random.normal(keys[2], (6, 4)), jax.random.normal(keys[3], (5, 4))
    return params, x1, x2, lambda p, x: jnp.tanh(x @ p[0]) @ p[1]


# Deep inside the frozen package, on a path that works.
@pytest.mark.filterwarnings("ignore:.*requires ndarray or scalar:DeprecationWarning")
@pytest.mark.parametrize("implementation", [1, 2])
def test_empirical_kernel_is_the_product_of_jacobians(network, implementation):
    params, x1, x2, f = network
    kernel = nt.empirical_ntk_fn(f, implementation=implementation, vmap_axes=0)(x1, x2, params)

    def jacobian(x):
        leaves = jax.tree.leaves(jax.jacobian(f)(params, x))
        return jnp.concatenate([leaf.reshape(*leaf.shape[:2], -1) for leaf in leaves], -1)

    reference = jnp.einsum("iap,jap->ij", jacobian(x1), jacobian(x2)) / 3
    np.testing.assert_allclose(kernel, reference, rtol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4])
def test_taylor_expand_is_our_taylor_model(network, order):
    params, x, _, f = network
    moved = jax.tree.map(lambda p: p + 0.1, params)
    theirs = nt.taylor_expand(f, params, order)(moved, x)
    np.testing.assert_allclose(tl.taylor_model(f, params, order)(moved, x), theirs, rtol=1e-12)


def test_gradient_descent_is_the_matrix_exponential(network):
    _, x1, x2, _ = network
    kernel_fn = nt.stax.serial(nt.stax.Dense(1), nt.stax.Erf(), nt.stax.Dense(1))[2]
    K, K_test = kernel_fn(x1, None, "ntk"), kernel_fn(x2, x1, "ntk")
    y, time = jnp.arange(6.0)[:, None], 3.0
    zero = jnp.zeros((6, 1)), jnp.zeros((5, 1))
    test = nt.predict.gradient_descent_mse(K, y)(time, *zero, K_test)[1]
    decay = jnp.eye(6) - jax.scipy.linalg.expm(-K * time / 6)
    np.testing.assert_allclose(test, K_test @ jnp.linalg.solve(K, decay @ y), rtol=1e-9)


def test_infinite_relu_kernel_is_the_arc_cosine_kernel():
    x = jnp.array([[1.0, 0.0], [0.6, 0.8]])
    kernel_fn = nt.stax.serial(nt.stax.Dense(1), nt.stax.Relu(), nt.stax.Dense(1))[2]
    angle = jnp.arccos(jnp.clip(x @ x.T, -1, 1))
    nngp = (jnp.sin(angle) + (jnp.pi - angle) * jnp.cos(angle)) / (4 * jnp.pi)
    tangent = x @ x.T * (jnp.pi - angle) / (4 * jnp.pi)
    np.testing.assert_allclose(kernel_fn(x, None, "nngp"), nngp, rtol=1e-7)
    np.testing.assert_allclose(kernel_fn(x, None, "ntk"), nngp + tangent, rtol=1e-7)


def test_largest_learning_rate_is_two_over_the_largest_eigenvalue(network):
    _, x1, _, _ = network
    kernel_fn = nt.stax.serial(nt.stax.Dense(1), nt.stax.Erf(), nt.stax.Dense(1))[2]
    K = kernel_fn(x1, None, "ntk")
    largest = jnp.linalg.eigvalsh(K)[-1]
    # In units of the mean loss over 6 points.
    np.testing.assert_allclose(nt.predict.max_learning_rate(K, 6), 2 * 6 / largest, rtol=1e-6)
