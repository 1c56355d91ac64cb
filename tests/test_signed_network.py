"""The network trained with fresh signs."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import taylorlib as tl

SINE = tl.activations.sine()


def train(n=48, d=4, seed=0, **settings):
    keys = jax.random.split(jax.random.key(seed), 4)
    target = tl.power_target(d, 2, key=keys[0])
    x, x_new = (tl.inputs.sphere(n, d, key=k) for k in keys[1:3])
    settings = {"m": 128, "steps": 600, "activation": SINE, "key": keys[3]} | settings
    return tl.fit_signed_network(x, target(x) - 1, **settings), x_new, target(x_new) - 1


@pytest.mark.parametrize("seed", range(3))
def test_training_lowers_the_loss_and_the_quadratic_term_carries_it(seed):
    fit, x_new, y_new = train(seed=seed, n=200, m=512)
    assert float(fit.losses[-50:].mean()) < 0.25 * float(fit.losses[0])
    error = float(((fit.predict_quadratic(x_new) - y_new) ** 2).mean())
    assert error < 0.3 * float((y_new**2).mean())


def test_the_mean_is_that_of_the_draws():
    fit, x_new, _ = train(steps=200)
    exact = fit.predict_mean(x_new)
    drawn = fit.predict_mean(x_new, draws=2000, key=jax.random.key(8))
    deviation = jnp.sqrt(tl.randomized_variance(SINE)(fit.init, fit.W, x_new) / 2000)
    assert float(jnp.abs((drawn - exact) / deviation).max()) < 5
    expected = tl.randomized_mean(SINE)(fit.init, fit.W, x_new)
    np.testing.assert_allclose(exact, expected, atol=1e-12)
    quadratic = tl.two_layer_term(SINE, 2)(fit.init, fit.W, x_new)
    np.testing.assert_allclose(fit.predict_quadratic(x_new), quadratic, atol=1e-12)


def test_the_first_loss_is_that_of_the_zero_network():
    fit, _, _ = train(steps=3)
    keys = jax.random.split(jax.random.key(0), 4)
    x = tl.inputs.sphere(48, 4, key=keys[1])
    y = tl.power_target(4, 2, key=keys[0])(x) - 1
    assert float(fit.losses[0]) == pytest.approx(float(jnp.log(jnp.cosh(y)).mean()), rel=1e-10)


def test_signs_are_fresh_in_every_step():
    # With one fixed draw of signs the linear term would fit the data: f^(1) is then a kernel
    # model. With fresh ones its training loss keeps the noise of the signs.
    fit, _, _ = train(steps=400, penalty=0.0)
    late = np.asarray(fit.losses[-100:])
    assert late.std() > 1e-4


def test_first_steps_have_the_size_of_the_rate():
    for m in (64, 256):
        fit, _, _ = train(steps=1, m=m, learning_rate=0.1)
        moved = np.abs(np.asarray(fit.W))
        np.testing.assert_allclose(moved[moved > 1e-6], 0.1 * m**-0.25, rtol=1e-3)


def test_the_penalty_shrinks_the_movement():
    sizes = [float(tl.mixed_norm(train(penalty=v)[0].W, 4)) for v in (0.0, 1e-2, 1.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < 0.7 * sizes[0]


def test_the_seed_decides_everything():
    np.testing.assert_array_equal(train(steps=20)[0].W, train(steps=20)[0].W)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": jnp.ones(5)}, r"\(6, 3\) and \(5,\)"),
        ({"x": jnp.ones((1, 3)), "y": jnp.ones(1)}, "n=1"),
        ({"y": jnp.full(6, jnp.nan)}, "y holds values"),
        ({"steps": 0}, "got 0"),
        ({"penalty": -1.0}, "-1.0"),
        ({"m": 3}, "m=3"),
        ({"learning_rate": math.inf, "steps": 3}, "diverged"),
    ],
)
def test_bad_input_is_named(changes, message):
    given = {"x": jnp.ones((6, 3)), "y": jnp.ones(6), "m": 4, "key": jax.random.key(0)}
    given |= {"activation": SINE} | changes
    with pytest.raises(ValueError, match=message):
        tl.fit_signed_network(given.pop("x"), given.pop("y"), **given)


def test_the_mean_wants_a_key_for_its_draws():
    fit, x_new, _ = train(steps=1)
    with pytest.raises(ValueError, match="both draws and key"):
        fit.predict_mean(x_new, draws=3)
