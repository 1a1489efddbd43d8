"""tune(): parameters of a cascade model that give a target rate."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .fitting.free import WHOLE_STEPS
from .models.base import Model
from .models.membrane import MembraneModel
from .network import Network
from .parameters import as_array, number, numbers, seed_number, shown, whole_number
from .run import check_pieces
from .simulate import check_progress
from .stimulus import Stimulus, StimulusSum, stimulus_parts

if TYPE_CHECKING:
    import xarray

Value = float | NDArray[np.float64]


@dataclass(frozen=True)
class Tuning:
    """What :func:`tune` returns.

    Attributes
    ----------
    model : Model
        The model with the tuned parameters; all others are unchanged to the bit.
    stimulus : Stimulus or sum of stimuli, or None
        The stimulus with the tuned parameters.
    history : xarray.Dataset
        ``loss`` [Hz^2], ``rate`` [Hz] and each tuned parameter along ``epoch``; the values at the beginning of the
        epoch.
    interrupted : bool
        Whether a Ctrl-C ended it early; the model is the best so far then, too.
    """

    model: Model
    stimulus: Stimulus | StimulusSum | None
    history: "xarray.Dataset"
    interrupted: bool


def tune(
    model: Model,
    network: Network,
    *,
    target: ArrayLike,
    parameters: Iterable[str] = ("theta",),
    duration: float = 1000.0,
    dt: float | None = None,
    stimulus: Stimulus | StimulusSum | None = None,
    epochs: int = 100,
    learning_rate: float = 0.1,
    trials: int = 1,
    seed: int | None = None,
    equilibration: float = 0.0,
    threads: int | None = None,
    progress: bool | None = None,
) -> Tuning:
    """Tunes parameters until the network fires at a target rate.

    This is :func:`fit` with the loss :class:`TargetRate` and new random numbers in every epoch: each simulates the
    network, compares rates, and moves the parameters by a step of Adam (Kingma & Ba 2015, with its usual constants 0.9,
    0.999, 1e-8). Spikes are differentiated through their expected count; what they do to later ones is not part of it.

    Parameters
    ----------
    model, network, stimulus, dt, trials, seed, equilibration, threads, progress
        As in :func:`simulate`.
    target : float or array_like, shape (n,)
        Target rate [Hz]: the mean over neurons; or of every neuron, whereupon parameters that may vary are tuned for
        each neuron.
    parameters : iterable of str, default ("theta",)
        Names of model parameters such as ``"theta"``, or of stimulus parameters such as ``"stimulus.strength"``
        (``"stimulus.0.strength"`` of the first of several).
    duration : float, default 1000
        Time simulated in each epoch [ms].
    epochs : int, default 100
        Number of steps.
    learning_rate : float, default 0.1
        Size of the first step, in units of the parameter.

    Returns
    -------
    Tuning

    Raises
    ------
    TypeError, ValueError
        For an unknown or non-numeric parameter, a target that is not positive, or as :func:`simulate` does.
    """
    import xarray

    from .fitting.fit import fit
    from .fitting.losses import TargetRate

    check_pieces(model, network)
    if isinstance(model, MembraneModel):
        raise TypeError(f"model must be a cascade model such as BernoulliGLM(), whose rate can be tuned, got {model!r}")
    check_progress(progress)
    stimulus_parts(stimulus)
    goal = _target(target, network.n)
    n_epochs = whole_number("epochs", epochs, 1)
    rate_of_learning = number("learning_rate", learning_rate, "positive")
    if not isinstance(parameters, str | Iterable):
        raise TypeError(f"parameters must be names, got {shown(parameters)}")
    names = [parameters] if isinstance(parameters, str) else list(parameters)
    if not names:
        raise ValueError(f"parameters must name at least one parameter, got {shown(parameters)}")
    for name in names:
        _check_name(name, model, stimulus)
    base_seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed_number("seed", seed)
    seed_number("seed + epochs", base_seed + n_epochs)
    found = fit(
        _per_neuron(model, names, network.n) if isinstance(goal, np.ndarray) else model,
        network, free=names, loss=TargetRate(rate=goal), stimulus=stimulus, learning_rate=rate_of_learning,
        epochs=n_epochs, fresh_noise=True, duration=duration, dt=dt, trials=trials, seed=base_seed,
        equilibration=equilibration, threads=threads, detach_spikes=True, progress=progress,
    )  # fmt: skip
    record = {name: found.history[name] for name in ["loss", *names] if name in found.history}
    record["rate"] = found.history.rate.mean("neuron")
    history = xarray.Dataset(record).drop_vars(["term", "parameter"], errors="ignore")
    chosen = found if found.stopped == "interrupted" else found.last
    return Tuning(chosen.model, chosen.stimulus, history, found.stopped == "interrupted")


def _target(target: ArrayLike, n: int) -> Value:
    if as_array("target", target).ndim == 0:
        return number("target", target, "positive")
    rates = numbers("target", target, "positive", each="neuron")
    if rates.shape != (n,):
        raise ValueError(f"target must be one rate or one per neuron ({n}), got shape {rates.shape}")
    return rates


def _check_name(name: Any, model: Model, stimulus: Any) -> None:
    """The error of a name that is none, in the terms of this function; :func:`fit` finds what is left."""
    if not isinstance(name, str):
        raise TypeError(f"parameters must be names, got {shown(name)}")
    if not name.startswith("stimulus."):
        if name not in model.units() or getattr(model, name) is None or name in WHOLE_STEPS:
            known = sorted(set(model.units()) - WHOLE_STEPS)
            raise ValueError(f"parameters must be from {known} or stimulus parameters, got {name!r}")
        return
    if stimulus is None:
        raise ValueError(f"parameters must be of the model where there is no stimulus, got {name!r}")
    parts, (_, *middle, last) = stimulus.parts(), name.split(".")
    if not (len(parts) == 1 and not middle) and not (
        len(middle) == 1 and middle[0].isdigit() and int(middle[0]) < len(parts)
    ):
        raise ValueError(f"parameters must name one of {len(parts)} stimuli, as 'stimulus.0.{last}', got {name!r}")


def _per_neuron(model: Model, names: list[str], n: int) -> Model:
    """The model with an array for each of these parameters that may differ between neurons."""
    fields = type(model).__dataclass_fields__  # type: ignore[attr-defined]
    varying = [name for name in names if name in fields and fields[name].metadata["varies"]]
    changes: dict[str, Any] = {name: np.broadcast_to(getattr(model, name), n).copy() for name in varying}
    return model.replace(**changes)
