"""The exceptions of the engine."""


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
        super().__init__(message if kind == "SpikeCoreError" else f"{kind}: {message}\n{trace}".rstrip())
        self.kind = kind
        self.trace = trace
