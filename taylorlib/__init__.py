"""Taylor expansions of wide neural networks beyond the neural tangent kernel."""

from taylorlib import (
    activations,
    certificates,
    claims,
    coupling,
    curvature,
    duality,
    expansion,
    fits,
    hessian,
    inputs,
    kernels,
    landscape,
    losses,
    networks,
    plots,
    saddles,
    slider,
    thresholds,
)
from taylorlib.certificates import certify_network, certify_quadratic
from taylorlib.coupling import (
    exact_sign_mean,
    linear_term_variance,
    mixed_norm,
    monte_carlo_sign_mean,
    random_signs,
    randomized_mean,
    randomized_variance,
    scale_neurons,
)
from taylorlib.curvature import quadratic_curvature, sign_averaged_curvature
from taylorlib.duality import dual_bound
from taylorlib.expansion import TaylorModeFallbackWarning, taylor_model, taylor_terms
from taylorlib.fits import PowerLaw, fit_power_law
from taylorlib.hessian import smallest_eigenpair
from taylorlib.kernels import empirical_ntk, first_layer_ntk, two_layer_ntk
from taylorlib.landscape import coupled_objective, quadratic_objective
from taylorlib.networks import TwoLayerInit, init_two_layer, two_layer, two_layer_term
from taylorlib.saddles import descend, noisy_descent, perturbed_descent
from taylorlib.slider import slider_figure
from taylorlib.thresholds import needed_samples

__version__ = "0.1.0"

__all__ = [
    "PowerLaw",
    "TaylorModeFallbackWarning",
    "TwoLayerInit",
    "activations",
    "certificates",
    "certify_network",
    "certify_quadratic",
    "claims",
    "coupled_objective",
    "coupling",
    "curvature",
    "descend",
    "dual_bound",
    "duality",
    "empirical_ntk",
    "exact_sign_mean",
    "expansion",
    "first_layer_ntk",
    "fit_power_law",
    "fits",
    "hessian",
    "init_two_layer",
    "inputs",
    "kernels",
    "landscape",
    "linear_term_variance",
    "losses",
    "mixed_norm",
    "monte_carlo_sign_mean",
    "needed_samples",
    "networks",
    "noisy_descent",
    "perturbed_descent",
    "plots",
    "quadratic_curvature",
    "quadratic_objective",
    "random_signs",
    "randomized_mean",
    "randomized_variance",
    "saddles",
    "scale_neurons",
    "sign_averaged_curvature",
    "slider",
    "slider_figure",
    "smallest_eigenpair",
    "taylor_model",
    "taylor_terms",
    "thresholds",
    "two_layer",
    "two_layer_ntk",
    "two_layer_term",
]
