"""Spikes in the same steps as in Brian2, for cells with given inputs and for networks of 100 neurons."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyspikenet as psn

sys.path.insert(0, str(Path(__file__).parent))
import cases

sys.path.pop(0)

NONE = psn.Network.from_edges(pre=[], post=[], n=cases.CELLS)


@pytest.fixture(scope="module")
def brian2() -> Any:
    """What the program prints; in a process of its own, so that Brian2's warnings are not ours."""
    pytest.importorskip("brian2", reason="Brian2 is not installed")
    program = Path(__file__).with_name("brian2_program.py")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def check(ds: Any, expected: dict[str, list[int]], least: int) -> None:
    """The same cells spike in the same steps; our times are the ends of the steps that Brian2's labels begin."""
    ours = sorted(zip(np.round(ds.spike_time.values / cases.DT).astype(int) - 1, ds.spike_neuron.values, strict=True))
    theirs = sorted(zip(expected["step"], expected["cell"], strict=True))
    assert len(theirs) >= least, "a comparison of few spikes says little"
    assert ours == theirs


def driven(model: Any, current: np.ndarray, **options: Any) -> Any:
    stimulus = psn.ArrayStimulus(data=current, dt=cases.DT)
    return psn.simulate(model, NONE, duration=cases.STEPS * cases.DT, dt=cases.DT, stimulus=stimulus, **options)


def arriving(model: Any, current: np.ndarray, exc: float, inh: float, seed: int) -> Any:
    """Given spikes through both receptors; a time in the middle of a step is in no danger of rounding."""
    n = cases.CELLS
    spikes = cases.input_spikes(seed)
    stimulus: Any = psn.ConstantStimulus(strength=current)
    for kind, weight in (("exc", exc), ("inh", inh)):
        steps = np.repeat(spikes[kind], n)
        stimulus = stimulus + psn.SpikeStimulus(
            times=(steps + 0.5) * cases.DT,
            neurons=np.tile(np.arange(n), len(spikes[kind])),
            strength=weight,
            channel=kind,
        )
    return psn.simulate(model, NONE, duration=cases.STEPS * cases.DT, dt=cases.DT, stimulus=stimulus)


def test_lif_with_exponential_synapses(brian2: Any) -> None:
    ds = arriving(psn.LIF(**cases.LIF), cases.constant_currents(15.0, 35.0), 4.0, -8.0, 1)
    check(ds, brian2["lif"], 150)


def test_coba_lif(brian2: Any) -> None:
    ds = arriving(psn.CobaLIF(**cases.COBA), cases.constant_currents(50.0, 250.0), 6.0, 10.0, 2)
    check(ds, brian2["coba"], 150)


def test_adex(brian2: Any) -> None:
    check(driven(psn.AdEx(**cases.ADEX), cases.currents(500.0, 1500.0, 300.0, 3)), brian2["adex"], 150)


def test_izhikevich(brian2: Any) -> None:
    ds = driven(psn.Izhikevich(**cases.IZHIKEVICH), cases.currents(5.0, 15.0, 5.0, 4))
    check(ds, brian2["izhikevich"], 100)


def test_hodgkin_huxley(brian2: Any) -> None:
    ds = driven(psn.HodgkinHuxley(**cases.HODGKIN_HUXLEY), cases.currents(50.0, 400.0, 100.0, 5))
    check(ds, brian2["hodgkin_huxley"], 150)


def recurrent(model: Any, net: dict[str, Any], current: np.ndarray) -> Any:
    network = psn.Network.from_edges(
        pre=net["pre"], post=net["post"], weight=net["weight"], delay=net["delay"] * cases.DT, n=100
    )
    stimulus = psn.ConstantStimulus(strength=current)
    start = {"v": model.E_L + (model.v_threshold - model.E_L) * net["v"]}
    return psn.simulate(
        model, network, duration=cases.STEPS * cases.DT, dt=cases.DT, stimulus=stimulus, initial_state=start
    )


def test_network_of_currents(brian2: Any) -> None:
    net = cases.network(2.0, -6.0, 6)
    check(recurrent(psn.LIF(**cases.LIF), net, 22.0 + 5.0 * net["current"]), brian2["lif_network"], 500)


def test_network_of_conductances(brian2: Any) -> None:
    net = cases.network(2.0, -20.0, 7)
    check(recurrent(psn.CobaLIF(**cases.COBA), net, 160.0 + 100.0 * net["current"]), brian2["coba_network"], 500)
