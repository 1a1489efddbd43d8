"""CobaLIF."""

from typing import Any, ClassVar

from ..parameters import parameterised, quantity
from ..receptors import ExponentialSynapse, Receptor
from .membrane import MembraneModel, method_option, receptors_option, refractory_quantity


@parameterised
class CobaLIF(MembraneModel):
    r"""Leaky integrate-and-fire neuron with conductance-based synapses.

    .. math::

        C \frac{dv}{dt} = g_L (E_L - v) + g_e (E_e - v) + g_i (E_i - v) + I, \qquad
        \frac{dg_e}{dt} = -\frac{g_e}{\tau_e}, \quad \frac{dg_i}{dt} = -\frac{g_i}{\tau_i}

    A spike where :math:`v > v_{threshold}`, then :math:`v \to v_{reset}`. Weights are conductances [nS]; the magnitude
    of a negative one acts through the receptor inh.

    Notes
    -----
    Default dt: 0.1 ms. At rest v = E_L. State: v, g_exc, g_inh.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {"v": ("mV", "membrane potential")}

    C: float = quantity(default=100.0, unit="pF", description="capacitance", range="positive", varies=True)
    g_L: float = quantity(default=5.0, unit="nS", description="leak conductance", range="nonnegative", varies=True)
    E_L: float = quantity(default=-70.0, unit="mV", description="resting potential", varies=True)
    v_threshold: float = quantity(default=-40.0, unit="mV", description="threshold", varies=True)
    v_reset: float = quantity(default=-70.0, unit="mV", description="potential after a spike", varies=True)
    refractory_period: float = refractory_quantity()
    tau_e: float = quantity(
        default=20.0, unit="ms", description="time constant of the receptor exc", range="positive", varies=True
    )
    tau_i: float = quantity(
        default=100.0, unit="ms", description="time constant of the receptor inh", range="positive", varies=True
    )
    E_e: float = quantity(default=0.0, unit="mV", description="reversal potential of the receptor exc", varies=True)
    E_i: float = quantity(default=-80.0, unit="mV", description="reversal potential of the receptor inh", varies=True)
    receptors: Any = receptors_option("exponential conductances exc and inh with the parameters above")
    method: str = method_option("euler")

    def all_receptors(self) -> dict[str, Receptor]:
        if self.receptors is not None:
            return super().all_receptors()
        return {
            "exc": ExponentialSynapse(tau=self.tau_e, reversal=self.E_e),
            "inh": ExponentialSynapse(tau=self.tau_i, reversal=self.E_i),
        }
