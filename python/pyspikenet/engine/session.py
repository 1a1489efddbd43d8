"""A run in Julia that Python advances piece by piece: progress, Ctrl-C and time limits are plain Python loops."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from types import FrameType, TracebackType
from typing import Any

from numpy.typing import NDArray

from . import get_engine
from .errors import EngineError, JuliaError
from .wire import Arrays

PIECE_SECONDS = 0.2
# After a Ctrl-C: how long to wait for the piece under way, so that it is not lost.
GRACE_SECONDS = 0.2
PIECE_BYTES = 64 << 20


class Session:
    """One opened run. Use as a context manager; leaving it frees what Julia holds.

    Parameters
    ----------
    params, arrays
        The run, as ``SpikeCore.handle("open", ...)`` takes it.
    work_per_step : float
        Rough number of neuron updates in a step, to guess the length of the first piece.
    bytes_per_step : int
        Size of what a step records, to bound the size of a piece.
    """

    def __init__(
        self, params: Mapping[str, Any], arrays: Arrays, *, work_per_step: float = 1.0, bytes_per_step: int = 0
    ) -> None:
        self._engine = get_engine()
        self._pid = os.getpid()
        self._pending: Future[Any] | None = None
        self._state: dict[str, NDArray[Any]] | None = None
        self._big = sum(a.nbytes for a in arrays.values()) > 1 << 26
        self._id = self._open(dict(params), arrays)
        self._piece = max(1, int(PIECE_SECONDS / (work_per_step * 5e-9 + 1e-6)))
        self._most = max(1, PIECE_BYTES // bytes_per_step) if bytes_per_step else 1 << 40
        self.interrupted = False

    def _open(self, params: dict[str, Any], arrays: Arrays) -> int:
        future = self._engine.submit("open", params, arrays)
        try:
            number: int = future.result()[0]["session"]
        except KeyboardInterrupt:
            future.add_done_callback(self._close_unseen)
            raise
        return number

    def _close_unseen(self, opened: "Future[Any]") -> None:
        with contextlib.suppress(Exception):
            self._close(opened.result()[0]["session"])

    def _close(self, number: int) -> None:
        self._engine.submit("close", {"session": number, "collect": self._big})

    def _submit(self, method: str, **params: Any) -> "Future[Any]":
        if self._pid != os.getpid():
            raise EngineError("this run was begun before the process was forked; only the parent can go on with it")
        self._pending = self._engine.submit(method, {"session": self._id, **params})
        return self._pending

    def advance(self, steps: int) -> Iterator[tuple[int, dict[str, NDArray[Any]]]]:
        """Advances by `steps` in pieces of about 0.2 s; yields (steps done in this piece, what they recorded).

        A Ctrl-C ends the iteration after the piece under way, or without it if that takes too long, and sets
        :attr:`interrupted`.
        """
        done, self._state = 0, None
        with Interrupt() as interrupt:
            while done < steps and not self.interrupted:
                piece = min(steps - done, self._piece, self._most)
                start = time.perf_counter()
                last = done + piece == steps
                answer = interrupt.wait(self._submit("advance", steps=piece, state=last))
                self.interrupted = interrupt.requested
                if answer is None:
                    return
                self._pending = None
                done += piece
                recorded = answer[1]
                if last:
                    names = [name for name in recorded if name.startswith("state.")]
                    self._state = {name.removeprefix("state."): recorded.pop(name) for name in names}
                yield piece, recorded
                self.interrupted = interrupt.requested
                elapsed = max(time.perf_counter() - start, 1e-6)
                # The first piece may include compilation, so growth is quick and shrinking gentle.
                self._piece = max(1, int(piece * min(max(PIECE_SECONDS / elapsed, 0.25), 20.0)))

    @property
    def settled(self) -> bool:
        """Whether Julia is at rest, so that :meth:`state` answers at once."""
        return self._pending is None

    def state(self) -> dict[str, NDArray[Any]]:
        """The state between the steps done and the next one by name, trials first."""
        if self._state is None:
            _, self._state = self._submit("state").result()
            self._pending = None
        return self._state

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pid != os.getpid() or (isinstance(problem, EngineError) and not isinstance(problem, JuliaError)):
            return  # the process is another one, or gone, and the run with it
        # Queued behind whatever is still under way; nobody waits for it.
        self._close(self._id)


class Interrupt:
    """Turns the first Ctrl-C inside the block into a request; the second one acts as always.

    Python only calls signal handlers in its main thread, so in other threads this does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._old: Any = None

    def __enter__(self) -> "Interrupt":
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and callable(signal.getsignal(signal.SIGINT)):
            self._old = signal.signal(signal.SIGINT, self._request)
        return self

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            self._old(number, frame)
        self.requested = True

    def __exit__(self, *_: object) -> None:
        if self._old is not None:
            signal.signal(signal.SIGINT, self._old)

    def wait(self, future: "Future[Any]") -> Any:
        """The result; None if a Ctrl-C came and the result did not follow soon."""
        deadline = float("inf")
        while not wait([future], 0.05).done:
            if self.requested:
                deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
                if time.monotonic() > deadline:
                    return None
        return future.result()

    def result(self, future: "Future[Any]") -> Any:
        """The result; KeyboardInterrupt where :meth:`wait` has none."""
        answer = self.wait(future)
        if answer is None:
            raise KeyboardInterrupt
        return answer
