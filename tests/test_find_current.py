"""The current that gives a number of spikes: against the formula of the LIF, and counted again by simulate()."""

from typing import Any

import numpy as np
import pytest

import pyspikenet as psn

CELL = psn.Network.from_edges(pre=[], post=[], n=1)
LIF = psn.LIF(tau_m=10.0, E_L=0.0, v_threshold=1.0, v_reset=0.0)


def spikes(model: Any, current: float, protocol: psn.CurrentStep, more: Any = None, **settings: Any) -> int:
    """Number of spikes during the step, of a run of one's own."""
    step = psn.ConstantStimulus(
        strength=current, start=protocol.onset, stop=protocol.onset + protocol.duration, channel="current"
    )
    ds = psn.simulate(
        model, CELL, duration=protocol.onset + protocol.duration, stimulus=step if more is None else step + more,
        **settings,
    )  # fmt: skip
    return int((ds.spike_time > protocol.onset + 1e-6).sum())


@pytest.mark.parametrize("n", [1, 13, 50])
def test_the_interval_of_a_lif(n: int) -> None:
    """With a period of m steps there are floor(N / m) spikes in N steps, and 1 / I = 1 - exp(-m dt / tau_m)."""
    protocol = psn.CurrentStep(onset=20.0, duration=100.0)
    longest, too_short = 1000 // n, 1000 // (n + 1)
    low, high = (1 / (1 - np.exp(-m * 0.1 / 10.0)) for m in (longest, too_short))
    found = psn.find_current(LIF, n, protocol)
    assert found.interval == pytest.approx((low, high), abs=0.011 * (high - low))
    assert low <= found.interval[0] < found.interval[1] <= high
    assert found.current == pytest.approx((low + high) / 2, abs=0.011 * (high - low))
    assert (found.n_spikes, found.unit, found.protocol, found.dataset.sizes["spike"]) == (n, "nA", protocol, n)
    assert found.rounds < 10
    closer = psn.find_current(LIF, n, protocol, tolerance=1e-5, currents=[1.0, 10.0])
    assert closer.interval == pytest.approx((low, high), abs=1.1e-5 * (high - low))


@pytest.mark.parametrize(("model", "n"), [(psn.AdEx(), 7), (psn.Izhikevich(), 100)])
def test_other_models_fire_that_often(model: Any, n: int) -> None:
    protocol = psn.CurrentStep()
    assert (protocol.onset, protocol.duration) == (1000.0, 2000.0)
    found = psn.find_current(model, n)
    low, high = found.interval
    assert [spikes(model, x, protocol) for x in (low, found.current, high)] == [n, n, n]
    beyond = 0.011 * (high - low)
    assert spikes(model, low - beyond, protocol) != n != spikes(model, high + beyond, protocol)
    assert found.dataset.spk.provenance["stimulus"][0]["strength"] == [found.current]
    assert found.dataset.spk.dt == model.default_dt


def test_spikes_before_the_step_do_not_count_and_currents_may_be_negative() -> None:
    model, protocol = psn.HodgkinHuxley(), psn.CurrentStep(onset=200.0, duration=500.0)
    without = spikes(model, 0.0, protocol)
    assert without > 2
    found = psn.find_current(model, 2, protocol)
    assert found.current < 0
    assert spikes(model, found.current, protocol) == 2 < found.dataset.sizes["spike"]


@pytest.mark.parametrize(
    ("model", "noise"), [(LIF, psn.NoiseCurrent(sigma=0.5, tau=5.0)), (psn.GIF(), None)], ids=["noise", "escape"]
)
def test_all_currents_see_the_same_random_numbers(model: Any, noise: Any) -> None:
    protocol = psn.CurrentStep(onset=10.0, duration=200.0)
    found = psn.find_current(model, 10, protocol, stimulus=noise, seed=3)
    for current in (*found.interval, found.current):
        assert spikes(model, current, protocol, noise, seed=3) == 10
    again = psn.find_current(model, 10, protocol, stimulus=noise, seed=3)
    assert (again.current, again.rounds) == (found.current, found.rounds)
    assert again.dataset.identical(found.dataset)
    assert psn.find_current(model, 10, protocol, stimulus=noise, seed=4).current != found.current


def test_a_number_that_no_current_gives() -> None:
    """A regular spiking cell of Izhikevich goes from one spike to a train."""
    with pytest.raises(ValueError, match=r"n_spikes must be .* gives, got 5; the nearest are 1 at 3\.\d+ and 7 at 3\."):
        psn.find_current(psn.Izhikevich(), 5)
    with pytest.raises(ValueError, match=r"between 0 and 1 nA gives, got 5; the nearest are 0 at 1.0 nA"):
        psn.find_current(LIF, 5, currents=[0.0, 1.0])
    with pytest.raises(ValueError, match=r"got 900; the nearest are 200 at 100000.0 nA"):
        psn.find_current(LIF, 900, psn.CurrentStep(onset=0.0, duration=20.0))


def test_currents_that_the_model_does_not_bear_are_left_out() -> None:
    model = psn.Equations(
        "dv/dt = (-v + I*Mohm)/(10*ms) : mV\ndw/dt = ((I/pA)**50 - w)/(100*ms) : 1",
        threshold="v > 1*mV",
        reset="v = 0*mV",
    )
    protocol = psn.CurrentStep(onset=0.0, duration=50.0)
    with pytest.raises(psn.JuliaError, match="no longer finite"):
        spikes(model, 1e8, protocol)
    found = psn.find_current(model, 3, protocol, currents=[0.0, 2000.0, 1e8])
    assert spikes(model, found.current, protocol) == 3
    with pytest.raises(ValueError, match=r"at .*e\+.* the state is no longer finite, see dt"):
        psn.find_current(model, 10**5, protocol, currents=[0.0, 2000.0, 1e8])


def test_an_interrupted_run_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspikenet import current_search

    real = current_search.simulate
    monkeypatch.setattr(current_search, "simulate", lambda *x, **y: real(*x, **y).assign_attrs(interrupted=1))
    with pytest.raises(KeyboardInterrupt):
        psn.find_current(LIF, 3)


@pytest.mark.parametrize(
    ("problem", "message", "arguments"),
    [
        (TypeError, "model must be a membrane model", {"model": psn.BernoulliGLM()}),
        (ValueError, "model must have one number for each parameter, got 2 of tau_m", {"model": psn.LIF(tau_m=[1, 2])}),
        (ValueError, "model must take a current", {"model": psn.Equations("dv/dt = -v/(10*ms) : mV")}),
        (ValueError, "n_spikes must be at least 1, got 0", {"n_spikes": 0}),
        (TypeError, "n_spikes must be a whole number, got 2.5", {"n_spikes": 2.5}),
        (TypeError, "protocol must be a CurrentStep, got 500", {"protocol": 500}),
        (ValueError, "duration must be a multiple of dt", {"protocol": psn.CurrentStep(duration=0.25)}),
        (ValueError, "onset must be a multiple of dt", {"protocol": psn.CurrentStep(onset=0.25)}),
        (ValueError, "currents must be a 1-d array of at least two different", {"currents": [1.0, 1.0]}),
        (ValueError, "tolerance must be less than 1, got 2", {"tolerance": 2}),
        (ValueError, "seed must be at least 0", {"seed": -1}),
    ],
)
def test_bad_arguments(problem: type[Exception], message: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(problem, match=message):
        psn.find_current(**{"model": LIF, "n_spikes": 3, **arguments})
