"""The exceptions of the engine."""

from typing import Any


class EngineError(RuntimeError):
    """The Julia engine could not be started, or stopped while working."""


class JuliaError(EngineError):
    """Julia threw an exception; the message is Julia's.

    Attributes
    ----------
    kind : str
        Julia type of the exception; ``"SpikeCoreError"`` where SpikeCore found what it was asked for inconsistent.
    trace : str
        The first lines of Julia's stack trace; empty for a ``SpikeCoreError``.
    """

    def __init__(self, kind: str, message: str, trace: str = "") -> None:
        named = kind == "SpikeCoreError" or message.startswith(f"{kind}:")
        super().__init__((message if named else f"{kind}: {message}") + (trace and f"\n{trace.strip()}"))
        self.kind = kind
        self.trace = trace
        self._given = (kind, message, trace)

    def __reduce__(self) -> Any:
        return JuliaError, self._given, self.__dict__
