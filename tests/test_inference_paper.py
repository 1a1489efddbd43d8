"""The inference paper in its reduced form, examples/inference_paper/run.py --quick; figures, too, with --slow."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import xarray
from matplotlib.image import imread

import pyspikenet as psn

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "inference_paper"


@pytest.fixture(scope="module")
def paper():
    """The modules of the example, by name."""
    names = [file.stem for file in FOLDER.glob("*.py")]
    sys.path.insert(0, str(FOLDER))
    yield {name: import_module(name) for name in names}
    sys.path.remove(str(FOLDER))
    for name in names:
        del sys.modules[name]


@pytest.fixture(scope="module")
def out(paper, tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    paper["fits"].run_all(paper["run"].tasks(quick=True), folder / "fits", 1, lambda *_: None)
    return folder


@pytest.fixture(scope="module")
def found(paper, out):
    return paper["collect"].of_fits(paper["run"].tasks(quick=True), out / "fits")


def test_fits_are_better_than_what_they_began_with(found):
    assert dict(found.sizes) | {"configuration": 1, "target": 4, "fit": 2, "state": 21} == dict(found.sizes)
    assert (found.test_loss.isel(state=-1) < found.test_loss.isel(state=0)).all()
    assert (found.training_loss.isel(iteration=-1) < found.training_loss.isel(iteration=0)).all()
    for name in ("matched_correlation", "strict_correlation", "geodesic_similarity"):
        values = found[name].mean("module") if "module" in found[name].dims else found[name]
        better = values.sel(model="fitted") > values.sel(model="untrained")
        assert better.mean() >= 0.8, name
    # Runs of the paper's own program: from 0.34 to 0.64, and from 0.20 to 0.54.
    assert found.matched_correlation.sel(model="fitted").mean() > 0.5
    assert found.geodesic_similarity.sel(model="fitted").mean() > 0.54


def test_parameters_stay_where_they_may_be(paper, found):
    bounds, sign = paper["experiment"].BOUNDS, paper["experiment"].SIGN
    for name, (low, high) in bounds.items():
        assert ((found[name] >= low) & (found[name] <= high)).all(), name
        assert (found[name].isel(state=-1) != found[name].isel(state=0)).mean() > 0.9, name
    size = found.weight * xarray.DataArray(sign, dims="pre")
    assert ((size >= 0) & (size <= 1)).all()
    assert not np.diagonal(found.weight.values, axis1=-2, axis2=-1).any()
    distance = found.distance.sel(parameter="E_L")
    by_hand = np.sqrt(((found.E_L - found.target_E_L) ** 2).mean("neuron"))
    xarray.testing.assert_allclose(distance.drop_vars("parameter"), by_hand.transpose(*distance.dims))


def test_fits_go_on_where_they_were_left(paper, out):
    fits, run = paper["fits"], paper["run"]
    tasks = run.tasks(quick=True)
    again = fits.file_of(out / "fits", tasks[3])
    with xarray.open_dataset(again, engine="h5netcdf") as file:
        before = file.load()
    again.unlink()
    done = []
    fits.run_all(tasks, out / "fits", 1, lambda task, _: done.append(task))
    assert done == [tasks[3]]
    with xarray.open_dataset(again, engine="h5netcdf") as file:
        # To the bit, but for the time that it took.
        xarray.testing.assert_identical(file.load().drop_vars("seconds"), before.drop_vars("seconds"))
    assert len(run.tasks(quick=False)) == 18 * 4 * 5


def test_gradient_is_that_of_the_paper(paper):
    """The paper's gradient: of the smooth spikes in the loss, with spikes of the network held as they are."""
    experiment = paper["experiment"]
    model, network = experiment.beginning(0, 0)
    weight, x = network.to_dense(), np.zeros((60, 12))
    draw = np.random.default_rng(0)
    x[draw.random(x.shape) < 0.1] = 0.9
    goal = draw.random(x.shape) < 0.02

    def run(own, weight, spikes=None):
        """The loss, and the spikes, which are drawn from the run where they are not given."""
        v, g, f, h, loss, seen = own["E_L"].copy(), np.zeros(12), np.zeros(12), np.zeros(12), 0.0, []
        for k in range(len(x)):
            v = v + (own["E_L"] - v + own["R"] * (g @ weight + x[k])) / own["tau_m"]
            fires = v >= 30 if spikes is None else spikes[k]
            soft = 1 / (1 + np.exp(30 - v))
            v, g = np.where(fires, own["E_L"], v), np.where(fires, 1.0, g - g / own["tau_g"])
            f, h = soft + (1 - soft) * np.exp(-1 / 20) * f, np.where(goal[k], 1.0, np.exp(-1 / 20) * h)
            loss += 2 / 20 * ((f - h) ** 2).sum()
            seen.append(fires)
        return np.sqrt(loss), seen

    own = {name: getattr(model, name) for name in experiment.NAMES}
    loss, spikes = run(own, weight)
    assert np.sum(spikes) > 20
    stimulus = psn.ArrayStimulus(data=x, dt=1.0, channel="input")
    found = psn.gradient(
        experiment.loss("van Rossum 20"), model, network, stimulus, wrt=[*experiment.NAMES, "weight"],
        data=goal.astype(int), dt=1.0, seed=0, surrogate=psn.SigmoidSurrogate(alpha=1.0), mode="soft",
        detach_reset=True,
    )  # fmt: skip
    assert found.loss == pytest.approx(loss, rel=1e-9)
    for name in experiment.NAMES:
        for i in (0, 5, 11):
            step = np.eye(12)[i] * 1e-5
            ends = [run({**own, name: own[name] + s * step}, weight, spikes)[0] for s in (1, -1)]
            assert found.gradient[name][i] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-8), name
    for e in (0, 40, 100, 131):
        step = np.zeros((12, 12))
        step[network.pre[e], network.post[e]] = 1e-5
        ends = [run(own, weight + s * step, spikes)[0] for s in (1, -1)]
        assert found.gradient["weight"][e] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-8)


@pytest.mark.slow
def test_dataset_and_figures(paper, out, found, capsys):
    paper["run"].main(["--quick", "--workers", "1", "--out", str(out)])
    printed = capsys.readouterr().out
    assert "8 fits, 8 of them done before" in printed
    assert "matched correlation: 0.34 -> 0.64 with the paper's own program" in printed
    with xarray.open_dataset(out / "inference_paper.nc", engine="h5netcdf") as file:
        whole = file.load()
    xarray.testing.assert_equal(whole[list(found.data_vars)].drop_vars("seconds"), found.drop_vars("seconds"))
    assert whole.glm_matched_correlation.mean() > found.matched_correlation.sel(model="untrained").mean()
    assert (whole.glm_geodesic_similarity.mean("module") > 0.5).all()
    rates = whole.glm_firing_rate.mean("neuron") / whole.target_firing_rate.mean("neuron")
    assert ((rates > 0.4) & (rates < 2)).all()
    assert len(paper["figures"].FIGURES) == 12
    for name in paper["figures"].FIGURES:
        image = imread(out / f"figure_{name}.png")
        assert min(image.shape[:2]) > 150, name
        assert image[..., :3].std() > 0.03, name
