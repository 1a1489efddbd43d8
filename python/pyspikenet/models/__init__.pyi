from .adex import AdEx
from .base import Model
from .bernoulli_glm import BernoulliGLM
from .cascade import Cascade
from .coba_lif import CobaLIF
from .equations import Equations
from .gif import GIF
from .glif import GLIF
from .hodgkin_huxley import HodgkinHuxley
from .iaf import IAF
from .izhikevich import Izhikevich
from .leaky import Leaky
from .li import LI
from .li_box import LIBox
from .lif import LIF
from .lif_adex import LIFAdEx
from .lif_box import LIFBox
from .lif_current import LIFCurrent
from .lif_ex import LIFEx
from .lif_gate import LIFGate
from .lif_refrac import LIFRefrac
from .lsnn import LSNN
from .mat import MAT
from .membrane import MembraneModel
from .poisson_glm import PoissonGLM
from .rectified_lnp import RectifiedLNP
from .rectified_sam import RectifiedSAM
from .threshold_sam import ThresholdSAM

__all__ = [
    "GIF",
    "GLIF",
    "IAF",
    "LI",
    "LIF",
    "LSNN",
    "MAT",
    "AdEx",
    "BernoulliGLM",
    "Cascade",
    "CobaLIF",
    "Equations",
    "HodgkinHuxley",
    "Izhikevich",
    "LIBox",
    "LIFAdEx",
    "LIFBox",
    "LIFCurrent",
    "LIFEx",
    "LIFGate",
    "LIFRefrac",
    "Leaky",
    "MembraneModel",
    "Model",
    "PoissonGLM",
    "RectifiedLNP",
    "RectifiedSAM",
    "ThresholdSAM",
]
