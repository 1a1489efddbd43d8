"""Candidates judged by other processes, here or on other machines, through any executor with the standard interface.

What a worker is sent is the whole task, and rows of numbers; what it sends back is what :class:`Evaluator` finds. The
executor may be of ``concurrent.futures``, loky, dask.distributed, mpi4py.futures or Ray: all it needs is ``submit``,
and futures that are those of ``concurrent.futures``.
"""

import contextlib
import hashlib
import logging
import os
import pickle
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future, wait
from typing import Any

import numpy as np

from ..engine import EngineError, JuliaError, configure
from ..engine.session import Interrupt
from ..parameters import shown
from .free import Floats
from .population import Evaluator, Judged, Task, joined

KEPT = 4  # evaluators that a worker process keeps
ATTEMPTS = 3

logger = logging.getLogger("pyspikenet")

_evaluators: dict[str, Evaluator] = {}
_lock = threading.Lock()  # workers may be threads of one process
_import = uuid.uuid4().hex  # a forked process shares it, one on another machine does not
_process = os.getpid()
_configured = False


def here() -> str:
    """What tells this process from all others."""
    return f"{_import}.{os.getpid()}"


def judge_here(task: bytes, mark: str, rows: Floats, seed: int | None, parent: str, attempt: int) -> Judged:
    """What a worker does: judges some candidates of a task, whose evaluator its process keeps for the next time.

    `attempt` tells a second try from the first, as some executors do not compute anew what they were asked before.
    """
    try:
        with _ctrl_c_is_for(parent):
            return _judged(task, mark, rows, seed, parent)
    except Exception as problem:
        raise _able_to_travel(problem) from problem.__cause__


def _judged(task: bytes, mark: str, rows: Floats, seed: int | None, parent: str) -> Judged:
    global _process, _configured
    if _process != os.getpid():  # a fork: what the parent opened is not ours
        _process, _configured = os.getpid(), False
        _evaluators.clear()
    with _lock:
        if here() != parent and not _configured:
            _configured = True
            if "PYSPIKENET_THREADS" not in os.environ:
                configure(threads=1)  # there is one worker per core
        if mark not in _evaluators:
            while len(_evaluators) >= KEPT:
                _evaluators.pop(next(iter(_evaluators))).close()
            _evaluators[mark] = Evaluator(_unpacked(task))
        try:
            return _evaluators[mark].judge(rows, seed)
        except JuliaError:
            raise
        except EngineError:
            _evaluators.pop(mark).close()  # its sessions are gone
            raise


def _unpacked(task: bytes) -> Task:
    try:
        found: Task = pickle.loads(task)
    except Exception as problem:
        raise ValueError(
            "model, network, stimulus, loss and measure must be such that the processes of an executor can read them:"
            " functions must be defined in a module that they can import, or the package cloudpickle be installed:"
            f" {problem!r}"
        ) from None
    return found


@contextlib.contextmanager
def _ctrl_c_is_for(parent: str) -> Iterator[None]:
    """The terminal sends a Ctrl-C to workers, too; the parent decides what it means."""
    if here() == parent or threading.current_thread() is not threading.main_thread():
        yield
        return
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old)


def _able_to_travel(problem: Exception) -> Exception:
    """The exception, or one that tells what it was where it cannot be sent to another process."""
    try:
        pickle.loads(pickle.dumps(problem))
    except Exception:
        found = RuntimeError(f"{type(problem).__name__}: {problem}")
        for note in getattr(problem, "__notes__", ()):
            found.add_note(note)
        return found
    return problem


class Crew:
    """Judges candidates in the processes of an executor. What comes out does not depend on how many there are."""

    def __init__(self, task: Task, executor: Any) -> None:
        if not callable(getattr(executor, "submit", None)):
            raise TypeError(f"executor must have the interface of concurrent.futures.Executor, got {shown(executor)}")
        client = callable(getattr(executor, "get_executor", None))  # of dask.distributed
        self.executor = executor.get_executor() if client else executor
        try:
            self._task = _packed(task)
        except Exception as problem:
            raise ValueError(
                "model, network, stimulus, loss and measure must be such that they can be pickled, to be sent to the"
                f" processes of an executor; functions must be defined in a module: {problem}"
            ) from None
        self._mark = hashlib.sha256(self._task).hexdigest()
        self._here: Evaluator | None = None
        self._task_given = task

    def judge(self, rows: Floats, seed: int | None = None, interrupt: Interrupt | None = None) -> Judged:
        """What becomes of the candidates in `rows`, in chunks; that of a worker that was lost is run again."""
        chunks = [x for x in np.array_split(np.arange(len(rows)), 2 * self.workers()) if x.size]
        found: dict[int, Judged] = {}
        pending: dict[Future[Judged], tuple[int, int]] = {}
        again = [(k, 1) for k in range(len(chunks))]
        try:
            while again or pending:
                while again:
                    k, attempt = again.pop()
                    future = self._submit(rows[chunks[k]], seed, attempt)
                    if future is None:
                        found[k] = self._judge_here(rows[chunks[k]], seed, interrupt)
                    else:
                        pending[future] = (k, attempt)
                done, _ = wait(list(pending), timeout=0.1, return_when="FIRST_COMPLETED")
                if interrupt is not None and interrupt.requested:
                    raise KeyboardInterrupt
                for future in done:
                    k, attempt = pending.pop(future)
                    try:
                        found[k] = future.result()
                    except Exception as problem:
                        if not _is_lost(problem):
                            raise
                        if attempt >= ATTEMPTS:
                            raise EngineError(
                                f"a part of the candidates lost its worker {ATTEMPTS} times, at last with: {problem!r}"
                            ) from problem
                        logger.warning("a worker was lost, and what it did is done again: %r", problem)
                        again.append((k, attempt + 1))
        finally:
            for future in pending:
                future.cancel()
        return joined([found[k] for k in range(len(chunks))])

    def _submit(self, rows: Floats, seed: int | None, attempt: int) -> "Future[Judged] | None":
        """The future of a chunk; None if the executor is broken as a whole."""
        try:
            future: Future[Judged] = self.executor.submit(
                judge_here, self._task, self._mark, rows, seed, here(), attempt
            )
        except Exception as problem:
            if not _is_lost(problem):
                raise
            logger.warning("the executor is broken, and this process goes on: %r", problem)
            return None
        if not isinstance(future, Future):
            raise TypeError(
                "executor must return futures of concurrent.futures from submit, got"
                f" {shown(future)} from {type(self.executor).__name__}"
            )
        return future

    def _judge_here(self, rows: Floats, seed: int | None, interrupt: Interrupt | None) -> Judged:
        if self._here is None:
            self._here = Evaluator(self._task_given)
        return self._here.judge(rows, seed, interrupt)

    def workers(self) -> int:
        """How many workers the executor has, as far as it tells."""
        for name in ("_max_workers", "max_workers"):
            count = getattr(self.executor, name, None)
            if isinstance(count, int) and count > 0:
                return count
        client = getattr(self.executor, "_client", None)  # of dask.distributed
        cores: Callable[[], dict[str, int]] | None = getattr(client, "nthreads", None)
        return max(1, sum(cores().values())) if cores is not None else os.cpu_count() or 1

    def close(self) -> None:
        """Frees what this process holds. The executor belongs to whoever made it."""
        if self._here is not None:
            self._here.close()
        with _lock:
            if self._mark in _evaluators:
                _evaluators.pop(self._mark).close()


def _packed(task: Task) -> bytes:
    """The task as bytes; functions of a notebook or a script, too, where cloudpickle is installed."""
    try:
        import cloudpickle
    except ImportError:
        return pickle.dumps(task)
    found: bytes = cloudpickle.dumps(task)
    return found


def _is_lost(problem: BaseException) -> bool:
    """Whether a worker, rather than what it was asked, has failed."""
    if isinstance(problem, BrokenExecutor | CancelledError | ConnectionError | EOFError):
        return True
    if isinstance(problem, EngineError):
        return not isinstance(problem, JuliaError)
    return type(problem).__name__ in (
        "KilledWorker", "CommClosedError", "FutureCancelledError", "WorkerCrashedError", "ActorDiedError",
    )  # fmt: skip
