r"""The two-layer network as a cloud of particles, from lazy to rich by one number.

$$f(x)=\frac\alpha m\sum_ra_r\sigma(v_r^\top x),\qquad
\dot v_r=-\frac{a_r}\alpha\sum_i\big(f(x_i)-y_i\big)\,\sigma'(v_r^\top x_i)\,x_i .$$

Every neuron is a particle $v_r$ that moves in a field made by all. The flow is that of
$\frac12\sum_i(f(x_i)-y_i)^2$ at the speed $m/\alpha^2$, at which the outputs start to move equally
fast for all $\alpha$ and $m$. Kernel scaling is $\alpha=\sqrt m$, mean-field scaling a constant
$\alpha$. A particle may have a weight $\omega_r$ in place of $1/m$.
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

__all__ = ["ParticleFlow", "alignment", "gaussian_particles", "particle_flow", "particle_ntk"]


class ParticleFlow(NamedTuple):
    r"""Particles along gradient flow.

    Attributes:
        times: Where they were recorded, ``[k]``.
        V: Their positions $v_r$, ``[k, m, d]``.
        train: Outputs on the training inputs, ``[k, n]``.
        test: Outputs on the test inputs, ``[k, n_test]``.
    """

    times: Float[np.ndarray, " k"]
    V: Float[np.ndarray, "k m d"]
    train: Float[np.ndarray, "k n"]
    test: Float[np.ndarray, "k n_test"]


def particle_flow(
    activation: Activation,
    init: TwoLayerInit,
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    *,
    alpha: float,
    times: ArrayLike,
    x_test: Float[Array, "n_test d"] | None = None,
    weights: Float[Array, " m"] | None = None,
    rtol: float = 1e-9,
    atol: float = 1e-11,
) -> ParticleFlow:
    r"""Follow all particles by the differential equation above.

    Args:
        activation: $\sigma$.
        init: Positions $v_r$ at time 0 as ``W0``, and the signs.
        x: Training inputs.
        y: Labels.
        alpha: $\alpha>0$, the scale of the output.
        times: Increasing times from 0 or later, ``[k]``.
        x_test: Further inputs at which outputs are recorded; none by default.
        weights: $\omega_r\ge0$ of sum 1 in place of $1/m$.
        rtol: Relative tolerance of a step of the solver.
        atol: Absolute tolerance.

    Returns:
        A ``ParticleFlow``.

    Raises:
        ValueError: If $\alpha$ is not positive, the weights do not have sum 1, or the solver
            fails (see ``solve_flow``).

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> with jax.enable_x64(True):
        ...     init = tl.init_two_layer(20, 2, key=jax.random.key(0))
        ...     flow = tl.particle_flow(
        ...         tl.activations.sine(), init, jnp.eye(2), jnp.array([0.5, -0.5]),
        ...         alpha=1.0, times=[0.0, 100.0],
        ...     )
        >>> (flow.train.round(3) + 0.0).tolist()  # no negative zeros
        [[0.0, 0.0], [0.5, -0.5]]

    References:
        Mei, Montanari & Nguyen (2018), arXiv 1804.06561; Chizat, Oyallon & Bach (2019), arXiv
        1812.07956, for the scale.
    """
    if not (math.isfinite(alpha) and alpha > 0):
        raise ValueError(f"alpha must be a positive number, got {alpha}.")
    m, d = init.W0.shape
    omega = np.full(m, 1 / m) if weights is None else np.asarray(weights)
    if omega.shape != (m,) or bool((omega < 0).any()) or abs(float(omega.sum()) - 1) > 1e-9:
        raise ValueError(
            f"weights must be {m} numbers >= 0 of sum 1, got shape {omega.shape} and sum "
            f"{float(omega.sum()):.6g}."
        )
    x_test, omega = jnp.zeros((0, d)) if x_test is None else x_test, jnp.asarray(omega)
    V = solve_flow(
        lambda V: _velocity(activation, V, init.a, omega, x, y, alpha),
        init.W0,
        times,
        rtol=rtol,
        atol=atol,
    )
    out = [_outputs(activation, V, init.a, omega, p, alpha) for p in (x, x_test)]
    return ParticleFlow(np.asarray(times, float), V, *map(np.asarray, out))


@functools.partial(jax.jit, static_argnums=0)
def _velocity(activation, V, a, omega, x, y, alpha):
    z = V @ x.T
    residual = alpha * (omega * a) @ activation(z) - y
    return -(a / alpha)[:, None] * ((activation.derivative(1)(z) * residual) @ x)


@functools.partial(jax.jit, static_argnums=0)
def _outputs(activation, V, a, omega, x, alpha):
    return jax.lax.map(lambda v: alpha * (omega * a) @ activation(v @ x.T), V)


@functools.partial(jax.jit, static_argnums=0)
def particle_ntk(
    activation: Activation,
    V: Float[Array, "m d"],
    x: Float[Array, "n d"],
    weights: Float[Array, " m"] | None = None,
) -> Float[Array, "n n"]:
    r"""The tangent kernel of the cloud, in the time of its flow.

    $$K(x,x')=x^\top x'\sum_r\omega_r\,\sigma'(v_r^\top x)\,\sigma'(v_r^\top x').$$

    It governs the outputs by $\dot f(x)=-\sum_iK(x,x_i)(f(x_i)-y_i)$, and contains neither
    $\alpha$ nor, except through the average, $m$.

    Args:
        activation: $\sigma$.
        V: Positions.
        x: Inputs.
        weights: $\omega_r$; $1/m$ if None.

    Returns:
        The matrix, ``[n, n]``.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> tl.particle_ntk(tl.activations.quadratic, jnp.eye(2), jnp.eye(2)).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    slopes = activation.derivative(1)(V @ x.T)
    omega = jnp.full(len(V), 1 / len(V)) if weights is None else weights
    return (x @ x.T) * ((slopes * omega[:, None]).T @ slopes)


def alignment(
    V: Float[Array, "m d"], beta: Float[Array, " d"], weights: Float[Array, " m"] | None = None
) -> float:
    r"""The share of a direction in the weights, above that of chance.

    $$\frac{\sum_r\omega_r(v_r^\top\beta)^2}{\|\beta\|^2\sum_r\omega_r\|v_r\|^2}-\frac1d,$$

    zero for an isotropic cloud and $1-\frac1d$ if all particles lie on the axis of $\beta$.

    Args:
        V: Positions.
        beta: Direction, not zero.
        weights: $\omega_r$; equal ones if None.

    Returns:
        A number between $-\frac1d$ and $1-\frac1d$.

    Raises:
        ValueError: If the direction or all positions vanish.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> tl.meanfield.alignment(jnp.eye(4), jnp.array([1.0, 0.0, 0.0, 0.0]))
        0.0
    """
    V, beta = np.asarray(V), np.asarray(beta)
    omega = np.ones(len(V)) if weights is None else np.asarray(weights)
    energy = (beta @ beta) * (omega @ (V**2).sum(axis=1))
    if not energy > 0:
        raise ValueError("alignment needs a direction and positions that are not zero.")
    return float(omega @ (V @ beta) ** 2 / energy - 1 / V.shape[1])


def gaussian_particles(
    nodes: int, d: int, *, input_norm: float = 1.0
) -> tuple[TwoLayerInit, Float[Array, " m"]]:
    r"""Weighted particles that stand for infinitely many: $v\sim N(0,B_x^{-2}I_d)$, $a=\pm1$.

    The nodes and weights of Gauss-Hermite quadrature, once with each sign. For smooth $\sigma$ and
    fixed time the error of the limit dynamics falls faster than any power of ``nodes``.

    Args:
        nodes: Nodes for each coordinate.
        d: Dimension; there are $2\,\text{nodes}^d$ particles.
        input_norm: $B_x>0$.

    Returns:
        The particles as a ``TwoLayerInit``, and their weights of sum 1.

    Raises:
        ValueError: If ``nodes`` or ``d`` is not positive, or there would be more than a million
            particles.

    Examples:
        >>> import taylorlib as tl
        >>> cloud, weights = tl.gaussian_particles(5, 2)
        >>> cloud.W0.shape, round(float(weights @ cloud.W0[:, 0] ** 4), 4)
        ((50, 2), 3.0)
    """
    if nodes < 1 or d < 1:
        raise ValueError(f"nodes and d must be positive integers, got {nodes} and {d}.")
    if 2 * nodes**d > 1_000_000:
        raise ValueError(
            f"{nodes} nodes in dimension {d} are {2 * nodes**d} particles. Take fewer nodes, or a "
            "wide random network."
        )
    points, w = np.polynomial.hermite_e.hermegauss(nodes)
    grid = np.stack(np.meshgrid(*[points] * d, indexing="ij"), axis=-1).reshape(-1, d)
    product = np.prod(np.stack(np.meshgrid(*[w / w.sum()] * d, indexing="ij")), axis=0).ravel()
    ones = np.ones(len(grid))
    cloud = TwoLayerInit(
        jnp.asarray(np.concatenate([grid, grid]) / input_norm),
        jnp.asarray(np.concatenate([ones, -ones])),
    )
    return cloud, jnp.asarray(np.concatenate([product, product]) / 2)
