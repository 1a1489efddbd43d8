"""LIBox."""

from typing import Any, ClassVar

from ..parameters import parameterised
from .discrete import (
    POTENTIAL,
    DiscreteCell,
    input_receptor,
    leak,
    membrane_decay,
)


@parameterised
class LIBox(DiscreteCell):
    r"""Leaky integrator without synaptic current: it never spikes, its potential is the output.

    .. math::

        v \leftarrow v + dt\,\tau_{mem}^{-1} (v_{leak} - v + x)

    x is the sum of stimuli and of what spikes add in this step.

    Notes
    -----
    ``li_box_feed_forward_step`` of Norse. In the equations dt is in s; default dt: 1 ms.
    At rest v = v_leak. State: v, and g_input, the spikes that have arrived for the next step.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {"v": POTENTIAL}

    tau_mem_inv: float = membrane_decay()
    v_leak: float = leak()
    receptors: Any = input_receptor()
