"""Receptors of membrane models: what a spike that arrives turns into. Read ``models/membrane.py`` next.

A receptor is a current, or, where it has a ``reversal`` potential, a conductance. All synapses of a receptor share its
time course; a weight is the peak of the current or conductance that one spike causes (the jump of the potential, for
:class:`DeltaSynapse`).
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .parameters import Parameters, parameterised, quantity


def _reversal() -> Any:
    return quantity(
        default=None,
        unit="mV",
        description="reversal potential; None: weights are currents, not conductances",
        varies=True,
        optional=True,
    )


class Receptor(Parameters):
    """Base of the receptors."""

    kind: ClassVar[str]
    variables: ClassVar[tuple[str, ...]] = ("g",)

    @property
    def is_conductance(self) -> bool:
        return getattr(self, "reversal", None) is not None

    def to_wire(self, prefix: str) -> tuple[dict[str, float], dict[str, NDArray[Any]]]:
        """Numbers and per-neuron arrays for SpikeCore, their names beginning with `prefix`."""
        values = {f"{prefix}.{name}": getattr(self, name) for name in self.units()}
        numbers = {name: x for name, x in values.items() if isinstance(x, float)}
        return numbers, {name: x for name, x in values.items() if isinstance(x, np.ndarray)}


@parameterised
class DeltaSynapse(Receptor):
    """A spike makes the membrane potential jump by the weight."""

    kind: ClassVar[str] = "delta"
    variables: ClassVar[tuple[str, ...]] = ()


@parameterised
class PulseSynapse(Receptor):
    """A spike acts during one step: a current (or conductance) of the weight, for ``dt``."""

    kind: ClassVar[str] = "pulse"

    reversal: Any = _reversal()


@parameterised
class ExponentialSynapse(Receptor):
    r"""A spike adds its weight to g, which decays: :math:`dg/dt = -g / \tau`."""

    kind: ClassVar[str] = "exponential"

    tau: float = quantity(default=5.0, unit="ms", description="time constant", range="positive", varies=True)
    reversal: Any = _reversal()


@parameterised
class AlphaSynapse(Receptor):
    r"""Alpha function: after a spike, :math:`g(t) = w\,(t / \tau)\,e^{1 - t / \tau}`, with its peak w after ``tau``."""

    kind: ClassVar[str] = "double_exponential"
    variables: ClassVar[tuple[str, ...]] = ("g", "x")

    tau: float = quantity(default=5.0, unit="ms", description="time to the peak", range="positive", varies=True)
    reversal: Any = _reversal()

    def to_wire(self, prefix: str) -> tuple[dict[str, float], dict[str, NDArray[Any]]]:
        same = DoubleExponentialSynapse(tau_rise=self.tau, tau_decay=self.tau, reversal=self.reversal)
        return same.to_wire(prefix)


@parameterised
class DoubleExponentialSynapse(Receptor):
    r"""Double exponential: :math:`g(t) \propto e^{-t / \tau_{decay}} - e^{-t / \tau_{rise}}`, of peak weight.

    Notes
    -----
    :math:`dg/dt = -g / \tau_{decay} + c\,x,\ dx/dt = -x / \tau_{rise}`; a spike adds its weight to x.
    """

    kind: ClassVar[str] = "double_exponential"
    variables: ClassVar[tuple[str, ...]] = ("g", "x")

    tau_rise: float = quantity(
        default=0.5, unit="ms", description="time constant of the rise", range="positive", varies=True
    )
    tau_decay: float = quantity(
        default=5.0, unit="ms", description="time constant of the decay", range="positive", varies=True
    )
    reversal: Any = _reversal()

    def _validate(self) -> None:
        if np.any(np.asarray(self.tau_decay) < np.asarray(self.tau_rise)):
            raise ValueError(
                f"tau_decay must not be shorter than tau_rise = {self.tau_rise} ms, got {self.tau_decay} ms"
            )


__all__ = [
    "AlphaSynapse",
    "DeltaSynapse",
    "DoubleExponentialSynapse",
    "ExponentialSynapse",
    "PulseSynapse",
]
