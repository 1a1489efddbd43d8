"""What the machine can do, one core: random scatter-add of 4-byte weights in rows of 100, and the bandwidth of a triad.

Compiled from limits.c with $CC (default cc), or, where there is no C compiler, the same loops by Numba, if that is
there.
"""

import ctypes
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import harness
import numpy as np

ROW = 100
# name: number of targets, number of synapses (8 bytes each)
CASES = {
    "l2": (65_536, 50_000),
    "w1": (5_000, 500_000),
    "large": (100_000, 10_000_000),
    "memory": (16_000_000, 50_000_000),
}


def compiled():
    """The loops in C; None without a compiler."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "limits.so"
        source = Path(__file__).with_name("limits.c")
        flags = ["-O3", "-march=native", "-shared", "-fPIC", "-o", str(library), str(source)]
        try:
            subprocess.run([*shlex.split(os.environ.get("CC", "cc")), *flags], check=True, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            return None
        loaded = ctypes.CDLL(str(library))
    pointer, size = ctypes.c_void_p, ctypes.c_ssize_t
    loaded.scatter.argtypes = [pointer, size, ctypes.c_int32, pointer, pointer, pointer]
    loaded.scatter_ahead.argtypes = loaded.scatter.argtypes
    loaded.triad.argtypes = [size, pointer, pointer, pointer, ctypes.c_double]

    def scatter(function):
        return lambda rows, target, weight, total: function(
            rows.ctypes.data, rows.size, ROW, target.ctypes.data, weight.ctypes.data, total.ctypes.data
        )

    def triad(a, b, c):
        loaded.triad(a.size, a.ctypes.data, b.ctypes.data, c.ctypes.data, 3.0)

    return {"scatter": scatter(loaded.scatter), "scatter_ahead": scatter(loaded.scatter_ahead)}, triad


def by_numba():
    import numba

    @numba.njit
    def scatter(rows, target, weight, total):
        for k in range(rows.size):
            first = np.int64(rows[k]) * ROW
            for e in range(first, first + ROW):
                total[target[e]] += weight[e]

    @numba.njit(fastmath=True)
    def triad(a, b, c):
        for i in range(a.size):
            a[i] = b[i] + 3.0 * c[i]

    return {"scatter": scatter}, triad


def more(parser):
    parser.set_defaults(steps=20_000_000)


def main():
    options = harness.arguments(__doc__, more=more)  # --steps: number of events
    loops, how = compiled(), "C"
    if loops is None:
        try:
            loops, how = by_numba(), "numba"
        except ImportError:
            sys.exit("no C compiler (CC) and no Numba")
    scatters, triad = loops
    rng = np.random.default_rng(options.seed)
    record = {"workload": "limits", "peer": how}
    for name, (n, m) in CASES.items():
        target, weight = rng.integers(0, n, m, dtype=np.int32), rng.random(m, dtype=np.float32)
        rows = rng.integers(0, m // ROW, options.steps // ROW, dtype=np.int32)
        total = np.zeros(n, np.float32)
        best = np.inf
        for scatter in scatters.values():
            scatter(rows, target, weight, total)
            seconds, _ = harness.timed(lambda: scatter(rows, target, weight, total), options.repeat)  # noqa: B023
            best = min(best, seconds[0])
        record[f"{name}_ns_per_event"] = 1e9 * best / (rows.size * ROW)
    a, b, c = np.zeros(16_000_000), np.ones(16_000_000), np.ones(16_000_000)
    triad(a, b, c)
    seconds, _ = harness.timed(lambda: triad(a, b, c), options.repeat)
    harness.show(record | {"triad_gb_per_s": 3 * a.nbytes / seconds[0] / 1e9})


main()
