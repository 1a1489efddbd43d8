"""IAF."""

from typing import Any, ClassVar

from ..parameters import parameterised
from .discrete import (
    POTENTIAL,
    DiscreteCell,
    input_receptor,
    reset_to,
    threshold,
)


@parameterised
class IAF(DiscreteCell):
    r"""Integrate-and-fire cell without leak.

    .. math::

        v \leftarrow v + x, \qquad v > v_{th} \Rightarrow v \to v_{reset}

    whatever dt is. x is the sum of stimuli and of what spikes add in this step.

    Notes
    -----
    ``iaf_feed_forward_step`` of Norse. In the equations dt is in s; default dt: 1 ms.
    At rest v = v_reset. State: v, and g_input, the spikes that have arrived for the next step.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {"v": POTENTIAL}

    v_th: float = threshold()
    v_reset: float = reset_to()
    receptors: Any = input_receptor()
