"""What an unconnected neuron does under a constant current: f-I curve and vector field, computed by the engine."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray
from numpy.typing import ArrayLike, NDArray

from .models.membrane import MembraneModel
from .network import Network
from .parameters import number, numbers, shown
from .simulate import simulate
from .stimulus import ConstantStimulus, Stimulus, StimulusSum

# One step of this length [ms] is as good as a derivative, and a division by it is exact.
SHORT_STEP = 2.0**-20


def _unconnected(n: int) -> Network:
    return Network.from_edges(pre=[], post=[], n=n)


def _check(model: Any) -> None:
    """TypeError if `model` is no membrane model, ValueError if its neurons differ."""
    if not isinstance(model, MembraneModel):
        raise TypeError(f"model must be a membrane model such as LIF(), got {shown(model)}")
    differing = [name for name in model.units() if isinstance(getattr(model, name), np.ndarray)]
    if differing:
        name = differing[0]
        raise ValueError(f"model must have one number for each parameter, got {getattr(model, name).size} of {name}")


def fi_curve(
    model: MembraneModel,
    currents: ArrayLike,
    *,
    duration: float = 1000.0,
    transient: float = 0.0,
    dt: float | None = None,
    stimulus: Stimulus | StimulusSum | None = None,
    trials: int | Sequence[int] = 1,
    seed: int | None = None,
) -> xarray.DataArray:
    """Rate of a neuron [Hz] as a function of a constant current: one run with an unconnected neuron for each current.

    Parameters
    ----------
    model : MembraneModel
        The neuron, with one number for each parameter.
    currents : array_like, shape (current,)
        Currents, in the unit of the model's.
    duration : float, default 1000.0
        Time to simulate [ms], a multiple of `dt`.
    transient : float, default 0.0
        Time at the begin [ms] whose spikes are not counted, because the rate has not settled yet.
    dt : float, optional
        Length of a step [ms]; default the model's ``default_dt``.
    stimulus : Stimulus or sum of stimuli, optional
        What comes on top of the current, such as :class:`~pyspikenet.NoiseCurrent`.
    trials : int or sequence of int, default 1
        How many independent copies of each neuron to run, or which; the rate is their mean.
    seed : int, optional
        Seed of all random numbers; default: drawn afresh.

    Returns
    -------
    xarray.DataArray
        Rates along the dimension ``current``.
    """
    _check(model)
    strength: Any = numbers("currents", currents, each="current")
    if strength.ndim != 1 or strength.size == 0:
        raise ValueError(f"currents must be a 1-d array of at least one number, got shape {strength.shape}")
    skipped = number("transient", transient, "nonnegative")
    if skipped >= number("duration", duration, "positive"):
        raise ValueError(f"transient must be shorter than duration = {duration} ms, got {transient} ms")
    constant = ConstantStimulus(strength=strength, channel="current")
    dataset = simulate(
        model, _unconnected(strength.size), duration=duration, dt=dt, trials=trials, seed=seed,
        stimulus=constant if stimulus is None else constant + stimulus,
    )  # fmt: skip
    # Times are those of ends of steps: half a step keeps them apart from the limit.
    late = dataset.spike_time.values > skipped + dataset.spk.dt / 2
    counts = np.bincount(dataset.spike_neuron.values[late], minlength=strength.size) / dataset.sizes["trial"]
    current = xarray.DataArray(strength, dims="current", attrs={"units": model.current_unit, "long_name": "current"})
    return xarray.DataArray(
        counts * (1000.0 / (dataset.spk.t_stop - skipped)),
        {"current": current},
        ("current",),
        "rate",
        {"units": "Hz", "long_name": "rate", "model": type(model).__name__},
    )


def vector_field(
    model: MembraneModel, x: ArrayLike, y: ArrayLike, *, current: float = 0.0, variables: tuple[str, str] | None = None
) -> xarray.Dataset:
    """Rates of change of two state variables on a grid, all others at rest.

    The engine takes one very short Euler step of an unconnected neuron for each point. Where the neuron would spike,
    there is no rate of change but a reset, and the values are NaN.

    Parameters
    ----------
    model : MembraneModel
        The neuron, with one number for each parameter.
    x, y : array_like, shape (point,)
        Values of the two variables.
    current : float, default 0.0
        Constant current, in the unit of the model's.
    variables : tuple of two str, optional
        Names of the two variables; default the first two of the model.

    Returns
    -------
    xarray.Dataset
        ``d<name>_dt`` for both variables, per ms, with their names as dimensions, the second one first.
    """
    names = plane_variables(model, variables)
    if "euler" not in model.methods:
        raise ValueError(f"model must be one of differential equations, got {type(model).__name__}, defined in steps")
    sides = [numbers(name, values, each="point") for name, values in (("x", x), ("y", y))]
    for name, side in zip(("x", "y"), sides, strict=True):
        if side.ndim != 1 or side.size < 2:
            raise ValueError(f"{name} must be a 1-d array of at least two numbers, got shape {side.shape}")
    before: list[NDArray[np.float64]] = [grid.ravel() for grid in np.meshgrid(*sides)]
    dataset = simulate(
        model.replace(method="euler"),
        _unconnected(before[0].size),
        duration=SHORT_STEP,
        dt=SHORT_STEP,
        stimulus=ConstantStimulus(strength=number("current", current), channel="current"),
        initial_state=dict(zip(names, before, strict=True)),
        seed=0,
    )
    state = model.state()
    found: dict[str, Any] = {}
    for name, start in zip(names, before, strict=True):
        change = (dataset[f"final_{name}"].values[0] - start) / SHORT_STEP
        change[dataset.spike_neuron.values] = np.nan
        attrs = {"units": f"{state[name]['units']}/ms", "long_name": f"rate of change of {name}"}
        found[f"d{name}_dt"] = (names[::-1], change.reshape(sides[1].size, sides[0].size), attrs)
    coords = {name: (name, side, state[name]) for name, side in zip(names, sides, strict=True)}
    return xarray.Dataset(found, coords)


def plane_variables(model: MembraneModel, variables: tuple[str, str] | None) -> tuple[str, str]:
    """The two variables of a phase plane, or the error that names them.

    Parameters
    ----------
    model : MembraneModel
        The neuron.
    variables : tuple of two str, optional
        Names of the two variables; default the first two of the model.
    """
    _check(model)
    known = tuple(model.state())
    if variables is None:
        own = tuple(model.variables)
        if len(own) < 2:
            raise ValueError(
                f"variables must be given for a {type(model).__name__}, which has one of its own; known are {known}"
            )
        return own[0], own[1]
    if (
        isinstance(variables, str)
        or len(variables) != 2
        or len(set(variables)) != 2
        or not set(variables) <= set(known)
    ):
        raise ValueError(f"variables must be two from {known}, got {shown(variables)}")
    return variables[0], variables[1]
