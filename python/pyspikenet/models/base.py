"""What all neuron models share on the Python side."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..parameters import Parameters


class Model(Parameters):
    """A neuron model: its parameters. The mathematics is in the Julia file of the same name."""

    default_dt: ClassVar[float] = 0.1

    def check_size(self, n: int) -> None:
        """ValueError if a per-neuron parameter does not have one value for each of `n` neurons."""
        for name in self.units():
            value = getattr(self, name)
            if isinstance(value, np.ndarray) and value.size != n:
                raise ValueError(
                    f"{name} must be one number or have one value per neuron ({n}), got shape {value.shape}"
                )

    def check_dt(self, dt: float) -> None:
        """ValueError if `dt` is too long for the model; overridden where there is a limit."""

    def memory_steps(self, dt: float) -> int:
        """Steps of the past that a neuron's state keeps; a ValueError where that is too long. Overridden by models."""
        return 1

    def recordable(self) -> dict[str, dict[str, str]]:
        """Attributes of what can be recorded besides spikes, by name."""
        return {
            "drive": {"units": "1", "long_name": "drive g of the nonlinearity"},
            "rate": {"units": "Hz", "long_name": "expected rate given the drive"},
        }

    def channels(self) -> dict[str, Any]:
        """Kernels of stimulus channels by name."""
        return {}

    def to_wire(self, dt: float) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Numbers and per-neuron arrays for SpikeCore."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        numbers = {k: v for k, v in values.items() if isinstance(v, float | str)}
        arrays = {k: v for k, v in values.items() if isinstance(v, np.ndarray)}
        return {"name": type(self).__name__, **numbers}, arrays
