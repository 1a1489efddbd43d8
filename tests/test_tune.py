"""tune(): the reference steps of Adam, convergence, and that nothing else changes."""

import numpy as np
import pytest

import pyspikenet as psn


@pytest.mark.parametrize(("target", "theta"), [(62.5, 4.9), (1.0, 5.1)])
def test_one_epoch_is_one_step_of_adam(dale, target, theta):
    tuning = psn.tune(psn.BernoulliGLM(), dale, target=target, epochs=1, learning_rate=0.1, seed=0)
    assert tuning.model.theta == pytest.approx(theta, rel=1e-6)


@pytest.mark.parametrize(
    ("model", "parameter", "target", "rate"),
    [
        (psn.BernoulliGLM(), "theta", 20.0, 0.1),
        (psn.PoissonGLM(r=0.001), "b", 90.0, 0.01),
        (psn.RectifiedLNP(r=0.001), "lambda_0", 45.0, 0.5),
        (psn.RectifiedSAM(), "theta", 30.0, 0.001),
    ],
    ids=["BernoulliGLM", "PoissonGLM", "RectifiedLNP", "RectifiedSAM"],
)
def test_reaches_the_target_in_hz(dale, model, parameter, target, rate):
    duration = 1000.0 if model.default_dt == 1.0 else 300.0
    tuning = psn.tune(
        model, dale, target=target, parameters=[parameter], epochs=50, learning_rate=rate, duration=duration, seed=1
    )
    check = psn.simulate(tuning.model, dale, duration=duration, trials=4, seed=99).spk.rates().mean().item()
    assert check == pytest.approx(target, rel=0.05)
    assert tuning.history.loss[-5:].mean() < 0.05 * tuning.history.loss[0]
    assert tuning.history.rate[0] != pytest.approx(target, rel=0.05), "the start was not at the target already"
    unchanged = {k: v for k, v in model.to_dict().items() if k != parameter}
    assert {k: v for k, v in tuning.model.to_dict().items() if k != parameter} == unchanged


def test_stimulus_strength_and_several_parameters(dale):
    stimulus = psn.ConstantStimulus(strength=0.5) + psn.SinStimulus(amplitude=1.0, period=100.0)
    tuning = psn.tune(
        psn.BernoulliGLM(),
        dale,
        target=25.0,
        parameters=["stimulus.0.strength", "b"],
        stimulus=stimulus,
        epochs=40,
        seed=2,
    )
    assert tuning.stimulus[1] == stimulus[1]
    assert tuning.stimulus[0].strength > 0.7
    assert tuning.model.b > 0.2
    assert tuning.model.theta == 5.0
    rate = psn.simulate(tuning.model, dale, duration=2000, stimulus=tuning.stimulus, seed=9).spk.rates().mean().item()
    assert rate == pytest.approx(25.0, rel=0.06)


def test_a_target_for_every_neuron():
    net = psn.Network.random(n=40, p=0.1, weight=0.1, seed=1)
    target = np.linspace(5, 60, 40)
    tuning = psn.tune(psn.BernoulliGLM(), net, target=target, epochs=60, duration=3000.0, learning_rate=0.15, seed=3)
    assert tuning.model.theta.shape == (40,)
    assert tuning.history.theta.dims == ("epoch", "neuron")
    rates = psn.simulate(tuning.model, net, duration=20_000, seed=4).spk.rates().values[0]
    assert np.corrcoef(rates, target)[0, 1] > 0.98
    assert np.median(np.abs(rates / target - 1)) < 0.15


def test_the_gradient_is_that_of_the_expected_rate():
    """Against the derivative written down, without synapses: d rate / d theta = -mean p (1 - p / dt)."""
    lonely = psn.Network.from_edges(pre=[0], post=[1], weight=[0.0], n=50)
    model = psn.BernoulliGLM(abs_ref_strength=0.0, rel_ref_strength=0.0)
    found = psn.gradient(psn.TargetRate(rate=1.0), model, lonely, wrt="theta", duration=500.0, trials=2, seed=5)
    ds = psn.simulate(model, lonely, duration=500.0, trials=2, seed=5, record="rate")
    p = ds.rate.values / 1000
    by_rate = 2 * (ds.sizes["spike"] / 50 / 2 / 0.5 - 1.0)
    assert found.gradient["theta"] == pytest.approx(by_rate * -np.mean(1000 * p * (1 - p)), rel=1e-9)


def test_equilibration_comes_before_what_is_compared(dale):
    stimulus = psn.ConstantStimulus(strength=1.0)
    runs = {"stimulus": stimulus, "duration": 300.0, "epochs": 1, "seed": 0, "target": 10.0}
    at_once, later = (psn.tune(psn.BernoulliGLM(), dale, equilibration=x, **runs) for x in (0.0, 200.0))
    assert at_once.history.rate[0] != later.history.rate[0]
    assert later.history.loss[0] == pytest.approx((later.history.rate[0] - 10.0) ** 2)


def test_same_seed_same_tuning(dale):
    a, b = (psn.tune(psn.BernoulliGLM(), dale, target=15.0, epochs=5, seed=6) for _ in range(2))
    assert a.model == b.model
    np.testing.assert_array_equal(a.history.loss, b.history.loss)
