"""Docstring, default, unit and signature of everything public agree; and how parameters behave as values."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyspikenet as psn
from pyspikenet import analysis, encode, excitability, modules, plot, plot_membrane
from pyspikenet.accessor import SpikeAccessor
from pyspikenet.parameters import RANGES, Parameters, number, numbers, steps, whole_number

EXAMPLES: list[Parameters] = [
    psn.BernoulliGLM(),
    psn.PoissonGLM(),
    psn.RectifiedLNP(),
    psn.RectifiedSAM(),
    psn.ThresholdSAM(),
    psn.Cascade(),
    psn.JuliaFunction(code="x -> x^2"),
    psn.ExponentialKernel(),
    psn.ArrayKernel(weights=[1.0, 0.5]),
    psn.RaisedCosineKernel(weights=[1.0, 0.5]),
    psn.ConstantStimulus(),
    psn.RegularStimulus(period=10.0, duration=2.0),
    psn.PoissonStimulus(mean_interval=10.0, duration=2.0),
    psn.SinStimulus(period=10.0),
    psn.ArrayStimulus(data=[1.0, 2.0], dt=1.0),
    psn.FunctionStimulus(function=np.sin),
    psn.SpikeStimulus(times=[1.0], neurons=[0]),
    psn.PoissonInput(rate=10.0),
    psn.NoiseCurrent(sigma=1.0),
    psn.LIF(),
    psn.CobaLIF(),
    psn.AdEx(),
    psn.Izhikevich(),
    psn.Equations("dv/dt = -v/(10*ms) : mV"),
    psn.HodgkinHuxley(),
    psn.GLIF(),
    psn.MAT(),
    psn.GIF(),
    psn.LIFGate(),
    psn.STDP(),
    psn.InhibitorySTDP(),
    psn.TsodyksMarkram(),
    psn.LI(),
    psn.LIBox(),
    psn.LIFBox(),
    psn.LIFCurrent(),
    psn.LIFRefrac(),
    psn.LIFEx(),
    psn.LIFAdEx(),
    psn.LSNN(),
    psn.IAF(),
    psn.DeltaSynapse(),
    psn.PulseSynapse(),
    psn.ExponentialSynapse(),
    psn.AlphaSynapse(),
    psn.DoubleExponentialSynapse(),
    psn.Leaky(),
    psn.SuperSpike(),
    psn.SigmoidSurrogate(),
    psn.TanhSurrogate(),
    psn.TriangleSurrogate(),
    psn.ArctanSurrogate(),
    psn.CircSurrogate(),
    psn.ErfcSurrogate(),
    psn.StraightThrough(),
    psn.RateLoss(),
    psn.SpikeCountLoss(),
    psn.VanRossum(),
    psn.TargetRate(rate=10.0),
    psn.VoltageLoss(values=[[1.0, 2.0]]),
    psn.CrossEntropy(labels=[0, 1], readout=[3, 4]),
    psn.JuliaLoss(code="(spikes, states) -> sum(spikes)"),
    psn.RaisedCosine(n=2, window=10.0),
    psn.L1(),
    psn.L2(),
    psn.GroupLasso(),
    psn.CurrentStep(),
    psn.CMAES(),
    psn.DifferentialEvolution(),
    psn.GeneticAlgorithm(),
    psn.ParticleSwarm(),
    psn.EvolutionaryCenters(),
    psn.NSGA2(),
    psn.SpikeDistance(),
    psn.ISIDistance(),
    psn.VictorPurpura(cost=0.1),
    psn.CoincidenceLoss(),
    psn.FeatureLoss(feature="rate", value=10.0),
]
CLASSES = [type(example) for example in EXAMPLES]
UNITS = {
    "1",
    "ms",
    "1/ms",
    "1/s",
    "1/(ms mV)",
    "mV/ms",
    "Hz",
    "rad",
    "mV",
    "pA",
    "nS",
    "pF",
    "MOhm",
    "1/unit of v",
    "unit of v",
}


def sections(doc: str) -> dict[str, list[str]]:
    """The parts of a numpydoc docstring by title; what comes before the first is called Summary."""
    lines = inspect.cleandoc(doc).splitlines()
    found: dict[str, list[str]] = {"Summary": []}
    title = "Summary"
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if after and set(after) == {"-"} and len(after) == len(line):
            title = line
            found[title] = []
        elif set(line) != {"-"} or not line:
            found[title].append(line)
    return found


def documented(doc: str) -> dict[str, tuple[str, str]]:
    """Names in the Parameters section: (what stands after the colon, description)."""
    entries: dict[str, tuple[str, str]] = {}
    names: list[str] = []
    for line in sections(doc).get("Parameters", []):
        if line and not line.startswith(" "):
            heading, _, kind = line.partition(" : ")
            names = [name.strip() for name in heading.split(",")]
            entries |= dict.fromkeys(names, (kind, ""))
        elif line:
            for name in names:
                entries[name] = (entries[name][0], f"{entries[name][1]} {line.strip()}".strip())
    return entries


def test_the_examples_are_all_there_is() -> None:
    public = {getattr(psn, name) for name in psn.__all__}
    assert set(CLASSES) == {x for x in public if isinstance(x, type) and issubclass(x, Parameters)}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_field_is_documented_with_default_range_and_unit(cls: Any) -> None:
    fields = {field.name: field for field in dataclasses.fields(cls)}
    entries = documented(cls.__doc__)
    assert list(entries) == list(fields) == list(inspect.signature(cls).parameters)
    for name, field in fields.items():
        kind, description = entries[name]
        assert field.metadata, f"{name} is declared without quantity() or option()"
        assert kind
        assert len(field.metadata["description"]) > 2
        assert field.metadata["description"] in description
        if field.default is dataclasses.MISSING:
            assert "default" not in kind
        else:
            assert kind.endswith(f", default {field.default!r}")
        if "kind" in field.metadata:
            continue
        assert field.metadata["unit"] in UNITS
        unit = field.metadata["unit"]
        assert description.startswith(field.metadata["description"] + ("." if unit == "1" else f" [{unit}]."))
        assert ("or array_like" in kind) == field.metadata["varies"] == ("One number, or one per" in description)
        if field.metadata["range"] != "any":
            assert f"Must be {RANGES[field.metadata['range']][0]}." in description
        # The default is itself allowed, and of the right type.
        if isinstance(field.default, float):
            assert number(name, field.default, field.metadata["range"]) == field.default
        else:
            assert field.default is dataclasses.MISSING or (field.default is None and field.metadata["optional"])


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_times_are_in_ms_and_rates_in_their_unit(cls: Any) -> None:
    for name, unit in cls.units().items():
        if name in ("tau", "dt", "period", "duration", "start", "stop", "window", "history", "mean_interval"):
            assert unit == "ms"
        if name == "rate":
            assert unit == "Hz"


def public_functions() -> Iterator[tuple[str, Any]]:
    for name in psn.__all__:
        x = getattr(psn, name)
        if inspect.isfunction(x):
            yield name, x
    for cls in (
        psn.Network,
        SpikeAccessor,
        psn.BernoulliGLM,
        psn.RaisedCosineKernel,
        psn.ConstantStimulus,
        psn.Izhikevich,
    ):
        for name, x in inspect.getmembers(cls, lambda x: inspect.isfunction(x) or inspect.ismethod(x)):
            if not name.startswith("_") and name not in INTERNAL:
                yield f"{cls.__name__}.{name}", x
    for module in (analysis, encode, excitability, modules, plot, plot_membrane):
        for name, x in inspect.getmembers(module, inspect.isfunction):
            if not name.startswith("_") and x.__module__ == module.__name__:
                yield f"{module.__name__}.{name}", x


# What the parts of the package tell each other.
INTERNAL = {
    "to_wire",
    "check_size",
    "check_dt",
    "channels",
    "memory_steps",
    "length",
    "parts",
    "recordable",
    "all_receptors",
    "state",
}
FUNCTIONS = dict(public_functions())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_documents_its_signature(name: str) -> None:
    function = FUNCTIONS[name]
    doc = inspect.getdoc(function)
    assert doc, f"{name} has no docstring"
    stars = {inspect.Parameter.VAR_KEYWORD: "**", inspect.Parameter.VAR_POSITIONAL: "*"}
    parameters = [stars.get(p.kind, "") + p.name for p in inspect.signature(function).parameters.values()]
    parameters = [p for p in parameters if p not in ("self", "cls")]
    entries = documented(doc)
    assert sorted(entries) == sorted(parameters)
    assert all(description for _, description in entries.values())
    assert sections(doc)["Summary"][0].endswith((".", ":", "``."))
    for p in inspect.signature(function).parameters.values():
        kind = entries.get(p.name, ("", ""))[0]
        if isinstance(p.default, int | float) and not isinstance(p.default, bool) and kind and "," not in p.name:
            assert str(p.default).removesuffix(".0") in kind, f"{p.name} of {name} documents another default"
        if p.default is None and kind:
            assert "optional" in kind, f"{p.name} of {name} may be left out, but its documentation does not say so"


def test_arguments_of_one_name_mean_one_thing() -> None:
    """One name has one annotation all over the package, but where a difference is meant."""
    # Edge attributes of a graph are named, and every constructor takes its own kind of matrix.
    meant = {("weight", "Network.from_networkx"), ("delay", "Network.from_networkx"), ("weights", "Network.from_scipy")}
    meant |= {("trials", "tune"), ("weight", "Network.random"), ("initial_state", "drive")}
    meant |= {("labels", "Network.with_labels"), ("spikes", "pyspikenet.encode.spike_latency")}
    # Of membrane models only.
    meant |= {("model", f"pyspikenet.excitability.{x}") for x in ("fi_curve", "vector_field", "plane_variables")}
    meant |= {("model", "pyspikenet.plot_membrane.phase_plane"), ("model", "find_current")}
    # Of the first round, and not needed; of several quantities, not of the weights of a picture.
    meant |= {("currents", "find_current"), ("units", "read_recording")}
    # Of spikes, in place of a model that fires them; amplitudes; modules in place of trains.
    meant |= {("model", "coincidence_factor"), ("data", "coincidence_factor"), ("a", "Network.mexican_hat")}
    meant |= {(x, f"pyspikenet.modules.{name}") for x in "ab" for name in ("geodesic_similarity", "match_modules")}
    # Of a generalised linear model the stimulus is a design, and data are whatever holds spikes; one number in all.
    meant |= {("stimulus", "fit_glm"), ("data", "fit_glm"), ("neurons", "fit_glm"), ("stimulus", "GLM.predict")}
    meant |= {("learning_rate", "tune"), ("initial_state", "log_likelihood"), ("start", "minimize")}
    # Populations and sweeps take functions that make a piece, and what comes in several; a sweep goes on from its path.
    meant |= {(x, name) for x in ("model", "network", "stimulus") for name in ("fit", "sweep")}
    meant |= {("data", "fit"), ("loss", "fit"), ("resume", "sweep")}
    seen: dict[str, dict[str, str]] = {}
    for name, function in FUNCTIONS.items():
        for p in inspect.signature(function).parameters.values():
            text = p.annotation if isinstance(p.annotation, str) else inspect.formatannotation(p.annotation)
            text = re.sub(r"['\"]|\b[a-z_]+\.| \| None$", "", text)
            if (p.name, name) not in meant and p.kind != p.VAR_KEYWORD and p.name not in ("self", "cls"):
                seen.setdefault(p.name, {}).setdefault(text, name)
    different = {name: texts for name, texts in seen.items() if len(texts) > 1}
    assert not different, "\n".join(f"{name}: {texts}" for name, texts in different.items())


def test_names_have_one_spelling() -> None:
    """Words that would be a second name of something that has one already."""
    other_names = {
        "n_neurons", "N", "size", "num_neurons", "timestep", "delta_t", "time_step", "T", "t_max", "rng",
        "n_trials", "num_trials", "source", "sources", "target_neurons", "weights_matrix", "lr", "n_epochs", "stimuli",
        "net", "filename", "file", "fname", "prob", "probability", "in_degree", "tau_ms", "axes", "axis", "nthreads",
    }  # fmt: skip
    used = {name for function in FUNCTIONS.values() for name in inspect.signature(function).parameters}
    used |= {name for cls in CLASSES for name in inspect.signature(cls).parameters}
    assert not used & other_names


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda x: type(x).__name__)
def test_repr_shows_values_with_units(example: Any) -> None:
    text = repr(example)
    assert text.startswith(f"{type(example).__name__}(")
    for name, unit in example.units().items():
        value = getattr(example, name)
        expected = f"{name}={value!r}" + (f" {unit}" if unit != "1" and value is not None else "")
        assert re.search(rf"[(,] ?{re.escape(expected)}[,)]", text), text


def test_repr_of_arrays_is_short() -> None:
    assert "theta=[1.0, 2.0]" in repr(psn.BernoulliGLM(theta=[1.0, 2.0]))
    assert "theta=<100 values>" in repr(psn.BernoulliGLM(theta=np.zeros(100)))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda x: type(x).__name__)
def test_equality_hash_and_replace(example: Any) -> None:
    copy = example.replace()
    assert copy == example
    assert copy is not example
    assert hash(copy) == hash(example)
    assert example != object()
    for name in example.units():
        value = getattr(example, name)
        if value is None:
            continue
        changed = example.replace(**{name: value * 0.5 + 0.31})
        assert changed != example
        assert hash(changed) != hash(example)
        assert getattr(example, name) == value
    assert len({example, copy}) == 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda x: type(x).__name__)
def test_to_dict_is_plain_and_enough(example: Any) -> None:
    import json

    plain = example.to_dict()
    assert plain["class"] == type(example).__name__
    assert list(plain) == ["class", *(field.name for field in dataclasses.fields(example))]
    assert json.loads(json.dumps(plain)) == plain
    if not isinstance(example, psn.FunctionStimulus | psn.Cascade):
        values = {name: value for name, value in plain.items() if name != "class"}
        assert type(example)(**values) == example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda x: type(x).__name__)
def test_parameters_are_frozen(example: Any) -> None:
    name = next((field.name for field in dataclasses.fields(example)), "anything")
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(example, name, 1.0)


def test_arrays_are_copied_and_read_only() -> None:
    theta = np.array([1.0, 2.0])
    model = psn.BernoulliGLM(theta=theta)
    theta[0] = 9.0
    assert model.theta[0] == 1.0  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        model.theta[0] = 3.0  # type: ignore[index]
    assert psn.BernoulliGLM(theta=[1, 2]) == model
    assert psn.BernoulliGLM(theta=(1.0, 2.0)) == model
    assert model != psn.BernoulliGLM(theta=1.0)


def test_a_sum_of_stimuli_is_a_value() -> None:
    a, b, c = psn.ConstantStimulus(), psn.SinStimulus(period=5.0), psn.PoissonInput(rate=1.0)
    together = a + b + c
    assert together == a + (b + c)
    assert hash(together) == hash(a + (b + c))
    assert together != a + c
    assert list(together) == [a, b, c]
    assert len(together) == 3
    assert together[1] == b
    assert repr(together) == f"{a!r} + {b!r} + {c!r}"
    with pytest.raises(TypeError):
        a + 5  # type: ignore[operator]


@given(count=st.integers(0, 10**6), dt=st.sampled_from([0.1, 0.05, 1.0, 0.3, 1 / 3, 2.0]))
def test_whole_numbers_of_steps_are_recognised(count: int, dt: float) -> None:
    assert steps("duration", count * dt, dt) == count
    with pytest.raises(ValueError, match="duration must be a multiple of dt"):
        steps("duration", (count + 0.5) * dt, dt)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_keeps_the_value(x: float) -> None:
    assert number("x", x) == x
    assert number("x", np.float64(x)) == x
    assert numbers("x", [x, x]).tolist() == [x, x]


@given(st.integers(0, 2**70))
def test_whole_number_keeps_the_value(x: int) -> None:
    assert whole_number("x", x) == x
