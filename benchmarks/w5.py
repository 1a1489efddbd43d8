"""What the scripts for W5 share: their options, their trains and the record. Needs only NumPy; read run.py next."""

import harness
import numpy as np

TAU = 10.0  # ms
TRAINS, DURATION, RATE = 200, 10_000.0, 10.0  # per side, ms, Hz
TASKS = ("pairs", "cross")
SEED = 6


def options(description, more=None):
    """The command line: ``pairs`` are 200 distances of A_i and B_i, ``cross`` the 200 x 200 of A_i and B_j."""

    def add(parser):
        parser.set_defaults(n=TRAINS, steps=int(DURATION), seed=SEED)
        parser.add_argument("--task", choices=TASKS, default=TASKS[0])
        if more is not None:
            more(parser)

    return harness.arguments(description, more=add)


def trains(seed=SEED):
    """Two lists of Poisson spike trains, in ms."""
    rng = np.random.default_rng(seed)

    def side():
        counts = RATE * DURATION / 1000
        return [np.sort(rng.random(rng.poisson(counts)) * DURATION) for _ in range(TRAINS)]

    return side(), side()


def emit(peer, chosen, seconds, distances, **more):
    """The record: microseconds per distance, and their sum, which is the same for all."""
    harness.emit(
        "w5",
        peer,
        chosen,
        seconds,
        task=chosen.task,
        us_per_distance=1e6 * seconds[0] / distances.size,
        checksum=float(distances.sum()),
        **more,
    )
