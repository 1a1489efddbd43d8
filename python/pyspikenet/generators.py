"""Random and regular networks. These are the constructors ``Network.random``, ``Network.normal`` and so on."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .engine.memory import shared_empty
from .limits import MOST_NEURONS, check_memory
from .parameters import flag, float_dtype, number, numbers, whole_number
from .synapses import delays_in_ms, per_synapse

if TYPE_CHECKING:
    from .network import Network

# Random pairs drawn at a time: bounds the memory of a generator beside its result.
CHUNK = 1 << 22


def random(
    cls: "type[Network]",
    n: int,
    p: float | None = None,
    *,
    indegree: int | None = None,
    weight: ArrayLike | Any = 1.0,
    delay: ArrayLike | None = None,
    autapses: bool = False,
    seed: int | None = None,
    dtype: str = "float64",
) -> "Network":
    """A random network: every pair connected with probability `p`, or `indegree` distinct inputs to every neuron.

    Parameters
    ----------
    n : int
        Number of neurons.
    p : float, optional
        Connection probability in [0, 1].
    indegree : int, optional
        Number of inputs of each neuron, drawn without repetition. Give either `p` or `indegree`.
    weight : float, array_like or callable, default 1.0
        One weight, one per synapse, or a function ``f(rng, size)`` that draws them, e.g.
        ``lambda rng, size: rng.normal(0, 0.1, size)``.
    delay : float or array_like, optional
        Delays in ms; default one step of the simulation.
    autapses : bool, default False
        Whether a neuron may connect to itself.
    seed : int, optional
        Seed; default: drawn afresh.
    dtype : {"float64", "float32"}
        Type of the stored weights.

    Returns
    -------
    Network
    """
    size = whole_number("n", n, 1)
    rng, autapses = generator(seed), flag("autapses", autapses)
    kind = float_dtype(dtype)
    if (p is None) == (indegree is None):
        raise ValueError(f"p or indegree must be given, and not both, got p={p!r} and indegree={indegree!r}")
    if p is not None:
        probability = number("p", p, "probability")
        _check_size("n and p", size, probability * size * size, kind)
        pre_counts, target = _bernoulli_pairs(size, size, probability, rng, autapses)
    else:
        inputs = whole_number("indegree", indegree)
        _check_size("n and indegree", size, inputs * size, kind)
        pre_counts, target = _fixed_indegree(size, inputs, rng, autapses)
    return _assemble(cls, size, pre_counts, target, weight, delay, rng, dtype)


def normal(
    cls: "type[Network]",
    n: int,
    mean: float = 0.0,
    std: float = 1.0,
    sparsity: float = 0.5,
    glorot: bool = False,
    *,
    inhibitory: float = 0.5,
    delay: ArrayLike | None = None,
    seed: int | None = None,
    dtype: str = "float64",
) -> "Network":
    """A random network with normally distributed weights under Dale's law (Spikeometric's ``NormalGenerator``).

    Of a half matrix of ``n / 2`` by n normal weights, the positive ones belong to excitatory neuron i, the negative
    ones to inhibitory neuron i + n / 2: the first half of the neurons excites, the second inhibits, and the two neurons
    of a pair have complementary targets. No neuron connects to itself. Groups ``"excitatory"`` and ``"inhibitory"``.

    Parameters
    ----------
    n : int
        Number of neurons, even.
    mean, std : float, default 0.0 and 1.0
        Mean and standard deviation of the half matrix.
    sparsity : float, default 0.5
        Fraction of absent connections, in [0.5, 1]: half of all pairs is the most that Dale's law leaves.
    glorot : bool, default False
        Divide the weights by ``sqrt(n)``.
    inhibitory : float, default 0.5
        Fraction of inhibitory neurons; this construction has one half, and any other value is an error.
    delay : float or array_like, optional
        Delays in ms; default one step of the simulation.
    seed : int, optional
        Seed; default: drawn afresh.
    dtype : {"float64", "float32"}
        Type of the stored weights.

    Returns
    -------
    Network
    """
    size = _even(n)
    mean, std = number("mean", mean), number("std", std, "nonnegative")
    density = 1 - number("sparsity", sparsity)
    if not 0 <= density <= 0.5:
        raise ValueError(f"sparsity must be in [0.5, 1], got {sparsity}")
    if number("inhibitory", inhibitory, "probability") != 0.5:
        raise ValueError(f"inhibitory must be 0.5: neurons come in pairs of either kind, got {inhibitory}")
    rng, glorot = generator(seed), flag("glorot", glorot)
    _check_size("n and sparsity", size, density * size * size, float_dtype(dtype), extra=24)
    half = size // 2
    counts, post = _bernoulli_pairs(half, size, 2 * density, rng, autapses=True)
    row = np.repeat(np.arange(half, dtype=np.int32), counts)
    weight = rng.normal(mean, std, post.size) / (math.sqrt(size) if glorot else 1.0)
    pre = np.where(weight > 0, row, row + np.int32(half))
    keep = (pre != post) & (weight != 0)
    groups = {"excitatory": np.arange(half), "inhibitory": np.arange(half, size)}
    return cls.from_edges(
        pre=pre[keep], post=post[keep], weight=weight[keep], delay=delay, n=size, groups=groups, dtype=dtype
    )


def uniform(
    cls: "type[Network]",
    n: int,
    low: float = -1.0,
    high: float = 1.0,
    sparsity: float = 0.5,
    *,
    delay: ArrayLike | None = None,
    seed: int | None = None,
    dtype: str = "float64",
) -> "Network":
    """A random network with weights drawn uniformly from [low, high).

    Parameters
    ----------
    n : int
        Number of neurons.
    low, high : float, default -1.0 and 1.0
        Range of the weights.
    sparsity : float, default 0.5
        Fraction of absent connections, in [0, 1]. No neuron connects to itself.
    delay : float or array_like, optional
        Delays in ms; default one step of the simulation.
    seed : int, optional
        Seed; default: drawn afresh.
    dtype : {"float64", "float32"}
        Type of the stored weights.

    Returns
    -------
    Network
    """
    size = whole_number("n", n, 1)
    low, high = number("low", low), number("high", high)
    if high < low:
        raise ValueError(f"high must not be less than low = {low}, got {high}")
    rng = generator(seed)
    density = 1 - number("sparsity", sparsity, "probability")
    _check_size("n and sparsity", size, density * size * size, float_dtype(dtype))
    counts, target = _bernoulli_pairs(size, size, density, rng, autapses=False)
    return _assemble(cls, size, counts, target, lambda r, k: r.uniform(low, high, k), delay, rng, dtype)


def mexican_hat(
    cls: "type[Network]",
    n: int,
    a: float = 1.0015,
    sigma_1: float = 6.98,
    sigma_2: float = 7.0,
    *,
    delay: ArrayLike | None = None,
    dtype: str = "float64",
) -> "Network":
    """A ring with local excitation and wider inhibition: ``exp(-d^2 / (2 sigma_1^2)) - a exp(-d^2 / (2 sigma_2^2))``.

    Parameters
    ----------
    n : int
        Number of neurons; d is the distance on the ring.
    a : float, default 1.0015
        Strength of the second Gaussian.
    sigma_1, sigma_2 : float, default 6.98 and 7.0
        Widths of the two Gaussians, in neurons.
    delay : float or array_like, optional
        Delays in ms; default one step of the simulation.
    dtype : {"float64", "float32"}
        Type of the stored weights.

    Returns
    -------
    Network
        All pairs are connected, except a neuron with itself.
    """
    size = whole_number("n", n, 1)
    a, s1, s2 = number("a", a), number("sigma_1", sigma_1, "positive"), number("sigma_2", sigma_2, "positive")
    _check_size("n", size, float(size) * size, float_dtype(dtype), extra=64)
    straight = np.abs(np.arange(size)[:, None] - np.arange(size))
    d = np.minimum(straight, size - straight)
    weights = np.exp(-(d**2) / (2 * s1**2)) - a * np.exp(-(d**2) / (2 * s2**2))
    pre, post = np.nonzero(~np.eye(size, dtype=bool))
    return cls.from_edges(pre=pre, post=post, weight=weights[pre, post], delay=delay, n=size, dtype=dtype)


def ring(cls: "type[Network]", n: int, *, weight: ArrayLike = 1.0, delay: ArrayLike | None = None) -> "Network":
    """A ring of `n` neurons, each connected to both neighbours (networkx ``cycle_graph``).

    Parameters
    ----------
    n : int
        Number of neurons.
    weight : float or array_like, default 1.0
        One weight, or one per synapse in the order of (pre, post).
    delay : float or array_like, optional
        Delays in ms; default one step of the simulation.
    """
    size = whole_number("n", n, 1)
    _check_size("n", size, 2 * size, extra=500)
    return _regular(cls, "cycle_graph", weight, delay, size)


def ladder(
    cls: "type[Network]",
    rungs: int,
    *,
    circular: bool = True,
    weight: ArrayLike = 1.0,
    delay: ArrayLike | None = None,
) -> "Network":
    """Two rows of `rungs` neurons, connected like a ladder, by default a closed one (networkx ``ladder_graph``).

    Parameters
    ----------
    rungs : int
        Half the number of neurons.
    circular : bool, default True
        Whether the last rung is connected to the first.
    weight : float or array_like, default 1.0
        One weight, or one per synapse in the order of (pre, post).
    delay : float or array_like, optional
        Delays in ms; default one step of the simulation.
    """
    name = "circular_ladder_graph" if flag("circular", circular) else "ladder_graph"
    size = whole_number("rungs", rungs, 3 if circular else 1)
    _check_size("rungs", 2 * size, 6 * size, extra=500)
    return _regular(cls, name, weight, delay, size)


def small_world(
    cls: "type[Network]",
    n: int,
    k: int,
    p: float,
    *,
    weight: ArrayLike = 1.0,
    delay: ArrayLike | None = None,
    seed: int | None = None,
) -> "Network":
    """A Watts-Strogatz network: a ring with `k` neighbours each, rewired with probability `p`, in both directions.

    Parameters
    ----------
    n : int
        Number of neurons.
    k : int
        Neighbours of each neuron on the ring, half on either side; even.
    p : float
        Probability in [0, 1] that an edge is rewired.
    weight : float or array_like, default 1.0
        One weight, or one per synapse in the order of (pre, post).
    delay : float or array_like, optional
        Delays in ms; default one step of the simulation.
    seed : int, optional
        Seed; default: drawn afresh.
    """
    size, neighbours = whole_number("n", n, 1), whole_number("k", k)
    if neighbours > size or neighbours % 2:
        raise ValueError(f"k must be even, half on either side, and at most n = {size}, got {k}")
    p = number("p", p, "probability")
    _check_size("n and k", size, neighbours * size, extra=500)
    fixed = None if seed is None else whole_number("seed", seed)
    return _regular(cls, "watts_strogatz_graph", weight, delay, size, neighbours, p, seed=fixed)


# ---- how it is done --------------------------------------------------------------------------------------------------


def generator(seed: int | None) -> np.random.Generator:
    """NumPy's generator for a seed that has been checked."""
    return np.random.default_rng(None if seed is None else whole_number("seed", seed))


def _check_size(names: str, n: int, synapses: float, dtype: np.dtype[Any] | None = None, extra: int = 12) -> None:
    """ValueError for a network that does not fit; `extra` bytes per synapse are needed while it is made."""
    if n > MOST_NEURONS:
        raise ValueError(f"{names.split()[0]} must be less than 2**31 neurons, got {n}")
    needed = 16.0 * n + synapses * (4 + (8 if dtype is None else dtype.itemsize) + extra)
    check_memory(names, needed, f"{n} neurons and about {synapses:.3g} synapses")


def _regular(cls: "type[Network]", name: str, weight: Any, delay: Any, *args: Any, **kwargs: Any) -> "Network":
    try:
        import networkx
    except ImportError:
        raise ImportError("ring, ladder and small_world need networkx; install pyspikenet[networkx]") from None
    graph = getattr(networkx, name)(*args, **kwargs)
    pairs = np.array([(a, b) for a, b in graph.edges if a != b], np.int64).reshape(-1, 2)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    n = graph.number_of_nodes()
    return cls.from_edges(pre=both[:, 0], post=both[:, 1], weight=weight, delay=delay, n=n)


def _even(n: int) -> int:
    size = whole_number("n", n, 2)
    if size % 2:
        raise ValueError(f"n must be even: half of the neurons excites, half inhibits, got {n}")
    return size


def _bernoulli_pairs(
    rows: int, columns: int, p: float, rng: np.random.Generator, autapses: bool
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Pairs (row, column), each present with probability p: counts per row, and columns in order.

    Walks over the pairs in geometric leaps, so that the work is that of the synapses, not of the pairs.
    """
    counts = np.zeros(rows, np.int64)
    if p == 0:
        return counts, np.empty(0, np.int32)
    pieces: list[NDArray[np.int32]] = []
    rows_at_once = max(1, int(CHUNK / max(1.0, p * columns)))
    for first in range(0, rows, rows_at_once):
        cells = (min(rows, first + rows_at_once) - first) * columns
        flat = _bernoulli_positions(cells, p, rng)
        row, column = np.divmod(flat, columns)
        row += first
        if not autapses:
            keep = row != column
            row, column = row[keep], column[keep]
        counts += np.bincount(row, minlength=rows)
        pieces.append(column.astype(np.int32))
    return counts, _joined(pieces)


def _bernoulli_positions(cells: int, p: float, rng: np.random.Generator) -> NDArray[np.int64]:
    if p == 1:
        return np.arange(cells)
    found: list[NDArray[np.int64]] = []
    position = -1
    while True:
        expected = (cells - position) * p
        leaps = rng.geometric(p, int(expected + 4 * math.sqrt(expected) + 16))
        places = position + np.cumsum(leaps)
        found.append(places[places < cells])
        if places[-1] >= cells:
            return np.concatenate(found)
        position = int(places[-1])


def _fixed_indegree(
    n: int, k: int, rng: np.random.Generator, autapses: bool
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    choices = n if autapses else n - 1
    if k > choices:
        raise ValueError(f"indegree must be at most {choices} for {n} neurons, got {k}")
    counts = np.zeros(n, np.int64)
    if k == 0:
        return counts, np.empty(0, np.int32)
    sources = np.empty((n, k), np.int32)
    at_once = max(1, CHUNK // k)
    for first in range(0, n, at_once):
        last = min(n, first + at_once)
        block = _distinct(rng, last - first, k, choices)
        if not autapses:
            block += block >= np.arange(first, last, dtype=np.int32)[:, None]
        sources[first:last] = block
        counts += np.bincount(block.ravel(), minlength=n)
    # From lists of sources per target to lists of targets per source: a transposition of the sparse matrix.
    import scipy.sparse

    pointer = np.arange(0, n * k + 1, k)
    index: Any = np.int32 if n * k < 2**31 else np.int64
    columns = scipy.sparse.csc_array(
        (np.ones(n * k, np.int8), sources.reshape(-1).astype(index, copy=False), pointer.astype(index)), shape=(n, n)
    )
    del sources
    return counts, columns.tocsr().indices


def _distinct(rng: np.random.Generator, rows: int, k: int, choices: int) -> NDArray[np.int32]:
    """Rows of k distinct numbers below `choices`."""
    if 2 * k > choices:
        order = rng.permuted(np.broadcast_to(np.arange(choices, dtype=np.int32), (rows, choices)), axis=1)
        return np.ascontiguousarray(order[:, :k])
    block = rng.integers(0, choices, (rows, k), dtype=np.int32)
    pending = np.arange(rows)
    while pending.size:
        part = np.sort(block[pending], axis=1)
        repeated = np.zeros(part.shape, bool)
        repeated[:, 1:] = part[:, 1:] == part[:, :-1]
        part[repeated] = rng.integers(0, choices, int(repeated.sum()), dtype=np.int32)
        block[pending] = part
        pending = pending[repeated.any(axis=1)]
    return block


def _joined(pieces: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    joined = shared_empty(sum(x.size for x in pieces), np.int32)
    position = 0
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        joined[position : position + piece.size] = piece
        position += piece.size
    return joined


def _assemble(
    cls: "type[Network]",
    n: int,
    counts: NDArray[np.int64],
    target: NDArray[np.int32],
    weight: Any,
    delay: Any,
    rng: np.random.Generator,
    dtype: str,
) -> "Network":
    """The network of targets that are in order already, without a list of sources."""
    m, kind = target.size, float_dtype(dtype)
    offset = shared_empty(n + 1, np.int64)
    offset[0] = 0
    np.cumsum(counts, out=offset[1:])
    shared = target
    if getattr(target, "file", None) is None:
        shared = shared_empty(m, np.int32)
        shared[...] = target
        del target
    if callable(weight):
        weights = shared_empty(m, kind)
        for first in range(0, m, CHUNK):
            size = min(CHUNK, m - first)
            drawn = numbers(f"weight(rng, {size})", weight(rng, size), each="synapse")
            if drawn.shape != (size,):
                raise ValueError(f"weight(rng, {size}) must return {size} numbers, got shape {drawn.shape}")
            weights[first : first + size] = drawn
    else:
        weights = per_synapse("weight", weight, m, kind)
    return cls(
        n=n, offset=offset, target=shared, weight=weights, delay=None if delay is None else delays_in_ms(delay, m)
    )
