"""Networks: sparse connectivity with weights and delays, compressed by presynaptic neuron."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import generators
from .engine.memory import shared_empty
from .limits import check_memory
from .parameters import as_array, file_path, float_dtype, number, shown, steps
from .synapses import (
    Delay,
    delays_in_ms,
    in_order,
    is_sorted,
    named_groups,
    network_size,
    neuron_indices,
    neuron_labels,
    per_synapse,
    receptor_codes,
    whole_numbers,
)

if TYPE_CHECKING:
    import networkx
    import scipy.sparse

# What a network is made of: the arguments of Network(...), by the attribute that holds them.
PARTS = ("n", "offset", "target", "weight", "delay", "receptor", "receptors", "labels", "groups", "network")


class Network:
    """Neurons and the synapses between them. Immutable; made by one of the constructors below.

    Synapses are kept sorted by presynaptic, then postsynaptic neuron: 4 bytes for the target and 4 or 8 for the weight
    of each, and 4 for its delay where delays differ. Several synapses between the same two neurons, and synapses of a
    neuron onto itself, are allowed.

    Attributes
    ----------
    n : int
        Number of neurons.
    offset : ndarray of int64, shape (n + 1,)
        Synapses ``offset[i]`` to ``offset[i + 1]`` leave neuron i.
    target : ndarray of int32, shape (n_synapses,)
        Postsynaptic neuron of each synapse.
    weight : ndarray of float32 or float64, shape (n_synapses,)
        Weight of each synapse; its unit is the model's (cascade models: dimensionless drive).
    delay : float, ndarray of float32 or None
        Delay in ms, of all synapses or of each; None is one step of the simulation.
    receptor : ndarray of int8 or None
        Index into `receptors` for each synapse; None where a network has no receptors.
    receptors : tuple of str
        Names of receptors.
    labels : ndarray or None
        Name of each neuron.
    groups : dict of str to ndarray of int64
        Named sets of neurons, which may overlap.
    network : ndarray of int64 or None
        Which network each neuron came from, after :meth:`combine`.
    """

    def __init__(
        self,
        *,
        n: int,
        offset: NDArray[np.int64],
        target: NDArray[np.int32],
        weight: NDArray[Any],
        delay: Delay = None,
        receptor: NDArray[np.int8] | None = None,
        receptors: Sequence[str] = (),
        labels: ArrayLike | None = None,
        groups: Mapping[str, ArrayLike] | None = None,
        network: NDArray[np.int64] | None = None,
    ) -> None:
        self.n = network_size(n)
        self.offset, self.target, self.weight = offset, target, weight
        self.delay: Delay = delay
        self.receptor, self.receptors = receptor, tuple(receptors)
        self.labels = None if labels is None else neuron_labels(labels, self.n)
        self.groups = named_groups(groups, self.n)
        self.network = network
        self._check()
        for array in (offset, target, weight, delay, receptor, network):
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
        self._hash: str | None = None
        self._parts: Any = None  # synapses by receptor, kept by projections.py

    def _check(self) -> None:
        """Refuses arrays that do not belong together: they may come from a file, or from anybody."""
        n, m = self.n, np.size(self.target)
        expected: list[tuple[str, Any, tuple[int, ...], str]] = [
            ("offset", self.offset, (n + 1,), "int64"),
            ("target", self.target, (m,), "int32"),
            ("weight", self.weight, (m,), "float32 float64"),
        ]
        if isinstance(self.delay, np.ndarray):
            expected.append(("delay", self.delay, (m,), "float32"))
        elif self.delay is not None:
            self.delay = number("delay", self.delay, "positive")
        if self.receptor is not None:
            expected.append(("receptor", self.receptor, (m,), "int8"))
        if self.network is not None:
            expected.append(("network", self.network, (n,), "int64"))
        for name, array, shape, dtypes in expected:
            if not isinstance(array, np.ndarray) or array.dtype.name not in dtypes.split():
                what = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
                raise TypeError(f"{name} must be an array of {dtypes.replace(' ', ' or ')}, got {what}")
            if array.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
        if self.offset[0] != 0 or self.offset[-1] != m or (np.diff(self.offset) < 0).any():
            raise ValueError(f"offset must rise from 0 to the number of synapses ({m}), got {shown(self.offset)}")
        if m and (self.target.min() < 0 or self.target.max() >= n):
            raise ValueError(f"target must lie in 0..{n - 1}, got {self.target.min()}..{self.target.max()}")
        if m and not (np.isfinite(self.weight.min()) and np.isfinite(self.weight.max())):
            raise ValueError(f"weight must be finite, got {self.weight[~np.isfinite(self.weight)][0]}")

    # ---- constructors ----------------------------------------------------------------------------------------------

    @classmethod
    def from_edges(
        cls,
        *,
        pre: ArrayLike,
        post: ArrayLike,
        weight: ArrayLike = 1.0,
        delay: ArrayLike | None = None,
        receptor: Sequence[str] | None = None,
        n: int | None = None,
        labels: ArrayLike | None = None,
        groups: Mapping[str, ArrayLike] | None = None,
        dtype: str = "float64",
    ) -> Self:
        """A network from a list of synapses.

        Parameters
        ----------
        pre, post : array_like of int, shape (n_synapses,)
            Presynaptic and postsynaptic neuron of each synapse, counted from 0.
        weight : float or array_like, shape (n_synapses,), default 1.0
            Weights.
        delay : float or array_like, shape (n_synapses,), optional
            Delays in ms; default one step of the simulation.
        receptor : sequence of str, shape (n_synapses,), optional
            Name of the receptor of each synapse.
        n : int, optional
            Number of neurons; default the largest index + 1.
        labels : array_like, shape (n,), optional
            Names of neurons.
        groups : dict of str to array_like, optional
            Named sets of neurons: indices, or a boolean mask.
        dtype : {"float64", "float32"}
            Type of the stored weights.

        Raises
        ------
        TypeError, ValueError
            For arrays that are not numbers, differ in length, name neurons outside 0..n-1, or are not finite.
        """
        sources, targets = whole_numbers("pre", pre), whole_numbers("post", post)
        if sources.size != targets.size:
            raise ValueError(f"pre and post must have the same length, got {sources.size} and {targets.size}")
        m = sources.size
        if n is None:
            if m == 0:
                raise ValueError("n must be given for a network without synapses, got None")
            n = int(max(sources.max(), targets.max())) + 1
        size = network_size(n)
        check_memory("n", 8.0 * (size + 1), f"{size} neurons")
        for name, who in (("pre", sources), ("post", targets)):
            if m and (who.min() < 0 or who.max() >= size):
                bad = int(np.argmax((who < 0) | (who >= size)))
                raise ValueError(f"{name} must lie in 0..{size - 1}, got {who[bad]} (synapse {bad})")
        weights = per_synapse("weight", weight, m, float_dtype(dtype))
        delays = None if delay is None else delays_in_ms(delay, m)
        codes, names = receptor_codes(receptor, m)
        order = None
        if m and not is_sorted(sources, targets):
            order = np.lexsort((targets, sources))
        offset = shared_empty(size + 1, np.int64)
        offset[0] = 0
        np.cumsum(np.bincount(sources, minlength=size), out=offset[1:])
        return cls(
            n=size,
            offset=offset,
            target=in_order(targets, order, np.int32),
            weight=in_order(weights, order, weights.dtype),
            delay=in_order(delays, order, np.float32) if isinstance(delays, np.ndarray) else delays,
            receptor=None if codes is None else in_order(codes, order, np.int8),
            receptors=names,
            labels=labels,
            groups=groups,
        )

    @classmethod
    def from_dense(cls, weights: ArrayLike, *, delay: ArrayLike | None = None, **kwargs: Any) -> Self:
        """A network from a square matrix ``W[pre, post]``; zeros are no synapses.

        Parameters
        ----------
        weights : array_like, shape (n, n)
            Weights.
        delay : float or array_like, shape (n, n), optional
            Delays in ms, of all synapses or for each entry of `weights`.
        **kwargs
            ``labels``, ``groups`` and ``dtype`` as in :meth:`from_edges`.
        """
        matrix = as_array("weights", weights)
        if matrix.dtype.kind not in "iufb":
            raise TypeError(f"weights must be a matrix of numbers, got {shown(weights)} of dtype {matrix.dtype}")
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"weights must be a square matrix (pre, post), got shape {matrix.shape}")
        if matrix.shape[0] == 0:
            raise ValueError("weights must have at least one neuron, got shape (0, 0)")
        pre, post = np.nonzero(matrix)
        if not np.isfinite(matrix).all():
            row, column = (int(k) for k in np.argwhere(~np.isfinite(matrix))[0])
            raise ValueError(f"weights must be finite, got {matrix[row, column]} (from neuron {row} to {column})")
        if delay is not None and as_array("delay", delay).ndim > 0:
            delays = as_array("delay", delay)
            if delays.shape != matrix.shape:
                raise ValueError(f"delay must be one number or have shape {matrix.shape}, got {delays.shape}")
            delay = delays[pre, post]
        values = matrix[pre, post]
        return cls.from_edges(pre=pre, post=post, weight=values, delay=delay, n=matrix.shape[0], **kwargs)

    @classmethod
    def from_scipy(cls, weights: "scipy.sparse.csr_array[Any] | scipy.sparse.spmatrix[Any]", **kwargs: Any) -> Self:
        """A network from a SciPy sparse matrix or array ``W[pre, post]`` of any format; stored zeros are synapses.

        Parameters
        ----------
        weights : scipy.sparse matrix or array, shape (n, n)
            Weights; several entries of the same place are added up.
        **kwargs
            ``delay`` (one number, or one per stored entry in row-major order), ``labels``, ``groups`` and ``dtype`` as
            in :meth:`from_edges`.
        """
        if not hasattr(weights, "tocsr"):
            raise TypeError(f"weights must be a SciPy sparse matrix, got {shown(weights)}")
        if len(weights.shape) != 2 or weights.shape[0] != weights.shape[1]:
            raise ValueError(f"weights must be a square matrix (pre, post), got shape {weights.shape}")
        csr = weights.tocsr()
        pre = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
        return cls.from_edges(pre=pre, post=csr.indices, weight=csr.data, n=csr.shape[0], **kwargs)

    @classmethod
    def from_networkx(
        cls, graph: "networkx.Graph[Any]", *, weight: str = "weight", delay: str | None = None, **kwargs: Any
    ) -> Self:
        """A network from a networkx graph; an undirected edge becomes two synapses.

        Parameters
        ----------
        graph : networkx.Graph or any of its kin
            Its nodes, in their order, are the neurons; their names become labels.
        weight : str, default "weight"
            Edge attribute with the weight; where it is missing, the weight is 1.
        delay : str, optional
            Edge attribute with the delay in ms; all edges must have it. Default: delays of one step.
        **kwargs
            ``groups`` and ``dtype`` as in :meth:`from_edges`.
        """
        if not hasattr(graph, "nodes") or not hasattr(graph, "edges"):
            raise TypeError(f"graph must be a networkx graph, got {shown(graph)}")
        for name, attribute in (("weight", weight), ("delay", delay)):
            if not isinstance(attribute, str) and not (name == "delay" and attribute is None):
                raise TypeError(f"{name} must be the name of an edge attribute, got {shown(attribute)}")
        nodes = list(graph.nodes)
        if not nodes:
            raise ValueError("graph must have at least one node, got none")
        index = {node: k for k, node in enumerate(nodes)}
        edges = [(index[a], index[b], data) for a, b, data in graph.edges(data=True)]
        if not graph.is_directed():
            edges += [(b, a, data) for a, b, data in edges if a != b]
        if delay is not None and any(delay not in data for *_, data in edges):
            bad = next((nodes[a], nodes[b]) for a, b, data in edges if delay not in data)
            raise ValueError(f"delay must be an attribute of all edges, got {delay!r}, which the edge {bad} lacks")
        return cls.from_edges(
            pre=np.array([e[0] for e in edges], np.int64),
            post=np.array([e[1] for e in edges], np.int64),
            weight=np.array([number(f"weight {weight!r}", e[2].get(weight, 1.0)) for e in edges]),
            delay=None if delay is None else np.array([number(f"delay {delay!r}", e[2][delay]) for e in edges]),
            n=len(nodes),
            labels=[str(node) for node in nodes],
            **kwargs,
        )

    @classmethod
    def from_file(cls, path: "str | os.PathLike[str]", **kwargs: Any) -> Self:
        """A network from a file.

        ``.npy``: a dense matrix ``W[pre, post]``. ``.npz``: what :meth:`save` wrote, or a SciPy sparse matrix.
        ``.csv``: a list of synapses with a header naming at least ``pre`` and ``post``, and ``weight``, ``delay``,
        ``receptor`` where there are any; neurons are numbers from 0, or names, which become labels in the
        order of their names.

        Parameters
        ----------
        path : str or Path
            Where the file is.
        **kwargs
            Passed to :meth:`from_dense`, :meth:`from_scipy` or :meth:`from_edges`.
        """
        from . import files

        return files.read_network(cls, file_path(path), **kwargs)

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Writes the network to an ``.npz`` file that :meth:`from_file` reads back unchanged.

        Parameters
        ----------
        path : str or Path
            Where to write.
        """
        from . import files

        files.write_network(self, file_path(path))

    random = classmethod(generators.random)
    normal = classmethod(generators.normal)
    uniform = classmethod(generators.uniform)
    mexican_hat = classmethod(generators.mexican_hat)
    ring = classmethod(generators.ring)
    ladder = classmethod(generators.ladder)
    small_world = classmethod(generators.small_world)

    @classmethod
    def combine(cls, networks: "Sequence[Network]") -> Self:
        """Several networks of any size side by side in one, to be run together.

        Neurons keep their order; :attr:`network` tells where each came from, and so does the coordinate ``network`` of
        a dataset, whose ``ds.spk.split()`` separates them again. Groups of the same name are joined.

        Parameters
        ----------
        networks : sequence of Network
            The networks, in their order.
        """
        parts = list(networks) if isinstance(networks, Iterable) else [networks]
        wrong = [x for x in parts if not isinstance(x, Network)]
        if not isinstance(networks, Iterable) or wrong:
            raise TypeError(f"networks must be a sequence of Network, got {shown(wrong[0] if wrong else networks)}")
        if not parts:
            raise ValueError(f"networks must hold at least one network, got {shown(networks)}")
        starts = np.cumsum([0] + [x.n for x in parts])
        if len({x.receptors for x in parts}) > 1:
            raise ValueError(f"networks must all have the same receptors, got {[x.receptors for x in parts]}")
        groups: dict[str, list[NDArray[np.int64]]] = {}
        for start, part in zip(starts, parts, strict=False):
            for name, who in part.groups.items():
                groups.setdefault(name, []).append(who + start)
        edges = np.cumsum([0] + [x.n_synapses for x in parts])
        offset = [part.offset[:-1] + first for part, first in zip(parts, edges, strict=False)]
        labels = None
        if all(x.labels is not None for x in parts):
            labels = np.concatenate([x.labels for x in parts])
        delay: Delay = parts[0].delay
        if any(isinstance(x.delay, np.ndarray) or x.delay != delay for x in parts):
            if any(x.delay is None for x in parts):
                raise ValueError(
                    "networks must all have delays or none, as a delay of one step has no length in ms yet, got"
                    f" {', '.join(x._delay_text() for x in parts)}"
                )
            delay = np.concatenate([np.broadcast_to(np.float32(x.delay), x.n_synapses) for x in parts])
        has_receptors = parts[0].receptor is not None
        return cls(
            n=int(starts[-1]),
            offset=np.concatenate([*offset, edges[-1:]]).astype(np.int64),
            target=np.concatenate([p.target + np.int32(s) for p, s in zip(parts, starts, strict=False)]).astype(
                np.int32
            ),
            weight=np.concatenate([x.weight for x in parts]),
            delay=delay,
            receptor=np.concatenate([x.receptor for x in parts]) if has_receptors else None,
            receptors=parts[0].receptors,
            labels=labels,
            groups={name: np.concatenate(who) for name, who in groups.items()},
            network=np.repeat(np.arange(len(parts)), [x.n for x in parts]),
        )

    # ---- what it is --------------------------------------------------------------------------------------------------

    @property
    def n_synapses(self) -> int:
        """Number of synapses."""
        return int(self.target.size)

    @property
    def pre(self) -> NDArray[np.int32]:
        """Presynaptic neuron of each synapse."""
        return np.repeat(np.arange(self.n, dtype=np.int32), np.diff(self.offset))

    @property
    def post(self) -> NDArray[np.int32]:
        """Postsynaptic neuron of each synapse, the same as :attr:`target`."""
        return self.target

    def in_degree(self) -> NDArray[np.int64]:
        """Number of synapses onto each neuron."""
        return np.bincount(self.target, minlength=self.n)

    def out_degree(self) -> NDArray[np.int64]:
        """Number of synapses of each neuron."""
        return np.diff(self.offset)

    def to_dense(self) -> NDArray[np.float64]:
        """The matrix ``W[pre, post]``; several synapses between the same neurons add up."""
        check_memory("n", 8.0 * self.n**2, f"a matrix of {self.n} x {self.n}")
        matrix = np.zeros((self.n, self.n))
        np.add.at(matrix, (self.pre, self.target), self.weight)
        return matrix

    def to_scipy(self) -> "scipy.sparse.csr_array":
        """The matrix ``W[pre, post]`` as a SciPy sparse array."""
        import scipy.sparse

        return scipy.sparse.csr_array((self.weight, self.target, self.offset), shape=(self.n, self.n))

    def indices(self, who: Any) -> NDArray[np.int64]:
        """Sorted indices of neurons given as a group name, a boolean mask, labels or indices.

        Parameters
        ----------
        who : str or array_like
            The neurons.
        """
        return np.unique(self.positions(who))

    def positions(self, who: Any, name: str = "targets") -> NDArray[np.int64]:
        """Indices of neurons as in :meth:`indices`, but in the order in which they are given, repeated where they are.

        Parameters
        ----------
        who : str or array_like
            The neurons.
        name : str, default "targets"
            What errors call them.
        """
        if isinstance(who, str):
            if who not in self.groups:
                known = ", ".join(sorted(self.groups)) or "none"
                raise ValueError(f"{name} must be a group of the network ({known}), got {who!r}")
            return self.groups[who]
        chosen = as_array(name, who)
        if chosen.dtype.kind == "U":
            if self.labels is None:
                raise ValueError(f"{name} must be indices or a mask where a network has no labels, got {shown(who)}")
            missing = chosen[~np.isin(chosen, self.labels)]
            if missing.size:
                raise ValueError(f"{name} must be labels of the network, got {str(missing.flat[0])!r}, which is none")
            return np.concatenate([np.empty(0, np.int64), *(np.flatnonzero(self.labels == x) for x in chosen.ravel())])
        return neuron_indices(name, chosen, self.n)

    def with_groups(self, **groups: ArrayLike) -> "Network":
        """The same network with more named groups (indices or boolean masks); arrays are shared, not copied.

        Parameters
        ----------
        **groups : array_like
            Indices or a boolean mask by name.
        """
        return self._changed(groups=self.groups | groups)

    def with_labels(self, labels: ArrayLike) -> "Network":
        """The same network with other names of neurons; arrays are shared, not copied.

        Parameters
        ----------
        labels : array_like, shape (n,)
            Names of the neurons.
        """
        return self._changed(labels=labels)

    def with_weights(self, weight: ArrayLike) -> "Network":
        """The same synapses with other weights, in the order of :attr:`pre` and :attr:`post`.

        Parameters
        ----------
        weight : float or array_like, shape (n_synapses,)
            Weights.
        """
        return self._changed(weight=per_synapse("weight", weight, self.n_synapses, self.weight.dtype))

    def _changed(self, **changes: Any) -> "Network":
        return Network(**{name: getattr(self, name) for name in PARTS} | changes)

    def delay_steps(self, dt: float) -> tuple[int, NDArray[np.int32] | None]:
        """Delays in steps of `dt` ms: one for all synapses, or an array; a ValueError if they are not whole steps.

        Parameters
        ----------
        dt : float
            Length of a step [ms].
        """
        if self.delay is None:
            return 1, None
        if not isinstance(self.delay, np.ndarray):
            return steps("delay", self.delay, dt, minimum=1), None
        rounded = np.rint(self.delay / dt)
        off = np.abs(rounded * dt - self.delay) > 1e-5 * np.maximum(self.delay, dt)
        if self.n_synapses and (off.any() or rounded.min() < 1):
            bad = int(np.argmax(off | (rounded < 1)))
            raise ValueError(
                f"delay must be at least one step and a multiple of dt = {dt} ms, got {self.delay[bad]} ms"
                f" (synapse {bad})"
            )
        return 1, rounded.astype(np.int32)

    def hash(self) -> str:
        """A SHA-256 of size, synapses, weights and delays, to recognise the network by."""
        if self._hash is None:
            digest = hashlib.sha256(f"{self.n} {self.weight.dtype}".encode())
            for array in (self.offset, self.target, self.weight):
                digest.update(memoryview(np.ascontiguousarray(array)))  # type: ignore[arg-type]
            digest.update(repr(self.delay).encode() if not isinstance(self.delay, np.ndarray) else self.delay.data)
            self._hash = digest.hexdigest()
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        return self.hash() == other.hash()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_parts": None}

    def __hash__(self) -> int:
        return hash(self.hash())

    def _delay_text(self) -> str:
        if self.delay is None:
            return "delay one step"
        return "delay per synapse" if isinstance(self.delay, np.ndarray) else f"delay {self.delay} ms"

    def __repr__(self) -> str:
        groups = f", groups: {', '.join(sorted(self.groups))}" if self.groups else ""
        return (
            f"<Network of {self.n} neurons and {self.n_synapses} synapses ({self.weight.dtype}),"
            f" {self._delay_text()}{groups}>"
        )
