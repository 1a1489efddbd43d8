"""In-process transport: Julia in this process through juliacall; juliapkg finds or installs it.

Needs Julia >= 1.10. One thread of Python calls Julia; long calls release the GIL.
"""

import contextlib
import functools
import importlib.util
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from .errors import EngineError, JuliaError
from .locate import spikecore
from .wire import Arrays, native, plain

NETWORK_SECONDS = 5.0

# SpikeCore is the one beside this file, not a package of the environment: juliapkg would find two where a checkout is
# installed in place. The bridge is an extension of it, which is loaded here if Julia does not.
BRIDGE = """
let ours = raw"{folder}"
    Base.find_package("SpikeCore") == joinpath(ours, "src", "SpikeCore.jl") || pushfirst!(LOAD_PATH, ours)
end
import PythonCall, SpikeCore
let bridge = Base.get_extension(SpikeCore, :SpikeCorePythonCallExt)
    bridge === nothing ? include(joinpath(pkgdir(SpikeCore), "ext", "SpikeCorePythonCallExt.jl")) : bridge
end
"""


class JuliacallEngine:
    """The juliacall transport; Julia starts when this is made and stays for the life of the process.

    One thread of the process starts Julia and makes all calls: Julia's tasks wait for the thread that started it, and
    its garbage collector for all threads that have called it.
    """

    transport = "juliacall"

    def __init__(self, threads: int) -> None:
        self._pid = os.getpid()
        # With several threads Julia's garbage collector needs Julia's signal handlers, or the process crashes.
        os.environ.setdefault("PYTHON_JULIACALL_HANDLE_SIGNALS", "no" if threads == 1 else "yes")
        os.environ.setdefault("PYTHON_JULIACALL_THREADS", str(threads))
        self._thread = _julia_thread()
        try:
            with _python_keeps_sigint():
                self._thread.submit(self._start).result()
        except Exception as problem:
            raise EngineError(f"juliacall could not start Julia: {problem}") from problem

    def _start(self) -> None:
        import juliacall

        main = juliacall.newmodule("PySpikeNet")
        self._call_julia = main.seval(BRIDGE.format(folder=spikecore())).call
        self.threads = int(main.seval("Threads.nthreads()"))
        self.julia = str(main.seval("joinpath(Sys.BINDIR, Base.julia_exename())"))

    def submit(
        self, method: str, params: Mapping[str, Any], arrays: Arrays | None = None
    ) -> "Future[tuple[dict[str, Any], dict[str, Any]]]":
        """Lets Julia's thread call; the future is done when it has."""
        if self._pid != os.getpid():
            raise EngineError(
                "Julia was started in this process before it was forked and cannot be used in the child; start"
                " processes with the 'spawn' method, or set PYSPIKENET_ENGINE=worker"
            )
        # C order (trial, time, neuron) is Julia's (neuron, time, trial).
        transposed = {name: np.asarray(native(name, array), order="C").T for name, array in (arrays or {}).items()}
        return self._thread.submit(self._call, method, plain(params), transposed)

    def _call(self, method: str, params: Any, arrays: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
        result, values = self._call_julia(method, params, arrays)
        if values is None:
            raise JuliaError(**result)
        return result, values

    def close(self) -> None:
        """Nothing to do: Julia ends with the process."""


@functools.cache
def _julia_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="julia")


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
