"""In-process transport: Julia in this process through juliacall; juliapkg finds or installs it.

Needs Julia >= 1.10. Julia is called from one Python thread at a time; long calls release the GIL.
"""

import contextlib
import importlib.util
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any

import numpy as np

from .errors import EngineError, JuliaError
from .locate import spikecore
from .wire import Arrays, native, plain

NETWORK_SECONDS = 5.0

# The bridge is an extension of SpikeCore. Julia loads it by itself where SpikeCore is a package of the environment (as
# juliapkg makes it one); where it is only a folder, as with an environment of one's own, it is loaded here.
BRIDGE = """
Base.find_package("SpikeCore") === nothing && pushfirst!(LOAD_PATH, raw"{folder}")
import PythonCall, SpikeCore
let bridge = Base.get_extension(SpikeCore, :SpikeCorePythonCallExt)
    bridge === nothing ? include(joinpath(pkgdir(SpikeCore), "ext", "SpikeCorePythonCallExt.jl")) : bridge
end
"""


class JuliacallEngine:
    """The juliacall transport; Julia starts when this is made and stays for the life of the process."""

    transport = "juliacall"

    def __init__(self, threads: int) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        # With several threads Julia's garbage collector needs Julia's signal handlers, or the process crashes.
        os.environ.setdefault("PYTHON_JULIACALL_HANDLE_SIGNALS", "no" if threads == 1 else "yes")
        os.environ.setdefault("PYTHON_JULIACALL_THREADS", str(threads))
        try:
            with _python_keeps_sigint():
                import juliacall

                self._main = juliacall.newmodule("PySpikeNet")
                self._call_julia = self._main.seval(BRIDGE.format(folder=spikecore())).call
                self.threads = int(self._main.seval("Threads.nthreads()"))
        except Exception as problem:
            raise EngineError(f"juliacall could not start Julia: {problem}") from problem

    @property
    def julia(self) -> str:
        """Path of the Julia in use."""
        return str(self._main.seval("joinpath(Sys.BINDIR, Base.julia_exename())"))

    def submit(
        self, method: str, params: Mapping[str, Any], arrays: Arrays | None = None
    ) -> "Future[tuple[dict[str, Any], dict[str, Any]]]":
        """Calls Julia at once; the future is done when this returns."""
        future: Future[tuple[dict[str, Any], dict[str, Any]]] = Future()
        try:
            future.set_result(self._call(method, params, arrays or {}))
        except Exception as problem:
            future.set_exception(problem)
        return future

    def _call(self, method: str, params: Mapping[str, Any], arrays: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
        if self._pid != os.getpid():
            raise EngineError(
                "Julia was started in this process before it was forked and cannot be used in the child; start"
                " processes with the 'spawn' method, or set PYSPIKENET_ENGINE=worker"
            )
        transposed = {name: np.asarray(native(name, array), order="C").T for name, array in arrays.items()}
        # C order (trial, time, neuron) is Julia's (neuron, time, trial).
        with self._lock:
            result, values = self._call_julia(method, plain(params), transposed)
        if values is None:
            raise JuliaError(**result)
        return result, values

    def close(self) -> None:
        """Nothing to do: Julia ends with the process."""


@contextlib.contextmanager
def _python_keeps_sigint() -> Iterator[None]:
    """Julia blocks SIGINT in the thread that starts it, to wait for it elsewhere; Python wants it as before."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGINT, handler)


def available() -> str:
    """Empty if juliacall can be tried here, else the reason why not."""
    if "juliacall" in sys.modules or os.environ.get("PYTHON_JULIACALL_EXE"):
        return ""
    if importlib.util.find_spec("juliacall") is None or importlib.util.find_spec("juliapkg") is None:
        return "the package juliacall is not installed"
    import juliapkg

    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_SECONDS)  # juliapkg sets none, and would wait minutes where packets are dropped
    try:
        with contextlib.redirect_stdout(sys.stderr):
            juliapkg.resolve()
    except (Exception, SystemExit) as problem:
        return f"juliapkg could neither find nor install a Julia >= 1.10 ({problem})"
    finally:
        socket.setdefaulttimeout(patience)
    return ""
