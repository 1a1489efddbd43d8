"""Public names are what they say, whichever of them was used before."""

import inspect
import subprocess
import sys

import pytest

import pyspikenet as psn

MODULES = {"analysis", "encode", "io", "plot"}


@pytest.mark.parametrize("before", ["", "import pyspikenet.fitting.fit, pyspikenet.simulate, pyspikenet.tune\n"])
def test_no_name_becomes_a_module_of_the_package(before):
    code = (
        f"{before}import inspect, pyspikenet as psn\n"
        "found = [(x, getattr(psn, x)) for x in [*psn.__all__, *psn.__all__]]\n"
        "print(sorted({x for x, y in found if inspect.ismodule(y)}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(eval(done.stdout)) == MODULES
    assert inspect.isfunction(psn.fit)
