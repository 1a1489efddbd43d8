"""Modules by matrix factorisation, and their similarity."""

import builtins
from typing import Any

import numpy as np
import pytest
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st

import pyspikenet as psn
from pyspikenet import analysis


def counts(seed: int = 0) -> tuple[xarray.DataArray, np.ndarray]:
    """Counts of 12 neurons in three groups of four with activities of their own, and the groups."""
    rng = np.random.default_rng(seed)
    groups = np.kron(np.eye(3), np.ones(4)) / 2
    activity = rng.gamma(0.5, [[6.0, 12.0, 3.0]], (400, 3))
    drawn = rng.poisson(activity @ groups + 0.02).reshape(2, 200, 12)
    coords = {"neuron": [f"cell{k}" for k in range(12)], "trial": [7, 3]}
    return xarray.DataArray(drawn, coords, ("trial", "time", "neuron")), groups


def test_groups_are_found() -> None:
    drawn, groups = counts()
    found = analysis.modules(drawn, 3, seed=1)
    assert found.weight.dims == ("module", "neuron")
    assert found.activity.dims == ("trial", "time", "module")
    assert found.neuron.values[0] == "cell0"
    assert found.trial.values.tolist() == [7, 3]
    np.testing.assert_allclose(np.linalg.norm(found.weight, axis=1), 1)
    assert (found.weight >= 0).all()
    match, similarity = analysis.match_modules(groups, found.weight)
    assert match.tolist() == [1, 0, 2], "modules come in order of their mean activity"
    assert similarity.min() > 0.85
    # Random vectors of the same kind are far from it.
    assert analysis.match_modules(groups, np.random.default_rng(1).random((3, 12)))[1].max() < 0.6
    whole = found.activity.values.reshape(-1, 3) @ found.weight.values
    rest = np.linalg.norm(drawn.values.reshape(-1, 12) - whole) / np.linalg.norm(drawn)
    assert found.error == pytest.approx(rest)
    assert found.error < 0.5
    assert found.identical(analysis.modules(drawn, 3, seed=1)), "the same seed, the same modules"
    np.testing.assert_array_equal(analysis.modules(drawn.values[0]).activity.shape, (1, 200, 3))


def test_modules_of_a_dataset() -> None:
    net = psn.Network.normal(n=20, std=4.0, seed=1)
    ds = psn.simulate(psn.BernoulliGLM(), net, duration=1000.0, trials=2, seed=1)
    found = ds.spk.modules(20.0, 2, seed=3)
    assert found.identical(analysis.modules(ds.spk.counts(20.0), 2, seed=3))
    assert dict(found.sizes) == {"trial": 2, "time": 50, "neuron": 20, "module": 2}
    assert "group_excitatory" in found.coords


def test_similarity_by_hand() -> None:
    assert analysis.geodesic_similarity([1, 0], [3, 0]) == 1
    assert analysis.geodesic_similarity([1, 0], [0, 2]) == pytest.approx(0, abs=1e-15)
    assert analysis.geodesic_similarity([1, 0], [1, 1]) == pytest.approx(0.5)
    assert analysis.geodesic_similarity([1, 2], [-1, -2]) == pytest.approx(-1)
    np.testing.assert_allclose(analysis.geodesic_similarity([[1, 0], [1, 1]], [[0, 1]]), [[0], [0.5]], atol=1e-15)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 6))
def test_similarity_and_assignment(seed: int, k: int) -> None:
    from itertools import permutations

    a, b = np.random.default_rng(seed).normal(size=(2, k, 7))
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
    similarity = analysis.geodesic_similarity(a, b)
    if k > 1:
        np.testing.assert_allclose(similarity, 1 - 2 / np.pi * np.arccos(unit[0] @ unit[1].T), atol=1e-7)
    match, matched = analysis.match_modules(a, b)
    best = max(sum(np.atleast_2d(similarity)[i, j] for i, j in enumerate(order)) for order in permutations(range(k)))
    assert matched.sum() == pytest.approx(best)
    assert sorted(match) == list(range(k))
    order = np.random.default_rng(seed).permutation(k)
    assert analysis.match_modules(a, 3 * a[order])[0].tolist() == np.argsort(order).tolist()


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        (lambda: analysis.modules(np.ones(3)), ValueError, r"counts must be of shape .*, got shape \(3,\)"),
        (lambda: analysis.modules(-np.ones((3, 3))), ValueError, r"counts must be zero or positive, got -1.0"),
        (lambda: analysis.modules(np.zeros((5, 5))), ValueError, r"counts must have spikes, got none"),
        (lambda: analysis.modules(np.ones((5, 4)), 5), ValueError, r"n must be at most .*, 4, got 5"),
        (lambda: analysis.modules(np.ones((5, 4)), 0), ValueError, r"n must be at least 1, got 0"),
        (lambda: analysis.modules(np.ones((5, 4)), seed=-1), ValueError, r"seed must be at least 0, got -1"),
        (lambda: analysis.geodesic_similarity([1, 0], [1, 0, 0]), ValueError, r"as many neurons, got 2 and 3"),
        (
            lambda: analysis.geodesic_similarity([[1, 0], [0, 0]], [1, 0]),
            ValueError,
            r"a must not be zero.*\(module 1\)",
        ),
        (lambda: analysis.geodesic_similarity(np.ones((2, 2, 2)), [1, 0]), ValueError, r"a must be one vector or"),
        (lambda: analysis.match_modules(np.eye(3), np.eye(3)[:2]), ValueError, r"as many modules, got 3 and 2"),
        (lambda: analysis.match_modules(["a"], [1]), TypeError, r"a must be numbers"),
    ],
)
def test_bad_input(act: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        act()


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"modules needs scikit-learn; install pyspikenet\[analysis\]"):
        analysis.modules(np.ones((5, 4)))
