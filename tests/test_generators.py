"""Generators follow their law, and the same seed gives the same network."""

from collections.abc import Callable

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyspikenet as psn

GENERATORS: dict[str, Callable[[int], psn.Network]] = {
    "random p": lambda seed: psn.Network.random(n=50, p=0.2, seed=seed),
    "random indegree": lambda seed: psn.Network.random(n=50, indegree=7, seed=seed),
    "random weight": lambda seed: psn.Network.random(n=50, p=0.2, weight=lambda r, k: r.normal(0, 1, k), seed=seed),
    "normal": lambda seed: psn.Network.normal(n=50, seed=seed),
    "uniform": lambda seed: psn.Network.uniform(n=50, seed=seed),
    "small_world": lambda seed: psn.Network.small_world(n=50, k=6, p=0.3, seed=seed),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_the_same_seed_gives_the_same_network(name: str) -> None:
    make = GENERATORS[name]
    assert make(5) == make(5)
    assert make(5) != make(6)
    state = np.random.get_state()[1]  # noqa: NPY002
    make(5)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_without_a_seed_networks_differ() -> None:
    assert psn.Network.random(n=50, p=0.2) != psn.Network.random(n=50, p=0.2)


def within(count: float, expected: float, variance: float) -> bool:
    """Within 4.5 standard deviations: one false alarm in 150 000."""
    return abs(count - expected) <= 4.5 * np.sqrt(variance)


@given(half=st.integers(1, 30), density=st.floats(0, 0.5), mean=st.floats(-1, 1), seed=st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_normal_obeys_dales_law(half: int, density: float, mean: float, seed: int) -> None:
    n = 2 * half
    matrix = psn.Network.normal(n=n, mean=mean, sparsity=1 - density, seed=seed).to_dense()
    assert (matrix[:half] >= 0).all()
    assert (matrix[half:] <= 0).all()
    # Neuron i and neuron i + n / 2 never share a target.
    assert not ((matrix[:half] != 0) & (matrix[half:] != 0)).any()
    assert not np.diag(matrix).any()


def test_normal_has_its_density_mean_and_std() -> None:
    n, sparsity = 400, 0.8
    network = psn.Network.normal(n=n, mean=0.5, std=2.0, sparsity=sparsity, seed=3)
    matrix = network.to_dense()
    # Of the n^2 / 2 places of the half matrix, those of a neuron onto itself are lost: at most n, half of them likely.
    places, p = n * n / 2, 2 * (1 - sparsity)
    assert within(network.n_synapses, (places - n / 2) * p, places * p * (1 - p) + n)
    weights = matrix[: n // 2] + matrix[n // 2 :]
    drawn = weights[weights != 0]
    assert within(drawn.mean(), 0.5, 2.0**2 / drawn.size)
    assert within(drawn.var(), 2.0**2, 2 * 2.0**4 / drawn.size)
    assert {name: who.tolist() for name, who in network.groups.items()} == {
        "excitatory": list(range(n // 2)),
        "inhibitory": list(range(n // 2, n)),
    }


def test_normal_of_full_density_connects_every_pair_once() -> None:
    n = 40
    matrix = psn.Network.normal(n=n, seed=0).to_dense()
    pairs = (matrix[: n // 2] != 0).astype(int) + (matrix[n // 2 :] != 0)
    own = np.concatenate([np.eye(n // 2), np.eye(n // 2)], axis=1).astype(bool)
    assert (pairs[~own] == 1).all()
    assert psn.Network.normal(n=n, sparsity=1.0).n_synapses == 0


def test_glorot_divides_by_the_root_of_n() -> None:
    plain = psn.Network.normal(n=100, std=5.0, seed=1)
    scaled = psn.Network.normal(n=100, std=5.0, glorot=True, seed=1)
    np.testing.assert_allclose(scaled.weight, plain.weight / 10, rtol=1e-15)
    np.testing.assert_array_equal(scaled.target, plain.target)


@pytest.mark.parametrize("autapses", [False, True])
@pytest.mark.parametrize("p", [0.0, 0.01, 0.3, 1.0])
def test_random_with_probability(p: float, autapses: bool) -> None:
    n = 300
    network = psn.Network.random(n=n, p=p, autapses=autapses, seed=2)
    pairs = n * n if autapses else n * (n - 1)
    assert within(network.n_synapses, pairs * p, pairs * p * (1 - p))
    assert len(set(zip(network.pre.tolist(), network.post.tolist(), strict=True))) == network.n_synapses
    own = int((network.pre == network.post).sum())
    assert within(own, n * p if autapses else 0, n * p * (1 - p) if autapses else 0)
    # Rows and columns are alike: degrees are binomial.
    for degree in (network.in_degree(), network.out_degree()):
        assert (np.abs(degree - pairs / n * p) <= 6 * np.sqrt(n * p * (1 - p))).all()


@given(n=st.integers(2, 60), data=st.data(), autapses=st.booleans(), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_indegree_is_exact_and_its_sources_distinct(n: int, data: st.DataObject, autapses: bool, seed: int) -> None:
    k = data.draw(st.integers(0, n if autapses else n - 1))
    network = psn.Network.random(n=n, indegree=k, autapses=autapses, seed=seed)
    assert (network.in_degree() == k).all()
    assert len(set(zip(network.pre.tolist(), network.post.tolist(), strict=True))) == n * k
    if not autapses:
        assert (network.pre != network.post).all()
    for i in range(n):
        row = network.target[network.offset[i] : network.offset[i + 1]]
        assert (np.diff(row) > 0).all()


@pytest.mark.parametrize("k", [3, 60])
def test_sources_are_uniform(k: int) -> None:
    """Both ways to draw distinct sources, few of many and many of few."""
    n = 100
    counts = sum(psn.Network.random(n=n, indegree=k, seed=seed).to_dense() for seed in range(40))
    p = k / (n - 1)
    off_diagonal = counts[~np.eye(n, dtype=bool)]
    # Each pair is a binomial number of 40 networks; their variance over pairs tells whether some are preferred.
    assert off_diagonal.mean() == pytest.approx(40 * p)
    expected = 40 * p * (1 - p)
    assert within(
        off_diagonal.var(), expected, expected**2 * (2 + (1 - 6 * p * (1 - p)) / expected) / off_diagonal.size
    )


def test_weights_of_random_networks() -> None:
    drawn = psn.Network.random(n=200, p=0.5, weight=lambda rng, size: rng.uniform(2, 3, size), seed=0)
    assert drawn.weight.min() >= 2
    assert drawn.weight.max() < 3
    assert within(drawn.weight.mean(), 2.5, 1 / 12 / drawn.n_synapses)
    assert (psn.Network.random(n=20, p=0.5, weight=0.25).weight == 0.25).all()
    given = psn.Network.random(n=3, p=1.0, weight=np.arange(6.0), delay=np.arange(1.0, 7.0), dtype="float32")
    assert given.weight.tolist() == [0, 1, 2, 3, 4, 5]
    assert given.weight.dtype == np.float32
    assert isinstance(given.delay, np.ndarray)
    assert given.delay.tolist() == [1, 2, 3, 4, 5, 6]


def test_uniform() -> None:
    network = psn.Network.uniform(n=300, low=-0.5, high=1.5, sparsity=0.9, delay=2.0, seed=4)
    pairs = 300 * 299
    assert within(network.n_synapses, pairs * 0.1, pairs * 0.1 * 0.9)
    assert network.weight.min() >= -0.5
    assert network.weight.max() < 1.5
    assert within(network.weight.mean(), 0.5, 4 / 12 / network.n_synapses)
    assert not np.diag(network.to_dense()).any()
    assert network.delay == 2.0


def test_mexican_hat_has_the_reference_row() -> None:
    matrix = psn.Network.mexican_hat(n=20, a=1.0015, sigma_1=6.98, sigma_2=7.0).to_dense()
    np.testing.assert_allclose(matrix[0, 1:4], [-0.0015427, -0.0016649, -0.0018491], rtol=1e-4)
    assert not np.diag(matrix).any()
    np.testing.assert_allclose(matrix, matrix.T)
    for shift in range(20):
        np.testing.assert_allclose(np.roll(matrix, (shift, shift), axis=(0, 1)), matrix)
    assert psn.Network.mexican_hat(n=20) == psn.Network.from_dense(matrix)


def test_regular_graphs_are_those_of_networkx() -> None:
    for network, graph in (
        (psn.Network.ring(n=7), networkx.cycle_graph(7)),
        (psn.Network.ladder(rungs=5), networkx.circular_ladder_graph(5)),
        (psn.Network.ladder(rungs=5, circular=False), networkx.ladder_graph(5)),
        (psn.Network.small_world(n=20, k=4, p=0.3, seed=8), networkx.watts_strogatz_graph(20, 4, 0.3, seed=8)),
    ):
        np.testing.assert_array_equal(network.to_dense(), networkx.to_numpy_array(graph))
    weighted = psn.Network.ring(n=5, weight=np.arange(10.0), delay=1.5)
    assert weighted.weight.tolist() == list(range(10))
    assert weighted.delay == 1.5
    assert psn.Network.ring(n=1).n_synapses == 0
    assert psn.Network.ring(n=2).n_synapses == 2


def test_generators_give_labels_dtype_and_class() -> None:
    class Mine(psn.Network):
        pass

    assert isinstance(Mine.random(n=4, p=0.5), Mine)
    assert psn.Network.normal(n=4, dtype="float32").weight.dtype == np.float32
    assert psn.Network.mexican_hat(n=4, dtype="float32").weight.dtype == np.float32
