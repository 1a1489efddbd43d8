"""LIFBox."""

from typing import Any, ClassVar

from ..parameters import parameterised
from .discrete import (
    POTENTIAL,
    DiscreteCell,
    input_receptor,
    leak,
    membrane_decay,
    reset_to,
    threshold,
)


@parameterised
class LIFBox(DiscreteCell):
    r"""Leaky integrate-and-fire cell without synaptic current.

    .. math::

        v \leftarrow v + dt\,\tau_{mem}^{-1} (x + v_{leak} - v), \qquad v > v_{th} \Rightarrow v \to v_{reset}

    x is the sum of stimuli and of what spikes add in this step.

    Notes
    -----
    ``lif_box_feed_forward_step`` of Norse. In the equations dt is in s; default dt: 1 ms.
    At rest v = v_leak. State: v, and g_input, the spikes that have arrived for the next step.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {"v": POTENTIAL}

    tau_mem_inv: float = membrane_decay()
    v_leak: float = leak()
    v_th: float = threshold()
    v_reset: float = reset_to()
    receptors: Any = input_receptor()
