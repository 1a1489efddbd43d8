"""What Norse's cells in discrete time share on the Python side."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..parameters import quantity
from ..receptors import PulseSynapse, Receptor
from .membrane import MembraneModel, receptors_option

POTENTIAL = ("1", "membrane potential")
SYNAPTIC_CURRENT = ("1", "synaptic current")


def inverse_time(default: float, what: str) -> Any:
    """A field for the inverse of a time constant."""
    return quantity(
        default=default, unit="1/s", description=f"inverse time constant of {what}", range="nonnegative", varies=True
    )


def synaptic_decay() -> Any:
    """The field ``tau_syn_inv`` of a cell."""
    return inverse_time(200.0, "the synaptic current")


def membrane_decay() -> Any:
    """The field ``tau_mem_inv`` of a cell."""
    return inverse_time(100.0, "the membrane")


def leak() -> Any:
    """The field ``v_leak`` of a cell."""
    return quantity(default=0.0, description="potential at rest", varies=True)


def threshold() -> Any:
    """The field ``v_th`` of a cell."""
    return quantity(default=1.0, description="threshold, to be exceeded", varies=True)


def reset_to() -> Any:
    """The field ``v_reset`` of a cell."""
    return quantity(default=0.0, description="potential after a spike", varies=True)


def slope() -> Any:
    """The field ``delta_T`` of a cell."""
    return quantity(default=0.5, description="slope of the exponential", range="positive", varies=True)


def input_receptor() -> Any:
    """The field ``receptors`` of a cell."""
    return receptors_option("one, input: spikes add their weight to x of one step")


class DiscreteCell(MembraneModel):
    """A cell whose step is an explicit formula of its state and of x: stimuli, and what spikes add in this step."""

    default_dt: ClassVar[float] = 1.0
    current_unit: ClassVar[str] = "1"
    conductance_unit: ClassVar[str] = "1"
    methods: ClassVar[tuple[str, ...]] = ("discrete",)
    default_receptors: ClassVar[Mapping[str, Receptor]] = {"input": PulseSynapse()}
    method: Any = "discrete"

    def check_dt(self, dt: float) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            if field.metadata.get("unit") != "1/s":
                continue
            fastest = float(np.max(getattr(self, field.name)))
            if dt / 1000 * fastest >= 2:
                raise ValueError(
                    f"dt must be less than 2 / {field.name} = {2000 / fastest:g} ms, or a {type(self).__name__}"
                    f" diverges, got {dt} ms"
                )

    def to_wire(self, dt: float) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        numbers, arrays = super().to_wire(dt)
        return {**numbers, "method": self.method}, arrays
