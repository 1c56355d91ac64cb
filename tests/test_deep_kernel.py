"""The kernel of deep ReLU networks: Jacobians, neural-tangents, Monte Carlo, and its parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib.compat import neural_tangents as nt

PARAMETERIZATIONS = ["standard", "ntk", 3]
EXPONENT = {"standard": 0.0, "ntk": 0.5, 3: 0.25}


def relu(t):
    return jnp.maximum(t, 0.0)


def draw(n, d, seed=0):
    return jax.random.normal(jax.random.key(seed), (n, d))


@pytest.mark.parametrize(
    ("widths", "parameterization"),
    [([3, 2], "standard"), *(([3, 5, 4, 2], name) for name in PARAMETERIZATIONS)],
)
def test_finite_kernel_is_the_product_of_jacobians(widths, parameterization):
    params = tl.init_mlp(widths, key=jax.random.key(1), parameterization=parameterization)
    # biases are 0 at the start, where a wrong treatment of them would not be seen
    shifted = tuple(layer._replace(b=0.3 * draw(1, len(layer.b), 2)[0]) for layer in params)
    network = tl.mlp(relu, parameterization=parameterization)
    x = draw(4, 3)
    K = tl.relu_mlp_kernel(parameterization=parameterization)(shifted, x, x)
    exact = tl.trajectory.tangent_matrix(network, shifted, x)
    np.testing.assert_allclose(K.reshape(exact.shape), exact, rtol=1e-11, atol=1e-11)
    # two different sets of inputs: its own block of the same matrix
    block = tl.relu_mlp_kernel(parameterization=parameterization)(shifted, x[:1], x[1:])
    np.testing.assert_allclose(block, K[:1, :, 1:], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("hidden", [0, 4])
def test_limit_without_the_biases_is_that_of_neural_tangents(hidden):
    # In the NTK parameterization all layers count alike. neural-tangents has no biases here; what
    # ours adds for them is the same sum with the covariances replaced by 1.
    d, stax = 5, nt.stax
    layers = [stax.Dense(1, W_std=1.0), stax.Relu()] * hidden
    theirs = stax.serial(*layers, stax.Dense(1, W_std=1.0))[2]
    x1, x2 = draw(4, d), draw(3, d, 1)
    ours = tl.relu_mlp_ntk([d, *[7] * hidden, 2], parameterization="ntk")(x1, x2)
    # x scaled by s: the part of the weights is multiplied by s^2, that of the biases stays
    scaled = tl.relu_mlp_ntk([d, *[7] * hidden, 2], parameterization="ntk")(3 * x1, 3 * x2)
    weights = (scaled - ours) / (9 - 1)
    # arc cosines to rounding times the number of layers
    np.testing.assert_allclose(weights, theirs(x1, x2, "ntk"), rtol=1e-10, atol=1e-12)


def test_standard_limit_is_that_of_neural_tangents_with_the_layers_weighted():
    # By hand for one hidden layer: both layers of stax, each times its number of inputs.
    d, m, stax = 5, 40, nt.stax
    theirs = stax.serial(stax.Dense(1, W_std=1.0), stax.Relu(), stax.Dense(1, W_std=1.0))[2]
    x1, x2 = draw(4, d), draw(3, d, 1)
    both = theirs(x1, x2, ("ntk", "nngp"))
    last, first = both.nngp, both.ntk - both.nngp
    open_gates = first / (x1 @ x2.T / d)
    expected = d * first + open_gates + m * last + 1
    ours = tl.relu_mlp_ntk([d, m, 2])(x1, x2)
    np.testing.assert_allclose(ours, expected, rtol=1e-10)


def test_one_layer_has_the_kernel_of_a_linear_model_with_intercept():
    x1, x2 = draw(4, 3), draw(2, 3, 1)
    np.testing.assert_allclose(tl.relu_mlp_ntk([3, 2])(x1, x2), x1 @ x2.T + 1, rtol=1e-13)


@pytest.mark.parametrize("parameterization", ["standard", 3])
def test_mean_of_finite_kernels_tends_to_the_limit(parameterization):
    d, m, outputs, draws = 4, 64, 2, 300
    widths = [d, m, m, outputs]
    x = draw(3, d)
    finite = tl.relu_mlp_kernel(parameterization=parameterization)

    def one(key):
        return finite(tl.init_mlp(widths, key=key, parameterization=parameterization), x, x)

    K = np.asarray(jax.lax.map(one, jax.random.split(jax.random.key(0), draws)))
    limit = np.asarray(tl.relu_mlp_ntk(widths, parameterization=parameterization)(x, x))
    limit = limit[:, None, :, None] * np.eye(outputs)[:, None, :]
    error = abs(K.mean(axis=0) - limit)
    # Five standard errors (36 entries), and a bias of order 1/m relative to the size.
    allowed = 5 * K.std(axis=0) / np.sqrt(draws) + limit.max() / m
    assert (error < allowed).all()
    # so the tolerance tells something: a lost factor 2 or a lost layer would be seen
    assert allowed.max() < 0.25 * limit.max()


# made once: every kernel compiles for itself
DEEP = {p: tl.relu_mlp_ntk([4, 3, 4, 5, 6, 2], parameterization=p) for p in PARAMETERIZATIONS}


@given(seed=st.integers(0, 2**16), parameterization=st.sampled_from(PARAMETERIZATIONS))
def test_limit_is_symmetric_positive_and_blind_to_rotations(seed, parameterization):
    d, kernel = 4, DEEP[parameterization]
    x = draw(6, d, seed)
    K = np.asarray(kernel(x, x))
    np.testing.assert_allclose(K, K.T, rtol=1e-12, atol=1e-12)
    assert np.linalg.eigvalsh(K).min() > -1e-10 * np.trace(K)
    U = np.linalg.qr(np.asarray(draw(d, d, seed + 1)))[0]
    np.testing.assert_allclose(kernel(x @ U, x @ U), K, rtol=1e-7, atol=1e-8 * K.max())


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_hidden_widths_enter_as_the_weights_of_their_layers(parameterization):
    # The limit is linear in n^(1 - 2 gamma) of each layer: 0 = a + c - 2 b for equal steps.
    d, x = 3, draw(4, 3)
    power = 1 - 2 * EXPONENT[parameterization]
    sizes = [1, 81, 256]
    K = [tl.relu_mlp_ntk([d, 6, m, 2], parameterization=parameterization)(x, x) for m in sizes]
    weights = [m**power for m in sizes]
    if parameterization == "ntk":
        np.testing.assert_array_equal(K[0], K[2])
        return
    slopes = [(K[i + 1] - K[i]) / (weights[i + 1] - weights[i]) for i in (0, 1)]
    np.testing.assert_allclose(*slopes, rtol=1e-10)
    assert float(jnp.diagonal(slopes[0]).min()) > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tl.relu_mlp_ntk([3]), r"two positive sizes, got \[3\]"),
        (lambda: tl.relu_mlp_ntk([3, 0, 2]), r"positive sizes, got \[3, 0, 2\]"),
        (lambda: tl.relu_mlp_ntk([3, 2], parameterization="mup"), "got 'mup'"),
        (lambda: tl.relu_mlp_kernel(parameterization=0), "order k >= 1, got 0"),
        (lambda: tl.relu_mlp_ntk([3, 2])(jnp.ones((2, 4)), jnp.ones((2, 3))), r"= 3 entries"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
