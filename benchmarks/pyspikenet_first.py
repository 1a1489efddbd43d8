"""The first result: what a user waits for after ``import pyspikenet``, with nothing cached and the second time.

Each time a fresh process; ``XDG_CACHE_HOME`` is a new folder, so that Julia compiles SpikeCore the first time. What is
run is ``examples/quickstart.py`` (`make demo`), of which the calls of ``simulate`` count, or W1 at n = 100 (``--what w1``).
Stages: the engine's start up to its first answer, then each kind of call to Julia, then the rest, which is Python.
"""

import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import harness

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "quickstart.py"


def more(parser):
    parser.add_argument("--what", choices=("demo", "w1"), default="demo" if EXAMPLE.is_file() else "w1")
    parser.add_argument("--fresh", action="store_true", help="measure in this process; else start two")


options = harness.arguments(__doc__, more=more)


def measure():
    began = time.perf_counter()
    import pyspikenet as psn

    stages = defaultdict(float)
    stages["import"] = time.perf_counter() - began
    from pyspikenet.engine import worker

    def counted(owner, name, stage):
        """Adds the seconds of every call of `owner.name` to a stage."""
        function = getattr(owner, name)

        def call(*args, **kwargs):
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                stages[stage if stage else str(args[1])] += time.perf_counter() - start

        setattr(owner, name, call)

    counted(worker, "start_process", "engine")
    counted(worker.WorkerProcess, "call", None)
    counted(psn, "simulate", "simulate")
    if options.what == "demo":
        os.environ["MPLBACKEND"] = "Agg"
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            sys.stdout = sys.stderr
            runpy.run_path(str(EXAMPLE), run_name="__main__")
            sys.stdout = sys.__stdout__
    else:
        import workloads

        pre, post, weight = workloads.w1_network(options.n)
        network = psn.Network.from_edges(pre=pre, post=post, weight=weight, n=options.n)
        psn.simulate(psn.BernoulliGLM(), network, duration=options.steps, seed=options.seed)
    stages.pop("info", None)  # part of the engine's start
    stages.pop("close", None)  # nobody waits for it
    spent = sum(seconds for stage, seconds in stages.items() if stage not in ("import", "simulate"))
    stages["python"] = stages["simulate"] - spent
    print(json.dumps(stages))


def main():
    with tempfile.TemporaryDirectory() as cache:
        for name in ("nothing cached", "second time"):
            command = [sys.executable, __file__, "--fresh", f"--what={options.what}"]
            environment = os.environ | {"XDG_CACHE_HOME": cache}
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
            record = {"workload": "first", "peer": "pyspikenet", "what": options.what, "when": name}
            harness.show(record | {"seconds": json.loads(done.stdout.splitlines()[-1])})


measure() if options.fresh else main()
