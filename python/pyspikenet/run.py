"""A run: model, network, stimulus and settings checked against each other, and as Julia is told of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import projections as wiring
from .engine.session import Session
from .limits import available_memory, check_memory
from .models.base import Model
from .models.membrane import MembraneModel
from .models.rectified_sam import ActivationModel
from .network import Network
from .parameters import as_array, float_dtype, number, numbers, seed_number, shown, steps, whole_number
from .stimulus import NoiseCurrent, PoissonInput, SpikeStimulus, Stimulus, stimulus_parts

MOST_TRIALS = 2**32
MOST_REFRACTORY = 2**30
# The last one is for tests: one lane after the other, on any Julia.
DEVICES = ("cpu", "cuda", "kernels", "serial")


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
class GivenState:
    """Variables of a membrane, one array (neuron,) or (trial, neuron) each, from which a run begins in `first_step`."""

    first_step: int
    values: dict[str, NDArray[Any]]


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
    record_every: int
    record_neurons: NDArray[np.int64] | None
    projections: list[wiring.Projection]
    dtype: str
    params: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def session(self) -> Session:
        recorded = self.network.n if self.record_neurons is None else self.record_neurons.size
        values = len(set(self.record) & set(self.model.recordable())) * recorded * self.trials.size
        if "weight" in self.record:
            values += sum(p.size for p in self.projections if p.has_changing_weights) * self.trials.size
        return Session(
            self.params,
            self.arrays,
            work_per_step=self.network.n * self.trials.size,
            bytes_per_step=-(-values * np.dtype(self.dtype).itemsize // self.record_every),
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
    record_neurons: Any = None,
    record_every: float | None = None,
    plasticity: Any = None,
    equilibration: float = 0.0,
    initial_state: Any = None,
    dtype: str = "float64",
    threads: int | None = None,
    device: str = "cpu",
    given: list[GivenSpikes] | None = None,
) -> Run:
    """Checks everything against everything; what it returns is valid."""
    check_pieces(model, network)
    step_length = step_length_of(model, dt, initial_state, "initial_state")
    n_steps = steps("duration", duration, step_length, minimum=1)
    warm_up = steps("equilibration", equilibration, step_length)
    trial_ids = _trials(trials)
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
    seed = seed_number("seed", seed)
    projections = wiring.build(model, network, step_length, plasticity)
    n_plastic = sum(p.size for p in projections if p.has_changing_weights)
    wanted = _record(record, model, n_plastic)
    chosen = None if record_neurons is None else np.unique(network.positions(record_neurons, "record_neurons"))
    if chosen is not None and chosen.size == 0:
        raise ValueError(f"record_neurons must hold at least one neuron, got {shown(record_neurons)}")
    every = 1 if record_every is None else steps("record_every", record_every, step_length, minimum=1)
    dtype = float_dtype(dtype).name
    parts = stimulus_parts(stimulus)

    n_recorded = network.n if chosen is None else chosen.size
    per_sample = n_recorded * len(set(wanted) & set(model.recordable())) + n_plastic * ("weight" in wanted)
    samples = -(-n_steps // every) * per_sample
    _check_memory(model, network, step_length, n_steps, trial_ids.size, samples + n_plastic, dtype)
    model_params, model_arrays = model.to_wire(step_length)
    params: dict[str, Any] = {
        "n": network.n,
        "dt": step_length,
        "dtype": dtype,
        "seed": seed,
        "model": model_params,
        "projections": [p.params for p in projections],
        "record": list(wanted),
        "record_every": every,
        "threads": _threads(threads),
        "initial": "random" if warm_up else "rest",
    }
    if device_name(device) != "cpu":
        params["device"] = device
        if plasticity is not None:
            raise ValueError(f"device must be 'cpu' for a network with plasticity, got {device!r}")
    arrays: dict[str, NDArray[Any]] = {"trials": trial_ids}
    for j, projection in enumerate(projections, 1):
        arrays |= {f"projection.{j}.{name}": array for name, array in projection.arrays.items()}
    if chosen is not None:
        arrays["record_neurons"] = chosen
    arrays |= {f"model.{name}": array for name, array in model_arrays.items()}

    first_step = -warm_up
    history: list[GivenSpikes] | None = None
    if initial_state is not None:
        if warm_up:
            raise ValueError(f"equilibration must be 0 with an initial_state, got {equilibration} ms")
        first_step, history = _initial_state(
            initial_state, model, network, trial_ids, step_length, projections, params, arrays
        )
        if params["initial"] == "saved":
            _check_saved_noises(parts, arrays)
    if given is not None and history is not None:
        raise ValueError("initial_state must not hold spikes where spikes are given")
    clamped = given if given is not None else history
    if clamped is not None:
        if "device" in params:
            raise ValueError(f"device must be 'cpu' where spikes are given, got {device!r}")
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
        every, chosen, projections, dtype, params, arrays,
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
    ways = model.all_receptors() if isinstance(model, MembraneModel) else channels
    number_of = {name: j for j, name in enumerate(ways, 1)}
    params["channels"] = []
    for name, kernel in channels.items():
        numbers_of_kernel, arrays_of_kernel = kernel.to_wire("kernel", dt)
        params["channels"].append(numbers_of_kernel)
        arrays |= {f"channel.{number_of[name]}.{key}": x for key, x in arrays_of_kernel.items()}
    params["stimuli"] = []
    for j, part in enumerate(parts, 1):
        entry, own = part.to_wire(network, dt, end, trials)
        if isinstance(model, MembraneModel):
            entry["channel"] = _receptor_of(part, model, entry, own)
            if entry["channel"] == 0 and not model.takes_current:
                raise ValueError(
                    f"stimulus must act through a receptor, channel={shown(list(number_of))}, where the equations do"
                    f" not use the current I, got {type(part).__name__}(channel={part.channel!r})"
                )
        elif part.channel is not None:
            if part.channel not in number_of:
                known = ", ".join(map(repr, number_of)) or "none"
                raise ValueError(f"channel must be a stimulus kernel of the model ({known}), got {shown(part.channel)}")
            entry["channel"] = number_of[part.channel]
        params["stimuli"].append(entry)
        arrays |= {f"stimulus.{j}.{key}": x for key, x in own.items()}


def _receptor_of(part: Stimulus, model: MembraneModel, entry: dict[str, Any], own: dict[str, NDArray[Any]]) -> int:
    """Number of the receptor that a stimulus acts through; 0: it is a current. Conductances are made positive."""
    receptors = model.all_receptors()
    names = list(receptors)
    if part.channel is not None:
        if part.channel == "current":
            return 0
        if part.channel not in names:
            known = ", ".join(map(repr, ["current", *names]))
            raise ValueError(
                f"channel must be 'current' or a receptor of the model ({known}), got {shown(part.channel)}"
            )
    if not isinstance(part, SpikeStimulus | PoissonInput) or not names:
        return 0 if part.channel is None else names.index(part.channel) + 1
    name = "weight" if isinstance(part, SpikeStimulus) else "strength"
    argument = f"{'strength' if name == 'weight' else 'weight'} of a {type(part).__name__}"
    weights = own[name] if name in own else np.asarray(entry.get(name, 1.0))
    lowest = float(weights.min()) if weights.size else 0.0
    if part.channel is not None or len(names) == 1 or lowest >= 0:
        chosen = names[0] if part.channel is None else part.channel
        if lowest < 0 and receptors[chosen].is_conductance:
            raise ValueError(
                f"{argument} must not be negative at the receptor {chosen!r}, whose reversal potential makes it a"
                f" conductance, got {lowest}"
            )
        return names.index(chosen) + 1
    if len(names) > 2:
        raise ValueError(
            f"{argument} must not be negative where a model has the receptors {names} and channel= names none of them,"
            f" got {lowest}"
        )
    if weights.max() > 0:
        raise ValueError(
            f"{argument} must have one sign, got numbers from {lowest} to {weights.max()}; make two of them, or give"
            " channel="
        )
    if receptors[names[1]].is_conductance:
        if name in own:
            own[name] = np.abs(weights)
        else:
            entry[name] = float(-weights)
    return 2


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
    if network.receptor is not None and not isinstance(model, MembraneModel):
        name = type(model).__name__
        raise ValueError(
            f"network must have no receptors for a {name}, got synapses with receptors {network.receptors}"
        )


def step_length_of(model: Model, dt: float | None, earlier: Any, name: str) -> float:
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


def _record(record: Any, model: Model, n_plastic: int) -> tuple[str, ...]:
    known = (*model.recordable(), *(("weight",) if n_plastic else ()))
    if not isinstance(record, str | Iterable):
        raise TypeError(f"record must be a name or several of {known}, got {shown(record)}")
    names = (record,) if isinstance(record, str) else tuple(record)
    for name in names:
        if not isinstance(name, str) or (name not in known and (name != "mean_rate" or "rate" not in known)):
            raise ValueError(f"record must be from {known}, got {shown(name)}")
    return tuple(dict.fromkeys(names))


def device_name(device: Any) -> str:
    """A device by name; whether it can be used is known to Julia only."""
    if device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(map(repr, DEVICES[:-1]))}, got {shown(device)}")
    return str(device)


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
    projections: list[wiring.Projection],
    params: dict[str, Any],
    arrays: dict[str, NDArray[Any]],
) -> tuple[int, list[GivenSpikes] | None]:
    """Puts the state into `params` and `arrays`; returns the first step, and spikes that come before it."""
    from_dataset = hasattr(given, "data_vars")  # which is a Mapping, too
    if isinstance(model, MembraneModel) and isinstance(given, Mapping) and not from_dataset:
        given = GivenState(0, membrane_state("initial_state", given, model, network.n, trials.size))
    if isinstance(given, GivenState):
        params["initial"] = "given"
        arrays |= {f"state.{name}": x for name, x in given.values.items()}
        return given.first_step, None
    if from_dataset:
        from .dataset import saved_state

        first_step, state = saved_state(given, type(model).__name__, network, trials, params["dtype"])
        if isinstance(model, MembraneModel):
            _check_saved_variables(model, state)
        params["initial"] = "saved"
        weights = state.pop("weight", None)
        for j, projection in enumerate(projections, 1):
            if projection.has_changing_weights and weights is not None:
                state[f"plastic.{j}.weight"] = wiring.projection_weights(projection, weights)
        arrays |= {f"state.{name}": x for name, x in state.items()}
        return first_step, None
    if isinstance(model, MembraneModel):
        known = (*model.state(), "refractory")
        raise TypeError(f"initial_state must be a dataset or a dict of values of {known}, got {shown(given)}")
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
    counts = spike_counts("initial_state['spikes']", given["spikes"], network.n)
    if counts.shape[0] not in (1, trials.size):
        raise ValueError(
            f"initial_state['spikes'] must have one trial or as many as the run ({trials.size}), got shape"
            f" {counts.shape}"
        )
    latest_last = [GivenSpikes.from_counts(x[::-1]) for x in counts]
    return 0, latest_last * trials.size if len(latest_last) == 1 else latest_last


def _check_saved_variables(model: MembraneModel, state: dict[str, NDArray[Any]]) -> None:
    """ValueError if a saved state is that of a model with other receptors."""
    own = set(model.state())
    saved = {name for name in state if name in own or name[:2] in ("g_", "x_")}
    if saved != own:
        raise ValueError(
            f"initial_state must hold the variables {sorted(own)} of the model and its receptors, got a dataset with"
            f" {sorted(saved)}"
        )


def _check_saved_noises(parts: list[Stimulus], arrays: dict[str, NDArray[Any]]) -> None:
    """ValueError if a saved state lacks that of a noise."""
    needed = sum(isinstance(part, NoiseCurrent) for part in parts)
    saved = sum(name.startswith("state.noise.") for name in arrays)
    if needed > saved:
        raise ValueError(
            f"stimulus must not have more NoiseCurrents than that of the dataset given as initial_state ({saved}),"
            f" whose state goes on, got {needed}; one that begins later has a start="
        )


def membrane_state(
    name: str, given: Mapping[str, ArrayLike], model: MembraneModel, n: int, trials: int
) -> dict[str, NDArray[Any]]:
    """Values of state variables and of ``refractory`` as (trial or 1, neuron), or the error that names the bad one."""
    known = (*model.state(), "refractory")
    found: dict[str, NDArray[Any]] = {}
    for key, values in given.items():
        if key not in known:
            raise ValueError(f"{name} must hold values of {known}, got {shown(key)}")
        array = numbers(f"{name}[{key!r}]", values, "any" if key != "refractory" else "nonnegative", each="neuron")
        if array.shape not in ((), (n,), (1, n), (trials, n)):
            raise ValueError(
                f"{name}[{key!r}] must be one number or have shape ({n},) or ({trials}, {n}), got {array.shape}"
            )
        if key == "refractory" and not (np.all(array % 1 == 0) and array.max() < MOST_REFRACTORY):
            raise ValueError(
                f"{name}['refractory'] must be whole numbers of steps below 2**30, got {shown(np.asarray(values))}"
            )
        found[key] = np.array(np.broadcast_to(array, (n,) if array.ndim < 2 else array.shape)).reshape(-1, n)
    return found


def spike_counts(name: str, values: ArrayLike, n: int) -> NDArray[np.int64]:
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


def given_counts(spikes: Any, network: Network, dt: float) -> tuple[list[GivenSpikes], NDArray[np.int64], int | None]:
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
    counts = spike_counts("spikes", spikes, network.n)
    return [GivenSpikes.from_counts(x) for x in counts], np.arange(counts.shape[0], dtype=np.int64), None


def _check_memory(
    model: Model, network: Network, dt: float, n_steps: int, trials: int, samples: int, dtype: str
) -> None:
    size = np.dtype(dtype).itemsize
    delay, delays = network.delay_steps(dt)
    longest = delay if delays is None or not delays.size else int(delays.max())
    state = network.n * trials * (size * (12 + longest + model.memory_steps(dt)) + 64)
    recorded = samples * trials * size
    available = available_memory()
    # What is recorded passes through a piece at a time; it exists twice while the dataset is put together.
    if state + 2 * recorded > available:
        raise ValueError(
            f"duration, trials and record must be small enough for the available memory of {available / 2**30:.1f} GiB,"
            f" got {n_steps} steps x {network.n} neurons x {trials} trials, which need about"
            f" {(state + 2 * recorded) / 2**30:.3g} GiB; record less, run fewer trials at once, or go on from the final"
            " state in several runs"
        )
