"""neural-tangents 0.6.5 on today's JAX, without TensorFlow.

The last release of neural-tangents (December 2023) asks JAX for names that have since moved
and imports a TensorFlow bridge that nobody here needs. While it is being imported, this module
lends JAX the old names and puts an empty module in the bridge's place; then it takes everything
back.

    from taylorlib.compat import neural_tangents as nt
"""

import contextlib
import importlib
import importlib.metadata
import sys
import types
import warnings

import jax
import jax.extend.core
import jax.extend.linear_util  # neural-tangents takes it as an attribute of jax
from jax.interpreters import ad

__all__ = ["SUPPORTED_VERSION", "neural_tangents"]

SUPPORTED_VERSION = "0.6.5"
_INSTALL = f"pip install --no-deps neural-tangents=={SUPPORTED_VERSION}"


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


@contextlib.contextmanager
def _old_jax():
    """Lend JAX what it has dropped, for the time of an import."""
    moved, modules = _moved_names(), _stand_in_modules()
    before = {name: sys.modules.get(name) for name in modules}
    for module, name, value in moved:
        setattr(module, name, value)
    sys.modules.update(modules)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside a package that is frozen
            yield
    finally:
        for module, name, _ in moved:
            delattr(module, name)
        for name, module in before.items():
            if module is not None:
                sys.modules[name] = module
            else:
                sys.modules.pop(name, None)


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
    if "neural_tangents.predict" not in sys.modules:
        # A plain import of it may have failed half-way and left pieces behind.
        for name in [n for n in sys.modules if n.split(".")[0] == "neural_tangents"]:
            del sys.modules[name]
    with _old_jax():
        package = importlib.import_module("neural_tangents")
    # max_learning_rate calls SciPy with an argument that SciPy 1.14 dropped, but only for
    # arrays on the CPU; nothing else asks where an array is. Send it down the JAX path.
    sys.modules["neural_tangents._src.predict"]._is_on_cpu = lambda x: False
    return package


neural_tangents = _import()
