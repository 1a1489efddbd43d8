"""Networks in files come back as they were."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import pyspikenet as psn

FULL = {
    "pre": [2, 0, 1, 2],
    "post": [0, 1, 2, 0],
    "weight": [0.1, -2.0, 1e-300, 3.5],
    "labels": ["α", "b", "c"],
    "groups": {"some_cells": [2, 0], "rest": [1]},
}


def same(a: psn.Network, b: psn.Network) -> None:
    assert a == b
    assert repr(a) == repr(b)
    for name in ("n", "offset", "target", "weight", "delay", "receptor", "receptors", "labels", "network"):
        x, y = getattr(a, name), getattr(b, name)
        assert type(x) is type(y) or (isinstance(x, np.ndarray) and isinstance(y, np.ndarray))
        np.testing.assert_array_equal(x, y)
        if isinstance(x, np.ndarray):
            assert x.dtype == y.dtype
    assert {k: v.tolist() for k, v in a.groups.items()} == {k: v.tolist() for k, v in b.groups.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("delay", [None, 1.5, [1.0, 2.0, 3.0, 0.25]])
@pytest.mark.parametrize("receptor", [None, ["exc", "inh", "exc", "exc"]])
def test_save_and_from_file(tmp_path: Path, dtype: str, delay: object, receptor: object) -> None:
    weight = np.array(FULL["weight"]).astype(dtype)
    network = psn.Network.from_edges(**FULL | {"weight": weight}, delay=delay, receptor=receptor, dtype=dtype)  # type: ignore[arg-type]
    network.save(tmp_path / "network.npz")
    same(psn.Network.from_file(str(tmp_path / "network.npz")), network)
    assert [path.name for path in tmp_path.iterdir()] == ["network.npz"]


def test_combined_and_empty_networks_are_saved(tmp_path: Path) -> None:
    empty = psn.Network.from_edges(pre=[], post=[], n=2)
    for network in (empty, psn.Network.combine([psn.Network.ring(n=3), empty])):
        network.save(tmp_path / "network.npz")
        same(psn.Network.from_file(tmp_path / "network.npz"), network)


def test_a_saved_network_takes_no_further_arguments(tmp_path: Path) -> None:
    psn.Network.ring(n=3).save(tmp_path / "network.npz")
    with pytest.raises(ValueError, match=r"a saved network takes no further arguments, got delay"):
        psn.Network.from_file(tmp_path / "network.npz", delay=1.0)


def test_a_network_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "network.npz"
    network = psn.Network.ring(n=3)
    network.save(path)

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="no space left"):
        psn.Network.ring(n=4).save(path)
    same(psn.Network.from_file(path), network)
    assert list(tmp_path.iterdir()) == [path]


def test_numpy_and_scipy_files(tmp_path: Path) -> None:
    matrix = np.array([[0, 1.5, 0], [-2, 0, 0], [0, 0, 3]])
    np.save(tmp_path / "dense.npy", matrix)
    scipy.sparse.save_npz(tmp_path / "sparse.npz", scipy.sparse.coo_array(matrix))
    network = psn.Network.from_dense(matrix, delay=2.0, labels=["a", "b", "c"])
    for name in ("dense.npy", "sparse.npz"):
        same(psn.Network.from_file(tmp_path / name, delay=2.0, labels=["a", "b", "c"]), network)


@given(edges=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(-1e6, 1e6)), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_csv_round_trip(tmp_path_factory: pytest.TempPathFactory, edges: list[tuple[int, int, float]]) -> None:
    path = tmp_path_factory.mktemp("csv") / "edges.csv"
    path.write_text("pre,post,weight\n" + "".join(f"{i},{j},{w!r}\n" for i, j, w in edges))
    pre, post, weight = zip(*edges, strict=True)
    same(psn.Network.from_file(path, n=10), psn.Network.from_edges(pre=pre, post=post, weight=weight, n=10))


def test_csv_with_names_delays_and_receptors(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text(
        "pre, post, weight, delay, receptor\nAVB, ADE, 2, 1.5, exc\nADE, AVA, -1, 1, inh\n", encoding="utf-8-sig"
    )
    network = psn.Network.from_file(path)
    expected = psn.Network.from_edges(
        pre=[2, 0], post=[0, 1], weight=[2, -1], delay=[1.5, 1], receptor=["exc", "inh"], labels=["ADE", "AVA", "AVB"]
    )
    same(network, expected)
    chosen = psn.Network.from_file(path, labels=["AVB", "AVA", "ADE", "ZZZ"])
    assert chosen.n == 4
    assert chosen.pre.tolist() == [0, 2]
    with pytest.raises(ValueError, match=r"labels must hold every neuron of the file, got labels without 'AVA'"):
        psn.Network.from_file(path, labels=["AVB", "ADE"])


def test_csv_of_pairs_has_weight_one(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("pre,post,comment\n0,1,hello\n1,0,you\n")
    same(psn.Network.from_file(tmp_path / "edges.csv"), psn.Network.from_edges(pre=[0, 1], post=[1, 0]))
