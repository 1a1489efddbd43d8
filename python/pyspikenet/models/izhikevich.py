"""Izhikevich."""

from collections.abc import Mapping
from typing import Any, ClassVar

from ..parameters import parameterised, quantity
from ..receptors import PulseSynapse, Receptor
from .izhikevich_presets import ABBREVIATIONS, IZHIKEVICH
from .membrane import NONLINEAR_METHODS, MembraneModel, method_option, receptors_option, refractory_quantity
from .presets import Preset, WithPresets


@parameterised
class Izhikevich(WithPresets, MembraneModel):
    r"""Izhikevich's simple model (2003, doi 10.1109/TNN.2003.820440).

    .. math::

        \frac{dv}{dt} = k_2 v^2 + k_1 v + k_0 - u + I, \qquad \frac{du}{dt} = a (b (v - v_u) - k_u u)

    with v in mV and t in ms; a spike where :math:`v > 30`, then :math:`v \to c` and :math:`u \to u + d`. The constants
    are those of the paper, :math:`0.04 v^2 + 5 v + 140 - u + I` and :math:`a (b v - u)`, by default; some examples of
    2004 (doi 10.1109/TNN.2004.832719) have others.

    Notes
    -----
    Default dt: 0.1 ms. The state begins at v = c, u = b c. By default a spike acts as a current of its weight for one
    step, as in the paper (whose steps are 1 ms). :meth:`presets` names the seven cells of 2003 and the 20 behaviours of
    2004. Method "semi_implicit_euler" computes v first and u from the new v, as Izhikevich's scripts do; bistability,
    the depolarizing after-potential and inhibition-induced bursting look as published only this way at the published
    steps.
    """

    variables: ClassVar[dict[str, tuple[str, str]]] = {
        "v": ("mV", "membrane potential"),
        "u": ("1", "recovery variable"),
    }
    current_unit: ClassVar[str] = "1"
    conductance_unit: ClassVar[str] = "1/mV"
    methods: ClassVar[tuple[str, ...]] = (*NONLINEAR_METHODS, "semi_implicit_euler")
    PRESETS: ClassVar[Mapping[str, Preset]] = IZHIKEVICH
    ABBREVIATIONS: ClassVar[Mapping[str, str]] = ABBREVIATIONS
    default_receptors: ClassVar[dict[str, Receptor]] = {"input": PulseSynapse()}

    a: float = quantity(default=0.02, unit="1/ms", description="rate of recovery", varies=True)
    b: float = quantity(default=0.2, description="sensitivity of recovery to the potential", varies=True)
    c: float = quantity(default=-65.0, unit="mV", description="potential after a spike", varies=True)
    d: float = quantity(default=8.0, description="recovery by a spike", varies=True)
    k_2: float = quantity(default=0.04, unit="1/(ms mV)", description="factor of the square of v", varies=True)
    k_1: float = quantity(default=5.0, unit="1/ms", description="factor of v", varies=True)
    k_0: float = quantity(default=140.0, unit="mV/ms", description="constant of dv/dt", varies=True)
    v_u: float = quantity(default=0.0, unit="mV", description="potential at which b has no effect", varies=True)
    k_u: float = quantity(default=1.0, description="factor of u in its own equation", varies=True)
    refractory_period: float = refractory_quantity()
    receptors: Any = receptors_option('{"input": PulseSynapse()}')
    method: str = method_option("euler", (*NONLINEAR_METHODS, "semi_implicit_euler"))
