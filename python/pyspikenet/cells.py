"""Unconnected cells with explicit state: step() once, and lift() over time. Read ``run.py`` next."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .engine import get_engine
from .models.base import Model
from .models.membrane import MembraneModel
from .network import Network
from .parameters import numbers, seed_number, shown, whole_number
from .run import GivenState, Run, check_pieces, membrane_state, prepare, step_length_of
from .stimulus import ArrayStimulus

State = dict[str, NDArray[Any]]


class Lifted(NamedTuple):
    """What :func:`lift` returns.

    Attributes
    ----------
    spikes : ndarray of bool
        Which cells spiked in which step, in the shape of x: (time, neuron) or (time, batch, neuron).
    state : dict of str to ndarray
        The state after the last step, as :func:`step` takes and returns it.
    recorded : dict of str to ndarray
        What was recorded by name, at the end of each step, in the shape of x.
    """

    spikes: NDArray[np.bool_]
    state: State
    recorded: State


def step(
    model: Model,
    x: ArrayLike,
    state: Mapping[str, ArrayLike] | None = None,
    *,
    dt: float | None = None,
    seed: int | None = None,
    dtype: str = "float64",
) -> tuple[NDArray[np.bool_], State]:
    """Advances unconnected cells by one step.

    Parameters
    ----------
    model : MembraneModel
        The cells; parameters are one number, or one per neuron.
    x : array_like
        Input current in this step, of shape (neuron,) or (batch, neuron), in the unit of the model's current.
    state : dict of str to array_like, optional
        State before the step, as this function returned it: values of the model's state variables, one number or of
        shape (neuron,) or (batch, neuron); ``refractory``, for how many steps a cell stays so; ``step``, how many steps
        were done before; ``seed``. What is left out is as at rest. Default: all at rest.
    dt : float, optional
        Length of the step [ms]; default the model's ``default_dt``.
    seed : int, optional
        Seed for models that draw random numbers; default that of `state`, else drawn afresh.
    dtype : {"float64", "float32"}
        Precision of the step.

    Returns
    -------
    spikes : ndarray of bool
        Which cells spiked, in the shape of `x`.
    state : dict of str to ndarray
        State after the step; that before it is not changed.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here.
    EngineError
        If Julia cannot be started or stops; a :class:`JuliaError` if the state is no longer finite.

    Notes
    -----
    A call takes one or two milliseconds, most of it on the way to Julia and back: where all inputs are known
    beforehand, :func:`lift` is the way, and gives the same to the bit.

    Examples
    --------
    >>> import pyspikenet as psn
    >>> spikes, state = psn.step(psn.LIFBox(), [1.0, 20.0])
    >>> spikes, state = psn.step(psn.LIFBox(), [1.0, 20.0], state)
    """
    values = _input(x, ("neuron",))
    run = _prepare(model, values[None], state, dt, seed, dtype)
    _, recorded = get_engine().submit("run", {**run.params, "steps": 1}, run.arrays).result()
    names = [name for name in recorded if name.startswith("state.")]
    after = {name.removeprefix("state."): recorded.pop(name) for name in names}
    spikes, _ = _collected(run, [(1, recorded)], values[None].shape)
    return spikes[0], _state(run, after, values.ndim)


def lift(
    model: Model,
    x: ArrayLike,
    state: Mapping[str, ArrayLike] | None = None,
    *,
    dt: float | None = None,
    record: str | Iterable[str] = (),
    seed: int | None = None,
    dtype: str = "float64",
) -> Lifted:
    """Advances unconnected cells over time: what :func:`step` gives when called for each row of `x`, to the bit.

    Parameters
    ----------
    model, state, dt, seed, dtype
        As in :func:`step`.
    x : array_like
        Input current of every step, of shape (time, neuron) or (time, batch, neuron).
    record : str or iterable of str, optional
        State variables to record, such as "v", or "I", the input.

    Returns
    -------
    Lifted
        ``spikes`` in the shape of `x`, the ``state`` after the last step, and ``recorded``, a dict of arrays in the
        shape of `x`: values at the end of each step, after the reset.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here.
    EngineError
        If Julia cannot be started or stops; a :class:`JuliaError` if the state is no longer finite.

    Examples
    --------
    >>> import numpy as np
    >>> import pyspikenet as psn
    >>> x = np.ones((100, 1))
    >>> spikes, state, recorded = psn.lift(psn.LIFCurrent(), x, record="v")
    """
    values = _input(x, ("time", "neuron"))
    run = _prepare(model, values, state, dt, seed, dtype, record)
    with run.session() as session:
        spikes, recorded = _collected(run, session.advance(run.n_steps), values.shape)
        if session.interrupted:
            raise KeyboardInterrupt
        after = session.state()
    return Lifted(spikes, _state(run, after, values.ndim - 1), recorded)


def _input(x: ArrayLike, axes: tuple[str, ...]) -> NDArray[np.float64]:
    """`x` as an array with these axes, or with the axis batch before the last of them."""
    values = numbers("x", x)
    if values.ndim not in (len(axes), len(axes) + 1) or values.size == 0:
        without, batched = ", ".join(axes), ", ".join((*axes[:-1], "batch", axes[-1]))
        comma = "," if len(axes) == 1 else ""
        raise ValueError(f"x must have shape ({without}{comma}) or ({batched}) and not be empty, got {values.shape}")
    return values


@lru_cache(maxsize=8)
def _unconnected(n: int) -> Network:
    return Network.from_edges(pre=[], post=[], n=n)


def _prepare(
    model: Any,
    x: NDArray[np.float64],
    state: Any,
    dt: float | None,
    seed: int | None,
    dtype: str,
    record: str | Iterable[str] = (),
) -> Run:
    """The run of the cells with the input `x` (time, [batch,] neuron)."""
    if not isinstance(model, MembraneModel):
        raise TypeError(f"model must be a membrane model such as LIF() or LIFBox(), got {shown(model)}")
    trials, n = (1 if x.ndim == 2 else x.shape[1]), x.shape[-1]
    network = _unconnected(n)
    check_pieces(model, network)
    step_length = step_length_of(model, dt, None, "")
    if state is not None and not isinstance(state, Mapping):
        raise TypeError(f"state must be a dict of arrays, as step() and lift() return it, or None, got {shown(state)}")
    given = dict(state or {})
    first = whole_number("state['step']", _item(given.pop("step", 0)))
    known_seed = given.pop("seed", None)
    if seed is None and known_seed is not None:
        seed = seed_number("state['seed']", _item(known_seed))
    begin = GivenState(first, membrane_state("state", given, model, n, trials))
    data = x if x.ndim == 2 else np.moveaxis(x, 1, 0)
    return prepare(
        model, network, duration=x.shape[0] * step_length, dt=step_length, trials=trials, seed=seed, record=record,
        stimulus=ArrayStimulus(data=data, dt=step_length, start=first * step_length, channel="current"),
        initial_state=begin, dtype=dtype,
    )  # fmt: skip


def _item(value: Any) -> Any:
    """A number out of an array of one, as it is kept in a state."""
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _collected(
    run: Run, pieces: Iterable[tuple[int, dict[str, NDArray[Any]]]], shape: tuple[int, ...]
) -> tuple[NDArray[np.bool_], State]:
    """Spikes and what was recorded, in the shape of the input."""
    from .dataset import Recording

    recording = Recording(run)
    for done, recorded in pieces:
        recording.add(recorded, done, 0)
    number, neuron, trial = recording.spikes()
    spikes = np.zeros((run.n_steps, run.trials.size, run.network.n), bool)
    spikes[number - run.first_step, trial, neuron] = True
    states = {
        name: np.ascontiguousarray(np.moveaxis(values, 0, 1)).reshape(shape)
        for name, values in recording.states().items()
        if recording.n_steps == run.n_steps
    }
    return spikes.reshape(shape), states


def _state(run: Run, after: State, ndim: int) -> State:
    """The state after a run: with `ndim` 1 without the axis of batches."""
    state = {name: values if ndim == 2 else values[0] for name, values in after.items()}
    state["refractory"] = state["refractory"].astype(np.int64)
    state["step"] = np.asarray(run.first_step + run.n_steps)
    state["seed"] = np.asarray(run.seed)
    return state
