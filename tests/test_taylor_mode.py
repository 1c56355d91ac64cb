"""Taylor mode against nested derivatives, 50-digit arithmetic and the count of its products."""

import functools
import math
import operator

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from test_expansion import attention, conv, layer_norm, looping, mlp, moved, normal
from test_jet_trust import DOMAINS, MIXED, POSITIVE, PROGRAMS, REFUSED, VELOCITY, along_a_curve

import taylorlib as tl
from taylorlib import taylor_products
from taylorlib.taylor_coefficients import NoTaylorRuleError, nested_coefficients
from taylorlib.taylor_mode import taylor_mode_coefficients

ORDER = 6


def both_ways(g, leaves, directions, order=ORDER):
    """All coefficients, by Taylor mode and by nested derivatives, each compiled as one."""
    return [
        jax.jit(lambda p, v, route=route: route(g, p, v, order))(leaves, directions)
        for route in (taylor_mode_coefficients, nested_coefficients)
    ]


def assert_equal_coefficients(g, leaves, directions, order=ORDER, tolerance=1e-10):
    taylor, nested = both_ways(g, leaves, directions, order)
    for got, expected in zip(taylor, nested, strict=True):
        for a, b in zip(got, expected, strict=True):
            assert a.shape == b.shape
            assert a.dtype == b.dtype
            scale = max(1e-3, float(jnp.abs(b).max()))
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


# --- Single operations: programs and points are those of test_jet_trust.py, where every
# argument follows a curve all of whose coefficients are different from zero.

ALL_PROGRAMS = PROGRAMS | {k: [f] for k, f in REFUSED.items() if k != "custom_vjp_call"}
MORE_PROGRAMS = {
    "tan": [lax.tan],
    "atan": [lax.atan],
    "asin": [lax.asin],
    "acos": [lax.acos],
    "cbrt": [lax.cbrt],
    "lgamma": [lambda u: lax.lgamma(2 + u)],
    "digamma": [lambda u: lax.digamma(2 + u)],
    "power": [lambda u: (3 + u) ** u[::-1], lambda u: u ** jnp.float64(3.0)],
    "angle": [lambda u: jnp.arctan2(u + 0.1, u[::-1])],
    "logaddexp": [lambda u: jnp.logaddexp(u, u[::-1]), jax.nn.softplus],
    "logsumexp": [jax.nn.logsumexp],
    "sort": [jnp.sort, lambda u: lax.sort([u[::-1] ** 2, u], num_keys=1)[1]],
    "top_k": [lambda u: lax.top_k(u**2 + u, 2)[0]],
    "argmax": [lambda u: u * jnp.argmax(u)],
    "to_int": [lambda u: u * u.astype(int)],
    "reduce_prod": [lambda u: jnp.prod(1 + u), lambda u: jnp.prod(u.reshape(2, 3), 1)],
    "reduce_window_max": [
        lambda u: lax.reduce_window(u, -jnp.inf, lax.max, (3,), (2,), "SAME"),
        lambda u: lax.reduce_window(u.reshape(2, 3), jnp.inf, lax.min, (2, 2), (1, 1), "SAME"),
    ],
    "scatter": [lambda u: u.at[jnp.array([0, 3])].set(u[:2] ** 2)],
    "scatter_mul": [lambda u: u.at[jnp.array([0, 3])].multiply(u[1:3], unique_indices=True)],
    "cholesky": [lambda u: jnp.linalg.cholesky(jnp.eye(3) + jnp.outer(u[:3], u[:3]))],
    "solve": [lambda u: jnp.linalg.solve(jnp.eye(3) + jnp.outer(u[:3], u[:3]), u[3:])],
    "debug": [lambda u: (jax.debug.callback(lambda _: None, u[0]), u * u)[1]],
}
PROGRAMS_BY_NAME = [
    pytest.param(name, f, id=f"{name}-{i}")
    for table in (ALL_PROGRAMS, MORE_PROGRAMS)
    for name, programs in table.items()
    for i, f in enumerate(programs)
]
MORE_DOMAINS = {"acos": DOMAINS["atanh"], "asin": DOMAINS["atanh"], "cbrt": POSITIVE}
SMOOTH_ORDERS = {"cholesky": 4, "solve": 4, "scatter_mul": 4}


@pytest.mark.parametrize(("name", "program"), PROGRAMS_BY_NAME)
def test_operation_agrees_with_nested_derivatives_up_to_order_6(name, program):
    default = POSITIVE if name in REFUSED else MIXED
    point = jnp.array((DOMAINS | MORE_DOMAINS).get(name, default))
    # One program goes through single precision.
    tolerance = 1e-6 if name == "convert_element_type" else 1e-10
    assert_equal_coefficients(
        along_a_curve(program, point),
        [point],
        [jnp.array(VELOCITY)],
        SMOOTH_ORDERS.get(name, ORDER),
        tolerance,
    )


# Name -> the function in JAX and in 50-digit arithmetic, and points: the middle, near
# singularities, and where the function is flat or cancels.
REFERENCE = {
    "exp": (jnp.exp, mpmath.exp, [-700.0, -20.0, 0.0, 1.0, 300.0]),
    "exp2": (jnp.exp2, lambda t: mpmath.power(2, t), [-20.0, 0.0, 10.0]),
    "expm1": (jnp.expm1, mpmath.expm1, [-40.0, -1e-12, 0.0, 3.0]),
    "log": (jnp.log, mpmath.log, [1e-3, 1.0, 1e5]),
    "log1p": (jnp.log1p, mpmath.log1p, [-0.99, -1e-12, 0.0, 1e5]),
    "tanh": (jnp.tanh, mpmath.tanh, [-3.0, -1e-9, 0.0, 0.5, 3.0]),
    "logistic": (jax.nn.sigmoid, lambda t: 1 / (1 + mpmath.exp(-t)), [-30.0, -1.0, 0.0, 4.0]),
    "softplus": (
        jax.nn.softplus,
        lambda t: mpmath.log(1 + mpmath.exp(t)),
        [-30.0, -0.5, 0.0, 30.0],
    ),
    "erf": (lax.erf, mpmath.erf, [-2.5, 0.0, 1e-9, 2.5]),
    "erfc": (lax.erfc, mpmath.erfc, [-2.5, 0.0, 2.5, 6.0]),
    "sin": (jnp.sin, mpmath.sin, [-2.0, 0.0, 1.0, 50.0]),
    "cos": (jnp.cos, mpmath.cos, [-2.0, 0.0, 1.0, 50.0]),
    "tan": (jnp.tan, mpmath.tan, [-1.5, 0.0, 0.7]),
    "sinh": (jnp.sinh, mpmath.sinh, [-3.0, 0.0, 20.0]),
    "cosh": (jnp.cosh, mpmath.cosh, [-3.0, 0.0, 20.0]),
    "asinh": (jnp.arcsinh, mpmath.asinh, [-1e4, -1.0, 0.0, 1e4]),
    "acosh": (jnp.arccosh, mpmath.acosh, [1.1, 2.0, 1e4]),
    "atanh": (jnp.arctanh, mpmath.atanh, [-0.9, 0.0, 0.5]),
    "atan": (jnp.arctan, mpmath.atan, [-30.0, 0.0, 0.8]),
    "asin": (jnp.arcsin, mpmath.asin, [-0.9, 0.0, 0.5]),
    "sqrt": (jnp.sqrt, mpmath.sqrt, [1e-3, 1.0, 1e5]),
    "rsqrt": (lax.rsqrt, lambda t: 1 / mpmath.sqrt(t), [1e-3, 1.0, 1e5]),
    "cbrt": (jnp.cbrt, mpmath.cbrt, [1e-3, 1.0, 1e5]),
    "reciprocal": (lambda t: 1 / t, lambda t: 1 / t, [-2.0, 1e-3, 1e5]),
    "power 3": (lambda t: lax.integer_pow(t, 3), lambda t: t**3, [-2.0, 0.0, 1e5]),
    "power -2": (lambda t: lax.integer_pow(t, -2), lambda t: t**-2, [-2.0, 1e-3, 1e5]),
    "power 2.5": (lambda t: t ** jnp.float64(2.5), lambda t: t**2.5, [1e-3, 1.0, 1e5]),
    "lgamma": (lax.lgamma, mpmath.loggamma, [0.1, 1.5, 30.0]),
    "gelu": (
        functools.partial(jax.nn.gelu, approximate=False),
        lambda t: t * mpmath.ncdf(t),
        [-3.0, 0.0, 1e-9, 3.0],
    ),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_coefficients_of_a_function_agree_with_50_digit_arithmetic(name):
    f, exact, points = REFERENCE[name]
    # Small steps near a singularity keep all coefficients of comparable size.
    steps = [0.7 * min(1.0, abs(p)) if name in ("log", "sqrt") else 0.7 for p in points]
    levels = taylor_mode_coefficients(
        lambda t: [f(t)], [jnp.array(points)], [jnp.array(steps)], ORDER
    )
    got = np.array([level[0] for level in levels])
    with mpmath.workdps(50):
        for i, (point, step) in enumerate(zip(points, steps, strict=True)):
            along = mpmath.taylor(exact, mpmath.mpf(point), ORDER)
            expected = [float(c * mpmath.mpf(step) ** j) for j, c in enumerate(along)]
            # Where a value is the difference of larger ones (1 - h, 1 + x), it is right to
            # their precision.
            np.testing.assert_allclose(got[:, i], expected, rtol=1e-9, atol=2e-15)


@pytest.mark.parametrize(("point", "rtol"), [(10.0, 1e-7), (15.0, 1e-3)])
def test_slope_of_tanh_where_it_is_flat_is_as_good_as_that_of_jax(point, rtol):
    # (1 - h)(1 + h): the best that the rounded value h allows. A compiler may round the product
    # in two ways, an eps apart; 1 - h^2 would be off by eps / (1 - h^2), ten million times that.
    (_,), (slope,) = taylor_mode_coefficients(lambda t: [jnp.tanh(t)], [point], [1.0], 1)
    eps = np.finfo(float).eps
    assert float(slope) == pytest.approx(float(jax.grad(jnp.tanh)(point)), rel=2 * eps, abs=0)
    assert float(slope) == pytest.approx(float(mpmath.sech(point) ** 2), rel=rtol)


# --- Models


def pooled(reduce_max):
    dims = ("NHWC", "HWIO", "NHWC")

    def f(p, x):
        h = lax.conv_general_dilated(x, p[0], (1, 1), "SAME", dimension_numbers=dims)
        if reduce_max:
            h = lax.reduce_window(jnp.sin(h), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")
        else:
            h = lax.reduce_window(jnp.tanh(h), 0.0, lax.add, (1, 3, 3, 1), (1, 1, 1, 1), "SAME")
        return jnp.tanh(h).mean((1, 2)) @ p[1]

    return [normal(0, 3, 3, 2, 3) / 3, normal(1, 3, 2)], normal(2, 2, 4, 4, 2), f


def im2col():
    def f(p, x):
        patches = lax.conv_general_dilated_patches(
            x, (3, 3), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jnp.tanh(patches @ p[0]).reshape(len(x), -1) @ p[1]

    return [normal(0, 18, 3) / 3, normal(1, 48, 2) / 3], normal(2, 2, 4, 4, 2), f


def embedding():
    def f(p, tokens):
        h = jnp.concatenate([p["table"][tokens], p["place"]], axis=-1)
        return jax.nn.softmax(jnp.tanh(h) @ p["out"])

    params = {"table": normal(0, 7, 3), "place": normal(1, 4, 2), "out": normal(2, 5, 3)}
    return params, jnp.array([1, 6, 1, 0]), f


def recurrent():
    def f(p, x):
        def step(h, xt):
            h = jnp.tanh(xt @ p["in"] + h @ p["again"])
            return h, h.sum()

        h, sums = lax.scan(step, jnp.zeros(3), x)
        return jnp.concatenate([h, sums])

    return {"in": normal(0, 2, 3), "again": normal(1, 3, 3) / 2}, normal(2, 4, 2), f


def branching():
    def f(p, x):
        h = lax.cond(p[0, 0] > x, jnp.sin, lambda w: w @ w, p)
        return lax.switch(jnp.array(1), [jnp.cos, jnp.exp, lambda w: w], h) + x

    return normal(0, 3, 3), 0.1, f


def checkpointed():
    params, x, f = mlp(jnp.tanh)
    return params, x, jax.checkpoint(f)


def tied():
    # The same weights twice, and transposed: the movement meets itself.
    return (
        normal(0, 3, 3),
        normal(1, 4, 3),
        lambda w, x: jax.nn.gelu(jax.nn.silu(x @ w) @ w.T) @ (w @ w),
    )


def cross_entropy():
    params, x, f = mlp(jax.nn.relu)
    return params, x, lambda p, x: jax.nn.log_softmax(f(p, x))[:, 0].mean()


MODELS = {
    "mlp_tanh": lambda: mlp(jnp.tanh),
    "mlp_softplus": lambda: mlp(jax.nn.softplus),
    "mlp_gelu": lambda: mlp(jax.nn.gelu),
    "mlp_relu": lambda: mlp(jax.nn.relu),
    "mlp_maximum": lambda: mlp(lambda t: jnp.maximum(t, 0.0)),
    "mlp_leaky_relu": lambda: mlp(jax.nn.leaky_relu),
    "conv": conv,
    "im2col": im2col,
    "max_pooling": lambda: pooled(True),
    "average_pooling": lambda: pooled(False),
    "layer_norm": layer_norm,
    "attention": attention,
    "embedding": embedding,
    "recurrent": recurrent,
    "branching": branching,
    "checkpointed": checkpointed,
    "tied": tied,
    "cross_entropy": cross_entropy,
}


def as_leaves(params, x, f):
    """The model as a function of leaves, as the routes take it, with a line."""
    leaves, tree = jax.tree.flatten(params)
    directions = [b - a for a, b in zip(leaves, jax.tree.leaves(moved(params)), strict=True)]
    return lambda *v: [f(jax.tree.unflatten(tree, v), x)], leaves, directions


@pytest.mark.parametrize("name", MODELS)
def test_model_agrees_with_nested_derivatives_up_to_order_6(name):
    assert_equal_coefficients(*as_leaves(*MODELS[name]()))


@pytest.mark.parametrize("name", ["mlp_tanh", "conv", "attention", "tied"])
def test_result_is_the_same_with_and_without_stacked_products(name, monkeypatch):
    g, leaves, directions = as_leaves(*MODELS[name]())
    results = []
    for share in (0, math.inf):
        monkeypatch.setattr(taylor_products, "STACK_UP_TO", share)
        results.append(taylor_mode_coefficients(g, leaves, directions, 4))
    for a, b in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-13 * float(jnp.abs(b).max()))


def taylor_and_nested(params0, f, order):
    return [
        tl.taylor_model(f, params0, order, implementation=route) for route in ("taylor", "nested")
    ]


def assert_equal_trees(a, b, rtol=1e-10):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * float(jnp.abs(y).max() + 1e-3))


DIFFERENTIATED = [
    "mlp_tanh",
    "mlp_relu",
    "mlp_gelu",
    "conv",
    "layer_norm",
    "attention",
    "recurrent",
]


@pytest.mark.parametrize("name", [*DIFFERENTIATED, "max_pooling"])
def test_gradient_in_the_parameters_agrees_with_nested_derivatives(name):
    params0, x, f = MODELS[name]()
    gradients = [
        jax.jit(jax.grad(lambda p, m=m: (m(p, x) ** 2).sum()))(moved(params0))
        for m in taylor_and_nested(params0, f, 3)
    ]
    assert_equal_trees(*gradients)


@pytest.mark.parametrize("name", ["mlp_tanh", "mlp_gelu", "layer_norm", "conv"])
def test_gradient_in_the_input_agrees_with_nested_derivatives(name):
    # Here the value z_0 of every series has a derivative too.
    params0, x, f = MODELS[name]()
    gradients = [
        jax.jit(jax.grad(lambda x, m=m: (m(moved(params0), x) ** 2).sum()))(x)
        for m in taylor_and_nested(params0, f, 3)
    ]
    assert_equal_trees(*gradients)


@pytest.mark.parametrize("name", ["mlp_tanh", "mlp_gelu", "layer_norm"])
def test_second_derivatives_agree_with_nested_derivatives(name):
    params0, x, f = MODELS[name]()
    params = moved(params0)
    step = jax.tree.map(jnp.cos, params)

    def product_with_hessian(model):
        gradient = jax.grad(lambda p: (model(p, x) ** 2).sum())
        return jax.jit(lambda p: jax.jvp(gradient, [p], [step])[1])(params)

    assert_equal_trees(*map(product_with_hessian, taylor_and_nested(params0, f, 3)))


@pytest.mark.parametrize("name", ["mlp_tanh", "attention", "conv"])
def test_mapping_over_parameters_is_the_loop_over_them(name):
    params0, x, f = MODELS[name]()
    model = tl.taylor_model(f, params0, 3, implementation="taylor")
    several = jax.tree.map(lambda p: jnp.stack([p + 0.1, p - 0.2]), params0)
    mapped = jax.jit(jax.vmap(model, (0, None)))(several, x)
    one_by_one = [model(jax.tree.map(lambda p, i=i: p[i], several), x) for i in range(2)]
    np.testing.assert_allclose(mapped, jnp.stack(one_by_one), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["mlp_tanh", "mlp_relu", "conv", "attention", "layer_norm"])
def test_single_precision_stays_single(name):
    params0, x, f = jax.tree.map(lambda a: a, MODELS[name]())
    params0, x = jax.tree.map(lambda a: a.astype(jnp.float32), (params0, x))
    model = tl.taylor_model(f, params0, 4, implementation="taylor")
    exact = tl.taylor_model(f, *jax.tree.map(lambda a: a.astype(float), [params0]), 4)
    out = model(jax.tree.map(lambda a: a + jnp.float32(0.1), params0), x)
    assert out.dtype == jnp.float32
    reference = exact(jax.tree.map(lambda a: a.astype(float) + 0.1, params0), x.astype(float))
    np.testing.assert_allclose(out, reference, rtol=0, atol=1e-4 * float(jnp.abs(reference).max()))


# --- Cost: what is known to be zero is not computed


def multiplications_of(eqn) -> int:
    """How many multiplications of numbers the operation takes."""
    inputs, (out,) = ([v.aval.shape for v in side] for side in (eqn.invars, eqn.outvars))
    if eqn.primitive.name == "conv_general_dilated":
        kernel = inputs[1]
        filters = kernel[eqn.params["dimension_numbers"].rhs_spec[0]]
        return math.prod(out) * math.prod(kernel) // max(filters, 1)
    (contracted, _), _ = eqn.params["dimension_numbers"]
    return math.prod(out) * math.prod(inputs[0][d] for d in contracted)


def multiplications(jaxpr):
    """How many numbers all matrix products and convolutions multiply."""
    found = 0
    for eqn in jaxpr.eqns:
        if eqn.primitive.name in ("dot_general", "conv_general_dilated"):
            found += multiplications_of(eqn)
        for inner in jax.tree.leaves(eqn.params, is_leaf=lambda v: hasattr(v, "eqns")):
            inner = getattr(inner, "jaxpr", inner)
            found += multiplications(inner) if hasattr(inner, "eqns") else 0
    return found


N, BATCH = 5, 7


@functools.cache
def count(order, layers, act, differentiate):
    """In units of one dense layer's product: the model, or its gradient as well."""
    x, weights = jnp.ones((BATCH, N)), [jnp.ones((N, N))] * layers

    def f(params, x):
        for w in params[:-1]:
            x = act(x @ w)
        return x @ params[-1]

    model = tl.taylor_model(f, weights, order, implementation="taylor")
    run = jax.grad(lambda p: model(p, x).sum()) if differentiate else lambda p: model(p, x)
    # Compiled calls are traced into, and what no output needs is dropped, as the compiler does.
    program = jax.make_jaxpr(run)(weights).jaxpr
    return multiplications(program) / (BATCH * N * N)


@pytest.mark.parametrize("order", range(1, 7))
@pytest.mark.parametrize("stack", [0, math.inf])
def test_dense_layer_takes_2k_plus_1_products_forward_and_3k_minus_1_backward(
    order, stack, monkeypatch
):
    monkeypatch.setattr(taylor_products, "STACK_UP_TO", stack)
    count.cache_clear()
    for differentiate, products in ((False, 2 * order + 1), (True, 5 * order)):
        one_more = count(order, 4, jnp.tanh, differentiate) - count(
            order, 3, jnp.tanh, differentiate
        )
        assert one_more == products
    # The first layer: its input doesn't move, so it has two coefficients and one derivative.
    first = count(order, 1, jnp.tanh, False), count(order, 1, jnp.tanh, True)
    assert first[0] == 2
    assert first[1] <= 3


def test_with_frozen_gates_layer_l_is_a_polynomial_of_degree_l():
    # Degrees 1, 2, 3 of the sums; a layer of degree d costs 2d + 1 until d reaches the order.
    relu = functools.partial(jnp.maximum, 0.0)
    totals = [count(6, layers, relu, False) for layers in range(1, 5)]
    assert np.diff([0, *totals]).tolist() == [2, 4, 6, 8]


def test_constants_stay_constant_and_sums_stay_short():
    f = lambda w, x: jnp.tanh(x) * w + jnp.sin(x)  # noqa: E731
    program = jax.make_jaxpr(lambda w: tl.taylor_terms(f, 1.0, w, 2.0, 6, implementation="taylor"))
    names = [eqn.primitive.name for eqn in program(1.5).jaxpr.eqns]
    assert names.count("mul") == 2  # w_0 and the movement, times tanh(x)


def test_products_are_stacked_only_up_to_a_share_of_their_partner(monkeypatch):
    def dots(share):
        monkeypatch.setattr(taylor_products, "STACK_UP_TO", share)
        params0, x, f = mlp(jnp.tanh)
        model = tl.taylor_model(f, params0, 5, implementation="taylor")
        return str(jax.make_jaxpr(model)(params0, x)).count("dot_general")

    assert dots(0) == 2 + 11
    assert dots(math.inf) == 2 + 4


# --- Random programs

UNARY = [
    jnp.tanh,
    jnp.sin,
    jax.nn.sigmoid,
    jax.nn.relu,
    jax.nn.softplus,
    jnp.square,
    lambda a: jnp.exp(-jnp.square(a)),
    lambda a: jnp.sqrt(1.0 + a * a),
    lambda a: lax.rsqrt(1.5 + jnp.sin(a)),
    lambda a: jnp.log(2.0 + jnp.cos(a)),
    lambda a: a.T,
    lambda a: a[::-1, jnp.array([1, 0, 2])],
    lambda a: a - a.mean(0, keepdims=True),
    lambda a: jnp.cumsum(a, 1),
    lambda a: jax.nn.softmax(a),
    lambda a: jnp.where(a > 0, a, jnp.sin(a)),
    lambda a: lax.stop_gradient(a) * a,
    lambda a: jnp.broadcast_to(a.max(1, keepdims=True), a.shape),
    lambda a: jnp.pad(a[:2], ((1, 0), (0, 0))),
    jnp.abs,
]
BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.matmul,
    lambda a, b: a / (2.0 + jnp.sin(b)),
    jnp.maximum,
    jnp.minimum,
    lambda a, b: jnp.concatenate([a, b])[1:4],
    lambda a, b: jnp.einsum("ij,kj->ik", a, b),
]
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(UNARY), st.integers(0, 9)),
        st.tuples(st.sampled_from(BINARY), st.integers(0, 9), st.integers(0, 9)),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60)
@given(steps=steps, seed=st.integers(0, 99), order=st.integers(0, 4))
def test_random_program_agrees_with_nested_derivatives(steps, seed, order):
    rng = np.random.default_rng(seed)
    u, v, w, du, dv = (jnp.asarray(rng.standard_normal((3, 3))) for _ in range(5))

    def g(u, v):
        known = [u, v, w]  # w is data
        for f, *which in steps:
            known.append(f(*(known[i % len(known)] for i in which)))
        return [known[-1]]

    assert_equal_coefficients(g, [u, v], [du, dv], order, tolerance=1e-10)


# --- What has no rule


def test_loop_without_a_fixed_number_of_steps_is_refused_by_name():
    with pytest.raises(NotImplementedError, match=r"'while'.*no fixed number of steps"):
        tl.taylor_model(looping, 0.3, 2, implementation="taylor")(0.4, 2.0)


def test_derivative_written_for_reverse_mode_only_is_refused_by_name():
    with pytest.raises(NoTaylorRuleError, match=r"custom_vjp.*reverse mode only"):
        taylor_mode_coefficients(
            lambda w: [REFUSED["custom_vjp_call"](w)], [jnp.ones(2)], [jnp.ones(2)], 2
        )


def test_operation_that_jax_cannot_differentiate_is_refused_by_name():
    def f(w):
        return [jax.pure_callback(np.sin, jax.ShapeDtypeStruct((2,), float), w)]

    with pytest.raises(NoTaylorRuleError, match=r"pure_callback.*can't differentiate"):
        taylor_mode_coefficients(f, [jnp.ones(2)], [jnp.ones(2)], 2)
