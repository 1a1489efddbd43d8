"""What is free in a fit: parameters by name, where they stand, and how a model is put together from new values."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.base import Model
from ..models.equations import Equations
from ..models.membrane import MembraneModel
from ..network import Network
from ..parameters import shown
from ..projections import by_receptor
from ..receptors import AlphaSynapse
from ..run import Run
from ..stimulus import SpikeStimulus, Stimulus, StimulusSum

Floats = NDArray[np.float64]
# What comes in whole numbers of steps, or draws, has no derivative.
WHOLE_STEPS = {"refractory_period", "rho_reset", "coupling_window", "abs_ref_scale", "rel_ref_scale", "history", "rho"}
SCALE = "weight_scale"  # what all weights, or with a dot those of a receptor, are multiplied with
EDGES = {"positive": (1e-9, np.inf), "nonnegative": (0.0, np.inf), "probability": (0.0, 1.0)}


@dataclasses.dataclass(frozen=True)
class Pieces:
    """A model, a network and a stimulus."""

    model: Model
    network: Network
    stimulus: Stimulus | StimulusSum | None
    initial: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Slot:
    """A piece of a parameter as SpikeCore knows it: its numbers are ``sign * value[chosen]``."""

    params: dict[str, Any]
    chosen: Any
    sign: float


@dataclasses.dataclass(frozen=True)
class Free:
    """A free parameter: its name, its start value (a number or an array), its edges and its slots."""

    name: str
    value: Floats
    low: float
    high: float
    unit: str
    slots: tuple[Slot, ...]
    may_differ: bool = True  # whether each neuron or synapse may have a value of its own

    def wire(self) -> list[dict[str, Any]]:
        """What the slots are, for a population of candidates."""
        return [
            {
                "kind": slot.params["kind"],
                "names": slot.params["names"] or [self.name.split(".")[-1]],
                "index": slot.params.get("stimulus", slot.params["index"]),
            }
            for slot in self.slots
        ]

    def to_slots(self, value: Floats) -> list[Floats]:
        """The numbers of each slot."""
        flat = value.reshape(-1)
        return [np.ascontiguousarray(slot.sign * flat[slot.chosen]) for slot in self.slots]

    def from_slots(self, numbers: list[Floats]) -> Floats:
        """The parameter's value from those of its slots."""
        flat = self.value.reshape(-1).copy()
        for slot, own in zip(self.slots, numbers, strict=True):
            flat[slot.chosen] = slot.sign * own
        return flat.reshape(self.value.shape)


def free_parameters(names: Any, run: Run, differentiable: bool = True) -> list[Free]:
    """The parameters of these names, or the error that names the unknown one.

    Where they need not be differentiable, whole numbers of steps and the times of stimuli can be free, too.
    """
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, Iterable):
        raise TypeError(f"free must be names of parameters, got {shown(names)}")
    found = list(names)
    if not found or len(set(map(str, found))) != len(found):
        raise ValueError(f"free must name at least one parameter, each once, got {shown(found)}")
    return [_free(name, run, differentiable) for name in found]


def _free(name: Any, run: Run, differentiable: bool) -> Free:
    if not isinstance(name, str):
        raise TypeError(f"free must be names of parameters, got {shown(name)}")
    if name == "weight":
        return _weights(run)
    if name.split(".")[0] == SCALE and not differentiable:
        return _weight_scale(name, run)
    if name.startswith("stimulus."):
        return _of_stimulus(name, run, differentiable)
    if name.startswith("initial_state."):
        return _initial(name, run)
    if isinstance(run.model, Equations):
        return _of_equations(name, run.model)
    if name.startswith("receptors."):
        return _of_receptor(name, run.model)
    return _of_model(name, run.model, differentiable)


def known_names(run: Run) -> list[str]:
    """Names that can be free."""
    model = run.model
    names = [*(model.system.parameters if isinstance(model, Equations) else model.units()), "weight"]
    names = [name for name in names if name not in WHOLE_STEPS]
    if isinstance(model, MembraneModel):
        names += [f"initial_state.{name}" for name in model.state()]
        if not isinstance(model, Equations):
            names += [f"receptors.{r}.{x}" for r, receptor in model.all_receptors().items() for x in receptor.units()]
    return [*names, "stimulus.strength"]


def _unknown(name: str, run: Run | None, model: Model) -> ValueError:
    names = known_names(run) if run is not None else list(model.units())
    return ValueError(f"free must be from {', '.join(names)}, got {name!r}")


def _slot(kind: str, names: list[str], index: int = 0, sign: float = 1.0, chosen: Any = ..., **more: Any) -> Slot:
    return Slot({"kind": kind, "names": names, "index": index, **more}, chosen, sign)


def _weights(run: Run) -> Free:
    if run.network.n_synapses == 0:
        raise ValueError("free must not name 'weight' where the network has no synapses")
    slots = []
    for k, projection in enumerate(run.projections, 1):
        chosen = ... if projection.chosen is None else projection.chosen
        slots.append(_slot("weight", [], k, -1.0 if projection.flipped else 1.0, chosen))
    by_sign = any(projection.flipped for projection in run.projections) or len(run.projections) > 1
    unit = _weight_unit(run.model)
    return Free("weight", run.network.weight.astype(float), -np.inf, np.inf, unit, tuple(slots), not by_sign)


def _weight_scale(name: str, run: Run) -> Free:
    """What the weights of a receptor, or all of them, are multiplied with: 1 is as they are."""
    names = list(run.model.all_receptors()) if isinstance(run.model, MembraneModel) else []
    slots = []
    for k, projection in enumerate(run.projections, 1):
        own = names[projection.receptor] if names else None
        if name == SCALE or name == f"{SCALE}.{own}":
            slots.append(_slot(SCALE, ["weight"], k))
    if not slots:
        known = [SCALE, *(f"{SCALE}.{names[p.receptor]}" for p in run.projections if names)]
        raise ValueError(f"free must name weights that the network has, {', '.join(known)}, got {name!r}")
    return Free(name, np.array(1.0), 0.0, np.inf, "1", tuple(slots))


def _scaled(network: Network, model: Model, name: str, factor: Floats) -> Network:
    weight = network.weight.astype(float)
    names = list(model.all_receptors()) if isinstance(model, MembraneModel) else [""]
    parts = by_receptor(model, network) if isinstance(model, MembraneModel) else [(0, None)]
    for receptor, chosen in parts:
        if name in (SCALE, f"{SCALE}.{names[receptor]}"):
            weight[... if chosen is None else chosen] *= factor
    return network.with_weights(weight)


def _weight_unit(model: Model) -> str:
    if not isinstance(model, MembraneModel):
        return "1"
    conductance = any(r.is_conductance for r in model.all_receptors().values())
    return model.conductance_unit if conductance else model.current_unit


def _of_model(name: str, model: Model, differentiable: bool) -> Free:
    units = model.units()
    value = getattr(model, name, None) if name in units else None
    if value is None or (differentiable and name in WHOLE_STEPS):
        raise _unknown(name, None, model)
    field = type(model).__dataclass_fields__[name]  # type: ignore[attr-defined]
    low, high = EDGES.get(field.metadata["range"], (-np.inf, np.inf))
    slot = _slot("model", _wire_names(name, model))
    return Free(name, np.array(value, float), low, high, units[name], (slot,), bool(field.metadata["varies"]))


def _wire_names(name: str, model: Model) -> list[str]:
    """What SpikeCore calls a parameter: time constants of the default receptors have fields of their own."""
    if name.startswith("tau_syn_") and isinstance(model, MembraneModel) and getattr(model, "receptors", None) is None:
        receptor = name.removeprefix("tau_syn_")
        names = list(model.all_receptors())
        if receptor in names:
            return [f"receptor.{names.index(receptor) + 1}.tau"]
    return [name]


def _of_receptor(name: str, model: Model) -> Free:
    _, *middle, field = name.split(".")
    receptors = model.all_receptors() if isinstance(model, MembraneModel) else {}
    if len(middle) != 1 or middle[0] not in receptors or field not in receptors[middle[0]].units():
        raise _unknown(name, None, model)
    receptor = receptors[middle[0]]
    value = getattr(receptor, field)
    if value is None:
        raise ValueError(f"free must not name {name!r}, which is None")
    j = list(receptors).index(middle[0]) + 1
    names = [f"receptor.{j}.{field}"]
    if isinstance(receptor, AlphaSynapse) and field == "tau":
        names = [f"receptor.{j}.tau_rise", f"receptor.{j}.tau_decay"]
    meta = type(receptor).__dataclass_fields__[field].metadata  # type: ignore[attr-defined]
    low, high = EDGES.get(meta["range"], (-np.inf, np.inf))
    return Free(name, np.array(value, float), low, high, meta["unit"], (_slot("model", names),))


def _of_equations(name: str, model: Equations) -> Free:
    parameters = model.system.parameters
    if name not in parameters:
        raise ValueError(f"free must be from {', '.join([*parameters, 'weight'])}, got {name!r}")
    value = np.array(parameters[name].value, float)
    return Free(name, value, -np.inf, np.inf, parameters[name].unit, (_slot("model", [f"parameter.{name}"]),))


def _initial(name: str, run: Run) -> Free:
    """A free initial state; where it begins SpikeCore knows."""
    variable = name.removeprefix("initial_state.")
    model = run.model
    if not isinstance(model, MembraneModel) or variable not in model.state():
        raise _unknown(name, run, model)
    index = list(model.state()).index(variable) + 1
    value = np.zeros(run.network.n)
    return Free(name, value, -np.inf, np.inf, model.state()[variable]["units"], (_slot("initial", [], index),))


GROUPS = {"table": "tables", "spikes": "spikes", "poisson": "poisson", "noise": "noises"}
FIELDS = {"amplitude": "strength", "sigma": "strength"}


def _of_stimulus(name: str, run: Run, differentiable: bool) -> Free:
    if not run.stimulus:
        raise ValueError(f"free must not name {name!r} where there is no stimulus")
    _, *middle, field = name.split(".")
    if not middle and len(run.stimulus) == 1:
        number = 0
    elif len(middle) == 1 and middle[0].isdigit() and int(middle[0]) < len(run.stimulus):
        number = int(middle[0])
    else:
        raise ValueError(f"free must name one of {len(run.stimulus)} stimuli, as 'stimulus.0.{field}', got {name!r}")
    part = run.stimulus[number]
    kinds = [entry["kind"] for entry in run.params["stimuli"]]
    group = GROUPS.get(kinds[number], "waves")
    index = sum(GROUPS.get(kind, "waves") == group for kind in kinds[: number + 1])
    known = {"strength", "amplitude", "sigma", "weight", "rate"} & set(part.units())
    if group == "tables":
        known.add("data")
    if not differentiable and field not in known and field in part.units() and getattr(part, field) is not None:
        meta = type(part).__dataclass_fields__[field].metadata  # type: ignore[attr-defined]
        low, high = EDGES.get(meta["range"], (-np.inf, np.inf))
        return Free(name, np.array(getattr(part, field), float), low, high, meta["unit"], (), False)
    if field not in known:
        raise ValueError(f"free must name one of {sorted(known)} of a {type(part).__name__}, got {name!r}")
    if part.channel is not None and not isinstance(run.model, MembraneModel):
        raise ValueError(f"free must not name {name!r} of a stimulus that passes through a kernel, {part.channel!r}")
    value: Floats = np.array(getattr(part, field), float)
    wire = {"strength": "strength", "weight": "strength", "rate": "rate", "data": "data"}[FIELDS.get(field, field)]
    chosen: Any = ...
    if field == "data" and part.targets is not None:
        raise ValueError(f"free must not name {name!r} of a stimulus with targets, got targets={shown(part.targets)}")
    if value.ndim and field != "data":
        if isinstance(part, SpikeStimulus):
            raise ValueError(f"free must not name {name!r} where strength differs between spikes")
        if part.targets is not None:
            chosen = np.unique(run.network.positions(part.targets), return_index=True)[1]
    meta = type(part).__dataclass_fields__.get(field)  # type: ignore[attr-defined]
    bounds = EDGES.get(meta.metadata.get("range", "any") if meta else "any", (-np.inf, np.inf))
    if isinstance(part, SpikeStimulus):
        wire, chosen = "weight", np.zeros(run.arrays[f"stimulus.{number + 1}.weight"].size, int)
    slot = _slot("stimulus", [wire], index, chosen=chosen, group=group, stimulus=number + 1)
    return Free(name, value, *bounds, meta.metadata.get("unit", "1") if meta else "1", (slot,))


# ---- new values -----------------------------------------------------------------------------------------------------


def with_values(pieces: Pieces, values: dict[str, Floats]) -> Pieces:
    """The pieces with new values of free parameters; what was not free is the same object."""
    model, network, stimulus, initial = pieces.model, pieces.network, pieces.stimulus, dict(pieces.initial)
    own: dict[str, Any] = {}
    receptors = dict(model.all_receptors()) if isinstance(model, MembraneModel) else {}
    changed_receptors = False
    for name, value in values.items():
        plain = float(value) if value.ndim == 0 else value
        if name == "weight":
            network = network.with_weights(value)
        elif name.split(".")[0] == SCALE:
            network = _scaled(network, model, name, value)
        elif name.startswith("stimulus."):
            stimulus = _new_stimulus(stimulus, name, plain)
        elif name.startswith("initial_state."):
            initial[name.removeprefix("initial_state.")] = value
        elif name.startswith("receptors."):
            _, receptor, field = name.split(".")
            receptors[receptor] = receptors[receptor].replace(**{field: plain})
            changed_receptors = True
        else:
            own[name] = plain
    if changed_receptors:
        own["receptors"] = receptors
    if own:
        model = model.with_parameters(own) if isinstance(model, Equations) else model.replace(**own)
    return Pieces(model, network, stimulus, initial)


def _new_stimulus(stimulus: Any, name: str, value: Any) -> Any:
    _, *middle, field = name.split(".")
    parts = stimulus.parts()
    number = int(middle[0]) if middle else 0
    parts[number] = parts[number].replace(**{field: value})
    return parts[0] if len(parts) == 1 else StimulusSum(parts)
