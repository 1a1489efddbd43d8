"""Installs the other simulators from PyPI, each into an environment of its own below ``.benchmarks/``.

``PYSPIKENET_PEERS`` may name a folder that holds them already, as ``venv-<peer>``. A peer that cannot be installed is
reported and left out. With PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu pip takes the PyTorch without
CUDA. ``python benchmarks/setup_peers.py [peer ...]``
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

# One pip call per line: PyTorch Geometric looks at PyTorch, and Spikeometric needs an old NumPy.
PEERS = {
    "brian2": [["brian2==2.9.0", "numpy==1.26.4", "cython", "setuptools"]],
    "nest": [["nest-simulator==3.10.0", "numpy"]],
    "spikeometric": [
        ["torch==2.13.0", "numpy==1.23.5"],
        ["torch-geometric==2.8.1", "numpy==1.23.5"],
        ["spikeometric==1.0.3", "numpy==1.23.5"],
    ],
    "numba": [["numba", "numpy"]],
    "jax": [["jax", "numpy"]],
    "norse": [["torch==2.13.0", "torchvision", "numpy"], ["norse==1.1.0", "h5py"]],
    "elephant": [["elephant==1.2.1", "numpy<2.4"]],
    "numpy": [["numpy", "scipy"]],
}
MODULES = {peer: peer for peer in PEERS} | {"numpy": "scipy.signal"}
SHARED = {"numba": "venv-ref", "numpy": "venv-ref"}  # folders that peers may have in common
OWN = Path(__file__).resolve().parents[1] / ".benchmarks"


def find(peer):
    """The interpreter of a peer whose module can be imported there, or None."""
    folders = [OWN]
    if os.environ.get("PYSPIKENET_PEERS"):
        folders.insert(0, Path(os.environ["PYSPIKENET_PEERS"]))
    for folder in folders:
        for name in (f"venv-{peer}", SHARED.get(peer, f"venv-{peer}")):
            python = folder / name / "bin" / "python"
            if python.is_file() and works(python, peer):
                return python
    return None


def works(python, peer):
    return subprocess.run([python, "-c", f"import {MODULES[peer]}"], capture_output=True).returncode == 0


def install(peer):
    """The interpreter of a peer, installed now; None, with the reason printed, if that fails."""
    folder = OWN / f"venv-{peer}"
    print(f"installing {peer} into {folder}", flush=True)
    try:
        venv.create(folder, with_pip=True, clear=True)
        for packages in PEERS[peer]:
            command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *packages]
            subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        said = (getattr(problem, "stderr", None) or str(problem)).strip().splitlines()
        print(f"  {peer} cannot be installed and is left out: {said[-1] if said else problem}", flush=True)
        return None
    if not works(folder / "bin" / "python", peer):
        print(f"  {peer} was installed but cannot be imported; it is left out", flush=True)
        return None
    return folder / "bin" / "python"


def interpreters(wanted=tuple(PEERS)):
    """Interpreters by peer, for all that are there or can be installed."""
    found = {peer: find(peer) or install(peer) for peer in wanted}
    return {peer: python for peer, python in found.items() if python}


if __name__ == "__main__":
    for peer, python in interpreters(sys.argv[1:] or tuple(PEERS)).items():
        print(f"{peer}: {python}")
