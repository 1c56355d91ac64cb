r"""Taylor expansion of a parametric model in its parameters, to any order.

$$f^{[k]}(\theta,x)=\sum_{j=0}^k f^{(j)}(\theta,x),\qquad
f^{(j)}(\theta,x)=\frac1{j!}\,D^j_\theta f(\theta_0,x)\big[(\theta-\theta_0)^{\otimes j}\big].$$

Order 1 is the linearized model behind the neural tangent kernel, order 2 the quadratic model
of this book.
"""

import operator
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from taylorlib.taylor_coefficients import IMPLEMENTATIONS, NoTaylorRuleError
from taylorlib.taylor_mode import taylor_mode_coefficients

__all__ = ["TaylorModeFallbackWarning", "taylor_model", "taylor_terms"]


class TaylorModeFallbackWarning(UserWarning):
    """Taylor mode has no rule for an operation of the model; nested derivatives are used.

    The result is right, only its cost doubles with every order. Given once for each operation.
    ``implementation="nested"`` chooses the same without the warning.
    """


_told: set[str] = set()
_PARAMETER_REMEDY = "Convert it to float, or pass it through x, which is not expanded in."


def taylor_model(
    f: Callable, params0: Any, order: int, *, implementation: str = "auto"
) -> Callable:
    r"""The order-$k$ Taylor model $f^{[k]}$ of ``f(params, x)`` around ``params0``.

    Args:
        f: A function of a tree of float parameters and of anything else ``x``, returning a
            tree of float arrays.
        params0: The expansion point $\theta_0$.
        order: $k\ge0$. Order 0 is constant in the parameters, order 1 linear.
        implementation: ``"taylor"`` (the Taylor mode of this library: through dense layers
            $2k+1$ products), ``"jet"`` (that of JAX, which knows fewer operations),
            ``"nested"`` (nested Jacobian-vector products, cost $2^k$, for every function), or
            ``"auto"``: ``"taylor"`` where every operation has a rule, ``"nested"`` with a
            ``TaylorModeFallbackWarning`` where not.

    Returns:
        The function ``(params, x) -> output``, with the same output tree and shapes as ``f``.
        It can be transformed by ``jit``, ``vmap`` and ``grad``. Without ``jit`` it traces
        ``f`` anew at every call.

    Raises:
        TypeError: If ``order`` is not an integer, or a leaf of the parameters or of the output
            is not a real floating-point array.
        ValueError: If ``order`` is negative, ``implementation`` is unknown, or ``params``
            does not have the tree, shapes and dtypes of ``params0``.
        NotImplementedError: If ``implementation`` is ``"taylor"`` or ``"jet"`` and an operation
            has no reliable rule there.

    Examples:
        >>> import taylorlib as tl
        >>> cubic = lambda w, x: x * w**3
        >>> quadratic = tl.taylor_model(cubic, 1.0, 2)
        >>> round(float(quadratic(1.5, 2.0)), 12)  # 2 (1 + 3 (1/2) + 3 (1/2)^2)
        6.5

    References:
        Bai et al. (2020), *Taylorized Training*, arXiv 2002.04010; Griewank & Walther (2008),
        *Evaluating Derivatives*, chapter 13, for Taylor mode.
    """
    terms = _terms_function(f, params0, order, implementation)

    def model(params, x):
        levels = terms(params, x)
        return jax.tree.map(lambda *leaves: sum(leaves[1:], leaves[0]), *levels)

    return model


def taylor_terms(
    f: Callable, params0: Any, params: Any, x: Any, order: int, *, implementation: str = "auto"
) -> Any:
    r"""The separate Taylor terms $f^{(0)},\dots,f^{(k)}$ at ``params``.

    Args:
        f: As in ``taylor_model``.
        params0: The expansion point $\theta_0$.
        params: Where to evaluate, a tree like ``params0``.
        x: The second argument of ``f``.
        order: $k\ge0$.
        implementation: As in ``taylor_model``.

    Returns:
        The output tree of ``f``, each leaf with a new leading axis of length ``order + 1``.

    Raises:
        TypeError: As in ``taylor_model``.
        ValueError: As in ``taylor_model``.
        NotImplementedError: As in ``taylor_model``.

    Examples:
        >>> import taylorlib as tl
        >>> terms = tl.taylor_terms(lambda w, x: x * w**3, 1.0, 1.5, 2.0, 3)
        >>> terms.round(12).tolist()
        [2.0, 3.0, 1.5, 0.25]

    References:
        As in ``taylor_model``.
    """
    levels = _terms_function(f, params0, order, implementation)(params, x)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)


def _terms_function(f: Callable, params0: Any, order: int, implementation: str) -> Callable:
    """The function ``(params, x) -> [term 0, ..., term k]``, with checked arguments."""
    order = _checked_order(order)
    routes = {"auto": _taylor_or_nested, "taylor": taylor_mode_coefficients, **IMPLEMENTATIONS}
    if implementation not in routes:
        raise ValueError(f"implementation must be one of {[*routes]}, got {implementation!r}.")
    coefficients = routes[implementation]
    _check_floats(params0, "params0", _PARAMETER_REMEDY)
    leaves0, tree = jax.tree.flatten(jax.tree.map(jnp.asarray, params0))

    def terms(params, x):
        _check_like(params0, params)
        moved = jax.tree.leaves(params)
        directions = [jnp.asarray(p, p0.dtype) - p0 for p, p0 in zip(moved, leaves0, strict=True)]
        out_tree = None

        def g(*leaves):
            nonlocal out_tree
            output = f(jax.tree.unflatten(tree, leaves), x)
            out, out_tree = jax.tree.flatten(output)
            _check_floats(output, "the output of f", "Return only what is to be expanded.")
            return [jnp.asarray(leaf) for leaf in out]

        levels = coefficients(g, leaves0, directions, order)
        return [jax.tree.unflatten(out_tree, level) for level in levels]

    return terms


def _taylor_or_nested(g: Callable, leaves: list, directions: list, order: int) -> list:
    # One Jacobian-vector product is Taylor mode of order 1.
    if order > 1:
        try:
            return taylor_mode_coefficients(g, leaves, directions, order)
        except NoTaylorRuleError as error:
            _tell(error)
    return IMPLEMENTATIONS["nested"](g, leaves, directions, order)


def _tell(error: NoTaylorRuleError) -> None:
    if error.operation in _told:
        return
    warnings.warn(
        f"Taylor mode can't be used for the operation {error.operation!r}: {error.reason}. "
        "Using nested Jacobian-vector products, whose cost doubles with every order. Choose "
        "implementation='nested' to silence this.",
        TaylorModeFallbackWarning,
        stacklevel=5,
    )
    # After the warning: where warnings are errors, it was raised and the next call says it too.
    _told.add(error.operation)


def _checked_order(order: Any) -> int:
    if isinstance(order, bool) or not hasattr(type(order), "__index__"):
        raise TypeError(f"order must be an integer, got {order!r} of type {type(order).__name__}.")
    order = operator.index(order)
    if order < 0:
        raise ValueError(f"order must not be negative, got {order}.")
    return order


def _check_floats(tree: Any, what: str, remedy: str) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not jnp.issubdtype(_dtype(leaf), jnp.floating):
            raise TypeError(
                f"{what} must consist of real floating-point arrays, but leaf {_name(path)} has "
                f"dtype {_dtype(leaf)}. {remedy}"
            )


def _check_like(params0: Any, params: Any) -> None:
    trees = jax.tree.structure(params0), jax.tree.structure(params)
    if trees[0] != trees[1]:
        raise ValueError(f"params must have the tree of params0, {trees[0]}; got {trees[1]}.")
    _check_floats(params, "params", _PARAMETER_REMEDY)
    pairs = zip(jax.tree_util.tree_leaves_with_path(params0), jax.tree.leaves(params), strict=True)
    for (path, leaf0), leaf in pairs:
        if jnp.shape(leaf0) != jnp.shape(leaf):
            raise ValueError(
                f"params must have the shapes of params0: leaf {_name(path)} has shape "
                f"{jnp.shape(leaf)}, expected {jnp.shape(leaf0)}."
            )
        # A Python number takes the precision of its partner.
        python = isinstance(leaf0, float) or isinstance(leaf, float)
        if not python and _dtype(leaf0) != _dtype(leaf):
            raise ValueError(
                f"params must have the dtypes of params0: leaf {_name(path)} has dtype "
                f"{_dtype(leaf)}, expected {_dtype(leaf0)}."
            )


def _dtype(leaf: Any) -> Any:
    """The dtype that JAX would give a leaf; the type of what can't be an array."""
    is_array = isinstance(leaf, bool | int | float | complex) or hasattr(leaf, "dtype")
    return jnp.result_type(leaf) if is_array else type(leaf).__name__


def _name(path: tuple) -> str:
    return jax.tree_util.keystr(path) or "(the leaf itself)"
