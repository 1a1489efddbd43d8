"""The way to Julia: one engine per process, over one of two transports. Nothing starts before the first call.

``get_engine().submit(method, params, arrays)`` is all that the rest of the package uses, mostly through
:class:`~.session.Session`. Read ``worker.py`` next.
"""

import logging
import os
import threading
from concurrent.futures import Future
from typing import Any, Protocol

from .errors import EngineError, JuliaError
from .wire import Arrays

__all__ = ["EngineError", "JuliaError", "configure", "get_engine", "info"]

logger = logging.getLogger("pyspikenet")


class Engine(Protocol):
    """What both transports offer."""

    transport: str
    threads: int

    @property
    def julia(self) -> str: ...
    def submit(
        self, method: str, params: dict[str, Any], arrays: Arrays | None = None
    ) -> "Future[tuple[dict[str, Any], dict[str, Any]]]": ...
    def close(self) -> None: ...


_engine: Engine | None = None
_lock = threading.RLock()
_settings: dict[str, Any] = {}
_tried: list[str] = []


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def configure(*, engine: str | None = None, threads: int | None = None, julia: str | None = None) -> None:
    """Chooses how Julia runs. Takes effect at the next call; an engine already running is ended.

    Parameters
    ----------
    engine : {"auto", "juliacall", "worker"}, optional
        Transport; as the environment variable ``PYSPIKENET_ENGINE``, default ``"auto"``: juliacall where Julia >= 1.10
        can be found or installed, else a worker process.
    threads : int, optional
        Threads that Julia starts with; as ``PYSPIKENET_THREADS``, default all cores this process may use. Julia 1.5
        starts no more than the machine has cores; :func:`info` tells how many there are.
    julia : str, optional
        Path of the ``julia`` for the worker; as ``PYSPIKENET_JULIA``.

    Raises
    ------
    ValueError
        For an unknown engine, less than one thread, or a path where no file is.
    EngineError
        If Julia already runs in this process (juliacall): it cannot be started anew.
    """
    if engine is not None and engine not in ("auto", "juliacall", "worker"):
        raise ValueError(f"engine must be 'auto', 'juliacall' or 'worker', got {engine!r}")
    if threads is not None:
        threads = _thread_count("threads", threads)
    if julia is not None and not (isinstance(julia, str | os.PathLike) and os.path.isfile(julia)):
        raise ValueError(f"julia must be the path of a julia program, got {julia!r}")
    if _engine is not None and _engine.transport == "juliacall":
        raise EngineError("Julia already runs in this process; call configure() before anything else")
    if julia is not None:
        os.environ["PYSPIKENET_JULIA"] = julia
    _settings.update({k: v for k, v in {"engine": engine, "threads": threads}.items() if v is not None})
    reset()


def _thread_count(name: str, value: Any) -> int:
    try:
        count = int(value)
    except (TypeError, ValueError):
        count = 0
    if count < 1 or isinstance(value, float | bool):
        raise ValueError(f"{name} must be a whole number >= 1, got {value!r}")
    return count


def reset() -> None:
    """Ends the engine; the next call starts another."""
    global _engine
    with _lock:
        engine, _engine = _engine, None
    if engine is not None:
        engine.close()


def get_engine() -> Engine:
    """The engine of this process, chosen and made when first asked for."""
    global _engine
    with _lock:
        if _engine is None:
            _engine = _make_engine()
        return _engine


def _make_engine() -> Engine:
    from .worker import WorkerEngine

    choice = _settings.get("engine") or os.environ.get("PYSPIKENET_ENGINE") or "auto"
    if choice not in ("auto", "juliacall", "worker"):
        raise ValueError(f"PYSPIKENET_ENGINE must be 'auto', 'juliacall' or 'worker', got {choice!r}")
    default = os.environ.get("PYSPIKENET_THREADS") or available_cores()
    threads = _settings.get("threads") or _thread_count("PYSPIKENET_THREADS", default)
    _tried.clear()
    if choice == "worker":
        return WorkerEngine(threads)
    from . import juliacall

    reason = (_julia_for_worker() if choice == "auto" else "") or juliacall.available()
    if not reason:
        try:
            return juliacall.JuliacallEngine(threads)
        except EngineError as problem:
            reason = str(problem)
    if choice == "juliacall":
        raise EngineError(
            f"the juliacall transport cannot be used: {reason}. Repair that, or set PYSPIKENET_ENGINE=worker and have a"
            " julia >= 1.5 on PATH or in PYSPIKENET_JULIA"
        )
    _tried.append(f"juliacall: {reason}")
    logger.info("using a worker process, because of juliacall: %s", reason)
    return WorkerEngine(threads)


def _julia_for_worker() -> str:
    """Why juliacall need not be tried; empty if nobody chose a julia for the worker."""
    from . import locate

    chosen = next((found for found, _ in locate.candidates() if found != "PATH"), "")
    return chosen and f"not tried, because {chosen} provides a julia for the worker"


def _after_fork_in_child() -> None:
    """A child cannot use the Julia that runs in its parent: it gets a worker of its own, of the same Julia."""
    global _lock, _engine
    _lock = threading.RLock()  # another thread of the parent may have held it
    if _engine is not None and _engine.transport == "juliacall":
        os.environ.setdefault("PYSPIKENET_JULIA", _engine.julia)
        _settings["engine"] = "worker"
        _engine = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def tried() -> list[str]:
    """Transports that were tried in vain, with the reason."""
    return list(_tried)


def info() -> dict[str, Any]:
    """What is in use; starts the engine if none runs.

    Returns
    -------
    dict
        ``transport`` ("juliacall" or "worker"), ``julia`` (path), ``julia_version``, ``threads``, ``device``, ``cpu``
        (processor that Julia compiles for), ``pid`` (process id of Julia), ``tried`` (transports that were tried in
        vain, with the reason).
    """
    engine = get_engine()
    answer, _ = engine.submit("info", {}).result()
    return {
        "transport": engine.transport,
        "julia": engine.julia,
        "julia_version": answer["julia"],
        "threads": answer["threads"],
        "device": "cpu",
        "cpu": answer["cpu"],
        "pid": answer["pid"],
        "tried": tried(),
    }
