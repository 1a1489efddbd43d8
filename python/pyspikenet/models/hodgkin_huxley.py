"""HodgkinHuxley."""

from typing import Any, ClassVar

from ..parameters import parameterised, quantity
from ..receptors import Receptor
from .membrane import CONDUCTANCES, EXCITATION_AND_INHIBITION, MembraneModel, method_option, receptors_option


@parameterised
class HodgkinHuxley(MembraneModel):
    r"""Hodgkin-Huxley neuron with Traub-Miles kinetics.

    Benchmark 3 of Brette et al. 2007, doi 10.1007/s10827-007-0038-6:

    .. math::

        C \frac{dv}{dt} &= g_L (E_L - v) - g_{Na} m^3 h (v - E_{Na}) - g_K n^4 (v - E_K) + I \\
        \frac{dx}{dt} &= \alpha_x (1 - x) - \beta_x x, \qquad x = m, h, n

    with rates in 1/ms, where :math:`u = v - V_T` in mV:

    .. math::

        \alpha_m &= \frac{0.32 (13 - u)}{e^{(13 - u) / 4} - 1}, &
        \beta_m &= \frac{0.28 (u - 40)}{e^{(u - 40) / 5} - 1} \\
        \alpha_h &= 0.128\,e^{(17 - u) / 18}, & \beta_h &= \frac{4}{1 + e^{(40 - u) / 5}} \\
        \alpha_n &= \frac{0.032 (15 - u)}{e^{(15 - u) / 5} - 1}, & \beta_n &= 0.5\,e^{(10 - u) / 40}

    (Traub and Miles 1991, Neuronal Networks of the Hippocampus). A spike where :math:`v > v_{threshold}`, but not
    within the refractory period after the last one; nothing is reset or held, the action potential is that of the
    equations. I is the sum of stimuli [pA] and of the currents through all receptors.

    Notes
    -----
    Default dt: 0.1 ms. "exponential_euler" solves the equation of each variable with all others held, as Brian2's
    method of this name does: stable, of first order. The others are more accurate at steps they are stable for: below
    0.08 ms for "rk4", 0.06 ms for "rk2" and "euler" (m opens at up to 32/ms). At rest v = E_L, and m, h, n at their
    steady state for this v; without input v then settles some mV from E_L. State: v, m, h, n, and g of each receptor.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {
        "v": ("mV", "membrane potential"),
        "m": ("1", "activation of sodium channels"),
        "h": ("1", "inactivation of sodium channels"),
        "n": ("1", "activation of potassium channels"),
    }
    default_receptors: ClassVar[dict[str, Receptor]] = EXCITATION_AND_INHIBITION

    C: float = quantity(default=200.0, unit="pF", description="capacitance", range="positive", varies=True)
    g_L: float = quantity(default=10.0, unit="nS", description="leak conductance", range="nonnegative", varies=True)
    E_L: float = quantity(default=-60.0, unit="mV", description="reversal potential of the leak", varies=True)
    g_Na: float = quantity(
        default=20000.0, unit="nS", description="largest sodium conductance", range="nonnegative", varies=True
    )
    E_Na: float = quantity(default=50.0, unit="mV", description="reversal potential of sodium", varies=True)
    g_K: float = quantity(
        default=6000.0, unit="nS", description="largest potassium conductance", range="nonnegative", varies=True
    )
    E_K: float = quantity(default=-90.0, unit="mV", description="reversal potential of potassium", varies=True)
    V_T: float = quantity(default=-63.0, unit="mV", description="shift of all kinetics", varies=True)
    v_threshold: float = quantity(default=-20.0, unit="mV", description="potential that counts as a spike", varies=True)
    refractory_period: float = quantity(
        default=3.0,
        unit="ms",
        description="shortest interval between two spikes; nothing is held meanwhile",
        range="nonnegative",
        varies=True,
    )
    receptors: Any = receptors_option(CONDUCTANCES)
    method: str = method_option("exponential_euler")
