"""GIF."""

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
    refractory_quantity,
)


@parameterised
class GIF(MembraneModel):
    r"""Generalised integrate-and-fire neuron with escape noise.

    Pozzorini et al. 2015, doi 10.1371/journal.pcbi.1004275:

    .. math::

        C \frac{dv}{dt} &= g_L (E_L - v) - \eta_1 - \eta_2 + I, & \frac{d\eta_j}{dt} &= -\eta_j / \tau_{\eta_j} \\
        \lambda &= \lambda_0\,e^{(v - V_T - \gamma_1 - \gamma_2) / \Delta_V}, &
        \frac{d\gamma_j}{dt} &= -\gamma_j / \tau_{\gamma_j}

    In each step of dt a neuron that is not refractory spikes with probability :math:`1 - e^{-\lambda dt}`, so
    :math:`\lambda` is the hazard, or escape rate. Then :math:`v \to v_{reset}`, held for the refractory period, while
    the spike-triggered currents :math:`\eta_j \to \eta_j + q_{\eta_j}` and the moving threshold
    :math:`\gamma_j \to \gamma_j + q_{\gamma_j}` begin to decay at once. I is the sum of stimuli [pA] and of the
    currents of all receptors.

    Spike response models are settings of it. SRM_0 with escape noise (Gerstner and Kistler 2002, chapter 5): no
    spike-triggered currents (``q_eta_1 = q_eta_2 = 0``); the potential is the filtered input, and what a spike does to
    the neuron, eta of the SRM, is :math:`-\gamma_1 - \gamma_2` (only the distance between potential and threshold
    matters); where v_reset takes part in it, it is the exponential of the membrane. The SRM with an input filter that
    depends on the last spike is the model with its reset. A leaky integrate-and-fire neuron with an exponential escape
    rate: all q 0. The smaller Delta_V, the less noise: with :math:`\Delta_V \to 0` the threshold is V_T exactly.

    Notes
    -----
    Default dt: 0.1 ms. Integrated exactly by default. At rest v = E_L, all else 0. State: v, eta_1, eta_2, gamma_1,
    gamma_2, and g of each receptor. Random numbers are addressed by neuron and step, like all others. Default
    parameters: a fit to cells of mouse barrel cortex (Mensi et al. 2012, doi 10.1152/jn.00408.2011), as in NEST's
    example gif_population.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {
        "v": ("mV", "membrane potential"),
        "eta_1": ("pA", "first spike-triggered current"),
        "eta_2": ("pA", "second spike-triggered current"),
        "gamma_1": ("mV", "first part of the moving threshold"),
        "gamma_2": ("mV", "second part of the moving threshold"),
    }
    methods: ClassVar[tuple[str, ...]] = METHODS
    default_receptors: ClassVar[dict[str, Receptor]] = CURRENTS_OF_EXCITATION_AND_INHIBITION

    C: float = quantity(default=83.1, unit="pF", description="capacitance", range="positive", varies=True)
    g_L: float = quantity(default=3.7, unit="nS", description="leak conductance", range="nonnegative", varies=True)
    E_L: float = quantity(default=-67.0, unit="mV", description="resting potential", varies=True)
    v_reset: float = quantity(default=-36.7, unit="mV", description="potential after a spike", varies=True)
    V_T: float = quantity(default=-39.6, unit="mV", description="threshold long after any spike", varies=True)
    Delta_V: float = quantity(
        default=1.4, unit="mV", description="width of the threshold", range="positive", varies=True
    )
    lambda_0: float = quantity(
        default=1.0, unit="Hz", description="hazard at the threshold", range="nonnegative", varies=True
    )
    q_eta_1: float = quantity(
        default=56.7, unit="pA", description="what a spike adds to the first spike-triggered current", varies=True
    )
    q_eta_2: float = quantity(
        default=-6.9, unit="pA", description="what a spike adds to the second spike-triggered current", varies=True
    )
    tau_eta_1: float = quantity(
        default=57.8, unit="ms", description="time constant of the first current", range="positive", varies=True
    )
    tau_eta_2: float = quantity(
        default=218.2, unit="ms", description="time constant of the second current", range="positive", varies=True
    )
    q_gamma_1: float = quantity(
        default=11.7, unit="mV", description="what a spike adds to the first part of the threshold", varies=True
    )
    q_gamma_2: float = quantity(
        default=1.8, unit="mV", description="what a spike adds to the second part of the threshold", varies=True
    )
    tau_gamma_1: float = quantity(
        default=53.8, unit="ms", description="time constant of the first part", range="positive", varies=True
    )
    tau_gamma_2: float = quantity(
        default=640.0, unit="ms", description="time constant of the second part", range="positive", varies=True
    )
    refractory_period: float = refractory_quantity(4.0)
    receptors: Any = receptors_option(CURRENTS)
    method: str = method_option("exact", METHODS)
