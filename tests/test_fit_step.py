"""The step of a gradient and of a fit is that of the data."""

import pytest

import pyspikenet as psn

NET = psn.Network.random(n=6, p=0.5, weight=3.0, seed=2)
DRIVE = psn.ConstantStimulus(strength=25.0)


def test_step_is_that_of_the_data():
    data = psn.simulate(psn.LIF(), NET, duration=80, dt=0.5, stimulus=DRIVE, seed=0)
    loss = psn.VanRossum(tau=12.0)
    assert psn.gradient(loss, psn.LIF(), NET, DRIVE, wrt="tau_m", data=data, seed=0).loss == 0
    assert psn.gradient(loss, psn.LIF(), NET, DRIVE, wrt="tau_m", data=data, dt=0.5, seed=0).loss == 0
    with pytest.raises(ValueError, match=r"dt must be that of the data, 0\.5 ms, got 0\.1 ms"):
        psn.gradient(loss, psn.LIF(), NET, DRIVE, wrt="tau_m", data=data, dt=0.1, seed=0)
