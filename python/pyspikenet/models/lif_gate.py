"""LIFGate."""

from typing import Any, ClassVar

from ..parameters import parameterised, quantity
from ..receptors import PulseSynapse, Receptor
from .membrane import MembraneModel, method_option, receptors_option, refractory_quantity


@parameterised
class LIFGate(MembraneModel):
    r"""Leaky integrate-and-fire neuron with a presynaptic gate, as fitted in "Parallel SNN parameter inference using
    gradient based optimization".

    .. math::

        v' &= v + \frac{dt}{\tau_m} (E_L - v + R I), \qquad I_j = \sum_i w_{ij} g_i + \text{input} \\
        g' &= g - \frac{dt}{\tau_g} g

    A spike where :math:`v' \ge v_{threshold}`, then :math:`v \to E_L` and :math:`g \to 1` (set, not added). Every
    synapse carries the gate g of its presynaptic neuron in every step.

    Notes
    -----
    Default dt: 1 ms. At rest v = E_L, g = 0. The paper's input is ``PoissonInput(rate=10, weight=0.9, most=1)``.
    """

    default_dt: ClassVar[float] = 1.0
    variables: ClassVar[dict[str, tuple[str, str]]] = {
        "v": ("mV", "membrane potential"),
        "g": ("1", "gate of the synapses that leave the neuron"),
    }
    current_unit: ClassVar[str] = "nA"
    conductance_unit: ClassVar[str] = "uS"
    default_receptors: ClassVar[dict[str, Receptor]] = {"input": PulseSynapse()}
    methods: ClassVar[tuple[str, ...]] = ("euler",)

    tau_m: float = quantity(default=2.0, unit="ms", description="membrane time constant", range="positive", varies=True)
    E_L: float = quantity(default=-50.0, unit="mV", description="resting potential", varies=True)
    R: float = quantity(default=137.0, unit="MOhm", description="membrane resistance", varies=True)
    tau_g: float = quantity(
        default=2.5, unit="ms", description="time constant of the gate", range="positive", varies=True
    )
    v_threshold: float = quantity(default=30.0, unit="mV", description="threshold", varies=True)
    refractory_period: float = refractory_quantity()
    receptors: Any = receptors_option('{"input": PulseSynapse()}')
    method: str = method_option("euler", ("euler",))
