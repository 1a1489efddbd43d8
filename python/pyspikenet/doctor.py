"""Says which transport, Julia, threads and device are in use, what was tried, and what to do."""

import os
import platform
import time

from . import engine
from ._version import __version__
from .engine import EngineError, locate

USAGE = "usage: python -m pyspikenet doctor\n\nSays which Julia is in use and how, what was tried, and what to do."
SETTINGS = ("PYSPIKENET_ENGINE", "PYSPIKENET_JULIA", "PYSPIKENET_THREADS")


def main(arguments: list[str]) -> int:
    """Runs the command; 0 if the engine works."""
    if arguments != ["doctor"]:
        print(USAGE)
        return 0 if arguments in ([], ["-h"], ["--help"]) else 2
    _say("pyspikenet", f"{__version__} on Python {platform.python_version()}, {platform.platform()}")
    for name in SETTINGS:
        _say(name, os.environ.get(name) or "not set")
    for found, path in locate.candidates() or [("", "none")]:
        _say("julia to try", path + (found and f" (from {found})"))
    start = time.perf_counter()
    try:
        _say("SpikeCore", str(locate.spikecore()))
        about = engine.info()
    except (EngineError, ValueError) as problem:
        _say_tried()
        print(f"\nThe engine does not work: {problem}")
        return 1
    _say_tried()
    _say("transport", about["transport"])
    _say("julia in use", f"{about['julia']}, version {about['julia_version']}, process {about['pid']}")
    _say("threads", f"{about['threads']} (of {engine.available_cores()} cores)")
    _say("device", f"{about['device']}, code for {about['cpu']}")
    started = time.perf_counter() - start
    answer, _ = engine.get_engine().submit("device", {"device": "cuda"}).result()
    _say('device="cuda"', answer["reason"] or "can be used")
    print(f"\nThe engine works: it started in {started:.1f} s.")
    return 0


def _say(what: str, value: str) -> None:
    print(f"{what:<20}{value}")


def _say_tried() -> None:
    for line in engine.tried():
        _say("not in use", line)
