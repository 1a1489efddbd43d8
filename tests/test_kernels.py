"""Kernels: their values, and that Julia applies the same ones."""

import numpy as np
import pytest

import pyspikenet as psn


def test_exponential() -> None:
    kernel = psn.ExponentialKernel(tau=5.0, window=2.0, gain=-3.0)
    np.testing.assert_allclose(kernel.values(0.5), -3.0 * np.exp(-np.arange(4) * 0.5 / 5.0), rtol=1e-15)
    # A window between two steps contains the step that it cuts; 0.3 / 0.1 is three steps.
    assert psn.ExponentialKernel(window=1.25).values(0.5).size == 3
    assert psn.ExponentialKernel(window=0.3).values(0.1).size == 3
    assert psn.ExponentialKernel(window=0.01).values(0.1).size == 1
    with pytest.raises(TypeError, match="ExponentialKernel has no end"):
        psn.ExponentialKernel().values(0.1)


def test_array() -> None:
    kernel = psn.ArrayKernel(weights=[1, 2, 3])
    for dt in (0.1, 1.0):
        np.testing.assert_array_equal(kernel.values(dt), [1.0, 2.0, 3.0])
    kernel.values(1.0)[0] = 9.0
    assert kernel.weights[0] == 1.0


def test_raised_cosines() -> None:
    kernel = psn.RaisedCosineKernel(weights=[1.0, -2.0, 0.5, 3.0], first_peak=2.0, last_peak=40.0, offset=3.0)
    dt = 0.01
    basis = kernel.basis(dt)
    t = np.arange(basis.shape[0]) * dt
    assert basis.shape[1] == 4
    assert basis.min() >= 0
    assert basis.max() <= 1
    # Peaks are evenly spaced on the logarithmic axis from the first to the last.
    peaks = np.exp(np.linspace(np.log(5.0), np.log(43.0), 4)) - 3.0
    np.testing.assert_allclose(t[basis.argmax(axis=0)], peaks, atol=dt)
    # Where all four overlap, the bumps add up to a constant.
    inside = (t > peaks[1]) & (t < peaks[-2])
    np.testing.assert_allclose(basis[inside].sum(axis=1), 2.0, atol=1e-12)
    # It ends where the last bump does.
    assert basis[-1].max() < 1e-4
    np.testing.assert_allclose(kernel.values(dt), basis @ [1.0, -2.0, 0.5, 3.0], rtol=1e-15)
    phase = (np.log(t + 3.0) - np.log(5.0)) * np.pi / (2 * (np.log(43.0) - np.log(5.0)) / 3)
    np.testing.assert_allclose(basis[:, 0], (1 + np.cos(np.clip(phase, -np.pi, np.pi))) / 2, atol=1e-14)


COUPLINGS = [
    psn.ExponentialKernel(tau=4.0),
    psn.ExponentialKernel(tau=4.0, window=6.0, gain=1.5),
    psn.ArrayKernel(weights=[0.5, -1.0, 2.0]),
    psn.RaisedCosineKernel(weights=[1.0, -0.5, 0.25], last_peak=8.0),
]


@pytest.mark.parametrize("coupling", COUPLINGS, ids=repr)
def test_coupling_and_self_kernel_are_convolutions(coupling: psn.ExponentialKernel) -> None:
    dt, steps, n = 0.5, 60, 4
    rng = np.random.default_rng(0)
    matrix = rng.normal(0, 1, (n, n)) * (rng.random((n, n)) < 0.6)
    own = psn.RaisedCosineKernel(weights=[-2.0, 1.0], last_peak=5.0)
    spikes = rng.poisson(0.2, (steps, n))
    model = psn.Cascade(coupling=coupling, self_kernel=own, nonlinearity="identity", emission="poisson", r=0.7, b=0.3)
    endless = isinstance(coupling, psn.ExponentialKernel) and coupling.window is None
    kappa = (coupling.replace(window=steps * dt) if endless else coupling).values(dt)
    eta = own.values(dt)

    def filtered(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        columns = [np.convolve(column, kernel)[:steps] for column in x.T]
        # A spike acts from the next step on.
        return np.vstack([np.zeros(n), np.array(columns).T[:-1]])

    expected = 0.7 * filtered(spikes @ matrix, kappa) + filtered(spikes, eta) + 0.3
    ds = psn.drive(model, psn.Network.from_dense(matrix), spikes=spikes, dt=dt)
    np.testing.assert_allclose(ds.drive.values[0], expected, rtol=1e-9, atol=1e-11)


def test_the_reference_kernels_of_the_bernoulli_glm(triangle: psn.Network) -> None:
    spikes = np.zeros((12, 3))
    spikes[0, 0] = 1
    drive = psn.drive(psn.BernoulliGLM(), triangle, spikes=spikes).drive.values[0]
    coupling = [2, 1.6374615, 1.3406401, 1.0976232, 0.8986579, 0, 0, 0, 0, 0, 0]
    own = [-100, -100, -100, -30, -18.195919, -11.036384, -6.693905, -4.060059, -2.462550, -1.493612, 0]
    np.testing.assert_allclose(drive[1:, 1], coupling, rtol=1e-6, atol=1e-11)
    np.testing.assert_allclose(drive[1:, 0], own, rtol=1e-6, atol=1e-11)
