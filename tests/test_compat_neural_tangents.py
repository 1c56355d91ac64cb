"""What neural-tangents computes on this JAX agrees with closed forms and explicit matrices."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import taylorlib as tl
from taylorlib import compat
from taylorlib.compat import neural_tangents as nt

RNG = np.random.default_rng(0)
X1, X2 = jnp.asarray(RNG.standard_normal((6, 4))), jnp.asarray(RNG.standard_normal((5, 4)))


def network():
    params = [jnp.asarray(RNG.standard_normal(s)) / 2 for s in ((4, 8), (8, 3))]
    return params, lambda p, x: jnp.tanh(x @ p[0]) @ p[1]


def two_layers(activation):
    return nt.stax.serial(nt.stax.Dense(1), activation, nt.stax.Dense(1))[2]


def moments(x1, x2):
    """Covariance of the preactivations, and the variances, of Dense layers without bias."""
    x1, x2 = np.asarray(x1), np.asarray(x2)
    d = x1.shape[1]
    return x1 @ x2.T / d, (x1**2).sum(1)[:, None] / d, (x2**2).sum(1)[None] / d


def relu_closed_form(c, q1, q2):
    norm = np.sqrt(q1 * q2)
    angle = np.arccos(np.clip(c / norm, -1, 1))
    value = norm * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    return value, (np.pi - angle) / (2 * np.pi)


def erf_closed_form(c, q1, q2):
    product = (1 + 2 * q1) * (1 + 2 * q2)
    value = 2 / np.pi * np.arcsin(2 * c / np.sqrt(product))
    return value, 4 / np.pi / np.sqrt(product - 4 * c**2)


CLOSED_FORMS = {"Relu": relu_closed_form, "Erf": erf_closed_form}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_infinite_kernel_is_the_closed_form(name):
    kernel_fn = two_layers(getattr(nt.stax, name)())
    c, q1, q2 = moments(X1, X2)
    value, slope = CLOSED_FORMS[name](c, q1, q2)
    # neural-tangents keeps 1e-7 or so away from the ends of arccos.
    np.testing.assert_allclose(kernel_fn(X1, X2, "nngp"), value, rtol=1e-7)
    np.testing.assert_allclose(kernel_fn(X1, X2, "ntk"), value + c * slope, rtol=1e-7)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_infinite_kernel_is_the_mean_over_random_networks(name):
    c, q1, q2 = moments(X1, X2)
    w = np.random.default_rng(1).standard_normal((4, 400_000)) / 2
    activation = {"Relu": lambda u: np.maximum(u, 0), "Erf": lambda u: jax.lax.erf(u)}[name]
    h1, h2 = (np.asarray(activation(np.asarray(x) @ w)) for x in (X1, X2))
    estimate = h1 @ h2.T / w.shape[1]
    value, _ = CLOSED_FORMS[name](c, q1, q2)
    # One standard error is at most sqrt(3 / 400000) = .003 of the diagonal for a ReLU.
    kernel = two_layers(getattr(nt.stax, name)())(X1, X2, "nngp")
    diagonal = np.sqrt(
        np.diag(CLOSED_FORMS[name](*moments(X1, X1))[0])[:, None]
        * np.diag(CLOSED_FORMS[name](*moments(X2, X2))[0])
    )
    assert np.abs((kernel - estimate) / diagonal).max() < 0.015
    assert np.abs((value - estimate) / diagonal).max() < 0.015


@pytest.mark.parametrize("name", ["Relu", "Erf", "Gelu", "Sin"])
def test_kernel_can_be_compiled_and_differentiated(name):
    kernel_fn = two_layers(getattr(nt.stax, name)())
    total = lambda x: kernel_fn(x, X2, "ntk").sum()  # noqa: E731
    np.testing.assert_allclose(jax.jit(total)(X1), total(X1), rtol=1e-12)
    step, h = jnp.asarray(RNG.standard_normal(X1.shape)), 1e-5
    slope = (total(X1 + h * step) - total(X1 - h * step)) / (2 * h)
    gradient = jnp.vdot(jax.grad(total)(X1), step)
    # Central differences: h^2 and rounding / h, both about 1e-10.
    np.testing.assert_allclose(gradient, slope, rtol=1e-6)


@pytest.fixture
def structured():
    return compat.repair_structured_ntk()


def jacobian_product(f, params, x1, x2):
    def jacobian(x):
        leaves = jax.tree.leaves(jax.jacobian(f)(params, x))
        return jnp.concatenate([leaf.reshape(*leaf.shape[:2], -1) for leaf in leaves], -1)

    return jnp.einsum("iap,jbp->ijab", jacobian(x1), jacobian(x2))


@pytest.mark.parametrize("trace_axes", [(-1,), ()])
@pytest.mark.parametrize("implementation", [1, 2])
def test_empirical_kernel_is_the_product_of_jacobians(implementation, trace_axes):
    params, f = network()
    kernel_fn = nt.empirical_ntk_fn(
        f, implementation=implementation, vmap_axes=0, trace_axes=trace_axes
    )
    expected = jacobian_product(f, params, X1, X2)
    if trace_axes:  # neural-tangents takes the mean over the outputs
        expected = jnp.einsum("ijaa->ij", expected) / 3
    np.testing.assert_allclose(kernel_fn(X1, X2, params), expected, rtol=1e-11, atol=1e-12)


def convolutional():
    params = [jnp.asarray(RNG.standard_normal(s)) / 3 for s in ((3, 3, 2, 4), (64, 2))]
    x1, x2 = (jnp.asarray(RNG.standard_normal((n, 4, 4, 2))) for n in (3, 2))
    dims = ("NHWC", "HWIO", "NHWC")

    def f(p, x):
        h = jax.lax.conv_general_dilated(x, p[0], (1, 1), "SAME", dimension_numbers=dims)
        return jnp.tanh(h).reshape(len(x), -1) @ p[1]

    return params, f, x1, x2


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("architecture", ["dense", "convolutional"])
def test_structured_kernel_is_the_product_of_jacobians(structured, architecture, compiled):
    if architecture == "dense":
        (params, f), x1, x2 = network(), X1, X2
    else:
        params, f, x1, x2 = convolutional()
    kernel_fn = structured.empirical_ntk_fn(f, implementation=3, vmap_axes=0, trace_axes=())
    kernel_fn = jax.jit(kernel_fn) if compiled else kernel_fn
    with warnings.catch_warnings():
        # It says which operations it differentiates without a rule of its own.
        warnings.filterwarnings("ignore", "No Jacobian rule found", UserWarning)
        kernel = kernel_fn(x1, x2, params)
    expected = jacobian_product(f, params, x1, x2)
    np.testing.assert_allclose(kernel, expected, rtol=1e-11, atol=1e-12)


def test_automatic_choice_of_implementation_is_the_product_of_jacobians(structured, capsys):
    params, f = network()
    kernel_fn = structured.empirical_ntk_fn(f, implementation=0, vmap_axes=0, trace_axes=())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No Jacobian rule found", UserWarning)
        kernel = kernel_fn(X1, X2, params)
    expected = jacobian_product(f, params, X1, X2)
    np.testing.assert_allclose(kernel, expected, rtol=1e-11, atol=1e-12)
    assert "impl" in capsys.readouterr().out  # it prints what each would cost


def test_repair_can_be_repeated(structured):
    assert compat.repair_structured_ntk() is structured


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4])
def test_taylor_expand_is_our_taylor_model(order):
    params, f = network()
    moved = jax.tree.map(lambda p: p + 0.1, params)
    theirs = nt.taylor_expand(f, params, order)(moved, X1)
    np.testing.assert_allclose(tl.taylor_model(f, params, order)(moved, X1), theirs, rtol=1e-12)


def test_linearize_is_our_taylor_model_of_order_1():
    params, f = network()
    moved = jax.tree.map(lambda p: p + 0.1, params)
    theirs = nt.linearize(f, params)(moved, X1)
    np.testing.assert_allclose(tl.taylor_model(f, params, 1)(moved, X1), theirs, rtol=1e-12)


@pytest.mark.parametrize("time", [0.0, 0.5, 30.0])
def test_gradient_descent_is_the_matrix_exponential(time):
    kernel_fn = two_layers(nt.stax.Erf())
    K, K_test = kernel_fn(X1, None, "ntk"), kernel_fn(X2, X1, "ntk")
    y, f0, f0_test = jnp.arange(6.0)[:, None], jnp.ones((6, 1)), jnp.full((5, 1), 0.5)
    train, test = nt.predict.gradient_descent_mse(K, y)(time, f0, f0_test, K_test)
    # The loss is the mean over 6 points, so time is divided by 6.
    decay = jax.scipy.linalg.expm(-K * time / 6)
    np.testing.assert_allclose(train, y + decay @ (f0 - y), rtol=1e-9, atol=1e-9)
    learnt = jnp.linalg.solve(K, (jnp.eye(6) - decay) @ (y - f0))
    np.testing.assert_allclose(test, f0_test + K_test @ learnt, rtol=1e-8, atol=1e-9)


def test_largest_learning_rate_is_where_gradient_descent_stops_to_contract():
    K = two_layers(nt.stax.Erf())(X1, None, "ntk")
    rate = nt.predict.max_learning_rate(K, 6)
    # In units of the mean loss over 6 points: 2 * 6 / lambda_max.
    np.testing.assert_allclose(rate, 12 / np.linalg.eigvalsh(K)[-1], rtol=1e-9)
    growth = [np.abs(np.linalg.eigvalsh(np.eye(6) - c * rate * K / 6)).max() for c in (0.99, 1.01)]
    assert growth[0] < 1 < growth[1]


def test_monte_carlo_kernel_approaches_the_infinite_one():
    init, apply, kernel_fn = nt.stax.serial(nt.stax.Dense(512), nt.stax.Erf(), nt.stax.Dense(1))
    sampled = nt.monte_carlo_kernel_fn(init, apply, jax.random.key(0), 16, vmap_axes=0)
    difference = sampled(X1, X2, "ntk") - kernel_fn(X1, X2, "ntk")
    diagonal = np.sqrt(
        np.outer(np.diag(kernel_fn(X1, None, "ntk")), np.diag(kernel_fn(X2, None, "ntk")))
    )
    # 16 networks of width 512: 1 / sqrt(8192) = .011 of the diagonal; six times that.
    assert np.abs(difference / diagonal).max() < 0.07
