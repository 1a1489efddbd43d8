"""Runs on a device compute what runs on the processor do.

The device is "serial", one lane after the other, which every Julia has; PYSPIKENET_TEST_DEVICE names another.
"""

import os

import numpy as np
import pytest

import pyspikenet as psn

DEVICE = os.environ.get("PYSPIKENET_TEST_DEVICE", "serial")
NETWORK = psn.Network.normal(n=40, std=2.0, sparsity=0.6, inhibitory=0.5, seed=1)
DELAYS = psn.Network.from_edges(
    pre=np.repeat(np.arange(40), 4),
    post=(np.repeat(np.arange(40), 4) * 7 + np.tile([1, 3, 8, 20], 40)) % 40,
    weight=np.random.default_rng(2).normal(0.0, 8.0, 160),
    delay=np.random.default_rng(3).integers(1, 30, 160) * 0.1,
    n=40,
)
EMPTY = psn.Network.from_edges(pre=[], post=[], n=40)
EACH = np.linspace(0.8, 1.2, 40)
FEW = [1, 5, 17]
EVERYTHING = (
    psn.ConstantStimulus(strength=14.0)
    + psn.SinStimulus(amplitude=3.0, period=15.0, targets=FEW)
    + psn.RegularStimulus(strength=EACH, period=10.0, duration=3.0)
    + psn.PoissonStimulus(strength=2.0, mean_interval=20.0, duration=5.0)
    + psn.ArrayStimulus(data=np.random.default_rng(4).normal(0, 2, (3, 50, 40)), dt=1.0)
    + psn.SpikeStimulus(times=[3.0, 3.0, 9.5, 20.0], neurons=[0, 4, 4, 9], strength=20.0, channel="exc")
    + psn.PoissonInput(rate=300.0, weight=3.0, channel="exc")
    + psn.PoissonInput(rate=100.0, weight=-3.0, targets=FEW)
    + psn.NoiseCurrent(sigma=6.0, tau=5.0)
    + psn.NoiseCurrent(sigma=2.0, targets=FEW)
)
CONDUCTANCE = {
    "exc": psn.ExponentialSynapse(tau=5.0, reversal=0.0),
    "inh": psn.DoubleExponentialSynapse(tau_rise=1.0, tau_decay=8.0, reversal=-80.0),
}
NOISY_EQUATIONS = psn.Equations(
    "dv/dt = (-v + I*R)/tau + sigma*xi*tau**-0.5 : mV",
    threshold="v > 15*mV", reset="v = 0*mV", refractory="2*ms",
    parameters={"tau": "10*ms", "R": "1*MOhm", "sigma": "4*mV"},
)  # fmt: skip
STRONG = psn.ConstantStimulus(strength=400.0) + psn.NoiseCurrent(sigma=200.0, tau=5.0)
CASES = {
    "GLM": (
        psn.BernoulliGLM(theta=3.0),
        NETWORK,
        {"dt": 1.0, "record": ["drive", "rate", "mean_rate"], "equilibration": 10.0},
    ),
    "GLM, each neuron, float32": (psn.BernoulliGLM(theta=3.0 * EACH), NETWORK, {"dt": 1.0, "dtype": "float32"}),
    "Poisson": (psn.PoissonGLM(), NETWORK, {"duration": 10.0, "stimulus": psn.ConstantStimulus(strength=0.01)}),
    "many Poisson spikes": (
        psn.Cascade(nonlinearity="relu", emission="poisson", scale=1.0, b=50.0),
        EMPTY,
        {"dt": 1.0, "duration": 20.0},
    ),
    "activation": (psn.RectifiedSAM(), NETWORK, {"duration": 20.0}),
    "background noise": (psn.ThresholdSAM(), NETWORK, {"duration": 20.0}),
    "kernels": (
        psn.Cascade(
            coupling=psn.ArrayKernel(weights=[1.0, 0.5, 0.2]),
            self_kernel=psn.ArrayKernel(weights=[-9.0, -3.0]),
            theta=2.0,
            stimulus_kernels={"slow": psn.ExponentialKernel(tau=3.0)},
        ),
        DELAYS,
        {"dt": 0.1, "stimulus": psn.SinStimulus(amplitude=2.0, period=9.0, channel="slow")},
    ),
    "LIF, every stimulus": (
        psn.LIF(E_L=-65.0, v_threshold=-50.0, v_reset=-60.0, tau_m=20 * EACH),
        NETWORK,
        {"record": ["v", "I"], "record_neurons": [3, 8], "record_every": 0.5, "stimulus": EVERYTHING},
    ),
    "LIF, delays": (
        psn.LIF(E_L=-65.0, v_threshold=-50.0, v_reset=-60.0),
        DELAYS,
        {"stimulus": psn.ConstantStimulus(strength=25.0), "record": "v"},
    ),
    "LIF, float32": (
        psn.LIF(E_L=-65.0, v_threshold=-50.0, v_reset=-60.0),
        NETWORK,
        {"stimulus": psn.ConstantStimulus(strength=25.0), "dtype": "float32"},
    ),
    "conductances": (psn.CobaLIF(receptors=CONDUCTANCE), NETWORK, {"stimulus": STRONG, "record": ["v", "g_inh"]}),
    "AdEx": (psn.AdEx(), NETWORK, {"stimulus": psn.ConstantStimulus(strength=800.0) + psn.NoiseCurrent(sigma=300.0)}),
    "Hodgkin-Huxley": (
        psn.HodgkinHuxley(),
        NETWORK,
        {"stimulus": psn.ConstantStimulus(strength=10.0), "duration": 20.0},
    ),
    "GIF, drawn": (psn.GIF(), NETWORK, {"stimulus": STRONG}),
    "white noise in equations": (NOISY_EQUATIONS, EMPTY, {"stimulus": psn.ConstantStimulus(strength=14000.0)}),
    "graded": (psn.LIFGate(), NETWORK, {"dt": 1.0, "stimulus": psn.ConstantStimulus(strength=30.0)}),
    "discrete": (psn.LSNN(), NETWORK, {"dt": 1.0, "stimulus": psn.ConstantStimulus(strength=1.5)}),
}


def some(cases, *quick):
    """All of them; on the device that every Julia has, which compiles each anew, only the quick ones in every run."""
    slow = DEVICE == "serial"
    return [pytest.param(x, marks=[pytest.mark.slow] if slow and x not in quick else []) for x in cases]


def close(a, b, name, dtype):
    x, y = a[name].values, b[name].values
    if x.dtype.kind == "f":
        tolerance = 1e-3 if dtype == "float32" else 1e-9
        scale = float(np.abs(x).max(initial=1.0))
        np.testing.assert_allclose(y, x, rtol=tolerance, atol=tolerance * scale, err_msg=name)
    else:
        np.testing.assert_array_equal(y, x, err_msg=name)


@pytest.mark.parametrize("case", some(CASES, "GLM", "kernels", "LIF, every stimulus", "LIF, delays"))
def test_a_run_is_that_of_the_processor(case):
    model, network, more = CASES[case]
    settings = {"duration": 50.0, "trials": 3, "seed": 7} | more
    here = psn.simulate(model, network, **settings)
    there = psn.simulate(model, network, device=DEVICE, **settings)
    assert here.sizes["spike"] > 30
    assert set(here.variables) == set(there.variables)
    for name in here.variables:
        close(here, there, name, settings.get("dtype"))


@pytest.mark.parametrize("case", ["kernels", "LIF, every stimulus"])
def test_two_halves_are_the_whole(case):
    model, network, more = CASES[case]
    settings = {"trials": [4, 2, 9], "seed": 7} | {k: x for k, x in more.items() if k != "equilibration"}
    whole = psn.simulate(model, network, duration=50.0, device=DEVICE, **settings)
    first = psn.simulate(model, network, duration=20.0, device=DEVICE, **settings)
    second = psn.simulate(model, network, duration=30.0, device=DEVICE, initial_state=first, **settings)
    n = first.sizes["spike"] + second.sizes["spike"]
    assert whole.sizes["spike"] == n
    for name in whole.data_vars:
        if str(name).startswith("final_"):
            close(whole, second, name, "float64")


def test_what_is_not_finite_is_named():
    model = psn.Equations("dv/dt = v**3/(1*ms*mV**2) : mV", threshold="v > 1e300*mV", reset="v = 0*mV")
    net = psn.Network.from_edges(pre=[], post=[], n=3)
    settings = {"duration": 20.0, "initial_state": {"v": [0.0, 2.0, 0.0]}}
    found = []
    for device in ("cpu", DEVICE):
        with pytest.raises(psn.JuliaError) as error:
            psn.simulate(model, net, device=device, **settings)
        found.append(str(error.value))
    assert found[0] == found[1]
    assert "neuron 1" in found[0]


def test_what_a_device_cannot_do_is_said_first():
    net = psn.Network.random(n=5, p=0.5, weight=1.0, seed=1)
    with pytest.raises(ValueError, match=r"device must be one of 'cpu', 'cuda', 'kernels', got 'gpu'"):
        psn.simulate(psn.LIF(), net, duration=1.0, device="gpu")
    with pytest.raises(ValueError, match=r"device must be 'cpu' for a network with plasticity, got 'cuda'"):
        psn.simulate(psn.LIF(), net, duration=1.0, device="cuda", plasticity=psn.STDP())
    with pytest.raises(ValueError, match=r"device must be 'cpu' where spikes are given, got 'cuda'"):
        psn.simulate(psn.BernoulliGLM(), net, duration=1.0, device="cuda", initial_state={"spikes": np.ones((1, 5))})


CURRENTS = {"exc": psn.ExponentialSynapse(tau=5.0), "inh": psn.AlphaSynapse(tau=8.0)}
RESTING = psn.LIF(
    E_L=-65.0, v_threshold=-50.0, v_reset=-60.0, tau_m=20 * EACH, receptors=CURRENTS, refractory_period=1.0
)
DATA = (np.random.default_rng(5).random((3, 300, 40)) < 0.01).astype(int)
GRADIENTS = {
    "all weights": (RESTING, NETWORK, ["weight", "tau_m", "v_threshold"], {"loss": psn.VanRossum(tau=10.0)}),
    "delays": (RESTING, DELAYS, ["weight", "R", "initial_state.v"], {"loss": psn.SpikeCountLoss()}),
    "smooth": (RESTING, NETWORK, ["weight", "tau_m", "E_L"], {"mode": "relaxed"}),
    "seen smoothly": (
        RESTING,
        NETWORK,
        ["weight", "tau_m"],
        {"mode": "soft", "surrogate": psn.SigmoidSurrogate(alpha=0.5)},
    ),
    "drawn": (
        RESTING,
        NETWORK,
        ["weight"],
        {"stochastic": True, "surrogate": psn.SigmoidSurrogate(alpha=0.5), "mode": "soft"},
    ),
    "GIF": (psn.GIF(), NETWORK, ["weight", "C"], {"stimulus": STRONG}),
    "voltage": (
        psn.AdEx(),
        NETWORK,
        ["C"],
        {"loss": psn.VoltageLoss(variable="v", values=np.full((300, 40), -60.0)), "stimulus": STRONG},
    ),
    "graded": (psn.LIFGate(), NETWORK, ["weight"], {"dt": 1.0}),
    "stimuli": (
        RESTING,
        NETWORK,
        ["stimulus.0.strength", "stimulus.1.amplitude", "stimulus.2.sigma", "stimulus.3.rate", "weight"],
        {
            "stimulus": psn.ConstantStimulus(strength=14 * EACH)
            + psn.SinStimulus(amplitude=3.0, period=15.0, targets=FEW)
            + psn.NoiseCurrent(sigma=6.0, tau=5.0)
            + psn.PoissonInput(rate=300.0, weight=3.0, channel="exc")
        },
    ),
}


@pytest.mark.parametrize("segments", [False, True], ids=["whole", "in segments"])
@pytest.mark.parametrize("case", some(GRADIENTS, "all weights", "stimuli"))
def test_a_gradient_is_that_of_the_processor(case, segments, monkeypatch):
    model, network, names, more = GRADIENTS[case]
    settings = {"stimulus": psn.ConstantStimulus(strength=20.0), "dt": 0.1, "data": DATA, "seed": 3} | more
    loss = settings.pop("loss", psn.VanRossum(tau=10.0))
    if segments:
        monkeypatch.setattr("pyspikenet.fitting.problem.TAPE_BYTES", 1e5)
    if isinstance(loss, psn.VoltageLoss):
        settings |= {"data": None, "duration": 30.0, "trials": 3}
    here, there = (
        psn.gradient(loss, model, network, wrt=names, device=device, **settings) for device in ("cpu", DEVICE)
    )
    assert there.loss == pytest.approx(here.loss, rel=1e-9)
    for name in names:
        x, y = np.asarray(here.gradient[name]), np.asarray(there.gradient[name])
        assert np.abs(x).max() > 0 or name == "initial_state.v"
        np.testing.assert_allclose(y, x, rtol=1e-9, atol=1e-9 * np.abs(x).max(), err_msg=name)


def test_julia_code_sees_what_a_device_computed(monkeypatch):
    model, network, _, more = GRADIENTS["all weights"]
    loss = psn.JuliaLoss(
        code="(spikes, states) -> sum(spikes) + sum(abs2, states.v)",
        gradient="(spikes, states) -> (one.(spikes), (v = 2 .* states.v,))",
        record="v",
    )
    settings = {"stimulus": psn.ConstantStimulus(strength=20.0), "dt": 0.1, "data": DATA, "seed": 3} | more
    settings.pop("loss", None)
    monkeypatch.setattr("pyspikenet.fitting.problem.TAPE_BYTES", 1e5)
    here, there = (
        psn.gradient(loss, model, network, wrt="weight", device=device, **settings) for device in ("cpu", DEVICE)
    )
    assert there.loss == pytest.approx(here.loss, rel=1e-9)
    x = here.gradient["weight"]
    assert np.abs(x).max() > 0
    np.testing.assert_allclose(there.gradient["weight"], x, rtol=1e-9, atol=1e-9 * np.abs(x).max())


def test_a_population_is_judged_as_on_the_processor():
    net = psn.Network.random(n=20, p=0.2, weight=3.0, seed=1)
    model = psn.LIF(E_L=-65.0, v_threshold=-50.0, v_reset=-60.0)
    data = psn.simulate(model, net, stimulus=psn.ConstantStimulus(strength=20.0), duration=100.0, seed=1)
    settings = {
        "data": data, "loss": psn.VanRossum(tau=10.0), "stimulus": psn.ConstantStimulus(strength=20.0), "seed": 2,
        "free": {"tau_m": (10.0, 30.0), "weight_scale.exc": (0.5, 2.0)}, "method": psn.CMAES(population=6), "epochs": 3,
    }  # fmt: skip
    here, there = (psn.fit(model, net, device=device, **settings) for device in ("cpu", DEVICE))
    np.testing.assert_allclose(there.history.loss, here.history.loss, rtol=1e-6)
    assert here.history.loss.values.min() < here.history.loss.values.max()


def test_a_candidate_that_fails_does_not_end_the_others():
    model = psn.Equations(
        "dv/dt = a*v**3/(1*ms*mV**2) : mV", threshold="v > 1e300*mV", reset="v = 0*mV", parameters={"a": 1.0}
    )
    net = psn.Network.from_edges(pre=[], post=[], n=2)
    over = {"a": [-1.0, 1.0, -2.0]}
    settings = {"over": over, "measure": "spike_count", "duration": 20.0, "initial_state": {"v": 1.0}}
    here, there = (psn.sweep(model, net, device=device, **settings) for device in ("cpu", DEVICE))
    assert list(there.failure.values) == list(here.failure.values)
    assert list(there.done.values) == list(here.done.values)
    assert there.failure.values[1]
