"""MAT."""

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
from .membrane_presets import MAT_CELLS
from .presets import Preset, WithPresets


@parameterised
class MAT(WithPresets, MembraneModel):
    r"""Multi-timescale adaptive threshold (Kobayashi, Tsubo and Shinomoto 2009, doi 10.3389/neuro.10.009.2009).

    .. math::

        \tau_m \frac{dv}{dt} = E_L - v + R\,I, \qquad \theta(t) = E_L + \omega
        + \sum_{t_k < t} \left(\alpha_1 e^{-(t - t_k) / \tau_1} + \alpha_2 e^{-(t - t_k) / \tau_2}\right)

    A spike at :math:`t_k` where :math:`v \ge \theta`, but not within the refractory period after the last one. The
    potential is not reset: it is that of a membrane without spikes. I is the sum of stimuli and of the currents of all
    receptors [nA], so that R I is in mV.

    Notes
    -----
    Default dt: 0.1 ms. Integrated exactly by default. At rest v = E_L and theta = E_L + omega. State: v; theta_1 and
    theta_2, the two sums of exponentials, which make ``theta = E_L + omega + theta_1 + theta_2``; g of each receptor.
    Default parameters: regular spiking; :meth:`presets`: the four cells of the paper's figure 5.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {
        "v": ("mV", "membrane potential"),
        "theta_1": ("mV", "fast part of the threshold"),
        "theta_2": ("mV", "slow part of the threshold"),
    }
    current_unit: ClassVar[str] = "nA"
    conductance_unit: ClassVar[str] = "uS"
    methods: ClassVar[tuple[str, ...]] = METHODS
    PRESETS: ClassVar[Mapping[str, Preset]] = MAT_CELLS
    default_receptors: ClassVar[dict[str, Receptor]] = CURRENTS_OF_EXCITATION_AND_INHIBITION

    tau_m: float = quantity(default=5.0, unit="ms", description="membrane time constant", range="positive", varies=True)
    E_L: float = quantity(default=-65.0, unit="mV", description="resting potential", varies=True)
    R: float = quantity(default=50.0, unit="MOhm", description="membrane resistance", varies=True)
    omega: float = quantity(default=20.0, unit="mV", description="threshold at rest, as distance from E_L", varies=True)
    alpha_1: float = quantity(
        default=30.0, unit="mV", description="what a spike adds to the fast part of the threshold", varies=True
    )
    alpha_2: float = quantity(
        default=2.0, unit="mV", description="what a spike adds to the slow part of the threshold", varies=True
    )
    tau_1: float = quantity(
        default=10.0, unit="ms", description="time constant of the fast part", range="positive", varies=True
    )
    tau_2: float = quantity(
        default=200.0, unit="ms", description="time constant of the slow part", range="positive", varies=True
    )
    refractory_period: float = quantity(
        default=2.0,
        unit="ms",
        description="shortest interval between two spikes; nothing is held meanwhile",
        range="nonnegative",
        varies=True,
    )
    receptors: Any = receptors_option(CURRENTS)
    method: str = method_option("exact", METHODS)
