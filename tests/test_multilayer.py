"""Parameterizations draw the same function and differ in the learning rate of each layer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import taylorlib as tl

WIDTHS = [5, 32, 64, 3]
ALL = ["standard", "ntk", 1, 2, 3, 6]


def relu(t):
    return jnp.maximum(t, 0.0)


def effective(params, gamma):
    """The same network in standard parameterization."""
    return tuple(tl.multilayer.Layer(v.V * v.V.shape[1] ** -gamma, v.b) for v in params)


def gamma_of(parameterization):
    return {"standard": 0.0, "ntk": 0.5}.get(parameterization) or (
        0.0 if parameterization == "standard" else 1 / (parameterization + 1)
    )


def test_network_is_the_composition_of_its_layers():
    params = tl.init_mlp(WIDTHS, key=jax.random.key(0))
    params = tuple(tl.multilayer.Layer(V, b + i + 1) for i, (V, b) in enumerate(params))
    x = jax.random.normal(jax.random.key(1), (7, 5))
    (V1, b1), (V2, b2), (V3, b3) = params
    first = x @ V1.T + b1
    second = np.maximum(first, 0) @ V2.T + b2
    out = np.maximum(second, 0) @ V3.T + b3
    np.testing.assert_allclose(tl.mlp(relu)(params, x), out, rtol=1e-12)
    hidden = tl.multilayer.mlp_preactivations(relu)(params, x)
    for found, expected in zip(hidden, (first, second), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert len(hidden) == 2


@pytest.mark.parametrize("parameterization", ALL)
def test_effective_weights_have_variance_one_over_fan_in(parameterization):
    params = tl.init_mlp([400, 300, 10], parameterization=parameterization, key=jax.random.key(0))
    for layer in effective(params, gamma_of(parameterization)):
        n = layer.V.shape[1]
        # N weights: the relative spread of their mean square is sqrt(2 / N), at most .026.
        assert float((layer.V**2).mean() * n) == pytest.approx(1, abs=5 * (2 / layer.V.size) ** 0.5)
        assert not layer.b.any()


@pytest.mark.parametrize("parameterization", ALL)
def test_all_parameterizations_draw_the_same_function(parameterization):
    x = jax.random.normal(jax.random.key(1), (7, 5))
    out = [
        tl.mlp(jnp.tanh, parameterization=p)(
            tl.init_mlp(WIDTHS, parameterization=p, key=jax.random.key(0)), x
        )
        for p in (parameterization, "standard")
    ]
    np.testing.assert_allclose(*out, rtol=1e-12)


def test_order_1_is_the_ntk_parameterization():
    params = tl.init_mlp(WIDTHS, parameterization=1, key=jax.random.key(0))
    ntk = tl.init_mlp(WIDTHS, parameterization="ntk", key=jax.random.key(0))
    for a, b in zip(params, ntk, strict=True):
        np.testing.assert_array_equal(a.V, b.V)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_gradient_descent_of_order_k_is_standard_with_a_learning_rate_for_each_layer(k):
    x = jax.random.normal(jax.random.key(1), (7, 5))
    y = jax.random.normal(jax.random.key(2), (7, 3))
    params = tl.init_mlp(WIDTHS, parameterization=k, key=jax.random.key(0))
    gamma = gamma_of(k)

    def step(f, params, rates):
        def objective(p):
            return tl.objectives.squared_error(f(p, x), y).mean()

        g = jax.grad(objective)(params)
        return tuple(
            tl.multilayer.Layer(p.V - 0.1 * r * d.V, p.b - 0.1 * d.b)
            for p, d, r in zip(params, g, rates, strict=True)
        )

    ours = effective(step(tl.mlp(jnp.tanh, parameterization=k), params, [1] * 3), gamma)
    rates = [n ** (-2 / (k + 1)) for n in WIDTHS[:-1]]
    theirs = step(tl.mlp(jnp.tanh), effective(params, gamma), rates)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.V, b.V, rtol=1e-12)
        np.testing.assert_allclose(a.b, b.b, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tl.init_mlp([3], key=jax.random.key(0)), r"got \[3\]"),
        (lambda: tl.init_mlp([3, 0], key=jax.random.key(0)), r"got \[3, 0\]"),
        (lambda: tl.mlp(relu, parameterization="mup"), "got 'mup'"),
        (lambda: tl.mlp(relu, parameterization=0), "got 0"),
    ],
)
def test_bad_arguments_are_refused_with_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_taylor_mode_serves_the_relu_network_without_a_warning():
    params = tl.init_mlp(WIDTHS, key=jax.random.key(0))
    model = tl.taylor_model(tl.mlp(relu), params, 3, implementation="jet")
    moved = optax.tree_utils.tree_scale(1.01, params)
    assert model(moved, jnp.ones((2, 5))).shape == (2, 3)
