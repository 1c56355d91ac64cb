"""Taylor expansions of wide neural networks beyond the neural tangent kernel."""

from taylorlib import (
    activations,
    claims,
    coupling,
    expansion,
    fits,
    kernels,
    networks,
    plots,
    slider,
)
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
from taylorlib.expansion import TaylorModeFallbackWarning, taylor_model, taylor_terms
from taylorlib.fits import PowerLaw, fit_power_law
from taylorlib.kernels import empirical_ntk, first_layer_ntk, two_layer_ntk
from taylorlib.networks import TwoLayerInit, init_two_layer, two_layer, two_layer_term
from taylorlib.slider import slider_figure

__version__ = "0.1.0"

__all__ = [
    "PowerLaw",
    "TaylorModeFallbackWarning",
    "TwoLayerInit",
    "activations",
    "claims",
    "coupling",
    "empirical_ntk",
    "exact_sign_mean",
    "expansion",
    "first_layer_ntk",
    "fit_power_law",
    "fits",
    "init_two_layer",
    "kernels",
    "linear_term_variance",
    "mixed_norm",
    "monte_carlo_sign_mean",
    "networks",
    "plots",
    "random_signs",
    "randomized_mean",
    "randomized_variance",
    "scale_neurons",
    "slider",
    "slider_figure",
    "taylor_model",
    "taylor_terms",
    "two_layer",
    "two_layer_ntk",
    "two_layer_term",
]
