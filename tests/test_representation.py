"""Whitened features are isotropic, blind to rotations, and keep the norms of functions."""

import math
import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import taylorlib as tl
from taylorlib import representation

KINDS = ("quadratic", "gelu", "relu", "indicator")


def sphere(n, d, seed):
    x = jax.random.normal(jax.random.key(seed), (n, d))
    return math.sqrt(d) * x / jnp.linalg.norm(x, axis=1, keepdims=True)


def features(kind, D, d, seed=0):
    return tl.random_features(kind, D, d, key=jax.random.key(seed))


@pytest.mark.parametrize(
    ("kind", "t", "value"),
    [("quadratic", -3.0, 9.0), ("relu", -1.0, 0.0), ("relu", 2.0, 2.0), ("indicator", 2.0, 1.0)],
)
def test_profile_has_its_formula(kind, t, value):
    assert float(representation.profile(kind)(t)) == value


@pytest.mark.parametrize("kind", KINDS)
def test_feature_is_the_profile_of_projection_plus_bias(kind):
    g, x = features(kind, 6, 4), sphere(5, 4, 1)
    for j in range(6):
        t = x @ g.V[j] + g.b[j]
        np.testing.assert_allclose(g(x)[:, j], representation.profile(kind)(t), atol=1e-14)


def test_directions_are_unit_vectors_and_biases_standard_gaussian():
    g = features("relu", 40_000, 3)
    np.testing.assert_allclose(jnp.linalg.norm(g.V, axis=1), 1, atol=1e-14)
    # Standard errors: .003 of a mean and .0025 of a second moment of 40,000 draws; four of them.
    np.testing.assert_allclose(g.V.mean(axis=0), 0, atol=0.012)
    np.testing.assert_allclose(g.V.T @ g.V / len(g.V), np.eye(3) / 3, atol=0.01)
    assert abs(g.b.mean()) < 0.02
    assert abs((g.b**2).mean() - 1) < 0.03


def test_same_key_gives_same_features_and_another_key_others():
    first, again, other = (features("gelu", 5, 3, seed) for seed in (1, 1, 2))
    assert jnp.array_equal(first.V, again.V)
    assert jnp.array_equal(first.b, again.b)
    assert not jnp.any(jnp.isclose(first.V, other.V))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_whitened_moment_is_the_identity_on_the_points_it_came_from(kind, seed):
    x = sphere(500, 4, seed)
    h = tl.whiten(features(kind, 20, 4, seed), x)
    # Rounding, magnified by the condition number, below 1e5 here.
    assert np.abs(tl.second_moment(h, x) - np.eye(h.transform.shape[1])).max() < 1e-10


@pytest.mark.parametrize("kind", KINDS)
def test_whitened_moment_is_near_the_identity_on_fresh_points(kind):
    n, d, D = 20_000, 4, 16
    h = tl.whiten(features(kind, D, d), sphere(n, d, 1))
    D = h.transform.shape[1]
    fresh = tl.second_moment(h, sphere(n, d, 2))
    # Entries deviate by sqrt((E h_i^2 h_j^2 + ...) / n), twice for two samples; E h^4 < 30 here.
    deviation = np.linalg.norm(fresh - np.eye(D)) / D
    assert 0.1 * math.sqrt(1 / n) < deviation < 5 * math.sqrt(2 / n)


def test_ridge_shrinks_each_direction_by_its_formula():
    x, g = sphere(400, 4, 1), features("gelu", 10, 4)
    plain, ridged = tl.whiten(g, x), tl.whiten(g, x, method="ridge", ridge=0.01)
    moment = tl.second_moment(ridged, x)
    values = np.linalg.eigvalsh(tl.second_moment(g, x))[::-1]
    expected = np.diag(values / (values + 0.01 * values.sum()))
    np.testing.assert_allclose(moment, expected, atol=1e-10)
    np.testing.assert_allclose(plain.eigenvalues, values, rtol=1e-9)


def test_truncation_is_the_head_of_the_pseudo_inverse():
    x, g = sphere(400, 4, 1), features("gelu", 10, 4)
    cut = tl.whiten(g, x, method="truncate", rank=3)
    np.testing.assert_array_equal(cut(x), tl.whiten(g, x)(x)[:, :3])


def test_quadratic_features_span_exactly_degree_two():
    d = 5
    x = sphere(2000, d, 1)
    h = tl.whiten(features("quadratic", d * d, d), x)
    assert h.transform.shape[1] == d * (d + 3) // 2
    exact = tl.degree_two(d)(x)
    residual = exact - h(x) @ np.linalg.lstsq(h(x), exact, rcond=None)[0]
    assert np.abs(residual).max() < 1e-9


def test_rank_is_found_in_single_precision_too():
    d = 7
    g = features("quadratic", d * d, d)
    h = tl.whiten(g, sphere(5000, d, 1).astype("float32"))
    assert h.transform.shape[1] == d * (d + 3) // 2
    assert h.transform.dtype == jnp.float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_of_the_inputs_rules(dtype):
    x, fine = sphere(60, 3, 1).astype(dtype), sphere(60, 3, 1)
    for h in (features("gelu", 9, 3), tl.degree_two(3), tl.whiten(features("gelu", 9, 3), fine)):
        assert h(x).dtype == dtype
        np.testing.assert_allclose(h(x), h(fine), rtol=0, atol=1e-3)
    assert features("relu", 4, 2)(jnp.ones((1, 2), int)).dtype == jnp.float32


def test_dead_constant_and_repeated_units_drop_out():
    def g(x):
        one = jnp.ones_like(x[:, :1])
        return jnp.concatenate([0 * one, x, 3 * one, x, 5 * one], axis=1)

    x = sphere(200, 3, 1)
    h = tl.whiten(g, x)
    assert h.transform.shape == (9, 4)
    assert np.abs(tl.second_moment(h, x) - np.eye(4)).max() < 1e-12
    assert np.isfinite(h(sphere(50, 3, 2))).all()


@given(st.integers(0, 1000))
def test_norm_lemma(seed):
    x, g = sphere(120, 3, seed), features("gelu", 9, 3, seed)
    h = tl.whiten(g, x)
    values = g(x) @ jax.random.normal(jax.random.key(seed), (9,))
    w, *_ = np.linalg.lstsq(h(x), values, rcond=None)
    np.testing.assert_allclose(h(x) @ w, values, atol=1e-9)
    assert math.isclose((w**2).sum(), (values**2).mean(), rel_tol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_rotating_inputs_and_directions_changes_nothing(kind):
    d = 4
    turn = jnp.linalg.qr(jax.random.normal(jax.random.key(7), (d, d)))[0]
    x, g = sphere(300, d, 1), features(kind, 12, d)
    turned = representation.RandomFeatures(g.V @ turn, g.b, kind)
    # Inner products, since eigenvectors may change their signs.
    gram = [h(z[:20]) @ h(z[:20]).T for h, z in ((tl.whiten(g, x), x),)]
    gram += [h(z[:20]) @ h(z[:20]).T for h, z in ((tl.whiten(turned, x @ turn), x @ turn),)]
    np.testing.assert_allclose(*gram, atol=1e-8)


def test_whitening_forgets_any_invertible_mixing_of_the_features():
    x, g = sphere(300, 3, 1), features("gelu", 8, 3)
    mix = jnp.eye(8) + 0.3 * jax.random.normal(jax.random.key(3), (8, 8))
    one, other = tl.whiten(g, x), tl.whiten(lambda x: g(x) @ mix, x)
    np.testing.assert_allclose(one(x) @ one(x).T, other(x) @ other(x).T, atol=1e-7)


@pytest.mark.parametrize("d", [2, 3, 6, 11])
def test_degree_two_has_constant_norm_and_the_kernel_of_the_addition_theorem(d):
    x = sphere(40, d, 1)
    h = tl.degree_two(d)(x)
    assert h.shape == (40, d * (d + 3) // 2)
    c = x @ x.T / d
    # N P_0 + N P_1 + N P_2 with N = 1, d, (d - 1)(d + 2) / 2.
    expected = 1 + d * c + (d + 2) / 2 * (d * c**2 - 1)
    np.testing.assert_allclose(h @ h.T, expected, atol=1e-12 * d**2)


def test_degree_two_is_orthonormal_on_the_sphere():
    # The vectors e_i +- e_j, scaled, integrate degree 3 exactly, but not degree 4; sample.
    n, d = 200_000, 4
    moment = tl.second_moment(tl.degree_two(d), sphere(n, d, 1))
    # Entries deviate by at most sqrt(E h_i^2 h_j^2 / n) <= sqrt(3 / n); five of them.
    assert np.abs(moment - np.eye(d * (d + 3) // 2)).max() < 5 * math.sqrt(3 / n)


def test_represent_is_the_call_of_any_map():
    x = sphere(7, 3, 1)
    for h in (features("relu", 5, 3), tl.degree_two(3), lambda x: x**3):
        np.testing.assert_allclose(representation.represent(h, x), h(x), atol=1e-14)


def test_second_moment_does_not_depend_on_how_points_fall_into_batches(monkeypatch):
    x, g = sphere(533, 3, 1), features("gelu", 7, 3)
    whole = g(x).T @ g(x) / 533
    for size in (7, 100, 533, 1000):
        monkeypatch.setattr(representation, "_BATCH", size)
        np.testing.assert_allclose(tl.second_moment(g, x), whole, rtol=1e-12)


def test_memory_does_not_grow_with_the_number_of_points():
    g, x = features("relu", 200, 3), np.asarray(sphere(40_000, 3, 1))
    tl.second_moment(g, x[:2048])
    tracemalloc.start()
    tl.second_moment(g, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All features at once would take 64 MB; one batch takes 3.3 MB.
    assert peak < 12e6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, g: features("sigmoid", 3, 2), "quadratic, gelu, relu, indicator; got 'sigmoid'"),
        (lambda x, g: features("relu", 0, 2), "got D = 0 and d = 2"),
        (lambda x, g: tl.degree_two(1), "d >= 2, got 1"),
        (lambda x, g: tl.whiten(g, x, method="svd"), "got 'svd'"),
        (lambda x, g: tl.whiten(g, x, method="truncate"), "rank of at least 1; got None"),
        (lambda x, g: tl.whiten(g, x, method="truncate", rank=0), "got 0"),
        (lambda x, g: tl.whiten(g, x, rank=2), "only it, takes a rank"),
        (lambda x, g: tl.whiten(g, x, method="truncate", rank=6), "the 5 positive eig.*got 6"),
        (lambda x, g: tl.whiten(g, x, method="ridge"), "positive weight ridge; got None"),
        (lambda x, g: tl.whiten(g, x, method="ridge", ridge=-1.0), "got -1.0"),
        (lambda x, g: tl.whiten(g, x, method="ridge", ridge=math.nan), "got nan"),
        (lambda x, g: tl.whiten(g, x, ridge=0.1), "only it, takes a positive weight"),
        (lambda x, g: tl.whiten(g, x[:4]), "5 features .* got 4"),
        (lambda x, g: tl.whiten(g, x.at[3, 1].set(jnp.nan)), "not finite"),
        (lambda x, g: tl.whiten(lambda x: 0 * g(x), x), "all features are zero"),
        (lambda x, g: tl.second_moment(g, x[0]), r"shape \(3,\)"),
        (lambda x, g: g(x[:, :2]), r"\[n, 3\], got shape \(50, 2\)"),
        (lambda x, g: tl.degree_two(4)(x), r"\[n, 4\], got shape \(50, 3\)"),
        (lambda x, g: representation.represent(g, x[0]), r"shape \(3,\)"),
        (lambda x, g: representation.represent(lambda x: x[0], x), r"returned shape \(3,\)"),
    ],
)
def test_bad_input_is_refused_with_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call(sphere(50, 3, 1), features("gelu", 5, 3))
