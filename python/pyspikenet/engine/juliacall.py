"""In-process transport: Julia in this process through juliacall; juliapkg finds or installs it.

Needs Julia >= 1.10. Julia is called from one Python thread at a time; long calls release the GIL.
"""

import os
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import numpy as np

from .errors import EngineError, JuliaError
from .locate import spikecore
from .wire import Arrays

# Python dicts, lists and arrays as SpikeCore wants them, and back. C order (trial, time, neuron) is Julia's
# (neuron, time, trial): the transposed view of an array is its memory in Julia's order.
BRIDGE = """
pushfirst!(LOAD_PATH, raw"{folder}")
using SpikeCore
module PySpikeNetBridge
    using PythonCall, SpikeCore
    plain(x::Py) = pyisinstance(x, pybuiltins.dict) ? tree(x) :
                   pyisinstance(x, pybuiltins.list) ? listed(x) : pyconvert(Any, x)
    tree(x::Py) = Dict{{String,Any}}(pyconvert(String, k) => plain(x[k]) for k in x)
    listed(x::Py) = isempty(x) ? Any[] : identity.(Any[plain(v) for v in x])
    function array(x::Py)
        a = pyconvert(PyArray, x)
        return copy(reshape(unsafe_wrap(Array, pointer(a), length(a)), size(a)))
    end
    python(x::AbstractDict) = pydict(k => python(v) for (k, v) in x)
    python(x::AbstractVector) = pylist(python(v) for v in x)
    python(x) = Py(x)
    function call(method::String, params::Py, arrays::Py)
        p = tree(params)
        a = Dict{{String,Any}}(pyconvert(String, k) => array(arrays[k]) for k in arrays)
        reply = PythonCall.GIL.@unlock try
            SpikeCore.handle(method, p, a)
        catch problem
            (problem, problem isa SpikeCoreError ? "" : sprint(Base.show_backtrace, catch_backtrace()))
        end
        if reply[1] isa Exception
            kind = reply[1] isa SpikeCoreError ? "SpikeCoreError" : string(typeof(reply[1]))
            return pylist((kind, sprint(showerror, reply[1]), reply[2]))
        end
        return pytuple((python(reply[1]), pydict(k => Py(v) for (k, v) in reply[2])))
    end
end
"""


class JuliacallEngine:
    """The juliacall transport; Julia starts when this is made and stays for the life of the process."""

    transport = "juliacall"

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pid = os.getpid()
        self._lock = threading.Lock()
        os.environ.setdefault("PYTHON_JULIACALL_HANDLE_SIGNALS", "no")  # SIGINT is Python's
        os.environ.setdefault("PYTHON_JULIACALL_THREADS", str(threads))
        try:
            import juliacall

            self._main = juliacall.newmodule("PySpikeNet")
            self._main.seval("begin\n" + BRIDGE.format(folder=spikecore()) + "\nend")
            self._call_julia = self._main.seval("PySpikeNetBridge.call")
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
                "Julia was started in this process before it was forked and cannot be used in the child; start processes"
                " with the 'spawn' method, or set PYSPIKENET_ENGINE=worker"
            )
        with self._lock:
            reply = self._call_julia(method, dict(params), {k: np.ascontiguousarray(v).T for k, v in arrays.items()})
        if isinstance(reply, list):
            raise JuliaError(*reply)
        result, values = reply
        return result, {name: np.asarray(value).T for name, value in values.items()}

    def close(self) -> None:
        """Nothing to do: Julia ends with the process."""


def available() -> str:
    """Empty if juliacall can be tried here, else the reason why not."""
    if "juliacall" in sys.modules:
        return ""
    if os.environ.get("PYTHON_JULIACALL_EXE"):
        return ""
    try:
        import juliapkg
    except ImportError:
        return "the package juliacall is not installed"
    try:
        juliapkg.resolve()
    except BaseException as problem:
        if isinstance(problem, KeyboardInterrupt):
            raise
        return f"juliapkg could not find or install Julia >= 1.10: {problem}"
    return ""
