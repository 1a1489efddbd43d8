"""simulate() and drive(): check the pieces against each other, advance the run in Julia, build the dataset."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .engine.session import Session
from .limits import available_memory, check_memory
from .models.base import Model
from .models.rectified_sam import ActivationModel
from .network import Network
from .parameters import as_array, float_dtype, number, numbers, seed_number, shown, steps, whole_number
from .stimulus import Stimulus, StimulusSum, stimulus_parts

if TYPE_CHECKING:
    import xarray

RECORDABLE = ("drive", "rate")
MOST_TRIALS = 2**32


def simulate(
    model: Model,
    network: Network,
    *,
    duration: float,
    dt: float | None = None,
    stimulus: Stimulus | StimulusSum | None = None,
    trials: int | Sequence[int] = 1,
    seed: int | None = None,
    record: str | Iterable[str] = (),
    equilibration: float = 0.0,
    initial_state: "Mapping[str, ArrayLike] | xarray.Dataset | None" = None,
    dtype: str = "float64",
    threads: int | None = None,
    progress: bool | None = None,
) -> "xarray.Dataset":
    """Simulates a network and returns its spikes.

    Parameters
    ----------
    model : Model
        The neurons; parameters are one number, or one per neuron.
    network : Network
        The synapses.
    duration : float
        Time to simulate [ms], a multiple of `dt`.
    dt : float, optional
        Length of a step [ms]; default the model's ``default_dt``.
    stimulus : Stimulus or sum of stimuli, optional
        What reaches the neurons from outside.
    trials : int or sequence of int, default 1
        How many independent copies to run, or which: trial 3 of ``trials=8`` is ``trials=[3]``, to the bit.
    seed : int, optional
        Seed of all random numbers; default: drawn afresh. It is kept in the dataset either way.
    record : str or iterable of {"drive", "rate"}, optional
        What to record besides spikes, in every step of every neuron. ``rate`` is the expected rate given the drive
        [Hz].
    equilibration : float, default 0
        Time [ms] simulated before t = 0, without stimulus and recording, from a state in which a random half of the
        neurons has just fired.
    initial_state : xarray.Dataset or dict, optional
        A dataset of the same model and network to go on from: time continues, and both runs together are the run in
        one piece. Or ``{"spikes": array (lag, neuron)}``, spike counts before t = 0 with the latest step first; or, for
        the activation models, ``{"activation": array (neuron,) or (trial, neuron)}``. Default: nothing happened before.
    dtype : {"float64", "float32"}
        Precision of the simulation.
    threads : int, optional
        Threads to use; default, and at most, those the engine was started with (:func:`configure`). Spikes do not
        depend on it.
    progress : bool, optional
        Whether to show a progress bar; default: in a terminal or notebook, when a run takes more than a second.

    Returns
    -------
    xarray.Dataset
        Dimension ``spike`` with ``spike_time`` [ms, the end of the step], ``spike_neuron`` and ``spike_trial``;
        dimension ``neuron`` with labels and groups; what was recorded as ``(trial, time, neuron)``; the final state.
        ``ds.spk`` gives rasters, counts, rates and plots. A Ctrl-C ends the run early; the dataset then holds what was
        simulated so far and has the attribute ``interrupted = 1``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here; nothing has been computed then.
    EngineError
        If Julia cannot be started or stops; a :class:`JuliaError`, with neuron and step, if p > 1 or the drive is not
        finite.

    Examples
    --------
    >>> import pyspikenet as psn
    >>> net = psn.Network.normal(n=100, std=5.0, glorot=True, seed=1)
    >>> ds = psn.simulate(psn.BernoulliGLM(), net, duration=1000, seed=0)
    >>> rates = ds.spk.rates()
    """
    check_progress(progress)
    run = prepare(
        model, network, duration=duration, dt=dt, stimulus=stimulus, trials=trials, seed=seed, record=record,
        equilibration=equilibration, initial_state=initial_state, dtype=dtype, threads=threads,
    )  # fmt: skip
    return _advance(run, progress)


def drive(
    model: Model,
    network: Network,
    *,
    spikes: "ArrayLike | xarray.Dataset",
    stimulus: Stimulus | StimulusSum | None = None,
    dt: float | None = None,
    initial_state: Mapping[str, ArrayLike] | None = None,
    seed: int | None = None,
    dtype: str = "float64",
) -> "xarray.Dataset":
    """Drive and rate of a network whose spikes are given (teacher forcing).

    Parameters
    ----------
    model, network, stimulus, dt, initial_state, dtype
        As in :func:`simulate`.
    spikes : xarray.Dataset or array_like
        A dataset of spikes, or spike counts of shape ``(time, neuron)`` or ``(trial, time, neuron)``.
    seed : int, optional
        Seed of stimuli that are drawn; default that of a given dataset, else drawn afresh.

    Returns
    -------
    xarray.Dataset
        ``drive`` and ``rate`` [Hz] with dimensions ``(trial, time, neuron)``. Row k holds the values from which the
        spikes of step k are drawn, so it depends on the spikes of the steps before k only.
    """
    check_pieces(model, network)
    step_length = _dt(model, dt, spikes, "spikes")
    counts, trial_ids, known_seed = _given_counts(spikes, network, step_length)
    run = prepare(
        model, network, duration=counts[0].n_steps * step_length, dt=step_length, stimulus=stimulus, trials=trial_ids,
        seed=known_seed if seed is None else seed, record=RECORDABLE, initial_state=initial_state, dtype=dtype,
        given=counts,
    )  # fmt: skip
    return _advance(run, False)


# ---- what a run is made of -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GivenSpikes:
    """Spikes of one trial by step: ``neuron[pointer[k]:pointer[k + 1]]`` fired in step k, ``count`` times."""

    pointer: NDArray[np.int64]
    neuron: NDArray[np.int32]
    count: NDArray[np.int32]

    @property
    def n_steps(self) -> int:
        return int(self.pointer.size - 1)

    @classmethod
    def from_counts(cls, counts: NDArray[np.int64]) -> "GivenSpikes":
        step, neuron = np.nonzero(counts)
        pointer = np.searchsorted(step, np.arange(counts.shape[0] + 1)).astype(np.int64)
        return cls(pointer, neuron.astype(np.int32), counts[step, neuron].astype(np.int32))

    @classmethod
    def from_list(cls, step: NDArray[np.int64], neuron: NDArray[Any], n_steps: int, n: int) -> "GivenSpikes":
        key, count = np.unique(step * n + neuron, return_counts=True)
        pointer = np.searchsorted(key, np.arange(n_steps + 1) * n).astype(np.int64)
        return cls(pointer, (key % n).astype(np.int32), count.astype(np.int32))


@dataclass(frozen=True)
class Run:
    """A run that has been checked, as Julia is told of it, and what the dataset says of it."""

    model: Model
    network: Network
    stimulus: tuple[Stimulus, ...]
    dt: float
    first_step: int
    warm_up: int
    n_steps: int
    trials: NDArray[np.int64]
    seed: int
    record: tuple[str, ...]
    dtype: str
    params: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def session(self) -> Session:
        bytes_per_step = len(self.record) * self.network.n * self.trials.size * np.dtype(self.dtype).itemsize
        return Session(
            self.params,
            self.arrays,
            work_per_step=self.network.n * self.trials.size,
            bytes_per_step=bytes_per_step if set(self.record) & set(RECORDABLE) else 0,
        )


def prepare(
    model: Model,
    network: Network,
    *,
    duration: float,
    dt: float | None = None,
    stimulus: Any = None,
    trials: int | Sequence[int] | NDArray[np.int64] = 1,
    seed: int | None = None,
    record: str | Iterable[str] = (),
    equilibration: float = 0.0,
    initial_state: Any = None,
    dtype: str = "float64",
    threads: int | None = None,
    given: list[GivenSpikes] | None = None,
) -> Run:
    """Checks everything against everything; what it returns is valid."""
    check_pieces(model, network)
    step_length = _dt(model, dt, initial_state, "initial_state")
    n_steps = steps("duration", duration, step_length, minimum=1)
    warm_up = steps("equilibration", equilibration, step_length)
    trial_ids = _trials(trials)
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
    seed = seed_number("seed", seed)
    wanted = _record(record)
    dtype = float_dtype(dtype).name
    parts = stimulus_parts(stimulus)

    delay, delays = network.delay_steps(step_length)
    _check_memory(model, network, delays, delay, step_length, n_steps, trial_ids.size, wanted, dtype)
    model_params, model_arrays = model.to_wire(step_length)
    params: dict[str, Any] = {
        "n": network.n,
        "dt": step_length,
        "dtype": dtype,
        "seed": seed,
        "model": model_params,
        "projections": [{"delay": delay}],
        "record": list(wanted),
        "threads": _threads(threads),
        "initial": "random" if warm_up else "rest",
    }
    arrays: dict[str, NDArray[Any]] = {
        "trials": trial_ids,
        "projection.1.offset": network.offset,
        "projection.1.target": network.target,
        "projection.1.weight": network.weight,
    }
    if delays is not None:
        arrays["projection.1.delay"] = delays
    arrays |= {f"model.{name}": array for name, array in model_arrays.items()}

    first_step = -warm_up
    history: list[GivenSpikes] | None = None
    if initial_state is not None:
        if warm_up:
            raise ValueError(f"equilibration must be 0 with an initial_state, got {equilibration} ms")
        first_step, history = _initial_state(initial_state, model, network, trial_ids, step_length, params, arrays)
    if given is not None and history is not None:
        raise ValueError("initial_state must not hold spikes where spikes are given")
    clamped = given if given is not None else history
    if clamped is not None:
        if history is not None:
            first_step = warm_up_steps = -history[0].n_steps
            warm_up = -warm_up_steps
        params["clamped_until"] = first_step + clamped[0].n_steps
        for j, spikes in enumerate(clamped, 1):
            arrays[f"clamp.{j}.pointer"] = spikes.pointer
            arrays[f"clamp.{j}.neuron"] = spikes.neuron
            arrays[f"clamp.{j}.count"] = spikes.count
    params["first_step"] = first_step
    _add_stimuli(params, arrays, parts, model, network, step_length, first_step + warm_up + n_steps, trial_ids.size)
    return Run(
        model, network, tuple(parts), step_length, first_step + warm_up, warm_up, n_steps, trial_ids, seed, wanted,
        dtype, params, arrays,
    )  # fmt: skip


def _add_stimuli(
    params: dict[str, Any],
    arrays: dict[str, NDArray[Any]],
    parts: list[Stimulus],
    model: Model,
    network: Network,
    dt: float,
    end: int,
    trials: int,
) -> None:
    channels = model.channels()
    number_of = {name: j for j, name in enumerate(channels, 1)}
    params["channels"] = []
    for name, kernel in channels.items():
        numbers_of_kernel, arrays_of_kernel = kernel.to_wire("kernel", dt)
        params["channels"].append(numbers_of_kernel)
        arrays |= {f"channel.{number_of[name]}.{key}": x for key, x in arrays_of_kernel.items()}
    params["stimuli"] = []
    for j, part in enumerate(parts, 1):
        entry, own = part.to_wire(network, dt, end, trials)
        if part.channel is not None:
            if part.channel not in number_of:
                known = ", ".join(map(repr, number_of)) or "none"
                raise ValueError(f"channel must be a stimulus kernel of the model ({known}), got {shown(part.channel)}")
            entry["channel"] = number_of[part.channel]
        params["stimuli"].append(entry)
        arrays |= {f"stimulus.{j}.{key}": x for key, x in own.items()}


def check_pieces(model: Any, network: Any) -> None:
    """An error if the one is no model, the other no network, or they do not fit."""
    if not isinstance(model, Model):
        raise TypeError(f"model must be a model such as BernoulliGLM(), got {shown(model)}")
    if not isinstance(network, Network):
        raise TypeError(
            f"network must be a Network, got {shown(network)} of type {type(network).__name__}; see Network.from_dense"
            " and its kin"
        )
    model.check_size(network.n)
    if network.receptor is not None:
        name = type(model).__name__
        raise ValueError(
            f"network must have no receptors for a {name}, got synapses with receptors {network.receptors}"
        )


def _dt(model: Model, dt: float | None, earlier: Any, name: str) -> float:
    known: float | None = None
    if hasattr(earlier, "data_vars"):
        from .dataset import provenance

        known = provenance(earlier, name)["dt"]
    if dt is None:
        dt = model.default_dt if known is None else known
    value = number("dt", dt, "positive")
    if known is not None and value != known:
        raise ValueError(f"dt must be that of the dataset given as {name}, {known} ms, got {value} ms")
    model.check_dt(value)
    return value


def _trials(trials: Any) -> NDArray[np.int64]:
    if isinstance(trials, int | np.integer) and not isinstance(trials, bool):
        count = whole_number("trials", trials, 1)
        if count > MOST_TRIALS:
            raise ValueError(f"trials must be at most 2**32, got {count}")
        check_memory("trials", 100.0 * count, f"{count} trials")
        return np.arange(count, dtype=np.int64)
    ids = as_array("trials", trials)
    if ids.ndim != 1 or (ids.dtype.kind not in "iu" and ids.size):
        raise TypeError(f"trials must be a whole number or a sequence of them, got {shown(trials)}")
    if ids.size == 0 or ids.min() < 0 or ids.max() >= MOST_TRIALS or np.unique(ids).size != ids.size:
        raise ValueError(f"trials must be at least one, different, and in 0..2**32 - 1, got {shown(trials)}")
    return ids.astype(np.int64)


def _record(record: Any) -> tuple[str, ...]:
    if not isinstance(record, str | Iterable):
        raise TypeError(f"record must be a name or several of {RECORDABLE}, got {shown(record)}")
    names = (record,) if isinstance(record, str) else tuple(record)
    for name in names:
        if not isinstance(name, str) or name not in (*RECORDABLE, "mean_rate"):
            raise ValueError(f"record must be from {RECORDABLE}, got {shown(name)}")
    return tuple(dict.fromkeys(names))


def _threads(threads: Any) -> int:
    from .engine import get_engine

    most = get_engine().threads
    return most if threads is None else min(whole_number("threads", threads, 1), most)


def _initial_state(
    given: Any,
    model: Model,
    network: Network,
    trials: NDArray[np.int64],
    dt: float,
    params: dict[str, Any],
    arrays: dict[str, NDArray[Any]],
) -> tuple[int, list[GivenSpikes] | None]:
    """Puts the state into `params` and `arrays`; returns the first step, and spikes that come before it."""
    if hasattr(given, "data_vars"):
        from .dataset import saved_state

        first_step, state = saved_state(given, type(model).__name__, network, trials, params["dtype"])
        params["initial"] = "saved"
        arrays |= {f"state.{name}": x for name, x in state.items()}
        return first_step, None
    if not isinstance(given, Mapping) or set(given) not in ({"spikes"}, {"activation"}):
        what = f"a dict of {sorted(map(str, given))}" if isinstance(given, Mapping) else shown(given)
        problem = ValueError if isinstance(given, Mapping) else TypeError
        raise problem(f"initial_state must be a dataset, {{'spikes': ...}} or {{'activation': ...}}, got {what}")
    if "activation" in given:
        if not isinstance(model, ActivationModel) and getattr(model, "activation_tau", None) is None:
            raise ValueError(
                f"initial_state must be a dataset or {{'spikes': ...}} for a {type(model).__name__}, which has no"
                " synaptic activation, got {'activation': ...}"
            )
        activation = numbers("initial_state['activation']", given["activation"], each="neuron")
        if activation.shape not in ((network.n,), (1, network.n), (trials.size, network.n)):
            raise ValueError(
                f"initial_state['activation'] must have shape ({network.n},) or ({trials.size}, {network.n}), got"
                f" {activation.shape}"
            )
        params["initial"] = "activation"
        arrays["state.activation"] = activation.reshape(-1, network.n)
        return 0, None
    counts = _counts("initial_state['spikes']", given["spikes"], network.n)
    if counts.shape[0] not in (1, trials.size):
        raise ValueError(
            f"initial_state['spikes'] must have one trial or as many as the run ({trials.size}), got shape"
            f" {counts.shape}"
        )
    latest_last = [GivenSpikes.from_counts(x[::-1]) for x in counts]
    return 0, latest_last * trials.size if len(latest_last) == 1 else latest_last


def _counts(name: str, values: ArrayLike, n: int) -> NDArray[np.int64]:
    """Spike counts as (trial, time, neuron)."""
    array = as_array(name, values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be numbers, got {shown(values)} of dtype {array.dtype}")
    shape = array.shape
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.shape[2] != n or 0 in array.shape:
        raise ValueError(f"{name} must have shape (time, {n}) or (trial, time, {n}) and not be empty, got {shape}")
    good = (array >= 0) & (array < 2**31)
    if array.dtype.kind == "f":
        good &= np.where(good, array, 0.5) % 1 == 0
    if not good.all():
        trial, time, neuron = (int(k) for k in np.argwhere(~good)[0])
        raise ValueError(
            f"{name} must be spike counts, whole numbers >= 0, got {array[trial, time, neuron]} (trial {trial}, step"
            f" {time}, neuron {neuron})"
        )
    return array.astype(np.int64)


def _given_counts(spikes: Any, network: Network, dt: float) -> tuple[list[GivenSpikes], NDArray[np.int64], int | None]:
    if hasattr(spikes, "data_vars"):
        from .dataset import provenance

        about = provenance(spikes, "spikes")
        if spikes.sizes.get("neuron") != network.n:
            raise ValueError(f"spikes must be of {network.n} neurons, got a dataset of {spikes.sizes.get('neuron')}")
        if "spike_time" not in spikes or int(about["n_steps"]) < 1:
            raise ValueError(f"spikes must hold the spikes of at least one step, got {list(spikes.data_vars)}")
        step = np.rint((spikes.spike_time.values - about["t_start"]) / dt).astype(np.int64) - 1
        trial, neuron = spikes.spike_trial.values, spikes.spike_neuron.values
        ids = np.asarray(spikes.trial.values, dtype=np.int64)
        n_steps = int(about["n_steps"])
        lists = [GivenSpikes.from_list(step[trial == k], neuron[trial == k], n_steps, network.n) for k in ids]
        return lists, ids, about["seed"]
    counts = _counts("spikes", spikes, network.n)
    return [GivenSpikes.from_counts(x) for x in counts], np.arange(counts.shape[0], dtype=np.int64), None


def _check_memory(
    model: Model,
    network: Network,
    delays: Any,
    delay: int,
    dt: float,
    n_steps: int,
    trials: int,
    record: tuple[str, ...],
    dtype: str,
) -> None:
    size = np.dtype(dtype).itemsize
    longest = delay if delays is None or not delays.size else int(delays.max())
    state = network.n * trials * (size * (12 + longest + model.memory_steps(dt)) + 64)
    recorded = sum(name in RECORDABLE for name in record) * n_steps * network.n * trials * size
    available = available_memory()
    # What is recorded passes through a piece at a time; it exists twice while the dataset is put together.
    if state + 2 * recorded > available:
        raise ValueError(
            f"duration, trials and record must be small enough for the available memory of {available / 2**30:.1f} GiB,"
            f" got {n_steps} steps x {network.n} neurons x {trials} trials, which need about"
            f" {(state + 2 * recorded) / 2**30:.3g} GiB; record less, run fewer trials at once, or go on from the final"
            " state in several runs"
        )


def _advance(run: Run, progress: bool | None) -> "xarray.Dataset":
    """Runs to the end, or to a Ctrl-C, and makes the dataset."""
    from .dataset import Recording, build

    recording = Recording(run)
    with run.session() as session, progress_bar(progress, run.n_steps * run.dt, "simulating") as bar:
        to_go = run.warm_up
        for done, recorded in session.advance(run.warm_up + run.n_steps):
            skipped = min(to_go, done)
            to_go -= skipped
            recording.add(recorded, done, skipped)
            bar.update((done - skipped) * run.dt)
        state = session.state() if session.settled and recording.n_steps > 0 else None
        interrupted = recording.n_steps < run.n_steps
    return build(run, recording, state, interrupted)


def check_progress(progress: Any) -> None:
    """TypeError if `progress` is not what a progress bar takes."""
    if progress is not None and not isinstance(progress, bool):
        raise TypeError(f"progress must be True, False or None, got {shown(progress)}")


def progress_bar(progress: bool | None, total: float, what: str) -> Any:
    """A bar in ms of simulated time; None shows one in a terminal or notebook, after a second."""
    from tqdm.auto import tqdm

    return tqdm(
        total=total,
        desc=what,
        unit=" ms",
        disable=None if progress is None else not progress,
        delay=1.0 if progress is None else 0.0,
        leave=progress is True,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} ms [{elapsed}<{remaining}]",
    )
