"""Out-of-process transport: a Julia program that this process starts, talks to and ends with.

One thread of ours does all the talking, so that a Ctrl-C can end the waiting without breaking a message in two, and
calls from several threads queue up. Read ``julia/SpikeCore/src/worker.jl`` for the other end.
"""

import atexit
import contextlib
import os
import queue
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

START = """
pushfirst!(LOAD_PATH, ARGS[1])
using SpikeCore
SpikeCore.serve(parse(Int, ARGS[2]), parse(Int, ARGS[3]), ARGS[4], ARGS[5])
"""

Reply = tuple[dict[str, Any], dict[str, NDArray[Any]]]

_processes: "weakref.WeakSet[WorkerProcess]" = weakref.WeakSet()


class WorkerProcess:
    """One Julia process. It ends when its request pipe closes, whatever the reason."""

    def __init__(self, threads: int, julia: locate.Julia) -> None:
        self.julia = julia
        self.requests, self.replies = SharedFile(), SharedFile()
        self._errors: IO[bytes] = tempfile.TemporaryFile()
        request_end, self._request_pipe = os.pipe()
        self._reply_pipe, reply_end = os.pipe()
        command = [
            *(self.julia.path, "-t", str(threads), "-C", locate.cpu_target(self.julia.version), "-O3"),
            *("--startup-file=no", "--history-file=no", "--color=no", "-e", START),
            *(str(locate.spikecore()), str(request_end), str(reply_end), self.requests.path, self.replies.path),
        ]
        depot = locate.depot(self.julia)
        environment = os.environ | {"JULIA_DEPOT_PATH": f"{depot}{os.pathsep}", "JULIA_LOAD_PATH": "@stdlib"}
        environment.pop("JULIA_NUM_THREADS", None)
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                env=environment,
                pass_fds=(request_end, reply_end),
                start_new_session=True,  # the terminal's Ctrl-C is for Python
            )
        except OSError as problem:
            self._close_pipes()
            raise EngineError(f"Julia could not be started: {problem}") from problem
        finally:
            os.close(request_end)
            os.close(reply_end)
        self._count = 0
        _processes.add(self)

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
            raise EngineError(self._epitaph(method)) from None
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

    def _epitaph(self, method: str) -> str:
        try:
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()
        said = f" Its last words:\n{said[-2000:]}" if said else " It left no message."
        return (
            f"the Julia worker {how} during {method!r}; its sessions are lost, and the next call starts a new worker."
            + said
        )

    def _close_pipes(self) -> None:
        for name in ("_request_pipe", "_reply_pipe"):
            fd = getattr(self, name)
            if fd >= 0:
                setattr(self, name, -1)
                os.close(fd)

    def close(self, patience: float = 1.0) -> None:
        """Ends the process: kindly, then firmly."""
        self._close_pipes()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.requests.close()
        self.replies.close()
        self._errors.close()

    def forget(self) -> None:
        """In a forked child: lets go of the parent's worker, so that it still ends with the parent."""
        self._close_pipes()
        self.process.returncode = 0  # not ours to wait for


class WorkerEngine:
    """The worker transport: starts a process at the first call, and a new one after a crash or in a forked child."""

    transport = "worker"

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pid = 0
        self._process: WorkerProcess | None = None
        self._calls: queue.SimpleQueue[tuple[Future[Reply], str, Mapping[str, Any], Arrays] | None]

    def submit(self, method: str, params: Mapping[str, Any], arrays: Arrays | None = None) -> "Future[Reply]":
        """Queues a call; the future holds its reply, a :class:`JuliaError` or an :class:`EngineError`."""
        if self._pid != os.getpid():
            self._pid, self._process = os.getpid(), None
            self._calls = queue.SimpleQueue()
            threading.Thread(target=self._talk, args=(self._calls,), name="pyspikenet-worker", daemon=True).start()
        future: Future[Reply] = Future()
        self._calls.put((future, method, params, arrays or {}))
        return future

    def _talk(self, calls: "queue.SimpleQueue[tuple[Future[Reply], str, Mapping[str, Any], Arrays] | None]") -> None:
        while (item := calls.get()) is not None:
            future, *call = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = self._call(*call)
            except BaseException as problem:
                future.set_exception(problem)
            else:
                future.set_result(result)
            del item, future, call  # or the last arrays would stay alive while we wait

    def _call(self, method: str, params: Mapping[str, Any], arrays: Arrays) -> Reply:
        if self._process is None:
            self._process = start_process(self.threads)
        try:
            return self._process.call(method, params, arrays)
        except EngineError as problem:
            if not isinstance(problem, JuliaError):
                self._process.close(0.0)
                self._process = None
            raise

    @property
    def julia(self) -> str:
        """Path of the ``julia`` in use; empty before the first call."""
        return self._process.julia.path if self._process else ""

    def close(self) -> None:
        """Ends the process, if there is one; a later call starts another."""
        if self._pid == os.getpid():
            self._calls.put(None)
            if self._process is not None:
                self._process.close()
        self._pid, self._process = 0, None


def start_process(threads: int) -> WorkerProcess:
    """Starts a worker; where SpikeCore is not compiled yet, only one process on this machine compiles it."""
    julia = locate.find_julia()
    with _compiling_alone(locate.depot(julia), julia.version):
        process = WorkerProcess(threads, julia)
        try:
            process.call("info", {}, {})
        except BaseException:
            process.close(0.0)
            raise
    return process


@contextlib.contextmanager
def _compiling_alone(depot: Path, version: tuple[int, int, int]) -> Iterator[None]:
    compiled = depot / "compiled" / f"v{version[0]}.{version[1]}" / "SpikeCore"
    newest_source = max(path.stat().st_mtime for path in (locate.spikecore() / "src").rglob("*.jl"))
    if any(path.stat().st_mtime > newest_source for path in compiled.glob("*.ji")):
        yield
        return
    import fcntl

    with open(depot / "compiling.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@atexit.register
def _close_all() -> None:
    for process in list(_processes):
        with contextlib.suppress(OSError):
            process.close()


def _after_fork_in_child() -> None:
    for process in list(_processes):
        process.forget()
    _processes.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
