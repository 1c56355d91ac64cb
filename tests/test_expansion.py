"""Taylor terms against independent routes: nested jvp, 50-digit arithmetic, differences."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorlib as tl

ORDERS = range(7)
SMOOTH = {
    "tanh": jnp.tanh,
    "gelu_exact": lambda t: jax.nn.gelu(t, approximate=False),
    "gelu_tanh": jax.nn.gelu,
    "silu": jax.nn.silu,
    "sigmoid": jax.nn.sigmoid,
    "elu": jax.nn.elu,
    "softplus": jax.nn.softplus,
    "sin": jnp.sin,
    "erf": jax.scipy.special.erf,
}


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape))


def mlp(act):
    params = [normal(0, 3, 5) / 2, {"b": normal(1, 5) / 2, "w": normal(2, 5, 2) / 2}]
    return params, normal(3, 4, 3), lambda p, x: act(x @ p[0] + p[1]["b"]) @ p[1]["w"]


def conv():
    dims = ("NHWC", "HWIO", "NHWC")

    def f(p, x):
        h = jnp.tanh(jax.lax.conv_general_dilated(x, p[0], (1, 1), "SAME", dimension_numbers=dims))
        h = jax.lax.reduce_window(h, 0.0, jax.lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4
        return h.reshape(len(x), -1) @ p[1]

    return [normal(0, 3, 3, 2, 3) / 3, normal(1, 12, 2) / 3], normal(2, 2, 4, 4, 2), f


def layer_norm():
    def f(p, x):
        h = x @ p["w"]
        h = (h - h.mean(-1, keepdims=True)) / jnp.sqrt(h.var(-1, keepdims=True) + 0.1)
        return h * p["scale"]

    return {"w": normal(0, 3, 6), "scale": normal(1, 6)}, normal(2, 4, 3), f


def attention():
    def f(p, x):
        q, k, v = (jnp.einsum("btd,de->bte", x, p[name]) for name in "qkv")
        scores = jax.nn.softmax(jnp.einsum("bte,bse->bts", q, k) / 2.0)
        return jnp.einsum("bts,bse->bte", scores, v)

    return {name: normal(i, 4, 4) / 2 for i, name in enumerate("qkv")}, normal(4, 2, 3, 4), f


MODELS = {f"mlp_{name}": lambda act=act: mlp(act) for name, act in SMOOTH.items()}
MODELS |= {"conv": conv, "layer_norm": layer_norm, "attention": attention}


def moved(params, size=0.3):
    leaves, tree = jax.tree.flatten(params)
    steps = [size * normal(50 + i, *leaf.shape) for i, leaf in enumerate(leaves)]
    return jax.tree.unflatten(tree, [a + b for a, b in zip(leaves, steps, strict=True)])


@pytest.mark.parametrize("name", MODELS)
def test_terms_of_order_0_to_6_agree_with_nested_derivatives(name):
    params0, x, f = MODELS[name]()
    terms, nested = (  # each as one program, which is compiled faster than operation by operation
        jax.jit(lambda p, route=route: tl.taylor_terms(f, params0, p, x, 6, implementation=route))(
            moved(params0)
        )
        for route in ("auto", "nested")
    )
    for k in ORDERS:
        scale = float(jnp.abs(nested[k]).max())
        np.testing.assert_allclose(terms[k], nested[k], rtol=0, atol=1e-10 * scale)


@pytest.mark.parametrize("implementation", ["taylor", "jet", "nested"])
def test_terms_agree_with_50_digit_arithmetic(implementation):
    params0, x, f = mlp(jnp.tanh)
    params, x = moved(params0), x[:1]
    terms = tl.taylor_terms(f, params0, params, x, 6, implementation=implementation)
    with mpmath.workdps(50):
        w, b, v, xs = (
            np.asarray(a).tolist() for a in (params0[0], params0[1]["b"], params0[1]["w"], x[0])
        )
        dw, db, dv = (
            (np.asarray(new) - np.asarray(old)).tolist()
            for new, old in (
                (params[0], params0[0]),
                (params[1]["b"], params0[1]["b"]),
                (params[1]["w"], params0[1]["w"]),
            )
        )

        def along(t):
            total = mpmath.mpf(0)
            for j in range(5):
                z = mpmath.mpf(b[j]) + t * mpmath.mpf(db[j])
                z += sum(xs[i] * (mpmath.mpf(w[i][j]) + t * mpmath.mpf(dw[i][j])) for i in range(3))
                total += mpmath.tanh(z) * (mpmath.mpf(v[j][0]) + t * mpmath.mpf(dv[j][0]))
            return total

        reference = [float(c) for c in mpmath.taylor(along, 0, 6)]
    np.testing.assert_allclose(terms[:, 0, 0], reference, rtol=1e-12, atol=1e-14)


def test_first_and_second_terms_agree_with_central_differences():
    params0, x, f = mlp(jnp.tanh)
    params, step = moved(params0), 1e-4

    def at(t):
        return f(jax.tree.map(lambda a, b: a + t * (b - a), params0, params), x)

    terms = tl.taylor_terms(f, params0, params, x, 2)
    first = (at(step) - at(-step)) / (2 * step)
    second = (at(step) - 2 * at(0.0) + at(-step)) / (2 * step**2)
    np.testing.assert_allclose(terms[1], first, atol=1e-6)
    np.testing.assert_allclose(terms[2], second, atol=1e-6)


def test_order_1_is_jax_linearize():
    params0, x, f = mlp(jnp.tanh)
    params = moved(params0)
    value, tangent = jax.linearize(lambda p: f(p, x), params0)
    step = jax.tree.map(jnp.subtract, params, params0)
    model = tl.taylor_model(f, params0, 1)
    np.testing.assert_allclose(model(params, x), value + tangent(step), rtol=1e-13)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4])
def test_remainder_falls_with_the_power_k_plus_1_of_the_step(order):
    params0, x, f = mlp(jnp.tanh)
    model = tl.taylor_model(f, params0, order)
    steps = np.array([0.01, 0.02, 0.04])
    errors = [
        float(jnp.abs(f(p, x) - model(p, x)).max()) for p in (moved(params0, s) for s in steps)
    ]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order + 1, abs=0.15)  # the next order: relative .08


trees = st.recursive(
    st.lists(st.integers(1, 3), max_size=2).map(tuple),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda v: {"list": v}),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=2),
    ),
    max_leaves=4,
)


def build(shape_tree, seed):
    rng = np.random.default_rng(seed)
    is_shape = lambda node: isinstance(node, tuple)  # noqa: E731
    return jax.tree.map(lambda s: jnp.asarray(rng.standard_normal(s)), shape_tree, is_leaf=is_shape)


def cubic(params, x):
    total = sum(jnp.sum(leaf) for leaf in jax.tree.leaves(params))
    squares = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))
    return {"out": x * total**3 + squares, "constant": x}


@settings(max_examples=15)
@given(shapes=trees, seed=st.integers(0, 9))
def test_polynomial_of_degree_3_is_exact_at_order_3_and_misses_the_cube_at_order_2(shapes, seed):
    params0, params, x = build(shapes, seed), build(shapes, seed + 100), jnp.array([0.7, -1.1])
    exact = cubic(params, x)
    leaves = [jax.tree.leaves(p) for p in (params0, params)]
    moved_by = sum(jnp.sum(b - a) for a, b in zip(*leaves, strict=True))
    scale = (1 + sum(float(jnp.abs(leaf).sum()) for part in leaves for leaf in part)) ** 3
    for order, missing in ((2, x * moved_by**3), (3, 0.0), (4, 0.0)):
        got = tl.taylor_model(cubic, params0, order)(params, x)
        np.testing.assert_array_equal(got["constant"], exact["constant"])
        np.testing.assert_allclose(got["out"] + missing, exact["out"], atol=1e-13 * scale)


@settings(max_examples=15)
@given(shapes=trees, seed=st.integers(0, 9), c=st.floats(-2, 2).filter(lambda c: abs(c) > 0.01))
def test_term_k_is_homogeneous_of_degree_k_in_the_movement(shapes, seed, c):
    params0, step, x = build(shapes, seed), build(shapes, seed + 100), jnp.ones(1)

    def f(params, x):
        return jnp.sin(cubic(params, x)["out"] / 10)

    def terms(t):
        params = jax.tree.map(lambda a, b: a + t * b, params0, step)
        return tl.taylor_terms(f, params0, params, x, 4)[:, 0]

    once, scaled = terms(1.0), terms(c)
    for k in range(5):
        # The step itself is recovered from params to about 1e-16 / c.
        tolerance = 1e-11 * float(jnp.abs(once).max() + 1) * max(1.0, abs(c) ** k)
        np.testing.assert_allclose(scaled[k], c**k * once[k], rtol=1e-9, atol=tolerance)


def test_model_is_the_sum_of_its_terms_and_order_0_ignores_the_parameters():
    params0, x, f = attention()
    params = moved(params0)
    terms = tl.taylor_terms(f, params0, params, x, 4)
    np.testing.assert_allclose(tl.taylor_model(f, params0, 4)(params, x), terms.sum(0), rtol=1e-13)
    constant = tl.taylor_model(f, params0, 0)
    np.testing.assert_array_equal(constant(params, x), f(params0, x))
    assert not any(
        jnp.any(g) for g in jax.tree.leaves(jax.grad(lambda p: constant(p, x).sum())(params))
    )


def test_model_can_be_compiled_mapped_and_differentiated():
    params0, x, f = mlp(jnp.tanh)
    params, model = moved(params0), tl.taylor_model(f, params0, 3)
    reference = model(params, x)
    np.testing.assert_allclose(jax.jit(model)(params, x), reference, rtol=1e-13)
    np.testing.assert_allclose(jax.vmap(model, (None, 0))(params, x), reference, rtol=1e-13)
    nested = tl.taylor_model(f, params0, 3, implementation="nested")
    for argument in (0, 1):
        both = [
            jax.grad(lambda p, x, m=m: (m(p, x) ** 2).sum(), argument)(params, x)
            for m in (model, nested)
        ]
        for a, b in zip(*map(jax.tree.leaves, both), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("implementation", ["taylor", "jet", "nested"])
def test_single_precision_stays_single_and_integer_inputs_are_data(implementation):
    table = normal(0, 5, 3).astype(jnp.float32)
    model = tl.taylor_model(lambda t, i: jnp.tanh(t[i]), table, 2, implementation=implementation)
    out = model(table + 1, jnp.array([1, 4]))
    assert out.dtype == jnp.float32
    assert out.shape == (2, 3)


def looping(w, x):
    return jax.lax.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, jnp.sin(c[1])), (0, w * x))[
        1
    ]


def test_loop_of_unknown_length_falls_back_with_one_warning_that_names_the_operation():
    tl.expansion._told.clear()
    model = tl.taylor_model(looping, 0.4, 2)
    with pytest.warns(tl.TaylorModeFallbackWarning, match="while"):
        value = model(0.5, 2.0)
    assert value == tl.taylor_model(looping, 0.4, 2, implementation="nested")(0.5, 2.0)
    model(0.6, 2.0)  # told once: a second warning would be an error here


def test_relu_network_is_bilinear_in_two_layers_as_long_as_no_gate_flips():
    params0, x, f = mlp(jax.nn.relu)
    params = moved(params0, 0.01)
    np.testing.assert_allclose(tl.taylor_model(f, params0, 2)(params, x), f(params, x), rtol=1e-12)


UNSAFE = {
    "pow": lambda w, x: (w - 10.0) ** jnp.float64(3.0) * x,
    "rem": lambda w, x: jnp.remainder(w, 0.3) * x,
    "convert_element_type": lambda w, x: w.astype(int).astype(float) * w * x,
    "cond": lambda w, x: jax.lax.cond(x[0] > 0, jnp.sin, jnp.cos, w) * x,
}


@pytest.mark.parametrize("primitive", UNSAFE)
def test_operations_that_jet_gets_wrong_or_lacks_are_refused_there_and_have_a_rule_here(primitive):
    w, x, f = jnp.array([0.4, 1.7]), jnp.array([1.0, 2.0]), UNSAFE[primitive]
    with pytest.raises(NotImplementedError):
        tl.taylor_terms(f, w, w + 0.1, x, 3, implementation="jet")
    nested = tl.taylor_terms(f, w, w + 0.1, x, 3, implementation="nested")
    terms = tl.taylor_terms(f, w, w + 0.1, x, 3)  # a fallback would be an error here
    np.testing.assert_allclose(terms, nested, rtol=1e-11, atol=1e-12)


def test_softmax_attention_is_expanded_in_taylor_mode():
    params0, x, f = attention()  # a fallback would warn, and warnings are errors
    terms = tl.taylor_terms(f, params0, moved(params0), x, 4, implementation="jet")
    nested = tl.taylor_terms(f, params0, moved(params0), x, 4, implementation="nested")
    np.testing.assert_allclose(terms, nested, rtol=1e-10, atol=1e-13)


GATHER = jnp.array([0, 7])  # 7 is out of range: filled


@pytest.mark.parametrize(
    ("f", "operation"),
    [
        (lambda w, x: jax.lax.clamp(0.4, w, 3.0) ** 2, "clamp"),
        (lambda w, x: jnp.arcsinh(1e4 * w), "asinh"),
        (lambda w, x: w.at[GATHER].get(mode="fill", fill_value=2.0), "gather"),
    ],
)
def test_rules_found_wrong_are_refused_by_name(f, operation):
    w = jnp.array([0.4, 1.7])
    with pytest.raises(NotImplementedError, match=f"'{operation}'"):
        tl.taylor_terms(f, w, w + 0.1, 0.0, 3, implementation="jet")


def test_operations_on_data_alone_do_not_cause_a_fallback():
    w = jnp.array([0.4, 1.7])
    terms = tl.taylor_terms(lambda w, x: jnp.tanh(w * jax.nn.relu(x)), w, w + 0.1, w, 3)
    assert terms.shape == (4, 2)


def identity(w, x):
    return w


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tl.taylor_model(identity, 1.0, -1), ValueError, "got -1"),
        (lambda: tl.taylor_model(identity, 1.0, 1.5), TypeError, "got 1.5 of type float"),
        (lambda: tl.taylor_model(identity, 1.0, True), TypeError, "got True of type bool"),
        (
            lambda: tl.taylor_model(identity, {"w": jnp.arange(3)}, 1),
            TypeError,
            r"\['w'\].*int",
        ),
        (
            lambda: tl.taylor_model(identity, 1.0, 1, implementation="fast"),
            ValueError,
            "'nested'.*got 'fast'",
        ),
        (
            lambda: tl.taylor_model(identity, {"w": jnp.ones(3)}, 1)({"w": jnp.ones(2)}, 0),
            ValueError,
            r"\['w'\] has shape \(2,\), expected \(3,\)",
        ),
        (
            lambda: tl.taylor_model(identity, {"w": jnp.ones(3)}, 1)({"v": jnp.ones(3)}, 0),
            ValueError,
            r"'w'.*got.*'v'",
        ),
        (
            lambda: tl.taylor_model(lambda w, x: w > 0, jnp.ones(2), 1)(jnp.ones(2), 0),
            TypeError,
            "output of f.*bool",
        ),
    ],
)
def test_wrong_arguments_are_refused_with_value_and_remedy(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("implementation", ["taylor", "jet", "nested"])
def test_terms_carry_one_over_k_factorial(implementation):
    f = lambda w, x: jnp.exp(w * x)  # noqa: E731
    terms = tl.taylor_terms(f, 0.0, 1.0, 2.0, 6, implementation=implementation)
    np.testing.assert_allclose(terms, [2.0**k / math.factorial(k) for k in ORDERS], rtol=1e-14)
