"""Optimisers of other libraries, each through its own ask and tell, with the fits that SpikeCore judges."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import pyspikenet as psn

MODEL = psn.LIF(E_L=-65.0, v_threshold=-50.0, v_reset=-60.0, tau_m=14.0, refractory_period=4.0)
ONE = psn.Network.from_edges(pre=[], post=[], weight=[], n=1)
DRIVE = psn.ConstantStimulus(strength=25.0)
FREE = {"tau_m": (8.0, 40.0), "refractory_period": psn.Integer(1, 10)}
TWO = [psn.FeatureLoss(feature="rate", value=70.0), psn.FeatureLoss(feature="latency", value=20.0)]


@pytest.fixture(scope="module")
def data():
    return psn.simulate(MODEL, ONE, stimulus=DRIVE, duration=200.0)


def fitted(data, method, **changes):
    asked = {"free": FREE, "loss": psn.VanRossum(tau=10), "epochs": 12, "progress": False}
    return psn.fit(MODEL.replace(tau_m=20.0), ONE, data, stimulus=DRIVE, method=method, **(asked | changes))


def check(found, generations, population):
    """The losses are those of the candidates, which lie in the space, and they become better."""
    assert found.generations == generations
    rows = found.history.parameters.values
    assert rows.shape == (generations, population, 2)
    assert rows[..., 0].min() >= 8
    assert rows[..., 0].max() <= 40
    assert set(rows[..., 1].ravel()) <= set(range(1, 11))
    assert len(np.unique(rows[..., 0])) > generations * population / 2
    alone = psn.gradient(psn.VanRossum(tau=10), found.model, ONE, DRIVE, wrt="tau_m", data=found.task.data[0], seed=0)
    assert found.loss == pytest.approx(alone.loss, abs=1e-12)
    assert found.loss < 0.5 * float(found.history.loss[0].median())


def test_cma(data):
    cma = pytest.importorskip("cma")
    settings = {"bounds": [[8, 1], [40, 10]], "CMA_stds": [8, 2.5], "popsize": 12, "verbose": -9, "seed": 1}
    search = cma.CMAEvolutionStrategy([24.0, 5.0], 1.0, settings)
    check(fitted(data, search), 12, 12)
    assert search.countevals == 144
    search = cma.CMAEvolutionStrategy([24.0, 5.0], 1.0, settings | {"maxiter": 3})
    found = fitted(data, search)
    assert (found.generations, found.stopped) == (3, "maxiter")


def test_pymoo(data):
    pytest.importorskip("pymoo")
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.algorithms.soo.nonconvex.de import DE
    from pymoo.core.problem import Problem

    check(fitted(data, DE(pop_size=12)), 12, 12)
    search = DE(pop_size=10)
    search.setup(
        Problem(n_var=2, n_obj=1, xl=np.array([8, 1]), xu=np.array([40, 10])), termination=("n_gen", 4), seed=1
    )
    found = fitted(data, search)
    assert (found.generations, found.stopped) == (4, "termination")
    assert search.opt[0].F[0] == found.loss
    search = NSGA2(pop_size=12)
    found = fitted(data, search, loss=TWO, epochs=6)
    front = {tuple(x) for x in found.front.loss.values}
    assert len(front) > 1
    assert {tuple(x) for x in search.opt.get("F")} <= front
    with pytest.raises(ValueError, match=r"as many objectives as there are losses \(1\), got 2"):
        fitted(data, search)


def test_nevergrad(data):
    ng = pytest.importorskip("nevergrad")
    by_name = ng.p.Dict(
        tau_m=ng.p.Scalar(lower=8, upper=40), refractory_period=ng.p.Scalar(lower=1, upper=10).set_integer_casting()
    )
    by_name.random_state.seed(1)
    search = ng.optimizers.DE(by_name, budget=40, num_workers=12)
    found = fitted(data, search)
    assert (found.generations, found.stopped) == (4, "budget")
    assert search.num_tell == 48
    assert search.provide_recommendation().value["tau_m"] in found.history.parameters.values[..., 0]
    keywords = ng.p.Instrumentation(
        tau_m=ng.p.Scalar(lower=8, upper=40), refractory_period=ng.p.Scalar(lower=1, upper=10)
    )
    keywords.random_state.seed(1)
    check(fitted(data, ng.optimizers.CMA(keywords, num_workers=12)), 12, 12)
    array = ng.p.Array(init=[24.0, 5.0]).set_bounds([8, 1], [40, 10])
    array.random_state.seed(1)
    check(fitted(data, psn.AskTell(ng.optimizers.RandomSearch(array), population=12)), 12, 12)


def test_optuna(data):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    found = fitted(data, study, epochs=3)
    check(found, 3, 16)
    assert study.best_value == found.loss
    assert study.best_params == found.parameters
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1), directions=["minimize", "minimize"])
    found = fitted(data, psn.AskTell(study, population=5), loss=TWO, epochs=2)
    assert found.history.loss.shape == (2, 5, 2)
    assert {tuple(x.values) for x in study.best_trials} <= {tuple(x) for x in found.front.loss.values}
    with pytest.raises(ValueError, match=r"as many directions as there are losses \(1\), got 2"):
        fitted(data, study)


def not_between(ds):
    """A candidate of a long time constant fails."""
    return np.nan if float(ds.sizes["spike"]) < 8 else float(ds.sizes["spike"])


def test_optuna_learns_which_trials_failed(data):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    fitted(data, study, loss=not_between, epochs=1)
    states = [x.state.name for x in study.trials]
    assert {"FAIL", "COMPLETE"} == set(states)


class Shrinking:
    """A search that anyone might write: points around the best so far, closer and closer; values by name."""

    def __init__(self):
        self.random = np.random.default_rng(0)
        self.centre, self.lowest, self.width, self.told = (24.0, 5), np.inf, 1.0, []

    def ask(self):
        tau, period = self.centre
        steps = self.random.standard_normal((12, 2)) * self.width
        return [{"refractory_period": period + 3 * b, "tau_m": tau + 12 * a} for a, b in steps]

    def tell(self, asked, losses):
        self.told.append((asked, losses))
        best = int(np.argmin(losses))
        if losses[best] < self.lowest:
            self.lowest, self.centre = losses[best], (asked[best]["tau_m"], asked[best]["refractory_period"])
        self.width *= 0.8


def test_an_optimiser_of_ones_own(data):
    search = Shrinking()
    found = fitted(data, search)
    check(found, 12, 12)
    assert search.lowest == found.loss
    assert [len(losses) for _, losses in search.told] == [12] * 12
    assert set(search.told[0][0][0]) == set(FREE)


class Wrong:
    def ask(self):
        return [[1.0, 2.0, 3.0]]

    def tell(self, asked, losses):
        raise AssertionError


def test_errors(data, tmp_path):
    with pytest.raises(ValueError, match=r"ask\(\) of Wrong must return candidates of 2 numbers, in the order tau"):
        fitted(data, Wrong())
    with pytest.raises(TypeError, match="optimiser must have ask and tell, got 3"):
        psn.AskTell(3)
    with pytest.raises(ValueError, match="population must be at least 1, got 0"):
        psn.AskTell(Wrong(), population=0)
    path = tmp_path / "search.npz"
    fitted(data, Shrinking(), epochs=1, checkpoint=path)
    with pytest.raises(ValueError, match="resume must be False where the optimiser comes from outside"):
        fitted(data, Shrinking(), epochs=2, checkpoint=path, resume=True)


def test_the_example(tmp_path, capsys):
    for library in ("cma", "pymoo", "nevergrad", "optuna"):
        pytest.importorskip(library)
    script = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "outside_optimisers.py"))
    script["main"](tmp_path)
    lines = capsys.readouterr().out.splitlines()
    losses = {line.split(":")[0]: float(line.split()[2]) for line in lines[:5]}
    assert list(losses) == ["cma", "pymoo", "nevergrad", "optuna", "pyspikenet"]
    assert max(losses.values()) < 0.2
    assert (tmp_path / "outside_optimisers.png").stat().st_size > 10_000
