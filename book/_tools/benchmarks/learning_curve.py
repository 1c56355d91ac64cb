"""Learning curve of kernel ridge regression: one factorization, or scikit-learn at every size.

The kernel matrices are given to both. Ours gives the test error at every n from 2 to N, with
the one-step-ahead errors besides; scikit-learn is refitted at 12 sizes. Float64.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import taylorlib as tl
from sklearn.kernel_ridge import KernelRidge

from contest import Contest, Way


def contests(quick: bool) -> Iterator[Contest]:
    """Sizes spaced evenly in the logarithm, as a learning curve is drawn, and evenly."""
    n, n_test, d = (30, 10, 4) if quick else (2000, 500, 10)
    x = jax.random.normal(jax.random.key(0), (n + n_test, d))
    x = d**0.5 * x / jnp.linalg.norm(x, axis=1, keepdims=True)
    kernel = tl.first_layer_ntk(tl.activations.relu)
    K = np.asarray(kernel(x, x[:n], input_norm=d**0.5), np.float64)
    K_train, K_test = K[:n].copy(), K[n:].copy()
    y = np.asarray(x[:, 0] ** 2, np.float64)
    ridge = 1e-3

    def refit(sizes):
        errors = []
        for size in sizes:
            model = KernelRidge(alpha=ridge, kernel="precomputed")
            model.fit(K_train[:size, :size], y[:size])
            errors.append(((model.predict(K_test[:, :size]) - y[n:]) ** 2).mean())
        return errors

    def one_factorization(sizes):
        curve = tl.kernel_learning_curve(K_train, y[:n], K_test, y[n:], ridge=ridge, sizes=sizes)
        return curve.test_error

    for spacing, sizes in (
        ("logarithmic", np.geomspace(max(n / 20, 2), n, 12).astype(int)),
        ("even", np.linspace(n / 12, n, 12).astype(int)),
    ):
        ways = {
            "taylorlib, every n": Way(one_factorization, (None,), compiled=False),
            "taylorlib, 12 sizes": Way(one_factorization, (sizes,), compiled=False),
            "scikit-learn, 12 sizes": Way(refit, (sizes,), compiled=False),
        }
        ratios = [("scikit-learn, 12 sizes", way) for way in list(ways)[:2]]
        yield Contest(f"12 sizes up to N = {n}, {spacing}", ways, ratios)
