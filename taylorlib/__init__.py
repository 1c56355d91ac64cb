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
    harmonics,
    hessian,
    hierarchical,
    inputs,
    kernels,
    landscape,
    losses,
    networks,
    plots,
    quadratic,
    rademacher,
    regression,
    representation,
    saddles,
    slider,
    study,
    targets,
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
from taylorlib.harmonics import (
    energy_by_degree,
    harmonic_dimension,
    harmonic_kernel,
    kernel_eigenvalues,
    legendre,
    zonal_energies,
)
from taylorlib.hessian import smallest_eigenpair
from taylorlib.hierarchical import fit_hierarchical
from taylorlib.kernels import empirical_ntk, first_layer_ntk, two_layer_ntk
from taylorlib.landscape import coupled_objective, quadratic_objective
from taylorlib.networks import TwoLayerInit, init_two_layer, two_layer, two_layer_term
from taylorlib.quadratic import QuadraticFit, descend_quadratic, fit_quadratic
from taylorlib.rademacher import isotropy_ratio, linear_complexity, quadratic_complexity
from taylorlib.regression import LearningCurve, choose_ridge, kernel_learning_curve
from taylorlib.representation import degree_two, random_features, second_moment, whiten
from taylorlib.saddles import descend, noisy_descent, perturbed_descent
from taylorlib.slider import slider_figure
from taylorlib.targets import (
    Target,
    check_class,
    harmonic_target,
    low_rank_polynomial,
    power_target,
)
from taylorlib.thresholds import needed_samples

__version__ = "0.1.0"

__all__ = [
    "LearningCurve",
    "PowerLaw",
    "QuadraticFit",
    "Target",
    "TaylorModeFallbackWarning",
    "TwoLayerInit",
    "activations",
    "certificates",
    "certify_network",
    "certify_quadratic",
    "check_class",
    "choose_ridge",
    "claims",
    "coupled_objective",
    "coupling",
    "curvature",
    "degree_two",
    "descend",
    "descend_quadratic",
    "dual_bound",
    "duality",
    "empirical_ntk",
    "energy_by_degree",
    "exact_sign_mean",
    "expansion",
    "first_layer_ntk",
    "fit_hierarchical",
    "fit_power_law",
    "fit_quadratic",
    "fits",
    "harmonic_dimension",
    "harmonic_kernel",
    "harmonic_target",
    "harmonics",
    "hessian",
    "hierarchical",
    "init_two_layer",
    "inputs",
    "isotropy_ratio",
    "kernel_eigenvalues",
    "kernel_learning_curve",
    "kernels",
    "landscape",
    "legendre",
    "linear_complexity",
    "linear_term_variance",
    "losses",
    "low_rank_polynomial",
    "mixed_norm",
    "monte_carlo_sign_mean",
    "needed_samples",
    "networks",
    "noisy_descent",
    "perturbed_descent",
    "plots",
    "power_target",
    "quadratic",
    "quadratic_complexity",
    "quadratic_curvature",
    "quadratic_objective",
    "rademacher",
    "random_features",
    "random_signs",
    "randomized_mean",
    "randomized_variance",
    "regression",
    "representation",
    "saddles",
    "scale_neurons",
    "second_moment",
    "sign_averaged_curvature",
    "slider",
    "slider_figure",
    "smallest_eigenpair",
    "study",
    "targets",
    "taylor_model",
    "taylor_terms",
    "thresholds",
    "two_layer",
    "two_layer_ntk",
    "two_layer_term",
    "whiten",
    "zonal_energies",
]
