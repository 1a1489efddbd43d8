"""Networks: every way in and out keeps the synapses, whatever their order."""

from typing import Any

import networkx
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import pyspikenet as psn


def synapses(network: psn.Network) -> list[tuple[Any, ...]]:
    """All synapses as a sorted list."""
    columns: list[Any] = [network.pre.tolist(), network.post.tolist(), network.weight.tolist()]
    if isinstance(network.delay, np.ndarray):
        columns.append(network.delay.tolist())
    return sorted(zip(*columns, strict=True))


@st.composite
def edge_lists(draw: st.DrawFn) -> dict[str, Any]:
    n = draw(st.integers(1, 12))
    m = draw(st.integers(0, 40))
    index = st.lists(st.integers(0, n - 1), min_size=m, max_size=m)
    # Multiples of 1/8 add up without rounding in any order.
    weight = st.lists(st.integers(-80, 80).map(lambda x: x / 8), min_size=m, max_size=m)
    return {"pre": draw(index), "post": draw(index), "weight": draw(weight), "n": n}


@given(edge_lists())
def test_edges_to_dense_adds_up_every_synapse(edges: dict[str, Any]) -> None:
    expected = np.zeros((edges["n"], edges["n"]))
    np.add.at(expected, (edges["pre"], edges["post"]), edges["weight"])
    network = psn.Network.from_edges(**edges)
    assert network.n_synapses == len(edges["pre"])
    np.testing.assert_array_equal(network.to_dense(), expected)
    np.testing.assert_array_equal(network.to_scipy().toarray(), expected)
    np.testing.assert_array_equal(network.in_degree(), np.bincount(edges["post"], minlength=edges["n"]))
    np.testing.assert_array_equal(network.out_degree(), np.bincount(edges["pre"], minlength=edges["n"]))
    assert (np.diff(network.pre) >= 0).all()
    assert network.offset[0] == 0
    assert network.offset[-1] == network.n_synapses


@given(edge_lists(), st.randoms(use_true_random=False))
def test_the_order_of_edges_does_not_matter(edges: dict[str, Any], random: Any) -> None:
    # Of several synapses between two neurons the order is theirs; without them there is only one network.
    unique = {(i, j): (i, j, w) for i, j, w in zip(edges["pre"], edges["post"], edges["weight"], strict=True)}
    rows = list(unique.values())
    shuffled = random.sample(rows, len(rows))
    networks = [
        psn.Network.from_edges(
            pre=[r[0] for r in some], post=[r[1] for r in some], weight=[r[2] for r in some], n=edges["n"],
            delay=[1.0 + r[0] + 2 * r[1] for r in some],
        )
        for some in (rows, shuffled)
    ]  # fmt: skip
    assert networks[0] == networks[1]
    assert hash(networks[0]) == hash(networks[1])
    assert synapses(networks[0]) == sorted((i, j, w, 1.0 + i + 2 * j) for i, j, w in rows)


@given(edge_lists())
def test_dense_and_scipy_round_trip(edges: dict[str, Any]) -> None:
    matrix = psn.Network.from_edges(**edges).to_dense()
    network = psn.Network.from_dense(matrix)
    np.testing.assert_array_equal(network.to_dense(), matrix)
    assert network.n_synapses == np.count_nonzero(matrix)
    for kind in (scipy.sparse.csr_array, scipy.sparse.csc_array, scipy.sparse.coo_array, scipy.sparse.lil_matrix):
        assert psn.Network.from_scipy(kind(matrix)) == network
    assert psn.Network.from_scipy(network.to_scipy()) == network


def test_targets_are_sorted_within_a_row() -> None:
    network = psn.Network.from_edges(pre=[1, 0, 1, 0], post=[2, 1, 0, 0], weight=[1, 2, 3, 4], n=3)
    assert network.pre.tolist() == [0, 0, 1, 1]
    assert network.post.tolist() == [0, 1, 0, 2]
    assert network.weight.tolist() == [4, 2, 3, 1]
    assert network.offset.tolist() == [0, 2, 4, 4]
    assert network.target.dtype == np.int32
    assert repr(network) == "<Network of 3 neurons and 4 synapses (float64), delay one step>"


def test_stored_zeros_are_synapses_in_sparse_matrices_only() -> None:
    sparse = scipy.sparse.csr_array((np.array([0.0, 1.0]), np.array([1, 0]), np.array([0, 1, 2])))
    assert psn.Network.from_scipy(sparse).n_synapses == 2
    assert psn.Network.from_dense(sparse.toarray()).n_synapses == 1


def test_delays_of_every_kind() -> None:
    matrix = np.array([[0, 1.0], [2.0, 0]])
    each = psn.Network.from_dense(matrix, delay=np.array([[9, 1.5], [0.5, 9]]))
    assert isinstance(each.delay, np.ndarray)
    assert each.delay.tolist() == [1.5, 0.5]
    one, steps = each.delay_steps(0.1)
    assert one == 1
    assert steps is not None
    assert steps.tolist() == [15, 5]
    assert psn.Network.from_dense(matrix, delay=1.5).delay_steps(0.1) == (15, None)
    assert psn.Network.from_dense(matrix).delay_steps(0.1) == (1, None)
    assert psn.Network.from_dense(matrix, delay=1.5) != psn.Network.from_dense(matrix)
    in_scipy = psn.Network.from_scipy(scipy.sparse.csr_array(matrix), delay=[1.5, 0.5])
    assert in_scipy == each
    # Delays are kept in single precision, which must not make 0.3 ms less than three steps.
    tenth = psn.Network.from_edges(pre=[0] * 50, post=[1] * 50, delay=np.arange(1, 51) * 0.1)
    steps = tenth.delay_steps(0.1)[1]
    assert steps is not None
    assert steps.tolist() == list(range(1, 51))


def test_weights_in_single_precision() -> None:
    network = psn.Network.from_edges(pre=[0], post=[1], weight=0.1, dtype="float32")
    assert network.weight.dtype == np.float32
    assert network != psn.Network.from_edges(pre=[0], post=[1], weight=0.1)
    assert psn.Network.from_dense([[0, 1], [0, 0]], dtype="float32").weight.dtype == np.float32


@pytest.mark.parametrize("directed", [True, False])
def test_networkx(directed: bool) -> None:
    graph: Any = (networkx.DiGraph if directed else networkx.Graph)()
    graph.add_nodes_from(["c", "a", "b"])
    graph.add_edge("c", "a", weight=2.0, lag=1.0)
    graph.add_edge("a", "b", lag=3.0)
    graph.add_edge("b", "b", weight=-1.0, lag=2.0)
    network = psn.Network.from_networkx(graph, delay="lag", groups={"some": [0, 2]})
    assert network.labels is not None
    assert network.labels.tolist() == ["c", "a", "b"]
    there = [(0, 1, 2.0, 1.0), (1, 2, 1.0, 3.0), (2, 2, -1.0, 2.0)]
    back = [] if directed else [(1, 0, 2.0, 1.0), (2, 1, 1.0, 3.0)]
    assert synapses(network) == sorted(there + back)
    np.testing.assert_array_equal(
        network.to_dense(), networkx.to_numpy_array(graph, nodelist=["c", "a", "b"], weight="weight")
    )
    assert psn.Network.from_networkx(graph, weight="lag").weight.sum() == 6.0 + (0 if directed else 4.0)


def test_networkx_multigraph_keeps_all_edges() -> None:
    graph: Any = networkx.MultiDiGraph([(0, 1), (0, 1), (1, 0)])
    assert psn.Network.from_networkx(graph).to_dense().tolist() == [[0, 2], [1, 0]]
    with pytest.raises(
        ValueError, match=r"delay must be an attribute of all edges, got 'lag', which the edge \(0, 1\)"
    ):
        psn.Network.from_networkx(graph, delay="lag")
    with pytest.raises(TypeError, match=r"weight must be the name of an edge attribute, got 2.0"):
        psn.Network.from_networkx(graph, weight=2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="graph must have at least one node"):
        psn.Network.from_networkx(networkx.Graph())


def test_groups_labels_and_masks_name_the_same_neurons() -> None:
    network = psn.Network.from_edges(
        pre=[0],
        post=[1],
        n=4,
        labels=["a", "b", "c", "d"],
        groups={"odd": [3, 1], "first": [True, False, False, False]},
    )
    for who in ("odd", ["d", "b"], ["b", "d", "d"], [1, 3], np.array([3, 1]), [False, True, False, True]):
        assert network.indices(who).tolist() == [1, 3]
    assert network.indices("first").tolist() == [0]
    assert network.indices(2).tolist() == [2]
    more = network.with_groups(last=[3]).with_labels([1, 2, 3, 4])
    assert sorted(more.groups) == ["first", "last", "odd"]
    assert more.labels is not None
    assert more.labels.tolist() == ["1", "2", "3", "4"]
    assert more.weight is network.weight
    assert more == network
    assert "groups: first, last, odd" in repr(more)


def test_combine() -> None:
    a = psn.Network.from_edges(
        pre=[0, 1], post=[1, 0], weight=[1.0, 2.0], delay=1.0, groups={"x": [0]}, labels=["p", "q"]
    )
    b = psn.Network.from_edges(
        pre=[2, 0],
        post=[0, 1],
        weight=[3.0, 4.0],
        delay=[2.0, 1.0],
        groups={"x": [1], "y": [2]},
        labels=["p", "r", "s"],
    )
    both = psn.Network.combine(network for network in (a, b))  # type: ignore[arg-type]
    expected = np.zeros((5, 5))
    expected[:2, :2], expected[2:, 2:] = a.to_dense(), b.to_dense()
    np.testing.assert_array_equal(both.to_dense(), expected)
    assert isinstance(both.delay, np.ndarray)
    assert both.delay.tolist() == [1.0, 1.0, 1.0, 2.0]
    assert both.network is not None
    assert both.network.tolist() == [0, 0, 1, 1, 1]
    assert {name: who.tolist() for name, who in both.groups.items()} == {"x": [0, 3], "y": [4]}
    assert both.indices(["p"]).tolist() == [0, 2]
    assert psn.Network.combine([a, a]).delay == 1.0
    assert psn.Network.combine([a]) == a


def test_a_network_cannot_be_changed() -> None:
    given = np.array([1.0, 2.0])
    network = psn.Network.from_edges(pre=[0, 1], post=[1, 0], weight=given)
    given[0] = 7.0
    assert network.weight[0] == 1.0
    for array in (network.weight, network.target, network.offset):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    other = network.with_weights([3.0, 4.0])
    assert other.weight.tolist() == [3.0, 4.0]
    assert network.weight.tolist() == [1.0, 2.0]
    assert other != network
    assert other.target is network.target


@given(edge_lists(), st.integers(0, 39), st.integers(1, 8))
def test_the_hash_knows_every_weight(edges: dict[str, Any], which: int, change: int) -> None:
    network = psn.Network.from_edges(**edges)
    if network.n_synapses == 0:
        return
    weight = network.weight.copy()
    weight[which % weight.size] += change
    assert network.with_weights(weight).hash() != network.hash()
    assert network.with_weights(network.weight).hash() == network.hash()


def test_empty_networks_have_neurons() -> None:
    network = psn.Network.from_edges(pre=[], post=[], n=3)
    assert network.n_synapses == 0
    assert network.to_dense().shape == (3, 3)
    assert psn.Network.from_dense(np.zeros((3, 3))) == network
    assert psn.Network.combine([network, network]).n == 6


@pytest.mark.parametrize("name", ["two words", "a/b", ""])
def test_names_of_groups_fit_into_files(name: Any) -> None:
    with pytest.raises(ValueError, match="groups must have names without blanks and slashes"):
        psn.Network.from_edges(pre=[0], post=[1], groups={name: [0]})
