"""Losses without a derivative, for fits that search by populations: distances, coincidences, features of trains."""

from typing import Any, ClassVar

import numpy as np

from ..parameters import numbers, option, parameterised, quantity, shown
from .losses import Loss, Setting, Wire, weights_of_neurons


def _power() -> Any:
    return quantity(default=1.0, description="power that the distance is raised to", range="positive")


class _Distance(Loss):
    """Base of the distances that are functions of the package, too."""

    differentiable: ClassVar[bool] = False
    measure: ClassVar[str]
    edges: ClassVar[str] = "auxiliary"  # as in the functions
    power: float

    def _describe(self, setting: Setting) -> Wire:
        return {"kind": "distance", "measure": self.measure, "power": self.power, **self._numbers(setting)}, {}

    def _numbers(self, setting: Setting) -> dict[str, Any]:
        return {"t_start": 0.0, "t_stop": setting.n_steps * setting.dt, "edges": self.edges}


@parameterised
class SpikeDistance(_Distance):
    """SPIKE-distance, summed over neurons; see :func:`spike_distance`."""

    measure: ClassVar[str] = "spike"

    power: float = _power()
    neuron_weights: Any = weights_of_neurons()


@parameterised
class ISIDistance(_Distance):
    """ISI-distance, summed over neurons; see :func:`isi_distance`."""

    measure: ClassVar[str] = "isi"
    edges: ClassVar[str] = "corrected"

    power: float = _power()
    neuron_weights: Any = weights_of_neurons()


@parameterised
class VictorPurpura(_Distance):
    """Distance of Victor and Purpura, summed over neurons; see :func:`victor_purpura_distance`."""

    measure: ClassVar[str] = "victor_purpura"

    cost: float = quantity(unit="1/ms", description="cost of shifting a spike", range="nonnegative")
    power: float = _power()
    neuron_weights: Any = weights_of_neurons()

    def _numbers(self, setting: Setting) -> dict[str, Any]:
        return {"cost": self.cost}


@parameterised
class CoincidenceLoss(Loss):
    r"""One minus the coincidence factor :math:`\Gamma`, summed over neurons; see :func:`coincidence_factor`.

    The rate is that of the data. 0 where neither train has a spike.
    """

    differentiable: ClassVar[bool] = False

    window: float = quantity(
        default=2.0, unit="ms", description="spikes not more than this apart are coincident", range="nonnegative"
    )
    neuron_weights: Any = weights_of_neurons()

    def _describe(self, setting: Setting) -> Wire:
        return {"kind": "coincidence", "window": self.window}, {}


FEATURES = ("spike_count", "rate", "latency", "mean_interval", "cv", "lv", "adaptation_index")


@parameterised
class FeatureLoss(Loss):
    r"""A feature of the spike train of each neuron: :math:`\sum_i |f_i - g_i| / s`.

    f is the feature of the run, g the one wanted, s the scale, such as the standard deviation between recordings.
    Features: ``"spike_count"``; ``"rate"`` [Hz]; ``"latency"`` of the first spike after `start` [ms];
    ``"mean_interval"`` [ms]; ``"cv"``, the coefficient of variation of the intervals; ``"lv"``, their local variation
    (Shinomoto et al. 2003); ``"adaptation_index"``, the mean of :math:`(I_{k+1} - I_k) / (I_{k+1} + I_k)`.
    """

    needs_data: ClassVar[bool] = False
    differentiable: ClassVar[bool] = False

    feature: str = option(kind="str", description="the feature")
    value: Any = quantity(description="the value wanted, in the unit of the feature", varies=True)
    scale: Any = quantity(default=1.0, description="what differences are divided by", range="positive", varies=True)
    start: float = quantity(default=0.0, unit="ms", description="spikes count from here on", range="nonnegative")
    stop: float | None = quantity(
        default=None, unit="ms", description="and up to here; None: to the end", range="positive", optional=True
    )
    missing: float = quantity(
        default=10.0, description="what counts where a train has too few spikes for the feature", range="nonnegative"
    )
    neuron_weights: Any = weights_of_neurons()

    def _validate(self) -> None:
        if self.feature not in FEATURES:
            raise ValueError(f"feature must be one of {', '.join(FEATURES)}, got {shown(self.feature)}")

    def _describe(self, setting: Setting) -> Wire:
        arrays = {}
        for name, given in (("value", self.value), ("scale", self.scale)):
            array = numbers(name, given, each="neuron").reshape(-1)
            if array.size not in (1, setting.network.n):
                raise ValueError(f"{name} must be one number or one per neuron ({setting.network.n}), got {array.size}")
            arrays["goal" if name == "value" else name] = np.ascontiguousarray(array, dtype=float)
        stop = setting.n_steps * setting.dt if self.stop is None else self.stop
        if stop <= self.start:
            raise ValueError(f"stop must be after start = {self.start} ms, got {stop} ms")
        params = {"kind": "feature", "feature": self.feature, "missing": self.missing}
        return params | {"start": self.start, "stop": stop}, arrays


__all__ = ["CoincidenceLoss", "FeatureLoss", "ISIDistance", "SpikeDistance", "VictorPurpura"]
