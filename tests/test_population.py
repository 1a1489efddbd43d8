"""Fits that search by populations: candidates side by side do what they do alone, and are judged as they should be."""

from typing import Any

import numpy as np
import pytest

import pyspikenet as psn
from pyspikenet.fitting.evolve import task_of
from pyspikenet.fitting.population import Evaluator

SETTINGS: dict[str, Any] = {
    "duration": None, "dt": None, "trials": None, "seed": 3, "initial_state": None, "dtype": "float64", "threads": None,
    "device": "cpu", "equilibration": 0.0,
}  # fmt: skip
NETWORK = psn.Network.random(n=20, p=0.2, weight=3.0, delay=1.0, seed=1)
MIXED = psn.Network.normal(n=20, std=6.0, sparsity=0.5, inhibitory=0.5, seed=2)
NOISY = (
    psn.ConstantStimulus(strength=18.0)
    + psn.NoiseCurrent(sigma=10.0, tau=5.0)
    + psn.PoissonInput(rate=200.0, weight=2.0)
)


def evaluator(model, network, loss, free, stimulus=NOISY, data=None, **changes):
    return Evaluator(task_of(model, network, data, free, loss, stimulus, None, SETTINGS | changes))


def rows_of(judge, candidates=5):
    low, high = (np.array([getattr(x, end) for x in judge.task.space.dimensions.values()]) for end in ("low", "high"))
    return low + np.random.default_rng(0).random((candidates, low.size)) * (high - low)


def trains(ds):
    return sorted(zip(ds.spike_trial.values, np.round(ds.spike_time.values, 6), ds.spike_neuron.values, strict=True))


class Kept:
    """A loss that keeps the datasets it is called with."""

    def __init__(self):
        self.found = []

    def __call__(self, ds):
        self.found.append(ds)
        return float(ds.sizes["spike"])


LIF = psn.LIF(E_L=-65.0, v_threshold=-50.0, v_reset=-60.0, tau_m=20.0)
CASES = {
    "parameters": (LIF, {"tau_m": (10, 30), "v_threshold": (-55, -48)}, {}),
    "synapses": (LIF, {"tau_syn_exc": (2, 10)}, {}),
    "strength of synapses": (LIF, {"weight_scale.exc": (0, 3), "weight_scale.inh": (0, 3)}, {"network": MIXED}),
    "stimulus": (LIF, {"stimulus.0.strength": (15, 25), "stimulus.1.sigma": (0, 20), "stimulus.2.rate": (0, 500)}, {}),
    "given spikes": (
        LIF,
        {"stimulus.strength": (50, 900)},
        {"stimulus": psn.SpikeStimulus(times=[5.0, 30.0, 31.0, 60.0], neurons=[0, 3, 4, 0], strength=20.0)},
    ),
    "initial state": (LIF, {"initial_state.v": (-65, -51)}, {}),
    "AdEx, half precision": (psn.AdEx(C=20.0, g_L=1.5), {"C": (10, 30), "b": (0, 80)}, {"dtype": "float32"}),
    "Izhikevich": (psn.Izhikevich(), {"a": (0.002, 0.3), "d": (0.005, 16)}, {}),
    "equations": (
        psn.Equations(
            "dv/dt = (-v + I*R)/tau : mV",
            threshold="v > 15*mV",
            reset="v = 0*mV",
            parameters={"tau": "10*ms", "R": "1*MOhm"},
        ),
        {"tau": (5, 20)},
        {
            "stimulus": psn.ConstantStimulus(strength=20000.0),
            "network": psn.Network.from_edges(pre=[], post=[], weight=[], n=3),
        },
    ),
    "times": (
        LIF,
        {"stimulus.start": (0, 50), "refractory_period": (1, 9)},
        {"stimulus": psn.ConstantStimulus(strength=30.0)},
    ),
    "cascade": (psn.BernoulliGLM(theta=3.0), {"alpha": (0.1, 0.5), "theta": (2, 4)}, {"stimulus": None}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_candidate_does_what_it_does_alone(case):
    model, free, more = CASES[case]
    more = dict(more)
    stimulus, network = more.pop("stimulus", NOISY), more.pop("network", NETWORK)
    kept = Kept()
    judge = evaluator(
        model, network, [kept, psn.TargetRate(rate=0.0)], free, stimulus, duration=200.0, trials=2, **more
    )
    rows = rows_of(judge)
    together = judge.protocols[0].side_by_side
    assert together == (case not in ("times", "cascade"))
    judged = judge.judge(rows)
    assert not judged.reasons
    spikes = 0
    for row, found, losses in zip(rows, kept.found, judged.losses, strict=True):
        pieces = judge.task.pieces(judge.task.values(row), 0)
        alone = psn.simulate(
            pieces.model, pieces.network, stimulus=pieces.stimulus, duration=200.0, trials=2, seed=3,
            initial_state=dict(pieces.initial) or None, dtype=more.get("dtype", "float64"),
        )  # fmt: skip
        assert trains(found) == trains(alone)
        assert losses[0] == alone.sizes["spike"]
        assert losses[1] == pytest.approx(float(alone.spk.rates().mean()) ** 2)
        spikes += alone.sizes["spike"]
    assert spikes > (5 if case == "given spikes" else 20)


def test_each_generation_may_draw_anew():
    loss = psn.TargetRate(rate=0.0)
    judge = evaluator(LIF, NETWORK, loss, {"tau_m": (10, 30)}, duration=200.0)
    rows = np.array([[20.0], [20.0]])
    first, same, other = (judge.judge(rows, seed).losses[:, 0] for seed in (3, 3, 4))
    assert first[0] == first[1] == same[0] == judge.judge(rows).losses[0, 0] != other[0] == other[1]
    alone = psn.simulate(LIF.replace(tau_m=20.0), NETWORK, stimulus=NOISY, duration=200.0, seed=4)
    assert other[0] == pytest.approx(float(alone.spk.rates().mean()) ** 2)


def test_free_weights_and_numbers_per_neuron():
    model = LIF.replace(tau_m=np.linspace(10, 20, 20))
    free = {"weight": (0.0, 5.0), "tau_m": (5.0, 30.0)}
    kept = Kept()
    judge = evaluator(model, NETWORK, kept, free, duration=100.0)
    assert len(judge.task.space) == NETWORK.n_synapses + 20
    assert judge.protocols[0].side_by_side
    rows = np.random.default_rng(1).random((3, len(judge.task.space))) * 5 + 5 * (
        np.arange(len(judge.task.space)) >= NETWORK.n_synapses
    )
    judge.judge(rows)
    for row, found in zip(rows, kept.found, strict=True):
        network = NETWORK.with_weights(row[: NETWORK.n_synapses])
        alone = psn.simulate(
            model.replace(tau_m=row[NETWORK.n_synapses :]), network, stimulus=NOISY, duration=100.0, seed=3
        )
        assert trains(found) == trains(alone)


@pytest.fixture(scope="module")
def data():
    return psn.simulate(LIF, NETWORK, stimulus=NOISY, duration=300.0, trials=2, seed=9)


MASK = (np.arange(3000) % 700 < 400).astype(float)
LOSSES = {
    "rate": psn.RateLoss(neuron_weights=np.arange(20.0)),
    "count": psn.SpikeCountLoss(mask=MASK),
    "van Rossum": psn.VanRossum(tau=20.0),
    "of latest spikes": psn.VanRossum(tau=7.0, kernel="recent", reduction="distance"),
    "masked": psn.VanRossum(tau=15.0, mask=MASK, reduction="norm", neuron_weights=np.arange(20.0)),
    "masked and of latest": psn.VanRossum(tau=15.0, mask=MASK, kernel="recent"),
    "rates": psn.TargetRate(rate=np.linspace(0, 40, 20)),
    "voltage": psn.VoltageLoss(values=np.full((3000, 20), -60.0), mask=MASK, neuron_weights=np.arange(20.0)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_those_of_gradients(data, name):
    free = {"tau_m": (10, 30), "v_reset": (-65, -55)}
    judge = evaluator(LIF, NETWORK, LOSSES[name], free, data=data)
    rows = rows_of(judge, 3)
    judged = judge.judge(rows)
    for row, loss in zip(rows, judged.losses[:, 0], strict=True):
        model = LIF.replace(tau_m=row[0], v_reset=row[1])
        expected = psn.gradient(LOSSES[name], model, NETWORK, NOISY, wrt="tau_m", data=data, seed=3).loss
        assert loss == pytest.approx(expected, rel=1e-9)
        assert loss > 0


def test_distances_are_those_of_the_functions(data):
    free = {"tau_m": (10, 30)}
    weights = np.arange(20.0)
    losses = [
        psn.SpikeDistance(), psn.SpikeDistance(power=2.0), psn.ISIDistance(neuron_weights=weights),
        psn.VictorPurpura(cost=0.1), psn.CoincidenceLoss(window=3.0),
    ]  # fmt: skip
    judge = evaluator(LIF, NETWORK, losses, free, data=data)
    rows = rows_of(judge, 3)
    judged = judge.judge(rows)
    for row, found in zip(rows, judged.losses, strict=True):
        ds = psn.simulate(LIF.replace(tau_m=row[0]), NETWORK, stimulus=NOISY, duration=300.0, trials=2, seed=3)
        d = psn.spike_distance(ds, data).values
        gamma = psn.coincidence_factor(data, ds, window=3.0).values
        silent = (ds.spk.counts().values == 0) & (data.spk.counts().values == 0)
        expected = [
            d.sum(1).mean(), (d**2).sum(1).mean(), (psn.isi_distance(ds, data).values @ weights).mean(),
            psn.victor_purpura_distance(ds, data, cost=0.1).values.sum(1).mean(),
            np.where(silent, 0.0, 1 - gamma).sum(1).mean(),
        ]  # fmt: skip
        assert found == pytest.approx(expected, rel=1e-9)


def test_features():
    drive = psn.ConstantStimulus(strength=1000.0, start=50.0)
    model = psn.AdEx()
    one = psn.Network.from_edges(pre=[], post=[], weight=[], n=1)
    ds = psn.simulate(model, one, stimulus=drive, duration=500.0)
    times = ds.spike_time.values
    times = times[(times > 60) & (times <= 400)]
    intervals = np.diff(times)
    assert len(intervals) > 5
    pairs = (intervals[1:] - intervals[:-1]) / (intervals[1:] + intervals[:-1])
    expected = {
        "spike_count": len(times), "rate": len(times) / 0.34, "latency": times[0] - 60,
        "mean_interval": intervals.mean(), "cv": intervals.std() / intervals.mean(), "adaptation_index": pairs.mean(),
        "lv": 3 * (pairs**2).mean(),
    }  # fmt: skip
    losses = [psn.FeatureLoss(feature=x, value=1.0, scale=0.5, start=60.0, stop=400.0) for x in expected]
    judged = evaluator(model, one, losses, {"C": (281.0, 300.0)}, drive, duration=500.0).judge(np.array([[281.0]]))
    assert judged.losses[0] == pytest.approx([abs(x - 1.0) / 0.5 for x in expected.values()], rel=1e-9)
    silent = evaluator(model, one, losses[2], {"C": (281.0, 300.0)}, None, duration=500.0).judge(np.array([[281.0]]))
    assert silent.losses[0, 0] == 10.0


def test_several_stimuli_and_recordings(data):
    other = psn.simulate(LIF, NETWORK, stimulus=psn.ConstantStimulus(strength=25.0), duration=200.0, seed=2)
    free, stimuli = {"tau_m": (10, 30)}, [NOISY, psn.ConstantStimulus(strength=25.0)]
    loss = psn.VanRossum(tau=20.0)
    judge = evaluator(LIF, NETWORK, loss, free, stimuli, [data, other])
    rows = rows_of(judge, 2)
    both = judge.judge(rows).losses
    each = [
        evaluator(LIF, NETWORK, loss, free, s, d).judge(rows).losses
        for s, d in zip(stimuli, [data, other], strict=True)
    ]
    assert both == pytest.approx((each[0] + each[1]) / 2)


# ---- fits ------------------------------------------------------------------------------------------------------------

ONE = psn.Network.from_edges(pre=[], post=[], weight=[], n=1)
DRIVE = psn.ConstantStimulus(strength=25.0)
FREE = {"tau_m": (8.0, 40.0), "refractory_period": psn.Integer(1, 10)}


@pytest.fixture(scope="module")
def cell():
    return psn.simulate(LIF.replace(tau_m=14.0, refractory_period=4.0), ONE, stimulus=DRIVE, duration=300.0)


def fitted(cell, **changes):
    asked = {"free": FREE, "loss": psn.VanRossum(tau=10), "stimulus": DRIVE, "epochs": 15, "progress": False}
    asked |= {"method": psn.DifferentialEvolution(population=24)}
    return psn.fit(LIF, ONE, cell, **(asked | changes))


ALGORITHMS = [psn.CMAES, psn.DifferentialEvolution, psn.GeneticAlgorithm, psn.ParticleSwarm, psn.EvolutionaryCenters]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_finds_a_cell(cell, algorithm):
    found = fitted(cell, method=algorithm(population=24), epochs=25)
    assert found.loss < 0.2 * found.history.loss[0].median()
    assert found.generations <= 25
    alone = psn.gradient(psn.VanRossum(tau=10), found.model, ONE, found.stimulus, wrt="tau_m", data=cell, seed=0).loss
    assert found.loss == pytest.approx(alone, abs=1e-12)
    assert (
        found.model.refractory_period
        == found.parameters["refractory_period"]
        == round(found.parameters["refractory_period"])
    )
    assert (np.diff(found.history.best) <= 0).all()
    assert found.predict().sizes["spike"] > 5
    found.plot_loss()


def test_several_objectives(cell):
    losses = [psn.FeatureLoss(feature="rate", value=100.0), psn.FeatureLoss(feature="latency", value=20.0)]
    found = fitted(cell, method=psn.NSGA2(population=24), loss=losses)
    front = found.front
    assert front.sizes["candidate"] > 2
    order = np.argsort(front.loss.values[:, 0])
    assert (np.diff(front.loss.values[order, 1]) < 0).all()
    with pytest.raises(ValueError, match="objectives must be 1 for CMAES"):
        fitted(cell, method="cma_es", loss=losses)


def ring(values):
    n = values["rungs"]
    return psn.Network.from_edges(pre=np.arange(n), post=(np.arange(n) + 1) % n, weight=60.0, n=n)


def test_a_network_made_by_a_function():
    kick = psn.ConstantStimulus(strength=100.0, stop=20.0, targets=[0])
    truth = psn.simulate(LIF, ring({"rungs": 6}), stimulus=kick, duration=200.0)
    assert truth.sizes["spike"] > 10
    found = psn.fit(
        LIF, ring, truth, free={"rungs": psn.Integer(3, 12)}, loss=psn.SpikeDistance(),
        stimulus=kick, method=psn.GeneticAlgorithm(population=10), epochs=5, progress=False,
    )  # fmt: skip
    assert found.parameters["rungs"] == 6
    assert found.network.n == 6
    assert found.loss == 0


def test_a_candidate_that_fails_does_not_end_the_search():
    free = {"D_T": (0.01, 3.0), "C": (1.0, 300.0)}
    rows = np.array([[2.0, 200.0], [2.0, 0.0001 + 1.0], [2.0, 250.0]])
    wild = psn.AdEx(method="euler", V_cut=1e300)
    judge = evaluator(wild, ONE, psn.TargetRate(rate=0.0), free, psn.ConstantStimulus(strength=2000.0), duration=50.0)
    judged = judge.judge(rows)
    assert 1 in judged.reasons
    assert "no longer finite" in judged.reasons[1]
    assert "of neuron 0" in judged.reasons[1]
    assert np.isnan(judged.losses[1, 0])


def test_others_are_not_touched_by_a_candidate_that_fails():
    calm = psn.AdEx()
    free = {"V_cut": (-40.0, 1e300), "C": (50.0, 300.0)}
    strong = psn.ConstantStimulus(strength=1500.0)
    rows = np.array([[-40.0, 200.0], [1e300, 200.0], [-40.0, 150.0]])
    kept = Kept()
    judged = evaluator(calm, ONE, kept, free, strong, duration=100.0).judge(rows)
    assert list(judged.reasons) == [1]
    for k, c in enumerate((0, 2)):
        alone = psn.simulate(calm.replace(V_cut=rows[c, 0], C=rows[c, 1]), ONE, stimulus=strong, duration=100.0)
        assert trains(kept.found[k]) == trains(alone)
        assert alone.sizes["spike"] > 3


def test_resuming_gives_the_same_to_the_bit(cell, tmp_path):
    whole = fitted(cell)
    path = tmp_path / "search.npz"
    first = fitted(cell, epochs=6, checkpoint=path)
    assert first.generations == 6
    second = fitted(cell, checkpoint=path, resume=True)
    assert second.history.equals(whole.history)
    assert second.parameters == whole.parameters
    with pytest.raises(ValueError, match="of one with other data, model, network or settings"):
        fitted(cell, checkpoint=path, resume=True, loss=psn.RateLoss())


def test_stopping(cell):
    assert fitted(cell, epochs=500, patience=3).stopped == "patience"
    assert fitted(cell, epochs=500, time_budget=1e-6).generations == 1
    seen = []
    found = fitted(cell, callback=lambda x: seen.append((x.generation, x.lowest)) or len(seen) == 3)
    assert found.stopped == "callback"
    assert [g for g, _ in seen] == [1, 2, 3]


def test_warm_start_begins_where_the_earlier_search_ended(cell):
    earlier = fitted(cell)
    again = fitted(cell, warm_start=earlier, epochs=2, seed=5)
    assert again.history.best[0] <= earlier.loss
    assert float(again.history.loss[0].median()) < float(earlier.history.loss[0].median())


def test_refining_by_gradients():
    drive = psn.ConstantStimulus(strength=12.0)
    goal = psn.simulate(LIF.replace(tau_m=17.0), ONE, stimulus=drive, duration=100.0, record="v").v.values[0]
    asked = {"free": {"tau_m": (5.0, 40.0)}, "loss": psn.VoltageLoss(values=goal), "stimulus": drive, "duration": 100.0}
    rough = psn.fit(LIF, ONE, method=psn.GeneticAlgorithm(population=8), epochs=2, progress=False, **asked)
    fine = psn.fit(
        LIF, ONE, method=psn.GeneticAlgorithm(population=8), epochs=2, progress=False, refine="lbfgs", **asked
    )
    assert fine.loss < 1e-3 * rough.loss
    assert fine.model.tau_m == pytest.approx(17.0, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"free": "tau_m"}, r"bounds must be given for every free parameter .* got none for \['tau_m'\]"),
        ({"free": {"tau_m": 3}}, r"free\['tau_m'\] must be \(low, high\), Real, Integer or Categorical, got 3"),
        ({"free": {"tau": (1, 2)}}, "free must be from tau_m"),
        ({"free": {"tau_m": (-5.0, 20.0)}}, r"free\['tau_m'\] must lie within its range, above 0 .* got -5.0"),
        ({"learning_rate": 0.1}, "learning_rate is for methods that follow gradients"),
        ({"method": "evolution"}, "method must be one of adam, .*cma_es"),
        ({"loss": 3}, "loss must be a loss"),
        ({"loss": psn.CrossEntropy(labels=[0], readout=[0])}, "loss must not be a CrossEntropy"),
        ({"refine": "sgd"}, "refine must be None, 'adam' or 'lbfgs', got 'sgd'"),
        ({"executor": 4}, r"executor must have the interface of concurrent\.futures\.Executor, got 4"),
        ({"warm_start": 4}, "warm_start must be what a fit by populations returned, got 4"),
        ({"method": "adam"}, "free must be names of parameters for method 'adam'"),
    ],
)
def test_errors(cell, changes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        fitted(cell, **changes)


def test_a_gradient_refuses_losses_without_derivative(cell):
    with pytest.raises(ValueError, match=r"loss must have a derivative .* got SpikeDistance"):
        psn.fit(LIF, ONE, cell, free="tau_m", loss=psn.SpikeDistance(), stimulus=DRIVE, progress=False)
