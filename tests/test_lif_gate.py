"""LIFGate: the reference values, and a network with graded synapses against a plain loop."""

import numpy as np
import pytest

import pyspikenet as psn


def test_reference_values():
    cell = psn.Network.from_edges(pre=[], post=[], weight=[], n=1)
    model = psn.LIFGate(E_L=-50.0, R=137.0, tau_m=1.8)
    x = psn.ArrayStimulus(data=0.9 * np.array([1.0, 0, 0, 1, 1]), dt=1.0)
    ds = psn.simulate(model, cell, duration=5, stimulus=x, record=["v", "g"])
    np.testing.assert_allclose(ds.v.values.ravel()[:4], [18.5, -19.555556, -36.469136, 24.513717], rtol=1e-5)
    np.testing.assert_array_equal(ds.spike_time, [5.0])
    assert float(ds.v[0, -1, 0]) == -50.0
    np.testing.assert_array_equal(ds.g.values.ravel(), [0, 0, 0, 0, 1])
    unbounded = psn.simulate(model.replace(v_threshold=1000.0), cell, duration=5, stimulus=x, record="v")
    assert float(unbounded.v[0, -1, 0]) == pytest.approx(51.617208, rel=1e-5)


@pytest.mark.parametrize("n", [12, 1100])
@pytest.mark.parametrize("delay", [1.0, 3.0])
def test_a_network_against_a_plain_loop(n, delay):
    rng = np.random.default_rng(n)
    signs = np.where(np.arange(n) < 2 * n // 3, 1.0, -1.0)
    w = rng.uniform(0, 4.0 / n, (n, n)) * signs[:, None]
    np.fill_diagonal(w, 0)
    x = 0.9 * (rng.random((300, n)) < 0.03)
    own = {"tau_m": rng.uniform(1.2, 2.3, n), "tau_g": rng.uniform(2, 3.5, n), "E_L": rng.uniform(-55, -45, n)}
    model = psn.LIFGate(**own, R=137.0)
    net = psn.Network.from_dense(w, delay=delay)
    runs = [
        psn.simulate(
            model, net, duration=300, stimulus=psn.ArrayStimulus(data=x, dt=1.0), record=["v", "g"], threads=threads
        )
        for threads in (1, 2)
    ]
    v, gates, expected = own["E_L"].copy(), [np.zeros(n)] * 3, []
    for k in range(300):
        v = v + (own["E_L"] - v + 137.0 * (gates[-int(delay)] @ w + x[k])) / own["tau_m"]
        spiking = v >= 30
        expected += [(k + 1.0, i) for i in np.flatnonzero(spiking)]
        v = np.where(spiking, own["E_L"], v)
        gates.append(np.where(spiking, 1.0, gates[-1] - gates[-1] / own["tau_g"]))
    assert len(expected) > 2 * n
    for ds in runs:
        assert list(zip(ds.spike_time.values, ds.spike_neuron.values, strict=True)) == expected
        np.testing.assert_allclose(ds.g.values[0, -1], gates[-1], rtol=1e-12)


def test_input_of_at_most_one_spike_per_step():
    cell = psn.Network.from_edges(pre=[], post=[], weight=[], n=200)
    ds = psn.simulate(
        psn.LIFGate(),
        cell,
        duration=500,
        seed=1,
        stimulus=psn.PoissonInput(rate=700.0, weight=0.9, most=1),
        record="g_input",
    )
    # The pulse is over at the end of a step; what arrived shows in v.
    arrived = psn.simulate(
        psn.LIFGate(v_threshold=1e9), cell, duration=500, seed=1, record="I",
        stimulus=psn.PoissonInput(rate=700.0, weight=0.9, most=1, channel="current"),
    )  # fmt: skip
    assert not ds.g_input.values.any()
    assert set(np.unique(arrived.I)) == {0.0, 0.9}
    p = 1 - np.exp(-0.7)
    assert np.mean(arrived.I.values > 0) == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / arrived.I.size))
