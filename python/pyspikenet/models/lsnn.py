"""LSNN."""

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
    synaptic_decay,
    threshold,
)


@parameterised
class LSNN(DiscreteCell):
    r"""Leaky integrate-and-fire cell with an adaptive threshold (Bellec et al. 2018, arXiv 1803.09574).

    .. math::

        v &\leftarrow v + dt\,\tau_{mem}^{-1} (v_{leak} - v + i) \\
        i &\leftarrow i - dt\,\tau_{syn}^{-1}\, i + x \\
        b &\leftarrow b + dt\,\tau_{adapt}^{-1} (v_{th} - b) \\
        v > b &\Rightarrow v \to v_{reset},\ b \to b + \beta

    with v, i and b before the step on the right-hand sides of the first three: the input acts on v from the next step
    on. x is the sum of stimuli and of what spikes add in this step.

    Notes
    -----
    ``lsnn_feed_forward_step`` of Norse. In the equations dt is in s; default dt: 1 ms.
    At rest v = v_leak, i = 0 and b = v_th. State: v, i, b, and g_input, the spikes that have arrived for the next step.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {
        "v": POTENTIAL,
        "i": SYNAPTIC_CURRENT,
        "b": ("1", "threshold"),
    }

    tau_syn_inv: float = synaptic_decay()
    tau_mem_inv: float = membrane_decay()
    tau_adapt_inv: float = inverse_time(1.0 / 800.0, "the threshold")
    v_leak: float = leak()
    v_th: float = threshold()
    v_reset: float = reset_to()
    beta: float = quantity(default=1.8, description="rise of the threshold by a spike", varies=True)
    receptors: Any = input_receptor()
