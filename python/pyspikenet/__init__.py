"""Simulation of networks of spiking neurons on sparse connectivity, computed by Julia.

>>> import pyspikenet as psn
>>> net = psn.Network.normal(n=200, std=5.0, sparsity=0.8, glorot=True, seed=1)
>>> ds = psn.simulate(psn.BernoulliGLM(), net, duration=10_000, trials=8, seed=0)
>>> ds.spk.plot_raster()  # doctest: +SKIP

Importing this starts nothing: Julia starts with the first call that needs it. ``python -m pyspikenet doctor`` says what
is in use.
"""

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .engine import EngineError, JuliaError, configure, info
from .kernels import ArrayKernel, ExponentialKernel, RaisedCosineKernel
from .network import Network
from .plasticity import STDP, InhibitorySTDP, TsodyksMarkram
from .receptors import AlphaSynapse, DeltaSynapse, DoubleExponentialSynapse, ExponentialSynapse, PulseSynapse
from .simulate import drive, simulate
from .stimulus import (
    ArrayStimulus,
    ConstantStimulus,
    FunctionStimulus,
    NoiseCurrent,
    PoissonInput,
    PoissonStimulus,
    RegularStimulus,
    SinStimulus,
    SpikeStimulus,
)
from .tune import tune

if TYPE_CHECKING:
    from . import analysis, encode, plot
    from .cells import lift, step
    from .dataset import load, save
    from .distances import (
        coincidence_factor,
        firing_rate_distance,
        isi_distance,
        spike_distance,
        van_rossum_distance,
        victor_purpura_distance,
    )
    from .fitting.basis import RaisedCosine
    from .fitting.cascade import log_likelihood
    from .fitting.fit import fit
    from .fitting.glm import GLM
    from .fitting.gradient import gradient
    from .fitting.likelihood import fit_glm
    from .fitting.losses import (
        Adaptive,
        CrossEntropy,
        RateLoss,
        Schedule,
        SpikeCountLoss,
        TargetRate,
        VanRossum,
        VoltageLoss,
    )
    from .fitting.penalty import L1, L2, GroupLasso
    from .fitting.surrogates import (
        ArctanSurrogate,
        CircSurrogate,
        ErfcSurrogate,
        SigmoidSurrogate,
        StraightThrough,
        SuperSpike,
        TanhSurrogate,
        TriangleSurrogate,
    )
    from .models import (
        GIF,
        GLIF,
        IAF,
        LI,
        LIF,
        LSNN,
        MAT,
        AdEx,
        BernoulliGLM,
        Cascade,
        CobaLIF,
        Equations,
        HodgkinHuxley,
        Izhikevich,
        Leaky,
        LIBox,
        LIFAdEx,
        LIFBox,
        LIFCurrent,
        LIFEx,
        LIFGate,
        LIFRefrac,
        PoissonGLM,
        RectifiedLNP,
        RectifiedSAM,
        ThresholdSAM,
    )

__all__ = [
    "GIF",
    "GLIF",
    "GLM",
    "IAF",
    "L1",
    "L2",
    "LI",
    "LIF",
    "LSNN",
    "MAT",
    "STDP",
    "AdEx",
    "Adaptive",
    "AlphaSynapse",
    "ArctanSurrogate",
    "ArrayKernel",
    "ArrayStimulus",
    "BernoulliGLM",
    "Cascade",
    "CircSurrogate",
    "CobaLIF",
    "ConstantStimulus",
    "CrossEntropy",
    "DeltaSynapse",
    "DoubleExponentialSynapse",
    "EngineError",
    "Equations",
    "ErfcSurrogate",
    "ExponentialKernel",
    "ExponentialSynapse",
    "FunctionStimulus",
    "GroupLasso",
    "HodgkinHuxley",
    "InhibitorySTDP",
    "Izhikevich",
    "JuliaError",
    "LIBox",
    "LIFAdEx",
    "LIFBox",
    "LIFCurrent",
    "LIFEx",
    "LIFGate",
    "LIFRefrac",
    "Leaky",
    "Network",
    "NoiseCurrent",
    "PoissonGLM",
    "PoissonInput",
    "PoissonStimulus",
    "PulseSynapse",
    "RaisedCosine",
    "RaisedCosineKernel",
    "RateLoss",
    "RectifiedLNP",
    "RectifiedSAM",
    "RegularStimulus",
    "Schedule",
    "SigmoidSurrogate",
    "SinStimulus",
    "SpikeCountLoss",
    "SpikeStimulus",
    "StraightThrough",
    "SuperSpike",
    "TanhSurrogate",
    "TargetRate",
    "ThresholdSAM",
    "TriangleSurrogate",
    "TsodyksMarkram",
    "VanRossum",
    "VoltageLoss",
    "__version__",
    "analysis",
    "coincidence_factor",
    "configure",
    "drive",
    "encode",
    "firing_rate_distance",
    "fit",
    "fit_glm",
    "gradient",
    "info",
    "isi_distance",
    "lift",
    "load",
    "log_likelihood",
    "plot",
    "save",
    "simulate",
    "spike_distance",
    "step",
    "tune",
    "van_rossum_distance",
    "victor_purpura_distance",
]

# What is imported when it is first asked for: modules that need xarray, and the many models.
_LATER = {
    "analysis": None,
    "encode": None,
    "plot": None,
    "lift": "cells",
    "step": "cells",
    "load": "dataset",
    "save": "dataset",
    "gradient": "fitting.gradient",
    "fit": "fitting.fit",
    **dict.fromkeys(
        [
            "Adaptive",
            "CrossEntropy",
            "RateLoss",
            "Schedule",
            "SpikeCountLoss",
            "TargetRate",
            "VanRossum",
            "VoltageLoss",
        ],
        "fitting.losses",
    ),
    **dict.fromkeys(
        [
            "ArctanSurrogate",
            "CircSurrogate",
            "ErfcSurrogate",
            "SigmoidSurrogate",
            "StraightThrough",
            "SuperSpike",
            "TanhSurrogate",
            "TriangleSurrogate",
        ],
        "fitting.surrogates",
    ),
    **dict.fromkeys(
        [
            "coincidence_factor",
            "firing_rate_distance",
            "isi_distance",
            "spike_distance",
            "van_rossum_distance",
            "victor_purpura_distance",
        ],
        "distances",
    ),
    "GLM": "fitting.glm",
    "GroupLasso": "fitting.penalty",
    "L1": "fitting.penalty",
    "L2": "fitting.penalty",
    "RaisedCosine": "fitting.basis",
    "fit_glm": "fitting.likelihood",
    "log_likelihood": "fitting.cascade",
    **dict.fromkeys(
        [
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
            "PoissonGLM",
            "RectifiedLNP",
            "RectifiedSAM",
            "ThresholdSAM",
        ],
        "models",
    ),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _LATER:
        raise AttributeError(f"module 'pyspikenet' has no attribute {name!r}")
    module = import_module(f".{_LATER[name] or name}", __name__)
    return getattr(module, name) if _LATER[name] else module


def __dir__() -> list[str]:
    return __all__
