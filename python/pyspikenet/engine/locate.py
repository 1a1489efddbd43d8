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
    """Where a ``julia`` is looked for, in order: (how it was found, path). One that is named is the only one."""
    named = os.environ.get("PYSPIKENET_JULIA")
    if named:
        return [("PYSPIKENET_JULIA", named)]
    places = []
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
        version, problem = _version(path)
        if version >= OLDEST_JULIA:
            return Julia(path, version, found)
        tried.append(f"{path} (from {found}) {problem}")
    reasons = "; ".join(tried) or "PYSPIKENET_JULIA is not set, and there is no julia on PATH"
    raise EngineError(
        f"no Julia >= 1.5 was found for the worker: {reasons}. Install Julia from https://julialang.org or your"
        " distribution and put it on PATH, or name it in PYSPIKENET_JULIA; on Debian and its relatives"
        " `scripts/debian-julia.sh PREFIX` of the source tree unpacks one without root."
    )


def _version(path: str) -> tuple[tuple[int, int, int], str]:
    """The version of a ``julia``, or zeros, and what is wrong with it."""
    command = [path, "--startup-file=no", "--version"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=60, check=True
        ).stdout
    except subprocess.TimeoutExpired:
        return (0, 0, 0), "does not tell its version within a minute"
    except subprocess.CalledProcessError as problem:
        said = problem.stderr.strip()[-500:]
        return (0, 0, 0), f"ends with status {problem.returncode} when asked for its version" + (said and f": {said}")
    except OSError as problem:
        return (0, 0, 0), f"cannot be run: {problem.strerror}"
    match = re.search(r"julia version (\d+)\.(\d+)\.(\d+)", answer)
    if not match:
        return (0, 0, 0), f"is not a Julia: asked for its version, it says {answer.strip()[:100]!r}"
    version = int(match[1]), int(match[2]), int(match[3])
    return version, f"is version {version[0]}.{version[1]}.{version[2]}, too old"


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


def blas_core(version: tuple[int, int, int]) -> str | None:
    """OpenBLAS's name for the processor: that of an old Julia takes newer ones for one of 2004. None: it knows best."""
    names = {"skylake-avx512": "SKYLAKEX", "haswell": "HASWELL", "sandybridge": "SANDYBRIDGE"}
    return names.get(cpu_target(version))


def depot(julia: Julia) -> Path:
    """A folder for Julia's compiled files: in the user's cache or, if that cannot be written, a temporary one."""
    stamp = hashlib.sha256(f"{spikecore()}|{julia.path}|{cpu_target(julia.version)}".encode()).hexdigest()[:12]
    name = f"julia-{julia.version_text}-{stamp}"
    user = os.getuid() if hasattr(os, "getuid") else 0
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "pyspikenet"
    temporary = Path(tempfile.gettempdir()) / f"pyspikenet-{user}"
    problems = []
    for base in (cache, temporary):
        problem = _make_private(base) or _make_private(base / name)
        if not problem:
            return base / name
        problems.append(f"{base / name}: {problem}")
    raise EngineError(
        f"Julia's compiled files have no place: {'; '.join(problems)}. Name a folder that can be written in"
        " XDG_CACHE_HOME"
    )


def _make_private(folder: Path) -> str:
    """Makes a folder where there is none; says why it cannot be used: code is run from it, so it must be our own."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
            return "it belongs to someone else"
    except (OSError, RuntimeError) as problem:
        return getattr(problem, "strerror", "") or str(problem)
    return "" if os.access(folder, os.W_OK) else "it cannot be written"
