"""Where Julia and SpikeCore are on this machine. Read ``worker.py`` next."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import EngineError

OLDEST_JULIA = (1, 5)
PACKAGE = Path(__file__).resolve().parent.parent


def spikecore() -> Path:
    """Folder of the Julia package: inside the wheel, or beside the sources in a checkout."""
    for folder in (PACKAGE / "julia" / "SpikeCore", PACKAGE.parent.parent / "julia" / "SpikeCore"):
        if (folder / "Project.toml").is_file():
            return folder
    raise EngineError(f"the Julia package SpikeCore is missing beside {PACKAGE}; install pyspikenet again")


@dataclass(frozen=True)
class Julia:
    """A ``julia`` program that can serve the worker."""

    path: str
    version: tuple[int, int, int]
    found: str

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))


def candidates() -> list[tuple[str, str]]:
    """Where a ``julia`` is looked for, in order: (how it was found, path)."""
    places = []
    if os.environ.get("PYSPIKENET_JULIA"):
        places.append(("PYSPIKENET_JULIA", os.environ["PYSPIKENET_JULIA"]))
    on_path = shutil.which("julia")
    if on_path:
        places.append(("PATH", on_path))
    local = PACKAGE.parent.parent / ".julia" / "bin" / "julia"
    if local.is_file():
        places.append(("scripts/debian-julia.sh", str(local)))
    return places


def find_julia() -> Julia:
    """The first usable ``julia``; an :class:`EngineError` says what was tried and what to do."""
    tried = []
    for found, path in candidates():
        try:
            answer = subprocess.run(
                [path, "--startup-file=no", "--version"], capture_output=True, text=True, timeout=60, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError) as problem:
            tried.append(f"{path} (from {found}) does not run: {problem}")
            continue
        match = re.search(r"(\d+)\.(\d+)\.(\d+)", answer)
        version = (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)
        if version[:2] >= OLDEST_JULIA:
            return Julia(path, version, found)
        tried.append(f"{path} (from {found}) is {answer.strip()!r}, too old")
    tried = tried or ["PYSPIKENET_JULIA is not set, and there is no julia on PATH"]
    raise EngineError(
        "no Julia >= 1.5 was found for the worker: " + "; ".join(tried) + ". Install Julia from https://julialang.org"
        " or your distribution and put it on PATH, or name it in PYSPIKENET_JULIA; on Debian and its relatives"
        " `scripts/debian-julia.sh PREFIX` of the source tree unpacks one without root."
    )


def cpu_target(version: tuple[int, int, int]) -> str:
    """The ``-C`` option that gives compiled code the vector instructions of this machine.

    Julia before 1.6 takes a processor that its LLVM does not know by name for a generic one, so for those the best
    level is named that ``/proc/cpuinfo`` allows.
    """
    if version >= (1, 6, 0) or platform.machine() not in ("x86_64", "AMD64"):
        return "native"
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "native"
    match = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    flags = set(match[1].split()) if match else set()
    if flags >= {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd", "avx2", "fma", "bmi2"}:
        return "skylake-avx512"
    if flags >= {"avx2", "fma", "bmi1", "bmi2", "f16c", "movbe"}:
        return "haswell"
    if flags >= {"avx", "sse4_2"}:
        return "sandybridge"
    return "native"


def depot(julia: Julia) -> Path:
    """A writable folder for Julia's compiled files: the user's cache, or, where that cannot be written, a temporary one."""
    source = spikecore()
    stamp = hashlib.sha256(f"{source}|{julia.path}|{cpu_target(julia.version)}".encode()).hexdigest()[:12]
    name = f"pyspikenet/julia-{julia.version_text}-{stamp}"
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    user = os.getuid() if hasattr(os, "getuid") else 0
    for folder in (Path(base) / name, Path(tempfile.gettempdir()) / f"pyspikenet-{user}" / name):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(folder, os.W_OK) and (not hasattr(os, "getuid") or folder.stat().st_uid == user):
            return folder
    raise EngineError(f"no folder can be written for Julia's compiled files: tried {base} and {tempfile.gettempdir()}")
