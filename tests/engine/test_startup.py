"""Import, settings, the choice of the transport, and the doctor."""

import os
import socket
import statistics
import subprocess
import sys

import pytest
from conftest import output

import pyspikenet as psn
from pyspikenet import engine
from pyspikenet.doctor import main
from pyspikenet.engine import locate

LATER = ("numpy", "xarray", "scipy", "matplotlib", "juliacall", "juliapkg", "pandas", "networkx", "tqdm")


def test_import_is_quick_and_starts_nothing():
    code = (
        "import time, sys; start = time.perf_counter(); import pyspikenet; took = time.perf_counter() - start;"
        "import psutil, threading;"
        f"later = [m for m in {LATER} if m in sys.modules];"
        "print(took, len(psutil.Process().children()), threading.active_count(), later)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
        for _ in range(5)
    ]
    times = [float(out.split()[0]) for out in runs]
    assert statistics.median(times) < 0.3, times
    assert {out.split(maxsplit=1)[1].strip() for out in runs} == {"0 1 []"}


# ---- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "fast"}, "engine must be 'auto', 'juliacall' or 'worker', got 'fast'"),
        ({"threads": 0}, "threads must be a whole number >= 1, got 0"),
        ({"threads": 2.5}, "threads must be a whole number >= 1, got 2.5"),
        ({"threads": True}, "threads must be a whole number >= 1, got True"),
        ({"julia": "/no/julia"}, "julia must be the path of a julia program, got '/no/julia'"),
        ({"julia": 5}, "julia must be the path of a julia program, got 5"),
    ],
)
def test_configure_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        psn.configure(**arguments)


def test_configure_takes_effect_at_the_next_call(program):
    process = program(
        """
first = psn.info()
print(first["threads"])
psn.configure(threads=4)
# Julia 1.5 starts no more threads than there are cores.
least = min(4, os.cpu_count())
print(psn.info()["pid"] != first["pid"], least <= psn.info()["threads"] <= 4)
psn.configure(julia=first["julia"], engine="worker")
about = psn.info()
print(least <= about["threads"] <= 4, about["julia"] == first["julia"] == os.environ["PYSPIKENET_JULIA"])
print(sorted(psn.info()))
print(psn.info()["transport"], psn.info()["device"], psn.info()["tried"])
""",
        env={"PYSPIKENET_THREADS": "1"},
    )
    assert output(process).splitlines() == [
        "1",
        "True True",
        "True True",
        "['cpu', 'device', 'julia', 'julia_version', 'pid', 'threads', 'transport', 'tried']",
        "worker cpu []",
    ]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PYSPIKENET_ENGINE", "quick", "PYSPIKENET_ENGINE must be 'auto', 'juliacall' or 'worker', got 'quick'"),
        ("PYSPIKENET_THREADS", "many", "PYSPIKENET_THREADS must be a whole number >= 1, got 'many'"),
        ("PYSPIKENET_THREADS", "0", "PYSPIKENET_THREADS must be a whole number >= 1, got '0'"),
    ],
)
def test_the_environment_is_checked(monkeypatch, name, value, message):
    monkeypatch.setattr(engine, "_engine", None)
    monkeypatch.setattr(engine, "_settings", {})
    monkeypatch.setenv("PYSPIKENET_ENGINE", "worker")
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        engine.get_engine()


# ---- the choice of the transport -------------------------------------------------------------------------------------


@pytest.fixture
def silent_network():
    """Environment of a network that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        yield {"https_proxy": address, "http_proxy": address, "no_proxy": ""}


AUTO = """
import logging
logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
from pyspikenet.engine import juliacall, locate
juliacall.NETWORK_SECONDS = 0.5
locate.candidates = lambda: [("PATH", "/some/julia")]
start = time.monotonic()
try:
    print(engine.get_engine().transport, time.monotonic() - start < 10)
except psn.EngineError as problem:
    print(problem, time.monotonic() - start < 10)
"""


@pytest.mark.parametrize("choice", ["auto", "juliacall"])
def test_without_a_network_juliacall_is_given_up_soon(program, silent_network, tmp_path, choice):
    process = program(
        AUTO,
        env=silent_network | {"PYSPIKENET_ENGINE": choice, "PATH": "/nowhere", "HOME": str(tmp_path)},
    )
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    if "Julia" not in out and "worker" not in out:
        pytest.skip("there is a Julia for juliacall")
    reason = "juliapkg could neither find nor install a Julia >= 1.10"
    if choice == "auto":
        logged, result = out.splitlines()
        assert logged.startswith(f"using a worker process, because of juliacall: {reason}")
        assert result == "worker True"
    else:
        assert out.startswith(f"the juliacall transport cannot be used: {reason}")
        assert "set PYSPIKENET_ENGINE=worker and have a julia >= 1.5 on PATH" in out
        assert out.strip().endswith("True")


def test_a_julia_that_is_named_for_the_worker_is_used(monkeypatch):
    monkeypatch.setattr(engine, "_engine", None)
    monkeypatch.setattr(engine, "_settings", {})
    monkeypatch.delenv("PYSPIKENET_ENGINE", raising=False)
    monkeypatch.setenv("PYSPIKENET_JULIA", "/opt/julia")
    assert locate.candidates() == [("PYSPIKENET_JULIA", "/opt/julia")]
    assert engine.get_engine().transport == "worker"
    assert engine.tried() == ["juliacall: not tried, because PYSPIKENET_JULIA provides a julia for the worker"]


# ---- the doctor ------------------------------------------------------------------------------------------------------


@pytest.fixture
def doctor(monkeypatch, capsys):
    """Runs the doctor in this process; returns exit status and what it printed, by line's first column."""

    def run(**environment):
        monkeypatch.setattr(engine, "_engine", None)
        monkeypatch.setattr(engine, "_settings", {})
        for name, value in ({"PYSPIKENET_ENGINE": "worker"} | environment).items():
            monkeypatch.setenv(name, value)
        status = main(["doctor"])
        engine.reset()
        out = capsys.readouterr().out
        return status, {line[:20].strip(): line[20:] for line in out.splitlines()}, out

    return run


def test_doctor_in_good_health(doctor):
    status, said, out = doctor(PYSPIKENET_THREADS="1")
    assert said['device="cuda"']
    assert status == 0, out
    assert said["transport"] == "worker"
    assert said["threads"] == f"1 (of {engine.available_cores()} cores)"
    assert said["PYSPIKENET_ENGINE"] == "worker"
    assert said["PYSPIKENET_THREADS"] == "1"
    assert {"pyspikenet", "SpikeCore", "julia to try", "julia in use", "device"} < said.keys()
    assert "The engine works: it started in" in out


def test_doctor_where_the_named_julia_is_missing(doctor):
    status, said, out = doctor(PYSPIKENET_JULIA="/no/julia")
    assert status == 1
    assert said["julia to try"] == "/no/julia (from PYSPIKENET_JULIA)"
    assert "The engine does not work: " in out
    assert "/no/julia (from PYSPIKENET_JULIA) cannot be run: No such file or directory" in out
    assert "Install Julia from https://julialang.org" in out


def test_doctor_where_there_is_no_julia(doctor, monkeypatch):
    monkeypatch.setattr(locate, "candidates", list)
    status, said, out = doctor()
    assert status == 1
    assert said["julia to try"] == "none"
    assert "PYSPIKENET_JULIA is not set, and there is no julia on PATH. Install Julia" in out


def test_doctor_where_a_setting_is_wrong(doctor):
    status, _, out = doctor(PYSPIKENET_THREADS="0")
    assert status == 1
    assert "The engine does not work: PYSPIKENET_THREADS must be a whole number >= 1, got '0'" in out


def test_doctor_usage(capsys):
    assert main([]) == 0
    assert "usage: python -m pyspikenet doctor" in capsys.readouterr().out
    assert main(["nurse"]) == 2


def test_doctor_is_a_command():
    environment = os.environ | {"PYSPIKENET_ENGINE": "worker", "PYSPIKENET_JULIA": "/no/julia"}
    command = [sys.executable, "-m", "pyspikenet", "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "The engine does not work" in done.stdout
