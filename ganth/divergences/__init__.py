"""Divergences of laws, their gradients, the best fits under them, and what a generator's gradient descends (TS)."""

from .best import OBJECTIVES, best_gaussian, switch_points
from .coverage import fisher, likelihood_gradient
from .functionals import FUNCTIONALS, Functional
from .gradients import gradient, logit_slopes, pathwise_gradient
from .measures import estimate, f_divergence, hellinger, js, kl, ns, ns_loss, pearson, reverse_kl, total_variation
from .noise import js_of_points, noise_slope, noised
from .transport import mmd, w1, w2

__all__ = [
    "FUNCTIONALS",
    "OBJECTIVES",
    "Functional",
    "best_gaussian",
    "estimate",
    "f_divergence",
    "fisher",
    "gradient",
    "hellinger",
    "js",
    "js_of_points",
    "kl",
    "likelihood_gradient",
    "logit_slopes",
    "mmd",
    "noise_slope",
    "noised",
    "ns",
    "ns_loss",
    "pathwise_gradient",
    "pearson",
    "reverse_kl",
    "switch_points",
    "total_variation",
    "w1",
    "w2",
]
