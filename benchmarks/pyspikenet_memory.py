"""Peak memory of a network of 10^8 synapses, from its drawing to the dataset: Python and Julia, sampled from outside.

What counts is the proportional set size (Linux), so that memory shared by the two processes counts once. The sum includes
Python, NumPy, Julia and all code. The script starts itself again as the process that is watched.
"""

import subprocess
import sys
import time

import harness
import workloads


def more(parser):
    parser.add_argument("--watched", action="store_true", help="simulate, in the process that is watched")
    parser.set_defaults(n=workloads.LARGE["n"], steps=20)


options = harness.arguments(__doc__, more=more)


def simulate():
    import pyspikenet as psn

    psn.configure(threads=1)
    start = time.perf_counter()
    network = psn.Network.random(**workloads.LARGE | {"n": options.n})
    drawn = time.perf_counter()
    dataset = psn.simulate(psn.BernoulliGLM(), network, duration=options.steps, seed=options.seed, dtype="float32")
    done = time.perf_counter()
    print(network.n_synapses, dataset.sizes["spike"], drawn - start, done - drawn)


def watch():
    command = [sys.executable, __file__, "--watched", f"--n={options.n}", f"--steps={options.steps}"]
    peak = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            peak = max(peak, harness.pss_mb(process.pid) or 0.0)
            time.sleep(0.02)
        said = process.stdout.read().split()
    if process.returncode:
        sys.exit(process.returncode)
    harness.show(
        {
            "workload": "memory",
            "peer": "pyspikenet",
            "n": options.n,
            "n_synapses": int(said[0]),
            "spikes": int(said[1]),
            "draw_s": float(said[2]),
            "simulate_s": float(said[3]),
            "peak_mb": peak,
            "bytes_per_synapse": 1e6 * peak / int(said[0]),
        }
    )


simulate() if options.watched else watch()
