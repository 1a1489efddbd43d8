"""Neuron models, one file each."""

from .base import Model
from .bernoulli_glm import BernoulliGLM
from .cascade import Cascade
from .poisson_glm import PoissonGLM
from .rectified_lnp import RectifiedLNP
from .rectified_sam import RectifiedSAM
from .threshold_sam import ThresholdSAM

__all__ = ["BernoulliGLM", "Cascade", "Model", "PoissonGLM", "RectifiedLNP", "RectifiedSAM", "ThresholdSAM"]
