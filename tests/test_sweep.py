"""Sweeps: each point is what simulate() makes of it, labelled, and kept where a sweep is broken off."""

import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import xarray

import pyspikenet as psn
from pyspikenet.fitting.space import Space
from pyspikenet.sweep import blocks_of, drawn

MODEL = psn.LIF(E_L=-65.0, v_threshold=-50.0, v_reset=-60.0, tau_m=20.0)
NETWORK = psn.Network.random(n=8, p=0.3, weight=6.0, delay=1.0, seed=1)
DRIVE = psn.ConstantStimulus(strength=18.0) + psn.NoiseCurrent(sigma=10.0, tau=5.0)
OVER = {"tau_m": [12.0, 20.0], "stimulus.0.strength": np.array([18, 24, 30])}


def first_neuron(ds):
    return float((ds.spike_neuron == 0).sum())


def several(ds):
    return {"per_bin": ds.spk.counts(50.0).sum("trial"), "two": [1, 2], "size": ds.sizes["spike"]}


def swept(**changes):
    asked = {"over": OVER, "duration": 200.0, "stimulus": DRIVE, "trials": 2, "seed": 3, "progress": False}
    asked = {"model": MODEL, "network": NETWORK} | asked
    return psn.sweep(**(asked | changes))


def alone(tau_m, strength, **changes):
    stimulus = psn.ConstantStimulus(strength=strength) + DRIVE[1]
    asked = {"duration": 200.0, "stimulus": stimulus, "trials": 2, "seed": 3}
    return psn.simulate(MODEL.replace(tau_m=tau_m), NETWORK, **(asked | changes))


def each_point(ds):
    for tau in OVER["tau_m"]:
        for strength in OVER["stimulus.0.strength"]:
            yield ds.sel({"tau_m": tau, "stimulus.0.strength": strength}), alone(tau, strength)


def test_each_point_is_what_simulate_makes_of_it():
    names = ["spike_count", "rate", "cv", "lv", "latency"]
    ds = swept(measure=[*names, first_neuron, several], each=("trial", "neuron"))
    assert ds.rate.dims == ("tau_m", "stimulus.0.strength", "trial", "neuron")
    assert ds.per_bin.dims == ("tau_m", "stimulus.0.strength", "time", "neuron")
    assert ds.two.dims == ("tau_m", "stimulus.0.strength", "two_0")
    assert (ds.rate.units, ds.latency.units, ds.tau_m.units) == ("Hz", "ms", "ms")
    assert ds.done.all()
    assert (ds.failure == "").all()
    assert ds.interrupted == 0
    assert len(np.unique(ds.spike_count.sum(("trial", "neuron")))) > 4
    for point, run in each_point(ds):
        np.testing.assert_array_equal(point.spike_count, run.spk.counts())
        np.testing.assert_allclose(point.rate, run.spk.rates())
        np.testing.assert_allclose(point.cv, run.spk.cv())
        np.testing.assert_allclose(point.lv, run.spk.lv())
        firsts = [[t[0] if len(t) else np.nan for t in run.spk.trains(trial)] for trial in (0, 1)]
        np.testing.assert_allclose(point.latency, firsts)
        assert point.first_neuron == (run.spike_neuron == 0).sum()
        assert point["size"] == run.sizes["spike"]
        xarray.testing.assert_equal(
            point.per_bin.drop_vars(OVER.keys()), run.spk.counts(50.0).sum("trial").astype(float)
        )
        assert point.two.values.tolist() == [1, 2]


def test_features_are_means_unless_asked_for_each():
    ds, of_neurons = swept(measure=["rate", "cv"]), swept(measure=["rate", "cv"], each="neuron")
    assert ds.cv.dims == ("tau_m", "stimulus.0.strength")
    assert of_neurons.cv.dims == ("tau_m", "stimulus.0.strength", "neuron")
    for point, run in each_point(ds):
        assert float(point.rate) == pytest.approx(float(run.spk.rates().mean()))
        assert float(point.cv) == pytest.approx(float(run.spk.cv().mean()))
    for point, run in each_point(of_neurons):
        np.testing.assert_allclose(point.cv, run.spk.cv().mean("trial"))


def ring(values):
    n = values["rungs"]
    return psn.Network.from_edges(pre=np.arange(n), post=(np.arange(n) + 1) % n, weight=60.0, n=n)


def cell(values):
    if values["rungs"] == 4 and values["cell"] != "calm":
        raise ValueError("not with four rungs")
    return MODEL if values["cell"] == "calm" else MODEL.replace(v_threshold=-56.0)


def test_pieces_made_by_functions_and_points_that_fail():
    kick = psn.ConstantStimulus(strength=100.0, stop=20.0, targets=[0])
    over = {"rungs": [3, 4, 6], "cell": {"quiet": "calm", "loud": 2.5}}
    ds = psn.sweep(cell, ring, over=over, measure="spike_count", duration=100.0, stimulus=kick, progress=False)
    assert ds.cell.values.tolist() == ["quiet", "loud"]
    assert ds.rungs.values.tolist() == [3, 4, 6]
    for n in (3, 4, 6):
        for label, given in over["cell"].items():
            point = ds.sel(rungs=n, cell=label)
            if (n, label) == (4, "loud"):
                assert str(point.failure.values) == "not with four rungs"
                assert np.isnan(point.spike_count)
                continue
            values = {"rungs": n, "cell": given}
            run = psn.simulate(cell(values), ring(values), duration=100.0, stimulus=kick, seed=0)
            assert float(point.spike_count) == pytest.approx(run.sizes["spike"] / n)
            assert run.sizes["spike"] > 3


def test_a_number_for_all_synapses_and_neurons():
    model = MODEL.replace(tau_m=np.linspace(10, 20, 8))
    over = {"weight": [0.0, 8.0], "tau_m": [15.0]}
    ds = swept(model=model, over=over, measure="spike_count", each=("trial", "neuron"))
    for w in (0.0, 8.0):
        run = psn.simulate(
            MODEL.replace(tau_m=15.0), NETWORK.with_weights(np.full(NETWORK.n_synapses, w)), duration=200.0,
            stimulus=DRIVE, trials=2, seed=3,
        )  # fmt: skip
        np.testing.assert_array_equal(ds.spike_count.sel(weight=w, tau_m=15.0), run.spk.counts())


@pytest.mark.parametrize("design", ["random", "sobol", "latin_hypercube"])
def test_random_designs(design):
    over = {
        "tau_m": (12, 20),
        "stimulus.0.strength": psn.Real(10, 1000, log=True),
        "refractory_period": psn.Integer(1, 4),
    }
    space = Space({name: psn.Real(*x) if isinstance(x, tuple) else x for name, x in over.items()})
    rows = drawn(space, 200, design, 5)
    assert (rows == drawn(space, 200, design, 5)).all()
    assert (rows != drawn(space, 200, design, 6)).any()
    assert (rows.min(0) >= [12, 10, 1]).all()
    assert (rows.max(0) <= [20, 1000, 4]).all()
    assert np.median(rows[:, 1]) == pytest.approx(100, rel=0.5)
    whole, counts = np.unique(rows[:, 2], return_counts=True)
    assert whole.tolist() == [1, 2, 3, 4]
    assert counts.min() > 25
    if design == "latin_hypercube":
        assert np.unique(np.floor((rows[:, 0] - 12) / 8 * 200)).size == 200


def test_a_random_design_is_labelled_and_what_simulate_makes_of_it():
    over = {"tau_m": (12, 20), "stimulus.0.strength": (20, 30)}
    ds = swept(over=over, samples=5, measure="spike_count", each="trial")
    assert ds.spike_count.dims == ("sample", "trial")
    assert ds.tau_m.dims == ("sample",)
    for k in range(5):
        point = ds.isel(sample=k)
        run = alone(float(point.tau_m), float(point["stimulus.0.strength"]))
        np.testing.assert_allclose(point.spike_count, run.spk.counts().mean("neuron"))
    assert ds.spike_count.values.min() > 0


def test_blocks_cover_whole_rows():
    assert blocks_of({"a": 10, "b": 20, "c": 30}, 100) == (1, 3, 30)
    assert blocks_of({"a": 10, "b": 20, "c": 30}, 10) == (1, 1, 10)
    assert blocks_of({"a": 10, "b": 20}, 10**6) == (10, 20)
    assert blocks_of({"sample": 7}, 3) == (3,)


# ---- stores ----------------------------------------------------------------------------------------------------------


def stopping(ds):
    """Presses Ctrl-C at the fourth point that is measured."""
    with open(os.environ["PYSPIKENET_TEST_CALLS"], "a") as file:  # noqa: PTH123
        file.write("x")
    if os.path.getsize(os.environ["PYSPIKENET_TEST_CALLS"]) == 4:
        os.kill(os.getpid(), signal.SIGINT)
    return float(ds.sizes["spike"])


@pytest.fixture
def calls(monkeypatch, tmp_path):
    monkeypatch.setenv("PYSPIKENET_TEST_CALLS", str(tmp_path / "calls"))
    monkeypatch.setattr(sys.modules["pyspikenet.sweep"], "MOST_POINTS", 2)  # the module, not the function
    return lambda: (tmp_path / "calls").stat().st_size


def test_a_sweep_goes_on_where_it_was_interrupted(calls, tmp_path):
    path = tmp_path / "sweep.zarr"
    measure = [stopping, "rate"]
    first = swept(measure=measure, path=path)
    assert first.interrupted == 1
    assert int(first.done.sum()) == 5  # the block under way is finished
    assert np.isfinite(first.rate.values).sum() == np.isfinite(first.stopping.values).sum() == 5
    with ProcessPoolExecutor(1) as pool:
        second = swept(measure=measure, path=path, resume=True, executor=pool)
    assert calls() == 6
    assert second.interrupted == 0
    whole = swept(measure=measure, path=tmp_path / "whole.zarr")
    in_memory = swept(measure=measure)
    for ds in (whole, in_memory):
        for name in ("stopping", "rate", "done", "failure"):
            xarray.testing.assert_identical(second[name].load(), ds[name].load())
    done = calls()
    xarray.testing.assert_identical(swept(measure=measure, path=path, resume=True).load(), second.load())
    assert calls() == done
    with pytest.raises(ValueError, match="resume must go on with the same sweep"):
        swept(measure=measure, path=path, resume=True, seed=4)
    with pytest.raises(FileExistsError, match="resume=True goes on with it"):
        swept(measure=measure, path=path)


def test_an_interrupted_sweep_in_memory_keeps_what_is_done(calls):
    ds = swept(measure=stopping)
    assert ds.interrupted == 1
    assert np.isfinite(ds.stopping.values).sum() == ds.done.sum() == 5


def test_random_designs_in_a_store(tmp_path):
    over = {"tau_m": (12, 20), "kind": psn.Categorical(["a", "b"])}
    asked = {"over": over, "samples": 6, "measure": "rate", "model": lambda x: MODEL.replace(tau_m=x["tau_m"])}
    ds = swept(**asked, path=tmp_path / "sweep.zarr").load()
    memory = swept(**asked)
    assert set(ds.kind.values) <= {"a", "b"}
    for name in ("rate", "tau_m", "kind"):
        xarray.testing.assert_identical(ds[name], memory[name])
    assert np.isfinite(ds.rate).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"over": {}}, "over must be a dict of names"),
        ({"over": {"tau_m": 3.0}}, r"over\['tau_m'\] must be a list of values"),
        ({"over": {"tau_m": []}}, r"over\['tau_m'\] must have at least one value"),
        ({"over": {"tau_m": [3.0, 3.0]}}, r"over\['tau_m'\] must have each value once"),
        ({"over": {"tau_m": psn.Real(1, 2)}}, r"over\['tau_m'\] must be a list of values, or bounds where samples="),
        ({"over": {"tau_m": [3.0, -1.0]}}, "tau_m.*must"),
        ({"over": {"tau_m": [10.0, 3.0, -1.0]}}, r"over\['tau_m'\] must lie within its range"),
        ({"over": {"tau": [1, 2]}}, "must be from tau_m"),
        ({"over": {"tau_m": [1, 2]}, "samples": 0}, "samples must be at least 1"),
        ({"over": {"tau_m": [1, 2]}, "samples": 4, "design": "grid"}, "design must be one of random, sobol"),
        ({"measure": "rates"}, "measure must be from spike_count"),
        ({"measure": []}, "measure must be names of features"),
        ({"each": "synapse"}, "each must be 'trial', 'neuron' or both"),
        ({"measure": lambda ds: "much"}, "measure must return numbers, arrays or a dict of them, got 'much'"),
        ({"measure": lambda ds: {"tau_m": 1.0}}, "measure must not return something called tau_m"),
        ({"measure": ["rate", lambda ds: {"rate": 1.0}]}, "measure must give each result a name of its own, got two"),
        ({"resume": True}, "resume must be False where there is no path"),
        ({"path": "sweep.nc"}, r"path must end in \.zarr"),
        ({"executor": 4}, "executor must have the interface"),
    ],
)
def test_errors(changes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        swept(**changes)
