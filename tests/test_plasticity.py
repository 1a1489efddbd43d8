"""Plasticity: reference values, against a plain loop, and the promises of every run."""

import numpy as np
import pytest
import xarray

import pyspikenet as psn

KICK = {"syn": psn.ExponentialSynapse(tau=1.0), "kick": psn.DeltaSynapse()}
CELL = psn.LIF(receptors=KICK)


def kicks(steps, neurons):
    """Makes the neurons spike in these steps of 1 ms."""
    return psn.SpikeStimulus(times=np.asarray(steps, float), neurons=neurons, strength=100.0, channel="kick")


def synapse(weight=0.5):
    return psn.Network.from_edges(pre=[0], post=[1], weight=[weight], receptor=["syn"], n=2)


@pytest.mark.parametrize(
    ("difference", "change"),
    [(-5, -0.00817741), (-1, -0.00998791), (1, 0.00951229), (5, 0.00778801), (20, 0.00367879), (0, 0.0)],
)
def test_stdp_of_one_pair(difference, change):
    ds = psn.simulate(
        CELL, synapse(), duration=80, dt=1.0, stimulus=kicks([30, 30 + difference], [0, 1]), plasticity=psn.STDP()
    )
    assert ds.sizes["spike"] == 2
    assert float(ds.final_weight[0, 0]) - 0.5 == pytest.approx(change, rel=1e-5, abs=1e-15)


def test_short_term_plasticity_releases_the_reference_values():
    ds = psn.simulate(
        CELL, synapse(1.0), duration=400, dt=1.0, stimulus=kicks([10, 110, 210, 310], [0] * 4), record="g_syn",
        record_neurons=[1], plasticity={"syn": psn.TsodyksMarkram()},
    )  # fmt: skip
    g = ds.g_syn.values[0, :, 0]
    np.testing.assert_allclose(g[[11, 111, 211, 311]] * np.exp(1), [0.45, 0.292105, 0.193338, 0.14767], rtol=1e-5)


# ---- against a plain loop --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy():
    """30 neurons with given spikes, and synapses between them, autapses included."""
    rng = np.random.default_rng(3)
    pre, post = np.nonzero(rng.random((30, 30)) < 0.3)
    weight = rng.uniform(0.2, 0.8, pre.size)
    net = psn.Network.from_edges(pre=pre, post=post, weight=weight, receptor=["syn"] * pre.size, n=30)
    step, neuron = np.nonzero(rng.random((300, 30)) < 0.04)
    return net, step, neuron


def spikes_by_step(ds):
    counts = np.zeros((round(ds.spk.duration / ds.spk.dt), ds.sizes["neuron"]), int)
    np.add.at(counts, (np.rint(ds.spike_time.values / ds.spk.dt).astype(int) - 1, ds.spike_neuron.values), 1)
    return counts


def plain(rule, net, spikes, dt):
    """The pair rule as one writes it down, one synapse after the other."""
    pre = np.repeat(np.arange(net.n), np.diff(net.offset))
    post, w = net.target, net.weight.astype(float)
    if isinstance(rule, psn.STDP):
        tau_x, tau_y, mu = rule.tau_plus, rule.tau_minus, rule.mu
        on_pre, on_post = lambda y: rule.A_minus * y * rule.w_max, lambda x: rule.A_plus * x * rule.w_max
    else:
        tau_x = tau_y = rule.tau
        mu, alpha = 0.0, 2 * rule.rho_0 / 1000 * rule.tau
        on_pre, on_post = lambda y: rule.eta * (y - alpha), lambda x: rule.eta * x
    x, y = np.zeros(net.n), np.zeros(net.n)
    history = []
    for s in spikes:
        x *= np.exp(-dt / tau_x)
        y *= np.exp(-dt / tau_y)
        for e in np.flatnonzero(s[pre]):
            w[e] = np.clip(w[e] + on_pre(y[post[e]]) * (w[e] / rule.w_max) ** mu, rule.w_min, rule.w_max)
        for e in np.flatnonzero(s[post]):
            w[e] = np.clip(w[e] + on_post(x[pre[e]]) * (1 - w[e] / rule.w_max) ** mu, rule.w_min, rule.w_max)
        x, y = (np.where(s > 0, 1.0 if rule.pairing == "nearest" else trace + 1, trace) for trace in (x, y))
        history.append(w.copy())
    return np.array(history)


@pytest.mark.parametrize(
    "rule",
    [
        psn.STDP(),
        psn.STDP(mu=1.0, tau_plus=15.0, tau_minus=30.0, A_plus=0.05, A_minus=-0.05),
        psn.STDP(mu=0.3, pairing="nearest", A_plus=0.1, A_minus=-0.12),
        psn.STDP(A_plus=0.5, A_minus=-0.5, w_min=0.1, w_max=0.9),
        psn.InhibitorySTDP(eta=0.02, rho_0=10.0, w_max=1.0),
    ],
    ids=["additive", "multiplicative", "nearest", "bounds", "inhibitory"],
)
def test_against_a_plain_loop(busy, rule):
    net, step, neuron = busy
    weight = net.weight.copy()
    ds = psn.simulate(
        CELL, net, duration=300, dt=1.0, stimulus=kicks(step, neuron), plasticity={"syn": rule}, record="weight"
    )
    expected = plain(rule, net, spikes_by_step(ds), 1.0)
    np.testing.assert_allclose(ds.weight.values[0], expected, rtol=1e-12)
    np.testing.assert_array_equal(ds.final_weight.values[0], ds.weight.values[0, -1])
    assert np.ptp(ds.final_weight.values[0] - weight) > 0.01
    np.testing.assert_array_equal(net.weight, weight)
    np.testing.assert_array_equal(ds.synapse_post, net.target)


def test_signs_and_receptors_of_the_network_come_back():
    rng = np.random.default_rng(4)
    net = psn.Network.from_dense(rng.uniform(0.1, 0.9, (20, 20)) * np.where(np.arange(20) < 14, 1, -1)[:, None])
    ds = psn.simulate(
        psn.CobaLIF(), net, duration=100, seed=2, plasticity={"exc": psn.STDP()}, record="weight", record_every=50,
        stimulus=psn.PoissonInput(rate=2000, weight=3.0),
    )  # fmt: skip
    assert ds.sizes["spike"] > 20
    final = ds.final_weight.values[0]
    inhibitory = net.weight < 0
    np.testing.assert_array_equal(final[inhibitory], net.weight[inhibitory])
    assert np.all(final[~inhibitory] >= 0)
    assert np.any(final[~inhibitory] != net.weight[~inhibitory])
    assert ds.weight.dims == ("trial", "time", "synapse")
    np.testing.assert_array_equal(ds.time, [50.0, 100.0])


def test_currents_that_inhibit_keep_their_sign():
    net = psn.Network.from_edges(pre=[0], post=[1], weight=[-0.5], n=2)
    ds = psn.simulate(
        psn.LIF(), net, duration=50, stimulus=psn.ConstantStimulus(strength=60.0), plasticity={"inh": psn.STDP()}
    )
    assert ds.sizes["spike"] > 4
    assert -1 <= float(ds.final_weight[0, 0]) < 0


# ---- the promises of every run ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large():
    net = psn.Network.random(n=1200, indegree=20, weight=0.5, seed=5)
    signs = np.where(np.repeat(np.arange(1200), np.diff(net.offset)) < 960, 1.0, -4.0)
    pre = np.repeat(np.arange(1200), np.diff(net.offset))
    return psn.Network.from_edges(pre=pre, post=net.target, weight=net.weight * signs, delay=0.3, n=1200)


RULES = {"exc": (psn.STDP(A_plus=0.05, A_minus=-0.05), psn.TsodyksMarkram(U=0.6)), "inh": psn.InhibitorySTDP(eta=0.1)}


def run(net, duration=60.0, **changes) -> xarray.Dataset:
    given = {"stimulus": psn.ConstantStimulus(strength=21.0) + psn.NoiseCurrent(sigma=15.0), "seed": 3} | changes
    return psn.simulate(psn.LIF(refractory_period=2.0), net, duration=duration, plasticity=RULES, **given)


def assert_same(a, b):
    for name in ("spike_time", "spike_neuron", *(x for x in a.data_vars if str(x).startswith("final_"))):
        np.testing.assert_array_equal(a[name], b[name], err_msg=str(name))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_threads_and_halves(large, dtype):
    whole = run(large, dtype=dtype, threads=1)
    assert whole.sizes["spike"] > 500
    assert_same(whole, run(large, dtype=dtype, threads=2))
    first = run(large, 25.3, dtype=dtype)
    second = run(large, 34.7, dtype=dtype, initial_state=first)
    for name in (x for x in whole.data_vars if str(x).startswith("final_")):
        np.testing.assert_array_equal(whole[name], second[name], err_msg=str(name))
    spikes = np.concatenate([first.spike_neuron, second.spike_neuron])
    np.testing.assert_array_equal(whole.spike_neuron, spikes)


def test_a_trial_alone_is_the_trial_in_a_batch(large):
    batch = run(large, 60.0, trials=3)
    alone = run(large, 60.0, trials=[2])
    np.testing.assert_array_equal(batch.final_weight.values[2], alone.final_weight.values[0])
    assert np.any(batch.final_weight.values[1] != batch.final_weight.values[2])


def test_inhibitory_plasticity_brings_neurons_to_their_target_rate():
    rng = np.random.default_rng(6)
    n, inhibitory = 60, 40
    pre, post = (x.ravel() for x in np.meshgrid(np.arange(20, n), np.arange(20), indexing="ij"))
    net = psn.Network.from_edges(pre=pre, post=post, weight=np.full(pre.size, -0.1), n=n)
    drive = psn.ArrayStimulus(data=np.r_[np.full(20, 26.0), rng.uniform(20.5, 24.0, inhibitory)][None], dt=40_000.0)
    ds = psn.simulate(
        psn.LIF(refractory_period=5.0), net, duration=40_000, stimulus=drive + psn.NoiseCurrent(sigma=10.0), seed=1,
        plasticity={"inh": psn.InhibitorySTDP(eta=0.05, rho_0=10.0, w_max=20.0)},
    )  # fmt: skip
    time, neuron = ds.spike_time.values, ds.spike_neuron.values
    early = np.sum((time < 1000) & (neuron < 20)) / 20
    late = np.sum((time >= 20_000) & (neuron < 20)) / 20 / 20
    assert early > 20
    assert late == pytest.approx(10.0, rel=0.15)


def test_a_cascade_learns_as_well(triangle):
    net = psn.Network.from_edges(pre=[0, 1], post=[1, 0], weight=[0.5, 0.5])
    ds = psn.simulate(
        psn.BernoulliGLM(theta=1.0), net, duration=500, seed=1, plasticity=psn.STDP(), record="weight", record_every=100
    )
    expected = plain(psn.STDP(), net, spikes_by_step(ds), 1.0)
    np.testing.assert_allclose(ds.weight.values[0], expected[99::100], rtol=1e-12)


@pytest.mark.parametrize(
    ("net", "plasticity", "message"),
    [
        ([0.5, -0.5], psn.STDP(), None),
        ([0.5, 2.0], psn.STDP(), r"w_min and w_max of STDP must enclose .* 0\.5 to 2\.0, got 0\.0 and 1\.0"),
        ([0.5, 0.5], {"ampa": psn.STDP()}, r"by receptors of the model \('exc', 'inh'\), got 'ampa'"),
        ([0.5, 0.5], "STDP", r"plasticity must be a rule such as STDP\(\), or a tuple of them, got 'STDP'"),
        ([0.5, 0.5], (psn.STDP(), psn.InhibitorySTDP()), "at most one rule for weights"),
    ],
)
def test_refused(net, plasticity, message):
    network = psn.Network.from_edges(pre=[0, 1], post=[1, 0], weight=net)
    if message is None:
        psn.simulate(psn.LIF(), network, duration=1, plasticity=plasticity)
        with pytest.raises(ValueError, match=r"one sign for STDP, got weights from -0\.5 to 0\.5"):
            psn.simulate(psn.BernoulliGLM(), network, duration=10, plasticity=plasticity)
        return
    with pytest.raises((ValueError, TypeError), match=message):
        psn.simulate(psn.LIF(), network, duration=1, plasticity=plasticity)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: psn.STDP(w_min=2.0), r"w_max must be larger than w_min = 2\.0, got 1\.0"),
        (lambda: psn.STDP(pairing="some"), r"pairing must be one of all, nearest, got 'some'"),
        (lambda: psn.STDP(tau_plus=0), r"tau_plus must be positive, got 0\.0"),
        (lambda: psn.TsodyksMarkram(U=1.5), r"U must be in \[0, 1\], got 1\.5"),
        (
            lambda: psn.simulate(psn.LIFGate(), synapse(), duration=1, plasticity=psn.TsodyksMarkram()),
            "receptors from",
        ),
    ],
)
def test_refused_rules(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_weights_that_do_not_change_cannot_be_recorded():
    with pytest.raises(ValueError, match=r"record must be from .*, got 'weight'"):
        psn.simulate(CELL, synapse(), duration=1, record="weight", plasticity=psn.TsodyksMarkram())
