"""Search by ask and tell: what candidates may be, seeds, going on from a state, failed candidates, errors."""

import copy
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyspikenet as psn
from pyspikenet.fitting.algorithms import Algorithm

ALGORITHMS: list[Algorithm] = [
    psn.CMAES(population=12),
    psn.CMAES(population=8, restart="bipop", loss_tolerance=1e-2),
    psn.DifferentialEvolution(population=12),
    psn.DifferentialEvolution(population=12, strategy="rand", adaptation="none"),
    psn.DifferentialEvolution(population=12, strategy="best", adaptation="none"),
    psn.DifferentialEvolution(population=12, strategy="current-to-best"),
    psn.GeneticAlgorithm(population=12),
    psn.GeneticAlgorithm(population=13, elite=0.1, selection_pressure=1.0, mutation_index=0.0),
    psn.ParticleSwarm(population=12),
    psn.ParticleSwarm(population=12, neighbours=1),
    psn.EvolutionaryCenters(population=12),
    psn.NSGA2(population=13),
]
EACH = pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
SINGLE: list[Algorithm] = [
    psn.CMAES(population=32),
    psn.DifferentialEvolution(population=32),
    psn.GeneticAlgorithm(population=32),
    psn.ParticleSwarm(population=32),
    psn.EvolutionaryCenters(population=32),
    psn.NSGA2(population=32),
]
MIXED = {
    "tau": psn.Real(0.1, 1000.0, log=True),
    "n": psn.Integer(-3, 12),
    "rungs": psn.Integer(1, 500, log=True),
    "rule": psn.Categorical(["a", "b", "c", "d", "e"]),
    "v": (-80.0, -40.0),
}


def distance(x: np.ndarray) -> np.ndarray:
    """Least at tau = 20, n = 4, rungs = 30, rule "d", v = -55."""
    return np.asarray(
        np.log(x[:, 0] / 20) ** 2
        + (x[:, 1] - 4) ** 2
        + np.log(x[:, 2] / 30) ** 2
        + 3.0 * (x[:, 3] != 3)
        + ((x[:, 4] + 55) / 10) ** 2
    )


def generations(search: psn.Search, count: int, function: Any = distance) -> list[np.ndarray]:
    asked = []
    for _ in range(count):
        asked.append(search.ask())
        search.tell(asked[-1], function(asked[-1]))
    return asked


@EACH
def test_candidates_are_of_the_space(algorithm: Algorithm) -> None:
    with psn.Search(algorithm, MIXED, seed=3) as search:
        for x in generations(search, 12):
            assert (x[:, 0] >= 0.1).all()
            assert (x[:, 0] <= 1000).all()
            assert set(x[:, 1]) <= set(range(-3, 13))
            assert set(x[:, 2]) <= set(range(1, 501))
            assert set(x[:, 3]) <= set(range(5))
            assert (abs(x[:, 4] + 60) <= 20).all()
            search.space.rows("candidates", x)  # raises where one is not


@st.composite
def spaces(draw: st.DrawFn) -> dict[str, Any]:
    number = st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-6)
    dimensions: dict[str, Any] = {}
    for k in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["real", "log", "integer", "log integer", "choice"]))
        if kind == "real":
            low = draw(number)
            dimensions[f"x{k}"] = psn.Real(low, low + draw(st.floats(0.5, 1e6)))
        elif kind == "log":
            low = draw(st.floats(1e-12, 1e6))
            dimensions[f"x{k}"] = psn.Real(low, low * draw(st.floats(1.5, 1e9)), log=True)
        elif kind == "choice":
            dimensions[f"x{k}"] = psn.Categorical(range(draw(st.integers(2, 7))))
        else:
            low = draw(st.integers(1, 100))
            high = low + draw(st.integers(1, 10**6))
            dimensions[f"x{k}"] = psn.Integer(low, high, log=kind == "log integer")
    return dimensions


@given(space=spaces(), which=st.sampled_from(range(len(ALGORITHMS))), seed=st.integers(0, 2**63 - 1), data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_losses_lead_out_of_bounds(space: dict[str, Any], which: int, seed: int, data: st.DataObject) -> None:
    """Whatever is told: ties, failures, numbers of any size."""
    losses = st.sampled_from([0.0, 1.0, -1e300, 1e300, 1e-300, np.nan, np.inf, -np.inf])
    with psn.Search(ALGORITHMS[which], space, seed=seed) as search:
        for _ in range(4):
            x = search.ask()
            search.space.rows("candidates", x)
            values = search.space.decode(x)
            np.testing.assert_array_equal(search.space.encode(values), x)
            search.tell(x, data.draw(st.lists(losses, min_size=len(x), max_size=len(x))))


@EACH
def test_a_search_goes_on_from_its_state_to_the_bit(algorithm: Algorithm) -> None:
    with psn.Search(algorithm, MIXED, seed=5) as search:
        generations(search, 9)
        file = io.BytesIO()
        np.savez(file, **search.state())
        expected, best = generations(search, 30), search.best()
        stopped, diagnostics = search.stopped, search.diagnostics
    file.seek(0)
    with np.load(file, allow_pickle=False) as kept:
        state = dict(kept)
    with psn.Search(algorithm, MIXED, seed=5, state=state) as search:
        assert search.generation == 9
        found = generations(search, 30)
        assert [x.tobytes() for x in found] == [x.tobytes() for x in expected]
        assert all(np.array_equal(a, b) for a, b in zip(search.best(), best, strict=True))
        assert (search.stopped, search.diagnostics) == (stopped, diagnostics)


def test_a_search_goes_on_after_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the interrupt comes between the losses and the answer."""

    class Interrupted:
        """A future whose first result is a Ctrl-C."""

        def __init__(self, future: Any) -> None:
            self.future, self.asked = future, 0

        def result(self) -> Any:
            self.asked += 1
            if self.asked == 1:
                raise KeyboardInterrupt
            return self.future.result()

    with psn.Search(psn.CMAES(population=12), MIXED, seed=5) as search:
        expected = generations(search, 3)
    with psn.Search(psn.CMAES(population=12), MIXED, seed=5) as search:
        x, submit = search.ask(), search._submit
        monkeypatch.setattr(search, "_submit", lambda *a: Interrupted(submit(*a)))
        with pytest.raises(KeyboardInterrupt):
            search.tell(x, distance(x))
        monkeypatch.undo()
        found = [x, *generations(search, 2)]
    assert [x.tobytes() for x in found] == [x.tobytes() for x in expected]


def test_a_state_keeps_restarts() -> None:
    algorithm = psn.CMAES(population=8, restart="bipop", loss_tolerance=1e-2)
    with psn.Search(algorithm, {"a": (-1, 1), "b": (0, 1)}, seed=1) as search:
        populations = {len(x) for x in generations(search, 200, lambda x: (x**2).sum(axis=1))}
        assert search.diagnostics["restarts"] >= 3
        state = search.state()
        assert len(populations) > 2
        expected = generations(search, 100, lambda x: (x**2).sum(axis=1))
    with psn.Search(algorithm, {"a": (-1, 1), "b": (0, 1)}, seed=1, state=state) as search:
        found = generations(search, 100, lambda x: (x**2).sum(axis=1))
    assert [x.tobytes() for x in found] == [x.tobytes() for x in expected]


@EACH
def test_a_seed_gives_one_search(algorithm: Algorithm) -> None:
    runs = []
    for seed in (1, 1, 2):
        with psn.Search(algorithm, MIXED, seed=seed) as search:
            runs.append(np.concatenate(generations(search, 10)[:6]))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0][:12] != runs[2][:12]).any()


@pytest.mark.parametrize("algorithm", SINGLE, ids=lambda x: type(x).__name__)
def test_integers_choices_and_logarithms_are_found(algorithm: Algorithm) -> None:
    runs = [psn.minimize(distance, MIXED, algorithm=algorithm, generations=120, seed=seed) for seed in range(5)]
    right = [run.values[0]["n"] == 4 and run.values[0]["rule"] == "d" for run in runs]
    assert sum(right) >= 4
    values = min(runs, key=lambda run: run.losses[0, 0]).values[0]
    assert isinstance(values["n"], int)
    assert isinstance(values["tau"], float)
    assert values["rungs"] in range(28, 33)
    assert values["tau"] == pytest.approx(20, rel=0.1)
    assert values["v"] == pytest.approx(-55, abs=1)


def test_choices_have_no_order() -> None:
    """Renaming the choices changes nothing in how often the right one is found."""
    hidden = {"x": (-1, 1), "a": psn.Categorical(range(8)), "b": psn.Categorical(range(8))}
    for algorithm in SINGLE:
        found = []
        for best in (0, 3, 7):

            def loss(x: np.ndarray, best: int = best) -> np.ndarray:
                return np.asarray(x[:, 0] ** 2 + (x[:, 1] != best) + (x[:, 2] != (best + 2) % 8))

            runs = [psn.minimize(loss, hidden, algorithm=algorithm, generations=40, seed=s) for s in range(5)]
            found.append(sum(run.losses[0, 0] < 0.1 for run in runs))
        assert min(found) >= 4, (type(algorithm).__name__, found)


@pytest.mark.parametrize("algorithm", SINGLE, ids=lambda x: type(x).__name__)
def test_failed_candidates_do_not_end_a_search(algorithm: Algorithm) -> None:
    """A third of the square fails, all of the first generation does."""
    first = iter([True])

    def loss(x: np.ndarray) -> np.ndarray:
        values = (x**2).sum(axis=1)
        values[x[:, 0] + x[:, 1] < -0.5] = np.nan
        values[x[:, 0] > 3] = -np.inf
        return np.full(len(x), np.inf) if next(first, False) else np.asarray(values)

    found = psn.minimize(loss, {"a": (-5, 5), "b": (-5, 5)}, algorithm=algorithm, generations=60, seed=2)
    assert np.isnan(found.history[0, 0])
    assert found.losses[0, 0] < 1e-3
    assert found.history.shape == (60, 1) or found.stopped != "generations"


def test_a_failed_objective_fails_the_candidate() -> None:
    def losses(x: np.ndarray) -> np.ndarray:
        both = np.column_stack([x[:, 0], 1 - x[:, 0]])
        both[x[:, 0] < 0.2, 1] = np.nan
        return both

    found = psn.minimize(losses, {"a": (0, 1), "b": (0, 1)}, objectives=2, generations=20, seed=0)
    assert np.isfinite(found.losses).all()
    assert found.candidates[:, 0].min() >= 0.2
    assert found.history.shape == (20, 2)


def test_the_front_is_of_candidates_that_none_dominates() -> None:
    with psn.Search(psn.NSGA2(population=16), {"a": (-2, 2), "b": (-2, 2)}, objectives=2) as search:
        for _ in range(30):
            x = search.ask()
            search.tell(x, np.column_stack([(x**2).sum(axis=1), ((x - 1) ** 2).sum(axis=1)]))
        candidates, losses = search.best()
    np.testing.assert_array_equal(losses[:, 1], ((candidates - 1) ** 2).sum(axis=1))
    for a in losses:
        assert not any((b <= a).all() and (b < a).any() for b in losses)
    assert len(losses) > 12
    assert abs(candidates[:, 0] - candidates[:, 1]).max() < 0.3


@EACH
def test_candidates_that_are_given_come_first(algorithm: Algorithm) -> None:
    start = [
        {"tau": 20.0, "n": 4, "rungs": 30, "rule": "d", "v": -55.0},
        {"tau": 0.1, "n": -3, "rungs": 500, "rule": "a", "v": -40.0},
    ]
    with psn.Search(algorithm, MIXED, start=start) as search:
        x = search.ask()
        np.testing.assert_allclose(x[:2], [[20, 4, 30, 3, -55], [0.1, -3, 500, 0, -40]], rtol=1e-12)
        generations(search, 1)
        assert search.best()[1][0, 0] < 1e-20
    with psn.Search(algorithm, MIXED, start=x[:1]) as search:
        np.testing.assert_allclose(search.ask()[0], x[0], rtol=1e-12)


def test_cma_es_restarts_and_then_stops() -> None:
    algorithm = psn.CMAES(restarts=2)
    found = psn.minimize(
        lambda x: (x**2).sum(axis=1), {"a": (-1, 1), "b": (-1, 2)}, algorithm=algorithm, generations=2000
    )
    assert found.stopped in ("tolerance", "loss_tolerance", "no_effect")
    assert len(found.history) < 1000
    assert found.losses[0, 0] < 1e-11


def test_a_plateau_is_left() -> None:
    """A loss of whole numbers, equal over most of the space."""
    found = psn.minimize(
        lambda x: np.floor(3 * np.abs(x - 0.123).max(axis=1)), {f"x{j}": (-1, 1) for j in range(6)}, generations=100
    )
    assert found.losses[0, 0] == 0


def test_spread_ends_a_search() -> None:
    for algorithm in (
        psn.DifferentialEvolution(population=20, tolerance=1e-3),
        psn.EvolutionaryCenters(tolerance=1e-3),
    ):
        found = psn.minimize(lambda x: (x**2).sum(axis=1), {"a": (-1, 1)}, algorithm=algorithm, generations=1000)
        assert found.stopped == "spread"
        assert len(found.history) < 200


def test_optimum_on_the_bounds() -> None:
    for algorithm in SINGLE:
        found = psn.minimize(lambda x: x.sum(axis=1), {f"x{j}": (2, 3) for j in range(5)}, algorithm=algorithm)
        assert found.losses[0, 0] == pytest.approx(10, abs=1e-3), type(algorithm).__name__


def test_errors_name_what_is_wrong() -> None:
    square = {"a": (0, 1), "n": psn.Integer(1, 9)}
    with pytest.raises(ValueError, match=r"low must be below high, got low 2\.0 and high 1\.0"):
        psn.Real(2, 1)
    with pytest.raises(ValueError, match=r"low must be positive, got 0\.0"):
        psn.Real(0, 1, log=True)
    with pytest.raises(TypeError, match=r"low must be a whole number, got 0\.5"):
        psn.Integer(0.5, 2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="low must be at least 1, got 0"):
        psn.Integer(0, 2, log=True)
    with pytest.raises(ValueError, match="choices must be at least two"):
        psn.Categorical(["a"])
    with pytest.raises(TypeError, match="choices must be a sequence of values, got 'abc'"):
        psn.Categorical("abc")
    with pytest.raises(TypeError, match=r"space\['a'\] must be \(low, high\), Real, Integer or Categorical, got 3"):
        psn.Space({"a": 3})
    with pytest.raises(ValueError, match=r"space\['a'\]: low must be below high"):
        psn.Space({"a": (1, 1)})
    with pytest.raises(TypeError, match="space must be a dict of names"):
        psn.Space({})
    with pytest.raises(ValueError, match=r"selection_pressure must be from 1 to 2, got 3\.0"):
        psn.GeneticAlgorithm(selection_pressure=3)
    with pytest.raises(ValueError, match=r"strategy must be one of 'rand', .* got 'worst'"):
        psn.DifferentialEvolution(strategy="worst")
    with pytest.raises(ValueError, match="population must be at least 4, got 3"):
        psn.CMAES(population=3)
    with pytest.raises(ValueError, match="objectives must be 1 for CMAES, got 2; NSGA2 takes more"):
        psn.Search(psn.CMAES(), square, objectives=2)
    with pytest.raises(TypeError, match="algorithm must be one such as CMAES"):
        psn.Search("CMAES", square)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"n must be a whole number from 1 to 9, got 2.5 \(row 1 of start\)"):
        psn.Search(psn.CMAES(), square, start=[[0, 1], [1, 2.5]])
    with pytest.raises(ValueError, match="start must have from 1 to 6 candidates, the population, got 7"):
        psn.Search(psn.CMAES(), square, start=[[0.5, 2]] * 7)
    with pytest.raises(ValueError, match="values must be given for a, n"):
        psn.Search(psn.CMAES(), square, start={"a": 1})
    with pytest.raises(TypeError, match="function must be callable"):
        psn.minimize(3, square)  # type: ignore[arg-type]


def test_errors_of_a_search_under_way() -> None:
    square = {"a": (0, 1), "n": psn.Integer(1, 9)}
    with psn.Search(psn.CMAES(), square) as search:
        x = search.ask()
        with pytest.raises(ValueError, match="candidates must be those that ask"):
            search.tell(x[:-1], np.zeros(5))
        with pytest.raises(ValueError, match=r"losses must be numbers of shape \(6, 1\)"):
            search.tell(x, np.zeros(5))
        search.tell(x, np.zeros(6))
        state = search.state()
    with pytest.raises(psn.EngineError, match="this search has been closed"):
        search.tell(search.ask(), np.zeros(6))
    with pytest.raises(ValueError, match="state must be of a search with the same algorithm, space, seed"):
        psn.Search(psn.CMAES(), square, seed=1, state=state)
    with pytest.raises(TypeError, match=r"state must be what state\(\) of a search returned"):
        psn.Search(psn.CMAES(), square, state={"a": 1})
    broken = copy.copy(state)
    del broken["mean"]
    with pytest.raises(psn.JuliaError, match="the state of a search must have mean"):
        psn.Search(psn.CMAES(), square, state=broken)
