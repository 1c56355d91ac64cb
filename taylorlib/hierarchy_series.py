r"""The truncated hierarchy of the two-layer network, as a power series in each neuron.

The hierarchy truncated at order $p$ is the network with the series of every neuron in
$\epsilon=a_r/\alpha$ cut behind $\epsilon^{p-1}$, residuals included (proved in the chapter). So no
tensor of size $n^p$ is needed, and the price is that of a few networks.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from taylorlib.activations import Activation
from taylorlib.flow import solve_flow
from taylorlib.networks import TwoLayerInit

__all__ = ["HierarchyFlow", "hierarchy_flow"]


class HierarchyFlow(NamedTuple):
    """Outputs of a truncated hierarchy.

    Attributes:
        times: ``[k]``.
        train: On the training inputs, ``[k, n]``.
        test: On the test inputs, ``[k, n_test]``.
    """

    times: Float[np.ndarray, " k"]
    train: Float[np.ndarray, "k n"]
    test: Float[np.ndarray, "k n_test"]


def hierarchy_flow(
    activation: Activation,
    init: TwoLayerInit,
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    *,
    order: int,
    times: ArrayLike,
    alpha: float | None = None,
    x_test: Float[Array, "n_test d"] | None = None,
    rtol: float = 1e-9,
    atol: float = 1e-11,
) -> HierarchyFlow:
    r"""Solve the hierarchy truncated at order $p$ as a power series in each neuron.

    With $\epsilon=a_r/\alpha$ a neuron moves by $\sum_{j<p}\epsilon^jw_{r,j}$, where
    $\dot w_{r,j+1}=-\sum_i\rho_i\,g_j\,x_i$ and $g_j$ is the coefficient of $\epsilon^j$ in
    $\sigma'(v^\top x_i)$. The output is $\frac\alpha m\sum_ra_r\sigma(v_r^\top x)$ up to
    $\epsilon^{p-1}$. No tensor is formed.

    Args:
        activation: $\sigma$.
        init: Initial weights and signs.
        x: Training inputs.
        y: Labels.
        order: $p\ge2$; 2 is the linearization.
        times: Increasing times from 0 or later, ``[k]``.
        alpha: Scale of the output, see ``particle_flow``; $\sqrt m$ if None.
        x_test: Further inputs at which outputs are recorded.
        rtol: Relative tolerance of a step of the solver.
        atol: Absolute tolerance.

    Returns:
        A ``HierarchyFlow``.

    Raises:
        ValueError: If $p<2$, $\sigma$ lacks a derivative or $\alpha$ is not positive.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> with jax.enable_x64(True):
        ...     init = tl.init_two_layer(400, 2, key=jax.random.key(0))
        ...     data = tl.activations.sine(), init, jnp.eye(2), jnp.array([0.5, -0.5])
        ...     cut = tl.hierarchy_flow(*data, order=4, times=[2.0])
        ...     net = tl.particle_flow(*data, alpha=20.0, times=[2.0])
        >>> bool(abs(cut.train - net.train).max() < 1e-5)
        True

    References:
        Proved in the chapter "Other roads out of the kernel regime".
    """
    if order != int(order) or order < 2:
        raise ValueError(f"order must be an integer of at least 2, got {order}.")
    m, d = init.W0.shape
    alpha = math.sqrt(m) if alpha is None else alpha
    if not (math.isfinite(alpha) and alpha > 0):
        raise ValueError(f"alpha must be a positive number, got {alpha}.")
    x_test = jnp.zeros((0, d)) if x_test is None else x_test
    path = solve_flow(
        lambda S: _series_velocity(activation, S, init, x, y, alpha),
        jnp.zeros((order - 1, m, d)),
        times,
        rtol=rtol,
        atol=atol,
    )
    out = [_series_outputs(activation, path, init, p, alpha) for p in (x, x_test)]
    return HierarchyFlow(np.asarray(times, float), *map(np.asarray, out))


def _composed(activation: Activation, derivative: int, z: Array, u: Array) -> list[Array]:
    r"""Coefficients of $\psi(z+\sum_{j\ge1}u_j\epsilon^j)$ up to order ``len(u)``."""
    order = len(u)
    total = [activation.derivative(derivative)(z)] + [jnp.zeros_like(z)] * order
    power = [jnp.ones_like(z)] + [jnp.zeros_like(z)] * order  # of the sum, k-th
    for k in range(1, order + 1):
        power = [
            sum((power[j - i] * u[i - 1] for i in range(1, j + 1)), 0 * z) for j in range(order + 1)
        ]
        slope = activation.derivative(derivative + k)(z) / math.factorial(k)
        total = [t + slope * p for t, p in zip(total, power, strict=True)]
    return total


def _series(activation, S, init, x, alpha):
    z, u = init.W0 @ x.T, S @ x.T
    sizes = [init.a * (init.a / alpha) ** j * alpha / len(init.a) for j in range(len(S) + 1)]
    terms = _composed(activation, 0, z, u)
    return z, u, sum(size @ term for size, term in zip(sizes, terms, strict=True))


@functools.partial(jax.jit, static_argnums=0)
def _series_velocity(activation, S, init, x, y, alpha):
    z, u, f = _series(activation, S, init, x, alpha)
    gates = _composed(activation, 1, z, u[:-1])
    return -jnp.stack([(gate * (f - y)) @ x for gate in gates])


@functools.partial(jax.jit, static_argnums=0)
def _series_outputs(activation, path, init, x, alpha):
    return jax.lax.map(lambda S: _series(activation, S, init, x, alpha)[2], path)
