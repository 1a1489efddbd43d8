"""Populations judged by other processes: the same to the bit, whoever judges, and whoever is lost on the way."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

import pyspikenet as psn
from pyspikenet.engine import JuliaError, get_engine
from pyspikenet.fitting.workers import _able_to_travel

MODEL = psn.LIF(E_L=-65.0, v_threshold=-50.0, v_reset=-60.0, tau_m=20.0)
ONE = psn.Network.from_edges(pre=[], post=[], weight=[], n=1)
DRIVE = psn.ConstantStimulus(strength=25.0)
LOSS = psn.FeatureLoss(feature="rate", value=80.0)


def fitted(**changes):
    asked = {
        "model": MODEL, "network": ONE, "free": {"tau_m": (8.0, 40.0), "v_reset": (-65.0, -55.0)}, "loss": LOSS,
        "stimulus": DRIVE, "duration": 200.0, "method": psn.DifferentialEvolution(population=12), "epochs": 3,
        "progress": False,
    }  # fmt: skip
    return psn.fit(**(asked | changes))


def engine_of_worker(_):
    time.sleep(0.3)  # so that every worker gets one
    return os.getpid(), psn.info()["pid"]


def rate(ds):
    return float(ds.spk.rates().mean())


def noted(ds):
    """A loss that tells which process judged, and by which engine."""
    folder = os.environ["PYSPIKENET_TEST_FOLDER"]
    with open(os.path.join(folder, f"{os.getpid()}.{psn.info()['pid']}"), "a") as file:  # noqa: PTH123
        file.write("x")
    return rate(ds)


def dying(ds):
    """Ends its process, the first time that any does."""
    try:
        os.close(os.open(os.environ["PYSPIKENET_TEST_DYING"], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return rate(ds)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


class OddError(Exception):
    """Cannot be pickled."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def failing(ds):
    raise LookupError("there is no such thing")


def failing_oddly(ds):
    raise OddError(1, 2)


def failing_builder(values):
    if values["tau_m"] != 24.0:  # the middle
        raise ZeroDivisionError("by zero")
    return MODEL


@pytest.fixture(scope="module")
def whole():
    return fitted()


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noted")
    os.environ["PYSPIKENET_TEST_FOLDER"] = str(folder)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as found:
        yield found
    del os.environ["PYSPIKENET_TEST_FOLDER"]


def test_spawned_processes_find_the_same_with_one_engine_each(pool, whole, tmp_path):
    assert fitted(executor=pool).history.equals(whole.history)
    fitted(executor=pool, loss=noted)
    fitted(executor=pool, loss=noted, seed=1)
    names = os.listdir(os.environ["PYSPIKENET_TEST_FOLDER"])
    processes, engines = zip(*(name.split(".") for name in names), strict=True)
    assert 1 <= len(names) <= 2
    assert len(set(processes)) == len(set(engines)) == len(names)
    assert str(os.getpid()) not in processes


def test_a_checkpoint_goes_on_in_other_processes_and_back(pool, whole, tmp_path):
    path = tmp_path / "search.npz"
    for epochs, executor in ((1, None), (2, pool), (3, None)):
        found = fitted(epochs=epochs, executor=executor, checkpoint=path, resume=True)
        assert found.generations == epochs
    assert found.history.equals(whole.history)
    assert found.parameters == whole.parameters


def test_functions_have_the_same_mark_in_another_process(tmp_path):
    script = """
        import functools
        import numpy as np
        import pyspikenet as psn
        from pyspikenet.fitting.checkpoint import mark_of

        def model(values, scale=1.0):
            return psn.LIF(tau_m=values["tau"]) if values["kind"] in {"a", "b", "c"} else (lambda x: x + 1.5)(values)

        class Loss:
            def __init__(self):
                self.goal = np.arange(40.0)

            def __call__(self, ds):
                return 0.0

        network = psn.Network.random(n=30, p=0.2, weight=1.0, seed=1)
        print(mark_of((model, Loss(), functools.partial(model, scale=2.0), network, psn.LIF(tau_m=np.arange(1, 41)))))
    """
    file = tmp_path / "script.py"

    def mark(text):
        file.write_text(textwrap.dedent(text))
        return subprocess.run([sys.executable, file], capture_output=True, text=True, check=True).stdout

    first = mark(script)
    assert mark(script) == first
    assert mark(script.replace("x + 1.5", "x + 2.5")) != first
    assert mark(script.replace("np.arange(40.0)", "np.arange(40.0) + (np.arange(40) == 20)")) != first


def test_exceptions_of_functions_come_back_as_they_are(pool):
    with pytest.raises(LookupError, match="no such thing") as problem:
        fitted(executor=pool, loss=failing)
    assert "raised by failing of the run with {'tau_m': " in problem.value.__notes__[0]
    with pytest.raises((RuntimeError, OddError), match="1 and 2") as odd:  # as such where a package lets it be pickled
        fitted(executor=pool, loss=failing_oddly)
    assert "raised by failing_oddly" in odd.value.__notes__[0]
    with pytest.raises(ZeroDivisionError, match="by zero") as built:
        fitted(executor=pool, model=failing_builder)
    assert "where model, network and stimulus were made of {'tau_m': " in built.value.__notes__[0]
    assert fitted(executor=pool).generations == 3


def test_exceptions_of_julia_can_be_sent():
    problem = JuliaError("SpikeCoreError", "no", "trace")
    assert _able_to_travel(problem) is problem
    import pickle

    again = pickle.loads(pickle.dumps(problem))
    assert (type(again), str(again), again.kind, again.trace) == (JuliaError, str(problem), "SpikeCoreError", "trace")


def test_functions_of_a_notebook_are_sent_where_cloudpickle_is(pool):
    pytest.importorskip("cloudpickle")
    found = fitted(executor=pool, loss=lambda ds: float(ds.sizes["spike"]), epochs=1)
    assert found.loss == fitted(loss=lambda ds: float(ds.sizes["spike"]), epochs=1).loss


def test_threads_take_turns(whole):
    with ThreadPoolExecutor(3) as threads:
        assert fitted(executor=threads).history.equals(whole.history)


class Losing:
    """An executor whose first workers are lost, and which does the rest in this process."""

    def __init__(self, losses):
        self.losses, self.calls = losses, 0

    def submit(self, function, *arguments):
        self.calls += 1
        future = Future()
        if self.calls <= self.losses:
            future.set_exception(BrokenProcessPool("gone"))
        else:
            future.set_result(function(*arguments))
        return future


def test_the_chunk_of_a_lost_worker_is_run_again(whole):
    executor = Losing(1)
    executor.max_workers = 2
    assert fitted(executor=executor).history.equals(whole.history)
    assert executor.calls == 3 * 4 + 1
    with pytest.raises(psn.EngineError, match="lost its worker 3 times, at last with: BrokenProcessPool"):
        fitted(executor=Losing(10**6))


class Wrong:
    """Its futures are of some other kind."""

    max_workers = 1

    def submit(self, function, *arguments):
        return 3


def test_futures_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"executor must return futures of concurrent\.futures .* got 3 from Wrong"):
        fitted(executor=Wrong())


@pytest.mark.slow
def test_a_fork_with_an_engine_survives_a_killed_worker(whole, monkeypatch, tmp_path):
    get_engine().submit("info", {}).result()
    monkeypatch.setenv("PYSPIKENET_TEST_DYING", str(tmp_path / "dead"))
    expected = fitted(loss=rate)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as forked:
        assert fitted(executor=forked, epochs=1).history.equals(fitted(epochs=1).history)
        found = fitted(executor=forked, loss=dying)  # the pool breaks, and this process goes on
    assert (tmp_path / "dead").exists()
    assert np.array_equal(found.history.loss, expected.history.loss)


@pytest.mark.slow
def test_loky(whole):
    executors = pytest.importorskip("joblib.externals.loky")
    executor = executors.get_reusable_executor(max_workers=1)
    try:
        assert fitted(executor=executor).history.equals(whole.history)
    finally:
        executor.shutdown(kill_workers=True)


@pytest.mark.filterwarnings("ignore")
def test_dask_goes_on_where_a_worker_is_killed(monkeypatch, tmp_path):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYSPIKENET_TEST_DYING", str(tmp_path / "dead"))
    expected = fitted(loss=rate)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, worker_dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        before = set(client.run(os.getpid).values())
        found = fitted(executor=client, loss=dying)
        after = set(client.run(os.getpid).values())
    assert (tmp_path / "dead").exists()
    assert before - after
    assert np.array_equal(found.history.loss, expected.history.loss)


def test_ctrl_c_ends_with_what_there_is(pool):
    generation = []

    def press(evolution):
        generation.append(evolution.generation)
        if evolution.generation == 2:
            threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()

    found = fitted(executor=pool, loss=noted, epochs=10**6, callback=press)
    assert found.stopped == "interrupted"
    assert found.generations >= 2
    assert np.isfinite(found.loss)
    assert fitted(executor=pool, epochs=1).generations == 1
