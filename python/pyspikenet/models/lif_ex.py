"""LIFEx."""

from typing import Any, ClassVar

from ..parameters import parameterised
from .discrete import (
    POTENTIAL,
    SYNAPTIC_CURRENT,
    DiscreteCell,
    input_receptor,
    leak,
    membrane_decay,
    reset_to,
    slope,
    synaptic_decay,
    threshold,
)


@parameterised
class LIFEx(DiscreteCell):
    r"""Exponential integrate-and-fire cell with a synaptic current.

    .. math::

        i' &= i + x \\
        v &\leftarrow v + dt\,\tau_{mem}^{-1} (v_{leak} - v + \Delta_T e^{(v - v_{th}) / \Delta_T} + i') \\
        i &\leftarrow i' - dt\,\tau_{syn}^{-1}\, i' \\
        v > v_{th} &\Rightarrow v \to v_{reset}

    x is the sum of stimuli and of what spikes add in this step.

    Notes
    -----
    ``lif_ex_feed_forward_step`` of Norse. In the equations dt is in s; default dt: 1 ms.
    At rest v = v_leak and i = 0. State: v, i, and g_input, the spikes that have arrived for the next step.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {"v": POTENTIAL, "i": SYNAPTIC_CURRENT}

    delta_T: float = slope()
    tau_syn_inv: float = synaptic_decay()
    tau_mem_inv: float = membrane_decay()
    v_leak: float = leak()
    v_th: float = threshold()
    v_reset: float = reset_to()
    receptors: Any = input_receptor()
