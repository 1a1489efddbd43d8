"""Out-of-process transport: a Julia program that this process starts, talks to and ends with.

One thread of ours does all the talking, so that a Ctrl-C can end the waiting without breaking a message in two, and
calls from several threads queue up. Read ``julia/SpikeCore/src/worker.jl`` for the other end.
"""

import atexit
import contextlib
import logging
import os
import queue
import signal
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

from . import locate
from .errors import EngineError, JuliaError
from .memory import SharedFile
from .wire import LENGTH, Arrays, decode, encode

# The first line is for Linux: die with the thread that started us, even while compiling or computing.
START = """
Sys.islinux() && ccall(:prctl, Cint, (Cint, Culong), 1, 9)
pushfirst!(LOAD_PATH, ARGS[1])
using SpikeCore
SpikeCore.serve(parse(Int, ARGS[2]), parse(Int, ARGS[3]), ARGS[4], ARGS[5])
"""

logger = logging.getLogger("pyspikenet")

Reply = tuple[dict[str, Any], dict[str, NDArray[Any]]]
Call = tuple["Future[Reply]", str, Mapping[str, Any], Arrays]
Calls = queue.SimpleQueue[Call | None]

_processes: "weakref.WeakSet[WorkerProcess]" = weakref.WeakSet()
_engines: "weakref.WeakSet[WorkerEngine]" = weakref.WeakSet()


class WorkerProcess:
    """One Julia process. It ends when its request pipe closes, whatever the reason."""

    def __init__(self, threads: int, julia: locate.Julia) -> None:
        self.julia = julia
        # Behind ours those of the user, where packages may be that are loaded when they are needed, and Julia's own.
        given = os.environ.get("JULIA_DEPOT_PATH", "").strip(os.pathsep)
        depots = os.pathsep.join([str(locate.depot(julia)), *([given] if given else []), ""])
        environment = os.environ | {"JULIA_DEPOT_PATH": depots, "JULIA_LOAD_PATH": "@stdlib"}
        environment.pop("JULIA_NUM_THREADS", None)
        core = locate.blas_core(julia.version)
        if core is not None:
            environment.setdefault("OPENBLAS_CORETYPE", core)
        self.requests, self.replies = SharedFile(), SharedFile()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        request_end, self._request_pipe = os.pipe()
        self._reply_pipe, reply_end = os.pipe()
        _processes.add(self)
        # Anew, so that it comes before the files are closed: what was registered last is called first.
        atexit.unregister(_close_all)
        atexit.register(_close_all)
        command = [
            *(julia.path, "-t", str(threads), "-C", locate.cpu_target(julia.version), "-O3"),
            *("--startup-file=no", "--history-file=no", "--color=no", "-e", START),
            *(str(locate.spikecore()), str(request_end), str(reply_end), self.requests.path, self.replies.path),
        ]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                env=environment,
                pass_fds=(request_end, reply_end),
                start_new_session=True,  # the terminal's Ctrl-C is for Python
            )
        except OSError as problem:
            self._close_files()
            raise EngineError(f"Julia could not be started: {problem}") from problem
        finally:
            os.close(request_end)
            os.close(reply_end)
        self._count = 0

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def call(self, method: str, params: Mapping[str, Any], arrays: Arrays) -> Reply:
        """Sends a request and waits for its reply. Only one thread may call."""
        self._count += 1
        message, alive = encode(self._count, method, params, arrays, self.requests)
        try:
            view = memoryview(message)
            while len(view):
                view = view[os.write(self._request_pipe, view) :]
            body = self._read(LENGTH.unpack(self._read(LENGTH.size))[0])
        except (BrokenPipeError, EOFError):
            raise EngineError(self.epitaph("while it started" if self._count == 1 else f"during {method!r}")) from None
        del alive
        header, values = decode(body, self.replies)
        if "error" in header:
            raise JuliaError(**header["error"])
        if os.fstat(self.replies.fd).st_size > 1 << 26:
            os.ftruncate(self.replies.fd, 0)
        return header["result"], values

    def _read(self, count: int) -> bytes:
        pieces = []
        while count:
            piece = os.read(self._reply_pipe, count)
            if not piece:
                raise EOFError
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def epitaph(self, when: str) -> str:
        """How and when the process ended, and what it said."""
        try:
            status = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        if status == -signal.SIGKILL:
            how += " (as the system does when memory runs out)"
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()
        said = f" Its last words:\n{said[-2000:]}" if said else " It left no message."
        lost = "; its runs are lost, and the next call starts a new worker" if self._count > 1 else ""
        return f"the Julia worker {self.julia.path} {how} {when}{lost}.{said}"

    def kill(self) -> None:
        """Ends the process at once, with all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self, patience: float = 1.0) -> None:
        """Ends the process: kindly, then firmly."""
        self._close_pipes()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        self._close_files()

    def forget(self) -> None:
        """In a forked child: lets go of the parent's worker, so that it still ends with the parent."""
        self._close_files()
        if hasattr(self, "_process"):
            self._process.returncode = 0  # not ours to wait for

    def _close_pipes(self) -> None:
        for name in ("_request_pipe", "_reply_pipe"):
            fd = getattr(self, name)
            if fd >= 0:
                setattr(self, name, -1)
                os.close(fd)

    def _close_files(self) -> None:
        self._close_pipes()
        self.requests.close()
        self.replies.close()
        self._errors.close()


class WorkerEngine:
    """The worker transport: starts a process at the first call, and a new one after a crash or in a forked child."""

    transport = "worker"

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._process: WorkerProcess | None = None
        self.after_fork()
        _engines.add(self)

    def after_fork(self) -> None:
        """In a forked child, which has none of its parent's threads: begins anew."""
        self._lock = threading.Lock()
        self._calls: Calls = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process = None

    def submit(self, method: str, params: Mapping[str, Any], arrays: Arrays | None = None) -> "Future[Reply]":
        """Queues a call; the future holds its reply, a :class:`JuliaError` or an :class:`EngineError`."""
        future: Future[Reply] = Future()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._talk, args=(self._calls,), name="pyspikenet-worker", daemon=True
                )
                self._thread.start()
            self._calls.put((future, method, params, arrays or {}))
        return future

    def _talk(self, calls: Calls) -> None:
        while (item := calls.get()) is not None:
            future, method, params, arrays = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = self._call(method, params, arrays)
            except BaseException as problem:
                future.set_exception(problem)
            else:
                future.set_result(result)
                del result
            del item, future, params, arrays  # or the last arrays would stay alive while we wait
        self._end(1.0)

    def _call(self, method: str, params: Mapping[str, Any], arrays: Arrays) -> Reply:
        if self._process is not None and self._process.ended:
            problem = self._process.epitaph("between two calls")
            self._end(0.0)
            if "session" in params:
                raise EngineError(problem)
            logger.warning(problem)
        if self._process is None:
            if "session" in params:
                raise EngineError("the Julia worker that held this run has ended; start the run again")
            self._start()
        try:
            assert self._process is not None
            return self._process.call(method, params, arrays)
        except JuliaError:
            raise
        except EngineError:
            self._end(0.0)
            raise

    def _start(self) -> None:
        """Starts a worker; where SpikeCore is not compiled yet, only one process on this machine compiles it."""
        julia = locate.find_julia()
        with _compiling_alone(locate.depot(julia), julia.version):
            self._process = WorkerProcess(self.threads, julia)
            try:
                self._process.call("info", {}, {})
            except BaseException:
                self._end(0.0)
                raise

    def _end(self, patience: float) -> None:
        if self._process is not None:
            self._process.close(patience)
            self._process = None

    @property
    def julia(self) -> str:
        """Path of the ``julia`` in use; empty before the first call."""
        return self._process.julia.path if self._process else ""

    def close(self, patience: float = 1.0) -> None:
        """Ends the process, if there is one; a later call starts another."""
        with self._lock:
            thread, calls = self._thread, self._calls
            self._thread, self._calls = None, queue.SimpleQueue()
        if thread is None:
            return
        with contextlib.suppress(queue.Empty):
            while (item := calls.get_nowait()) is not None:
                if item[0].set_running_or_notify_cancel():
                    item[0].set_exception(EngineError("the engine was ended before this call was made"))
        calls.put(None)
        thread.join(patience)
        process = self._process
        if thread.is_alive() and process is not None:
            process.kill()
            thread.join(10.0)


@contextlib.contextmanager
def _compiling_alone(depot: Path, version: tuple[int, int, int]) -> Iterator[None]:
    compiled = depot / "compiled" / f"v{version[0]}.{version[1]}" / "SpikeCore"
    newest_source = max(path.stat().st_mtime for path in (locate.spikecore() / "src").rglob("*.jl"))
    if any(path.stat().st_mtime > newest_source for path in compiled.glob("*.ji")):
        yield
        return
    import fcntl

    with (depot / "compiling.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # closing is not enough where a forked child has the file open, too


def _close_all() -> None:
    for engine in list(_engines):
        engine.close()


def _after_fork_in_child() -> None:
    for process in list(_processes):
        process.forget()
    _processes.clear()
    for engine in list(_engines):
        engine.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
