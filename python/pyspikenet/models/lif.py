"""LIF."""

from collections.abc import Mapping
from typing import Any, ClassVar

from ..parameters import parameterised, quantity
from ..receptors import ExponentialSynapse, Receptor
from .membrane import METHODS, MembraneModel, method_option, receptors_option, refractory_quantity
from .membrane_presets import LIF_CELLS
from .presets import Preset, WithPresets


@parameterised
class LIF(WithPresets, MembraneModel):
    r"""Leaky integrate-and-fire neuron with current-based synapses.

    .. math::

        \tau_m \frac{dv}{dt} = E_L - v + R\,I, \qquad v \ge v_{threshold} \Rightarrow v \to v_{reset}

    I is the sum of stimuli and of the currents of all receptors [nA], so that R I is in mV; with R = 1 MOhm,
    weights and stimuli are depolarisations in mV.

    Notes
    -----
    Default dt: 0.1 ms. By default integrated exactly (Rotter and Diesmann 1999, doi 10.1007/s004220050570), stimuli
    held for a step. At rest v = E_L. State: v, and g of each receptor. :meth:`presets`: cortical cells of Brunel and
    Wang 2001, doi 10.1023/A:1011204814320.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {"v": ("mV", "membrane potential")}
    current_unit: ClassVar[str] = "nA"
    conductance_unit: ClassVar[str] = "uS"
    PRESETS: ClassVar[Mapping[str, Preset]] = LIF_CELLS
    methods: ClassVar[tuple[str, ...]] = METHODS

    tau_m: float = quantity(
        default=20.0, unit="ms", description="membrane time constant", range="positive", varies=True
    )
    E_L: float = quantity(default=-70.0, unit="mV", description="resting potential", varies=True)
    R: float = quantity(default=1.0, unit="MOhm", description="membrane resistance", varies=True)
    v_threshold: float = quantity(default=-50.0, unit="mV", description="threshold", varies=True)
    v_reset: float = quantity(default=-60.0, unit="mV", description="potential after a spike", varies=True)
    refractory_period: float = refractory_quantity()
    tau_syn_exc: float = quantity(
        default=5.0, unit="ms", description="time constant of the receptor exc", range="positive", varies=True
    )
    tau_syn_inh: float = quantity(
        default=10.0, unit="ms", description="time constant of the receptor inh", range="positive", varies=True
    )
    receptors: Any = receptors_option("exponential currents exc and inh with the time constants above")
    method: str = method_option("exact", METHODS)

    def all_receptors(self) -> dict[str, Receptor]:
        if self.receptors is not None:
            return super().all_receptors()
        return {"exc": ExponentialSynapse(tau=self.tau_syn_exc), "inh": ExponentialSynapse(tau=self.tau_syn_inh)}
