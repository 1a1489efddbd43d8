"""What is in the wheel and in the source distribution, and that the wheel works from another folder."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from pyspikenet.engine import locate

ROOT = Path(__file__).resolve().parents[2]
JULIA = sorted(
    str(p.relative_to(ROOT)) for folder in ("src", "ext") for p in (ROOT / "julia" / "SpikeCore" / folder).rglob("*.jl")
)
PYTHON = sorted(
    str(p.relative_to(ROOT / "python"))
    for p in (ROOT / "python" / "pyspikenet").rglob("*.py*")
    if p.suffix in (".py", ".pyi")
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


def test_wheel_members(built):
    with zipfile.ZipFile(built[0]) as archive:
        members = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {*PYTHON, "pyspikenet/py.typed", "pyspikenet/juliapkg.json", "pyspikenet/julia/SpikeCore/Project.toml"}
    expected |= {f"pyspikenet/{name}" for name in JULIA}
    assert members == expected


def test_sdist_members(built):
    with tarfile.open(built[1]) as archive:
        names = archive.getnames()
    members = {name.split("/", 1)[1] for name in names if "/" in name}
    assert {*JULIA, *(f"python/{name}" for name in PYTHON)} <= members
    assert {"pyproject.toml", "README.md", "LICENSE", "Makefile", "juliapkg.json", "tests/conftest.py"} <= members
    assert {"scripts/debian-julia.sh", "examples/quickstart.py", "examples/data/celegans_connectome.csv"} <= members
    assert not [name for name in members if name.startswith((".julia", ".venv", "examples/output", "dist"))]


def test_juliapkg_finds_the_packages_in_the_wheel(built, tmp_path):
    target = tmp_path / "wheel"
    with zipfile.ZipFile(built[0]) as archive:
        archive.extractall(target)
    code = """
import json
from pathlib import Path
from juliapkg.deps import deps_files
ours = [Path(name) for name in deps_files() if "Zygote" in Path(name).read_text()]
print(len(ours), ours[0].parent, *sorted(json.loads(ours[0].read_text())["packages"]))
"""
    path = os.pathsep.join([str(target), sysconfig.get_path("purelib")])
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": path}, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found, folder, *packages = done.stdout.split()
    assert (found, folder) == ("1", str(target / "pyspikenet"))
    assert packages == ["CUDA", "ChainRulesCore", "KernelAbstractions", "Zygote"]


def test_the_wheel_works_from_another_folder(built, tmp_path):
    """Installed alone into an empty environment, which borrows the dependencies of this one."""
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*install, str(built[0])], check=True, capture_output=True, timeout=120)
    code = """
import pyspikenet as psn
from pyspikenet.engine import locate
print(psn.__file__)
print(locate.spikecore())
ds = psn.simulate(psn.BernoulliGLM(), psn.Network.normal(n=20, seed=1), duration=50.0, seed=1)
print(ds.sizes["neuron"])
"""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(target), sysconfig.get_path("purelib")]),
        "PYSPIKENET_ENGINE": "worker",
        "PYSPIKENET_JULIA": locate.find_julia().path,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        # -S keeps the .pth file of the editable install of this checkout out.
        [sys.executable, "-S", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    package, spikecore, neurons = done.stdout.split()
    assert package.startswith(str(target))
    assert spikecore.startswith(str(target))
    assert neurons == "20"
