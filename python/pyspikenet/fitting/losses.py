"""Losses: how far a run is from data. They are multiplied by numbers or schedules, and added."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..network import Network
from ..parameters import Parameters, as_array, number, numbers, option, parameterised, quantity, shown

Wire = tuple[dict[str, Any], dict[str, NDArray[Any]]]


@dataclass(frozen=True)
class Setting:
    """What a loss needs to know of the run that it judges."""

    network: Network
    n_steps: int
    dt: float
    trials: int
    data: "tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]] | None"
    variables: tuple[str, ...]


class Loss(Parameters):
    """Base of the losses. The value is the mean over trials of a sum over neurons.

    ``0.9 * RateLoss() + 0.1 * VanRossum(tau=20)`` is a loss, too; so is ``Schedule(...) * RateLoss()``.
    """

    needs_data: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True

    def __mul__(self, factor: "float | Schedule") -> "WeightedLosses":
        return WeightedLosses([(_factor(factor), self)])

    __rmul__ = __mul__

    def __add__(self, other: "Loss | WeightedLosses") -> "WeightedLosses":
        return 1.0 * self + other

    def to_wire(self, setting: Setting) -> Wire:
        """Numbers and arrays for SpikeCore."""
        if self.needs_data and setting.data is None:
            raise ValueError(f"data must be given for a {type(self).__name__}, got None")
        arrays: dict[str, NDArray[Any]] = {}
        if self.needs_data and setting.data is not None:
            arrays["pointer"], arrays["step"], arrays["neuron"] = setting.data
        weights = getattr(self, "neuron_weights", None)
        if weights is not None:
            arrays["weight"] = numbers("neuron_weights", weights, "nonnegative", each="neuron").reshape(-1)
            if arrays["weight"].size != setting.network.n:
                raise ValueError(
                    f"neuron_weights must have one number per neuron ({setting.network.n}), got {arrays['weight'].size}"
                )
        mask = getattr(self, "mask", None)
        if mask is not None:
            array = as_array("mask", mask)
            if array.shape != (setting.n_steps,):
                raise ValueError(f"mask must have one value per step ({setting.n_steps}), got shape {array.shape}")
            arrays["mask"] = numbers("mask", array.astype(float), "nonnegative", each="step")
            if not arrays["mask"].any():
                raise ValueError("mask must not be zero in every step")
        params, own = self._describe(setting)
        return params, arrays | own

    def _describe(self, setting: Setting) -> Wire:
        raise NotImplementedError


def weights_of_neurons() -> Any:
    return option(
        default=None,
        kind="array_like of shape (neuron,), or None",
        description="how much each neuron counts; None: all alike",
    )


def _mask() -> Any:
    return option(
        default=None,
        kind="array_like of shape (time,), or None",
        description="how much each step counts, 1 or 0 or between; None: all alike",
    )


@dataclass(frozen=True)
class Schedule:
    """A weight of a loss, or a learning rate, that goes in a straight line from the first to the last epoch.

    Parameters
    ----------
    start, end : float
        The weight or rate in the first and in the last epoch.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            object.__setattr__(self, name, number(name, getattr(self, name), "nonnegative"))

    def __mul__(self, loss: Any) -> "WeightedLosses":
        if not isinstance(loss, Loss):
            return NotImplemented
        return WeightedLosses([(self, loss)])

    def at(self, progress: float) -> float:
        """Its value at `progress` from 0 to 1."""
        return self.start + (self.end - self.start) * progress


def _factor(value: Any) -> "float | Schedule":
    return value if isinstance(value, Schedule) else number("weight of a loss", value, "nonnegative")


class WeightedLosses:
    """A sum of losses, each with a weight or schedule."""

    def __init__(self, terms: "list[tuple[float | Schedule, Loss]]") -> None:
        self.terms = terms

    def __add__(self, other: Any) -> "WeightedLosses":
        if isinstance(other, Loss):
            other = 1.0 * other
        if not isinstance(other, WeightedLosses):
            return NotImplemented
        return WeightedLosses([*self.terms, *other.terms])

    def __radd__(self, other: Any) -> "WeightedLosses":
        return (1.0 * other) + self if isinstance(other, Loss) else NotImplemented

    def __mul__(self, factor: Any) -> "WeightedLosses":
        scale = number("weight of a loss", factor, "nonnegative")
        return WeightedLosses(
            [
                (Schedule(scale * w.start, scale * w.end) if isinstance(w, Schedule) else scale * w, x)
                for w, x in self.terms
            ]
        )

    __rmul__ = __mul__

    def coefficients(self, progress: float) -> list[float]:
        """The weights of the terms at `progress` from 0 to 1."""
        return [w.at(progress) if isinstance(w, Schedule) else w for w, _ in self.terms]

    def __repr__(self) -> str:
        return " + ".join(f"{w} * {x}" for w, x in self.terms)

    def to_dict(self) -> list[dict[str, Any]]:
        """The terms as plain values."""
        return [
            {"weight": [w.start, w.end] if isinstance(w, Schedule) else w, "loss": x.to_dict()} for w, x in self.terms
        ]


def losses_of(loss: Any) -> WeightedLosses:
    """`loss` as a sum, or the error that names it."""
    if isinstance(loss, Loss):
        return 1.0 * loss
    if not isinstance(loss, WeightedLosses):
        raise TypeError(f"loss must be a loss such as VanRossum(tau=20), or a sum of them, got {shown(loss)}")
    return loss


@parameterised
class RateLoss(Loss):
    r"""Firing rate distance: :math:`\sum_i |n_i - m_i| / T` [Hz], n and m the counts of run and data in time T."""

    neuron_weights: Any = weights_of_neurons()
    mask: Any = _mask()

    def _describe(self, setting: Setting) -> Wire:
        return {"kind": "rate"}, {}


@parameterised
class SpikeCountLoss(Loss):
    r"""Squared difference of spike counts: :math:`\sum_i (n_i - m_i)^2`."""

    neuron_weights: Any = weights_of_neurons()
    mask: Any = _mask()

    def _describe(self, setting: Setting) -> Wire:
        return {"kind": "count"}, {}


REDUCTIONS = ("squared", "distance", "norm")


@parameterised
class VanRossum(Loss):
    r"""Squared van Rossum distance: :math:`\sum_i d_i^2` with :math:`d_i^2 = \frac{2}{\tau} \int (f_i - g_i)^2\,dt`.

    f and g are the trains of run and data, filtered by :math:`e^{-t / \tau}` for each spike (``kernel="sum"``, van
    Rossum 2001, doi 10.1162/089976601300014321) or for the most recent spike only (``"recent"``). One spike more
    costs 1, but for what of its trace falls behind the end of the run. Not squared: ``reduction="distance"`` is
    :math:`\sum_i d_i`, ``"norm"`` is :math:`(\sum_i d_i^2)^{1/2}`.
    """

    tau: float = quantity(default=10.0, unit="ms", description="time constant of the filter", range="positive")
    kernel: str = option(default="sum", kind='{"sum", "recent"}', description="which spikes the filter sees")
    reduction: str = option(
        default="squared", kind='{"squared", "distance", "norm"}', description="what is summed over neurons"
    )
    neuron_weights: Any = weights_of_neurons()
    mask: Any = _mask()

    def _validate(self) -> None:
        if self.kernel not in ("sum", "recent"):
            raise ValueError(f"kernel must be 'sum' or 'recent', got {shown(self.kernel)}")
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be 'squared', 'distance' or 'norm', got {shown(self.reduction)}")

    def _describe(self, setting: Setting) -> Wire:
        root = REDUCTIONS.index(self.reduction)
        return {"kind": "van_rossum", "tau": self.tau, "recent": self.kernel == "recent", "root": root}, {}


@parameterised
class TargetRate(Loss):
    r"""Squared difference from a rate [Hz^2]: of the mean over neurons and trials, or mean over neurons."""

    needs_data: ClassVar[bool] = False

    rate: Any = quantity(unit="Hz", description="the rate to reach", range="nonnegative", varies=True)
    mask: Any = _mask()

    def _describe(self, setting: Setting) -> Wire:
        goal = np.atleast_1d(np.asarray(self.rate, float))
        if goal.size not in (1, setting.network.n):
            raise ValueError(f"rate must be one number or one per neuron ({setting.network.n}), got {goal.size}")
        return {"kind": "target_rate"}, {"goal": goal}


def _series(name: str, values: Any, setting: Setting) -> NDArray[np.float64]:
    """Values as (trial or 1, time, neuron)."""
    n, steps = setting.network.n, setting.n_steps
    array = numbers(name, values)
    if array.shape not in ((steps, n), (1, steps, n), (setting.trials, steps, n)):
        raise ValueError(
            f"{name} must have shape ({steps}, {n}) or ({setting.trials}, {steps}, {n}), got {array.shape}"
        )
    return np.ascontiguousarray(array.reshape(-1, steps, n))


def _variable(name: Any, setting: Setting) -> str:
    if name not in setting.variables:
        raise ValueError(f"variable must be one of {', '.join(setting.variables)}, got {shown(name)}")
    return str(name)


@parameterised
class VoltageLoss(Loss):
    r"""Mean square error of a recorded variable: :math:`\sum_i \frac{1}{K} \sum_k (y_i(t_k) - d_i(t_k))^2`."""

    needs_data: ClassVar[bool] = False

    values: Any = option(
        kind="array_like", description="d, shape (time, neuron) or (trial, time, neuron), at the ends of the steps"
    )
    variable: str = option(default="v", kind="str", description="the variable of the model")
    neuron_weights: Any = weights_of_neurons()
    mask: Any = _mask()

    def _describe(self, setting: Setting) -> Wire:
        name = _variable(self.variable, setting)
        return {"kind": "variable", "variable": name}, {"data": _series("values", self.values, setting)}


@parameterised
class CrossEntropy(Loss):
    r"""Cross entropy of :math:`softmax(g z)` with the class of each trial; z_c belongs to neuron ``readout[c]``."""

    needs_data: ClassVar[bool] = False

    labels: Any = option(kind="array_like of int, shape (trial,)", description="class of each trial, from 0")
    readout: Any = option(kind="str or array_like", description="the neurons of the classes: a group, or indices")
    variable: str = option(default="v", kind="str", description='variable that is read out, or "spikes"')
    reduction: str = option(
        default="mean", kind='{"mean", "max", "last", "sum"}', description="how z follows from its course in time"
    )
    gain: float = quantity(default=1.0, description="what z is multiplied with", range="positive")

    def _validate(self) -> None:
        if self.reduction not in ("mean", "max", "last", "sum"):
            raise ValueError(f"reduction must be mean, max, last or sum, got {shown(self.reduction)}")

    def _describe(self, setting: Setting) -> Wire:
        name = "spikes" if self.variable == "spikes" else _variable(self.variable, setting)
        readout = np.asarray(setting.network.positions(self.readout, "readout"), np.int64)
        labels = as_array("labels", self.labels)
        if labels.shape != (setting.trials,) or labels.dtype.kind not in "iu":
            raise ValueError(
                f"labels must be whole numbers, one per trial ({setting.trials}), got shape {labels.shape} of dtype"
                f" {labels.dtype}"
            )
        if labels.min() < 0 or labels.max() >= readout.size:
            raise ValueError(f"labels must lie in 0..{readout.size - 1}, got {labels.min()}..{labels.max()}")
        params = {"kind": "cross_entropy", "variable": name, "reduction": self.reduction, "gain": self.gain}
        return params, {"labels": labels.astype(np.int64), "readout": readout}


def Adaptive(
    first: Loss, second: Loss, start: tuple[float, float] = (1.0, 0.1), end: tuple[float, float] = (0.1, 1.0)
) -> WeightedLosses:
    """A loss that goes from mostly `first` to mostly `second` as the fit goes on.

    Parameters
    ----------
    first, second : Loss
        By default of weights, with T the part of the epochs that is done: (1 - 0.9 T) first + (0.1 + 0.9 T) second.
    start, end : tuple of float
        Weights of the two at the begin and at the end.
    """
    return Schedule(start[0], end[0]) * first + Schedule(start[1], end[1]) * second


__all__ = [
    "Adaptive",
    "CrossEntropy",
    "RateLoss",
    "Schedule",
    "SpikeCountLoss",
    "TargetRate",
    "VanRossum",
    "VoltageLoss",
]
