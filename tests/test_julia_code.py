"""Losses and nonlinearities given as Julia code: against those of the package, in batches and segments."""

import json
from typing import Any

import numpy as np
import pytest

import pyspikenet as psn
from pyspikenet.dataset import provenance
from pyspikenet.fitting import problem as problems

RNG = np.random.default_rng(2)
N, STEPS, TRIALS = 12, 60, 3
NETWORK = psn.Network.random(n=N, p=0.3, weight=2.0, seed=1)
MODEL = psn.LIF(tau_m=np.linspace(8.0, 14.0, N), receptors={"i": psn.ExponentialSynapse(tau=4.0)})
DRIVE = psn.ArrayStimulus(data=50.0 * RNG.random((TRIALS, STEPS, N)), dt=1.0)
SILENCE = np.zeros((TRIALS, STEPS, N), int)
TARGET = RNG.normal(-65.0, 3.0, (TRIALS, STEPS, N))

COUNTS = "(spikes, states) -> sum(abs2, sum(spikes, dims=2)) / size(spikes, 3)"
OF_COUNTS = "(spikes, states) -> 2 .* sum(spikes, dims=2) .* one.(spikes) ./ size(spikes, 3)"
COURSE = """
using Statistics
square(x) = x^2
function loss(spikes, states, data)
    k, trials = size(spikes, 2), length(data.trials)
    sum(square.(states.v .- data.target[:, :, data.trials])) / (k * trials)
end
"""
OF_COURSE = """(spikes, states, data) ->
    (nothing, (v = 2 .* (states.v .- data.target[:, :, data.trials]) ./ (size(spikes, 2) * length(data.trials)),))"""


def counts(gradient: str | None = OF_COUNTS) -> psn.JuliaLoss:
    return psn.JuliaLoss(code=COUNTS, gradient=gradient)


def course(gradient: str | None = OF_COURSE) -> psn.JuliaLoss:
    return psn.JuliaLoss(code=COURSE, gradient=gradient, record="v", data={"target": TARGET})


def asked(loss: Any, **changes: Any) -> Any:
    settings: dict[str, Any] = {
        "wrt": ["tau_m", "weight", "stimulus.data"], "data": SILENCE, "dt": 1.0, "trials": TRIALS, "seed": 0,
    }  # fmt: skip
    return psn.gradient(loss, MODEL, NETWORK, DRIVE, **settings | changes)


def assert_same(found: Any, expected: Any) -> None:
    assert expected.loss > 0
    assert found.loss == pytest.approx(expected.loss, rel=1e-10)
    for name, g in expected.gradient.items():
        assert np.any(g != 0), name
        np.testing.assert_allclose(found.gradient[name], g, rtol=1e-10, atol=1e-10 * np.abs(g).max())


def refusal(ask: Any, *arguments: Any) -> str:
    """What an error says that is raised; empty if there is none."""
    try:
        ask(*arguments)
    except psn.JuliaError as problem:
        return str(problem)
    return ""


def skip_without_zygote() -> None:
    reason = refusal(asked, counts(None))
    if "differentiated by Zygote" in reason:
        pytest.skip(reason)


@pytest.mark.parametrize("mode", ["surrogate", "soft", "relaxed"])
@pytest.mark.parametrize("segments", [False, True])
def test_a_loss_of_spikes_is_that_of_the_package(mode: str, segments: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if segments:
        monkeypatch.setattr(problems, "TAPE_BYTES", 1)
    assert_same(asked(counts(), mode=mode), asked(psn.SpikeCountLoss(), mode=mode))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_loss_of_a_variable_is_that_of_the_package(threads: int) -> None:
    expected = asked(psn.VoltageLoss(values=TARGET), threads=threads)
    assert_same(asked(course(), threads=threads), expected)


def test_losses_of_both_kinds_are_weighted_and_added() -> None:
    mixed = 0.5 * counts() + psn.Schedule(2.0, 0.0) * course() + 3.0 * psn.SpikeCountLoss()
    found = asked(mixed)
    a, b = asked(psn.SpikeCountLoss()), asked(psn.VoltageLoss(values=TARGET))
    assert found.terms == pytest.approx([a.loss, b.loss, a.loss], rel=1e-12)
    assert found.loss == pytest.approx(3.5 * a.loss + 2.0 * b.loss, rel=1e-12)
    g = 3.5 * a.gradient["weight"] + 2.0 * b.gradient["weight"]
    np.testing.assert_allclose(found.gradient["weight"], g, rtol=1e-10, atol=1e-10 * np.abs(g).max())


def test_zygote_differentiates_what_has_no_gradient() -> None:
    skip_without_zygote()
    assert_same(asked(counts(None)), asked(psn.SpikeCountLoss()))
    assert_same(asked(course(None)), asked(psn.VoltageLoss(values=TARGET)))


def test_without_zygote_and_gradient_the_error_says_what_to_do() -> None:
    reason = refusal(asked, counts(None))
    if not reason:
        pytest.skip("Zygote is here")
    assert "gradient=" in reason
    assert "Zygote" in reason
    assert "Julia >= 1.10" in reason or "Pkg.add" in reason


@pytest.mark.parametrize("mine", [counts(), course()], ids=["counts", "course"])
def test_a_fit_in_batches_goes_the_same_way(mine: psn.JuliaLoss) -> None:
    own = psn.SpikeCountLoss() if mine.data is None else psn.VoltageLoss(values=TARGET)
    settings: dict[str, Any] = {
        "stimulus": DRIVE, "free": ["weight", "tau_m"], "epochs": 4, "batch_size": 2, "trials": TRIALS, "dt": 1.0,
        "seed": 3, "progress": False,
    }  # fmt: skip
    found, expected = (psn.fit(MODEL, NETWORK, SILENCE, loss=x, **settings) for x in (mine, own))
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-8)
    np.testing.assert_allclose(found.network.weight, expected.network.weight, rtol=1e-8)


def test_steps_before_the_run_are_not_seen() -> None:
    settings: dict[str, Any] = {
        "free": ["weight"], "epochs": 2, "equilibration": 20.0, "seed": 3, "dt": 1.0, "trials": TRIALS,
        "progress": False,
    }  # fmt: skip
    model = psn.BernoulliGLM(theta=2.0)
    found, expected = (psn.fit(model, NETWORK, SILENCE, loss=x, **settings) for x in (counts(), psn.SpikeCountLoss()))
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-10)
    assert expected.history["loss"].values[0] > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code": "(spikes, states) ->"}, "cannot be evaluated"),
        ({"code": "1 + 1"}, "must be a function"),
        ({"code": "(spikes, states) -> spikes"}, "must return a number"),
        ({"code": "(spikes, states) -> nowhere(spikes)"}, "nowhere"),
        ({"gradient": "(spikes, states) -> spikes[:, :, 1]"}, r"size \(12, 60, 3\)"),
        ({"gradient": "(spikes, states) -> (nothing, (u = spikes,))"}, "adjoints of u"),
        ({"gradient": "(spikes, states) -> 1"}, "adjoint of spikes"),
        ({"code": "(spikes, states) -> NaN"}, "loss is NaN"),
    ],
)
def test_code_that_cannot_be_used(changes: dict[str, str], message: str) -> None:
    with pytest.raises(psn.JuliaError, match=message):
        asked(psn.JuliaLoss(**{"code": COUNTS, "gradient": OF_COUNTS} | changes))
    assert asked(counts()).loss > 0  # the engine goes on


def test_refused_arguments() -> None:
    with pytest.raises(TypeError, match="code must be Julia code as text, got 3"):
        psn.JuliaLoss(code=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="gradient must be Julia code such as"):
        psn.JuliaLoss(code=COUNTS, gradient=" ")
    with pytest.raises(TypeError, match="record must be a name or a sequence of names, got 1"):
        psn.JuliaLoss(code=COUNTS, record=1)
    with pytest.raises(ValueError, match="record must name every variable once"):
        psn.JuliaLoss(code=COUNTS, record=["v", "v"])
    with pytest.raises(TypeError, match="data must be a dict of arrays"):
        psn.JuliaLoss(code=COUNTS, data=[1.0])
    with pytest.raises(TypeError, match=r"data\['a'\] must be numbers"):
        psn.JuliaLoss(code=COUNTS, data={"a": "text"})
    for name in ("trials", "two words", 3):
        with pytest.raises(ValueError, match="data must have names other than"):
            psn.JuliaLoss(code=COUNTS, data={name: [1.0]})
    with pytest.raises(ValueError, match="record must be one of v, g_i, got 'w'"):
        asked(psn.JuliaLoss(code=COUNTS, gradient=OF_COUNTS, record="w"))
    with pytest.raises(ValueError, match="record must be empty for a cascade model, got 'v'"):
        psn.gradient(course(), psn.BernoulliGLM(), NETWORK, wrt="weight", duration=5, dt=1.0)
    with pytest.raises(ValueError, match="loss must not be a JuliaLoss where a population searches"):
        psn.fit(psn.LIF(), NETWORK, SILENCE, loss=counts(), free={"tau_m": (5, 30)}, method="cma_es", dt=1.0)
    with pytest.raises(TypeError, match="nonlinearity must be a name or an expression in g, or a JuliaFunction"):
        psn.Cascade(nonlinearity=3)  # type: ignore[arg-type]


def test_losses_with_arrays_are_compared_and_written() -> None:
    assert course() == course()
    assert course() != course().replace(data={"target": TARGET + 1})
    assert course() != counts()
    assert json.loads(json.dumps(course().to_dict()))["data"]["target"] == TARGET.tolist()


# ---- nonlinearities --------------------------------------------------------------------------------------------------

SIGMOID = "f(x) = 1 / (1 + exp(-x))"
PLAIN_ONLY = "x -> ccall(:tanh, Float64, (Float64,), x / 2) / 2 + 0.5"


def of_cascade(nonlinearity: Any) -> Any:
    model = psn.Cascade(nonlinearity=nonlinearity, scale=0.3, theta=0.5, beta=1.2)
    return psn.gradient(
        psn.VanRossum(tau=20), model, NETWORK, DRIVE.replace(data=DRIVE.data / 50), wrt=["weight", "beta", "theta"],
        data=SILENCE, dt=1.0, seed=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    "function",
    [
        psn.JuliaFunction(code=SIGMOID),
        psn.JuliaFunction(code="x -> x > 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x))"),
        psn.JuliaFunction(code=PLAIN_ONLY, derivative="x -> (1 - tanh(x / 2)^2) / 4"),
    ],
    ids=["dual", "branches", "derivative"],
)
def test_a_nonlinearity_as_julia_code_has_spikes_and_gradient_of_the_same_as_text(function: psn.JuliaFunction) -> None:
    assert_same(of_cascade(function), of_cascade("1 / (1 + exp(-g))"))


def test_zygote_differentiates_a_nonlinearity_that_dual_numbers_cannot_pass_through() -> None:
    skip_without_zygote()
    only_floats = "function f(x)\n    y::Union{Float64,Float32} = x\n    return 1 / (1 + exp(-y))\nend"
    assert_same(of_cascade(psn.JuliaFunction(code=only_floats)), of_cascade("sigmoid"))


def test_a_nonlinearity_without_a_derivative_can_be_simulated_only() -> None:
    model = psn.Cascade(nonlinearity=psn.JuliaFunction(code=PLAIN_ONLY), scale=0.3)
    found = psn.simulate(model, NETWORK, duration=50, dt=1.0, seed=0)
    same = psn.simulate(model.replace(nonlinearity="sigmoid"), NETWORK, duration=50, dt=1.0, seed=0)
    np.testing.assert_array_equal(found.spike_time, same.spike_time)
    assert provenance(found)["model"]["nonlinearity"]["code"] == PLAIN_ONLY
    reason = refusal(of_cascade, psn.JuliaFunction(code=PLAIN_ONLY))
    assert "derivative=" in reason or "foreigncall" in reason  # Zygote says the latter of a call into C


@pytest.mark.parametrize("code", ["x ->", "3", 'x -> "text"', "x -> nowhere(x)", "(x, y) -> x"])
def test_functions_that_cannot_be_used(code: str) -> None:
    with pytest.raises(psn.JuliaError, match="nonlinearity"):
        psn.simulate(psn.Cascade(nonlinearity=psn.JuliaFunction(code=code)), NETWORK, duration=5, seed=0)
