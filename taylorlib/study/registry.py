"""Learners by name, and the version of the code that a learner's numbers come from."""

import ast
import functools
import hashlib
import importlib
import inspect
import textwrap
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NamedTuple

from taylorlib.study.errors import StudyError

__all__ = ["Learner", "code_version", "find", "learner", "name_of", "named"]


class Learner(NamedTuple):
    """A registered learner.

    Attributes:
        name: By which cells call it.
        function: ``cell -> row`` or ``cell -> [row, ...]``; a row is a dictionary of numbers.
        depends: Names of the modules and functions whose source belongs to its version.
        model: Its colour and marker in figures, a key of ``taylorlib.plots.COLOURS``, or
            ``"ntk"`` and ``"quadratic"`` for those of the kernel and of order 2.
    """

    name: str
    function: Callable[[dict], dict | list[dict]]
    depends: tuple[str, ...]
    model: str


_LEARNERS: dict[str, Learner] = {}


def learner(
    name: str, *, depends: Sequence[ModuleType | Callable | str] = (), model: str = "network"
) -> Callable:
    """Register a function as a learner.

    The cached result of a cell counts as long as the source of this function and of everything
    in ``depends`` is the same, apart from comments, docstrings and layout. What these use in
    their turn does not count, unless it is named as well.

    Args:
        name: By which cells call it.
        depends: Modules and functions, or their names (``"package.module"``,
            ``"package.module:function"``).
        model: For figures, see ``Learner``.

    Returns:
        A decorator that returns the function itself. The function is called with JAX in single
        precision; one that needs double precision uses ``jax.enable_x64(True)`` inside.

    Raises:
        StudyError: If another function has the name.

    Examples:
        >>> import taylorlib as tl
        >>> @tl.study.learner("length of the diagonal")
        ... def diagonal(cell):
        ...     return {"length": cell["d"] ** 0.5}
    """

    def register(function: Callable) -> Callable:
        old = _LEARNERS.get(name)
        if old is not None and name_of(old.function) != name_of(function):
            raise StudyError(
                f"two learners are called {name!r}: {name_of(old.function)} and "
                f"{name_of(function)}."
            )
        names = tuple(d if isinstance(d, str) else name_of(d) for d in depends)
        _LEARNERS[name] = Learner(name, function, names, model)
        return function

    return register


def find(name: str) -> Learner:
    """The learner of that name.

    Raises:
        StudyError: If there is none.
    """
    if name not in _LEARNERS:
        importlib.import_module("taylorlib.study.learners")
    if name not in _LEARNERS:
        known = ", ".join(sorted(_LEARNERS)) or "none"
        raise StudyError(
            f"no learner is called {name!r}: register it with tl.study.learner, or choose one of "
            f"those registered ({known})."
        )
    return _LEARNERS[name]


def code_version(function: Callable, depends: Sequence[str]) -> str:
    """A hash of the source of a function and of what it depends on.

    Raises:
        StudyError: If one of them does not exist or has no source.
    """
    parts = [_program_of(function, name_of(function))]
    for name in sorted(depends):
        try:
            found = named(name)
        except (ImportError, AttributeError) as error:
            raise StudyError(
                f"the learner {name_of(function)} depends on {name!r}, which cannot be imported "
                f"({error}): correct its name."
            ) from None
        parts.append(f"{name}\n{_program_of(found, name)}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def named(name: str) -> ModuleType | Callable:
    """What ``"package.module"`` or ``"package.module:function"`` names."""
    module, _, inner = name.partition(":")
    return functools.reduce(
        getattr, inner.split(".") if inner else [], importlib.import_module(module)
    )


def name_of(thing: ModuleType | Callable) -> str:
    """The name of a module or function, for ``named``."""
    if inspect.ismodule(thing):
        return thing.__name__
    return f"{thing.__module__}:{thing.__qualname__}"


def _program_of(thing: ModuleType | Callable, name: str) -> str:
    try:
        source = inspect.getsource(thing)
    except (OSError, TypeError):
        raise StudyError(
            f"the source of {name!r} is not to be found, so that its version is unknown: write it "
            "in a file or in a notebook."
        ) from None
    return _program(source)


@functools.lru_cache
def _program(source: str) -> str:
    """The source without comments, docstrings and layout: what can change a number."""
    tree = ast.parse(textwrap.dedent(source))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            body[0].value.value = ""
    return ast.unparse(tree)
