"""The first result: what a user waits for after ``import pyspikenet``, with nothing cached and the second time.

Each time a fresh process, with a new folder as home and cache: Julia would also find what it compiled in
``~/.julia``. What is run is ``examples/quickstart.py`` (`make demo`), of which the calls of ``simulate`` count, or W1
at n = 100 (``--what w1``). Stages: the engine's start up to its first answer, then each kind of call to Julia, then
the rest, which is Python.
"""

import contextlib
import io
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

    stages = defaultdict(float, {"import": time.perf_counter() - began, "total": 0.0})
    from pyspikenet.engine import get_engine

    began = time.perf_counter()
    engine = get_engine()
    engine.submit("info", {}).result()
    stages["engine"] = stages["total"] = time.perf_counter() - began
    real_submit, real_simulate = engine.submit, psn.simulate

    def submit(method, *args):
        start = time.perf_counter()
        future = real_submit(method, *args)
        future.add_done_callback(lambda _: stages.update({method: stages[method] + time.perf_counter() - start}))
        return future

    def simulate(*args, **kwargs):
        start = time.perf_counter()
        dataset = real_simulate(*args, **kwargs)
        stages["total"] += time.perf_counter() - start
        return dataset

    engine.submit, psn.simulate = submit, simulate
    if options.what == "demo":
        os.environ["MPLBACKEND"] = "Agg"
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            sys.argv = [str(EXAMPLE), folder]
            runpy.run_path(str(EXAMPLE), run_name="__main__")
    else:
        import workloads

        pre, post, weight = workloads.w1_network(options.n)
        network = psn.Network.from_edges(pre=pre, post=post, weight=weight, n=options.n)
        psn.simulate(psn.BernoulliGLM(), network, duration=options.steps, seed=options.seed)
    stages["python"] = stages["total"] - sum(stages[name] for name in ("engine", "open", "advance", "state"))
    print(json.dumps(stages))


def main():
    with tempfile.TemporaryDirectory() as home:
        for name in ("nothing cached", "second time"):
            command = [sys.executable, __file__, "--fresh", f"--what={options.what}"]
            environment = os.environ | {"HOME": home, "XDG_CACHE_HOME": f"{home}/.cache"}
            environment.setdefault("JULIAUP_DEPOT_PATH", str(Path.home() / ".julia"))
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
            record = {"workload": "first", "peer": "pyspikenet", "what": options.what, "when": name}
            harness.show(record | {"seconds": json.loads(done.stdout.splitlines()[-1])})


measure() if options.fresh else main()
