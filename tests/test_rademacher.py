"""The suprema are attained and not exceeded; the bounds hold, and their constants are needed."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib import activations, inputs, rademacher

shapes = st.sampled_from([(1, 1, 1), (5, 2, 4), (12, 3, 2), (7, 4, 5)])  # each is compiled
seeds = st.integers(0, 10_000)
radii = st.floats(0.1, 10)
ACTIVATIONS = [activations.quadratic, activations.cubic_relu, activations.tanh]
both = pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)


def draw(n, d, m, seed):
    """Inputs of different norms and a network without pairs."""
    keys = jax.random.split(jax.random.key(seed), 3)
    x = jax.random.normal(keys[0], (n, d))
    init = tl.init_two_layer(m, d, key=keys[1], symmetric=False)
    return x, init, jax.random.rademacher(keys[2], (n,), float)


def correlation(term, x, init, signs, W):
    return float((signs * term(init, W, x)).mean())


def on_sphere(W, radius):
    return radius * W / tl.mixed_norm(W, 4)


@both
@settings(max_examples=15)
@given(shape=shapes, seed=seeds, radius=radii)
def test_quadratic_supremum_is_attained_by_the_maximizer(activation, shape, seed, radius):
    x, init, signs = draw(*shape, seed)
    W = rademacher.quadratic_maximizer(x, init, activation, signs, radius=radius)
    found = rademacher.quadratic_complexity(x, init, activation, signs, radius=radius)
    value = correlation(tl.two_layer_term(activation, 2), x, init, signs, W)
    scale = radius**2 * float(found.operator)
    assert abs(value - found.value) <= 1e-12 * scale
    if found.value > 0:
        assert abs(tl.mixed_norm(W, 4) - radius) <= 1e-12 * radius
    else:
        assert (W == 0).all()


@both
@settings(max_examples=15)
@given(shape=shapes, seed=seeds, radius=radii)
def test_quadratic_supremum_is_not_exceeded_by_random_movements(activation, shape, seed, radius):
    x, init, signs = draw(*shape, seed)
    found = rademacher.quadratic_complexity(x, init, activation, signs, radius=radius)
    term = tl.two_layer_term(activation, 2)
    for key in jax.random.split(jax.random.key(seed + 1), 5):
        W = on_sphere(jax.random.normal(key, init.W0.shape), radius)
        value = correlation(term, x, init, signs, W)
        assert value <= found.value + 1e-12 * radius**2 * found.operator


@pytest.mark.parametrize("seed", range(3))
@both
def test_optimization_in_the_ball_ends_at_the_supremum(activation, seed):
    # All movements of the ball's surface are W = 1.5 V / |V|; quasi-Newton in V, six starts.
    x, init, signs = draw(12, 3, 2, seed)
    term = tl.two_layer_term(activation, 2)
    exact = rademacher.quadratic_complexity(x, init, activation, signs, radius=1.5)

    @jax.jit
    @jax.value_and_grad
    def negative(v):
        W = on_sphere(v.reshape(init.W0.shape), 1.5)
        return -(signs * term(init, W, x)).mean()

    starts = np.asarray(jax.random.normal(jax.random.key(100 + seed), (6, init.W0.size)))
    found = [-scipy.optimize.minimize(negative, v, jac=True, method="BFGS").fun for v in starts]
    assert max(found) <= exact.value * (1 + 1e-12)
    assert max(found) >= exact.value * (1 - 1e-8)


@settings(max_examples=20)
@given(shape=shapes, seed=seeds, radius=radii)
def test_linear_supremum_is_the_norm_of_the_gradient(shape, seed, radius):
    x, init, signs = draw(*shape, seed)
    term = tl.two_layer_term(activations.tanh, 1)
    gradient = jax.grad(lambda W: (signs * term(init, W, x)).mean())(jnp.zeros_like(init.W0))
    found = rademacher.linear_complexity(x, init, activations.tanh, signs, radius=radius)
    expected = radius * jnp.linalg.norm(gradient)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    W = radius * gradient / jnp.linalg.norm(gradient)
    np.testing.assert_allclose(correlation(term, x, init, signs, W), found, rtol=1e-12, atol=1e-14)


@settings(max_examples=20)
@given(seed=seeds, radius=radii)
def test_supremum_lies_between_root_half_and_one_of_the_operator_norm_for_pairs(seed, radius):
    x, _, signs = draw(9, 3, 4, seed)
    init = tl.init_two_layer(4, 3, key=jax.random.key(seed + 1))
    found = rademacher.quadratic_complexity(x, init, activations.tanh, signs, radius=radius)
    ratio = float(found.value / (radius**2 / 2 * found.operator))
    assert 0.5**0.5 - 1e-12 <= ratio <= 1 + 1e-12


def test_known_inputs_may_be_used_inside_a_loop_over_signs():
    x, init, _ = draw(6, 2, 2, 0)
    signs = every_sign(6)[:4]
    looped = jax.lax.map(
        lambda s: rademacher.quadratic_complexity(x, init, activations.tanh, s).value, signs
    )
    one = rademacher.quadratic_complexity(x, init, activations.tanh, signs[3]).value
    np.testing.assert_allclose(looped[3], one, rtol=1e-12)


def test_without_gates_two_neurons_say_all():
    x, init, signs = draw(9, 3, 8, 0)
    init = init._replace(a=jnp.array([1.0, -1.0] * 4))
    pair = tl.TwoLayerInit(init.W0[:2], init.a[:2])
    for one, other in zip(
        rademacher.quadratic_complexity(x, init, activations.quadratic, signs),
        rademacher.quadratic_complexity(x, pair, activations.quadratic, signs),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    A = np.asarray((signs[:, None] * x).T @ x / 9)
    low, *_, high = np.linalg.eigvalsh(A)
    by_hand = ((max(high, 0) ** 2 + max(-low, 0) ** 2) / 8) ** 0.5
    found = rademacher.quadratic_complexity(x, pair, activations.quadratic, signs)
    np.testing.assert_allclose(found.value, by_hand, rtol=1e-12)
    np.testing.assert_allclose(found.operator, np.linalg.norm(A, 2), rtol=1e-12)
    np.testing.assert_allclose(found.frobenius, np.linalg.norm(A), rtol=1e-12)


@both
@settings(max_examples=10)
@given(shape=shapes, seed=seeds)
def test_complexities_do_not_change_under_rotations_and_permutations(activation, shape, seed):
    x, init, signs = draw(*shape, seed)
    n, d, _ = shape
    U = jnp.linalg.qr(jax.random.normal(jax.random.key(seed + 1), (d, d)))[0]
    order = jax.random.permutation(jax.random.key(seed + 2), n)
    turned = init._replace(W0=init.W0 @ U)
    one = everything(x, init, activation, signs)
    other = everything((x @ U)[order], turned, activation, signs[order])
    np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def everything(x, init, activation, signs, radius=1.0):
    return [
        *rademacher.quadratic_complexity(x, init, activation, signs, radius=radius),
        *rademacher.gated_complexity_bounds(x, init, activation, radius=radius),
        rademacher.linear_complexity(x, init, activation, signs, radius=radius),
    ]


@both
@settings(max_examples=10)
@given(shape=shapes, seed=seeds, factor=st.floats(0.2, 5))
def test_scaling_laws(activation, shape, seed, factor):
    x, init, signs = draw(*shape, seed)
    one = np.array(everything(x, init, activation, signs))
    # The gates see w0.x, which stays: x is multiplied, W0 divided.
    other = everything(factor * x, init._replace(W0=init.W0 / factor), activation, signs)
    np.testing.assert_allclose(other[:5], one[:5] * factor**2, rtol=1e-9)
    np.testing.assert_allclose(other[5], one[5] * factor, rtol=1e-9)
    # The radius counts with power 2 in the quadratic class; the two norms do not contain it.
    other = everything(x, init, activation, signs, radius=factor)
    powers = np.array([2, 0, 0, 2, 2, 1])
    np.testing.assert_allclose(other, one * factor**powers, rtol=1e-9)


@settings(max_examples=10)
@given(shape=shapes, seed=seeds, copies=st.integers(2, 3))
def test_repeated_samples_with_the_same_signs_change_nothing(shape, seed, copies):
    x, init, signs = draw(*shape, seed)
    one = rademacher.quadratic_complexity(x, init, activations.tanh, signs)
    many = (jnp.concatenate([v] * copies) for v in (x, signs))
    x_many, signs_many = many
    other = rademacher.quadratic_complexity(x_many, init, activations.tanh, signs_many)
    np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(
        rademacher.isotropy_ratio(x), rademacher.isotropy_ratio(x_many), rtol=1e-12
    )


def every_sign(n):
    return jnp.array([[(-1.0) ** (i >> r & 1) for r in range(n)] for i in range(2**n)])


@both
@settings(max_examples=10)
@given(shape=st.sampled_from([(8, 1, 1), (8, 2, 4), (8, 6, 3)]), seed=seeds, radius=radii)
def test_bounds_hold_for_the_exact_mean_over_all_signs(activation, shape, seed, radius):
    x, init, _ = draw(*shape, seed)
    found = jax.vmap(
        lambda signs: rademacher.quadratic_complexity(x, init, activation, signs, radius=radius)
    )(every_sign(8))
    mean = float(found.value.mean())
    bounds = rademacher.gated_complexity_bounds(x, init, activation, radius=radius)
    assert bounds.lower <= mean <= bounds.upper * (1 + 1e-12)
    # Frobenius norms have an exact second moment, the trace of the variance.
    gates = activation.derivative(2)(x @ init.W0.T)
    trace = (gates**2 * (x**2).sum(axis=1)[:, None] ** 2).sum(axis=0) / 64
    np.testing.assert_allclose((found.frobenius**2).mean(), trace.mean(), rtol=1e-10)
    if activation.name != "cubic_relu":  # its gates are unbounded
        constant = {"quadratic": 1.0, "tanh": 4 / 27**0.5}[activation.name]
        bound = rademacher.quadratic_complexity_bound(x, gate_bound=constant, radius=radius)
        assert bounds.upper <= bound * (1 + 1e-12)


@pytest.mark.parametrize("d", [1, 2, 3, 8, 20])
def test_logarithm_bounds_the_best_moment(d):
    # (d (2p - 1)!!)^(1/p) s^2 bounds the second moment for every p; the closed form takes one p.
    moments = [(d * math.prod(range(1, 2 * p, 2))) ** (1 / p) for p in range(1, 12)]
    assert min(moments) <= 1 + 2 * math.ceil(math.log(d))
    x = d**0.5 * jnp.eye(d)  # the smallest isotropy ratio, so the logarithm counts for d > 5
    bound = rademacher.quadratic_complexity_bound(x, gate_bound=2.0, radius=3.0)
    price = min(1.0, ((1 + 2 * math.ceil(math.log(d))) / d) ** 0.5)
    np.testing.assert_allclose(bound, 2 * 9 * d / (2 * d**0.5) * price, rtol=1e-12)


@settings(max_examples=10)
@given(seed=seeds, radius=radii)
def test_linear_bound_holds_for_the_exact_mean_over_all_signs(seed, radius):
    x, init, _ = draw(8, 3, 4, seed)
    mean = jax.vmap(
        lambda signs: rademacher.linear_complexity(x, init, activations.tanh, signs, radius=radius)
    )(every_sign(8)).mean()
    assert mean <= rademacher.linear_complexity_bound(x, slope_bound=1.0, radius=radius)


def test_rank_one_inputs_attain_the_bound_in_mean_square():
    # A = (sum of signs) d / n: its mean square is d^2 / n, for every gate that is 1.
    x = inputs.spiked(8, 3, key=jax.random.key(0), share=1.0)
    init = tl.TwoLayerInit(jnp.zeros((2, 3)), jnp.array([1.0, -1.0]))
    found = jax.vmap(
        lambda signs: rademacher.quadratic_complexity(x, init, activations.quadratic, signs)
    )(every_sign(8))
    root_mean_square = jnp.sqrt((found.operator**2).mean()) / 2
    bound = rademacher.quadratic_complexity_bound(x, gate_bound=1.0)
    np.testing.assert_allclose(root_mean_square, bound, rtol=1e-12)
    assert rademacher.isotropy_ratio(x) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("d", [2, 5])
def test_isotropy_ratio_of_an_orthogonal_basis_is_the_smallest(d):
    U = jnp.linalg.qr(jax.random.normal(jax.random.key(d), (d, d)))[0]
    np.testing.assert_allclose(rademacher.isotropy_ratio(7 * U), d**-0.5, rtol=1e-12)
    x = inputs.sphere(4 * d, d, key=jax.random.key(d))
    assert d**-0.5 < rademacher.isotropy_ratio(x) < 1


@pytest.mark.parametrize(("share", "seed"), [(0.1, 0), (0.4, 1), (0.9, 2)])
def test_isotropy_ratio_of_spiked_inputs_is_the_root_of_their_share(share, seed):
    x = inputs.spiked(20_000, 10, key=jax.random.key(seed), share=share)
    # The share is a mean of n variables in [0, 1]; five standard errors, and the bulk of the
    # isotropic case pushes the largest of ten eigenvalues up by about 2 sqrt(d / n).
    assert abs(rademacher.isotropy_ratio(x) ** 2 - share) < 5 * 0.5 / 20_000**0.5


x, init, signs = draw(5, 3, 4, 0)
sup, bound = rademacher.quadratic_complexity, rademacher.quadratic_complexity_bound
tanh = activations.tanh


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sup(x[0], init, tanh, signs), r"x must have shape \[n, d\] .* got \(3,\)"),
        (lambda: sup(x[:, :2], init, tanh, signs), r"need init.W0 of shape \(4, 2\), got \(4, 3\)"),
        (lambda: sup(x, init, tanh, signs[None]), r"signs must have shape \(5,\).* jax.vmap"),
        (lambda: sup(x, init, tanh, signs, radius=-1.0), "radius must be .* got -1.0"),
        (lambda: sup(x, init, activations.relu, signs), "no derivative of order 2"),
        (lambda: sup(x.at[2, 1].set(jnp.nan), init, tanh, signs), "row 2 is not"),
        (lambda: bound(x, gate_bound=0.0), "gate_bound must be a positive number, got 0.0"),
        (lambda: rademacher.isotropy_ratio(x[:0]), r"n, d >= 1, got \(0, 3\)"),
        (
            lambda: rademacher.linear_complexity_bound(x, slope_bound=float("inf")),
            "slope_bound must be a positive number, got inf",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
