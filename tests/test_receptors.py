"""Synapses and stimuli of membrane models: time courses, delays, autapses, and which receptor a spike acts through."""

import numpy as np
import pytest
import xarray
from scipy.integrate import solve_ivp

import pyspikenet as psn

TAU_M, DT = 10.0, 0.1
KINDS = {
    "pulse": psn.PulseSynapse(),
    "exponential": psn.ExponentialSynapse(tau=3.0),
    "alpha": psn.AlphaSynapse(tau=2.0),
    "double": psn.DoubleExponentialSynapse(tau_rise=1.0, tau_decay=4.0),
    "delta": psn.DeltaSynapse(),
}
PEAK = {"exponential": 0.0, "alpha": 2.0, "double": np.log(4.0) * 4.0 / 3.0}


def shape(kind: str, t: np.ndarray) -> np.ndarray:
    """The time course of a synapse of weight 1, t after the spike arrived."""
    if kind == "exponential":
        g = np.exp(-t / 3.0)
    elif kind == "alpha":
        g = t / 2.0 * np.exp(1 - t / 2.0)
    else:
        g = np.exp(-t / 4.0) - np.exp(-t / 1.0)
        g = g / (np.exp(-PEAK["double"] / 4.0) - np.exp(-PEAK["double"]))
    return np.where(t < 0, 0.0, g)


def currents() -> psn.LIF:
    return psn.LIF(tau_m=TAU_M, E_L=0.0, v_threshold=1.0, v_reset=0.0, receptors=KINDS)


def conductances(method: str = "rk4") -> psn.CobaLIF:
    receptors = {name: r if name == "delta" else r.replace(reversal=0.0) for name, r in KINDS.items()}
    return psn.CobaLIF(v_threshold=1e3, receptors=receptors, method=method)


def run(model, network, **arguments) -> xarray.Dataset:
    return psn.simulate(model, network, **({"duration": 20.0, "seed": 0} | arguments))


def lone(n: int = 1) -> psn.Network:
    return psn.Network.from_edges(pre=[], post=[], n=n)


@pytest.fixture(scope="module")
def star() -> psn.Network:
    """Neuron 0 reaches neurons 1 to 5, each through another receptor, with the weight 0.4."""
    return psn.Network.from_edges(pre=[0] * 5, post=[1, 2, 3, 4, 5], weight=0.4, receptor=list(KINDS))


def first_fires(strength: float = 2.0) -> psn.SpikeStimulus:
    """Makes neuron 0 of `currents()` fire in the step that ends at t = 1.1 ms."""
    return psn.SpikeStimulus(times=[1.0], neurons=[0], strength=strength, channel="delta")


@pytest.mark.parametrize("delay", [None, 0.1, 0.2, 3.0])
def test_currents_follow_their_time_course(star: psn.Network, delay: float | None) -> None:
    net = psn.Network.from_edges(pre=star.pre, post=star.post, weight=0.4, receptor=list(KINDS), delay=delay, n=6)
    names = [f"g_{name}" for name in KINDS if name != "delta"]
    ds = run(currents(), net, stimulus=first_fires(), record=["v", *names])
    assert ds.spike_time.values.tolist() == [pytest.approx(1.1)]
    # A spike emitted in step k acts from step k + delay on: it arrives one step less than the delay after its time.
    t = ds.time.values - (1.1 + (delay or DT) - DT)
    t[np.abs(t) < 1e-9] = 0.0
    for post, name in enumerate(KINDS, 1):
        v = ds.v.values[0, :, post]
        if name == "delta":
            np.testing.assert_allclose(v, np.where(t > 0, 0.4 * np.exp(-t / TAU_M), 0.0), atol=1e-14)
            continue
        g = ds[f"g_{name}"].values[0, :, post]
        if name == "pulse":
            held = np.where(t > 0, 0.4 * (1 - np.exp(-DT / TAU_M)) * np.exp(-(t - DT) / TAU_M), 0.0)
            np.testing.assert_allclose(v, held, atol=1e-14)
            assert (g == 0).all(), "a pulse is over at the end of its step"
            continue
        np.testing.assert_allclose(g, 0.4 * shape(name, t) * (t > 0), atol=1e-14)
        # v is the current filtered by the membrane: convolved on a fine grid.
        fine = np.linspace(0, t[-1], 40001)
        kernel = np.exp(-(t[-1] - fine) / TAU_M) / TAU_M
        assert v[-1] == pytest.approx(np.trapezoid(kernel * 0.4 * shape(name, fine), fine), rel=1e-6)
        others = [k for k in range(6) if k != post]
        assert (ds[f"g_{name}"].values[0][:, others] == 0).all()


def test_the_peak_is_the_weight() -> None:
    """A spike at t = 0 through every receptor of a neuron of its own; the peak lies where theory says."""
    model = psn.CobaLIF(
        v_threshold=1e3,
        method="rk4",
        receptors={
            "alpha": psn.AlphaSynapse(tau=2.0, reversal=0.0),
            "double": psn.DoubleExponentialSynapse(tau_rise=1.0, tau_decay=4.0, reversal=0.0),
        },
    )
    for name in ("alpha", "double"):
        spike = psn.SpikeStimulus(times=[0.0], neurons=[0], strength=0.7, channel=name)
        ds = run(model, lone(), dt=0.01, stimulus=spike, record=f"g_{name}")
        g = ds[f"g_{name}"].sel(trial=0, neuron=0)
        assert float(g.max()) == pytest.approx(0.7, rel=1e-5)
        assert float(g.time[int(g.argmax("time"))]) == pytest.approx(PEAK[name], abs=0.011)


def test_conductances_against_solve_ivp() -> None:
    model = conductances()
    ds = run(
        model, lone(5), record="v",
        stimulus=sum((psn.SpikeStimulus(times=[1.0], neurons=[k], strength=4.0, channel=name)
                      for k, name in enumerate(KINDS) if k), psn.SpikeStimulus(times=[1.0], neurons=[0], strength=4.0,
                                                                                channel="pulse")),
    )  # fmt: skip
    for k, name in enumerate(KINDS):
        v = ds.v.values[0, :, k]
        assert (v[:10] == -70).all()
        t = ds.time.values[10:] - 1.0

        def slope(time, v, name=name):
            g = 4.0 * (time < DT) if name == "pulse" else 0.0 if name == "delta" else 4.0 * shape(name, time)
            return (5.0 * (-70.0 - v) - g * v) / 100.0

        start = -66.0 if name == "delta" else -70.0
        solved = solve_ivp(slope, (0, t[-1] + 1e-9), [start], t_eval=t, rtol=1e-10, atol=1e-10, max_step=DT / 2)
        np.testing.assert_allclose(v[10:], solved.y[0], atol=2e-5, err_msg=name)


def test_delays_per_synapse_and_autapses() -> None:
    delays = np.array([0.1, 0.2, 0.5, 1.7, 12.0, 0.3])
    net = psn.Network.from_edges(pre=[0] * 6, post=[1, 2, 3, 4, 5, 0], weight=0.5, delay=delays, receptor=["delta"] * 6)
    ds = run(currents(), net, stimulus=first_fires(), record="v")
    v = ds.v.values[0]
    for post, delay in zip([1, 2, 3, 4, 5], delays, strict=False):
        moved = np.flatnonzero(v[:, post])
        assert moved[0] == 10 + round(delay / DT), "from step k + delay on"
        assert v[moved[0], post] == pytest.approx(0.5 * np.exp(-DT / TAU_M))
    # The autapse: neuron 0 itself.
    assert v[13, 0] == pytest.approx(0.5 * np.exp(-DT / TAU_M))
    assert v[12, 0] == 0
    # An autapse that is strong enough keeps a neuron firing, once per delay.
    loop = psn.Network.from_edges(pre=[0], post=[0], weight=2.0, delay=1.5, receptor=["delta"])
    np.testing.assert_allclose(np.diff(run(currents(), loop, stimulus=first_fires()).spk.trains()[0]), 1.5)


def test_receptors_by_label_in_any_order_of_synapses() -> None:
    """ampa, nmda and gaba onto one neuron: the sum of what each does alone, in current-based models."""
    receptors = {
        "ampa": psn.ExponentialSynapse(tau=2.0),
        "nmda": psn.DoubleExponentialSynapse(tau_rise=3.0, tau_decay=80.0),
        "gaba": psn.ExponentialSynapse(tau=6.0),
    }
    model = psn.LIF(E_L=0.0, v_threshold=1.0, v_reset=0.0, receptors=receptors)
    start = psn.SpikeStimulus(times=[1.0, 1.0, 4.0], neurons=[0, 1, 2], strength=500.0, channel="ampa")
    names, weight = ["gaba", "ampa", "nmda", "gaba"], np.array([-0.1, 0.2, 0.05, -0.3])
    net = psn.Network.from_edges(pre=[2, 0, 1, 0], post=[3, 3, 3, 3], weight=weight, receptor=names)
    together = run(model, net, stimulus=start, record=["v", "g_ampa", "g_nmda", "g_gaba"])
    alone = np.zeros(200)
    for chosen in range(4):
        one = weight * (np.arange(4) == chosen)
        only = psn.Network.from_edges(pre=[2, 0, 1, 0], post=[3, 3, 3, 3], weight=one, receptor=names)
        alone += run(model, only, stimulus=start, record="v").v.values[0, :, 3]
    assert np.abs(alone).max() > 0.01
    np.testing.assert_allclose(together.v.values[0, :, 3], alone, atol=1e-13)
    assert float(together.g_ampa[0, :, 3].max()) > 0 > float(together.g_gaba[0, :, 3].min())


def test_receptors_by_sign() -> None:
    net = psn.Network.from_edges(pre=[0, 0, 0], post=[1, 2, 3], weight=[3.0, -2.0, 0.0])
    ds = run(psn.CobaLIF(), net, stimulus=psn.ConstantStimulus(strength=1e4, targets=[0]), record=["g_exc", "g_inh"])
    first = round(ds.spk.trains()[0][0] / DT)
    assert ds.g_exc.values[0, first].tolist() == [0, pytest.approx(3.0 * (1 - DT / 20.0)), 0, 0]
    assert ds.g_inh.values[0, first].tolist() == [0, 0, pytest.approx(2.0 * (1 - DT / 100.0)), 0]


# ---- stimuli -------------------------------------------------------------------------------------------------------


def test_stimuli_are_currents_or_spikes() -> None:
    """Spikes act through the first receptor, or the second one if they are negative, or as a current if one says so."""
    model = psn.CobaLIF()
    spike = psn.SpikeStimulus(times=[1.0], neurons=[0], strength=2.0)
    negative = psn.SpikeStimulus(times=[1.0], neurons=[1], strength=-3.0)
    current = psn.SpikeStimulus(times=[1.0], neurons=[2], strength=5.0, channel="current")
    named = psn.SpikeStimulus(times=[1.0], neurons=[3], strength=7.0, channel="inh")
    held = psn.ConstantStimulus(strength=0.25, targets=[4], start=1.0, stop=1.3, channel="exc")
    ds = run(model, lone(5), stimulus=spike + negative + current + named + held, record=["g_exc", "g_inh", "I", "v"])
    exc, inh, injected = (ds[name].values[0] for name in ("g_exc", "g_inh", "I"))
    decay, slow = 1 - DT / 20.0, 1 - DT / 100.0
    assert exc[10].tolist() == [pytest.approx(2.0 * decay), 0, 0, 0, pytest.approx(0.25 * decay)]
    assert inh[10].tolist() == [0, pytest.approx(3.0 * slow), 0, pytest.approx(7.0 * slow), 0]
    assert exc[12, 4] == pytest.approx(0.25 * (decay + decay**2 + decay**3))
    assert exc[13, 4] == pytest.approx(exc[12, 4] * decay)
    assert np.flatnonzero(injected[:, 2]).tolist() == [10]
    assert injected[10, 2] == 5.0
    assert (exc[:10] == 0).all()
    assert (inh[:10] == 0).all()


def test_poisson_input_through_receptors() -> None:
    n, rate = 400, np.linspace(50.0, 2000.0, 400)
    ds = run(
        psn.CobaLIF(v_threshold=1e3), lone(n), duration=200.0, seed=5, record=["g_exc", "g_inh", "I"],
        stimulus=psn.PoissonInput(rate=rate, weight=0.5) + psn.PoissonInput(rate=1000.0, weight=-0.25),
    )  # fmt: skip
    assert (ds.I == 0).all()
    # What arrived, from the conductances: g(k + 1) = (g(k) + arrived) (1 - dt / tau).
    for name, tau, weight, expected in (("g_exc", 20.0, 0.5, rate * 0.2), ("g_inh", 100.0, 0.25, np.full(n, 200.0))):
        g = ds[name].values[0]
        arrived = g / (1 - DT / tau) - np.vstack([np.zeros(n), g[:-1]])
        counts = np.rint(arrived / weight)
        np.testing.assert_allclose(arrived, counts * weight, atol=1e-9)
        z = (counts.sum(0) - expected) / np.sqrt(expected)
        assert abs(z.mean()) < 5 / np.sqrt(n)
        assert 0.8 < z.std() < 1.2  # 5 standard errors of the deviation of 400 values are 0.18


def test_arrays_and_noise_as_currents() -> None:
    model = psn.LIF(E_L=0.0, v_threshold=1e9)
    data = np.random.default_rng(1).normal(0, 1, (100, 3))
    ds = run(
        model,
        lone(4),
        stimulus=psn.ArrayStimulus(data=data, dt=0.2, targets=[3, 0, 2], strength=2.0),
        record=["I", "v"],
    )
    np.testing.assert_allclose(ds.I.values[0][:, [3, 0, 2]], 2.0 * np.repeat(data, 2, axis=0), rtol=1e-12)
    assert (ds.I.values[0, :, 1] == 0).all()
    # Currents held for a step are integrated exactly.
    decay = np.exp(-DT / 20.0)
    v = 0.0
    for k in range(200):
        v = v * decay + ds.I.values[0, k, 0] * (1 - decay)
        assert ds.v.values[0, k, 0] == pytest.approx(v, abs=1e-12)
    noise = run(model, lone(2000), stimulus=psn.NoiseCurrent(sigma=3.0, tau=5.0), record="I", duration=10.0, seed=2).I
    x, y = noise.values[0, 0], noise.values[0, 50]
    assert abs(x.std() / 3.0 - 1) < 5 / np.sqrt(2 * 2000)
    assert abs(np.corrcoef(x, y)[0, 1] - np.exp(-1.0)) < 5 / np.sqrt(2000)


def test_one_network_serves_several_models_and_steps():
    """What is kept of a network between runs is that of the same receptors and delays only."""
    rng = np.random.default_rng(8)
    dense = rng.uniform(1, 4, (20, 20)) * np.where(np.arange(20) < 14, 1, -2)[:, None]
    kept = psn.Network.from_dense(dense, delay=rng.integers(1, 5, (20, 20)).astype(float))
    kick = psn.ConstantStimulus(strength=900.0, targets=[0, 1, 15])
    currents = psn.LIF(receptors={"exc": psn.ExponentialSynapse(), "inh": psn.ExponentialSynapse()})
    for model, dt in (
        (psn.CobaLIF(), 0.1),
        (currents, 0.1),
        (psn.CobaLIF(), 0.1),
        (psn.CobaLIF(), 0.5),
        (psn.AdEx(), 0.1),
    ):
        fresh = psn.Network.from_dense(dense, delay=np.where(dense != 0, _delays(kept), 0.0))
        again, first = (psn.simulate(model, net, duration=60, dt=dt, stimulus=kick) for net in (kept, fresh))
        assert first.sizes["spike"] > 2
        np.testing.assert_array_equal(again.final_v, first.final_v)
        np.testing.assert_array_equal(again.spike_time, first.spike_time)


def _delays(net: psn.Network) -> np.ndarray:
    delays = np.zeros((net.n, net.n))
    delays[np.repeat(np.arange(net.n), np.diff(net.offset)), net.target] = net.delay
    return delays


def test_a_network_is_wired_anew_for_another_kind_of_model():
    model = psn.Equations("dv/dt = -v/(10*ms) : mV", threshold="v > 15*mV", reset="v = 0*mV")
    without = psn.Network.from_edges(pre=[], post=[], n=3)
    synapses = psn.Network.from_edges(pre=[0], post=[1], weight=[1.0], n=3)
    for net in (without, synapses):
        psn.simulate(psn.BernoulliGLM(), net, duration=5.0, dt=1.0)
    assert psn.simulate(model, without, duration=5.0).sizes["neuron"] == 3
    with pytest.raises(ValueError, match="receptors of a Equations must be given"):
        psn.simulate(model, synapses, duration=5.0)
