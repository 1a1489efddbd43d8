"""Sees to a Julia for the engine: one that is there, one that juliapkg finds or installs, or the distribution's.

juliapkg is given a limited time to reach Julia's servers. Prints what was found and what was tried.
"""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

from pyspikenet.engine import EngineError, locate

ROOT = Path(__file__).resolve().parent.parent
SERVERS = ("julialang-s3.julialang.org", "pkg.julialang.org")
PATIENCE_SECONDS = 5


def present() -> bool:
    """Whether a usable julia is there already."""
    try:
        julia = locate.find_julia()
    except EngineError:
        return False
    print(f"Julia {julia.version_text}: {julia.path} (from {julia.found})")
    return True


def servers_reachable() -> bool:
    """Whether Julia's servers answer."""
    for server in SERVERS:
        try:
            socket.create_connection((server, 443), PATIENCE_SECONDS).close()
        except OSError as problem:
            print(f"{server} cannot be reached: {problem}")
            return False
    return True


def main() -> int:
    """0 if there is a Julia in the end."""
    if present():
        return 0
    if servers_reachable():
        print("juliapkg finds or installs Julia ...")
        if subprocess.run([sys.executable, "-c", "import juliapkg; juliapkg.resolve()"], check=False).returncode == 0:
            return 0
    if shutil.which("apt-get"):
        print("unpacking the distribution's Julia into .julia ...")
        command = [str(ROOT / "scripts" / "debian-julia.sh"), str(ROOT / ".julia")]
        if subprocess.run(command, check=False).returncode == 0:
            return 0
    print(
        "\nNo Julia could be found or installed.\n"
        "Install Julia >= 1.5 and put it on PATH, or name it in PYSPIKENET_JULIA."
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
