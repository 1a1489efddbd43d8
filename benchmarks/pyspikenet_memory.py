"""Peak memory of a network of 10^8 synapses, from its drawing to the dataset: Python and Julia, sampled from outside.

What counts is the proportional set size (Linux), so that memory shared by the two processes counts once. The sum
includes Python, NumPy, Julia and all code. The script starts itself again as the process that is watched.
"""

import subprocess
import sys
import threading
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
    network = psn.Network.random(**workloads.LARGE | {"n": options.n})
    print("draw", network.n_synapses, flush=True)
    print("engine", psn.info()["pid"], flush=True)
    dataset = psn.simulate(psn.BernoulliGLM(), network, duration=options.steps, seed=options.seed, dtype="float32")
    print("simulate", dataset.sizes["spike"], flush=True)


def watch():
    command = [sys.executable, __file__, "--watched", f"--n={options.n}", f"--steps={options.steps}"]
    said, samples = [], []  # (time, line) and (time, MB)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        listener = threading.Thread(target=lambda: said.extend((time.perf_counter(), x) for x in process.stdout))
        began = time.perf_counter()
        listener.start()
        while process.poll() is None:
            samples.append((time.perf_counter(), harness.pss_mb(process.pid) or 0.0))
            time.sleep(0.02)
        listener.join()
    if process.returncode:
        sys.exit(process.returncode)
    record = {"workload": "memory", "peer": "pyspikenet", "n": options.n, "peak_mb": max(mb for _, mb in samples)}
    for end, line in said:
        stage, number = line.split()
        record[f"{stage}_s"] = end - began
        record[f"{stage}_peak_mb"] = max(mb for when, mb in samples if began <= when <= end)
        record |= {"draw": {"n_synapses": int(number)}, "simulate": {"spikes": int(number)}}.get(stage, {})
        began = end
    harness.show(record | {"bytes_per_synapse": 1e6 * record["peak_mb"] / record["n_synapses"]})


simulate() if options.watched else watch()
