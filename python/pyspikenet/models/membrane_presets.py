"""Presets of LIF, AdEx, GLIF and MAT. Read ``presets.py`` first."""

from typing import Any

from .presets import Preset, step

# Brunel and Wang 2001, doi 10.1023/A:1011204814320: 0.5 nF and 25 nS, 0.2 nF and 20 nS; AMPA 2 ms, GABA 10 ms.
_BRUNEL_WANG = {
    "E_L": -70.0, "v_threshold": -50.0, "v_reset": -55.0, "tau_syn_exc": 2.0, "tau_syn_inh": 10.0,
}  # fmt: skip
LIF_CELLS = {
    "cortical pyramidal": Preset(parameters=_BRUNEL_WANG | {"tau_m": 20.0, "R": 40.0, "refractory_period": 2.0}),
    "cortical fast spiking": Preset(parameters=_BRUNEL_WANG | {"tau_m": 10.0, "R": 50.0, "refractory_period": 1.0}),
}


def _pattern(C: float, g_L: float, E_L: float, a: float, tau_w: float, b: float, V_r: float, current: float) -> Preset:
    parameters = {"C": C, "g_L": g_L, "E_L": E_L, "a": a, "tau_w": tau_w, "b": b, "V_r": V_r}
    shared = {"V_T": -50.0, "D_T": 2.0, "V_cut": 0.0}
    return Preset(parameters=parameters | shared, current=step(current, -1.0), duration=600.0, dt=0.1)


# Naud et al. 2008, doi 10.1007/s00422-008-0264-7, table 1 and figure 4, with the corrections that make the table give
# the figure (as in Brian2's example of it); currents in pA from t = 0, from rest.
ADEX = {
    "tonic spiking": _pattern(200.0, 10.0, -70.0, 2.0, 30.0, 0.0, -58.0, 500.0),
    "adapting": _pattern(200.0, 12.0, -70.0, 2.0, 300.0, 60.0, -58.0, 500.0),
    "initial burst": _pattern(130.0, 18.0, -58.0, 4.0, 150.0, 120.0, -50.0, 400.0),
    "regular bursting": _pattern(200.0, 10.0, -58.0, 2.0, 120.0, 100.0, -46.0, 210.0),
    "delayed accelerating": _pattern(200.0, 12.0, -70.0, -10.0, 300.0, 0.0, -58.0, 300.0),
    "delayed regular bursting": _pattern(100.0, 10.0, -65.0, -10.0, 90.0, 30.0, -47.0, 110.0),
    "transient spiking": _pattern(100.0, 10.0, -65.0, 10.0, 90.0, 100.0, -47.0, 180.0),
    "irregular spiking": _pattern(100.0, 12.0, -60.0, -11.0, 130.0, 30.0, -48.0, 160.0),
}

# Teeter et al. 2018: what each level leaves out of the default parameters.
_FIXED_RESET: dict[str, Any] = {"f_v": 0.0, "v_add": 0.0, "A_theta": 0.0}
_NO_CURRENTS: dict[str, Any] = {"A_1": 0.0, "A_2": 0.0}
_FIXED_THRESHOLD: dict[str, Any] = {"a_v": 0.0}
GLIF_LEVELS = {
    "GLIF1": Preset(parameters=_FIXED_RESET | _NO_CURRENTS | _FIXED_THRESHOLD),
    "GLIF2": Preset(parameters=_NO_CURRENTS | _FIXED_THRESHOLD),
    "GLIF3": Preset(parameters=_FIXED_RESET | _FIXED_THRESHOLD),
    "GLIF4": Preset(parameters=_FIXED_THRESHOLD),
    "GLIF5": Preset(parameters={}),
}


def _cell(omega: float, alpha_1: float, alpha_2: float) -> Preset:
    parameters = {"omega": omega, "alpha_1": alpha_1, "alpha_2": alpha_2}
    return Preset(parameters=parameters, current=step(0.6, 100.0, 600.0), duration=700.0, dt=0.1)


# Kobayashi et al. 2009, figure 5B (0.6 nA from 100 to 600 ms), from the authors' script of it.
MAT_CELLS = {
    "regular spiking": _cell(20.0, 30.0, 2.0),
    "intrinsic bursting": _cell(19.0, 7.5, 1.5),
    "fast spiking": _cell(10.0, 10.0, 0.2),
    "chattering": _cell(26.0, -0.5, 0.4),
}
