"""LIFAdEx."""

from typing import Any, ClassVar

from ..parameters import parameterised, quantity
from .discrete import (
    POTENTIAL,
    SYNAPTIC_CURRENT,
    DiscreteCell,
    input_receptor,
    inverse_time,
    leak,
    membrane_decay,
    reset_to,
    slope,
    synaptic_decay,
    threshold,
)


@parameterised
class LIFAdEx(DiscreteCell):
    r"""Adaptive exponential integrate-and-fire cell with a synaptic current.

    .. math::

        i' &= i + x \\
        v &\leftarrow v + dt\,\tau_{mem}^{-1} (v_{leak} - v + \Delta_T e^{(v - v_{th}) / \Delta_T} - a + i') \\
        i &\leftarrow i' - dt\,\tau_{syn}^{-1}\, i' \\
        a &\leftarrow a + dt\,\tau_{ada}^{-1} (a_{current} (v - v_{leak}) - a) \\
        v > v_{th} &\Rightarrow v \to v_{reset},\ a \to a + a_{spike}

    with v and a before the step on all right-hand sides; :math:`a_{current}` and :math:`a_{spike}` are
    ``adaptation_current`` and ``adaptation_spike``. x is the sum of stimuli and of what spikes add in this step.

    Notes
    -----
    ``lif_adex_feed_forward_step`` of Norse. In the equations dt is in s; default dt: 1 ms.
    At rest v = v_leak, i = 0 and a = 0. State: v, i, a, and g_input, the spikes that have arrived for the next step.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {
        "v": POTENTIAL,
        "i": SYNAPTIC_CURRENT,
        "a": ("1", "adaptation current"),
    }

    adaptation_current: float = quantity(
        default=4.0, description="adaptation by the potential, per unit of it above v_leak", varies=True
    )
    adaptation_spike: float = quantity(default=0.02, description="adaptation by a spike", varies=True)
    delta_T: float = slope()
    tau_ada_inv: float = inverse_time(2.0, "the adaptation")
    tau_syn_inv: float = synaptic_decay()
    tau_mem_inv: float = membrane_decay()
    v_leak: float = leak()
    v_th: float = threshold()
    v_reset: float = reset_to()
    receptors: Any = input_receptor()
