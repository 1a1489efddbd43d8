"""ds.spk: statistics against NumPy on the same spikes, and pictures."""

import matplotlib as mpl
import numpy as np
import pytest

import pyspikenet as psn
from pyspikenet import analysis

mpl.use("Agg")


@pytest.fixture(scope="module")
def ds(dale):
    stimulus = psn.RegularStimulus(strength=4.0, period=200.0, duration=50.0)
    return psn.simulate(psn.BernoulliGLM(), dale, duration=1000.0, trials=[4, 2, 9], seed=1, stimulus=stimulus)


def dense(ds) -> np.ndarray:
    """(trial, step, neuron) counts made with a plain loop."""
    x = np.zeros((3, 1000, 100), int)
    trials = ds.trial.values.tolist()
    for trial, time, neuron in zip(ds.spike_trial.values, ds.spike_time.values, ds.spike_neuron.values, strict=True):
        x[trials.index(trial), round(time) - 1, neuron] += 1
    return x


def test_counts_raster_rates(ds):
    x = dense(ds)
    np.testing.assert_array_equal(ds.spk.counts(1.0), x)
    np.testing.assert_array_equal(ds.spk.raster(), x > 0)
    np.testing.assert_array_equal(ds.spk.counts(), x.sum(1))
    np.testing.assert_array_equal(ds.spk.counts(25.0), x.reshape(3, 40, 25, 100).sum(2))
    np.testing.assert_allclose(ds.spk.rates(), x.sum(1))
    assert ds.spk.counts(300.0).sizes["time"] == 3, "time that does not fill a bin is left out"
    assert ds.spk.counts(25.0).time.values[:2].tolist() == [25.0, 50.0]


def test_trains_and_intervals(ds):
    x = dense(ds)
    for neuron, train in enumerate(ds.spk.trains(trial=2)):
        np.testing.assert_array_equal(train, np.flatnonzero(x[1, :, neuron]) + 1)
    intervals = ds.spk.isi()
    of_one = intervals.isi.values[(intervals.neuron == 7) & (intervals.trial == 9)]
    np.testing.assert_array_equal(of_one, np.diff(np.flatnonzero(x[2, :, 7])))
    cv = ds.spk.cv()
    assert cv.sel(trial=9).values[7] == pytest.approx(of_one.std() / of_one.mean())
    with pytest.raises(ValueError, match="trial must be one of"):
        ds.spk.trains(trial=0)


def test_psth_and_correlation(ds):
    x = dense(ds)
    np.testing.assert_allclose(ds.spk.psth(10.0), x.reshape(3, 100, 10, 100).sum(2).mean((0, 2)) * 100)
    np.testing.assert_allclose(
        ds.spk.psth(10.0, "excitatory"), x[..., :50].reshape(3, 100, 10, 50).sum(2).mean((0, 2)) * 100
    )
    np.testing.assert_allclose(ds.spk.psth(10.0, [3]), x[..., [3]].reshape(3, 100, 10, 1).sum(2).mean((0, 2)) * 100)
    binned = x.reshape(3, 50, 20, 100).sum(2).reshape(150, 100)
    np.testing.assert_allclose(ds.spk.correlation(20.0), np.corrcoef(binned.T), atol=1e-12)
    fano = ds.spk.fano_factor(20.0)
    np.testing.assert_allclose(fano, binned.var(0) / binned.mean(0))
    with pytest.raises(ValueError, match="bin must be a multiple of dt"):
        ds.spk.psth(1.5)


def test_pictures(ds, dale, tmp_path):
    for draw in (
        lambda: ds.spk.plot_raster(trial=9, order=np.argsort(ds.spk.rates().mean("trial").values)),
        lambda: ds.spk.plot_rates(),
        lambda: ds.spk.plot_psth(10.0),
        lambda: ds.spk.plot_psth(10.0, neurons=[1, 2, 3]),
        lambda: psn.plot.weights(dale),
    ):
        ax = draw()
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        ax.figure.savefig(tmp_path / "picture.png")
        assert (tmp_path / "picture.png").stat().st_size > 5000
        mpl.pyplot.close("all")


def test_plots_draw_on_given_axes(ds):
    figure, axes = mpl.pyplot.subplots(2)
    assert ds.spk.plot_raster(ax=axes[0]) is axes[0]
    assert psn.plot.psth(ds, 20.0, ax=axes[1]) is axes[1]
    # Every spike of the trial is drawn once.
    drawn = sum(len(line.get_xdata()) for line in axes[0].lines)
    assert drawn == int(ds.spk.counts().sel(trial=4).sum())
    mpl.pyplot.close(figure)


def test_a_dataset_that_is_not_ours_is_refused(ds):
    with pytest.raises(ValueError, match="made by pyspikenet"):
        analysis.rates(ds.drop_attrs())
    with pytest.raises(ValueError, match=r"must come from Network\.combine"):
        ds.spk.split()


def test_neurons_of_a_psth_are_chosen_as_targets_are(dale):
    named = dale.with_labels([f"cell{k}" for k in range(100)])
    ds = psn.simulate(psn.BernoulliGLM(), named, duration=500.0, seed=1)
    mask = np.arange(100) < 50
    for who in ("excitatory", mask, np.flatnonzero(mask), [f"cell{k}" for k in range(50)]):
        np.testing.assert_array_equal(ds.spk.psth(10.0, who), ds.spk.psth(10.0, "excitatory"))
    for who, message in (("nobody", "group of the network"), (["cell1", "x"], "labels"), ([100], r"0\.\.99, got 100")):
        with pytest.raises(ValueError, match=message):
            ds.spk.psth(10.0, who)
