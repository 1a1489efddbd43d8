"""However a program ends, its worker ends with it, and no file or shared memory stays behind."""

import signal
import time
from pathlib import Path

import psutil
import pytest

# (state of the engine, last statement, exit status)
ENDS = [
    ("idle", "", 0),
    ("idle", "raise ValueError('oh')", 1),
    ("idle", "os._exit(4)", 4),
    ("idle", "time.sleep(60)", -signal.SIGTERM),
    ("mid-run", "sys.exit(3)", 3),
    ("mid-run", "time.sleep(60)", -signal.SIGKILL),
    ("forked", "time.sleep(60)", -signal.SIGKILL),
]
BEGIN = """
import tempfile
import numpy as np
from pyspikenet.engine.memory import shared_empty
kept = shared_empty(1 << 20, np.float64)
kept[:] = 1.0
engine.get_engine().submit("echo", {}, {"kept": kept, "copied": kept + 1}).result()
"""
MIDDLE = """
from pyspikenet.run import prepare
big = prepare(psn.BernoulliGLM(), psn.Network.normal(n=2000, std=1.0, seed=1), duration=1000.0, seed=1)
session = engine.get_engine().submit("open", big.params, big.arrays).result()[0]["session"]
engine.get_engine().submit("advance", {"session": session, "steps": 1}).result()
engine.get_engine().submit("advance", {"session": session, "steps": 10**6})
time.sleep(0.2)
"""
FORK = """
import warnings
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    os.close(1)
    os.close(2)
    time.sleep(8)
    os._exit(0)
"""


def shared_memory() -> set[str]:
    return {path.name for path in Path("/dev/shm").iterdir()} if Path("/dev/shm").is_dir() else set()


def assert_gone(worker: psutil.Process, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the worker is still there"
        time.sleep(0.02)


@pytest.mark.parametrize(("when", "how", "status"), ENDS)
def test_nothing_stays(program, tmp_path, when, how, status):
    before = shared_memory()
    code = BEGIN + {"idle": "", "mid-run": MIDDLE, "forked": FORK}[when]
    code += f'print("ready", engine.get_engine()._process._process.pid, flush=True)\n{how}\n'
    process = program(code, env={"TMPDIR": str(tmp_path)})
    word, number = process.stdout.readline().split()
    assert word == "ready"
    worker = psutil.Process(int(number))
    if status < 0:
        process.send_signal(-status)
    assert process.wait(10) == status
    assert_gone(worker, 2.0)
    assert list(tmp_path.iterdir()) == []
    assert shared_memory() <= before


def test_a_worker_that_starts_ends_too(program, tmp_path):
    """Even while it loads its packages, when it does not look at its pipe yet."""
    process = program(
        "engine.get_engine().submit('info', {})\ntime.sleep(0.5)\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    assert process.stdout.readline() == "ready\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.wait(10)
    for child in children:
        assert_gone(child, 2.0)
