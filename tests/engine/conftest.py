"""What the tests of the engine share: engines, and Python programs that are run beside this one."""

import functools
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyspikenet.engine import Engine, available_cores
from pyspikenet.engine.worker import WorkerEngine

# A run that takes long, and a short one; what child programs begin with.
PRELUDE = """
import os, signal, sys, threading, time
import xarray  # an import that is interrupted may leave its file open
import pyspikenet as psn
from pyspikenet import engine
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background of a shell is started without
NET = psn.Network.normal(n=50, std=1.0, seed=1)
def run(duration=100.0):
    return psn.simulate(psn.BernoulliGLM(), NET, duration=duration, seed=1)
"""

Program = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def worker() -> Iterator[WorkerEngine]:
    """One worker for all tests that do not break it."""
    engine = WorkerEngine(available_cores())
    yield engine
    engine.close()


@pytest.fixture(scope="session", params=["worker", "juliacall"])
def engine(request: pytest.FixtureRequest, worker: WorkerEngine) -> Engine:
    """Both transports, where they can be used."""
    if request.param == "worker":
        return worker
    reason = juliacall_missing()
    if reason:
        pytest.skip(reason)
    if os.environ.get("PYSPIKENET_ENGINE") != "juliacall":
        pytest.skip("juliacall is there, but starts Julia in this process only with PYSPIKENET_ENGINE=juliacall")
    from pyspikenet.engine.juliacall import JuliacallEngine

    return JuliacallEngine(available_cores())


@functools.cache
def juliacall_missing() -> str:
    """Why juliacall cannot be used here; found out by another process, which may not take long."""
    code = "from pyspikenet.engine import juliacall; print(juliacall.available())"
    try:
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    except subprocess.SubprocessError as problem:
        return f"juliacall: {problem}"
    return found.stdout.strip()


@pytest.fixture
def program() -> Iterator[Program]:
    """Starts Python programs, and ends those that are still running after the test."""
    started = []

    def start(code: str, *, prelude: str = PRELUDE, python: str = sys.executable, **options: Any) -> Any:
        environment = os.environ | {"PYSPIKENET_ENGINE": "worker"} | options.pop("env", {})
        process = subprocess.Popen(
            [python, "-W", "error::ResourceWarning", "-c", prelude + textwrap.dedent(code)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def output(process: "subprocess.Popen[str]", timeout: float = 60.0) -> str:
    """What a program printed; it must have ended well."""
    out, errors = process.communicate(timeout=timeout)
    assert process.returncode == 0, errors
    assert errors == ""
    return out
