"""W5 with Elephant: one call per pair; for the cross matrix one call with all 400 trains, of whose matrix it is a part.

It knows no call for matched pairs, nor one for two lists: 400 x 400, of which the symmetric half is computed.
"""

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import elephant
import harness
import neo
import numpy as np
import quantities as pq
import w5
from elephant.spike_train_dissimilarity import van_rossum_distance

warnings.filterwarnings("ignore")
options = w5.options(__doc__)
a, b = ([neo.SpikeTrain(x * pq.ms, t_stop=w5.DURATION) for x in side] for side in w5.trains(options.seed))
tau = w5.TAU * pq.ms


def pairs():
    return np.array([van_rossum_distance([x, y], tau, sort=False)[0, 1] for x, y in zip(a, b, strict=True)])


def cross():
    return van_rossum_distance(a + b, tau, sort=False)[: len(a), len(a) :]


seconds, distances = harness.timed({"pairs": pairs, "cross": cross}[options.task], options.repeat)
w5.emit("elephant", options, seconds, distances, version=elephant.__version__)
