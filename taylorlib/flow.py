r"""Gradient flow as an ordinary differential equation.

$$\dot s=V(s),\qquad s(0)=s_0,$$

for a state of arrays, solved by a Runge-Kutta method of order 8 that chooses its own steps. The
flow is what gradient descent approaches as its step goes to zero; it has no learning rate.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

__all__ = ["solve_flow"]


def solve_flow(
    velocity: Callable,
    state0: Any,
    times: ArrayLike,
    *,
    rtol: float = 1e-9,
    atol: float = 1e-11,
) -> Any:
    r"""Follow $\dot s=V(s)$ through given times.

    Args:
        velocity: $V$, a function of the state with values of the same form.
        state0: $s_0$, a tree of float64 arrays, at time 0.
        times: Non-negative increasing times, ``[k]``.
        rtol: Relative tolerance of one step.
        atol: Absolute tolerance of one step.

    Returns:
        The states, a tree like ``state0`` of NumPy arrays with a leading axis ``k``.

    Raises:
        ValueError: If the times are not increasing from 0 or later, the state is not in float64,
            or the solver gives up, as it does when the state blows up.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> with jax.enable_x64(True):
        ...     path = tl.solve_flow(lambda s: -s, jnp.ones(2), [0.0, 1.0])
        >>> path.round(6).tolist()
        [[1.0, 1.0], [0.367879, 0.367879]]

    References:
        Hairer, Norsett & Wanner (1993), the method DOP853 of ``scipy.integrate``.
    """
    times = np.asarray(times, float)
    if times.ndim != 1 or not len(times) or times[0] < 0 or (np.diff(times) <= 0).any():
        raise ValueError(f"times must increase from 0 or later, got {times}.")
    leaves, form = jax.tree.flatten(state0)
    flat = np.concatenate([np.ravel(leaf) for leaf in leaves])
    if flat.dtype != jnp.float64:
        raise ValueError(
            f"the state has dtype {flat.dtype}, too coarse for these tolerances. Call "
            'jax.config.update("jax_enable_x64", True) first.'
        )

    # NumPy here: the solver asks thousands of times, and each JAX operation costs a call.
    shapes = [np.shape(leaf) for leaf in leaves]
    cuts = np.cumsum([math.prod(shape) for shape in shapes])[:-1]

    def tree(s):
        parts = np.split(s, cuts, axis=-1)
        return [p.reshape(p.shape[:-1] + shape) for p, shape in zip(parts, shapes, strict=True)]

    def apply(_, s):
        found = velocity(form.unflatten(map(jnp.asarray, tree(s))))
        return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(found)])

    found = solve_ivp(
        apply,
        (0.0, float(times[-1])),
        flat,
        method="DOP853",
        t_eval=times,
        rtol=rtol,
        atol=atol,
    )
    if not found.success or found.y.shape[1] != len(times):
        raise ValueError(
            f"no solution beyond time {found.t[-1] if len(found.t) else 0.0:.4g}: {found.message} "
            "Take earlier times, or a state that does not blow up."
        )
    return form.unflatten(map(np.ascontiguousarray, tree(found.y.T)))
