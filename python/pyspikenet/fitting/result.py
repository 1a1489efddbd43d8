"""What a fit returns: models, history, predictions and plots."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray
from numpy.typing import NDArray

from ..models.base import Model
from ..network import Network
from .free import Pieces
from .predict import classified, cross_entropy, predicted
from .problem import Outcome, Question

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NUMBERS = 20_000_000  # of a parameter over all epochs, for its course to be kept


class History:
    """Collects what happens from epoch to epoch."""

    def __init__(self, question: Question, epochs: int) -> None:
        self.question = question
        n, terms, free = question.run.network.n, question.losses.terms, question.free
        self._arrays: dict[str, NDArray[Any]] = {
            "loss": np.full(epochs, np.nan),
            "terms": np.full((epochs, len(terms)), np.nan),
            "gradient_norm": np.full((epochs, len(free)), np.nan),
            "rate": np.full((epochs, n), np.nan),
        }
        if cross_entropy(question) is not None:
            self._arrays["accuracy"] = np.full(epochs, np.nan)
        for k, f in enumerate(free):
            if f.value.size * epochs <= MOST_NUMBERS:
                self._arrays[f"value.{k}"] = np.full((epochs, *f.value.shape), np.nan)

    def add(self, epoch: int, values: list[Any], outcomes: list[tuple[int, Outcome]]) -> float:
        """Adds an epoch: its batches' means, weighted by their trials; returns the loss."""
        run = self.question.run
        shares = np.array([k for k, _ in outcomes], float) / sum(k for k, _ in outcomes)
        loss = float(shares @ [x.loss for _, x in outcomes])
        self._arrays["loss"][epoch] = loss
        self._arrays["terms"][epoch] = shares @ np.array([x.losses for _, x in outcomes])
        if "accuracy" in self._arrays:
            self._arrays["accuracy"][epoch] = shares @ [x.accuracy for _, x in outcomes]
        norms = [x.norms for _, x in outcomes if x.norms]
        if norms:
            self._arrays["gradient_norm"][epoch] = np.mean(norms, axis=0)
        self._arrays["rate"][epoch] = shares @ np.array([x.counts for _, x in outcomes]) * 1000 / (run.n_steps * run.dt)
        for k, value in enumerate(values):
            if f"value.{k}" in self._arrays:
                self._arrays[f"value.{k}"][epoch] = value
        return loss

    def arrays(self, epochs: int) -> dict[str, NDArray[Any]]:
        """What was collected in the first `epochs`."""
        return {name: x[:epochs] for name, x in self._arrays.items()}

    def loss(self, epoch: int) -> float:
        """The loss of an epoch."""
        return float(self._arrays["loss"][epoch])

    def accuracy(self, epoch: int) -> float:
        """The accuracy of an epoch; NaN where there are no classes."""
        return float(self._arrays["accuracy"][epoch]) if "accuracy" in self._arrays else math.nan

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        for name, x in arrays.items():
            self._arrays[name][: len(x)] = x

    def dataset(self, epochs: int) -> xarray.Dataset:
        """The history, along ``epoch``."""
        found, network = self.arrays(epochs), self.question.run.network
        variables: dict[str, Any] = {
            "loss": ("epoch", found["loss"], {"long_name": "loss at the begin of the epoch, mean over its batches"}),
            "terms": (("epoch", "term"), found["terms"], {"long_name": "losses that the loss is the weighted sum of"}),
            "gradient_norm": (("epoch", "parameter"), found["gradient_norm"], {"long_name": "norm of the gradient"}),
            "rate": (("epoch", "neuron"), found["rate"], {"units": "Hz", "long_name": "mean rate"}),
        }
        if "accuracy" in found:
            text = "part of the trials that are classified right, each before the step of its batch"
            variables["accuracy"] = ("epoch", found["accuracy"], {"long_name": text})
        for k, free in enumerate(self.question.free):
            if f"value.{k}" not in found:
                continue
            value = found[f"value.{k}"]
            sizes = {network.n_synapses: "synapse"} if free.name == "weight" else {network.n: "neuron"}
            axes = [sizes.get(m, f"{free.name}_{j}") for j, m in enumerate(value.shape[1:])]
            attrs = {"units": free.unit, "long_name": f"{free.name} at the begin of the epoch"}
            variables[free.name] = (("epoch", *axes), value, attrs)
        coords = {
            "epoch": np.arange(epochs),
            "term": [type(x).__name__ for _, x in self.question.losses.terms],
            "parameter": [free.name for free in self.question.free],
        }
        return xarray.Dataset(variables, coords)


@dataclass(frozen=True)
class Fit:
    """What :func:`fit` returns.

    Attributes
    ----------
    model : Model
        The best model: the one of the lowest loss.
    network : Network
        The network of the best model, with its weights.
    stimulus : Stimulus or sum of stimuli, or None
        Its stimulus.
    initial_state : dict of str to ndarray
        Its initial state, where that was given or free.
    loss : float
        Its loss.
    parameters : dict of str to ndarray
        Its free parameters by name.
    last : Pieces
        ``model``, ``network``, ``stimulus`` and ``initial`` after the last step.
    history : xarray.Dataset
        ``loss``, ``terms``, ``gradient_norm``, ``rate``, with a :class:`CrossEntropy` ``accuracy``, and each free
        parameter along ``epoch``.
    stopped : str
        What ended the fit: ``"epochs"``, ``"patience"``, ``"time"``, ``"callback"``, ``"converged"`` or
        ``"interrupted"``.
    epochs : int
        How many epochs were done.
    """

    model: Model
    network: Network
    stimulus: Any
    initial_state: dict[str, Any]
    loss: float
    parameters: dict[str, NDArray[np.float64]]
    last: Pieces
    history: xarray.Dataset
    stopped: str
    epochs: int
    question: Question

    def __repr__(self) -> str:
        return f"Fit(loss={self.loss:.6g}, epochs={self.epochs}, stopped={self.stopped!r}, model={self.model!r})"

    def predict(self, **changes: Any) -> xarray.Dataset:
        """Simulates the best model as in the fit.

        Parameters
        ----------
        **changes
            Arguments of :func:`simulate` that are to differ, such as ``duration``, ``stimulus``, ``trials``, ``seed``
            or ``record``.
        """
        return predicted(self.question.run, self._pieces, changes)

    def classes(self, **changes: Any) -> xarray.DataArray:
        """Class of each trial by the best model: where z of the :class:`CrossEntropy` is largest.

        Parameters
        ----------
        **changes
            Arguments of :func:`simulate` that are to differ, such as ``stimulus`` and ``trials`` of a test.
        """
        return classified(self.question, self._pieces, changes)

    @property
    def _pieces(self) -> Pieces:
        return Pieces(self.model, self.network, self.stimulus, self.initial_state)

    def plot_loss(self, ax: "Axes | None" = None) -> "Axes":
        """The loss and its terms along the epochs.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.
        """
        from ..axes import new_axes, tidy

        ax = new_axes(ax, (5, 3))
        ax.plot(self.history.epoch, self.history.loss, color="black", label="loss")
        if self.history.sizes["term"] > 1:
            for k, name in enumerate(self.history.term.values):
                ax.plot(self.history.epoch, self.history.terms[:, k], lw=1, label=str(name))
            ax.legend(frameon=False)
        ax.set(xlabel="epoch", ylabel="loss")
        return tidy(ax)

    def plot_parameter(self, name: str, ax: "Axes | None" = None) -> "Axes":
        """The course of a free parameter along the epochs, one line for each of its numbers.

        Parameters
        ----------
        name : str
            A free parameter.
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.
        """
        from ..axes import new_axes, tidy, with_unit

        if name not in self.history:
            raise ValueError(f"name must be a free parameter, {', '.join(self.parameters)}, got {name!r}")
        ax = new_axes(ax, (5, 3))
        values = self.history[name].values.reshape(self.epochs, -1)
        ax.plot(self.history.epoch, values, lw=1, alpha=max(0.1, min(1.0, 20 / values.shape[1])))
        ax.set(xlabel="epoch", ylabel=with_unit(name, self.history[name].attrs.get("units")))
        return tidy(ax)
