"""Bad input to membrane models: the message names the argument, the value and what was expected."""

# ruff: noqa: E501 (one case is one line of a table)

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyspikenet as psn
from pyspikenet import analysis, plot
from pyspikenet.engine import get_engine

NAN, INF = float("nan"), float("inf")
NET = psn.Network.from_edges(pre=[0, 1, 2], post=[1, 2, 0], weight=[2.0, -1.5, 0.5])
THREE = {"ampa": psn.ExponentialSynapse(), "nmda": psn.ExponentialSynapse(tau=80.0), "gaba": psn.ExponentialSynapse()}
CONDUCTANCE = {"exc": psn.ExponentialSynapse(reversal=0.0)}


def run(model: Any, network: Any = NET, **arguments: Any) -> Any:
    return psn.simulate(model, network, **({"duration": 10.0, "seed": 0} | arguments))


def stimulated(stimulus: Any, model: Any = None) -> Any:
    return run(model or psn.CobaLIF(), stimulus=stimulus)


def labelled(*names: str, weight: float = 1.0) -> psn.Network:
    return psn.Network.from_edges(pre=range(len(names)), post=range(len(names)), weight=weight, receptor=names)


def plane(**arguments: Any) -> Any:
    return plot.phase_plane(**({"model": psn.AdEx(), "xlim": (-80, -40), "ylim": (0, 100)} | arguments))


Case = tuple[str, Callable[[], Any], type[Exception], str]

MODELS: list[Case] = [
    ("method unknown", lambda: psn.LIF(method="rk45"), ValueError, r"method must be one of exact, euler, .*rk4, got 'rk45'"),
    ("method of a number", lambda: psn.AdEx(method=4), ValueError, r"method must be one of euler, .*, got 4"),
    ("method in a list", lambda: psn.AdEx(method=["euler"]), ValueError, r"method must be one of euler.*, got \['euler'\]"),
    ("exact for a nonlinear model", lambda: psn.AdEx(method="exact"), ValueError, r"method must be one of euler, .*got 'exact'"),
    ("exact for a quadratic model", lambda: psn.Izhikevich(method="exact"), ValueError, r"method must be one of .*got 'exact'"),
    ("exact with a conductance", lambda: psn.LIF(receptors=CONDUCTANCE), ValueError,
     r"receptors\['exc'\] must be a current \(reversal None\) for method 'exact', got a conductance with reversal 0.0 mV; use Coba"),
    ("tau_m zero", lambda: psn.LIF(tau_m=0), ValueError, r"tau_m must be positive, got 0"),
    ("tau_m of a neuron", lambda: psn.LIF(tau_m=[10.0, -20.0]), ValueError, r"tau_m must be positive, got -20.0 \(neuron 1\)"),
    ("tau_m of a string", lambda: psn.LIF(tau_m="20 ms"), TypeError, r"tau_m must be a number, got '20 ms'"),
    ("tau_m NaN", lambda: psn.LIF(tau_m=NAN), ValueError, r"tau_m must be positive and finite, got nan"),
    ("C negative", lambda: psn.CobaLIF(C=-100), ValueError, r"C must be positive, got -100"),
    ("g_L negative", lambda: psn.AdEx(g_L=-1), ValueError, r"g_L must be zero or positive, got -1"),
    ("D_T zero", lambda: psn.AdEx(D_T=0), ValueError, r"D_T must be positive, got 0"),
    ("tau_w infinite", lambda: psn.AdEx(tau_w=INF), ValueError, r"tau_w must be positive and finite, got inf"),
    ("v_threshold infinite", lambda: psn.LIF(v_threshold=INF), ValueError, r"v_threshold must be a finite number, got inf"),
    ("V_cut None", lambda: psn.AdEx(V_cut=None), TypeError, r"V_cut must be a number, got None"),
    ("a of a matrix", lambda: psn.Izhikevich(a=np.eye(2)), ValueError, r"a must be one number or a 1-d array .*\(2, 2\)"),
    ("refractory negative", lambda: psn.LIF(refractory_period=-1), ValueError, r"refractory_period must be zero or positive, got -1"),
    ("refractory infinite", lambda: psn.AdEx(refractory_period=INF), ValueError, r"refractory_period must be .*finite, got inf"),
    ("refractory of a bool", lambda: psn.AdEx(refractory_period=True), TypeError, r"refractory_period must be a number, got True"),
    ("an unknown parameter", lambda: psn.LIF(tau=20.0), TypeError, r"tau"),
    ("a preset's name", lambda: psn.Izhikevich("RS"), TypeError, r"positional"),
    ("parameter per neuron of another size", lambda: run(psn.LIF(tau_m=[10.0, 20.0])), ValueError,
     r"tau_m must be one number or have one value per neuron \(3\), got shape \(2,\)"),
    ("refractory per neuron of another size", lambda: run(psn.AdEx(refractory_period=[1.0] * 4)), ValueError,
     r"refractory_period must be one number or .*per neuron \(3\), got shape \(4,\)"),
]  # fmt: skip

RECEPTORS: list[Case] = [
    ("receptors in a list", lambda: psn.LIF(receptors=[psn.ExponentialSynapse()]), TypeError, r"receptors must be a dict .*, got \[Exp"),
    ("receptors alone", lambda: psn.LIF(receptors=psn.ExponentialSynapse()), TypeError, r"receptors must be a dict .*, got Exp"),
    ("receptors of numbers", lambda: psn.LIF(receptors={"exc": 5.0}), TypeError, r"receptors\['exc'\] must be a receptor .*, got 5.0"),
    ("receptors of classes", lambda: psn.LIF(receptors={"exc": psn.AlphaSynapse}), TypeError, r"receptors\['exc'\] must .*got <class"),
    ("receptors by number", lambda: psn.LIF(receptors={0: psn.AlphaSynapse()}), ValueError, r"receptors must have names .*, got 0"),
    ("receptors with blanks", lambda: psn.LIF(receptors={"a b": psn.AlphaSynapse()}), ValueError, r"receptors must have names .*'a b'"),
    ("receptor named current", lambda: psn.LIF(receptors={"current": psn.AlphaSynapse()}), ValueError,
     r"receptors must not be named 'current', .*channel"),
    ("receptor tau zero", lambda: psn.ExponentialSynapse(tau=0), ValueError, r"tau must be positive, got 0"),
    ("alpha tau negative", lambda: psn.AlphaSynapse(tau=-2), ValueError, r"tau must be positive, got -2"),
    ("rise longer than decay", lambda: psn.DoubleExponentialSynapse(tau_rise=6.0), ValueError,
     r"tau_decay must not be shorter than tau_rise = 6.0 ms, got 5.0 ms"),
    ("rise zero", lambda: psn.DoubleExponentialSynapse(tau_rise=0), ValueError, r"tau_rise must be positive, got 0"),
    ("reversal NaN", lambda: psn.ExponentialSynapse(reversal=NAN), ValueError, r"reversal must be a finite number, got nan"),
    ("reversal of a string", lambda: psn.PulseSynapse(reversal="0 mV"), TypeError, r"reversal must be a number, got '0 mV'"),
    ("delta with a reversal", lambda: psn.DeltaSynapse(reversal=0.0), TypeError, r"reversal"),
    ("receptor parameter of another size", lambda: run(psn.LIF(receptors={"exc": psn.ExponentialSynapse(tau=[1.0, 2.0])})), ValueError,
     r"tau of receptors\['exc'\] must be one number or have one value per neuron \(3\), got shape \(2,\)"),
    ("receptor unknown to the model", lambda: run(psn.AdEx(), labelled("exc", "nmda")), ValueError,
     r"network must have receptors from \['exc', 'inh'\], those of the model, got \['nmda'\]"),
    ("receptors of no model", lambda: run(psn.LIF(receptors={})), ValueError,
     r"receptors of a LIF must be given for a network with synapses, got none, and 3 synapses"),
    ("negative weight at the only conductance", lambda: run(psn.CobaLIF(receptors=CONDUCTANCE)), ValueError,
     r"weight must not be negative at the receptor 'exc', whose reversal .*, got -1.5"),
    ("negative weight at a named conductance", lambda: run(psn.CobaLIF(), labelled("exc", "inh", weight=-2.0)), ValueError,
     r"weight must not be negative at the receptor 'exc', .*got -2.0"),
    ("negative weight at one of three", lambda: run(psn.LIF(receptors=THREE)), ValueError,
     r"receptor must be given for each synapse where a model has more than two receptors, \['ampa', 'nmda', 'gaba'\].*-1.5"),
]  # fmt: skip

RUNS: list[Case] = [
    ("record unknown", lambda: run(psn.LIF(), record="V"), ValueError, r"record must be from .*'v', 'g_exc', 'g_inh', 'I'.*, got 'V'"),
    ("record of a cascade", lambda: run(psn.LIF(), record="rate"), ValueError, r"record must be from .*, got 'rate'"),
    ("record of another receptor", lambda: run(psn.LIF(receptors=THREE), labelled("ampa"), record=["v", "g_exc"]), ValueError,
     r"record must be from .*'g_ampa', 'g_nmda', 'g_gaba', 'I'.*, got 'g_exc'"),
    ("record of a delta synapse", lambda: run(psn.LIF(receptors={"d": psn.DeltaSynapse()}), record="g_d"), ValueError,
     r"record must be from .*'v'.*, got 'g_d'"),
    ("record_neurons out of range", lambda: run(psn.LIF(), record="v", record_neurons=[0, 3]), ValueError,
     r"record_neurons must lie in 0\.\.2, got 3"),
    ("record_neurons of nobody", lambda: run(psn.LIF(), record="v", record_neurons=[]), ValueError,
     r"record_neurons must hold at least one neuron, got array\(\[\]"),
    ("record_neurons of a short mask", lambda: run(psn.LIF(), record="v", record_neurons=[True]), ValueError,
     r"record_neurons must be indices or a mask of shape \(3,\), got a mask of shape \(1,\)"),
    ("record_neurons of floats", lambda: run(psn.LIF(), record="v", record_neurons=[0.5]), TypeError,
     r"record_neurons must be whole numbers, got array\(\[0.5\]\)"),
    ("record_neurons of an unknown group", lambda: run(psn.LIF(), record="v", record_neurons="exc"), ValueError,
     r"record_neurons must be a group of the network \(none\), got 'exc'"),
    ("record_every between steps", lambda: run(psn.LIF(), record="v", record_every=0.25), ValueError,
     r"record_every must be a multiple of dt = 0.1 ms, got 0.25 ms"),
    ("record_every zero", lambda: run(psn.LIF(), record="v", record_every=0), ValueError, r"record_every must be positive, got 0"),
    ("record_every below a step", lambda: run(psn.LIF(), record="v", record_every=1e-12), ValueError, r"record_every must be .*got 1e-12"),
    ("record_every of a string", lambda: run(psn.LIF(), record="v", record_every="1 ms"), TypeError, r"record_every must be a number, got '1 ms'"),
    ("state of a number", lambda: run(psn.LIF(), initial_state=-70.0), TypeError,
     r"initial_state must be a dataset or a dict of values of \('v', 'g_exc', 'g_inh', 'refractory'\), got -70.0"),
    ("state of an unknown variable", lambda: run(psn.LIF(), initial_state={"w": 0.0}), ValueError,
     r"initial_state must hold values of \('v', 'g_exc', 'g_inh', 'refractory'\), got 'w'"),
    ("state of spikes", lambda: run(psn.LIF(), initial_state={"spikes": np.zeros((2, 3))}), ValueError,
     r"initial_state must hold values of \('v', .*, got 'spikes'"),
    ("state of another size", lambda: run(psn.LIF(), initial_state={"v": [-70.0, -60.0]}), ValueError,
     r"initial_state\['v'\] must be one number or have shape \(3,\) or \(1, 3\), got \(2,\)"),
    ("state of other trials", lambda: run(psn.LIF(), trials=2, initial_state={"v": np.zeros((3, 3))}), ValueError,
     r"initial_state\['v'\] must be one number or have shape \(3,\) or \(2, 3\), got \(3, 3\)"),
    ("state NaN", lambda: run(psn.LIF(), initial_state={"v": [0.0, NAN, 0.0]}), ValueError,
     r"initial_state\['v'\] must be a finite number, got nan \(neuron 1\)"),
    ("state of strings", lambda: run(psn.LIF(), initial_state={"v": "rest"}), TypeError, r"initial_state\['v'\] must be numbers, got 'rest'"),
    ("state with equilibration", lambda: run(psn.LIF(), initial_state={"v": 0.0}, equilibration=5.0), ValueError,
     r"equilibration must be 0 with an initial_state, got 5"),
    ("channel unknown", lambda: stimulated(psn.ConstantStimulus(channel="ampa")), ValueError,
     r"channel must be 'current' or a receptor of the model \('current', 'exc', 'inh'\), got 'ampa'"),
    ("channel of a number", lambda: psn.PoissonInput(rate=1.0, channel=1), TypeError, r"channel must be the name .*, got 1"),
    ("spikes of both signs", lambda: stimulated(psn.SpikeStimulus(times=[1.0, 2.0], neurons=[0, 1], strength=[1.0, -1.0])), ValueError,
     r"strength of a SpikeStimulus must have one sign, got numbers from -1.0 to 1.0; make two of them, or give channel="),
    ("input of both signs", lambda: stimulated(psn.PoissonInput(rate=5.0, weight=[1.0, -1.0, 1.0])), ValueError,
     r"weight of a PoissonInput must have one sign, got numbers from -1.0 to 1.0"),
    ("negative spikes into a named conductance", lambda: stimulated(psn.PoissonInput(rate=5.0, weight=-1.0, channel="inh")), ValueError,
     r"weight of a PoissonInput must not be negative at the receptor 'inh', whose reversal .*, got -1.0"),
    ("negative spikes into the only conductance",
     lambda: run(psn.CobaLIF(receptors=CONDUCTANCE), NET.with_weights(np.ones(3)), stimulus=psn.SpikeStimulus(times=[1.0], neurons=[0], strength=-2.0)),
     ValueError, r"strength of a SpikeStimulus must not be negative at the receptor 'exc'.*, got -2.0"),
    ("negative spikes into one of three",
     lambda: run(psn.LIF(receptors=THREE), NET.with_weights(np.ones(3)), stimulus=psn.PoissonInput(rate=5.0, weight=-1.0)), ValueError,
     r"weight of a PoissonInput must not be negative where a model has the receptors \['ampa', 'nmda', 'gaba'\].*, got -1.0"),
    ("delay between steps", lambda: run(psn.LIF(), psn.Network.from_edges(pre=[0], post=[1], delay=0.25)), ValueError,
     r"delay must be a multiple of dt = 0.1 ms, got 0.25"),
    ("drive of a membrane", lambda: psn.drive(psn.LIF(), NET, spikes=np.zeros((5, 3))), TypeError,
     r"model must be a cascade model .*, whose drive follows from spikes, got LIF"),
    ("tune of a membrane", lambda: psn.tune(psn.LIF(), NET, target=10.0), TypeError, r"model must be a cascade model .*got LIF"),
    ("model is a class", lambda: run(psn.LIF), TypeError, r"model must be a model .*, got <class"),
]  # fmt: skip

CURVES: list[Case] = [
    ("curve of a cascade", lambda: analysis.fi_curve(psn.BernoulliGLM(), [1.0]), TypeError, r"model must be a membrane model .*got Bern"),
    ("curve of neurons", lambda: analysis.fi_curve(psn.LIF(tau_m=[1.0, 2.0]), [1.0, 2.0]), ValueError,
     r"model must have one number for each parameter, got 2 of tau_m"),
    ("curve of no current", lambda: analysis.fi_curve(psn.LIF(), []), ValueError, r"currents must be a 1-d array .*, got shape \(0,\)"),
    ("curve of one current", lambda: analysis.fi_curve(psn.LIF(), 1.0), ValueError, r"currents must be a 1-d array .*, got shape \(\)"),
    ("curve of NaN", lambda: analysis.fi_curve(psn.LIF(), [1.0, NAN]), ValueError, r"currents must be a finite number, got nan \(current 1\)"),
    ("transient too long", lambda: analysis.fi_curve(psn.LIF(), [1.0], duration=100.0, transient=100.0), ValueError,
     r"transient must be shorter than duration = 100.0 ms, got 100.0"),
    ("curve drawn of a dataset", lambda: plot.fi_curve(np.zeros(3)), TypeError, r"curve must be what analysis.fi_curve returns, got array"),
    ("plane of a string", lambda: plane(model="AdEx"), TypeError, r"model must be a membrane model .*, got 'AdEx'"),
    ("plane of one variable", lambda: plane(model=psn.LIF()), ValueError, r"variables must be given for a LIF, .*'v', 'g_exc'"),
    ("plane of unknown variables", lambda: plane(variables=("v", "u")), ValueError, r"variables must be two from \('v', 'w', .*got \('v', 'u'\)"),
    ("plane of one name", lambda: plane(variables="vw"), ValueError, r"variables must be two from .*, got 'vw'"),
    ("range reversed", lambda: plane(xlim=(0, -80)), ValueError, r"xlim must rise, got \(0, -80\)"),
    ("range of one number", lambda: plane(ylim=5), ValueError, r"ylim must be two numbers, got 5"),
    ("current of a string", lambda: plane(current="1 nA"), TypeError, r"current must be a number, got '1 nA'"),
    ("arrows negative", lambda: plane(arrows=-1), ValueError, r"arrows must be at least 0, got -1"),
    ("distribution of a matrix", lambda: plot.weights_distribution(np.eye(2)), TypeError, r"synapses must be a Network or .*, got array"),
    ("distribution of no weights", lambda: plot.weights_distribution(psn.Network.from_edges(pre=[], post=[], n=2)), ValueError,
     r"synapses must have at least one synapse, got"),
    ("distribution of no bars", lambda: plot.weights_distribution(NET, bins=0), ValueError, r"bins must be at least 1, got 0"),
]  # fmt: skip

CASES = [*MODELS, *RECEPTORS, *RUNS, *CURVES]


@pytest.fixture
def idle_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that must not be asked for anything."""

    def submit(self: object, method: str, *arguments: Any) -> None:
        raise AssertionError(f"the engine was asked to {method!r}, which is too late for an error")

    monkeypatch.setattr(type(get_engine()), "submit", submit)


@pytest.mark.parametrize(("act", "kind", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_is_refused_with_a_clear_message(
    act: Callable[[], Any], kind: type[Exception], message: str, idle_engine: None
) -> None:
    with pytest.raises(kind) as caught:
        act()
    assert type(caught.value) is kind
    assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)


def test_the_table_is_long_and_without_repetition() -> None:
    names = [case[0] for case in CASES]
    assert len(set(names)) == len(names) >= 60


def test_a_state_must_fit_receptors_noises_and_model() -> None:
    earlier = psn.simulate(psn.AdEx(), NET, duration=1.0, seed=0)
    go_on: dict[str, Any] = {"duration": 1.0, "seed": 0, "initial_state": earlier}
    with pytest.raises(ValueError, match=r"initial_state must come from a LIF, got a dataset of a AdEx"):
        psn.simulate(psn.LIF(), NET, **go_on)
    other = psn.AdEx(receptors={"exc": psn.AlphaSynapse(reversal=0.0), "inh": psn.AlphaSynapse(reversal=-80.0)})
    with pytest.raises(
        ValueError, match=r"initial_state must hold the variables .*'x_exc'.*, got a dataset with .*'g_exc'"
    ):
        psn.simulate(other, NET, **go_on)
    with pytest.raises(ValueError, match=r"stimulus must not have more NoiseCurrents than .*\(0\).*, got 1"):
        psn.simulate(psn.AdEx(), NET, stimulus=psn.NoiseCurrent(sigma=1.0), **go_on)
    # Any other stimulus may begin with the second run.
    psn.simulate(psn.AdEx(), NET, stimulus=psn.ConstantStimulus(strength=1.0), **go_on)
