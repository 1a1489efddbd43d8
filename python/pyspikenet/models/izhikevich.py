"""Izhikevich."""

from typing import Any, ClassVar

from ..parameters import parameterised, quantity
from ..receptors import PulseSynapse, Receptor
from .membrane import MembraneModel, method_option, receptors_option, refractory_quantity


@parameterised
class Izhikevich(MembraneModel):
    r"""Izhikevich's simple model (2003, doi 10.1109/TNN.2003.820440).

    .. math::

        \frac{dv}{dt} = 0.04 v^2 + 5 v + 140 - u + I, \qquad \frac{du}{dt} = a (b v - u)

    with v in mV and t in ms; a spike where :math:`v > 30`, then :math:`v \to c` and :math:`u \to u + d`.

    Notes
    -----
    Default dt: 0.1 ms. The state begins at v = c, u = b c. By default a spike acts as a current of its weight for one
    step, as in the paper (whose steps are 1 ms).
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {
        "v": ("mV", "membrane potential"),
        "u": ("1", "recovery variable"),
    }
    current_unit: ClassVar[str] = "1"
    conductance_unit: ClassVar[str] = "1/mV"
    default_receptors: ClassVar[dict[str, Receptor]] = {"input": PulseSynapse()}

    a: float = quantity(default=0.02, unit="1/ms", description="rate of recovery", varies=True)
    b: float = quantity(default=0.2, description="sensitivity of recovery to the potential", varies=True)
    c: float = quantity(default=-65.0, unit="mV", description="potential after a spike", varies=True)
    d: float = quantity(default=8.0, description="recovery by a spike", varies=True)
    refractory_period: float = refractory_quantity()
    receptors: Any = receptors_option('{"input": PulseSynapse()}')
    method: str = method_option("euler")
