r"""Taylor expansion of a parametric model in its parameters, to any order.

$$f^{[k]}(\theta,x)=\sum_{j=0}^k f^{(j)}(\theta,x),\qquad
f^{(j)}(\theta,x)=\frac1{j!}\,D^j_\theta f(\theta_0,x)\big[(\theta-\theta_0)^{\otimes j}\big].$$

Order 1 is the linearized model behind the neural tangent kernel, order 2 the quadratic model
of this book.
"""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from taylorlib.taylor_coefficients import IMPLEMENTATIONS, untrusted_primitive

__all__ = ["TaylorModeFallbackWarning", "taylor_model", "taylor_terms"]


class TaylorModeFallbackWarning(UserWarning):
    """Taylor mode does not support an operation of the model; nested derivatives are used."""


_told: set[str] = set()


def taylor_model(
    f: Callable, params0: Any, order: int, *, implementation: str = "auto"
) -> Callable:
    r"""The order-$k$ Taylor model $f^{[k]}$ of ``f(params, x)`` around ``params0``.

    Args:
        f: A function of a tree of float parameters and of anything else ``x``, returning a
            tree of float arrays.
        params0: The expansion point $\theta_0$.
        order: $k\ge0$. Order 0 is constant in the parameters, order 1 linear.
        implementation: ``"jet"`` (Taylor mode), ``"nested"`` (nested Jacobian-vector products,
            cost $2^k$), or ``"auto"``: Taylor mode where every operation supports it, with a
            ``TaylorModeFallbackWarning`` where not.

    Returns:
        The function ``(params, x) -> output``, with the same output tree and shapes as ``f``.
        It can be transformed by ``jit``, ``vmap`` and ``grad``.

    Raises:
        TypeError: If ``order`` is not an integer, or a leaf is not a float array.
        ValueError: If ``order`` is negative, ``implementation`` is unknown, or ``params``
            does not have the tree and shapes of ``params0``.

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

    Examples:
        >>> import taylorlib as tl
        >>> terms = tl.taylor_terms(lambda w, x: x * w**3, 1.0, 1.5, 2.0, 3)
        >>> terms.round(12).tolist()
        [2.0, 3.0, 1.5, 0.25]
    """
    levels = _terms_function(f, params0, order, implementation)(params, x)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)


def _terms_function(f: Callable, params0: Any, order: int, implementation: str) -> Callable:
    """The function ``(params, x) -> [term 0, ..., term k]``, with checked arguments."""
    _check_order(order)
    if implementation != "auto" and implementation not in IMPLEMENTATIONS:
        names = ["auto", *IMPLEMENTATIONS]
        raise ValueError(f"implementation must be one of {names}, got {implementation!r}.")
    _check_floats(params0, "params0")
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
            _check_floats(output, "the output of f")
            return [jnp.asarray(leaf) for leaf in out]

        method = implementation if implementation != "auto" else _choose(g, leaves0, order)
        levels = IMPLEMENTATIONS[method](g, leaves0, directions, order)
        return [jax.tree.unflatten(out_tree, level) for level in levels]

    return terms


def _choose(g: Callable, leaves: list, order: int) -> str:
    if order < 2:
        return "nested"  # one Jacobian-vector product is Taylor mode of order 1
    primitive = untrusted_primitive(g, leaves)
    if primitive is None:
        return "jet"
    if primitive not in _told:
        _told.add(primitive)
        warnings.warn(
            f"Taylor mode has no reliable rule for {primitive!r}; using nested Jacobian-vector "
            "products, whose cost doubles with every order. Choose implementation='nested' to "
            "silence this.",
            TaylorModeFallbackWarning,
            stacklevel=4,
        )
    return "nested"


def _check_order(order: int) -> None:
    if isinstance(order, bool) or not isinstance(order, int):
        raise TypeError(f"order must be an integer, got {order!r} of type {type(order).__name__}.")
    if order < 0:
        raise ValueError(f"order must not be negative, got {order}.")


def _check_floats(tree: Any, what: str) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        dtype = jnp.result_type(leaf)
        if not jnp.issubdtype(dtype, jnp.floating):
            name = jax.tree_util.keystr(path) or "(the leaf itself)"
            raise TypeError(
                f"{what} must consist of real floating-point arrays, but leaf {name} has dtype "
                f"{dtype}. Convert it, or pass it through x instead."
            )


def _check_like(params0: Any, params: Any) -> None:
    trees = jax.tree.structure(params0), jax.tree.structure(params)
    if trees[0] != trees[1]:
        raise ValueError(f"params must have the tree of params0, {trees[0]}; got {trees[1]}.")
    _check_floats(params, "params")
    pairs = zip(jax.tree_util.tree_leaves_with_path(params0), jax.tree.leaves(params), strict=True)
    for (path, leaf0), leaf in pairs:
        if jnp.shape(leaf0) != jnp.shape(leaf):
            name = jax.tree_util.keystr(path) or "(the leaf itself)"
            raise ValueError(
                f"params must have the shapes of params0: leaf {name} has shape "
                f"{jnp.shape(leaf)}, expected {jnp.shape(leaf0)}."
            )
