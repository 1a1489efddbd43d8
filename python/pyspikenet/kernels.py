"""Temporal kernels for cascade models: how a spike or a stimulus acts over time."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .limits import MOST_LAGS
from .parameters import Parameters, numbers, option, parameterised, quantity


class Kernel(Parameters):
    """Base of the kernels. Lag 0 is the step after the spike (coupling, self) or the step itself (stimulus)."""

    def values(self, dt: float) -> NDArray[np.float64]:
        """The kernel at lags 0, dt, 2 dt, ... as an array.

        Parameters
        ----------
        dt : float
            Length of a step [ms].
        """
        raise TypeError(f"{type(self).__name__} has no end and cannot be an array")

    def length(self, dt: float) -> int:
        """Number of steps that the kernel looks back."""
        return int(self.values(dt).size)

    def to_wire(self, name: str, dt: float) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Numbers and arrays that tell SpikeCore of the kernel under `name`."""
        return {}, {name: self.values(dt)}


@parameterised
class ExponentialKernel(Kernel):
    """Exponential decay: ``gain * exp(-t / tau)`` for ``t < window``."""

    tau: float = quantity(default=10.0, unit="ms", description="time constant", range="positive")
    window: float | None = quantity(
        default=None, unit="ms", description="length; None: without end", range="positive", optional=True
    )
    gain: float = quantity(default=1.0, description="value at lag 0")

    def values(self, dt: float) -> NDArray[np.float64]:
        if self.window is None:
            return super().values(dt)
        return np.asarray(self.gain * np.exp(-np.arange(lags("window", self.window, dt)) * dt / self.tau))

    def length(self, dt: float) -> int:
        return 1 if self.window is None else lags("window", self.window, dt)

    def to_wire(self, name: str, dt: float) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        window = 0.0 if self.window is None else self.window
        return {f"{name}.tau": self.tau, f"{name}.window": window, f"{name}.gain": self.gain}, {}


@parameterised
class ArrayKernel(Kernel):
    """A kernel given by its values, one per step of the simulation."""

    weights: Any = option(kind="array_like, shape (lag,)", description="value at each lag, lag 0 first")

    def _validate(self) -> None:
        array = numbers("weights", self.weights, each="lag")
        if array.ndim != 1 or array.size == 0:
            raise ValueError(f"weights must be a 1-d array with at least one value, got shape {array.shape}")
        object.__setattr__(self, "weights", array)

    def values(self, dt: float) -> NDArray[np.float64]:
        return np.array(self.weights)


@parameterised
class RaisedCosineKernel(Kernel):
    """A weighted sum of raised cosines on a logarithmic time axis (Pillow et al. 2008, doi 10.1038/nature07140).

    Bump j is ``(1 + cos(max(-pi, min(pi, (log(t + offset) - phi_j) pi / (2 spacing))))) / 2`` with peaks phi_j spaced
    evenly between ``log(first_peak + offset)`` and ``log(last_peak + offset)``.
    """

    weights: Any = option(kind="array_like, shape (bump,)", description="weight of each bump")
    first_peak: float = quantity(default=0.0, unit="ms", description="peak of the first bump", range="nonnegative")
    last_peak: float = quantity(default=50.0, unit="ms", description="peak of the last bump", range="positive")
    offset: float = quantity(
        default=5.0,
        unit="ms",
        description="how linear the axis is; larger values spread bumps evenly",
        range="positive",
    )

    def _validate(self) -> None:
        array = numbers("weights", self.weights, each="bump")
        if array.ndim != 1 or array.size < 2:
            raise ValueError(f"weights must be a 1-d array with at least two values, got shape {array.shape}")
        if self.last_peak <= self.first_peak:
            raise ValueError(f"last_peak must be larger than first_peak = {self.first_peak}, got {self.last_peak}")
        object.__setattr__(self, "weights", array)

    def basis(self, dt: float) -> NDArray[np.float64]:
        """The bumps, shape (lag, bump).

        Parameters
        ----------
        dt : float
            Length of a step [ms].
        """
        low, high = math.log(self.first_peak + self.offset), math.log(self.last_peak + self.offset)
        peaks, spacing = np.linspace(low, high, len(self.weights), retstep=True)
        end = math.exp(high + 2 * float(spacing)) - self.offset
        t = np.arange(lags("last_peak", end, dt)) * dt
        phase = (np.log(t + self.offset)[:, None] - peaks) * np.pi / (2 * spacing)
        return np.asarray((1 + np.cos(np.clip(phase, -np.pi, np.pi))) / 2)

    def values(self, dt: float) -> NDArray[np.float64]:
        return np.asarray(self.basis(dt) @ self.weights)


def lags(name: str, duration: float, dt: float) -> int:
    """Number of steps that begin within `duration`; a ValueError where a kernel would be too long."""
    count = duration / dt - 1e-6
    if count > MOST_LAGS:
        raise ValueError(f"{name} must be at most {MOST_LAGS} steps of dt = {dt} ms long, got {duration} ms")
    return max(1, math.ceil(count))
