"""Leaky."""

from typing import Any, ClassVar

from ..parameters import parameterised, quantity
from .discrete import POTENTIAL, DiscreteCell, input_receptor


@parameterised
class Leaky(DiscreteCell):
    r"""Leaky integrate-and-fire cell with a decay per step and a reset by subtraction.

    .. math::

        v \leftarrow \beta\,v + x + bias - v_{threshold}\,z

    z is 1 where v exceeded v_threshold in the step before, which is the spike. x is the sum of stimuli and of what
    spikes add in this step.

    Notes
    -----
    ``Leaky`` of snnTorch with ``reset_mechanism="subtract"``. It knows no unit of time: beta is what is left of v
    after a step, whatever dt is; default dt: 1 ms. At rest v = 0. State: v, which is shown with the subtraction of
    v_threshold / beta done in the step of the spike, and g_input, the spikes that have arrived for the next step.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {"v": POTENTIAL}

    beta: float = quantity(
        default=0.9, description="what is left of the potential after a step", range="positive", varies=True
    )
    v_threshold: float = quantity(default=1.0, description="threshold, to be exceeded", varies=True)
    bias: float = quantity(default=0.0, description="what is added in every step", varies=True)
    receptors: Any = input_receptor()
