"""GLIF."""

from collections.abc import Mapping
from typing import Any, ClassVar

from ..parameters import parameterised, quantity
from ..receptors import Receptor
from .membrane import (
    CURRENTS,
    CURRENTS_OF_EXCITATION_AND_INHIBITION,
    METHODS,
    MembraneModel,
    method_option,
    receptors_option,
)
from .membrane_presets import GLIF_LEVELS
from .presets import Preset, WithPresets


def _factor(default: float, what: str) -> Any:
    return quantity(default=default, description=what, varies=True)


def _rate(default: float, what: str, range: str = "nonnegative") -> Any:
    return quantity(default=default, unit="1/ms", description=what, range=range, varies=True)


@parameterised
class GLIF(WithPresets, MembraneModel):
    r"""Generalised leaky integrate-and-fire neuron of the Allen Institute.

    Teeter et al. 2018, doi 10.1038/s41467-017-02717-4:

    .. math::

        C \frac{dv}{dt} &= g_L (E_L - v) + I + I_1 + I_2, & \frac{dI_j}{dt} &= -k_j I_j \\
        \frac{d\theta_v}{dt} &= a_v (v - E_L) - b_v \theta_v, & \frac{d\theta_s}{dt} &= -b_s \theta_s

    A spike where :math:`v > \theta_\infty + \theta_s + \theta_v`. During the refractory period :math:`t_r` the state is
    held, as in the paper, whose voltage is undefined then; behind it the neuron begins with

    .. math::

        v \to E_L + f_v (v - E_L) + v_{add}, \quad I_j \to f_j e^{-k_j t_r} I_j + A_j, \quad
        \theta_s \to e^{-b_s t_r} \theta_s + A_\theta, \quad \theta_v \to \theta_v

    so what earlier spikes left decays during the refractory period, what this spike adds begins to decay at its end.
    These values are in the state, and in what is recorded, from the spike on. The five levels of the paper leave out
    some of this:

    ======== ========================================================== ===================================
    level    mechanisms                                                 set to 0
    ======== ========================================================== ===================================
    GLIF 1   leaky integrate-and-fire                                   f_v, v_add, A_1, A_2, A_theta, a_v
    GLIF 2   reset rules of v, spike-dependent threshold                A_1, A_2, a_v
    GLIF 3   after-spike currents                                       f_v, v_add, A_theta, a_v
    GLIF 4   reset rules, spike-dependent threshold, after-spike        a_v
             currents
    GLIF 5   all: voltage-dependent threshold, too
    ======== ========================================================== ===================================

    Notes
    -----
    Default dt: 0.1 ms. Integrated exactly by default. At rest v = E_L, all else 0. State: v, I_1, I_2, theta_s,
    theta_v, and g of each receptor. The paper writes :math:`-\delta V` for :math:`v_{add}`. If the reset leaves v above
    the threshold, the neuron fires for ever, as soon as it is not refractory. Default parameters: level 5 of cell
    490626718 of the Allen Cell Types Database, a neuron of mouse visual cortex, rounded as they are in NEST's
    ``glif_psc``; :meth:`presets` are the five levels with these parameters, though the paper fits each level anew.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {
        "v": ("mV", "membrane potential"),
        "I_1": ("pA", "first after-spike current"),
        "I_2": ("pA", "second after-spike current"),
        "theta_s": ("mV", "spike-dependent part of the threshold"),
        "theta_v": ("mV", "voltage-dependent part of the threshold"),
    }
    methods: ClassVar[tuple[str, ...]] = METHODS
    PRESETS: ClassVar[Mapping[str, Preset]] = GLIF_LEVELS
    default_receptors: ClassVar[dict[str, Receptor]] = CURRENTS_OF_EXCITATION_AND_INHIBITION

    C: float = quantity(default=58.72, unit="pF", description="capacitance", range="positive", varies=True)
    g_L: float = quantity(default=9.43, unit="nS", description="leak conductance", range="nonnegative", varies=True)
    E_L: float = quantity(default=-78.85, unit="mV", description="resting potential", varies=True)
    theta_inf: float = quantity(
        default=-51.68, unit="mV", description="threshold at rest, long after any spike", varies=True
    )
    f_v: float = _factor(0.2, "which part of its distance from E_L the potential keeps at a spike")
    v_add: float = quantity(
        default=18.51, unit="mV", description="what is added to the potential at a spike", varies=True
    )
    k_1: float = _rate(0.003, "rate of decay of the first after-spike current")
    k_2: float = _rate(0.1, "rate of decay of the second after-spike current")
    A_1: float = quantity(
        default=-9.18, unit="pA", description="what a spike adds to the first after-spike current", varies=True
    )
    A_2: float = quantity(
        default=-198.94, unit="pA", description="what a spike adds to the second after-spike current", varies=True
    )
    f_1: float = _factor(1.0, "which part of the first after-spike current a spike leaves")
    f_2: float = _factor(1.0, "which part of the second after-spike current a spike leaves")
    b_s: float = _rate(0.009, "rate of decay of the spike-dependent threshold")
    A_theta: float = quantity(
        default=0.37, unit="mV", description="what a spike adds to the spike-dependent threshold", varies=True
    )
    a_v: float = _rate(0.005, "how fast the potential moves the voltage-dependent threshold", "any")
    b_v: float = _rate(0.09, "rate of decay of the voltage-dependent threshold")
    refractory_period: float = quantity(
        default=3.75,
        unit="ms",
        description="shortest interval between two spikes; the whole state is held for that long",
        range="nonnegative",
        varies=True,
    )
    receptors: Any = receptors_option(CURRENTS)
    method: str = method_option("exact", METHODS)
