"""Gradient descent beyond 2 / lambda_max: the linear pair in two numbers; networks, watched."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib import catapult, objectives

STEPS = 8


@pytest.fixture(scope="module")
def problem():
    keys = jax.random.split(jax.random.key(0), 3)
    params = tl.init_mlp([3, 6, 2], key=keys[0])
    x = jax.random.normal(keys[1], (9, 3))
    return tl.mlp(jnp.tanh), params, x, jax.random.normal(keys[2], (9, 2))


@pytest.mark.parametrize("target", [0.0, -1.5])
def test_two_numbers_follow_gradient_descent_on_both_vectors(target):
    m, rate = 7, 0.4
    u, v = jax.random.normal(jax.random.key(1), (2, m))

    def output(p):
        return p[0] @ p[1] / jnp.sqrt(m)

    p, found = (u, v), []
    for _ in range(STEPS + 1):
        slope = jax.grad(output)(p)
        found.append([output(p), sum((s**2).sum() for s in slope)])
        step = rate * (output(p) - target)
        p = tuple(a - step * s for a, s in zip(p, slope, strict=True))
    (f0, kernel0), expected = found[0], np.array(found)
    path = catapult.linear_pair(f0, kernel0, m=m, rate=rate, target=target, steps=STEPS)
    # Rounding of 8 steps in float64.
    np.testing.assert_allclose(path.f, expected[:, 0], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(path.kernel, expected[:, 1], rtol=1e-11)


@given(
    share=st.floats(-1, 1),
    multiple=st.floats(0.01, 2.5),
    m=st.floats(1, 1e4),
    target=st.floats(-2, 2),
)
def test_every_step_multiplies_the_discriminant_by_a_square(share, multiple, m, target):
    f0 = share * np.sqrt(m) / 2
    path = catapult.linear_pair(f0, 1.0, m=m, rate=2 * multiple, target=target, steps=3)
    f, kernel = np.asarray(path.f), np.asarray(path.kernel)
    discriminant = kernel**2 - 4 * f**2 / m
    factor = (1 - (2 * multiple * (f - target)) ** 2 / m) ** 2
    # The two sides are differences of terms of the size of kernel^2.
    scale = (kernel[1:] ** 2 + kernel[:-1] ** 2 * (1 + factor[:-1])) * 1e-13
    assert (abs(discriminant[1:] - factor[:-1] * discriminant[:-1]) <= scale).all()


@settings(max_examples=50)
@given(share=st.floats(1e-4, 1), multiple=st.floats(0.05, 1), m=st.sampled_from([1, 10, 1000]))
def test_up_to_the_critical_rate_the_loss_falls_at_every_width(share, multiple, m):
    path = catapult.linear_pair(share * np.sqrt(m) / 2, 1.0, m=m, rate=2 * multiple, steps=30)
    loss = np.asarray(path.f) ** 2
    # Below 1e-24 of the start only rounding is left.
    assert ((np.diff(loss) < 0) | (loss[:-1] <= 1e-24 * loss[0])).all()
    assert (np.diff(path.kernel) <= 1e-15).all()


@pytest.mark.parametrize("multiple", [1.1, 1.5, 1.8])
def test_up_to_twice_the_critical_rate_the_loss_rises_and_ends_flatter(multiple):
    rate, m = 2 * multiple, np.array([10.0, 1e3, 1e5])
    path = catapult.linear_pair(0.1, 1.0, m=m, rate=rate, steps=1000)
    assert (abs(path.f[1]) > 0.1).all()
    assert (abs(path.f[-1]) < 1e-6).all()
    assert (rate * path.kernel[-1] < 2).all()
    # The lower bound of the peak that is proved in the chapter.
    assert (np.max(path.f**2, axis=0) >= m * (rate - 2) ** 2 / (18 * rate**2)).all()


def test_beyond_twice_the_critical_rate_the_kernel_grows_and_the_loss_explodes():
    path = catapult.linear_pair(0.1, 1.0, m=100, rate=4.2, steps=40)
    kernel = np.asarray(path.kernel)
    finite = np.isfinite(kernel)
    assert not finite.all()
    assert (np.diff(kernel[finite]) > 0).all()


def test_pairs_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="no u, v have"):
        catapult.linear_pair(1.0, 1.0, m=2, rate=1.0, steps=3)
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        catapult.linear_pair(0.1, 1.0, m=2, rate=1.0, steps=0)


@pytest.fixture(scope="module")
def watched(problem):
    # As many iterations as outputs: the Krylov space holds the largest eigenvector.
    settings = {"steps": 200, "every": 2, "lanczos": 18}
    return {k: catapult.watched_descent(problem[0], order=k, **settings) for k in (1, 2, "full")}


@pytest.mark.parametrize("order", [2, "full"])
def test_watched_descent_is_gradient_descent_on_the_mean_squared_error(problem, watched, order):
    f, params0, x, y = problem
    model = f if order == "full" else tl.taylor_model(f, params0, order)

    @jax.jit
    def look(params):
        objective = lambda p: objectives.squared_error(model(p, x), y).mean()  # noqa: E731
        K = tl.trajectory.tangent_matrix(model, params, x)
        return *jax.value_and_grad(objective)(params), jnp.linalg.eigvalsh(K)[-1] / len(x)

    params, losses, tops = params0, [], []
    for _ in range(STEPS + 1):
        last = params
        loss, gradient, top = look(params)
        losses.append(loss)
        tops.append(top)
        params = jax.tree.map(lambda p, g: p - 0.3 * g, params, gradient)
    found = watched[order](params0, x, y, 0.3, steps=STEPS)
    # Rounding of 8 steps in float64; the eigenvalue at the accuracy of a full Krylov space.
    np.testing.assert_allclose(found.loss[: STEPS + 1], losses, rtol=1e-11)
    np.testing.assert_allclose(found.kernel_top[: STEPS + 1 : 2], tops[::2], rtol=1e-9)
    assert np.isnan(found.kernel_top[1::2]).all()
    assert np.isnan(found.loss[STEPS + 1 :]).all()
    assert found.taken == STEPS
    for ours, theirs in zip(jax.tree.leaves(found.params), jax.tree.leaves(last), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_few_iterations_bound_the_top_of_the_kernel_from_below(problem):
    f, params0, x, y = problem
    run = catapult.watched_descent(f, steps=1, every=1, lanczos=3)
    found = float(run(params0, x, y, 0.1).kernel_top[0])
    top = tl.stability.kernel_top(f)(params0, x)
    assert 0.8 * top < found < top * (1 + 1e-9)


@pytest.mark.parametrize(("multiple", "diverges"), [(0.95, False), (1.2, True)])
def test_linearization_has_a_constant_kernel_and_the_critical_rate(
    problem, watched, multiple, diverges
):
    f, params0, x, y = problem
    found = watched[1](params0, x, y, multiple * tl.critical_rate(f)(params0, x))
    seen = found.kernel_top[np.isfinite(found.kernel_top)]
    assert bool(found.diverged) == diverges
    np.testing.assert_allclose(seen, seen[0], rtol=1e-9)
    if diverges:
        assert found.taken < 200
        assert np.isnan(found.loss[int(found.taken) + 1 :]).all()


def test_descent_ends_where_it_is_told(problem, watched):
    f, params0, x, y = problem
    run = watched["full"]
    level = float(run(params0, x, y, 0.3).loss[37])
    assert run(params0, x, y, 0.3, until=level).taken == 37
    assert run(params0, x, y, 0.3, steps=5).taken == 5
    with pytest.raises(ValueError, match="between 1 and 200, got 201"):
        run(params0, x, y, 0.3, steps=201)
    with pytest.raises(ValueError, match=r"targets have shape \(9,\)"):
        run(params0, x, y[:, 0], 0.3)
    with pytest.raises(ValueError, match="every=0"):
        catapult.watched_descent(f, steps=3, every=0)
