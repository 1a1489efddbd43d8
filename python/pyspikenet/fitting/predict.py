"""What fitted pieces do: simulated as in the fit, and classified as its loss reads them out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..models.base import Model
from ..network import Network
from ..run import Run
from .free import Pieces, with_values
from .losses import CrossEntropy
from .problem import Question

if TYPE_CHECKING:
    import xarray


def predicted(run: Run, pieces: Pieces, changes: Mapping[str, Any]) -> "xarray.Dataset":
    """The pieces, simulated as in the run of a fit but for `changes`."""
    from ..simulate import simulate

    arguments: dict[str, Any] = {
        "duration": run.n_steps * run.dt,
        "dt": run.dt,
        "stimulus": pieces.stimulus,
        "trials": run.trials,
        "seed": run.seed,
        "initial_state": dict(pieces.initial) or None,
        "dtype": run.dtype,
    }
    return simulate(pieces.model, pieces.network, **(arguments | dict(changes)))


def classified(question: Question, pieces: Pieces, changes: Mapping[str, Any]) -> "xarray.DataArray":
    """The class of each trial: where z of the cross entropy is largest; the first one of several."""
    import xarray

    loss = cross_entropy(question)
    if loss is None:
        names = ", ".join(type(x).__name__ for _, x in question.losses.terms)
        raise ValueError(f"classes need a fit with a CrossEntropy, got one with {names}")
    chosen, order = np.unique(pieces.network.positions(loss.readout, "readout"), return_inverse=True)
    if loss.variable == "spikes":
        ds = predicted(question.run, pieces, changes)
        course = ds.spk.counts(question.run.dt).values[:, :, chosen]
    else:
        ds = predicted(question.run, pieces, {**changes, "record": loss.variable, "record_neurons": chosen})
        course = ds[loss.variable].values
    z = course[:, -1] if loss.reduction == "last" else getattr(course, loss.reduction)(axis=1)
    return xarray.DataArray(
        np.argmax(z[:, order], axis=1), {"trial": ds.trial}, ("trial",), "class", {"long_name": "class of the trial"}
    )


def cross_entropy(question: Question) -> CrossEntropy | None:
    """The loss that tells classes, if there is one."""
    return next((loss for _, loss in question.losses.terms if isinstance(loss, CrossEntropy)), None)


@dataclass(frozen=True)
class Progress:
    """What the callback of :func:`fit` is called with after each epoch.

    Attributes
    ----------
    epoch : int
        How many epochs are done.
    loss : float
        Mean loss of the batches of the epoch, each before its step.
    accuracy : float
        Part of the trials that were classified as their label says, each before the step of its batch; NaN without a
        :class:`CrossEntropy`.
    parameters : dict of str to ndarray
        The free parameters where they stand now.
    """

    epoch: int
    loss: float
    accuracy: float
    parameters: dict[str, NDArray[np.float64]]
    question: Question

    @cached_property
    def pieces(self) -> Pieces:
        """``model``, ``network``, ``stimulus`` and ``initial`` as they are now."""
        return with_values(self.question.pieces, self.parameters)

    @property
    def model(self) -> Model:
        """The model as it is now."""
        return self.pieces.model

    @property
    def network(self) -> Network:
        """The network as it is now."""
        return self.pieces.network

    def predict(self, **changes: Any) -> "xarray.Dataset":
        """Simulates the model as it is now, as :meth:`Fit.predict` does the best one.

        Parameters
        ----------
        **changes
            Arguments of :func:`simulate` that are to differ from those of the fit.
        """
        return predicted(self.question.run, self.pieces, changes)

    def classes(self, **changes: Any) -> "xarray.DataArray":
        """Class of each trial by the model as it is now, as :meth:`Fit.classes` by the best one.

        Parameters
        ----------
        **changes
            Arguments of :func:`simulate` that are to differ from those of the fit.
        """
        return classified(self.question, self.pieces, changes)
