"""Pictures of membrane models: what is drawn where, with which labels."""

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray
from matplotlib import pyplot as plt

import pyspikenet as psn
from pyspikenet import analysis, plot

mpl.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def lone(n: int) -> psn.Network:
    return psn.Network.from_edges(pre=[], post=[], n=n, labels=[f"cell{k}" for k in range(n)])


@pytest.fixture(scope="module")
def ds() -> xarray.Dataset:
    drive = psn.ConstantStimulus(strength=np.linspace(200.0, 1200.0, 100))
    record = {"record": ["v", "w"], "record_neurons": np.arange(0, 100, 3)}
    return psn.simulate(psn.AdEx(), lone(100), duration=100.0, trials=[4, 2], stimulus=drive, seed=0, **record)


def segments(ax) -> np.ndarray:
    """Begin and end of all vertical lines, as (line, end, coordinate)."""
    return np.concatenate([np.asarray(c.get_segments()).reshape(-1, 2, 2) for c in ax.collections])


def test_one_trace_with_ticks(ds, tmp_path: Path) -> None:
    ax = ds.spk.plot_traces(neurons=["cell99"], trial=2)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), ds.v.sel(trial=2).values[:, -1])
    ticks = segments(ax)
    np.testing.assert_allclose(ticks[:, 0, 0], ds.spk.trains(2)[99])
    assert ticks[:, 0, 1].min() > ds.v.sel(trial=2).values[:, -1].max(), "above the trace"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "v (mV)")
    assert ax.get_title() == "neuron cell99"
    ax.figure.savefig(tmp_path / "trace.png")


def test_spikes_up_to_a_peak(ds) -> None:
    lines = segments(plot.traces(ds, neurons=[99], peak=20.0))
    assert (lines[:, 1, 1] == 20.0).all()
    v = ds.v.values[0, :, -1]
    steps = np.rint(ds.spk.trains()[99] / 0.1).astype(int) - 1
    np.testing.assert_allclose(lines[:, 0, 1], v[steps - 1], err_msg="from the last sample before the spike")


@pytest.mark.parametrize("count", [2, 34])
def test_several_traces_do_not_overlap(ds, count: int) -> None:
    ax = plot.traces(ds, "w", neurons=np.arange(0, 3 * count, 3))
    traces = [line.get_ydata() for line in ax.lines[:count]]
    for low, high in pairwise(traces):
        assert low.max() < high.min()
    assert ax.get_ylabel() == "neuron"
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names[0] == "cell0"
    assert 2 <= len(names) <= 20
    assert any(text.get_text().endswith(" pA") for text in ax.texts), "a bar gives the scale"
    assert len(segments(ax)) == sum(len(ds.spk.trains()[k]) for k in range(0, 3 * count, 3))


def test_traces_that_are_not_there(ds) -> None:
    for arguments, message in (
        ({"variable": "u"}, r"variable must be one that was recorded \(v, w\), got 'u'"),
        ({"neurons": [1]}, r"neurons must be among the 34 whose v was recorded, got 'cell1'"),
        ({"neurons": ["cell200"]}, r"neurons must be labels of the dataset, got 'cell200'"),
        ({"trial": 0}, r"trial must be one of \[4, 2\], got 0"),
        ({"peak": float("nan")}, r"peak must be a finite number, got nan"),
    ):
        with pytest.raises(ValueError, match=message):
            plot.traces(ds, **arguments)


def test_phase_plane_has_the_nullclines_of_the_equations(ds, tmp_path: Path) -> None:
    ax = plot.phase_plane(psn.AdEx(), xlim=(-90, -41), ylim=(-100, 900), current=1200.0, dataset=ds, neuron=99)
    vertices = [np.concatenate([p.vertices for p in c.get_paths()]) for c in ax.collections if c.get_paths()]
    dv, dw = (x for x in vertices[-2:])
    on_v = -30.0 * (dv[:, 0] + 70.6) + 60.0 * np.exp((dv[:, 0] + 50.4) / 2.0) + 1200.0
    np.testing.assert_allclose(dv[:, 1], on_v, atol=3.0)
    np.testing.assert_allclose(dw[:, 1], 4.0 * (dw[:, 0] + 70.6), atol=0.05)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("v (mV)", "w (pA)")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["dv/dt = 0", "dw/dt = 0", "trajectory", "after a reset"]
    # The trajectory is broken at each reset, which is marked.
    path, resets = (line for line in ax.lines if len(line.get_xdata()) > 1)
    n_spikes = len(ds.spk.trains()[99])
    assert np.isnan(path.get_xdata()).sum() == len(resets.get_xdata()) == n_spikes > 2
    assert (resets.get_xdata() == -70.6).all()
    ax.figure.savefig(tmp_path / "plane.png")


def test_fi_curve(tmp_path: Path) -> None:
    curve = analysis.fi_curve(psn.LIF(), [40.0, 10.0, 30.0], duration=100.0)
    ax = plot.fi_curve(curve, label="LIF")
    assert plot.fi_curve(curve / 2, label="half", ax=ax) is ax
    assert ax.lines[0].get_xdata().tolist() == [10.0, 30.0, 40.0]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), curve.values[[1, 2, 0]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("current (nA)", "rate (Hz)")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["LIF", "half"]


def test_distribution_of_weights() -> None:
    weight = np.array([1.0, 2.0, 2.5, -1.0, 0.0])
    signed = psn.Network.from_edges(pre=[0] * 5, post=range(5), weight=weight)
    ax = plot.weights_distribution(signed, bins=7, units="nS")
    assert sum(patch.get_height() for patch in ax.patches) == 5
    names = {text.get_text() for text in ax.get_legend().get_texts()}
    assert names == {"positive (3)", "zero (1)", "negative (1)"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("weight (nS)", "synapses")
    named = psn.Network.from_edges(pre=[0] * 5, post=range(5), weight=weight, receptor=["a", "b", "a", "b", "c"])
    legend = plot.weights_distribution(named).get_legend()
    assert {text.get_text() for text in legend.get_texts()} == {"a (2)", "b (2)", "c (1)"}
    final = xarray.Dataset({"final_weight": (("trial", "synapse"), np.arange(6.0).reshape(2, 3), {"units": "pA"})})
    ax = plot.weights_distribution(final)
    assert sum(patch.get_height() for patch in ax.patches) == 6
    assert ax.get_xlabel() == "weight (pA)"
    with pytest.raises(ValueError, match=r"synapses must hold final_weight.*, got a dataset with variables \['x'\]"):
        plot.weights_distribution(xarray.Dataset({"x": 1}))
