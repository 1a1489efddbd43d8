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


def test_irregularity(ds):
    x = dense(ds)
    spikes = np.flatnonzero(x[1, :, 7]) + 1
    i = np.diff(spikes)
    contrast = np.diff(i) / (i[1:] + i[:-1])
    assert ds.spk.lv().sel(trial=2).values[7] == pytest.approx(3 * np.mean(contrast**2))
    assert ds.spk.cv2().sel(trial=2).values[7] == pytest.approx(2 * np.mean(abs(contrast)))
    for measure in (analysis.cv, analysis.cv2, analysis.lv):
        of_dataset = measure(ds)
        assert of_dataset.dims == ("trial", "neuron")
        assert of_dataset.name == measure.__name__
        assert of_dataset.sel(trial=2).values[7] == pytest.approx(measure(i))
        np.testing.assert_array_equal(np.isnan(of_dataset), x.sum(1) < 3, "NaN below two intervals")
    # Numbers by hand.
    assert analysis.lv([10, 20, 10, 30]) == pytest.approx(0.4722222, abs=1e-7)
    assert analysis.cv2([10, 20, 10, 30]) == pytest.approx(2 * (1 / 3 + 1 / 3 + 1 / 2) / 3)
    assert analysis.cv([10, 30]) == pytest.approx(0.5)
    assert analysis.lv([5, 5, 5]) == analysis.cv2([5, 5, 5]) == analysis.cv([5, 5, 5]) == 0
    assert analysis.lv([0, 0, 4]) == pytest.approx(1.5), "two spikes in one step, twice"
    assert np.isnan(analysis.lv([3.0]))
    for bad, message in (([1, -2], r"intervals must be zero or positive, got -2"), ([[1]], r"got shape \(1, 1\)")):
        with pytest.raises(ValueError, match=message):
            analysis.lv(bad)


def test_irregularity_is_that_of_elephant():
    from elephant import statistics

    intervals = np.random.default_rng(1).gamma(2.0, 10.0, 500)
    assert analysis.cv([*intervals]) == pytest.approx(statistics.cv(intervals))
    assert analysis.cv2(intervals) == pytest.approx(statistics.cv2(intervals))
    assert analysis.lv(intervals) == pytest.approx(statistics.lv(intervals))


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


def test_correlation_of_two_datasets(ds, dale):
    model = psn.simulate(psn.BernoulliGLM(), dale, duration=1000.0, trials=3, seed=2)
    np.testing.assert_allclose(ds.spk.correlation(20.0, ds), ds.spk.correlation(20.0))
    both = ds.spk.correlation(20.0, model)
    x, y = (d.spk.counts(20.0).values[..., k].ravel() for d, k in ((ds, 3), (model, 8)))
    assert both.dims == ("neuron", "neuron_2")
    assert both.values[3, 8] == pytest.approx(np.corrcoef(x, y)[0, 1])
    short = psn.simulate(psn.BernoulliGLM(), dale, duration=100.0, trials=3, seed=2)
    with pytest.raises(ValueError, match=r"as many trials and bins as the dataset, \(3, 50\), got \(3, 5\)"):
        ds.spk.correlation(20.0, short)


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
