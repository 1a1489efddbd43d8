"""Membrane models: reference values, refractory period, recording, parameters per neuron, and states that overflow."""

import numpy as np
import pytest
import xarray

import pyspikenet as psn

LIF = psn.LIF(tau_m=10.0, E_L=0.0, v_threshold=1.0, v_reset=0.0)


def lone(n: int = 1) -> psn.Network:
    return psn.Network.from_edges(pre=[], post=[], n=n)


def constant(strength) -> psn.ConstantStimulus:
    return psn.ConstantStimulus(strength=strength)


def run(model, network=None, **arguments) -> xarray.Dataset:
    return psn.simulate(model, network or lone(), **({"duration": 100.0, "seed": 0} | arguments))


# ---- reference values ----------------------------------------------------------------------------------------------


def test_lif_counts() -> None:
    ds = run(LIF, lone(3), stimulus=constant([1.1, 2.0, 4.0]))
    assert ds.spk.counts().values.tolist() == [[4, 14, 34]]
    # The interval of the equation, T = tau ln(I / (I - 1)), rounded up to whole steps.
    for train, current in zip(ds.spk.trains(), (1.1, 2.0, 4.0), strict=True):
        steps = np.ceil(10.0 * np.log(current / (current - 1)) / 0.1)
        np.testing.assert_allclose(np.diff(train), steps * 0.1, rtol=1e-9)
        assert train[0] == pytest.approx(steps * 0.1)


@pytest.mark.parametrize(("inhibition", "counts"), [(0.0, [20, 13, 1]), (0.5, [20, 13, 0])])
def test_coba_lif_of_the_text(inhibition: float, counts: list[int]) -> None:
    net = psn.Network.from_edges(pre=[0, 1], post=[2, 2], weight=[1.0, inhibition], receptor=["exc", "inh"])
    ds = run(psn.CobaLIF(), net, stimulus=constant([700.0, 500.0, 0.0]))
    assert ds.spk.counts().values.tolist() == [counts]
    if counts[2]:  # 69.8 ms in labels of begins of steps
        np.testing.assert_allclose(ds.spk.trains()[2], [69.9])
    # The same by sign of the weight.
    signed = psn.Network.from_edges(pre=[0, 1], post=[2, 2], weight=[1.0, -inhibition])
    again = run(psn.CobaLIF(), signed, stimulus=constant([700.0, 500.0, 0.0]))
    np.testing.assert_array_equal(again.final_v, ds.final_v)


def test_adex_counts() -> None:
    ds = run(psn.AdEx(), duration=500.0, stimulus=constant(1000.0))
    train = ds.spk.trains()[0]
    assert train.size == 17
    assert train[0] == pytest.approx(11.9)  # 11.8 ms in labels of begins of steps
    assert (np.diff(np.diff(train)) > -0.11).all(), "it adapts"


def test_izhikevich_regular_spiking() -> None:
    """Against a plain loop of the equations."""
    ds = run(psn.Izhikevich(), duration=200.0, stimulus=constant(10.0), record=["v", "u"])
    v, u, dt = -65.0, -13.0, 0.1
    expected, spikes = np.empty((2000, 2)), []
    for k in range(2000):
        v, u = v + dt * (0.04 * v * v + 5 * v + 140 - u + 10.0), u + dt * 0.02 * (0.2 * v - u)
        if v > 30:
            v, u = -65.0, u + 8.0
            spikes.append((k + 1) * dt)
        expected[k] = v, u
    assert len(spikes) > 3
    np.testing.assert_allclose(ds.spk.trains()[0], spikes)
    np.testing.assert_allclose(ds.v.values[0, :, 0], expected[:, 0], rtol=1e-6)
    np.testing.assert_allclose(ds.u.values[0, :, 0], expected[:, 1], rtol=1e-6)


# ---- refractory period ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", [0.0, 0.1, 0.2, 2.0, 7.3])
def test_the_shortest_interval_is_the_refractory_period(period: float) -> None:
    ds = run(LIF.replace(refractory_period=period), duration=20.0, stimulus=constant(1e6), record="v")
    intervals = np.diff(ds.spk.trains()[0])
    np.testing.assert_allclose(intervals, max(period, 0.1), rtol=1e-9)
    assert (ds.v.values == 0).all(), "the potential is held until it crosses the threshold again"


def test_a_refractory_period_longer_than_the_run_can_count() -> None:
    for period in (3e8, 1e300):  # more than 2**31 steps
        assert run(LIF.replace(refractory_period=period), stimulus=constant(1e6)).sizes["spike"] == 1


def test_nothing_moves_the_potential_of_a_refractory_neuron() -> None:
    model = LIF.replace(
        refractory_period=5.0, receptors={"delta": psn.DeltaSynapse(), "exc": psn.ExponentialSynapse(tau=1.0)}
    )
    spikes = psn.SpikeStimulus(
        times=[1.0, 2.0, 3.0, 8.0], neurons=[0] * 4, strength=[2.0, 0.3, 0.3, 0.5], channel="delta"
    )
    ds = run(
        model, duration=10.0, stimulus=spikes + psn.SpikeStimulus(times=[1.5], neurons=[0], channel="exc"), record="v"
    )
    np.testing.assert_allclose(ds.spk.trains()[0], [1.1])
    v = ds.v.sel(trial=0, neuron=0)
    assert (v.sel(time=slice(1.05, 6.05)) == 0).all()
    # Afterwards a jump is a jump again, on top of what is left of the current.
    before, after = v.sel(time=[8.0, 8.1], method="nearest").values
    assert after == pytest.approx((before + 0.5) * np.exp(-0.01), abs=1e-3)


# ---- recording -----------------------------------------------------------------------------------------------------


def test_every_variable_is_recorded_with_units() -> None:
    net = psn.Network.random(n=20, p=0.3, weight=5.0, seed=1)
    names = ["v", "w", "g_exc", "g_inh", "I"]
    arguments = {"stimulus": constant(800.0) + psn.NoiseCurrent(sigma=200.0, tau=3.0), "duration": 60.0, "seed": 3}
    ds = run(psn.AdEx(), net, record=names, **arguments)
    assert [ds[name].attrs["units"] for name in names] == ["mV", "pA", "nS", "nS", "pA"]
    assert all(ds[name].dims == ("trial", "time", "neuron") and ds[name].shape == (1, 600, 20) for name in names)
    np.testing.assert_allclose(ds.time, 0.1 * np.arange(1, 601))
    for name in names[:4]:
        np.testing.assert_array_equal(ds[f"final_{name}"], ds[name].isel(time=-1))
    assert ds.g_exc.values.max() > 0
    assert 500 < float(ds.I.mean()) < 1100
    # Where a neuron spiked, the sample is the one after the reset.
    step = np.rint(ds.spike_time.values / 0.1).astype(int) - 1
    assert (ds.v.values[0, step, ds.spike_neuron.values] == -70.6).all()
    some = run(psn.AdEx(), net, record=["w", "v"], record_neurons=[7, 2, 2], record_every=0.7, **arguments)
    assert some.w.dims == ("trial", "time", "recorded_neuron")
    assert some.recorded_neuron.values.tolist() == [2, 7]
    np.testing.assert_allclose(some.time, 0.7 * np.arange(1, 86))
    for name in ("v", "w"):
        np.testing.assert_array_equal(some[name], ds[name].isel(neuron=[2, 7], time=slice(6, None, 7)))


def test_recording_after_equilibration_and_in_a_second_run() -> None:
    net = psn.Network.random(n=20, p=0.3, weight=30.0, seed=1)
    arguments = {"record": "v", "record_every": 0.3, "seed": 3}
    ds = run(psn.AdEx(), net, equilibration=5.5, duration=10.0, **arguments)
    np.testing.assert_allclose(ds.time, 0.3 * np.arange(1, 34))
    assert float(ds.v[0, 0].std()) > 0, "half of the neurons had fired before"
    first = run(psn.AdEx(), net, equilibration=5.5, duration=4.0, **arguments)
    second = run(psn.AdEx(), net, duration=6.0, initial_state=first, **arguments)
    np.testing.assert_allclose(second.time, 0.3 * np.arange(14, 34))
    np.testing.assert_array_equal(np.concatenate([first.v, second.v], axis=1), ds.v)


# ---- initial state and parameters per neuron -----------------------------------------------------------------------


def test_initial_values_by_name() -> None:
    v = np.array([[-60.0, -55.0], [-70.0, -65.0]])
    ds = run(psn.AdEx(), lone(2), trials=2, duration=0.1, record=["v", "w"], initial_state={"v": v, "w": 40.0})
    slope = (-30.0 * (v + 70.6) + 60.0 * np.exp((v + 50.4) / 2.0) - 40.0) / 281.0
    np.testing.assert_allclose(ds.v.values[:, 0], v + 0.1 * slope, rtol=1e-12)
    np.testing.assert_allclose(ds.w.values[:, 0], 40.0 + 0.1 * (4.0 * (v + 70.6) - 40.0) / 144.0, rtol=1e-12)


def test_parameters_per_neuron_are_separate_runs() -> None:
    tau, period = np.array([5.0, 10.0, 30.0]), np.array([0.0, 1.5, 4.0])
    model = LIF.replace(tau_m=tau, refractory_period=period)
    ds = run(model, lone(3), record="v", stimulus=constant(2.5))
    for k in range(3):
        alone = run(LIF.replace(tau_m=tau[k], refractory_period=period[k]), record="v", stimulus=constant(2.5))
        np.testing.assert_array_equal(ds.v.values[0, :, k], alone.v.values[0, :, 0])
        np.testing.assert_array_equal(ds.spk.trains()[k], alone.spk.trains()[0])
        assert alone.sizes["spike"] > 2


# ---- states that overflow ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (
            psn.Izhikevich(method="rk4"),
            {"dt": 10.0, "duration": 500.0},
            r"v of neuron \d is no longer finite in step \d+ \(t = \d+\.0 ms, trial 0\): v = (Inf|NaN).*u = .*g_input",
        ),
        (
            psn.AdEx(method="rk4"),
            {"stimulus": psn.ConstantStimulus(strength=1e5, targets=[1])},
            r"^v of neuron 1 .* v = NaN",
        ),
        (
            psn.AdEx(),
            {"initial_state": {"v": [-70.0, 2000.0]}},
            r"v of neuron 1 is no longer finite in step 0 \(t = 0\.1 ms, trial 0\): v = (Inf|NaN).*smaller dt",
        ),
    ],
)
def test_an_overflow_names_variable_neuron_and_step(model, arguments, message: str) -> None:
    with pytest.raises(psn.JuliaError, match=message) as caught:
        run(model, lone(2), **arguments)
    assert caught.value.kind == "SpikeCoreError"
    assert "another method, may help" in str(caught.value)
    assert run(psn.AdEx(), lone(2), duration=1.0).sizes["spike"] == 0, "the engine goes on working"
