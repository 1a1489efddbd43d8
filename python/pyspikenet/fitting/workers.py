"""Candidates judged by other processes, here or on other machines, through any executor with the standard interface."""

import hashlib
import os
import pickle
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

import numpy as np

from ..engine import EngineError, configure
from ..engine.session import Interrupt
from ..parameters import shown
from .free import Floats
from .population import Evaluator, Judged, Task

KEPT = 4  # evaluators that a worker process keeps
ATTEMPTS = 3
_evaluators: dict[str, Evaluator] = {}
_own_process = os.getpid()


def judge_here(task: bytes, mark: str, rows: Floats, seed: int | None, parent: int) -> Judged:
    """What a worker process does: judges some candidates of a task, whose evaluator it keeps for the next time."""
    global _own_process
    if _own_process != os.getpid():  # a fork: what the parent opened is not ours
        _own_process = os.getpid()
        _evaluators.clear()
    if mark not in _evaluators:
        if os.getpid() != parent and not _evaluators and "PYSPIKENET_THREADS" not in os.environ:
            configure(threads=1)  # there is one worker per core
        while len(_evaluators) >= KEPT:
            _evaluators.pop(next(iter(_evaluators))).close()
        _evaluators[mark] = Evaluator(pickle.loads(task))
    try:
        return _evaluators[mark].judge(rows, seed)
    except EngineError:
        _evaluators.pop(mark).close()  # its sessions are gone
        raise


class Crew:
    """Judges candidates in the processes of an executor. What comes out does not depend on how many there are."""

    def __init__(self, task: Task, executor: Any) -> None:
        if not callable(getattr(executor, "submit", None)):
            raise TypeError(f"executor must have the interface of concurrent.futures.Executor, got {shown(executor)}")
        self.executor = executor
        try:
            self._task = pickle.dumps(task)
        except Exception as problem:
            raise ValueError(
                "model, network, stimulus and loss must be such that they can be pickled, to be sent to the processes"
                f" of an executor; functions must be defined in a module: {problem}"
            ) from None
        self._mark = hashlib.sha256(self._task).hexdigest()

    def judge(self, rows: Floats, seed: int | None = None, interrupt: Interrupt | None = None) -> Judged:
        """Losses of the candidates in `rows`, in chunks; that of a worker that was lost is run again."""
        chunks = [x for x in np.array_split(np.arange(len(rows)), 2 * self._workers()) if x.size]
        pending = {self._submit(rows[chunk], seed): (chunk, 1) for chunk in chunks}
        losses: Floats | None = None
        reasons: dict[int, str] = {}
        while pending:
            done, _ = wait(list(pending), timeout=0.2, return_when="FIRST_COMPLETED")
            if interrupt is not None and interrupt.requested:
                for future in pending:
                    future.cancel()
                raise KeyboardInterrupt
            for future in done:
                chunk, attempt = pending.pop(future)
                try:
                    found = future.result()
                except Exception as problem:
                    if not _is_lost(problem):
                        raise
                    if attempt >= ATTEMPTS:
                        raise EngineError(
                            f"a part of the candidates lost its worker {ATTEMPTS} times, at last with: {problem!r}"
                        ) from problem
                    pending[self._submit(rows[chunk], seed)] = (chunk, attempt + 1)
                    continue
                if losses is None:
                    losses = np.full((len(rows), found.losses.shape[1]), np.nan)
                losses[chunk] = found.losses
                reasons |= {int(chunk[c]): why for c, why in found.reasons.items()}
        assert losses is not None
        return Judged(losses, reasons)

    def _submit(self, rows: Floats, seed: int | None) -> "Future[Judged]":
        try:
            future: Future[Judged] = self.executor.submit(judge_here, self._task, self._mark, rows, seed, os.getpid())
        except Exception as problem:
            if not _is_lost(problem):
                raise
            future = Future()  # the executor is broken as a whole: go on in this process
            future.set_result(judge_here(self._task, self._mark, rows, seed, os.getpid()))
        return future

    def _workers(self) -> int:
        for name in ("_max_workers", "max_workers"):
            count = getattr(self.executor, name, None)
            if isinstance(count, int) and count > 0:
                return count
        client = getattr(self.executor, "_client", None)  # of dask.distributed
        cores: Callable[[], dict[str, int]] | None = getattr(client, "nthreads", None)
        return max(1, sum(cores().values())) if cores is not None else os.cpu_count() or 1

    def close(self) -> None:
        """The executor belongs to whoever made it."""
        if self._mark in _evaluators:
            _evaluators.pop(self._mark).close()


def _is_lost(problem: BaseException) -> bool:
    """Whether a worker, rather than what it was asked, has failed."""
    from concurrent.futures import BrokenExecutor, CancelledError

    from ..engine import JuliaError

    if isinstance(problem, BrokenExecutor | CancelledError | ConnectionError | EOFError):
        return True
    if isinstance(problem, EngineError):
        return not isinstance(problem, JuliaError)
    return type(problem).__name__ in ("KilledWorker", "CommClosedError", "TerminatedWorkerError")
