"""The promise: the same seed gives the same spikes, whatever the threads, pieces, batches or order of neurons."""

import numpy as np
import pytest
import xarray
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyspikenet as psn
from pyspikenet.engine import session

STIMULI = (
    psn.RegularStimulus(strength=1.5, period=40.0, duration=8.0, targets="excitatory")
    + psn.PoissonStimulus(strength=1.0, mean_interval=30.0, duration=5.0)
    + psn.PoissonInput(rate=100.0, weight=0.3)
    + psn.NoiseCurrent(sigma=0.5, tau=5.0)
)


def spikes(ds: xarray.Dataset, trial: int | None = None) -> tuple[np.ndarray, ...]:
    keep = slice(None) if trial is None else ds.spike_trial.values == trial
    return tuple(ds[f"spike_{name}"].values[keep] for name in ("trial", "time", "neuron"))


def assert_same(a, b) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def run(net, **changes) -> xarray.Dataset:
    arguments = {"duration": 300.0, "stimulus": STIMULI, "seed": 11} | changes
    return psn.simulate(psn.BernoulliGLM(), net, **arguments)


@pytest.fixture(scope="module")
def net():
    return psn.Network.normal(n=1200, std=6.0, sparsity=0.95, glorot=True, seed=2)  # large enough for several threads


@pytest.fixture(scope="module")
def whole(net):
    ds = run(net)
    assert ds.sizes["spike"] > 500
    return ds


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_threads(net, whole, threads, dtype):
    expected = whole if dtype == "float64" else run(net, dtype=dtype, threads=1)
    assert_same(spikes(run(net, dtype=dtype, threads=threads)), spikes(expected))


@pytest.mark.parametrize("steps", [1, 3, 7, 64, 299])
def test_pieces(net, whole, monkeypatch, steps):
    original = session.Session.__init__

    def in_pieces(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self._most = steps

    monkeypatch.setattr(session.Session, "__init__", in_pieces)
    assert_same(spikes(run(net)), spikes(whole))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 299), trials=st.lists(st.integers(0, 50), min_size=1, max_size=4, unique=True))
def test_a_run_in_two_halves_is_the_run_in_one(net, cut, trials):
    one = run(net, trials=trials)
    first = run(net, trials=trials, duration=float(cut))
    second = run(net, trials=trials, duration=300.0 - cut, initial_state=first)
    assert second.spk.t_start == cut
    for trial in trials:
        both = [np.concatenate(x) for x in zip(spikes(first, trial), spikes(second, trial), strict=True)]
        assert_same(both, spikes(one, trial))
    finals = [name for name in one.data_vars if name.startswith("final_")]
    assert len(finals) == 4
    for name in finals:
        np.testing.assert_array_equal(one[name], second[name])


def test_two_halves_with_delays_kernels_and_channels(tmp_path):
    rng = np.random.default_rng(1)
    net = psn.Network.random(n=60, p=0.2, weight=lambda r, k: r.normal(0, 0.5, k), seed=3)
    net = psn.Network.from_edges(
        pre=net.pre, post=net.post, weight=net.weight, delay=rng.integers(1, 20, net.n_synapses) * 0.5, n=60
    )
    model = psn.Cascade(
        emission="poisson",
        nonlinearity="softplus",
        scale=0.05,
        coupling=psn.RaisedCosineKernel(weights=[1.0, -0.5, 0.3], last_peak=8.0),
        self_kernel=psn.ArrayKernel(weights=[-3.0, -2.0, -1.0]),
        stimulus_kernels={"slow": psn.ExponentialKernel(tau=20.0), "fast": psn.ArrayKernel(weights=[0.5, 0.5])},
    )
    stimulus = psn.PoissonInput(rate=200.0, weight=0.2, channel="slow") + psn.RegularStimulus(
        strength=2.0, period=20.0, duration=2.0, channel="fast"
    )
    arguments = {"dt": 0.5, "stimulus": stimulus, "seed": 5, "trials": 2}
    one = psn.simulate(model, net, duration=200.0, record="drive", **arguments)
    first = psn.simulate(model, net, duration=73.5, **arguments)
    psn.save(first, tmp_path / "first.nc")  # the state survives a file
    second = psn.simulate(
        model, net, duration=126.5, record="drive", initial_state=psn.load(tmp_path / "first.nc"), **arguments
    )
    np.testing.assert_array_equal(one.drive.values[:, 147:], second.drive.values)


def test_a_trial_alone_or_in_a_batch(net):
    batch = run(net, trials=6)
    assert_same(spikes(batch, 0), spikes(run(net), 0))
    assert_same(spikes(batch, 4), spikes(run(net, trials=[4]), 4))
    assert_same(spikes(batch, 4), spikes(run(net, trials=[5, 4, 90]), 4))
    assert len({spikes(batch, k)[1].tobytes() for k in range(6)}) == 6, "trials differ"


def test_seeds_differ(net, whole):
    assert spikes(run(net, seed=12))[1].tobytes() != spikes(whole)[1].tobytes()
    a, b = run(net, seed=None), run(net, seed=None)
    assert a.spk.provenance["seed"] != b.spk.provenance["seed"]
    assert_same(spikes(run(net, seed=a.spk.provenance["seed"])), spikes(a))


def test_permuted_neurons_with_given_numbers():
    """Without drawn numbers, and with weights whose sums are exact, a permutation permutes the spikes exactly."""
    rng = np.random.default_rng(5)
    n = 120
    dense = rng.integers(-8, 9, (n, n)) / 64 * (rng.random((n, n)) < 0.2)
    pulses = rng.integers(0, 12, (200, n)) / 128
    p = rng.permutation(n)
    model = psn.Cascade(
        nonlinearity="identity",
        emission="threshold",
        coupling=psn.ArrayKernel(weights=[1.0, 0.5, 0.25]),
        self_kernel=psn.ArrayKernel(weights=[-1.0, -0.5]),
        theta=0.0625,
    )
    original, permuted = (
        psn.simulate(
            model,
            psn.Network.from_dense(dense[np.ix_(order, order)]),
            duration=200.0,
            dt=1.0,
            stimulus=psn.ArrayStimulus(data=pulses[:, order], dt=1.0),
        ).spk.raster()
        for order in (np.arange(n), p)
    )
    assert 0.05 < float(original.mean()) < 0.9
    np.testing.assert_array_equal(original.values[..., p], permuted.values)


def test_permuted_neurons_with_drawn_numbers(dale):
    """With drawn numbers the permuted network has the same rates, neuron by neuron, within their standard error."""
    p = np.random.default_rng(6).permutation(dale.n)
    shuffled = psn.Network.from_dense(dale.to_dense()[np.ix_(p, p)])
    a, b = (
        psn.simulate(
            psn.BernoulliGLM(theta=4.0), net, duration=4000, trials=4, seed=seed, equilibration=100
        ).spk.counts()
        for net, seed in ((dale, 1), (shuffled, 2))
    )
    difference = a.sum("trial").values[p] - b.sum("trial").values
    # Counts of a refractory process vary less than Poisson counts, which bound the variance from above.
    z = difference / np.sqrt(a.sum("trial").values[p] + b.sum("trial").values)
    assert np.abs(z).max() < 5
    assert abs(z.mean()) < 5 / np.sqrt(z.size)


def test_equilibration_comes_from_the_seed(net):
    a, b = (run(net, equilibration=50.0, stimulus=None, seed=s) for s in (1, 1))
    assert_same(spikes(a), spikes(b))
    assert a.spk.t_start == 0
    assert a.spike_time.values.min() > 0
    # The state it starts from is one in which half of the neurons has just fired, not rest.
    first = [run(net, equilibration=e, stimulus=None, seed=1, record="drive").drive.values[0, 0] for e in (0.0, 1.0)]
    assert (first[0] == 0).all()
    assert 0.4 < np.mean(first[1] < -50) < 0.6, "half of the neurons are refractory one step later"


def test_networks_run_as_one_and_apart():
    rng = np.random.default_rng(7)
    parts = [psn.Network.from_dense(rng.normal(0, 1, (k, k)) * (rng.random((k, k)) < 0.3)) for k in (5, 17, 40)]
    model = psn.BernoulliGLM(theta=2.0)
    together = psn.simulate(model, psn.Network.combine(parts), duration=400, trials=2, seed=3, record="drive")
    assert together.network.values.tolist() == [0] * 5 + [1] * 17 + [2] * 40
    for net, part in zip(parts, together.spk.split(), strict=True):
        assert part.sizes["neuron"] == net.n
        # Each behaves as it would alone: its drive follows from its own spikes.
        np.testing.assert_allclose(psn.drive(model, net, spikes=part).drive, part.drive, atol=1e-12)
    assert sum(part.sizes["spike"] for part in together.spk.split()) == together.sizes["spike"]
