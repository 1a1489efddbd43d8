"""simulate() and drive(): what they take, and the dataset they give."""

import numpy as np
import xarray

import pyspikenet as psn


def test_dataset(dale):
    ds = psn.simulate(
        psn.BernoulliGLM(), dale, duration=500.0, trials=3, seed=4, record=["drive", "rate"], equilibration=20.0
    )
    assert set(ds.sizes) >= {"spike", "neuron", "trial", "time"}
    assert ds.drive.dims == ds.rate.dims == ("trial", "time", "neuron")
    assert ds.drive.shape == (3, 500, 100)
    assert ds.rate.attrs["units"] == "Hz"
    assert ds.spike_time.attrs["units"] == ds.time.attrs["units"] == "ms"
    assert ds.time.values[[0, -1]].tolist() == [1.0, 500.0], "times are those of the ends of steps"
    assert ds.spike_time.values.min() >= 1
    assert ds.spike_time.values.max() <= 500
    assert ds.group_excitatory.values.sum() == 50
    order = np.lexsort((ds.spike_neuron, ds.spike_time, ds.spike_trial))
    np.testing.assert_array_equal(order, np.arange(ds.sizes["spike"]))
    about = ds.spk.provenance
    assert about["model"]["theta"] == 5.0
    assert about["network"]["sha256"] == dale.hash()
    assert (about["seed"], about["dt"], about["equilibration"]) == (4, 1.0, 20.0)
    assert ds.attrs["interrupted"] == 0


def test_spikes_are_drawn_from_the_recorded_rate(dale):
    ds = psn.simulate(psn.BernoulliGLM(), dale, duration=3000.0, trials=4, seed=4, record="rate", equilibration=50.0)
    p = ds.rate.values / 1000
    fired = ds.spk.raster().values
    for low, high in ((0, 1e-6), (1e-6, 0.005), (0.005, 0.01), (0.01, 0.05), (0.05, 1)):
        chosen = (p >= low) & (p < high)
        expected, m = p[chosen].sum(), chosen.sum()
        assert m > 500
        assert abs(fired[chosen].sum() - expected) < 5 * np.sqrt(expected) + 1


def test_precision(dale):
    for dtype in ("float32", "float64"):
        ds = psn.simulate(psn.BernoulliGLM(), dale, duration=100.0, seed=1, record="drive", dtype=dtype)
        assert ds.drive.dtype == dtype
    single, double = (
        psn.drive(psn.BernoulliGLM(), dale, spikes=ds, dtype=dtype).drive.values for dtype in ("float32", "float64")
    )
    np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-3)


def test_weights_in_single_precision_with_a_run_in_double(dale):
    single = psn.Network.from_edges(pre=dale.pre, post=dale.post, weight=dale.weight, n=dale.n, dtype="float32")
    assert single.weight.dtype == np.float32
    spikes = np.random.default_rng(1).random((50, dale.n)) < 0.05
    a = psn.drive(psn.BernoulliGLM(), single, spikes=spikes).drive.values
    b = psn.drive(psn.BernoulliGLM(), dale, spikes=spikes).drive.values
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_initial_spikes(triangle):
    history = np.zeros((4, 3))
    history[0, 0] = history[2, 1] = 1  # neuron 0 fired in the last step, neuron 1 three steps before t = 0
    ds = psn.simulate(
        psn.BernoulliGLM(theta=50.0), triangle, duration=12.0, seed=1, record="drive", initial_state={"spikes": history}
    )
    whole = np.vstack([history[::-1], np.zeros((12, 3))])
    expected = psn.drive(psn.BernoulliGLM(), triangle, spikes=whole).drive.values[:, 4:]
    np.testing.assert_allclose(ds.drive.values, expected, atol=1e-12)
    assert ds.sizes["spike"] == 0
    assert ds.time.values[0] == 1.0


def test_initial_activation_per_trial(triangle):
    s = np.array([[0.2, 0.5, 0.8], [0.0, 0.0, 1.0]])
    ds = psn.simulate(
        psn.RectifiedSAM(lambda_0=0.0), triangle, duration=0.2, trials=2, seed=1, record="drive",
        initial_state={"activation": s},
    )  # fmt: skip
    np.testing.assert_allclose(ds.drive.values[:, 0], 0.025 * s @ triangle.to_dense() + 0.001, rtol=1e-12)
    np.testing.assert_allclose(ds.drive.values[:, 1] - 0.001, 0.99 * (ds.drive.values[:, 0] - 0.001), rtol=1e-12)


def test_equilibration_sees_no_stimulus(dale):
    stimulus = psn.ConstantStimulus(strength=50.0)
    ds = psn.simulate(
        psn.BernoulliGLM(), dale, duration=5.0, stimulus=stimulus, seed=1, equilibration=100.0, record="drive"
    )
    assert (ds.drive.values[0, 0] > 20).mean() > 0.8, "most were not refractory when the stimulus began at t = 0"


def test_a_dataset_goes_through_files(tmp_path, dale):
    labelled = dale.with_labels([f"cell {k}" for k in range(100)])
    stimulus = psn.ArrayStimulus(data=np.ones(30), dt=1.0) + psn.FunctionStimulus(function=np.sin)
    ds = psn.simulate(
        psn.BernoulliGLM(), labelled, duration=200.0, trials=2, seed=2, stimulus=stimulus, record=["drive", "rate"]
    )
    for name in ("a.nc", "a.zarr"):
        psn.save(ds, tmp_path / name)
        loaded = psn.load(tmp_path / name)
        xarray.testing.assert_identical(ds, loaded)
        assert loaded.spk.provenance == ds.spk.provenance
        for variable in ds.variables:
            assert loaded[variable].dtype.kind == ds[variable].dtype.kind, variable
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nc", "a.zarr"]


def test_a_model_comes_back_from_provenance(dale):
    model = psn.BernoulliGLM(theta=np.linspace(4, 6, dale.n), r=0.5)
    about = psn.simulate(model, dale, duration=10.0, seed=1).spk.provenance["model"]
    assert psn.BernoulliGLM(**{k: v for k, v in about.items() if k != "class"}) == model


def test_a_silent_network_gives_empty_but_complete_results():
    net = psn.Network.from_edges(pre=[], post=[], n=3)
    ds = psn.simulate(psn.BernoulliGLM(theta=100.0), net, duration=10.0, trials=2, seed=1)
    assert ds.sizes["spike"] == 0
    assert ds.spk.counts(5.0).shape == (2, 2, 3)
    assert (ds.spk.rates() == 0).all()
    assert ds.spk.isi().sizes["interval"] == 0
    assert [len(x) for x in ds.spk.trains()] == [0, 0, 0]
    ds.spk.plot_raster()


def test_one_neuron_one_step():
    net = psn.Network.from_edges(pre=[0], post=[0], weight=[3.0])  # onto itself
    ds = psn.simulate(psn.BernoulliGLM(theta=-20.0), net, duration=1.0, seed=1, record="drive")
    assert ds.spk.counts().item() == 1
    g = psn.drive(psn.BernoulliGLM(), net, spikes=np.ones((2, 1))).drive.values[0, :, 0]
    assert g.tolist() == [0.0, -97.0]
