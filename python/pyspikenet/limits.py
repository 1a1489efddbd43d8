"""What fits on this machine, asked before anything large is made."""

import os
from pathlib import Path

MOST_NEURONS = 2**31 - 1
MOST_STEPS = 2**53
MOST_LAGS = 1_000_000


def available_memory() -> int:
    """Bytes of memory that can still be used; a guess of 8 GiB where the system does not tell."""
    try:
        with Path("/proc/meminfo").open() as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 8 << 30


def check_memory(names: str, needed: float, what: str) -> None:
    """ValueError if `needed` bytes for `what` are not there; `names` are the arguments that ask for them."""
    available = available_memory()
    if needed > available:
        raise ValueError(
            f"{names} must be small enough for the available memory of {available / 2**30:.1f} GiB, got {what}, which"
            f" needs about {needed / 2**30:.3g} GiB"
        )
