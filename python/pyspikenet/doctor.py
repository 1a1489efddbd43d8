"""Says which transport, Julia, threads and device are in use, what was tried, and what to do."""

import os
import platform
import time

from . import engine
from ._version import __version__
from .engine import EngineError, locate

USAGE = "usage: python -m pyspikenet doctor\n\nSays which Julia is in use and how, what was tried, and what to do."


def main(arguments: list[str]) -> int:
    """Runs the command; 0 if the engine works."""
    if arguments != ["doctor"]:
        print(USAGE)
        return 0 if arguments in ([], ["-h"], ["--help"]) else 2
    print(f"pyspikenet    {__version__} on Python {platform.python_version()}, {platform.platform()}")
    print(f"SpikeCore     {locate.spikecore()}")
    for name in ("PYSPIKENET_ENGINE", "PYSPIKENET_JULIA", "PYSPIKENET_THREADS"):
        print(f"{name:<20}{os.environ.get(name, '(not set)')}")
    for found, path in locate.candidates():
        print(f"julia         {path} (from {found})")
    start = time.perf_counter()
    try:
        about = engine.info()
    except (EngineError, ValueError) as problem:
        for line in engine.tried():
            print(f"tried         {line}")
        print(f"\nThe engine does not work: {problem}")
        return 1
    for line in about["tried"]:
        print(f"tried         {line}")
    print(f"transport     {about['transport']}")
    print(f"julia in use  {about['julia']}, version {about['julia_version']}, process {about['pid']}")
    print(f"threads       {about['threads']}")
    print(f"device        {about['device']}, code for {about['cpu']}")
    print(f"\nThe engine works: it started in {time.perf_counter() - start:.1f} s.")
    if about["transport"] == "worker" and os.environ.get("PYSPIKENET_ENGINE", "auto") == "auto" and about["tried"]:
        print("To run Julia in this process instead, `pip install pyspikenet` where Julia's servers can be reached.")
    return 0
