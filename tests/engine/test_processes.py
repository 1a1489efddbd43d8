"""Threads, forks, pools and clusters of processes: each gets a worker of its own or says why not."""

import os
import subprocess
import sys

import pytest
from conftest import output

POOL = """
from pyspikenet import engine

def ask(number):
    reply = engine.get_engine().submit("echo", {{"number": number}}).result()[0]
    return reply["number"], engine.info()["pid"]

def main():
    {pool}
    assert [number for number, _ in results] == list(range(20))
    print(len(set(pid for _, pid in results)))

if __name__ == "__main__":
    main()
"""
POOLS = {
    "threads": """from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(ask, range(20)))""",
    "spawn": """import multiprocessing
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.map(ask, range(20), 1)""",
    "fork": """import multiprocessing
    ask(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map(ask, range(20), 1)""",
    "loky": """import joblib
    results = joblib.Parallel(n_jobs=2)(joblib.delayed(ask)(number) for number in range(20))""",
}


@pytest.mark.parametrize("kind", POOLS)
def test_pools(tmp_path, kind):
    script = tmp_path / "script.py"
    script.write_text(POOL.format(pool=POOLS[kind]))
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYSPIKENET_ENGINE": "worker"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in (["1"] if kind == "threads" else ["1", "2"])  # a quick process may do it all


def test_a_forked_child_has_a_worker_of_its_own(program):
    """Whether its parent has one or not, and even where it was forked while another thread was calling."""
    process = program(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)

def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            sys.stdout.flush()
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

in_child(lambda: print("before", engine.info()["pid"] > 0))
mine = engine.info()["pid"]
in_child(lambda: print("after", engine.info()["pid"] != mine))
busy = threading.Thread(target=lambda: [engine.info() for _ in range(2000)])
busy.start()
in_child(lambda: print("while", engine.info()["pid"] != mine))
busy.join()
print("parent", engine.info()["pid"] == mine)
"""
    )
    assert output(process).split() == ["before", "True", "after", "True", "while", "True", "parent", "True"]


def test_a_run_does_not_cross_a_fork(program):
    process = program(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
from pyspikenet.run import prepare
with prepare(psn.BernoulliGLM(), NET, duration=100.0, seed=1).session() as session:
    child = os.fork()
    if child == 0:
        try:
            list(session.advance(10))
        except psn.EngineError as problem:
            print("only the parent can go on" in str(problem), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print(sum(steps for steps, _ in session.advance(10)))
"""
    )
    assert output(process).split() == ["True", "10"]


def test_several_begin_at_once_with_an_empty_cache_in_a_read_only_home(tmp_path, program):
    """They compile into the temporary folder, and do not spoil each other's files."""
    blocked, fallback = tmp_path / "file", tmp_path / "temporary"
    blocked.write_text("")
    fallback.mkdir()
    environment = {"XDG_CACHE_HOME": str(blocked / "cache"), "TMPDIR": str(fallback)}
    started = [program("print(engine.info()['transport'])", env=environment) for _ in range(3)]
    assert [output(process, 120).strip() for process in started] == ["worker"] * 3
    assert len(list(fallback.rglob("SpikeCore/*.ji"))) == 1


def test_no_folder_at_all_can_be_written(tmp_path, program):
    (tmp_path / "file").write_text("")
    process = program(
        """
import tempfile
tempfile.tempdir = os.environ["XDG_CACHE_HOME"] + "/tmp"
from pyspikenet.engine import locate
try:
    locate.depot(locate.Julia("julia", (1, 5, 3), "PATH"))
except psn.EngineError as problem:
    print(problem)
""",
        env={"XDG_CACHE_HOME": str(tmp_path / "file" / "cache")},
    )
    said = output(process)
    assert said.startswith("Julia's compiled files have no place: ")
    assert said.count("Not a directory") == 2
    assert "XDG_CACHE_HOME" in said
