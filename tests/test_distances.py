"""Distances between spike trains: reference values, Elephant, PySpike, metric properties, datasets and bad input."""

# ruff: noqa: E501 (one case is one line of a table)

import re
from collections.abc import Callable
from typing import Any

import neo
import numpy as np
import pyspike
import pytest
import quantities as pq
import xarray
from elephant import spike_train_dissimilarity as elephant
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import pyspikenet as psn
from pyspikenet.comparison import _ask
from pyspikenet.engine import get_engine
from pyspikenet.trains import spike_trains

DURATION = 1000.0
Train = NDArray[np.float64]


def random_trains(seed: int, sizes: list[int], grid: float | None = None) -> list[Train]:
    rng = np.random.default_rng(seed)
    trains = [np.sort(rng.uniform(0, DURATION, size)) for size in sizes]
    return (
        trains
        if grid is None
        else [np.unique(np.clip(np.round(x / grid), 1, DURATION / grid - 1) * grid) for x in trains]
    )


A = [
    *random_trains(1, [0, 1, 2, 30, 0, 80, 5]),
    np.array([0.0]),
    np.array([0.0, 400.0, DURATION]),
    np.array([DURATION]),
]
B = [
    *random_trains(2, [3, 1, 0, 60, 0, 20, 1]),
    np.array([500.0]),
    np.array([0.0, 400.0, 401.0]),
    np.array([0.0, DURATION]),
]
# Many coincident spikes.
GRID = random_trains(3, [20, 40, 1, 0, 60], grid=10.0)


def neo_trains(trains: list[Train]) -> list[neo.SpikeTrain]:
    return [neo.SpikeTrain(x * pq.ms, t_stop=DURATION) for x in trains]


# ---- reference values ------------------------------------------------------------------------------------------------


def test_reference_values() -> None:
    for tau, expected in ((10, 0.88709564), (20, 0.66513039), (100, 0.31231579)):
        assert psn.van_rossum_distance([100.0], [105.0], tau=tau) == pytest.approx(expected, rel=1e-7)
    assert psn.van_rossum_distance([7.0], [], tau=3.0) == 1.0
    assert psn.spike_distance([1], [2], t_start=0, t_stop=3) == pytest.approx(67 / 216, rel=1e-12)
    gamma = psn.coincidence_factor([10, 20, 30, 40], [10.5, 20, 33, 41], window=2, duration=50)
    assert gamma == pytest.approx(0.6323529, rel=1e-6)
    assert psn.firing_rate_distance([[1, 2, 3], [4], []], [[1], [], [5, 6]], duration=100) == pytest.approx(0.05)


def test_by_hand() -> None:
    # A shift of 1 ms costs less than deleting and inserting, one of 30 ms does not.
    assert psn.victor_purpura_distance([10, 50], [11, 80], cost=0.1) == pytest.approx(2.1)
    # In thirds of the time the intervals are 1 and 2, 2 and 2, 2 and 1.
    assert psn.isi_distance([1], [2], t_stop=3) == pytest.approx(1 / 3)
    # With the rate of the model: (1 - 2 * 1/50 * 2 * 4) / 2.5 / (1 - 2 * 1/50 * 2).
    by_model = psn.coincidence_factor([10, 20, 30, 40], [11], window=2, duration=50, rate_of="model")
    assert by_model == pytest.approx((1 - 0.32) / 2.5 / 0.92)
    assert np.isnan(psn.coincidence_factor([], [], window=2, duration=50)), "no spike at all"
    assert np.isnan(psn.coincidence_factor([10, 20, 30, 40], [10], window=6.25, duration=50)), (
        "chance alone makes all coincide"
    )
    assert psn.coincidence_factor([10, 20], [], window=2, duration=50) == pytest.approx(-0.16 * 2 / 1 / 0.84)


# ---- Elephant and PySpike ----------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:van_rossum_distance. very small negative")
@pytest.mark.parametrize("tau", [0.7, 10.0, 2000.0])
def test_van_rossum_is_that_of_elephant(tau: float) -> None:
    trains = A + B + GRID
    expected = elephant.van_rossum_distance(neo_trains(trains), tau * pq.ms)
    mine = psn.van_rossum_distance(trains, tau=tau)
    # Elephant subtracts sums; what is left of small distances has half the digits.
    np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(np.diag(mine), 0)
    np.testing.assert_allclose(psn.van_rossum_distance(A, B, tau=tau), np.diag(mine[: len(A), len(A) :]), rtol=1e-9)
    np.testing.assert_allclose(
        psn.van_rossum_distance(A, B, tau=tau, pairs="all"), mine[: len(A), len(A) : 2 * len(A)], rtol=1e-9
    )


@pytest.mark.parametrize("cost", [0.0, 0.002, 0.1, 5.0])
def test_victor_purpura_is_that_of_elephant(cost: float) -> None:
    trains = A + B + GRID
    expected = elephant.victor_purpura_distance(neo_trains(trains), cost / pq.ms)
    np.testing.assert_allclose(psn.victor_purpura_distance(trains, cost=cost), expected, rtol=1e-12, atol=1e-12)
    matched = psn.victor_purpura_distance(A, B, cost=cost)
    np.testing.assert_allclose(matched, [expected[k, len(A) + k] for k in range(len(A))], rtol=1e-12)


# PySpike lets a train of one spike at a border end otherwise than one with a spike beside it, and gives NaN for two.
BORDERS = [x for x in A + B + GRID if not (x.size == 1 and x[0] in (0.0, DURATION))]


def test_profiles_are_those_of_pyspike() -> None:
    theirs = [pyspike.SpikeTrain(x, (0.0, DURATION)) for x in BORDERS]
    pairs = [(i, j) for i in range(len(theirs)) for j in range(len(theirs))]
    for mine, their in (
        (psn.spike_distance(BORDERS, edges="corrected", t_stop=DURATION), pyspike.spike_distance),
        (psn.isi_distance(BORDERS, t_stop=DURATION), pyspike.isi_distance),
    ):
        expected = [their(theirs[i], theirs[j]) for i, j in pairs]
        np.testing.assert_allclose([mine[i, j] for i, j in pairs], expected, rtol=1e-10, atol=1e-12)


def test_edges_do_not_matter_where_spikes_are_at_the_borders() -> None:
    trains = [np.concatenate([[0.0], x, [DURATION]]) for x in random_trains(4, [1, 5, 40, 90])]
    theirs = [pyspike.SpikeTrain(x, (0.0, DURATION)) for x in trains]
    for mine, matrix in (
        (psn.spike_distance, pyspike.spike_distance_matrix),
        (psn.isi_distance, pyspike.isi_distance_matrix),
    ):
        for edges in ("auxiliary", "corrected"):
            np.testing.assert_allclose(mine(trains, t_stop=DURATION, edges=edges), matrix(theirs), rtol=1e-10)


def profile_by_sampling(a: Train, b: Train, t_stop: float, n: int) -> float:
    """The SPIKE-distance of the paper, as a mean over samples of its formula."""
    x, y = (np.concatenate([[0.0], z, [t_stop]]) for z in (a, b))
    gap_x, gap_y = (np.abs(p[:, None] - q[None]).min(1) for p, q in ((x, y), (y, x)))
    t = (np.arange(n) + 0.5) / n * t_stop

    def side(p: Train, gap: Train) -> tuple[Train, Train]:
        k = np.searchsorted(p, t, side="right") - 1
        interval = p[k + 1] - p[k]
        return (gap[k] * (p[k + 1] - t) + gap[k + 1] * (t - p[k])) / interval, interval

    (s, of_x), (r, of_y) = side(x, gap_x), side(y, gap_y)
    return float(np.mean((s * of_y + r * of_x) / 2 / ((of_x + of_y) / 2) ** 2))


def test_spike_distance_is_the_mean_of_its_profile() -> None:
    for a, b in zip(random_trains(5, [0, 1, 7, 30]), random_trains(6, [4, 2, 7, 50]), strict=True):
        exact = psn.spike_distance(a, b, t_stop=DURATION)
        assert exact == pytest.approx(profile_by_sampling(a, b, DURATION, 400_000), abs=2e-5)


# ---- properties ----------------------------------------------------------------------------------------------------------

TRAINS = st.lists(st.floats(0, 100, allow_subnormal=False), max_size=12)
DISTANCES: list[Callable[..., Any]] = [
    lambda a, b: psn.van_rossum_distance(a, b, tau=5.0),
    lambda a, b: psn.victor_purpura_distance(a, b, cost=0.2),
    lambda a, b: psn.spike_distance(a, b, t_stop=100.0),
    lambda a, b: psn.isi_distance(a, b, t_stop=100.0),
    lambda a, b: psn.isi_distance(a, b, t_stop=100.0, edges="auxiliary"),
]


@settings(max_examples=40, deadline=None)
@given(TRAINS, TRAINS, TRAINS)
def test_metric_properties(a: list[float], b: list[float], c: list[float]) -> None:
    for k, distance in enumerate(DISTANCES):
        ab, ba, bc, ac, aa = distance([a, b, b, a, a], [b, a, c, c, a])
        assert aa == 0
        assert ab == pytest.approx(ba, rel=1e-9, abs=1e-12)
        assert 0 <= ab < np.inf
        if k != 2:  # the SPIKE-distance is no metric
            assert ac <= ab + bc + 1e-9
    assert psn.coincidence_factor([*a, 50.0], [*a, 50.0], window=0.1, duration=100.0) == pytest.approx(1.0)


@settings(max_examples=20, deadline=None)
@given(TRAINS, TRAINS, st.integers(-1000, 1000), st.randoms())
def test_order_and_origin_of_time_do_not_matter(a: list[float], b: list[float], shift: int, random: Any) -> None:
    a, b = ([round(t * 64) / 64 for t in x] for x in (a, b))  # exact after the shift
    shuffled = random.sample(a, len(a))
    moved = [[t + shift for t in x] for x in (shuffled, b)]
    assert psn.van_rossum_distance(*moved, tau=5.0) == pytest.approx(psn.van_rossum_distance(a, b, tau=5.0))
    assert psn.victor_purpura_distance(*moved, cost=0.2) == pytest.approx(psn.victor_purpura_distance(a, b, cost=0.2))
    for distance in (psn.spike_distance, psn.isi_distance):
        whole = distance(a, b, t_stop=100)
        assert distance(*moved, t_start=shift, t_stop=100 + shift) == pytest.approx(whole, abs=1e-12)


# ---- what can be given -----------------------------------------------------------------------------------------------


def test_forms_of_trains() -> None:
    one = psn.van_rossum_distance([1.0, 5.0], [2.0], tau=3.0)
    assert isinstance(one, float)
    for a, b in (
        (np.array([5, 1]), np.array([2])),
        ((1, 5), (2,)),
        ([np.float32(1), 5], np.array([2.0], np.float32)),
        (neo.SpikeTrain([0.001, 0.005], units="s", t_stop=1.0), neo.SpikeTrain([2.0], units="ms", t_stop=9.0)),
    ):
        assert psn.van_rossum_distance(a, b, tau=3.0) == pytest.approx(one)
    for a, b in (([[1, 5]], [[2]]), (np.array([[1.0, 5.0]]), [np.array([2])]), (([5, 1],), ((2,),))):
        several = psn.van_rossum_distance(a, b, tau=3.0)
        assert several.shape == (1,)
        assert several[0] == pytest.approx(one)
    assert psn.van_rossum_distance([], [], tau=1.0) == 0.0
    assert psn.van_rossum_distance([[]], [[]], tau=1.0).tolist() == [0.0]
    assert psn.van_rossum_distance([[1.0], []], [[2.0]] * 3, tau=1.0, pairs="all").shape == (2, 3)
    assert psn.van_rossum_distance([1.0], [[2.0]] * 3, tau=1.0, pairs="all").shape == (1, 3)
    assert psn.van_rossum_distance(np.empty((0, 4)), np.empty((2, 0)), tau=1.0, pairs="all").shape == (0, 2)
    assert psn.van_rossum_distance(np.empty((0, 4)), np.empty((0, 0)), tau=1.0).shape == (0,)


def test_what_is_given_is_not_changed() -> None:
    train = np.array([3.0, 1.0, 2.0])
    psn.van_rossum_distance([train], [train], tau=1.0)
    assert train.tolist() == [3.0, 1.0, 2.0]


def test_pieces_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    trains = random_trains(7, [60, 0, 30, 90, 10, 40, 0, 70])
    distances: list[Callable[..., Any]] = [
        lambda *x, **more: psn.van_rossum_distance(*x, tau=10.0, **more),
        lambda *x, **more: psn.victor_purpura_distance(*x, cost=0.1, **more),
    ]
    for distance in distances:
        calls = [lambda d=distance: d(trains), lambda d=distance: d(trains, trains[::-1]),
                 lambda d=distance: d(trains, trains[2:], pairs="all")]  # fmt: skip
        whole = [call() for call in calls]
        with monkeypatch.context() as patch:
            patch.setattr("pyspikenet.comparison.PIECE_NANOSECONDS", 3000.0)
            for call, expected in zip(calls, whole, strict=True):
                np.testing.assert_allclose(call(), expected, rtol=1e-12)


def test_number_of_threads_does_not_matter() -> None:
    a, b = (spike_trains("a", random_trains(seed, [150] * 40)) for seed in (8, 9))
    for request in (
        {"measure": "van_rossum", "tau": 5.0},
        {"measure": "spike", "edges": "corrected", "t_start": 0.0, "t_stop": DURATION},
    ):
        results = [_ask(a, b, False, request | {"pairs": "all", "threads": k}) for k in (1, get_engine().threads + 1)]
        np.testing.assert_array_equal(*results)


# ---- datasets ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def datasets() -> tuple[xarray.Dataset, xarray.Dataset]:
    net = psn.Network.normal(n=6, std=2.0, seed=1)
    first = psn.simulate(psn.BernoulliGLM(theta=3.0), net, duration=300.0, trials=[4, 2, 9], seed=1)
    second = psn.simulate(psn.BernoulliGLM(theta=3.0), net, duration=300.0, trials=[2, 4, 9], seed=2)
    return first, second


def test_datasets_are_matched_by_trial_and_neuron(datasets: tuple[xarray.Dataset, xarray.Dataset]) -> None:
    a, b = datasets
    cases: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
        ("van_rossum_distance", psn.van_rossum_distance, {"tau": 10.0}),
        ("victor_purpura_distance", psn.victor_purpura_distance, {"cost": 0.1}),
        ("spike_distance", psn.spike_distance, {"t_stop": 300.0}),
        ("isi_distance", psn.isi_distance, {"t_stop": 300.0}),
        ("coincidence_factor", psn.coincidence_factor, {"window": 2.0, "duration": 300.0}),
    ]
    for name, distance, arguments in cases:
        needed = {k: v for k, v in arguments.items() if k not in ("t_stop", "duration")}
        labelled = distance(a, b, **needed)
        assert labelled.name == name
        assert labelled.dims == ("trial", "neuron")
        assert "group_excitatory" in labelled.coords
        for trial in (4, 2, 9):
            plain = distance(a.spk.trains(trial), b.spk.trains(trial), **arguments)
            np.testing.assert_array_equal(labelled.sel(trial=trial), plain)
        matrix = distance(a, b, pairs="all", **needed)
        assert matrix.dims == ("trial", "neuron", "neuron_2")
        plain = distance(a.spk.trains(2), b.spk.trains(2), pairs="all", **arguments)
        np.testing.assert_array_equal(matrix.sel(trial=2), plain)
    rates = psn.firing_rate_distance(a, b)
    assert rates.dims == ("trial",)
    np.testing.assert_allclose(rates.sel(trial=9), abs(a.spk.counts() - b.spk.counts()).sel(trial=9).sum() / 300.0)
    itself = psn.van_rossum_distance(a, tau=10.0)
    np.testing.assert_array_equal(itself.sel(trial=9), psn.van_rossum_distance(a.spk.trains(9), tau=10.0))


# ---- bad input -------------------------------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")
OTHER = psn.Network.normal(n=4, std=2.0, seed=1)


def rossum(a: Any = (1.0,), b: Any = (2.0,), tau: Any = 1.0, **more: Any) -> Any:
    return psn.van_rossum_distance(a, b, tau=tau, **more)


def gamma(data: Any = (1.0,), model: Any = (2.0,), **more: Any) -> Any:
    return psn.coincidence_factor(data, model, **({"window": 1.0, "duration": 10.0} | more))


ERRORS: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("NaN", lambda: rossum([1.0, NAN]), ValueError, r"a must be finite spike times, got nan \(index 1\)"),
    (
        "infinite in a sequence",
        lambda: rossum([[1], [2]], [[1.0], [2.0, -INF]]),
        ValueError,
        r"b must be finite spike times, got -inf \(train 1, index 1\)",
    ),
    ("a string", lambda: rossum("abc"), TypeError, r"a must be spike times in ms, .*, got 'abc'"),
    ("strings", lambda: rossum(["a", "b"]), TypeError, r"a must be spike times in ms, .*got \['a', 'b'\]"),
    ("bools", lambda: rossum(np.array([True, False])), TypeError, r"a must be spike times in ms"),
    ("a number", lambda: rossum(3.0), ValueError, r"a must be a 1-d array of spike times, got shape \(\)"),
    ("None for a", lambda: rossum(None), TypeError, r"a must be spike times in ms, .*got None"),
    (
        "three dimensions",
        lambda: rossum(np.ones((2, 3, 4))),
        ValueError,
        r"a\[0\] must be a 1-d array of spike times, got shape \(3, 4\)",
    ),
    (
        "a matrix among trains",
        lambda: rossum([[1.0], [[2.0]]]),
        ValueError,
        r"a\[1\] must be a 1-d array .*got shape \(1, 1\)",
    ),
    (
        "as many trains",
        lambda: rossum([[1], [2]], [[1]]),
        ValueError,
        r'got 2 trains and 1 trains; pairs="all" compares',
    ),
    ("one and several", lambda: rossum([1.0], [[1]]), ValueError, r"got one train and 1 trains"),
    ("tau zero", lambda: rossum(tau=0), ValueError, r"tau must be positive, got 0"),
    ("tau infinite", lambda: rossum(tau=INF), ValueError, r"tau must be positive and finite, got inf"),
    ("tau a string", lambda: rossum(tau="10"), TypeError, r"tau must be a number, got '10'"),
    ("pairs", lambda: rossum(pairs="some"), ValueError, r"pairs must be 'matched' or 'all', got 'some'"),
    (
        "cost negative",
        lambda: psn.victor_purpura_distance([1], [2], cost=-1),
        ValueError,
        r"cost must be zero or positive, got -1",
    ),
    ("t_stop missing", lambda: psn.spike_distance([1], [2]), TypeError, r"t_stop must be given for spike times"),
    (
        "t_stop before t_start",
        lambda: psn.spike_distance([1], [2], t_start=3, t_stop=2),
        ValueError,
        r"t_stop must be after t_start = 3.0 ms, got 2.0 ms",
    ),
    (
        "t_stop NaN",
        lambda: psn.spike_distance([1], [2], t_stop=NAN),
        ValueError,
        r"t_stop must be a finite number, got nan",
    ),
    (
        "before t_start",
        lambda: psn.isi_distance([-1.0], [2], t_stop=3),
        ValueError,
        r"a must have its spikes from t_start = 0.0 to t_stop = 3.0 ms, got one at -1.0 ms$",
    ),
    (
        "after t_stop",
        lambda: psn.spike_distance([[1], [1]], [[], [2, 4]], t_stop=3),
        ValueError,
        r"b must have its spikes .*got one at 4.0 ms \(train 1\)",
    ),
    (
        "edges",
        lambda: psn.spike_distance([1], [2], t_stop=3, edges="periodic"),
        ValueError,
        r"edges must be 'auxiliary' or 'corrected', got 'periodic'",
    ),
    ("window negative", lambda: gamma(window=-1.0), ValueError, r"window must be zero or positive, got -1"),
    ("duration missing", lambda: gamma(duration=None), TypeError, r"duration must be given for spike times"),
    ("duration zero", lambda: gamma(duration=0), ValueError, r"duration must be positive, got 0"),
    ("rate_of", lambda: gamma(rate_of="both"), ValueError, r"rate_of must be 'data' or 'model', got 'both'"),
    ("model missing", lambda: gamma(model=None), TypeError, r"model must be spike times in ms, .*got None"),
    ("names of the arguments", lambda: gamma(data=[NAN]), ValueError, r"data must be finite spike times, got nan"),
    (
        "b missing",
        lambda: psn.firing_rate_distance([1], None, duration=1),
        TypeError,
        r"b must be spike times in ms, .*got None",
    ),
]


@pytest.mark.parametrize(("act", "kind", "message"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS])
def test_bad_input(act: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        act()
    assert type(caught.value) is kind
    assert re.search(message, str(caught.value)), str(caught.value)


def test_datasets_that_do_not_match(datasets: tuple[xarray.Dataset, xarray.Dataset]) -> None:
    a, b = datasets
    small = psn.simulate(psn.BernoulliGLM(), OTHER, duration=300.0, trials=[2, 4, 9], seed=1)
    short = psn.simulate(
        psn.BernoulliGLM(), psn.Network.normal(n=6, std=2.0, seed=1), duration=200.0, trials=[2, 4, 9], seed=1
    )
    with pytest.raises(TypeError, match=r"a and b must both be datasets, or none of them, got .* as b"):
        psn.van_rossum_distance(a, [1.0], tau=1.0)
    with pytest.raises(ValueError, match=r"b must have the trials \[4, 2, 9\], got \[2, 4\]"):
        psn.van_rossum_distance(a, b.isel(trial=[0, 1]), tau=1.0)
    with pytest.raises(ValueError, match="a and b must have the same neurons, got 6 and 4 of them"):
        psn.van_rossum_distance(a, small, tau=1.0)
    with pytest.raises(
        ValueError,
        match=r"t_start and t_stop must be given for datasets of different times, got \[\(0.0, 300.0\), \(0.0, 200.0\)\]",
    ):
        psn.spike_distance(a, short)
    assert psn.spike_distance(a, short, t_start=0, t_stop=300).dims == ("trial", "neuron")
