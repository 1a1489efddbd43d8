"""Runs all benchmarks one after the other and writes results/<date>.json and results/table.md. See README.md.

Every pass runs the whole list, so that whatever disturbs the machine disturbs all alike; the fastest time of a row
counts.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import harness
import setup_peers
import table
import w5
import workloads

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PATIENCE = 900  # seconds for one script
POOLS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM")
# Time per step does not depend on their number, and these steps are long.
SPIKEOMETRIC_STEPS = {100: 10_000, 1000: 5000, 5000: 1500}
# 10,000 steps of 100 neurons leave a statistical error of 2 % in the rate; these are for comparing it.
RATE_STEPS, RATE_STEPS_SPIKEOMETRIC, RATE_SEED = 400_000, 100_000, 1001
W1_PEERS = ("brian2", "nest", "spikeometric", "numba")
W2_PEERS = ("brian2", "nest", "numba")
W3_PEERS = ("jax", "norse")
W3_WORK = ((12, 1.0), (100, 1.0), (1000, 1.0), (1000, 0.1))  # neurons, part of the weights that are there
W4_PEERS = ("brian2", "numba")
W4_WORK = (("adex", 64), ("adex", 1000), ("net", 64))
W5_PEERS = {"elephant": ("",), "numpy": ("--method=direct", "--method=grid")}
W2_RATE_SEEDS = range(1001, 1011)  # of networks


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one pass with fewer repetitions, into results/quick.*")
    parser.add_argument("--only", default="", help="only scripts whose command holds this text")
    parser.add_argument("--peers", default=",".join(setup_peers.PEERS), help="comma-separated; empty for none")
    options = parser.parse_args()
    peers = setup_peers.interpreters([peer for peer in options.peers.split(",") if peer])
    records = []
    passes = 1 if options.quick else options.passes
    for k in range(passes):
        todo = [job for job in jobs(peers, k, options.quick) if options.only in " ".join(map(str, job))]
        for j, job in enumerate(todo, 1):
            print(f"pass {k + 1}/{passes}, {j}/{len(todo)}: {short(job)}", end=" ", flush=True)
            records += run(job)
    now = datetime.datetime.now().astimezone()
    result = {"date": now.isoformat(timespec="seconds"), "passes": passes, "quick": options.quick}
    result |= {"commit": commit(), "machine": harness.machine(), "records": records}
    RESULTS.mkdir(exist_ok=True)
    name = "quick" if options.quick or options.only else f"{now:%Y-%m-%d}"
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    text = table.markdown(result)
    (RESULTS / ("quick.md" if name == "quick" else "table.md")).write_text(text)
    print(f"\n{text}")


def jobs(peers, k, quick):
    """The command lines of pass k."""
    own, repeat, seed = sys.executable, 1 if quick else 3, f"--seed={k + 1}"
    often = [f"--repeat={repeat}", seed]
    w1_peers = {peer: python for peer, python in peers.items() if peer in W1_PEERS}
    for n in workloads.W1_INDEGREE:
        for dtype, threads in (("float32", 1), ("float64", 1), ("float32", 2)):
            if harness.machine()["cores"] >= threads:
                yield [own, "pyspikenet_w1.py", f"--n={n}", f"--dtype={dtype}", f"--threads={threads}", *often]
        for peer, python in w1_peers.items():
            command = [python, f"peers/{peer}_w1.py", f"--n={n}"]
            if peer == "spikeometric":
                steps = SPIKEOMETRIC_STEPS[n] // (5 if quick else 1)
                yield [*command, f"--steps={steps}", "--repeat=1", seed]
            else:
                yield [*command, *often]
    if k == 0:
        for peer, python in {"pyspikenet": own, **w1_peers}.items():
            script = "pyspikenet_w1.py" if peer == "pyspikenet" else f"peers/{peer}_w1.py"
            steps = (RATE_STEPS_SPIKEOMETRIC if peer == "spikeometric" else RATE_STEPS) // (5 if quick else 1)
            if peer != "nest":  # not the same model
                yield [python, script, "--n=100", f"--steps={steps}", "--repeat=1", f"--seed={RATE_SEED}"]
    yield from w2_jobs(peers, own, k, quick)
    yield from w3_jobs(peers, own, repeat)
    yield from w4_jobs(peers, own, repeat)
    yield from w5_jobs(peers, own, repeat)
    yield [own, "pyspikenet_sparse.py", "--dtype=float64", "--repeat=1", seed]
    yield [own, "pyspikenet_sparse.py", "--dtype=float32", "--repeat=1", seed]
    yield [own, "pyspikenet_cost.py", *often]
    yield [own, "limits.py", f"--repeat={repeat}"]
    yield [own, "pyspikenet_first.py"]
    if k == 0:
        yield [own, "pyspikenet_memory.py"]


def w2_jobs(peers, own, k, quick):
    """W2: the same network in every pass; once, also other networks, to compare rates."""
    scripts = {"pyspikenet": [own, "pyspikenet_w2.py"]}
    scripts |= {peer: [python, f"peers/{peer}_w2.py"] for peer, python in peers.items() if peer in W2_PEERS}
    for model, sizes in workloads.W2_SIZES.items():
        for peer, script in scripts.items():
            precisions = ("float64",) if peer == "nest" else ("float64", "float32")
            # A second takes NEST a quarter of a minute for COBA.
            few = 1 if quick or peer == "nest" else 3
            for n in sizes[:1] if quick else sizes:
                for dtype in precisions:
                    options = [f"--model={model}", f"--n={n}", f"--dtype={dtype}"]
                    yield [*script, *options, f"--repeat={few}"]
                    if peer == "pyspikenet" and harness.machine()["cores"] >= 2:
                        yield [*script, *options, "--threads=2", f"--repeat={few}"]
            for seed in W2_RATE_SEEDS[: 3 if quick else 10] if k == 0 else ():
                yield [*script, f"--model={model}", f"--seed={seed}", "--repeat=1"]


def w3_jobs(peers, own, repeat):
    scripts = {"pyspikenet": [own, "pyspikenet_w3.py"]}
    scripts |= {peer: [python, f"peers/{peer}_w3.py"] for peer, python in peers.items() if peer in W3_PEERS}
    for n, density in W3_WORK:
        for peer, script in scripts.items():
            yield [*script, f"--n={n}", f"--density={density}", f"--repeat={repeat}"]
            if peer == "pyspikenet" and harness.machine()["cores"] >= 2:
                yield [*script, f"--n={n}", f"--density={density}", "--threads=2", f"--repeat={repeat}"]


def w4_jobs(peers, own, repeat):
    scripts = {"pyspikenet": [own, "pyspikenet_w4.py"]}
    scripts |= {peer: [python, f"peers/{peer}_w4.py"] for peer, python in peers.items() if peer in W4_PEERS}
    for task, candidates in W4_WORK:
        for peer, script in scripts.items():
            for dtype in ("float64",) if peer == "brian2" else ("float64", "float32"):
                precision = [] if peer == "brian2" else [f"--dtype={dtype}"]
                for threads in (1, 2)[: harness.machine()["cores"]]:
                    options = [f"--task={task}", f"--candidates={candidates}", f"--threads={threads}"]
                    yield [*script, *options, *precision, f"--repeat={repeat}"]


def w5_jobs(peers, own, repeat):
    for task in w5.TASKS:
        options = [f"--task={task}", f"--repeat={repeat}"]
        for threads in (1, 2)[: harness.machine()["cores"]]:
            yield [own, "pyspikenet_w5.py", *options, f"--threads={threads}"]
        for peer, methods in W5_PEERS.items():
            for method in methods if peer in peers else ():
                yield [peers[peer], f"peers/{peer}_w5.py", *options, *([method] if method else [])]


def short(job):
    return " ".join([Path(job[1]).stem, *job[2:]])


def run(job):
    """The records that a script prints; none, with its last words, if it fails."""
    threads = next((option.split("=")[1] for option in job[2:] if option.startswith("--threads=")), "1")
    environment = os.environ | {f"{pool}_NUM_THREADS": threads for pool in POOLS}
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [job[0], HERE / job[1], *job[2:]], capture_output=True, text=True, timeout=PATIENCE, env=environment
        )
    except subprocess.TimeoutExpired:
        print(f"took more than {PATIENCE} s and is left out", flush=True)
        return []
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        print(f"failed and is left out: {last}", flush=True)
        return []
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    said = ", ".join(
        f"{record['us_per_distance']:.4g} us/distance"
        if "us_per_distance" in record
        else f"{record['us_per_step']:.4g} us/step"
        for record in records
        if "us_per_step" in record
    )
    print(f"{said or 'done'} ({time.perf_counter() - start:.0f} s)", flush=True)
    return records


def commit():
    command = ["git", "-C", HERE, "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


if __name__ == "__main__":
    main()
