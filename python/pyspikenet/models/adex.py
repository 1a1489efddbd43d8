"""AdEx."""

from collections.abc import Mapping
from typing import Any, ClassVar

from ..parameters import parameterised, quantity
from ..receptors import Receptor
from .membrane import (
    CONDUCTANCES,
    EXCITATION_AND_INHIBITION,
    MembraneModel,
    method_option,
    receptors_option,
    refractory_quantity,
)
from .membrane_presets import ADEX
from .presets import Preset, WithPresets


@parameterised
class AdEx(WithPresets, MembraneModel):
    r"""Adaptive exponential integrate-and-fire neuron (Brette and Gerstner 2005, doi 10.1152/jn.00686.2005).

    .. math::

        C \frac{dv}{dt} &= -g_L (v - E_L) + g_L \Delta_T e^{(v - V_T)/\Delta_T} - w + I \\
        \tau_w \frac{dw}{dt} &= a (v - E_L) - w

    A spike where :math:`v > V_{cut}`, then :math:`v \to V_r` and :math:`w \to w + b`. I is the sum of stimuli [pA] and
    of the currents through all receptors.

    Notes
    -----
    Default dt: 0.1 ms. At rest v = E_L and w = 0. State: v, w, and g of each receptor. V_cut = V_T + 5 D_T with the
    default values. :meth:`presets`: the firing patterns of Naud et al. 2008, doi 10.1007/s00422-008-0264-7.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {
        "v": ("mV", "membrane potential"),
        "w": ("pA", "adaptation current"),
    }
    PRESETS: ClassVar[Mapping[str, Preset]] = ADEX
    default_receptors: ClassVar[dict[str, Receptor]] = EXCITATION_AND_INHIBITION

    C: float = quantity(default=281.0, unit="pF", description="capacitance", range="positive", varies=True)
    g_L: float = quantity(default=30.0, unit="nS", description="leak conductance", range="nonnegative", varies=True)
    E_L: float = quantity(default=-70.6, unit="mV", description="resting potential", varies=True)
    V_T: float = quantity(default=-50.4, unit="mV", description="threshold of the exponential", varies=True)
    D_T: float = quantity(default=2.0, unit="mV", description="slope factor", range="positive", varies=True)
    tau_w: float = quantity(
        default=144.0, unit="ms", description="time constant of the adaptation", range="positive", varies=True
    )
    a: float = quantity(default=4.0, unit="nS", description="subthreshold adaptation", varies=True)
    b: float = quantity(default=80.5, unit="pA", description="adaptation by a spike", varies=True)
    V_r: float = quantity(default=-70.6, unit="mV", description="potential after a spike", varies=True)
    V_cut: float = quantity(default=-40.4, unit="mV", description="potential that counts as a spike", varies=True)
    refractory_period: float = refractory_quantity()
    receptors: Any = receptors_option(CONDUCTANCES)
    method: str = method_option("euler")
