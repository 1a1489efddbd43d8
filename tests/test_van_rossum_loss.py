"""Reductions of the loss VanRossum: against the distance between trains, and their gradients against differences."""

import numpy as np
import pytest

import pyspikenet as psn

NET = psn.Network.random(n=6, p=0.5, weight=3.0, seed=2)
DRIVE = psn.ConstantStimulus(strength=np.linspace(21.0, 32.0, 6))
MODEL = psn.LIF(tau_m=15.0)


@pytest.fixture(scope="module")
def data():
    return psn.simulate(psn.LIF(tau_m=18.0), NET, duration=80, dt=0.5, stimulus=DRIVE, trials=2, seed=0)


@pytest.mark.parametrize("neuron_weights", [None, [1.0, 0.0, 2.0, 1.0, 0.5, 1.0]])
def test_reductions_are_of_the_distances(data, neuron_weights):
    squares = np.array(
        [
            psn.gradient(
                psn.VanRossum(tau=12.0, neuron_weights=np.eye(6)[i]), MODEL, NET, DRIVE, wrt="tau_m", data=data, seed=0
            ).loss
            for i in range(6)
        ]
    )
    w = np.ones(6) if neuron_weights is None else np.array(neuron_weights)
    expected = {"squared": w @ squares, "distance": w @ np.sqrt(squares), "norm": np.sqrt(w @ squares)}
    assert expected["squared"] > 0
    for reduction, value in expected.items():
        loss = psn.VanRossum(tau=12.0, reduction=reduction, neuron_weights=neuron_weights)
        # Both trials have the same input, so that their mean is each of them.
        found = psn.gradient(loss, MODEL, NET, DRIVE, wrt="tau_m", data=data, seed=0)
        assert found.loss == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("kernel", ["sum", "recent"])
@pytest.mark.parametrize("reduction", ["distance", "norm"])
def test_gradient_of_the_roots(data, kernel, reduction):
    loss = psn.VanRossum(tau=12.0, kernel=kernel, reduction=reduction)
    smooth = {"data": data, "seed": 0, "mode": "relaxed", "surrogate": psn.SigmoidSurrogate(alpha=0.5)}

    def at(tau_m):
        return psn.gradient(loss, MODEL.replace(tau_m=tau_m), NET, DRIVE, wrt="tau_m", **smooth)

    step = 1e-4
    difference = (at(15 + step).loss - at(15 - step).loss) / (2 * step)
    assert at(15.0).gradient["tau_m"] == pytest.approx(difference, rel=1e-6)


def test_equal_trains_have_no_gradient(data):
    loss = psn.VanRossum(tau=12.0, reduction="norm")
    found = psn.gradient(loss, psn.LIF(tau_m=18.0), NET, DRIVE, wrt="weight", data=data, seed=0)
    assert found.loss == 0
    assert not found.gradient["weight"].any()


def test_unknown_reduction():
    with pytest.raises(ValueError, match="reduction must be 'squared', 'distance' or 'norm', got 'mean'"):
        psn.VanRossum(reduction="mean")
