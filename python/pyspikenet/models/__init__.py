"""Neuron models, one file each, read when a model is first asked for: all of them would slow down the import."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_FILES = {
    "AdEx": "adex",
    "Model": "base",
    "BernoulliGLM": "bernoulli_glm",
    "Cascade": "cascade",
    "CobaLIF": "coba_lif",
    "Equations": "equations",
    "GIF": "gif",
    "GLIF": "glif",
    "HodgkinHuxley": "hodgkin_huxley",
    "IAF": "iaf",
    "Izhikevich": "izhikevich",
    "LI": "li",
    "LIBox": "li_box",
    "LIF": "lif",
    "LIFAdEx": "lif_adex",
    "LIFBox": "lif_box",
    "Leaky": "leaky",
    "LIFCurrent": "lif_current",
    "LIFEx": "lif_ex",
    "LIFGate": "lif_gate",
    "LIFRefrac": "lif_refrac",
    "LSNN": "lsnn",
    "MAT": "mat",
    "MembraneModel": "membrane",
    "PoissonGLM": "poisson_glm",
    "RectifiedLNP": "rectified_lnp",
    "RectifiedSAM": "rectified_sam",
    "ThresholdSAM": "threshold_sam",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _FILES:
        raise AttributeError(f"module 'pyspikenet.models' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{_FILES[name]}", __name__), name)
    return found


def __dir__() -> list[str]:
    return __all__
