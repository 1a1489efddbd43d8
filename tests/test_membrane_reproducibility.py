"""The promise for membrane models: threads, trials, pieces and interruptions change no bit."""

from pathlib import Path

import numpy as np
import pytest
import xarray
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyspikenet as psn
from pyspikenet.engine import session

STIMULUS = (
    psn.NoiseCurrent(sigma=300.0, tau=4.0)
    + psn.ConstantStimulus(strength=600.0)
    + psn.PoissonInput(rate=300.0, weight=2.0)
    + psn.PoissonInput(rate=100.0, weight=-2.0)
)
MODEL = psn.AdEx(refractory_period=3.0)


@pytest.fixture(scope="module")
def net() -> psn.Network:
    """Excitation and inhibition with delays of 1 to 40 steps; large enough for two threads."""
    rng = np.random.default_rng(4)
    n, m = 1300, 20_000
    weight = rng.gamma(2.0, 1.0, m) * np.where(rng.random(m) < 0.2, -4.0, 1.0)
    delay = rng.integers(1, 41, m) * 0.1
    return psn.Network.from_edges(
        pre=rng.integers(0, n, m), post=rng.integers(0, n, m), weight=weight, delay=delay, n=n
    )


@pytest.fixture(scope="module")
def small() -> psn.Network:
    rng = np.random.default_rng(5)
    weight = rng.gamma(2.0, 6.0, 300) * np.where(rng.random(300) < 0.2, -4.0, 1.0)
    pre, post = rng.integers(0, 30, 300), rng.integers(0, 30, 300)
    return psn.Network.from_edges(pre=pre, post=post, weight=weight, delay=rng.integers(1, 41, 300) * 0.1, n=30)


def run(network: psn.Network, **changes) -> xarray.Dataset:
    arguments = {"duration": 60.0, "stimulus": STIMULUS, "seed": 11, "record": "v", "record_every": 0.5} | changes
    return psn.simulate(MODEL, network, **arguments)


def assert_same(a: xarray.Dataset, b: xarray.Dataset) -> None:
    """All variables but the provenance."""
    assert set(a.data_vars) == set(b.data_vars)
    for name in a.data_vars:
        np.testing.assert_array_equal(a[name].values, b[name].values, err_msg=str(name))


def pieces_of(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    original = session.Session.__init__

    def in_pieces(self, *args, **kwargs) -> None:
        original(self, *args, **kwargs)
        self._most = steps

    monkeypatch.setattr(session.Session, "__init__", in_pieces)


@pytest.fixture(scope="module")
def whole(net: psn.Network) -> xarray.Dataset:
    ds = run(net, threads=1)
    assert ds.sizes["spike"] > 1000
    assert (ds.final_refractory > 0).any()
    assert (ds.final_projection_1_ring != 0).any()
    assert (ds.final_projection_2_ring != 0).any()
    return ds


def test_threads(net: psn.Network, whole: xarray.Dataset) -> None:
    for threads in (2, 3):
        assert_same(run(net, threads=threads), whole)


@pytest.mark.parametrize("steps", [1, 7, 64, 599])
def test_pieces(small: psn.Network, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    in_one = run(small)
    pieces_of(monkeypatch, steps)
    assert_same(run(small), in_one)


def test_a_trial_alone_or_in_a_batch(small: psn.Network) -> None:
    batch = run(small, trials=4)
    assert len({batch.v.values[k].tobytes() for k in range(4)}) == 4, "trials differ"
    for trials, chosen in (([2], 2), ([9, 2, 5], 2), ([0], 0)):
        alone = run(small, trials=trials)
        np.testing.assert_array_equal(alone.v.sel(trial=chosen), batch.v.sel(trial=chosen))
        for a, b in zip(alone.spk.trains(chosen), batch.spk.trains(chosen), strict=True):
            np.testing.assert_array_equal(a, b)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 599), trials=st.lists(st.integers(0, 50), min_size=1, max_size=3, unique=True))
def test_two_halves_are_the_run_in_one(small: psn.Network, cut: int, trials: list[int]) -> None:
    one = run(small, trials=trials)
    first = run(small, trials=trials, duration=cut * 0.1)
    second = run(small, trials=trials, duration=(600 - cut) * 0.1, initial_state=first)
    np.testing.assert_array_equal(np.concatenate([first.v, second.v], axis=1), one.v)
    for trial in trials:
        halves = zip(first.spk.trains(trial), second.spk.trains(trial), one.spk.trains(trial), strict=True)
        for a, b, both in halves:
            np.testing.assert_allclose(np.concatenate([a, b]), both, rtol=1e-12)
    for name in one.data_vars:
        if str(name).startswith("final_"):
            np.testing.assert_array_equal(second[name], one[name], err_msg=str(name))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_two_halves_through_a_file(small: psn.Network, tmp_path: Path, dtype: str, ending: str) -> None:
    one = run(small, dtype=dtype, trials=2)
    first = run(small, dtype=dtype, trials=2, duration=23.7)
    assert (first.final_refractory > 0).any(), "some neurons are refractory where the run is cut"
    assert (first.final_projection_1_ring != 0).any(), "some spikes are on their way"
    assert first.final_v.dtype == dtype
    psn.save(first, tmp_path / f"first.{ending}")
    loaded = psn.load(tmp_path / f"first.{ending}")
    second = run(small, dtype=dtype, trials=2, duration=36.3, initial_state=loaded)
    for name in one.data_vars:
        if str(name).startswith("final_"):
            np.testing.assert_array_equal(second[name], one[name], err_msg=str(name))
    np.testing.assert_array_equal(np.concatenate([first.v, second.v], axis=1), one.v)


@settings(max_examples=10, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["exc", "inh"]), min_size=1, max_size=12),
    order=st.randoms(use_true_random=False),
)
def test_synapses_may_come_in_any_order(kinds: list[str], order) -> None:
    """Sums of weights that are exact do not depend on the order in which synapses are given."""
    m = len(kinds)
    synapses = [(k % 4, (k * 3 + 1) % 5, (k + 1) / 8, 0.1 + 0.1 * (k % 3), kinds[k]) for k in range(m)]
    shuffled = list(synapses)
    order.shuffle(shuffled)
    stimulus = psn.ConstantStimulus(strength=np.arange(5) * 300.0)
    results = []
    for given_in in (synapses, shuffled):
        pre, post, weight, delay, receptor = zip(*given_in, strict=True)
        network = psn.Network.from_edges(pre=pre, post=post, weight=weight, delay=delay, receptor=receptor, n=5)
        results.append(psn.simulate(MODEL, network, duration=30.0, stimulus=stimulus, seed=1, record="v"))
    np.testing.assert_array_equal(results[0].v, results[1].v)


@settings(max_examples=15, deadline=None)
@given(p=st.permutations(range(8)))
def test_permuted_neurons_without_drawn_numbers(p: list[int]) -> None:
    rng = np.random.default_rng(3)
    dense = rng.integers(0, 40, (8, 8)) * (rng.random((8, 8)) < 0.4) * np.where(np.arange(8) < 6, 1.0, -1.0)[:, None]
    strength = np.linspace(400.0, 1200.0, 8)
    original, permuted = (
        psn.simulate(
            MODEL,
            psn.Network.from_dense(dense[np.ix_(order, order)]),
            duration=40.0,
            stimulus=psn.ConstantStimulus(strength=strength[order]),
            record="v",
        )
        for order in (np.arange(8), np.array(p))
    )
    assert original.sizes["spike"] > 8
    np.testing.assert_array_equal(original.v.values[..., p], permuted.v.values)
