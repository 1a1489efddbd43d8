"""f-I curves and vector fields against formulas."""

import numpy as np
import pytest

import pyspikenet as psn
from pyspikenet import analysis

LIF = psn.LIF(tau_m=10.0, E_L=0.0, v_threshold=1.0, v_reset=0.0)


def test_fi_curve_of_a_lif() -> None:
    currents = np.array([4.0, 0.5, 1.0, 1.1, 2.0])
    curve = analysis.fi_curve(LIF, currents, duration=1000.0, transient=100.0)
    assert curve.dims == ("current",)
    assert (curve.attrs["units"], curve.current.attrs["units"]) == ("Hz", "nA")
    np.testing.assert_array_equal(curve.current, currents)
    steps = np.ceil(10.0 * np.log(currents[[0, 3, 4]] / (currents[[0, 3, 4]] - 1)) / 0.1)
    assert np.abs(curve.values[[0, 3, 4]] - 1000 / (steps * 0.1)).max() <= 1000 / 900, "but for one spike"
    assert (curve.values[[1, 2]] == 0).all()
    # Spikes of the transient are not counted, the first one after it is.
    train = psn.simulate(
        LIF, psn.Network.from_edges(pre=[], post=[], n=1), duration=20.0, stimulus=psn.ConstantStimulus(strength=2.0)
    ).spk.trains()[0]
    for transient, counted in ((train[0], train.size - 1), (train[0] - 0.1, train.size)):
        short = analysis.fi_curve(LIF, [2.0], duration=20.0, transient=float(transient))
        assert short.item() == pytest.approx(1000 * counted / (20.0 - transient))


def test_fi_curve_with_noise_is_a_mean_over_trials() -> None:
    arguments = {"duration": 200.0, "stimulus": psn.NoiseCurrent(sigma=1.0, tau=2.0), "seed": 3}
    together = analysis.fi_curve(LIF, [0.8, 1.2], trials=3, **arguments)
    apart = [analysis.fi_curve(LIF, [0.8, 1.2], trials=[k], **arguments) for k in range(3)]
    assert len({x.values.tobytes() for x in apart}) == 3
    np.testing.assert_allclose(together, np.mean(apart, axis=0))
    assert together[0] > 0, "noise carries it over the threshold"


def test_vector_field_of_adex() -> None:
    v, w = np.linspace(-90.0, -30.0, 61), np.linspace(-100.0, 500.0, 7)
    field = analysis.vector_field(psn.AdEx(refractory_period=5.0), v, w, current=250.0)
    assert field.dv_dt.dims == field.dw_dt.dims == ("w", "v")
    assert (field.dv_dt.attrs["units"], field.dw_dt.attrs["units"], field.v.attrs["units"]) == ("mV/ms", "pA/ms", "mV")
    grid_v, grid_w = np.meshgrid(v, w)
    dv = (-30.0 * (grid_v + 70.6) + 60.0 * np.exp((grid_v + 50.4) / 2.0) - grid_w + 250.0) / 281.0
    dw = (4.0 * (grid_v + 70.6) - grid_w) / 144.0
    beyond = grid_v > -40.4
    assert beyond.any()
    np.testing.assert_array_equal(np.isnan(field.dv_dt), beyond)
    np.testing.assert_allclose(field.dv_dt.values[~beyond], dv[~beyond], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(field.dw_dt.values[~beyond], dw[~beyond], rtol=1e-5, atol=1e-6)


def test_vector_field_of_other_variables() -> None:
    """The conductance as a variable: dv/dt = -(v - E_L) g_L / C - g v / C, dg/dt = -g / tau."""
    field = analysis.vector_field(psn.CobaLIF(), [-70.0, -50.0], [0.0, 10.0, 20.0], variables=("v", "g_exc"))
    v, g = np.meshgrid([-70.0, -50.0], [0.0, 10.0, 20.0])
    np.testing.assert_allclose(field.dv_dt, (5.0 * (-70.0 - v) - g * v) / 100.0, atol=1e-6)
    np.testing.assert_allclose(field.dg_exc_dt, -g / 20.0, atol=1e-6)
