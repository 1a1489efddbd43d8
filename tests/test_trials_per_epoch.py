"""Epochs of a fit that see some of the trials each."""

import numpy as np
import pytest

import pyspikenet as psn

NET = psn.Network.random(n=6, p=0.5, weight=3.0, seed=2)
DRIVE = psn.ConstantStimulus(strength=25.0) + psn.NoiseCurrent(sigma=3.0)


@pytest.fixture(scope="module")
def data():
    return psn.simulate(psn.LIF(tau_m=18.0), NET, duration=60, dt=0.5, stimulus=DRIVE, trials=6, seed=0)


def fit(data, **arguments):
    return psn.fit(
        psn.LIF(tau_m=15.0), NET, data, free="tau_m", loss=psn.VanRossum(tau=12.0), stimulus=DRIVE,
        **{"method": "sgd", "learning_rate": 0.02, "seed": 0, "progress": False, **arguments},
    )  # fmt: skip


def test_epochs_go_on_with_the_trials_that_follow(data):
    one = fit(data, epochs=1, batch_size=1)
    parts = fit(data, epochs=3, trials_per_epoch=2, batch_size=1)
    assert parts.last.model.tau_m == one.last.model.tau_m != 15.0
    assert parts.history.loss.values.mean() == pytest.approx(one.history.loss.values[0], rel=1e-12)
    twice = fit(data, epochs=2, batch_size=1)
    # The second round begins in the middle of the second epoch.
    assert fit(data, epochs=3, trials_per_epoch=4, batch_size=1).last.model.tau_m == twice.last.model.tau_m


def test_a_round_sees_every_trial_once_in_any_order(data):
    still = {"learning_rate": 1e-12, "shuffle": True, "batch_size": 1}
    whole = fit(data, epochs=2, **still).history.loss.values
    parts = fit(data, epochs=6, trials_per_epoch=2, **still).history.loss.values
    assert parts.reshape(2, 3).mean(1) == pytest.approx(whole, rel=1e-9)
    assert np.unique(parts.round(6)).size > 3


def test_trials_per_epoch_are_checked(data):
    with pytest.raises(ValueError, match=r"trials_per_epoch must be at most the number of trials \(6\), got 7"):
        fit(data, trials_per_epoch=7)
    with pytest.raises(ValueError, match="lbfgs"):
        fit(data, trials_per_epoch=3, method="lbfgs")
