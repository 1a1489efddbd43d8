"""The examples and the README run as they are, write what they say, and their numbers make sense."""

import contextlib
import io
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray

import pyspikenet as psn

ROOT = Path(__file__).resolve().parent.parent
NUMBER = r"(\d[\d,]*\.?\d*(?:e[+-]?\d+)?)"


def run(command: list[str], folder: Path) -> str:
    """What a Python command prints; warnings are errors there, too."""
    environment = os.environ | {"MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_here(command: list[str], folder: Path) -> str:
    """What a script prints, run as a program in this process, where Julia has compiled much of what it needs."""
    import matplotlib.pyplot as plt

    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.chdir(folder)
        patch.setattr(sys, "argv", command)
        patch.syspath_prepend(Path(command[0]).parent)  # as Python does for a script
        runpy.run_path(command[0], run_name="__main__")
    plt.close("all")
    return printed.getvalue()


def example(name: str, folder: Path, *more: str) -> str:
    return run_here([str(ROOT / "examples" / name), str(folder / "out"), *more], folder)


def numbers(pattern: str, text: str) -> list[float]:
    """The numbers in the first match of `pattern`, in which # stands for one."""
    match = re.search(pattern.replace("#", NUMBER), text)
    assert match, f"{pattern!r} is not in what was printed:\n{text}"
    return [float(x.replace(",", "")) for x in match.groups()]


def assert_picture(path: Path) -> None:
    from matplotlib.image import imread

    image = imread(path)
    assert min(image.shape[:2]) > 300
    assert image[..., :3].std() > 0.05, f"{path.name} is empty"


def test_quickstart(tmp_path: Path) -> None:
    printed = run([str(ROOT / "examples" / "quickstart.py"), str(tmp_path / "out")], tmp_path)
    neurons, synapses, trials = numbers("# neurons, # synapses, # trials of 10 s", printed)
    # 2194 chemical pairs and 1031 electrical rows less 3 self-junctions: see examples/data/README.md.
    assert (neurons, synapses, trials) == (279, 2194 + 1031 - 3, 20)

    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {"celegans_raster.png", "celegans_rates.png", "celegans.nc"}
    assert_picture(out / "celegans_raster.png")
    assert_picture(out / "celegans_rates.png")
    ds = psn.load(out / "celegans.nc")
    assert ds.sizes["neuron"] == 279
    assert "PLML" in ds.neuron.values
    assert ds["group_touch_receptors"].values.sum() == 6
    assert ds["group_command_interneurons"].values.sum() == 8

    spikes, events, per_second = numbers("# spikes, # synaptic events, # per second of compute", printed)
    assert spikes == ds.sizes["spike"]
    assert events > spikes
    assert per_second > 0
    total, start = numbers("first result after # s: # s to start", printed)
    compilation, simulation = numbers("# s to compile, # s to simulate", printed)
    assert total == pytest.approx(start + compilation + simulation, abs=0.02)

    # Background of a few Hz; touch drives the receptors, and they recruit command interneurons and motor neurons.
    rate = {}
    for name in ("all sensory", "all interneuron", "all motor", "touch receptors", "command interneurons"):
        touch, no_touch = numbers(rf"\n{name} +\d+ +# +#", printed)
        rate[name] = touch / no_touch
        assert 1 < no_touch < 10, name
    assert rate["touch receptors"] > 20
    assert rate["command interneurons"] > 3
    assert rate["all motor"] > 2
    best = re.findall(r"\n  ([A-Z]{2,3}) ", printed)
    assert {"AVA", "AVB", "PVC"} <= set(best[:4])
    mean = float(ds.spk.rates().mean())
    assert mean == pytest.approx(spikes / 279 / trials / 10, rel=1e-6)


def test_dale_network(tmp_path: Path) -> None:
    printed = example("dale_network.py", tmp_path)
    spikes, neurons, trials = numbers("# spikes of # neurons in # trials", printed)
    (excitatory,), (inhibitory,) = numbers("\nexcitatory +# Hz", printed), numbers("\ninhibitory +# Hz", printed)
    (stimulated,) = numbers("\nstimulated +# Hz", printed)
    assert (excitatory + inhibitory) / 2 == pytest.approx(spikes / neurons / trials / 4, abs=0.01)
    assert 1 < inhibitory < 60
    assert excitatory < stimulated < 100
    assert 0.3 < numbers("coefficient of variation of #", printed)[0] < 3
    assert "trial 7 run again on its own: the same spikes" in printed
    assert_picture(tmp_path / "out" / "dale_network.png")


def test_tune_rate(tmp_path: Path) -> None:
    printed = example("tune_rate.py", tmp_path)
    before, after, target = numbers("rate # -> # Hz, target # Hz", printed)
    assert abs(after - target) < 0.1 * target < abs(before - target)
    theta = numbers("theta # -> #", printed)
    strength = numbers("stimulus.strength # -> #", printed)
    assert theta[1] < theta[0]
    assert strength[1] > strength[0]
    # The last 4 s of spikes at 2 to 40 Hz leave some 5 to 35 % of noise in the rate that a step of Adam sees.
    assert numbers("median error of the rates # %", printed)[0] < 20
    assert_picture(tmp_path / "out" / "tune_rate.png")


def test_own_cascade(tmp_path: Path) -> None:
    printed = example("own_cascade.py", tmp_path)
    spikes, rate, expected = numbers("# spikes, mean rate # Hz; expected: # Hz", printed)
    # 100 neurons, 20 trials, 1 s. Spikes less expected spikes are a martingale of variance sum p (1 - p) < spikes.
    assert rate == pytest.approx(spikes / 2000, abs=0.01)
    assert abs(rate - expected) < 5 * np.sqrt(spikes) / 2000
    assert 5 < rate < 60
    assert numbers("differs by at most #", printed)[0] < 1e-9
    assert_picture(tmp_path / "out" / "own_cascade.png")


def test_course_cells(tmp_path: Path) -> None:
    printed = example("course_cells.py", tmp_path)
    omega = 2 * np.pi / 100  # per step
    box = 0.1 / abs(1 - 0.9 * np.exp(-1j * omega))
    current = 1 / abs(1 - 0.8 * np.exp(-1j * omega))
    assert numbers("LIBox +passes a sine of 10 Hz with gain # and", printed)[0] == pytest.approx(box, rel=0.01)
    assert numbers("LI +passes a sine of 10 Hz with gain # and", printed)[0] == pytest.approx(box * current, rel=0.01)
    gains = numbers("2 ms #, 5 ms #, 10 ms #, 20 ms #, 50 ms #", printed)
    closed = 1 / np.array([2.0, 5.0, 10.0, 20.0, 50.0])
    expected = closed / abs(1 - (1 - closed) * np.exp(-1j * omega))
    assert gains == pytest.approx(expected, rel=0.03)
    low, middle, high = (numbers(rf"LIFCurrent, v_th = {th}: # spikes", printed)[0] for th in ("0.5", "1.0", "1.5"))
    assert low > middle > high > 0
    assert 0 < numbers("LSNN, adaptive threshold b: # spikes", printed)[0] < low
    assert numbers("speed of the bar from the surface of LIBox: # pixels/ms", printed)[0] == pytest.approx(
        0.25, rel=0.05
    )
    assert "event by event: the same surface, 0 spikes" in printed
    for name in ("course_filters", "course_spikes", "course_time_surface"):
        assert_picture(tmp_path / "out" / f"{name}.png")


def check_geniculate(printed: str, out: Path) -> None:
    """What a fit of the relay cell must reach, simulated or recorded."""
    alone, explained = numbers("retina alone: # bits per spike, # %", printed)
    with_history = numbers("retina and history: # bits per spike", printed)[0]
    others = numbers("PSTH of the other repetitions explains # %", printed)[0]
    assert with_history > alone > 1
    assert 100 > explained > others > 20
    assert_picture(out / "geniculate_glm.png")


def test_geniculate_glm(tmp_path: Path) -> None:
    check_geniculate(example("geniculate_glm.py", tmp_path), tmp_path / "out")


def test_geniculate_glm_of_a_recording(tmp_path: Path) -> None:
    folder = Path(os.environ.get("PYSPIKENET_RECORDINGS", ROOT.parent / "shared" / "data"))
    if not (folder / "qsnmc2009_d.npz").is_file():
        pytest.skip(f"the recording qsnmc2009_d.npz is not in {folder}; PYSPIKENET_RECORDINGS names its folder")
    script, out = ROOT / "examples" / "geniculate_glm.py", tmp_path / "out"
    printed = run_here([str(script), str(out), str(folder / "qsnmc2009_d.npz")], tmp_path)
    assert numbers("# repetitions of", printed) == [28]
    check_geniculate(printed, out)
    assert numbers("retina alone: # bits per spike, # %", printed) == pytest.approx([4.23, 89.1], abs=0.1)


def test_brian2_blog(tmp_path: Path) -> None:
    printed = example("brian2_blog.py", tmp_path)
    # Counts of Brian2 for the first two; with the printed term, inhibition excites.
    assert numbers(r"no inhibition +# / # / # ", printed) == [20, 13, 1]
    assert numbers(r"inhibition towards E_i +# / # / # ", printed) == [20, 13, 0]
    assert numbers(r"the term as printed +# / # / # ", printed) == [20, 13, 9]
    assert_picture(tmp_path / "out" / "brian2_blog.png")


def test_digits_classifier(tmp_path: Path) -> None:
    printed = example("digits_classifier.py", tmp_path, "--quick")
    assert numbers("# digits to learn, # to test; # weights", printed) == [400, 100, 64 * 100 + 100 * 100 + 100 * 10]
    losses = [float(x) for x in re.findall(r"epoch +\d+: loss ([\d.]+)", printed)]
    assert len(losses) == 3
    assert losses[0] > losses[1] > losses[2]
    assert 0 < numbers("a digit has # spikes", printed)[0] < 64
    assert numbers("training accuracy # %", printed)[0] > 60
    # Chance is 10 % with a standard deviation of 3 %.
    assert numbers("test accuracy # % after", printed)[0] > 50
    assert_picture(tmp_path / "out" / "digits_classifier.png")


def test_store_recall(tmp_path: Path) -> None:
    printed = example("store_recall.py", tmp_path, "--quick")
    assert numbers("# trials of # ms to learn from, # others", printed) == [64, 250, 64]
    for name in ("LSNN, adaptive thresholds", "LIF, no adaptation"):
        error, rate = numbers(f"{name}: error of recall # % of unseen trials, # Hz", printed)
        assert 0 <= error <= 75, name  # too few epochs to learn; chance is 50 % with a standard deviation of 6 %
        assert 1 < rate < 100, name
    losses = re.findall(r"epoch +\d+: loss ([\d.]+)", printed)
    assert len(losses) == 2
    assert losses[0] != losses[1]  # with and without adaptation
    assert_picture(tmp_path / "out" / "store_recall.png")


def assert_animation(path: Path, frames: int) -> None:
    from PIL import Image

    with Image.open(path) as image:
        assert image.n_frames >= frames


def compared(printed: str, what: str) -> tuple[float, float]:
    """The means of the hidden and the found one, which t-test and effect size follow."""
    hidden, found, p = numbers(rf"{what} +# +# +p = #, d = [+-]", printed)
    assert 0 <= p <= 1
    return hidden, found


def test_evolve_cell(tmp_path: Path) -> None:
    printed = example("evolve_cell.py", tmp_path, "--quick")
    before, after = numbers("loss # -> # in 5 generations", printed)
    assert after <= before
    hidden, found = numbers("spikes: hidden #, found #", printed)
    assert hidden == 20
    # The loss has the difference of the counts as one of its two terms.
    assert abs(hidden - found) <= after + 1e-3
    assert 1 < compared(printed, r"rate \(Hz\)")[0] < 50
    assert compared(printed, r"ISI \(ms\)")[0] > 10
    out = tmp_path / "out"
    assert_picture(out / "evolve_cell.png")
    assert_picture(out / "evolve_cell_convergence.png")
    assert_animation(out / "evolve_cell.gif", 2)


def test_evolve_network(tmp_path: Path) -> None:
    printed = example("evolve_network.py", tmp_path, "--quick")
    neurons, synapses, spikes = numbers("# neurons, # synapses, # spikes", printed)
    # Excitatory rows are connected with probability 0.8, inhibitory ones all.
    assert neurons == 250
    assert synapses == pytest.approx(0.8 * 200 * 249 + 50 * 249, rel=0.02)
    assert spikes > 1000
    first, last = numbers("\nSPIKE-distance per neuron # -> #", printed)
    assert 0 < last <= first < 0.5
    assert 10 < compared(printed, r"rate \(Hz\)")[0] < 200
    first, last = numbers("  SPIKE-distance per neuron # -> #", printed)
    assert last <= first
    hidden, found = numbers("rungs: hidden #, found #", printed)
    assert hidden == 17
    assert (found == hidden) == (last == 0)
    out = tmp_path / "out"
    assert_picture(out / "evolve_network.png")
    assert_picture(out / "evolve_network_convergence.png")
    assert_animation(out / "evolve_network.gif", 3)


def check_fit_of_a_recording(printed: str, out: Path, names: tuple[str, str]) -> xarray.Dataset:
    """What four models reach, each fitted to either stimulus and to both."""
    assert printed.count("not fitted") == 15
    assert_picture(out / "fit_recording.png")
    members = json.loads((out / "fit_recording.json").read_text())["members"]
    assert len(members.pop("GIF")["drive"]) > 10
    assert {name: len(x["E_L"]) > 5 for name, x in members.items()} == dict.fromkeys(["AdEx", "GLIF", "MAT"], True)
    ds = xarray.load_dataset(out / "fit_recording.nc", engine="h5netcdf")
    assert set(ds.stimulus.values) == set(names)
    assert set(ds.fitted_on.values) == {*names, "+".join(names)}
    return ds


def test_fit_recording(tmp_path: Path) -> None:
    printed = run_here([str(ROOT / "examples" / "fit_recording.py"), "--quick", "--output", "out"], tmp_path)
    ds = check_fit_of_a_recording(printed, tmp_path / "out", ("strong", "weak"))
    # The membrane that made the recording: 100 pF, 12 nS, -62 mV, through 10 MOhm.
    capacitance, leak = numbers("C = # pF, g_L = # nS", printed)
    assert 70 < capacitance < 130
    assert 8 < leak < 17
    assert numbers("series resistance # MOhm", printed)[0] == pytest.approx(10, rel=0.2)
    reached = ds.gamma_a.sel(fitted_on="strong+weak", of="together")
    assert float(reached.sel(model="all").min()) > 0.5
    assert float(reached.sel(model="GIF").min()) > 0.8, "the recording is of a GIF"


@pytest.mark.slow
def test_fit_recording_of_a_recording(tmp_path: Path) -> None:
    folder = Path(os.environ.get("PYSPIKENET_RECORDINGS", ROOT.parent / "shared" / "data"))
    if not (folder / "qsnmc2007_a.npz").is_file():
        pytest.skip(f"the recording qsnmc2007_a.npz is not in {folder}; PYSPIKENET_RECORDINGS names its folder")
    script = str(ROOT / "examples" / "fit_recording.py")
    printed = run_here([script, str(folder / "qsnmc2007_a.npz"), "--quick", "--output", "out"], tmp_path)
    ds = check_fit_of_a_recording(printed, tmp_path / "out", ("00", "05"))
    assert numbers("stimulus 00: # repetitions, # Hz, Gamma between them #", printed) == [4, 133.1, 0.85]
    reached = ds.gamma_a.sel(fitted_on="00+05", of="together")
    assert float(reached.sel(model="all").min()) > 0.8
    assert float(reached.sel(model="GIF").min()) > 0.9


@pytest.mark.slow
def test_fit_recording_predicts_pieces_that_were_not_fitted(tmp_path: Path) -> None:
    script = str(ROOT / "examples" / "fit_recording.py")
    run_here([script, "--quick", "--fit", "strong", "--pieces", "250", "--output", "out"], tmp_path)
    ds = xarray.load_dataset(tmp_path / "out" / "fit_recording.nc", engine="h5netcdf")
    assert ds.fitted_on.values.tolist() == ["stronga", "strongb"]
    reached = ds.gamma_a.sel(model="all", of="together")
    assert float(reached.where(~ds.was_fitted).min()) > 0.3


def test_readme(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    shown = re.search(r"```text\n(.*?)```", text, re.DOTALL)
    assert shown
    assert len(blocks) >= 5
    script = tmp_path / "readme.py"
    script.write_text("\nprint('-' * 20)\n".join(blocks))
    printed = run_here([str(script)], tmp_path)
    # Spikes may differ on another processor or Julia, numbers therefore by some per cent.
    first = printed.split("-" * 20)[0].strip()
    digits = re.compile(r"\d+(?:\.\d+)?")
    assert digits.sub("#", first) == digits.sub("#", shown[1].strip())
    found, wanted = ([float(x) for x in digits.findall(part)] for part in (first, shown[1]))
    assert found == pytest.approx(wanted, rel=0.05)
    assert "alpha must be zero or positive, got -1.0" in printed
    assert_picture(tmp_path / "raster.png")
    assert_picture(tmp_path / "psth.png")


def test_readme_names_files_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    for path in re.findall(r"`((?:examples|scripts|tests)/[\w.-]+\.\w+)", text):
        assert (ROOT / path).is_file(), path
    for name in re.findall(r"`psn\.(\w+)", text):
        assert hasattr(psn, name), name


def test_doctor_of_the_readme(tmp_path: Path) -> None:
    assert "python -m pyspikenet doctor" in (ROOT / "README.md").read_text()
    assert "The engine works" in run(["-m", "pyspikenet", "doctor"], tmp_path)
