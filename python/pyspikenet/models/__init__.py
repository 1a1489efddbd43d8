"""Neuron models, one file each."""

from .adex import AdEx
from .base import Model
from .bernoulli_glm import BernoulliGLM
from .cascade import Cascade
from .coba_lif import CobaLIF
from .gif import GIF
from .glif import GLIF
from .hodgkin_huxley import HodgkinHuxley
from .izhikevich import Izhikevich
from .lif import LIF
from .lif_gate import LIFGate
from .mat import MAT
from .membrane import MembraneModel
from .poisson_glm import PoissonGLM
from .rectified_lnp import RectifiedLNP
from .rectified_sam import RectifiedSAM
from .threshold_sam import ThresholdSAM

__all__ = [
    "GIF",
    "GLIF",
    "LIF",
    "MAT",
    "AdEx",
    "BernoulliGLM",
    "Cascade",
    "CobaLIF",
    "HodgkinHuxley",
    "Izhikevich",
    "LIFGate",
    "MembraneModel",
    "Model",
    "PoissonGLM",
    "RectifiedLNP",
    "RectifiedSAM",
    "ThresholdSAM",
]
