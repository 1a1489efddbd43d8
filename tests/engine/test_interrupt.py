"""Ctrl-C: a real SIGINT to a Python program that simulates."""

import os
import signal
import time

from conftest import output

# Prints when SIGINT was sent (CLOCK_MONOTONIC is the same for all processes) to when simulate() returned.
LONG = """
def interrupted_run():
    before = signal.getsignal(signal.SIGINT)
    ds = run(1e9)
    now = time.monotonic()
    assert signal.getsignal(signal.SIGINT) is before
    return ds, now
"""


def interrupt(process, after: float = 0.0, *, group: bool = False) -> float:
    """Sends SIGINT when the program is ready; to all of its group, as a terminal does, where asked for."""
    assert process.stdout.readline() == "ready\n"
    time.sleep(after)
    if group:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    return time.monotonic()


def test_a_partial_dataset_comes_back_at_once(program):
    process = program(
        LONG
        + """
run()
first = engine.info()["pid"]
print("ready", flush=True)
ds, now = interrupted_run()
about = __import__("json").loads(ds.attrs["pyspikenet"])
print(now, ds.attrs["interrupted"], about["interrupted"], about["n_steps"] > 0)
print(ds.sizes["spike"] > 0, bool(ds.spike_time.max() <= about["t_stop"]), run().attrs["interrupted"], flush=True)
print("ready", flush=True)
ds, now = interrupted_run()
print(now, ds.attrs["interrupted"], run().attrs["interrupted"], engine.info()["pid"] == first)
""",
        start_new_session=True,
    )
    sent = interrupt(process, 1.0)
    now, *rest = process.stdout.readline().split()
    assert rest == ["1", "True", "True"]
    assert float(now) - sent < 2.0
    assert process.stdout.readline().split() == ["True", "True", "0"]
    sent = interrupt(process, 0.7, group=True)
    now, *rest = output(process).split()
    assert rest == ["1", "0", "True"]
    assert float(now) - sent < 2.0


def test_while_julia_still_compiles_the_first_piece(program):
    """Nothing has been simulated then, but where it was compiled beforehand: the engine is as usable as ever."""
    process = program(
        LONG
        + """
from pyspikenet.engine.session import Session
import pyspikenet.dataset, xarray
xarray.Dataset({"x": ("i", [0.0])})  # the first one imports much
advance = Session.advance
def slow_advance(self, steps):
    engine.get_engine().submit("echo", {})
    print("ready", flush=True)
    yield from advance(self, steps)
Session.advance = slow_advance
ds, now = interrupted_run()
Session.advance = advance
print(now, ds.attrs["interrupted"], run().attrs["interrupted"], ds.sizes["spike"], engine.info()["julia_version"])
"""
    )
    sent = interrupt(process, 0.1)
    now, *rest, spikes, julia = output(process).split()
    assert rest == ["1", "0"]
    assert spikes == "0" or tuple(map(int, julia.split(".")[:2])) >= (1, 9)
    assert float(now) - sent < 2.0


def test_the_second_one_is_a_keyboard_interrupt(program):
    process = program(
        """
from concurrent.futures import Future
stuck = Future()
run()
class Stuck:
    transport, threads = "worker", 1
    def submit(self, method, params, arrays=None):
        if method == "advance":
            print("ready", flush=True)
            return stuck
        return real.submit(method, params, arrays)
real, engine._engine = engine.get_engine(), Stuck()
from pyspikenet.engine import session
session.GRACE_SECONDS = 60.0
before = signal.getsignal(signal.SIGINT)
try:
    run()
except KeyboardInterrupt:
    print("KeyboardInterrupt", signal.getsignal(signal.SIGINT) is before)
engine._engine = real
print(run().attrs["interrupted"])
"""
    )
    interrupt(process)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert output(process).split() == ["KeyboardInterrupt", "True", "0"]


def test_before_the_run_has_begun_it_is_a_keyboard_interrupt(program):
    """While the worker starts; what it opens then is closed again."""
    process = program(
        """
print("ready", flush=True)
try:
    run()
except KeyboardInterrupt:
    print("KeyboardInterrupt", run().attrs["interrupted"])
time.sleep(0.1)
print(engine.get_engine().submit("info", {}).result()[0]["sessions"])
"""
    )
    interrupt(process, 0.4)
    assert output(process).split() == ["KeyboardInterrupt", "0", "0"]


def test_a_program_that_ignores_it_is_not_interrupted(program):
    process = program(
        """
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("ready", flush=True)
print(run(1e6).attrs["interrupted"], signal.getsignal(signal.SIGINT) == signal.SIG_IGN)
"""
    )
    interrupt(process, 2.0)
    assert output(process).split() == ["0", "True"]


def test_runs_of_other_threads_go_on(program):
    process = program(
        """
from concurrent.futures import ThreadPoolExecutor, wait
with ThreadPoolExecutor() as pool:
    future = pool.submit(run, 2e6)
    print("ready", flush=True)
    try:
        wait([future])
    except KeyboardInterrupt:
        print("KeyboardInterrupt", future.result().attrs["interrupted"])
"""
    )
    interrupt(process, 1.0)
    assert output(process).split() == ["KeyboardInterrupt", "0"]
