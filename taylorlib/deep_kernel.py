r"""Tangent kernels of fully connected ReLU networks: infinite width, and one finite network.

A layer with $n_\ell$ inputs computes $z_\ell=n_\ell^{-\gamma}V_\ell h_{\ell-1}+b_\ell$ with
$h_0=x$ and $h_\ell=\max(z_\ell,0)$ (see ``multilayer``). Every weight and bias trains, so the
tangent kernel is a sum over layers of the similarity of what a layer receives times that of the
gradients which come back to it,

$$K_{cc'}(x,x')=\sum_{\ell\le L}\big(n_\ell^{-2\gamma}\,h_{\ell-1}^\top h'_{\ell-1}+1\big)\,
\langle\nabla_{z_\ell}f_c(x),\nabla_{z_\ell}f_{c'}(x')\rangle .$$

For wide hidden layers $h_{\ell-1}^\top h'_{\ell-1}\simeq n_\ell\Sigma_{\ell-1}$ and the second
factor tends to $\delta_{cc'}\prod_{\ell\le j<L}\dot\Sigma_j$, with $\Sigma_0=x^\top x'/n_1$,
$\Sigma_j=E[\max(u,0)\max(u',0)]$ and $\dot\Sigma_j=P(u>0,u'>0)$ for Gaussian $(u,u')$ of
covariance $\Sigma_{j-1}$. In the limit

$$\Theta(x,x')=\sum_{\ell\le L}\big(n_\ell^{1-2\gamma}\,\Sigma_{\ell-1}+1\big)
\prod_{\ell\le j<L}\dot\Sigma_j .$$

The powers $n_\ell^{1-2\gamma}$ say how much each layer's weights count. In the NTK
parameterization ($\gamma=1/2$) they are 1; in the standard one ($\gamma=0$) they are the numbers
of inputs themselves, so that the kernel to compare with a network depends on its widths.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from taylorlib.kernels import _arccos
from taylorlib.multilayer import Layer, _exponent

__all__ = ["relu_mlp_kernel", "relu_mlp_ntk"]


def relu_mlp_ntk(widths: Sequence[int], *, parameterization: str | int = "standard") -> Callable:
    r"""The infinite-width kernel $\Theta$ of a ReLU network, in its own parameterization.

    Args:
        widths: Sizes from the input to the output, as for ``init_mlp``. Those of the hidden
            layers enter only by the weights $n_\ell^{1-2\gamma}$ of the layers, and not at all
            for ``"ntk"``; the number of outputs does not matter.
        parameterization: As for ``init_mlp``.

    Returns:
        The function ``kernel(x1, x2)`` of inputs ``x1[n1, d]`` and ``x2[n2, d]``, none of them
        zero, with values ``[n1, n2]``: the kernel of each output by itself. That of two
        different outputs is 0.

    Raises:
        ValueError: If fewer than two widths are given, one is not positive, or the
            parameterization is unknown; from ``kernel``, if inputs don't have ``widths[0]``
            entries.

    Examples:
        >>> import jax.numpy as jnp
        >>> import taylorlib as tl
        >>> x = jnp.array([[2.0, 0.0]])
        >>> kernel = tl.relu_mlp_ntk([2, 8, 1])
        >>> round(float(kernel(x, x)[0, 0]), 4)  # (2 * 2 + 1) / 2 + (8 * 1 + 1)
        11.5

    References:
        Jacot, Gabriel & Hongler (2018), arXiv 1806.07572, for the recursion; Cho & Saul (2009)
        for its two Gaussian integrals. Derived in the chapter on kernel against network.
    """
    power = 1 - 2 * _exponent(parameterization)
    _check_widths(widths)
    counts = [n**power for n in widths[:-1]]

    @jax.jit
    def of_checked(x1, x2):
        covariance = x1 @ x2.T / widths[0]
        norms = [jnp.sum(x**2, axis=1) / widths[0] for x in (x1, x2)]
        # the cosine needs no more than the norms at the input: a ReLU halves both sides alike
        scale = jnp.sqrt(norms[0])[:, None] * jnp.sqrt(norms[1])
        total = counts[0] * covariance + 1
        for count in counts[1:]:
            cosine = jnp.clip(covariance / scale, -1.0, 1.0)
            angle = _arccos(cosine)
            sine = jnp.sqrt((1 - cosine) * (1 + cosine))
            both_open = (jnp.pi - angle) / (2 * jnp.pi)
            covariance = scale * (sine / (2 * jnp.pi) + both_open * cosine)
            scale = scale / 2
            total = total * both_open + count * covariance + 1
        return total

    def kernel(x1: Float[Array, "n1 d"], x2: Float[Array, "n2 d"]) -> Float[Array, "n1 n2"]:
        for x in (x1, x2):
            if x.shape[-1] != widths[0]:
                raise ValueError(
                    f"inputs must have widths[0] = {widths[0]} entries, got shape {x.shape}."
                )
        return of_checked(x1, x2)

    return kernel


def relu_mlp_kernel(*, parameterization: str | int = "standard") -> Callable:
    r"""The kernel of a finite ReLU network, for all pairs of outputs, from products of layers.

    It is what ``trajectory.tangent_matrix`` finds from the Jacobian, which is never formed: the
    cost is that of $L$ products of matrices with one row for each input and output.

    Args:
        parameterization: As for ``init_mlp``; the network is ``mlp`` with a ReLU.

    Returns:
        The function ``kernel(params, x1, x2)`` of a tuple of ``Layer`` and inputs ``x1[n1, d]``,
        ``x2[n2, d]``, with values ``[n1, outputs, n2, outputs]``.

    Raises:
        ValueError: If the parameterization is unknown.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> import taylorlib as tl
        >>> params = tl.init_mlp([4, 8, 3], key=jax.random.key(0))
        >>> tl.relu_mlp_kernel()(params, jnp.ones((2, 4)), jnp.ones((5, 4))).shape
        (2, 3, 5, 3)

    References:
        Proved in the chapter on kernel against network.
    """
    gamma = _exponent(parameterization)

    @jax.jit
    def kernel(
        params: Sequence[Layer], x1: Float[Array, "n1 d"], x2: Float[Array, "n2 d"]
    ) -> Float[Array, "n1 c n2 c"]:
        sides = [_received_and_returned(params, x, gamma) for x in (x1, x2)]
        total = 0.0
        for layer, (h1, g1), (h2, g2) in zip(params, *sides, strict=True):
            inputs = layer.V.shape[1] ** (-2 * gamma) * (h1 @ h2.T) + 1
            total += inputs[:, None, :, None] * jnp.einsum("icr,jdr->icjd", g1, g2)
        return total

    return kernel


def _received_and_returned(params: Sequence[Layer], x: Array, gamma: float) -> list[tuple]:
    """For each layer its inputs ``[n, width]`` and the gradients ``[n, outputs, width]`` at z."""
    received = [x]
    for layer in params[:-1]:
        z = layer.V.shape[1] ** -gamma * (received[-1] @ layer.V.T) + layer.b
        received.append(jnp.maximum(z, 0.0))
    outputs = len(params[-1].b)
    returned = [jnp.broadcast_to(jnp.eye(outputs, dtype=x.dtype), (len(x), outputs, outputs))]
    for layer, h in zip(params[:0:-1], received[:0:-1], strict=True):
        back = layer.V.shape[1] ** -gamma * (returned[-1] @ layer.V)
        returned.append(back * (h > 0)[:, None, :])
    return list(zip(received, returned[::-1], strict=True))


def _check_widths(widths: Sequence[int]) -> None:
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths must be at least two positive sizes, got {[*widths]}.")
