"""Bad input: what kind of error it is, and that its message names the argument, the value and what was expected."""

# ruff: noqa: E501 (one case is one line of a table)

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import xarray

import pyspikenet as psn
from pyspikenet.engine import get_engine
from pyspikenet.parameters import number

NAN, INF = float("nan"), float("inf")
GLM = psn.BernoulliGLM()
SAM = psn.RectifiedSAM()
NET = psn.Network.from_edges(pre=[0, 1, 2], post=[1, 2, 0], weight=[2.0, -1.5, 0.5])
NAMED = psn.Network.from_edges(pre=[0], post=[1], n=3, labels=["a", "b", "c"], groups={"both": [0, 1]})


def run(model: Any = GLM, network: Any = NET, **arguments: Any) -> Any:
    return psn.simulate(model, network, **({"duration": 10.0, "seed": 0} | arguments))


def stimulated(stimulus: Any, model: Any = GLM, network: Any = NET, **arguments: Any) -> Any:
    return run(model, network, stimulus=stimulus, **arguments)


def drive(spikes: Any, model: Any = GLM, network: Any = NET, **arguments: Any) -> Any:
    return psn.drive(model, network, spikes=spikes, **arguments)


def tune(**arguments: Any) -> Any:
    return psn.tune(GLM, NET, **({"target": 10.0, "epochs": 1} | arguments))


def edges(**arguments: Any) -> psn.Network:
    return psn.Network.from_edges(**({"pre": [0, 1], "post": [1, 2]} | arguments))


def text(expression: str) -> psn.Cascade:
    return psn.Cascade(nonlinearity=expression)


Case = tuple[str, Callable[[], Any], type[Exception], str]

# (name, what is done, error, message)
SIMULATE: list[Case] = [
    ("model is a class", lambda: run(psn.BernoulliGLM), TypeError, r"model must be a model such as .*, got <class"),
    ("model is a string", lambda: run("BernoulliGLM"), TypeError, r"model must be a model .*, got 'BernoulliGLM'"),
    ("model is None", lambda: run(None), TypeError, r"model must be a model .*, got None"),
    ("network is a matrix", lambda: run(GLM, np.eye(3)), TypeError, r"network must be a Network, got array.*ndarray"),
    ("network is None", lambda: run(GLM, None), TypeError, r"network must be a Network, got None"),
    ("network with receptors", lambda: run(GLM, edges(receptor=["exc", "inh"])), ValueError,
     r"network must have no receptors for a BernoulliGLM, got .*'exc', 'inh'"),
    ("parameter of wrong length", lambda: run(psn.BernoulliGLM(theta=[1.0, 2.0])), ValueError,
     r"theta must be one number or have one value per neuron \(3\), got shape \(2,\)"),
    ("duration missing", lambda: psn.simulate(GLM, NET), TypeError, r"duration"),
    ("duration zero", lambda: run(duration=0), ValueError, r"duration must be positive, got 0"),
    ("duration negative", lambda: run(duration=-5), ValueError, r"duration must be positive, got -5"),
    ("duration NaN", lambda: run(duration=NAN), ValueError, r"duration must be positive and finite, got nan"),
    ("duration infinite", lambda: run(duration=INF), ValueError, r"duration must be positive and finite, got inf"),
    ("duration between steps", lambda: run(duration=10.5), ValueError,
     r"duration must be a multiple of dt = 1.0 ms, got 10.5"),
    ("duration of a string", lambda: run(duration="10"), TypeError, r"duration must be a number, got '10'"),
    ("duration of a bool", lambda: run(duration=True), TypeError, r"duration must be a number, got True"),
    ("duration of None", lambda: run(duration=None), TypeError, r"duration must be a number, got None"),
    ("duration of an array", lambda: run(duration=[10.0]), TypeError, r"duration must be a number, got \[10.0\]"),
    ("duration of 0-d bool", lambda: run(duration=np.array(True)), TypeError, r"duration must be a number, got array"),
    ("duration too long", lambda: run(duration=1e300), ValueError, r"duration must be less than 2\*\*53 .*got 1e\+300"),
    ("duration beyond floats", lambda: run(duration=10**400), ValueError, r"duration must be a finite number, got 100"),
    ("dt zero", lambda: run(dt=0), ValueError, r"dt must be positive, got 0"),
    ("dt negative", lambda: run(dt=-0.1), ValueError, r"dt must be positive, got -0.1"),
    ("dt NaN", lambda: run(dt=NAN), ValueError, r"dt must be positive and finite, got nan"),
    ("dt of a string", lambda: run(dt="1 ms"), TypeError, r"dt must be a number, got '1 ms'"),
    ("dt beyond the time constant", lambda: run(SAM, dt=20.0, duration=100), ValueError,
     r"dt must not exceed .*tau = 10.0 ms, got 20.0"),
    ("dt beyond activation_tau", lambda: run(psn.Cascade(activation_tau=2.0), dt=5.0), ValueError,
     r"dt must not exceed activation_tau = 2.0 ms, got 5.0"),
    ("dt far below the window", lambda: run(dt=1e-6, duration=1), ValueError,
     r"abs_ref_scale \+ rel_ref_scale must be at most 1000000 steps of dt = 1e-06 ms long, got 10.0"),
    ("trials zero", lambda: run(trials=0), ValueError, r"trials must be at least 1, got 0"),
    ("trials negative", lambda: run(trials=-2), ValueError, r"trials must be at least 1, got -2"),
    ("trials of a float", lambda: run(trials=2.0), TypeError, r"trials must be a whole number or .*, got 2.0"),
    ("trials of a bool", lambda: run(trials=True), TypeError, r"trials must be a whole number .*, got True"),
    ("trials of a string", lambda: run(trials="8"), TypeError, r"trials must be a whole number .*, got '8'"),
    ("trials twice", lambda: run(trials=[1, 1]), ValueError, r"trials must be .*different.*, got \[1, 1\]"),
    ("trials empty", lambda: run(trials=[]), ValueError, r"trials must be at least one.*, got \[\]"),
    ("trials below zero", lambda: run(trials=[-1]), ValueError, r"trials must be .*in 0\.\.2\*\*32 - 1, got \[-1\]"),
    ("trials ragged", lambda: run(trials=[[1], [1, 2]]), TypeError, r"trials must be .*, got \[\[1\], \[1, 2\]\]"),
    ("trials beyond 2**32", lambda: run(trials=2**40), ValueError, r"trials must be at most 2\*\*32, got 1099511627776"),
    ("trials beyond memory", lambda: run(trials=2**32), ValueError, r"trials must be small enough.*GiB, got 4294967296"),
    ("seed negative", lambda: run(seed=-1), ValueError, r"seed must be at least 0, got -1"),
    ("seed of a float", lambda: run(seed=1.5), TypeError, r"seed must be a whole number, got 1.5"),
    ("seed of a string", lambda: run(seed="abc"), TypeError, r"seed must be a whole number, got 'abc'"),
    ("seed too large", lambda: run(seed=2**63), ValueError, r"seed must be less than 2\*\*63, got 9223372036854775808"),
    ("record unknown", lambda: run(record="voltage"), ValueError, r"record must be from .*drive.*rate.*, got 'voltage'"),
    ("record of a number", lambda: run(record=5), TypeError, r"record must be a name .*, got 5"),
    ("record of numbers", lambda: run(record=[1]), ValueError, r"record must be from .*, got 1"),
    ("dtype half", lambda: run(dtype="float16"), ValueError, r"dtype must be 'float64' or 'float32', got 'float16'"),
    ("dtype unknown", lambda: run(dtype="banana"), ValueError, r"dtype must be .*, got 'banana'"),
    ("dtype None", lambda: run(dtype=None), ValueError, r"dtype must be .*, got None"),
    ("threads zero", lambda: run(threads=0), ValueError, r"threads must be at least 1, got 0"),
    ("threads of a float", lambda: run(threads=1.5), TypeError, r"threads must be a whole number, got 1.5"),
    ("progress of a string", lambda: run(progress="yes"), TypeError, r"progress must be True, False or None, got 'yes'"),
    ("equilibration negative", lambda: run(equilibration=-1), ValueError,
     r"equilibration must be zero or positive, got -1"),
    ("equilibration between steps", lambda: run(equilibration=0.5), ValueError,
     r"equilibration must be a multiple of dt = 1.0 ms, got 0.5"),
    ("equilibration with initial_state", lambda: run(equilibration=5, initial_state={"spikes": np.zeros((2, 3))}),
     ValueError, r"equilibration must be 0 with an initial_state, got 5"),
    ("recording beyond memory", lambda: run(duration=10**9, record="drive", trials=100), ValueError,
     r"duration, trials and record must be small enough .*GiB, got 1000000000 steps x 3 neurons x 100 trials"),
    ("delay between steps", lambda: run(GLM, edges(delay=1.5)), ValueError,
     r"delay must be a multiple of dt = 1.0 ms, got 1.5"),
    ("delays between steps", lambda: run(GLM, edges(delay=[1.0, 1.5])), ValueError,
     r"delay must be .*multiple of dt = 1.0 ms, got 1.5 ms \(synapse 1\)"),
    ("delay below a step", lambda: run(GLM, edges(delay=0.25)), ValueError, r"delay must be .*dt = 1.0 ms, got 0.25"),
]  # fmt: skip

STATE: list[Case] = [
    ("initial_state of a number", lambda: run(initial_state=5), TypeError, r"initial_state must be a dataset.*, got 5"),
    ("initial_state of unknown names", lambda: run(initial_state={"v": [0.0]}), ValueError,
     r"initial_state must be .*, got a dict of \['v'\]"),
    ("spikes of wrong shape", lambda: run(initial_state={"spikes": np.zeros((4, 2))}), ValueError,
     r"initial_state\['spikes'\] must have shape \(time, 3\).*, got \(4, 2\)"),
    ("spikes of wrong trials", lambda: run(trials=3, initial_state={"spikes": np.zeros((2, 4, 3))}), ValueError,
     r"initial_state\['spikes'\] must have one trial or as many as the run \(3\), got shape \(2, 4, 3\)"),
    ("activation for a GLM", lambda: run(initial_state={"activation": [0.0, 0.0, 0.0]}), ValueError,
     r"initial_state must be .* for a BernoulliGLM, which has no synaptic activation, got"),
    ("activation of wrong shape", lambda: run(SAM, initial_state={"activation": [0.0, 0.0]}), ValueError,
     r"initial_state\['activation'\] must have shape \(3,\).*, got \(2,\)"),
    ("activation NaN", lambda: run(SAM, initial_state={"activation": [0.0, NAN, 0.0]}), ValueError,
     r"initial_state\['activation'\] must be a finite number, got nan \(neuron 1\)"),
    ("dataset of something else", lambda: run(initial_state=xarray.Dataset({"x": 1})), ValueError,
     r"initial_state must be an xarray.Dataset made by pyspikenet, got .*'x'"),
    ("drive of a matrix as network", lambda: drive(np.zeros((3, 3)), GLM, np.eye(3)), TypeError, r"network must be a Net"),
    ("given spikes of wrong shape", lambda: drive(np.zeros((5, 4))), ValueError,
     r"spikes must have shape \(time, 3\) or \(trial, time, 3\).*, got \(5, 4\)"),
    ("given spikes 1-d", lambda: drive([0, 1, 0]), ValueError, r"spikes must have shape .*, got \(3,\)"),
    ("given spikes empty", lambda: drive(np.zeros((0, 3))), ValueError, r"spikes must .*not be empty, got \(0, 3\)"),
    ("given spikes NaN", lambda: drive(np.full((2, 3), NAN)), ValueError, r"spikes must be spike counts.*, got nan"),
    ("given spikes negative", lambda: drive([[0, 0, -1]]), ValueError, r"spikes must be spike counts.*, got -1 .*neuron 2"),
    ("given spikes fractional", lambda: drive([[0, 0.5, 0]]), ValueError, r"spikes must be .*whole numbers.*, got 0.5"),
    ("given spikes of strings", lambda: drive([["a", "b", "c"]]), TypeError, r"spikes must be numbers, got .*'a'"),
    ("given spikes of objects", lambda: drive(np.array([[None] * 3])), TypeError, r"spikes must be numbers, got .*None"),
    ("given dataset of something else", lambda: drive(xarray.Dataset()), ValueError, r"spikes must be an xarray.Dataset"),
    ("drive with dt zero", lambda: drive(np.zeros((5, 3)), dt=0), ValueError, r"dt must be positive, got 0"),
]  # fmt: skip

TUNE: list[Case] = [
    ("target zero", lambda: tune(target=0), ValueError, r"target must be positive, got 0"),
    ("target of a string", lambda: tune(target="10 Hz"), TypeError, r"target must be a number, got '10 Hz'"),
    ("target of wrong length", lambda: tune(target=[1.0, 2.0]), ValueError,
     r"target must be one rate or one per neuron \(3\), got shape \(2,\)"),
    ("target NaN", lambda: tune(target=[1.0, NAN, 1.0]), ValueError,
     r"target must be positive and finite, got nan \(neuron 1\)"),
    ("parameter unknown", lambda: tune(parameters=["thet"]), ValueError, r"parameters must be from .*'theta'.*, got 'thet'"),
    ("parameters of a number", lambda: tune(parameters=5), TypeError, r"parameters must be names, got 5"),
    ("parameters of numbers", lambda: tune(parameters=[5]), TypeError, r"parameters must be names, got 5"),
    ("parameters empty", lambda: tune(parameters=[]), ValueError, r"parameters must name at least one.*, got \[\]"),
    ("parameter without stimulus", lambda: tune(parameters=["stimulus.strength"]), ValueError,
     r"parameters must be of the model where there is no stimulus, got 'stimulus.strength'"),
    ("parameter of the third stimulus",
     lambda: tune(stimulus=psn.ConstantStimulus() + psn.ConstantStimulus(), parameters=["stimulus.2.strength"]),
     ValueError, r"parameters must name one of 2 stimuli, .*got 'stimulus.2.strength'"),
    ("stimulus in a list", lambda: tune(stimulus=[psn.ConstantStimulus()]), TypeError, r"stimulus must be a stimulus"),
    ("epochs zero", lambda: tune(epochs=0), ValueError, r"epochs must be at least 1, got 0"),
    ("epochs of a float", lambda: tune(epochs=1.0), TypeError, r"epochs must be a whole number, got 1.0"),
    ("learning_rate negative", lambda: tune(learning_rate=-1), ValueError, r"learning_rate must be positive, got -1"),
    ("seeds too large", lambda: tune(seed=2**63 - 1), ValueError, r"seed \+ epochs must be less than 2\*\*63, got 92233"),
    ("tune of a matrix", lambda: psn.tune(GLM, np.eye(2), target=1), TypeError, r"network must be a Network, got array"),
    ("tune of no model", lambda: psn.tune("GLM", NET, target=1), TypeError, r"model must be a model .*, got 'GLM'"),
    ("tune for no time", lambda: tune(duration=0), ValueError, r"duration must be positive, got 0"),
]  # fmt: skip

MODELS: list[Case] = [
    ("tau negative", lambda: psn.PoissonGLM(tau=-20), ValueError, r"tau must be positive, got -20"),
    ("tau infinite", lambda: psn.PoissonGLM(tau=INF), ValueError, r"tau must be positive and finite, got inf"),
    ("tau of an array", lambda: psn.PoissonGLM(tau=np.array([1.0])), TypeError, r"tau must be a number, got array\(\[1"),
    ("alpha of a neuron", lambda: psn.PoissonGLM(alpha=[1.0, -20.0]), ValueError,
     r"alpha must be positive, got -20.0 \(neuron 1\)"),
    ("theta NaN", lambda: psn.BernoulliGLM(theta=NAN), ValueError, r"theta must be a finite number, got nan"),
    ("theta of a string", lambda: psn.BernoulliGLM(theta="5"), TypeError, r"theta must be a number, got '5'"),
    ("theta of strings", lambda: psn.BernoulliGLM(theta=["5"]), TypeError, r"theta must be numbers, got \['5'\]"),
    ("theta of a bool", lambda: psn.BernoulliGLM(theta=True), TypeError, r"theta must be a number, got True"),
    ("theta of objects", lambda: psn.BernoulliGLM(theta=np.array([1, None])), TypeError, r"theta must be numbers, .*None"),
    ("theta complex", lambda: psn.BernoulliGLM(theta=1j), TypeError, r"theta must be a number, got 1j"),
    ("theta of None", lambda: psn.BernoulliGLM(theta=None), TypeError, r"theta must be a number, got None"),
    ("theta of a matrix", lambda: psn.BernoulliGLM(theta=np.zeros((2, 2))), ValueError,
     r"theta must be one number or a 1-d array with one per neuron, got shape \(2, 2\)"),
    ("theta empty", lambda: psn.BernoulliGLM(theta=[]), ValueError, r"theta must be .*one per neuron, got shape \(0,\)"),
    ("theta ragged", lambda: psn.BernoulliGLM(theta=[[1], [1, 2]]), TypeError, r"theta must be .*got \[\[1\], \[1, 2\]\]"),
    ("parameter unknown to the model", lambda: psn.BernoulliGLM(tetha=1), TypeError, r"tetha"),
    ("parameter without a name", lambda: psn.BernoulliGLM(1.0), TypeError, r"positional"),
    ("rho above one", lambda: psn.ThresholdSAM(rho=1.5), ValueError, r"rho must be in \[0, 1\], got 1.5"),
    ("replace out of range", lambda: SAM.replace(tau=0), ValueError, r"tau must be positive, got 0"),
    ("emission unknown", lambda: psn.Cascade(emission="gamma"), ValueError,
     r"emission must be one of bernoulli, poisson, threshold, got 'gamma'"),
    ("coupling of numbers", lambda: psn.Cascade(coupling=[1.0]), TypeError, r"coupling must be a Kernel, got \[1.0\]"),
    ("self_kernel of a number", lambda: psn.Cascade(self_kernel=1), TypeError, r"self_kernel must be a Kernel .*, got 1"),
    ("self_kernel without end", lambda: psn.Cascade(self_kernel=psn.ExponentialKernel()), ValueError,
     r"self_kernel must end: .*, got ExponentialKernel\(window=None\)"),
    ("stimulus_kernels in a list", lambda: psn.Cascade(stimulus_kernels=[psn.ExponentialKernel()]), TypeError,
     r"stimulus_kernels must be a dict of kernels, got \[Exp"),
    ("stimulus_kernels of numbers", lambda: psn.Cascade(stimulus_kernels={"light": 1}), TypeError,
     r"stimulus_kernels\['light'\] must be a Kernel, got 1"),
    ("stimulus_kernels without names", lambda: psn.Cascade(stimulus_kernels={1: psn.ExponentialKernel()}), TypeError,
     r"stimulus_kernels must have names as keys, got 1"),
    ("scale negative", lambda: psn.Cascade(scale=-1), ValueError, r"scale must be zero or positive, got -1"),
    ("nonlinearity of a function", lambda: psn.Cascade(nonlinearity=np.exp), TypeError,
     r"nonlinearity must be a name or an expression in g, or a JuliaFunction, got <ufunc 'exp'>"),
    ("kernel tau zero", lambda: psn.ExponentialKernel(tau=0), ValueError, r"tau must be positive, got 0"),
    ("kernel window negative", lambda: psn.ExponentialKernel(window=-1), ValueError, r"window must be positive, got -1"),
    ("kernel of nothing", lambda: psn.ArrayKernel(weights=[]), ValueError, r"weights must be .*1-d.*, got shape \(0,\)"),
    ("kernel NaN", lambda: psn.ArrayKernel(weights=[1, NAN]), ValueError,
     r"weights must be a finite number, got nan \(lag 1\)"),
    ("kernel of strings", lambda: psn.ArrayKernel(weights=["a"]), TypeError, r"weights must be numbers, got \['a'\]"),
    ("kernel 2-d", lambda: psn.ArrayKernel(weights=np.eye(2)), ValueError, r"weights must be .*1-d.*, got shape \(2, 2\)"),
    ("one bump", lambda: psn.RaisedCosineKernel(weights=[1.0]), ValueError, r"weights must be .*two values, got shape \(1,"),
    ("bump infinite", lambda: psn.RaisedCosineKernel(weights=[1.0, INF]), ValueError,
     r"weights must be a finite number, got inf \(bump 1\)"),
    ("peaks reversed", lambda: psn.RaisedCosineKernel(weights=[1.0, 2.0], first_peak=9, last_peak=3), ValueError,
     r"last_peak must be larger than first_peak = 9.0, got 3.0"),
    ("kernel too long", lambda: psn.ExponentialKernel(window=1e9).values(0.1), ValueError,
     r"window must be at most 1000000 steps of dt = 0.1 ms long, got 1000000000.0"),
]  # fmt: skip

EXPRESSIONS = [
    "__import__('os')", "__import__('os').system('true')", "g.real", "lambda: 1", "g if g else 0", "unknown(g)", "x + 1",
    "g > 1", "g and 1", "not g", "[g]", "(g, g)", "{g}", "g[0]", "'g'", "f'{g}'", "g := 1", "max(*[g, 1])",
    "exp(x=g)", "sqrt", "g + exp", "exp()", "exp(g, g)", "max(g)", "g(1)", "g // 2", "g % 2", "g @ g", "~g", "True", "None",
    "1j", "1e999", "...", "", "g g", "g +", "(" * 300 + "g" + ")" * 300, "g" + "+g" * 5000, "exp(g)\0", "g; g", "eval('g')",
    "@time", "g' ", "$g", "ccall(:abort, Cvoid, ())", "begin g end", "exp.(g)", "`ls`", "π * g", "\u0261",
]  # fmt: skip

STIMULI: list[Case] = [
    ("stimulus of a number", lambda: stimulated(5.0), TypeError, r"stimulus must be a stimulus .*, got float: 5.0"),
    ("stimulus of an array", lambda: stimulated(np.zeros(3)), TypeError, r"stimulus must be .*, got ndarray: array"),
    ("stimuli in a list", lambda: stimulated([psn.ConstantStimulus()]), TypeError, r"sum of stimuli \(a \+ b\), got list"),
    ("stimulus of a class", lambda: stimulated(psn.ConstantStimulus), TypeError, r"stimulus must be .*, got type: <class"),
    ("strength NaN", lambda: psn.ConstantStimulus(strength=NAN), ValueError, r"strength must be a finite number, got nan"),
    ("strength of wrong length", lambda: stimulated(psn.ConstantStimulus(strength=[1.0, 2.0])), ValueError,
     r"strength must be one number or have one value per target \(3\), got shape \(2,\)"),
    ("strength of a target", lambda: psn.ConstantStimulus(strength=[1.0, INF]), ValueError,
     r"strength must be a finite number, got inf \(target 1\)"),
    ("stop before start", lambda: psn.ConstantStimulus(start=5, stop=5), ValueError,
     r"stop must be later than start = 5.0 ms, got 5.0"),
    ("start negative", lambda: psn.ConstantStimulus(start=-1), ValueError, r"start must be zero or positive, got -1"),
    ("group unknown", lambda: stimulated(psn.ConstantStimulus(targets="inhibitory"), network=NAMED), ValueError,
     r"targets must be a group of the network \(both\), got 'inhibitory'"),
    ("group without groups", lambda: stimulated(psn.ConstantStimulus(targets="exc")), ValueError,
     r"targets must be a group of the network \(none\), got 'exc'"),
    ("label unknown", lambda: stimulated(psn.ConstantStimulus(targets=["a", "z"]), network=NAMED), ValueError,
     r"targets must be labels of the network, got 'z'"),
    ("labels without labels", lambda: stimulated(psn.ConstantStimulus(targets=["a"])), ValueError,
     r"targets must be indices or a mask where a network has no labels, got .*'a'"),
    ("mask of wrong length", lambda: stimulated(psn.ConstantStimulus(targets=[True, False])), ValueError,
     r"targets must be indices or a mask of shape \(3,\), got a mask of shape \(2,\)"),
    ("mask of nobody", lambda: stimulated(psn.ConstantStimulus(targets=[False] * 3)), ValueError,
     r"targets must hold at least one neuron, got .*False"),
    ("index too large", lambda: stimulated(psn.ConstantStimulus(targets=[0, 3])), ValueError,
     r"targets must lie in 0\.\.2, got 3"),
    ("index negative", lambda: stimulated(psn.ConstantStimulus(targets=[-1])), ValueError,
     r"targets must lie in 0\.\.2, got -1"),
    ("targets of floats", lambda: psn.ConstantStimulus(targets=[0.5]), TypeError, r"targets must be .*indices, got \[0.5\]"),
    ("targets of objects", lambda: psn.ConstantStimulus(targets=[None]), TypeError, r"targets must be .*, got \[None\]"),
    ("channel of a number", lambda: psn.ConstantStimulus(channel=1), TypeError, r"channel must be the name .*, got 1"),
    ("channel unknown",
     lambda: stimulated(psn.ConstantStimulus(channel="sound"),
                        psn.Cascade(stimulus_kernels={"light": psn.ExponentialKernel()})), ValueError,
     r"channel must be a stimulus kernel of the model \('light'\), got 'sound'"),
    ("channel without kernels", lambda: stimulated(psn.ConstantStimulus(channel="light")), ValueError,
     r"channel must be a stimulus kernel of the model \(none\), got 'light'"),
    ("period missing", lambda: psn.RegularStimulus(duration=1), TypeError, r"period"),
    ("period zero", lambda: psn.RegularStimulus(period=0, duration=1), ValueError, r"period must be positive, got 0"),
    ("pulse of no length", lambda: psn.RegularStimulus(period=9, duration=0), ValueError, r"duration must be pos.*got 0"),
    ("mean_interval infinite", lambda: psn.PoissonStimulus(mean_interval=INF, duration=1), ValueError,
     r"mean_interval must be positive and finite, got inf"),
    ("intervals unknown", lambda: psn.PoissonStimulus(mean_interval=9, duration=1, intervals="gamma"), ValueError,
     r"intervals must be 'exponential' or 'poisson', got 'gamma'"),
    ("seed of a stimulus", lambda: psn.PoissonStimulus(mean_interval=9, duration=1, seed=-1), ValueError,
     r"seed must be at least 0, got -1"),
    ("seed of a stimulus too large", lambda: psn.PoissonStimulus(mean_interval=9, duration=1, seed=2**64), ValueError,
     r"seed must be less than 2\*\*63, got 18446744073709551616"),
    ("phase of a string", lambda: psn.SinStimulus(period=9, phase="pi"), TypeError, r"phase must be a number, got 'pi'"),
    ("data empty", lambda: psn.ArrayStimulus(data=[], dt=1), ValueError, r"data must .*not be empty, got \(0,\)"),
    ("data 4-d", lambda: psn.ArrayStimulus(data=np.zeros((1, 1, 1, 1)), dt=1), ValueError,
     r"data must have shape \(time,\), .*, got \(1, 1, 1, 1\)"),
    ("data NaN", lambda: psn.ArrayStimulus(data=[[0.0, NAN]], dt=1), ValueError,
     r"data must be a finite number, got nan \(index \(0, 1\)\)"),
    ("data of strings", lambda: psn.ArrayStimulus(data=["a"], dt=1), TypeError, r"data must be numbers, got \['a'\]"),
    ("data of no file", lambda: psn.ArrayStimulus(data="nowhere.npy", dt=1), ValueError,
     r"data must be an array or the path of a file, got 'nowhere.npy'"),
    ("data of wrong width", lambda: stimulated(psn.ArrayStimulus(data=np.zeros((9, 2)), dt=1)), ValueError,
     r"data must have one column per target \(3\), got shape \(9, 2\)"),
    ("data of wrong trials", lambda: stimulated(psn.ArrayStimulus(data=np.zeros((2, 9, 3)), dt=1), trials=3), ValueError,
     r"data must have one trial or as many as the run \(3\), got shape \(2, 9, 3\)"),
    ("data with dt zero", lambda: psn.ArrayStimulus(data=[1.0], dt=0), ValueError, r"dt must be positive, got 0"),
    ("weights of channels", lambda: psn.ArrayStimulus(data=np.zeros((9, 2)), weights=np.eye(3), dt=1), ValueError,
     r"weights must have shape \(channel, target\).*, got \(3, 3\) for data of shape \(9, 2\)"),
    ("weights of targets", lambda: stimulated(psn.ArrayStimulus(data=np.zeros((9, 2)), weights=np.eye(2), dt=1)),
     ValueError, r"weights must have one column per target \(3\), got shape \(2, 2\)"),
    ("function of a number", lambda: psn.FunctionStimulus(function=1.0), TypeError, r"function must be callable, got 1.0"),
    ("function of NaN", lambda: stimulated(psn.FunctionStimulus(function=lambda t: t * NAN)), ValueError,
     r"function\(t\) must be a finite number, got nan \(step 0\)"),
    ("function of None", lambda: stimulated(psn.FunctionStimulus(function=lambda t: None)), TypeError,
     r"function\(t\) must be a number, got None"),
    ("function beyond memory", lambda: stimulated(psn.FunctionStimulus(function=np.sin), duration=10**14), ValueError,
     r"duration must be small enough .*, got 100000000000000 steps of a FunctionStimulus"),
    ("times negative", lambda: psn.SpikeStimulus(times=[1.0, -1.0], neurons=[0, 1]), ValueError,
     r"times must be zero or positive, got -1.0 \(spike 1\)"),
    ("times and neurons", lambda: psn.SpikeStimulus(times=[1.0, 2.0], neurons=[0]), ValueError,
     r"times and neurons must be 1-d and equally long, got shapes \(2,\) and \(1,\)"),
    ("neurons of floats", lambda: psn.SpikeStimulus(times=[1.0], neurons=[0.0]), TypeError,
     r"neurons must be whole numbers, got \[0.0\]"),
    ("neurons out of range", lambda: stimulated(psn.SpikeStimulus(times=[1.0], neurons=[3])), ValueError,
     r"neurons must lie in 0\.\.2, got 3"),
    ("strength of spikes", lambda: psn.SpikeStimulus(times=[1.0], neurons=[0], strength=[1.0, 2.0]), ValueError,
     r"strength must be one number or one per spike \(1\), got shape \(2,\)"),
    ("rate negative", lambda: psn.PoissonInput(rate=-1), ValueError, r"rate must be zero or positive, got -1"),
    ("rate of wrong length", lambda: stimulated(psn.PoissonInput(rate=[1.0, 2.0])), ValueError,
     r"rate must be one number or have one value per target \(3\), got shape \(2,\)"),
    ("sigma negative", lambda: psn.NoiseCurrent(sigma=-1), ValueError, r"sigma must be zero or positive, got -1"),
    ("noise tau NaN", lambda: psn.NoiseCurrent(sigma=1, tau=NAN), ValueError, r"tau must be zero .*finite, got nan"),
]  # fmt: skip

NETWORKS: list[Case] = [
    ("no neurons", lambda: edges(pre=[], post=[], n=0), ValueError, r"n must be at least 1, got 0"),
    ("no size", lambda: edges(pre=[], post=[]), ValueError, r"n must be given for a network without synapses, got None"),
    ("n of a float", lambda: edges(n=3.0), TypeError, r"n must be a whole number, got 3.0"),
    ("n of a bool", lambda: edges(n=True), TypeError, r"n must be a whole number, got True"),
    ("n too large", lambda: edges(n=2**31), ValueError, r"n must be less than 2\*\*31, got 2147483648"),
    ("n too small", lambda: edges(n=2), ValueError, r"post must lie in 0\.\.1, got 2 \(synapse 1\)"),
    ("pre negative", lambda: edges(pre=[-1, 0]), ValueError, r"pre must lie in 0\.\.2, got -1 \(synapse 0\)"),
    ("pre of floats", lambda: edges(pre=[0.0, 1.0]), TypeError, r"pre must be whole numbers, got \[0.0, 1.0\]"),
    ("pre of strings", lambda: edges(pre=["a", "b"]), TypeError, r"pre must be whole numbers, got \['a', 'b'\]"),
    ("pre of objects", lambda: edges(pre=np.array([0, None])), TypeError, r"pre must be whole numbers, got .*None"),
    ("pre 2-d", lambda: edges(pre=[[0, 1]]), ValueError, r"pre must be 1-d, got shape \(1, 2\)"),
    ("pre ragged", lambda: edges(pre=[[0], [0, 1]]), TypeError, r"pre must be .*, got \[\[0\], \[0, 1\]\]"),
    ("pre and post", lambda: edges(pre=[0]), ValueError, r"pre and post must have the same length, got 1 and 2"),
    ("weight NaN", lambda: edges(weight=[1, NAN]), ValueError, r"weight must be finite.*, got nan \(synapse 1\)"),
    ("weight beyond float32", lambda: edges(weight=[1, 1e300], dtype="float32"), ValueError,
     r"weight must be finite as float32, got 1e\+300 \(synapse 1\)"),
    ("weight of wrong length", lambda: edges(weight=[1, 2, 3]), ValueError,
     r"weight must be one number or have one value per synapse \(2\), got shape \(3,\)"),
    ("weight of a bool", lambda: edges(weight=True), TypeError, r"weight must be a number, got True"),
    ("weight of strings", lambda: edges(weight=["a", "b"]), TypeError, r"weight must be numbers, got \['a', 'b'\]"),
    ("weight of objects", lambda: edges(weight=np.array([1, None])), TypeError, r"weight must be numbers, got .*None"),
    ("delay zero", lambda: edges(delay=0), ValueError, r"delay must be positive, got 0"),
    ("delay of a synapse", lambda: edges(delay=[1.0, -1.0]), ValueError, r"delay must be positive, got -1.0 \(synapse 1\)"),
    ("delay infinite", lambda: edges(delay=INF), ValueError, r"delay must be positive and finite, got inf"),
    ("delay of wrong length", lambda: edges(delay=[1.0]), ValueError, r"delay must be .*synapse \(2\), got shape \(1,\)"),
    ("receptors of numbers", lambda: edges(receptor=[1, 2]), TypeError, r"receptor must be one name .*\(2\), got \[1, 2\]"),
    ("labels of wrong length", lambda: edges(labels=["a"]), ValueError, r"labels must .*per neuron \(3\), got shape \(1,\)"),
    ("group out of range", lambda: edges(groups={"a": [5]}), ValueError, r"groups\['a'\] must lie in 0\.\.2, got 5"),
    ("group empty", lambda: edges(groups={"a": []}), ValueError, r"groups\['a'\] must hold at least one.*, got \[\]"),
    ("groups in a list", lambda: edges(groups=[[0]]), TypeError, r"groups must be a dict .*, got \[\[0\]\]"),
    ("groups without names", lambda: edges(groups={1: [0]}), TypeError, r"groups must have names as keys, got 1"),
    ("dtype of weights", lambda: edges(dtype="int8"), ValueError, r"dtype must be 'float64' or 'float32', got 'int8'"),
    ("matrix not square", lambda: psn.Network.from_dense(np.zeros((2, 3))), ValueError,
     r"weights must be a square matrix \(pre, post\), got shape \(2, 3\)"),
    ("matrix empty", lambda: psn.Network.from_dense(np.zeros((0, 0))), ValueError, r"weights must .*, got shape \(0, 0\)"),
    ("matrix 1-d", lambda: psn.Network.from_dense([1.0]), ValueError, r"weights must be a square .*, got shape \(1,\)"),
    ("matrix NaN", lambda: psn.Network.from_dense([[0, 1], [NAN, 0]]), ValueError,
     r"weights must be finite, got nan \(from neuron 1 to 0\)"),
    ("matrix of objects", lambda: psn.Network.from_dense([[0, None], [1, 0]]), TypeError, r"weights must .*, got .*None"),
    ("matrix of strings", lambda: psn.Network.from_dense("W"), TypeError, r"weights must be a matrix .*, got 'W'"),
    ("matrix of delays", lambda: psn.Network.from_dense(np.eye(2), delay=[1.0]), ValueError,
     r"delay must be one number or have shape \(2, 2\), got \(1,\)"),
    ("sparse of a list", lambda: psn.Network.from_scipy([[1.0]]), TypeError, r"weights must be a SciPy .*, got \[\[1.0\]\]"),
    ("sparse not square", lambda: psn.Network.from_scipy(scipy.sparse.coo_array((2, 3))), ValueError,
     r"weights must be a square matrix \(pre, post\), got shape \(2, 3\)"),
    ("graph of a list", lambda: psn.Network.from_networkx([(0, 1)]), TypeError, r"graph must be a networkx .*, got \[\(0,"),
    ("combine of one", lambda: psn.Network.combine(NET), TypeError, r"networks must be a sequence of Network, got <Net"),
    ("combine of none", lambda: psn.Network.combine([]), ValueError, r"networks must hold at least one.*, got \[\]"),
    ("combine of numbers", lambda: psn.Network.combine([NET, 1]), TypeError, r"networks must be a sequence.*, got 1"),
    ("combine of a number", lambda: psn.Network.combine(1), TypeError, r"networks must be a sequence.*, got 1"),
    ("combine with and without delays", lambda: psn.Network.combine([NET, edges(delay=1.0)]), ValueError,
     r"networks must all have delays or none.*, got delay one step, delay 1.0 ms"),
    ("new weights", lambda: NET.with_weights([1.0]), ValueError, r"weight must be .*per synapse \(3\), got shape \(1,\)"),
    ("matrix beyond memory", lambda: edges(n=10**6).to_dense(), ValueError, r"n must be small enough.*1000000 x 1000000"),
    ("offset", lambda: psn.Network(n=2, offset=np.array([0, 2, 1]), target=np.zeros(1, np.int32), weight=np.ones(1)),
     ValueError, r"offset must rise from 0 to the number of synapses \(1\), got array\(\[0, 2, 1\]\)"),
    ("target", lambda: psn.Network(n=1, offset=np.array([0, 1]), target=np.ones(1, np.int32), weight=np.ones(1)),
     ValueError, r"target must lie in 0\.\.0, got 1\.\.1"),
    ("target of int64", lambda: psn.Network(n=1, offset=np.array([0, 1]), target=np.zeros(1, int), weight=np.ones(1)),
     TypeError, r"target must be an array of int32, got int64"),
]  # fmt: skip

GENERATORS: list[Case] = [
    ("odd n", lambda: psn.Network.normal(n=5), ValueError, r"n must be even: .*, got 5"),
    ("normal of no neurons", lambda: psn.Network.normal(n=0), ValueError, r"n must be at least 2, got 0"),
    ("too dense for Dale", lambda: psn.Network.normal(n=4, sparsity=0.4), ValueError,
     r"sparsity must be in \[0.5, 1\], got 0.4"),
    ("sparsity above one", lambda: psn.Network.normal(n=4, sparsity=1.1), ValueError,
     r"sparsity must be in \[0.5, 1\], got 1.1"),
    ("std negative", lambda: psn.Network.normal(n=4, std=-1), ValueError, r"std must be zero or positive, got -1"),
    ("inhibitory fraction", lambda: psn.Network.normal(n=4, inhibitory=0.2), ValueError, r"inhibitory must be 0.5.*got 0.2"),
    ("glorot of a string", lambda: psn.Network.normal(n=4, glorot="no"), TypeError, r"glorot must be True or F.*got 'no'"),
    ("normal beyond memory", lambda: psn.Network.normal(n=10**7), ValueError, r"n and sparsity must be small .*10000000 neu"),
    ("p above one", lambda: psn.Network.random(n=4, p=1.5), ValueError, r"p must be in \[0, 1\], got 1.5"),
    ("p NaN", lambda: psn.Network.random(n=4, p=NAN), ValueError, r"p must be in \[0, 1\].*, got nan"),
    ("p of a bool", lambda: psn.Network.random(n=4, p=True), TypeError, r"p must be a number, got True"),
    ("p and indegree", lambda: psn.Network.random(n=4, p=0.5, indegree=1), ValueError,
     r"p or indegree must be given, and not both, got p=0.5 and indegree=1"),
    ("neither p nor indegree", lambda: psn.Network.random(n=4), ValueError, r"p or indegree must .*got p=None and ind"),
    ("indegree too large", lambda: psn.Network.random(n=4, indegree=4), ValueError, r"indegree must be at most 3 .*, got 4"),
    ("indegree of a float", lambda: psn.Network.random(n=4, indegree=1.0), TypeError, r"indegree must be a whole .*got 1.0"),
    ("random beyond memory", lambda: psn.Network.random(n=10**7, p=1.0), ValueError,
     r"n and p must be small enough for the available memory of .* GiB, got 10000000 neurons and about 1e\+14 synapses"),
    ("indegree beyond memory", lambda: psn.Network.random(n=10**7, indegree=10**6), ValueError, r"n and indegree must be sm"),
    ("random of too many", lambda: psn.Network.random(n=2**31, p=0.0), ValueError, r"n must be less than 2\*\*31.*got 21474"),
    ("weight of NaN", lambda: psn.Network.random(n=4, p=1, weight=lambda r, k: np.full(k, NAN)), ValueError,
     r"weight\(rng, 12\) must be a finite number, got nan \(synapse 0\)"),
    ("weight of one", lambda: psn.Network.random(n=4, p=1, weight=lambda r, k: [1.0]), ValueError,
     r"weight\(rng, 12\) must return 12 numbers, got shape \(1,\)"),
    ("autapses of a number", lambda: psn.Network.random(n=4, p=1, autapses=1), TypeError, r"autapses must be True or.*got 1"),
    ("seed of a generator", lambda: psn.Network.random(n=4, p=0.5, seed=0.5), TypeError, r"seed must be a whole .*got 0.5"),
    ("dtype of a generator", lambda: psn.Network.random(n=4, p=0.5, dtype=int), ValueError, r"dtype must be .*, got <class"),
    ("uniform reversed", lambda: psn.Network.uniform(n=4, low=1, high=0), ValueError, r"high must not be less .*1.0, got 0"),
    ("uniform beyond memory", lambda: psn.Network.uniform(n=10**7), ValueError, r"n and sparsity must be small enough"),
    ("sigma_1 zero", lambda: psn.Network.mexican_hat(n=4, sigma_1=0), ValueError, r"sigma_1 must be positive, got 0"),
    ("hat beyond memory", lambda: psn.Network.mexican_hat(n=10**7), ValueError, r"n must be small enough.*10000000 neurons"),
    ("ring of no neurons", lambda: psn.Network.ring(n=0), ValueError, r"n must be at least 1, got 0"),
    ("ladder too short", lambda: psn.Network.ladder(rungs=2), ValueError, r"rungs must be at least 3, got 2"),
    ("small world of many neighbours", lambda: psn.Network.small_world(n=4, k=6, p=0.1), ValueError, r"k must .*4, got 6"),
    ("small world of odd neighbours", lambda: psn.Network.small_world(n=4, k=3, p=0.1), ValueError, r"k must be even.*got 3"),
    ("small world of p", lambda: psn.Network.small_world(n=4, k=2, p=-0.1), ValueError, r"p must be in \[0, 1\], got -0.1"),
]  # fmt: skip

CONFIGURE: list[Case] = [
    ("engine unknown", lambda: psn.configure(engine="python"), ValueError,
     r"engine must be 'auto', 'juliacall' or 'worker', got 'python'"),
    ("no threads", lambda: psn.configure(threads=0), ValueError, r"threads must be a whole number >= 1, got 0"),
    ("half a thread", lambda: psn.configure(threads=1.5), ValueError, r"threads must be a whole number >= 1, got 1.5"),
    ("threads as a word", lambda: psn.configure(threads="many"), ValueError, r"threads must be .*, got 'many'"),
    ("julia nowhere", lambda: psn.configure(julia="/nowhere/julia"), ValueError, r"julia must be .*, got '/nowhere/julia'"),
]  # fmt: skip

FILES: list[Case] = [
    ("save of a number", lambda: psn.save(5, "x.nc"), TypeError, r"dataset must be an xarray.Dataset .*, got 5"),
    ("save of another dataset", lambda: psn.save(xarray.Dataset({"x": 1}), "x.nc"), ValueError, r"dataset must .*'x'"),
    ("save to a number", lambda: psn.save(xarray.Dataset(), 5), TypeError, r"path must be the path of a file, got 5"),
    ("load of nothing", lambda: psn.load("nowhere.nc"), FileNotFoundError, r"path must be .*, got 'nowhere.nc'"),
    ("load of another kind", lambda: psn.load("x.txt"), ValueError, r"path must end in .nc or .zarr, got 'x.txt'"),
    ("load of a number", lambda: psn.load(5), TypeError, r"path must be the path of a file, got 5"),
    ("network in no file", lambda: psn.Network.from_file("nowhere.npz"), FileNotFoundError, r"path must .*'nowhere.npz'"),
    ("network in another kind", lambda: psn.Network.from_file("x.mat"), ValueError, r"path must end in .*, got 'x.mat'"),
    ("network in a number", lambda: psn.Network.from_file(5), TypeError, r"path must be the path of a file, got 5"),
    ("network to another kind", lambda: NET.save("x.npy"), ValueError, r"path must end in .npz, got 'x.npy'"),
    ("network to no folder", lambda: NET.save("nowhere/x.npz"), FileNotFoundError, r"path must lie in a folder .*nowhere"),
]  # fmt: skip

CASES = [*SIMULATE, *STATE, *TUNE, *MODELS, *STIMULI, *NETWORKS, *GENERATORS, *CONFIGURE, *FILES]


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
    assert len(set(names)) == len(names) >= 70


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=range(len(EXPRESSIONS)))
def test_expressions_are_arithmetic_only(expression: str) -> None:
    with pytest.raises(ValueError, match=r"nonlinearity must be one of exp, .* or an expression in g, got ") as caught:
        psn.Cascade(nonlinearity=expression)
    assert type(caught.value) is ValueError
    assert len(str(caught.value)) < 3000


def test_a_refused_expression_is_marked() -> None:
    with pytest.raises(ValueError, match="unknown name 'x'") as caught:
        psn.Cascade(nonlinearity="1 + x")
    *_, line, mark = str(caught.value).splitlines()
    assert line[mark.index("^")] == "x"


def test_a_state_must_come_from_the_same_model_network_trials_and_dt(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = psn.simulate(GLM, NET, duration=5, trials=2, seed=0)
    from_state = {"duration": 5, "trials": 2, "initial_state": earlier}
    monkeypatch.setattr(type(get_engine()), "submit", lambda *_: pytest.fail("the engine was asked"))
    with pytest.raises(ValueError, match=r"initial_state must come from a PoissonGLM, got a dataset of a BernoulliGLM"):
        psn.simulate(psn.PoissonGLM(), NET, **from_state)
    with pytest.raises(
        ValueError, match=r"initial_state must come from the same network .*n = 3, 2 synapses.*n = 3, 3"
    ):
        psn.simulate(GLM, edges(), **from_state)
    with pytest.raises(ValueError, match=r"initial_state must have the trials \[0\], got \[0, 1\]"):
        psn.simulate(GLM, NET, **from_state | {"trials": 1})
    with pytest.raises(ValueError, match=r"dt must be that of the dataset given as initial_state, 1.0 ms, got 0.5 ms"):
        psn.simulate(GLM, NET, dt=0.5, **from_state)
    with pytest.raises(ValueError, match=r"dtype must be that of .* initial_state, float64, got float32"):
        psn.simulate(GLM, NET, dtype="float32", **from_state)
    with pytest.raises(ValueError, match=r"equilibration must be 0 with an initial_state, got 5"):
        psn.simulate(GLM, NET, equilibration=5, **from_state)
    stateless = earlier.drop_vars([name for name in earlier.data_vars if str(name).startswith("final_")])
    with pytest.raises(ValueError, match=r"initial_state must hold a final state, got"):
        psn.simulate(GLM, NET, **from_state | {"initial_state": stateless})
    with pytest.raises(ValueError, match=r"spikes must be of 2 neurons, got a dataset of 3"):
        psn.drive(GLM, psn.Network.ring(n=2), spikes=earlier)


def test_files_that_are_not_what_they_seem(tmp_path: Path) -> None:
    for ending, act in ((".nc", psn.load), (".npy", psn.Network.from_file), (".npz", psn.Network.from_file)):
        path = tmp_path / f"garbage{ending}"
        path.write_bytes(b"this is no such file")
        with pytest.raises(ValueError, match=rf"path must be .*garbage\{ending}"):
            act(path)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ValueError, match=r"path must be that of a network .*other.npz"):
        psn.Network.from_file(tmp_path / "other.npz")
    xarray.Dataset({"x": 1}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match=r"the dataset at path .*other.nc' must be .*'x'"):
        psn.load(tmp_path / "other.nc")
    tables = {
        "pre,weight\n0,1\n": r"a header with the columns pre and post, got .* the columns \['pre', 'weight'\]",
        "pre,post\n": r"at least one row .* with 0 rows",
        "pre,post\n0,1\n0\n": r"whose line 3 has too few values",
        "pre,post\n0,1,2\n": r"whose line 2 has too many values",
        "pre,post,weight\n0,1,2\n1,0,x\n": r"weight must be a number in every row .*, got 'x'",
        "pre,post\n-1,0\n": r"pre must lie in 0\.\.0, got -1",
    }
    for content, message in tables.items():
        (tmp_path / "table.csv").write_text(content)
        with pytest.raises(ValueError, match=message):
            psn.Network.from_file(tmp_path / "table.csv")
    (tmp_path / "table.csv").write_text("pre,post,weight\n0,1,2\n")
    with pytest.raises(ValueError, match=r"weight must be given once"):
        psn.Network.from_file(tmp_path / "table.csv", weight=3.0)


def test_probability_above_one_names_neuron_and_step() -> None:
    strong = psn.ConstantStimulus(strength=100.0, start=8.0, targets=[1])
    with pytest.raises(psn.JuliaError, match=r"neuron 1\b.*step 4\b|step 4\b.*neuron 1\b") as caught:
        psn.simulate(GLM, NET, duration=20, dt=2.0, stimulus=strong, seed=0)
    assert caught.value.kind == "SpikeCoreError"
    # The engine goes on working.
    assert psn.simulate(GLM, NET, duration=5, seed=0).sizes["neuron"] == 3


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int8(3), np.array(3.0), xarray.DataArray(3.0)])
def test_every_kind_of_number_is_a_number(value: Any) -> None:
    assert number("x", value, "positive") == 3.0
