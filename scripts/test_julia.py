"""Runs the tests of SpikeCore with the julia that the worker uses."""

import os
import subprocess
import sys
from pathlib import Path

from pyspikenet.engine import EngineError, locate

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """The exit status of the tests."""
    try:
        julia = locate.find_julia()
    except EngineError as problem:
        print(f"the tests of SpikeCore are skipped: {problem}")
        return 0
    project = ROOT / "julia" / "SpikeCore"
    command = [julia.path, "-t", "4", "--startup-file=no", "-C", locate.cpu_target(julia.version)]
    environment = os.environ | {
        "JULIA_LOAD_PATH": f"{project}{os.pathsep}@stdlib",
        "JULIA_DEPOT_PATH": f"{locate.depot(julia)}{os.pathsep}",
    }
    return subprocess.run([*command, str(project / "test" / "runtests.jl")], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
