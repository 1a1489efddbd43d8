"""What all membrane models share on the Python side: receptors, method, state variables and their units."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..parameters import option, quantity, shown
from ..receptors import ExponentialSynapse, Receptor
from .base import Model

METHODS = ("exact", "euler", "exponential_euler", "rk2", "rk4")
NONLINEAR_METHODS = METHODS[1:]
EXCITATION_AND_INHIBITION: dict[str, Receptor] = {
    "exc": ExponentialSynapse(tau=5.0, reversal=0.0),
    "inh": ExponentialSynapse(tau=10.0, reversal=-80.0),
}
CURRENTS_OF_EXCITATION_AND_INHIBITION: dict[str, Receptor] = {
    "exc": ExponentialSynapse(tau=5.0),
    "inh": ExponentialSynapse(tau=10.0),
}
CURRENTS = "exponential currents exc (5 ms) and inh (10 ms)"
CONDUCTANCES = "exponential conductances exc (5 ms, reversal at 0 mV) and inh (10 ms, reversal at -80 mV)"


def receptors_option(default: str) -> Any:
    """The field ``receptors`` of a model; `default` says what None stands for."""
    return option(
        default=None,
        kind="dict of str to Receptor, or None",
        description=f"receptors by name; None: {default}. Synapses that name no receptor act through the first one if"
        " their weight is positive and through the second one if it is negative (through the only one if there is one)",
    )


def method_option(default: str, methods: tuple[str, ...] = NONLINEAR_METHODS) -> Any:
    """The field ``method`` of a model."""
    names = ", ".join(f'"{name}"' for name in methods)
    return option(default=default, kind=f"{{{names}}}", description="how the equations are integrated over a step")


def refractory_quantity(default: float = 0.0) -> Any:
    """The field ``refractory_period`` of a model."""
    return quantity(
        default=default,
        unit="ms",
        description="shortest interval between two spikes; the potential is held for that long",
        range="nonnegative",
        varies=True,
    )


class MembraneModel(Model):
    """A neuron with a membrane potential and other state that changes from step to step.

    ``variables`` holds unit and description of each variable of the membrane; each receptor adds ``g_NAME`` (and, where
    it rises gradually, ``x_NAME``).
    """

    variables: ClassVar[dict[str, tuple[str, str]]]
    current_unit: ClassVar[str] = "pA"
    conductance_unit: ClassVar[str] = "nS"
    methods: ClassVar[tuple[str, ...]] = NONLINEAR_METHODS
    default_receptors: ClassVar[Mapping[str, Receptor]] = {}
    method: Any
    receptors: Any

    def _validate(self) -> None:
        if self.method not in self.methods:
            raise ValueError(f"method must be one of {', '.join(self.methods)}, got {shown(self.method)}")
        if self.receptors is None:
            return
        if not isinstance(self.receptors, Mapping):
            raise TypeError(f"receptors must be a dict of receptors by name, got {shown(self.receptors)}")
        for name, receptor in self.receptors.items():
            if not isinstance(name, str) or not name.isidentifier():
                raise ValueError(f"receptors must have names such as 'exc', got {name!r}")
            if name == "current":
                raise ValueError(
                    "receptors must not be named 'current', which as a channel means the current from outside"
                )
            if not isinstance(receptor, Receptor):
                raise TypeError(
                    f"receptors[{name!r}] must be a receptor such as ExponentialSynapse(), got {receptor!r}"
                )
            if receptor.is_conductance and self.method == "exact":
                raise ValueError(
                    f"receptors[{name!r}] must be a current (reversal None) for method 'exact', got a conductance with"
                    f" reversal {receptor.reversal} mV; use CobaLIF, or another method"  # type: ignore[attr-defined]
                )
        object.__setattr__(self, "receptors", dict(self.receptors))

    def all_receptors(self) -> dict[str, Receptor]:
        """The receptors by name, in the order in which SpikeCore numbers them."""
        return dict(self.default_receptors if self.receptors is None else self.receptors)

    def check_size(self, n: int) -> None:
        super().check_size(n)
        for name, receptor in self.all_receptors().items():
            for field in receptor.units():
                value = getattr(receptor, field)
                if isinstance(value, np.ndarray) and value.size != n:
                    raise ValueError(
                        f"{field} of receptors[{name!r}] must be one number or have one value per neuron ({n}), got"
                        f" shape {value.shape}"
                    )

    def state(self) -> dict[str, dict[str, str]]:
        """Unit and description of every state variable by name, those of the receptors included."""
        found = {name: {"units": unit, "long_name": what} for name, (unit, what) in self.variables.items()}
        for name, receptor in self.all_receptors().items():
            unit, what = (
                (self.conductance_unit, "conductance") if receptor.is_conductance else (self.current_unit, "current")
            )
            for letter in receptor.variables:
                rising = "" if letter == "g" else ", its rising part"
                found[f"{letter}_{name}"] = {"units": unit, "long_name": f"{what} of the receptor {name}{rising}"}
        return found

    @property
    def takes_current(self) -> bool:
        """Whether a current from outside acts on the membrane."""
        return True

    def recordable(self) -> dict[str, dict[str, str]]:
        return {**self.state(), "I": {"units": self.current_unit, "long_name": "input current from outside"}}

    def memory_steps(self, dt: float) -> int:
        return 2 + len(self.state())

    def to_wire(self, dt: float) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        own = [f.name for f in dataclasses.fields(self) if f.name != "receptors"]  # type: ignore[arg-type]
        values = {name: getattr(self, name) for name in own}
        numbers: dict[str, Any] = {k: v for k, v in values.items() if isinstance(v, float | str)}
        arrays = {k: v for k, v in values.items() if isinstance(v, np.ndarray)}
        numbers["receptors"] = []
        for j, (name, receptor) in enumerate(self.all_receptors().items(), 1):
            numbers["receptors"].append({"kind": receptor.kind, "name": name, "conductance": receptor.is_conductance})
            more, given = receptor.to_wire(f"receptor.{j}")
            numbers |= more
            arrays |= given
        return {"name": type(self).__name__, **numbers}, arrays
