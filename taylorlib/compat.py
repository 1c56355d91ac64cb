"""neural-tangents 0.6.5 on today's JAX, without TensorFlow.

    from taylorlib.compat import neural_tangents as nt

The last release of neural-tangents (December 2023) asks JAX for names that have since moved
and imports a TensorFlow bridge that nobody here needs. While it is being imported, this module
lends JAX the old names and puts an empty module in the bridge's place; then it takes everything
back. The import happens at the first use of ``compat.neural_tangents``, not before.

``repair_structured_ntk`` is separate: only implementation 3 of ``empirical_ntk_fn`` needs it.
"""

import contextlib
import importlib
import importlib.metadata
import math
import sys
import threading
import types
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.extend.core
import jax.extend.linear_util  # neural-tangents takes it as an attribute of jax
import jax.numpy as jnp
from jax.interpreters import ad

__all__ = ["SUPPORTED_VERSION", "repair_structured_ntk"]

SUPPORTED_VERSION = "0.6.5"
_INSTALL = f"pip install --no-deps neural-tangents=={SUPPORTED_VERSION}"
# Two threads that lend and take back at once would take from each other.
_lock = threading.RLock()


def __getattr__(name: str) -> Any:
    if name != "neural_tangents":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _lock:
        package = _import()
        # From now on this is an ordinary attribute and __getattr__ isn't asked again.
        globals()[name] = package
    return package


def repair_structured_ntk() -> types.ModuleType:
    """Make implementations 3 and 0 of ``empirical_ntk_fn`` work.

    Implementation 3 (structured derivatives) rests on copies of JAX's internals that JAX has
    since rewritten; implementation 0 tries the others and takes the cheapest. The functions
    that fail are replaced in neural-tangents; JAX isn't touched. Implementations 1 and 2 work
    without this and are not changed by it. Calling it again does nothing more.

    Returns:
        The module ``neural_tangents``.

    Raises:
        ImportError: If neural-tangents 0.6.5 isn't installed.

    Examples:
        >>> import jax.numpy as jnp
        >>> from taylorlib import compat
        >>> nt = compat.repair_structured_ntk()
        >>> kernel_fn = nt.empirical_ntk_fn(lambda w, x: x @ w, implementation=3)
        >>> kernel_fn(jnp.eye(2, 3), None, jnp.ones((3, 1))).tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    References:
        Novak, Sohl-Dickstein & Schoenholz (2022), *Fast Finite Width Neural Tangent Kernel*,
        arXiv 2206.08720, section 3.
    """
    package = sys.modules[__name__].neural_tangents
    empirical = sys.modules["neural_tangents._src.empirical"]
    empirical._get_primals_out_and_pullback = _primals_out_and_pullback
    empirical._eqn_vjp_fn = _transpose_equation
    empirical._get_flops = _flops
    # Its reverse pass reads a few names of JAX at run time that are gone.
    empirical.ad = _Overlay(
        ad,
        config=types.SimpleNamespace(jax_enable_checks=False),
        source_info_util=types.SimpleNamespace(
            transform_name_stack=lambda name: contextlib.nullcontext()
        ),
    )
    empirical.core = _Overlay(
        jax.core, Var=jax.extend.core.Var, DShapedArray=type("DShapedArray", (), {})
    )
    return package


def _import() -> types.ModuleType:
    try:
        version = importlib.metadata.version("neural-tangents")
    except importlib.metadata.PackageNotFoundError:
        raise ImportError(f"neural-tangents is not installed. Run: {_INSTALL}") from None
    if version != SUPPORTED_VERSION:
        raise ImportError(
            f"neural-tangents {version} is installed; this module is written for "
            f"{SUPPORTED_VERSION}. Run: {_INSTALL}"
        )
    if not _is_imported():
        # A plain import may have failed half-way and left pieces behind.
        for name in [n for n in sys.modules if n.split(".")[0] == "neural_tangents"]:
            del sys.modules[name]
        with _old_jax():
            importlib.import_module("neural_tangents")
    _repair()
    return sys.modules["neural_tangents"]


def _repair() -> None:
    """Keep neural-tangents off two calls that fail, or will fail."""
    # max_learning_rate calls SciPy with an argument that SciPy 1.14 dropped, but only for
    # arrays on the CPU; nothing else asks where an array is. Send it down the JAX path.
    sys.modules["neural_tangents._src.predict"]._is_on_cpu = lambda x: False
    # Empirical kernels ask for the dtype of an array and the size of a shape in a way that
    # warns today and that JAX will turn into an error.
    sys.modules["neural_tangents._src.empirical"].jnp = _Overlay(
        jnp,
        dtype=lambda a: jnp.dtype(getattr(a, "dtype", a)),
        size=lambda a: math.prod(jnp.shape(a)),
    )


def _is_imported() -> bool:
    # Kernel is the last name that the package defines.
    return hasattr(sys.modules.get("neural_tangents"), "Kernel")


@contextlib.contextmanager
def _old_jax() -> Iterator[None]:
    """Lend JAX what it has dropped, for the time of an import."""
    names, modules = _moved_names(), _stand_in_modules()
    before = {name: sys.modules.get(name) for name in modules}
    for module, name, value in names:
        setattr(module, name, value)
    sys.modules.update(modules)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside a package that is frozen
            yield
    finally:
        for module, name, _ in names:
            delattr(module, name)
        for name, module in before.items():
            if module is not None:
                sys.modules[name] = module
            else:
                sys.modules.pop(name, None)


def _moved_names() -> list[tuple[types.ModuleType, str, object]]:
    new_home = jax.extend.core
    names = ["Jaxpr", "JaxprEqn", "Literal", "Primitive", "Var"]
    moved = [(jax.core, name, getattr(new_home, name)) for name in names]
    # This primitive is gone; neural-tangents only uses it as a key in a table of rules.
    moved.append((ad, "zeros_like_p", new_home.Primitive("zeros_like")))
    return [(module, name, value) for module, name, value in moved if name not in vars(module)]


def _stand_in_modules() -> dict[str, types.ModuleType]:
    util = types.ModuleType("jax.util")
    util.safe_map = lambda f, *xs: [f(*x) for x in zip(*xs, strict=True)]
    util.safe_zip = lambda *xs: list(zip(*xs, strict=True))
    bridge = types.ModuleType("neural_tangents.experimental")
    return {util.__name__: util, bridge.__name__: bridge}


class _Overlay(types.ModuleType):
    """A module with some names added; all others are those of the module below."""

    def __init__(self, below: types.ModuleType, **names: object):
        super().__init__(below.__name__)
        vars(self).update(names)
        self._below = below

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


def _primals_out_and_pullback(fn, mode, j_rules, s_rules, fwd, *primals):
    """Linearize ``fn`` and run the reverse pass of neural-tangents over the linear program."""
    leaves, tree = jax.tree.flatten(primals)
    # Its rules know primitive operations, not calls of compiled functions.
    with jax.disable_jit():
        out, linear = jax.linearize(lambda *v: fn(*jax.tree.unflatten(tree, v)), *leaves)
        program = jax.make_jaxpr(linear)(*leaves)

    def pullback(*cotangents):
        found = sys.modules["neural_tangents._src.empirical"]._backward_pass(
            program.jaxpr,
            mode=mode,
            consts=program.consts,
            primals_in=[ad.UndefinedPrimal(v.aval) for v in program.jaxpr.invars],
            cotangents_in=tuple(jax.tree.leaves(cotangents)),
            _j_rules=j_rules,
            _s_rules=s_rules,
            _fwd=fwd,
        )
        return jax.tree.unflatten(tree, found)

    return out, pullback


def _transpose_equation(eqn, cotangent, *values):
    if eqn is None:  # the identity
        return (cotangent,)
    transpose = ad.get_primitive_transpose(eqn.primitive)
    return transpose(cotangent, *values, **eqn.params)


def _flops(f, optimize, *args, **kwargs):
    lowered = jax.jit(f).lower(*args, **kwargs)
    cost = (lowered.compile() if optimize else lowered).cost_analysis()
    # Older versions of JAX return one dictionary for each device.
    return (cost[0] if isinstance(cost, list) else cost)["flops"]
