"""From what Julia recorded to an ``xarray.Dataset``, and to files and back. Read ``accessor.py`` for ``ds.spk``."""

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray
from numpy.typing import NDArray

from . import accessor as accessor  # registers ds.spk
from ._version import __version__
from .network import Network
from .parameters import file_path, shown
from .projections import network_weights

if TYPE_CHECKING:
    from .run import Run

ATTRIBUTE = "pyspikenet"
STATE = "state"  # attribute of a variable that is part of the final state: its name in SpikeCore


class Recording:
    """Collects what the pieces of a run recorded."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.n_steps = 0
        self._step = run.first_step - run.warm_up
        self._steps: list[list[NDArray[np.int64]]] = [[] for _ in run.trials]
        self._neurons: list[list[NDArray[np.int32]]] = [[] for _ in run.trials]
        self._weights: dict[int, list[NDArray[Any]]] = {
            k: [] for k, p in enumerate(run.projections) if p.has_changing_weights and "weight" in run.record
        }
        self._states: dict[str, list[NDArray[Any]]] = {
            name: [] for name in run.record if name in run.model.recordable()
        }

    def add(self, recorded: dict[str, NDArray[Any]], done: int, skipped: int) -> None:
        """Adds a piece of `done` steps, of which the first `skipped` are not to be kept."""
        first = self.run.first_step + self.n_steps
        pointer = recorded["trial_pointer"]
        for j in range(self.run.trials.size):
            step = recorded["spike_step"][pointer[j] : pointer[j + 1]]
            neuron = recorded["spike_neuron"][pointer[j] : pointer[j + 1]]
            if skipped:
                keep = step >= first
                step, neuron = step[keep], neuron[keep]
            self._steps[j].append(step)
            self._neurons[j].append(neuron)
        every, begin = self.run.record_every, self._step
        unwanted = (begin + skipped) // every - begin // every
        for name, pieces in self._states.items():
            if done > skipped:
                pieces.append(recorded[f"record.{name}"][:, unwanted:])
        for k, pieces in self._weights.items():
            if done > skipped:
                pieces.append(recorded[f"weight.{k + 1}"][:, unwanted:])
        self.n_steps += done - skipped
        self._step += done

    def spikes(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
        """Step, neuron and trial of every spike, sorted by trial, step and neuron."""
        counts = [sum(map(len, pieces)) for pieces in self._steps]
        step = np.concatenate([np.empty(0, np.int64), *(x for pieces in self._steps for x in pieces)])
        neuron = np.concatenate([np.empty(0, np.int32), *(x for pieces in self._neurons for x in pieces)])
        return step, neuron, np.repeat(self.run.trials, counts)

    def states(self) -> dict[str, NDArray[Any]]:
        """What was recorded, as (trial, time, neuron)."""
        chosen = self.run.record_neurons
        n = self.run.network.n if chosen is None else chosen.size
        return {
            name: np.concatenate(pieces, axis=1) if pieces else np.empty((self.run.trials.size, 0, n))
            for name, pieces in self._states.items()
        }

    def weights(self) -> NDArray[Any] | None:
        """Weights as (trial, time, synapse) in the order of the network, where they were recorded."""
        if not self._weights or not all(self._weights.values()):
            return None
        pieces = {k: np.concatenate(found, axis=1) for k, found in self._weights.items()}
        return network_weights(self.run.projections, self.run.network, pieces)

    def sample_steps(self) -> NDArray[np.int64]:
        """The steps at whose end samples were taken."""
        every, first = self.run.record_every, self.run.first_step
        return np.arange(first // every + 1, (first + self.n_steps) // every + 1) * every - 1


def build(run: "Run", recording: Recording, state: dict[str, NDArray[Any]] | None, interrupted: bool) -> xarray.Dataset:
    """The dataset of a run."""
    dt, network = run.dt, run.network
    step, neuron, trial = recording.spikes()
    ms = {"units": "ms"}
    coords: dict[str, Any] = {
        "neuron": ("neuron", np.arange(network.n) if network.labels is None else network.labels),
        "trial": ("trial", run.trials),
    }
    for name, who in network.groups.items():
        member = np.zeros(network.n, bool)
        member[who] = True
        coords[f"group_{name}"] = ("neuron", member, {"long_name": f"whether the neuron is in the group {name}"})
    if network.network is not None:
        coords["network"] = ("neuron", network.network, {"long_name": "network that the neuron came from"})
    variables: dict[str, Any] = {
        "spike_time": ("spike", (step + 1) * dt, ms | {"long_name": "end of the step in which the spike fell"}),
        "spike_neuron": ("spike", neuron, {"long_name": "position of the neuron along the dimension neuron"}),
        "spike_trial": ("spike", trial, {"long_name": "number of the trial"}),
    }
    states, known = recording.states(), run.model.recordable()
    state, final_weight = _split_weights(run, state or {})
    weights = recording.weights()
    if states or weights is not None:
        coords["time"] = ("time", (recording.sample_steps() + 1) * dt, ms)
        if run.record_neurons is not None:
            coords["recorded_neuron"] = ("recorded_neuron", coords["neuron"][1][run.record_neurons])
    for name, values in states.items():
        variables[name] = (
            ("trial", "time", "neuron" if run.record_neurons is None else "recorded_neuron"),
            values,
            known[name],
        )
    for name, dims, synaptic in (
        ("weight", ("trial", "time", "synapse"), weights),
        ("final_weight", ("trial", "synapse"), final_weight),
    ):
        if synaptic is not None:
            variables[name] = (dims, synaptic, {"long_name": "weights in the order of the network's synapses"})
    if final_weight is not None:
        variables["final_weight"][2][STATE] = "weight"
        pre = np.repeat(np.arange(network.n), np.diff(network.offset))
        coords["synapse_pre"] = ("synapse", pre, {"long_name": "position of the neuron before the synapse"})
        coords["synapse_post"] = ("synapse", network.target, {"long_name": "position of the neuron after the synapse"})
    for name, values in state.items():
        variable = "final_" + name.replace(".", "_")
        if name == "mean_rate":
            mean = values / recording.n_steps
            variables[name] = (("trial", "neuron"), mean, {"units": "Hz", "long_name": "expected rate, mean over time"})
        else:
            about_state = {"long_name": "state at the end", **known.get(name, {}), STATE: name}
            dims = ("trial", "neuron") if values.ndim == 2 else ("trial", f"slot_{variable}", "neuron")
            variables[variable] = (dims, values, about_state)
    about = {
        "version": __version__,
        "model": run.model.to_dict(),
        "network": {"n": network.n, "n_synapses": network.n_synapses, "sha256": network.hash()},
        "stimulus": [part.to_dict() for part in run.stimulus],
        "dt": dt,
        "t_start": run.first_step * dt,
        "t_stop": (run.first_step + recording.n_steps) * dt,
        "first_step": run.first_step,
        "n_steps": recording.n_steps,
        "equilibration": run.warm_up * dt,
        "trials": run.trials.tolist(),
        "seed": run.seed,
        "dtype": run.dtype,
        "record": list(run.record),
        "plasticity": [[rule.to_dict() for rule in p.rules] for p in run.projections if p.rules],
        "interrupted": interrupted,
    }
    attrs = {ATTRIBUTE: json.dumps(about), "interrupted": int(interrupted)}
    return xarray.Dataset(variables, coords, attrs)


def _split_weights(run: "Run", state: dict[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], NDArray[Any] | None]:
    """The final state without weights, and the weights in the order of the network."""
    pieces = {
        k: state[f"plastic.{k + 1}.weight"] for k, p in enumerate(run.projections) if f"plastic.{k + 1}.weight" in state
    }
    rest = {name: x for name, x in state.items() if not (name.startswith("plastic.") and name.endswith(".weight"))}
    return rest, network_weights(run.projections, run.network, pieces) if pieces else None


def provenance(dataset: xarray.Dataset, name: str = "dataset") -> dict[str, Any]:
    """All that is needed to run a dataset again: model, network hash, stimulus, seed, dt, versions."""
    if not isinstance(dataset, xarray.Dataset):
        raise TypeError(f"{name} must be an xarray.Dataset made by pyspikenet, got {shown(dataset)}")
    if ATTRIBUTE not in dataset.attrs:
        raise ValueError(
            f"{name} must be an xarray.Dataset made by pyspikenet, got one without the attribute {ATTRIBUTE!r}, with"
            f" variables {[str(key) for key in dataset.data_vars]}"
        )
    return dict(json.loads(dataset.attrs[ATTRIBUTE]))


def saved_state(
    dataset: xarray.Dataset, model: str, network: Network, trials: NDArray[np.int64], dtype: str
) -> tuple[int, dict[str, NDArray[Any]]]:
    """The next step, and the final state of a dataset, checked against the run that is to go on from it."""
    about = provenance(dataset)
    if about["model"]["class"] != model:
        raise ValueError(f"initial_state must come from a {model}, got a dataset of a {about['model']['class']}")
    if about["network"].get("sha256") != network.hash():
        known, own = about["network"], (network.n, network.n_synapses)
        raise ValueError(
            f"initial_state must come from the same network (n = {own[0]}, {own[1]} synapses, sha256"
            f" {network.hash()[:8]}), got a dataset of another one (n = {known['n']}, {known.get('n_synapses', '?')}"
            f" synapses, sha256 {str(known.get('sha256', '?'))[:8]})"
        )
    if about["trials"] != trials.tolist():
        raise ValueError(f"initial_state must have the trials {trials.tolist()}, got {about['trials']}")
    if about["dtype"] != dtype:
        raise ValueError(f"dtype must be that of the dataset given as initial_state, {about['dtype']}, got {dtype}")
    state = {
        str(variable.attrs[STATE]): np.ascontiguousarray(variable.values)
        for variable in dataset.data_vars.values()
        if STATE in variable.attrs
    }
    if not state:
        raise ValueError(
            "initial_state must hold a final state, got a dataset without variables final_...: its run was"
            " interrupted in the middle of a piece, or they were dropped"
        )
    return int(about["first_step"] + about["n_steps"]), state


def save(dataset: xarray.Dataset, path: str | os.PathLike[str]) -> None:
    """Writes a dataset to a netCDF file (``.nc``) or a Zarr store (``.zarr``), without loss.

    The file is complete or not there: it is written beside its place and then moved.

    Parameters
    ----------
    dataset : xarray.Dataset
        What :func:`simulate` or :func:`drive` returned.
    path : str or Path
        Where to write.

    Raises
    ------
    ValueError
        For another ending, or a dataset without provenance.
    """
    target = file_path(path)
    provenance(dataset)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path must lie in a folder that exists, got {str(path)!r}")
    if target.suffix == ".zarr":
        try:
            import zarr  # noqa: F401
        except ImportError:
            raise ImportError("Zarr stores need the package zarr; install pyspikenet[zarr]") from None
        # Version 2 of the format has a specification for text of fixed length, version 3 none yet.
        dataset.to_zarr(target, mode="w", zarr_format=2, consolidated=True)
    elif target.suffix == ".nc":
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        try:
            dataset.to_netcdf(partial, engine="h5netcdf", encoding=_compressed(dataset))
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
    else:
        raise ValueError(f"path must end in .nc or .zarr, got {str(path)!r}")


def _compressed(dataset: xarray.Dataset) -> dict[Any, dict[str, Any]]:
    return {
        name: {"zlib": True, "complevel": 1}
        for name, variable in dataset.variables.items()
        if variable.dtype.kind in "iuf" and variable.size > 1000
    }


def load(path: str | os.PathLike[str]) -> xarray.Dataset:
    """Reads a dataset that :func:`save` wrote, into memory.

    Parameters
    ----------
    path : str or Path
        Where it is.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError
        If it is not a dataset of pyspikenet.
    """
    source = file_path(path)
    if source.suffix not in (".nc", ".zarr"):
        raise ValueError(f"path must end in .nc or .zarr, got {str(path)!r}")
    if not source.exists():
        raise FileNotFoundError(f"path must be that of a dataset, got {str(path)!r}, where nothing is")
    engine = "zarr" if source.suffix == ".zarr" else "h5netcdf"
    try:
        with xarray.open_dataset(source, engine=engine) as dataset:
            loaded = dataset.load()
    except (OSError, KeyError, ValueError) as problem:
        raise ValueError(
            f"path must be that of a dataset written by save(), got {str(path)!r}, which cannot be read: {problem}"
        ) from problem
    provenance(loaded, f"the dataset at path {str(path)!r}")
    return loaded
