"""LIFRefrac."""

from typing import Any, ClassVar

from ..parameters import parameterised, quantity
from .discrete import (
    POTENTIAL,
    SYNAPTIC_CURRENT,
    DiscreteCell,
    input_receptor,
    leak,
    membrane_decay,
    reset_to,
    synaptic_decay,
    threshold,
)


@parameterised
class LIFRefrac(DiscreteCell):
    r"""Leaky integrate-and-fire cell with a synaptic current and a refractory period.

    .. math::

        i' &= i + x \\
        v &\leftarrow v + dt\,\tau_{mem}^{-1} (v_{leak} - v + i') \\
        i &\leftarrow i' - dt\,\tau_{syn}^{-1}\, i' \\
        v > v_{th} &\Rightarrow v \to v_{reset}

    In the ``rho_reset`` steps after a spike v is held and no spike falls, while i goes on.
    x is the sum of stimuli and of what spikes add in this step.

    Notes
    -----
    ``lif_refrac_feed_forward_step`` of Norse. In the equations dt is in s; default dt: 1 ms.
    At rest v = v_leak and i = 0. State: v, i, and g_input, the spikes that have arrived for the next step.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {"v": POTENTIAL, "i": SYNAPTIC_CURRENT}

    tau_syn_inv: float = synaptic_decay()
    tau_mem_inv: float = membrane_decay()
    v_leak: float = leak()
    v_th: float = threshold()
    v_reset: float = reset_to()
    rho_reset: float = quantity(
        default=5.0, description="steps after a spike for which v is held, rounded up", range="nonnegative", varies=True
    )
    receptors: Any = input_receptor()
