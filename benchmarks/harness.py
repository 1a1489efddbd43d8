"""Command line, timing, memory and the JSON record of a benchmark script. Needs only NumPy; read run.py next."""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np


def arguments(description, steps=10_000, more=None):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--n", type=int, default=100, help="number of neurons")
    parser.add_argument("--steps", type=int, default=steps, help="time steps, of 1 ms in W1")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3, help="run at least this often")
    parser.add_argument("--seed", type=int, default=1, help="of the spikes; in W2 of the network, too")
    if more is not None:
        more(parser)
    return parser.parse_args()


def rounds(repeat, seconds=0.5, most=20):
    """Counts repetitions: at least `repeat`, and, where they are short, as many as fit into `seconds`."""
    start = time.perf_counter()
    k = 0
    while k < repeat or (k < most and time.perf_counter() - start < seconds):
        yield k
        k += 1


def timed(function, repeat):
    """Seconds of every repetition, sorted, and the last result."""
    seconds, result = [], None
    for _ in rounds(repeat):
        result = None
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds), result


def irregularity(neuron, time):
    """Mean over neurons of the coefficient of variation of their intervals, where there are three or more of them."""
    order = np.lexsort((time, neuron))
    neuron, time = np.asarray(neuron)[order], np.asarray(time, dtype=float)[order]
    interval = np.diff(time)[np.diff(neuron) == 0]
    owner = neuron[1:][np.diff(neuron) == 0]
    if not len(owner):
        return None
    count = np.bincount(owner)
    mean = np.bincount(owner, interval) / np.maximum(count, 1)
    variance = np.bincount(owner, (interval - mean[owner]) ** 2) / np.maximum(count, 1)
    enough = count >= 3
    return float(np.mean(np.sqrt(variance[enough]) / mean[enough])) if enough.any() else None


def emit(workload, peer, options, seconds, spikes=None, dt=1.0, **more):
    """Prints the record of a script, its only line that begins with a brace; dt is the step in ms."""
    record = {
        "workload": workload,
        "peer": peer,
        "n": options.n,
        "steps": options.steps,
        "dt": dt,
        "threads": options.threads,
        "seed": options.seed,
        "wall_s": seconds[0],
        "median_s": seconds[len(seconds) // 2],
        "repeats": len(seconds),
        "us_per_step": 1e6 * seconds[0] / options.steps,
    }
    if spikes is not None:
        record |= {"spikes": int(spikes), "rate_hz": 1000 * int(spikes) / options.n / (options.steps * dt)}
    show(record | more)


def show(record):
    print(json.dumps(record | {"python": platform.python_version(), "load": os.getloadavg()[0]}), flush=True)


# ---- memory ----------------------------------------------------------------------------------------------------------


def family(pid):
    """A process and all that it started, directly or not."""
    members, queue = [], [pid]
    while queue:
        members.append(queue.pop())
        for task in Path(f"/proc/{members[-1]}/task").glob("*/children"):
            try:
                queue += map(int, task.read_text().split())
            except OSError:
                continue  # it has just ended
    return members


def pss_mb(pid=None):
    """Memory of a process and its children in MB, what they share counted once; None where there is no /proc."""
    total = None
    for member in family(os.getpid() if pid is None else pid):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith("Pss:"):
                total = (total or 0) + int(line.split()[1]) * 1024 / 1e6
    return total


def machine():
    """What the numbers depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": cpu, "cores": cores, "system": platform.platform(), "python": sys.version.split()[0]}
