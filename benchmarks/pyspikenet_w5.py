"""W5 with pyspikenet: the whole call of ``psn.van_rossum_distance()``, after two that compile."""

import harness
import w5

import pyspikenet as psn

options = w5.options(__doc__)
psn.configure(threads=options.threads)
a, b = w5.trains(options.seed)
pairs = {"pairs": "matched", "cross": "all"}[options.task]


def run():
    return psn.van_rossum_distance(a, b, tau=w5.TAU, pairs=pairs)


run(), run()
seconds, distances = harness.timed(run, options.repeat)
w5.emit("pyspikenet", options, seconds, distances, version=psn.__version__, julia=psn.info()["julia_version"])
