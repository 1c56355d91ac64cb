r"""The neural tangent hierarchy: the kernel's own equation of motion, and its truncations.

Under the gradient flow of $\frac12\sum_i(f(x_i)-y_i)^2$, with residuals $\rho_i=f(x_i)-y_i$,

$$\frac{d}{dt}K^{(k)}(x_1,\dots,x_k)&=-\sum_i\rho_i\,K^{(k+1)}(x_1,\dots,x_k,x_i),\\
K^{(k+1)}(\dots,x')&=\langle\nabla K^{(k)}(\dots),\nabla f(x')\rangle,$$

where $K^{(1)}=f$ and $K^{(2)}$ is the tangent kernel. The truncation at order $p$ holds $K^{(p)}$
fixed. Here it is solved on the tensors, whose size is $n^p$; ``hierarchy_series`` gets the same
from a power series in each neuron.
"""

import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from taylorlib.activations import Activation
from taylorlib.flow import solve_flow
from taylorlib.networks import TwoLayerInit

__all__ = [
    "hierarchy_kernel",
    "truncated_hierarchy",
    "two_layer_hierarchy",
]


def hierarchy_kernel(f: Callable, order: int) -> Callable:
    r"""$K^{(k)}$ of any scalar-valued model, by nested directional derivatives.

    Args:
        f: A function ``f(params, x)`` with values ``[n]``.
        order: $k\ge1$.

    Returns:
        The function ``kernel(params, x1, ..., xk)`` of $k$ arrays of inputs, with values
        ``[n1, ..., nk]``.

    Raises:
        ValueError: If $k<1$, or (by ``kernel``) if there are not $k$ arrays.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> third = tl.hierarchy_kernel(lambda w, x: x[:, 0] * w**2, 3)
        >>> third(1.0, *[jnp.ones((1, 1))] * 3).tolist()
        [[[16.0]]]

    References:
        Huang & Yau (2020), arXiv 1909.08156.
    """
    _check_order(order, 1)

    def lifted(kernel):
        def of(params, *xs):
            *rest, last = xs
            directions = jax.jacrev(f)(params, last)

            def along(direction):
                return jax.jvp(lambda p: kernel(p, *rest), (params,), (direction,))[1]

            return jnp.moveaxis(jax.vmap(along)(directions), 0, -1)

        return of

    kernel = f
    for _ in range(order - 1):
        kernel = lifted(kernel)
    kernel = jax.jit(kernel)

    def checked(params, *xs):
        if len(xs) != order:
            raise ValueError(f"K^({order}) has {order} arguments, got {len(xs)}.")
        return kernel(params, *xs)

    return checked


def two_layer_hierarchy(activation: Activation, order: int) -> Callable:
    r"""The closed form of $K^{(k)}$ for the two-layer network, a sum over trees.

    $$K^{(k)}(x_1,\dots,x_k)=m^{-k/2}\sum_ra_r^k\sum_T\prod_{j\le k}\sigma^{(\deg_Tj)}(v_r^\top x_j)
    \prod_{\{i,j\}\in T}x_i^\top x_j,\qquad v_r=w_{0,r}+w_r,$$

    over the $(k-1)!$ *increasing* trees on $1,\dots,k$: every $j\ge2$ is tied to one smaller $i$.

    Args:
        activation: $\sigma$.
        order: $k\ge1$.

    Returns:
        The function ``kernel(init, W, x1, ..., xk)`` with values ``[n1, ..., nk]``.

    Raises:
        ValueError: If $k<1$ or $\sigma$ lacks a derivative, or (by ``kernel``) if there are not
            $k$ arrays.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> init = tl.init_two_layer(8, 2, key=jax.random.key(0))
        >>> third = tl.two_layer_hierarchy(tl.activations.sine(), 3)
        >>> bool(abs(third(init, jnp.zeros((8, 2)), *[jnp.eye(2)] * 3)).max() < 1e-6)
        True

    References:
        Proved in the chapter "Other roads out of the kernel regime".
    """
    _check_order(order, 1)
    slopes = [activation.derivative(j) for j in range(max(order, 2))]
    trees = list(itertools.product(*[range(j) for j in range(1, order)]))
    letters = "abcdefghijklmnopqrstuv"[:order]

    def kernel(init: TwoLayerInit, W: Float[Array, "m d"], *xs) -> Array:
        if len(xs) != order:
            raise ValueError(f"K^({order}) has {order} arguments, got {len(xs)}.")
        V = init.W0 + W
        gates = [[slope(x @ V.T) for slope in slopes] for x in xs]
        signs = init.a**order * len(V) ** (-order / 2)
        total = 0.0
        for parents in trees:  # parents[j - 1] is the smaller vertex that j is tied to
            degrees = [parents.count(j) + (j > 0) for j in range(order)]
            factors = [gates[j][degrees[j]] for j in range(order)]
            factors[0] = factors[0] * signs
            # Two halves, each one matrix, so that the sum over neurons is a matrix product.
            half = (order + 1) // 2
            parts = [
                jnp.einsum(",".join(f"{i}z" for i in letters[s]) + f"->{letters[s]}z", *factors[s])
                for s in (slice(0, half), slice(half, order))
                if factors[s]
            ]
            if len(parts) == 1:
                term = parts[0].sum(axis=-1)
            else:
                term = jnp.tensordot(parts[0], parts[1], axes=(-1, -1))
            for j, i in enumerate(parents, start=1):
                shape = [1] * order
                shape[i], shape[j] = len(xs[i]), len(xs[j])
                term = term * (xs[i] @ xs[j].T).reshape(shape)
            total = total + term
        return total

    return jax.jit(kernel)


def truncated_hierarchy(
    kernels: Sequence[Float[Array, "..."]],
    y: Float[Array, " n"],
    *,
    times: ArrayLike,
    rtol: float = 1e-9,
    atol: float = 1e-11,
) -> Float[np.ndarray, "k N"]:
    r"""Solve the hierarchy on its tensors, with the last of them held fixed.

    Args:
        kernels: $K^{(1)},\dots,K^{(p)}$ at time 0, of shapes ``[N]``, ``[N, n]``, ...,
            ``[N, n, ..., n]``: the first argument runs over $N\ge n$ inputs, of which the first
            $n$ are those of training, the others over the latter.
        y: Labels.
        times: Increasing times from 0 or later, ``[k]``.
        rtol: Relative tolerance of a step of the solver.
        atol: Absolute tolerance.

    Returns:
        The outputs on all $N$ inputs, ``[k, N]``.

    Raises:
        ValueError: If there are fewer than two kernels or their shapes do not fit.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> with jax.enable_x64(True):
        ...     kernels = [jnp.zeros(1), jnp.ones((1, 1))]
        ...     tl.truncated_hierarchy(kernels, jnp.ones(1), times=[1.0]).round(6).tolist()
        [[0.632121]]

    References:
        Huang & Yau (2020), arXiv 1909.08156.
    """
    n = len(y)
    shapes = [tuple(np.shape(K)) for K in kernels]
    if len(kernels) < 2 or any(s != shapes[0] + (n,) * j for j, s in enumerate(shapes)):
        raise ValueError(
            f"kernels must be K^(1)[N], K^(2)[N, n], ... with n = {n}, at least two; got {shapes}."
        )
    *moving, frozen = [jnp.asarray(K) for K in kernels]
    y = jnp.asarray(y)

    def velocity(state):
        return _hierarchy_velocity(state, frozen, y)

    return solve_flow(velocity, moving, times, rtol=rtol, atol=atol)[0]


@jax.jit
def _hierarchy_velocity(state, frozen, y):
    residual = state[0][: len(y)] - y
    return [-above @ residual for above in [*state[1:], frozen]]


def _check_order(order: int, least: int) -> None:
    if order != int(order) or order < least:
        raise ValueError(f"order must be an integer of at least {least}, got {order}.")
