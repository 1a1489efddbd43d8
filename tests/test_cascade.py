"""The cascade models against the reference values of Spikeometric and against plain NumPy."""

import numpy as np
import pytest

import pyspikenet as psn


def impulse(n_steps: int, n: int, neuron: int) -> np.ndarray:
    spikes = np.zeros((n_steps, n))
    spikes[0, neuron] = 1
    return spikes


def test_bernoulli_glm_coupling_by_lag(triangle):
    g = psn.drive(psn.BernoulliGLM(), triangle, spikes=impulse(12, 3, 0)).drive.values[0]
    np.testing.assert_allclose(g[1:6, 1], [2, 1.6374615, 1.3406401, 1.0976232, 0.8986579], rtol=1e-7)
    np.testing.assert_allclose(g[6:, 1], 0, atol=1e-15)
    assert g[0, 1] == 0


def test_bernoulli_glm_self_kernel_by_lag(triangle):
    g = psn.drive(psn.BernoulliGLM(), triangle, spikes=impulse(13, 3, 0)).drive.values[0]
    expected = [-100, -100, -100, -30, -18.195919, -11.036384, -6.693905, -4.060059, -2.462550, -1.493612, 0, 0]
    np.testing.assert_allclose(g[1:, 0], expected, rtol=1e-6)


def test_rectified_sam_from_given_activation(triangle):
    ds = psn.drive(
        psn.RectifiedSAM(), triangle, spikes=np.zeros((3, 3)), dt=0.1, initial_state={"activation": [0.2, 0.5, 0.8]}
    )
    np.testing.assert_allclose(ds.drive.values[0, 0], [0.011, 0.011, -0.01775], rtol=1e-12)
    mu = ds.rate.values[0] * 0.1 / 1000
    np.testing.assert_allclose(mu[0], [0.0026827, 0.0026827, 0], atol=5e-8)  # known to five digits
    np.testing.assert_allclose(mu[0, 0], 1.0861 * 0.1 * (0.011 + 0.0137), rtol=1e-12)
    # Without spikes the activation decays by 1 - dt / tau in each step.
    np.testing.assert_allclose(ds.drive.values[0, 1:, 0] - 0.001, 0.01 * 0.99 ** np.arange(1, 3), rtol=1e-12)


def test_rectified_sam_activation_follows_spikes(triangle):
    spikes = np.random.default_rng(1).poisson(0.3, (200, 3))
    ds = psn.drive(psn.RectifiedSAM(), triangle, spikes=spikes, dt=0.1)
    s, w = np.zeros(3), triangle.to_dense()
    for k in range(200):
        np.testing.assert_allclose(ds.drive.values[0, k], 0.025 * s @ w + 0.001, rtol=1e-12, atol=1e-15)
        s = s * (1 - 0.1 / 10) + spikes[k] * 0.1


@pytest.mark.parametrize(
    ("model", "dt", "kappa", "eta", "rate"),
    [
        (
            psn.BernoulliGLM(theta=3.0, r=0.7, b=0.2),
            0.5,
            np.exp(-0.2 * 0.5 * np.arange(10)),
            np.r_[[-100.0] * 6, -30 * np.exp(-0.5 * 0.5 * np.arange(14))],
            lambda g: 1000 / (1 + np.exp(3.0 - g)),
        ),
        (
            psn.PoissonGLM(),
            0.1,
            np.exp(-np.arange(200) * 0.1 / 10),
            np.zeros(1),
            lambda g: 1000 / 15.9 * np.exp(10 * g),
        ),
        (
            psn.RectifiedLNP(),
            0.1,
            np.exp(-np.arange(200) * 0.1 / 10),
            np.zeros(1),
            lambda g: 9800 * np.maximum(g + 0.002, 0),
        ),
    ],
    ids=["BernoulliGLM", "PoissonGLM", "RectifiedLNP"],
)
def test_glm_against_convolution(model, dt, kappa, eta, rate, dale):
    rng = np.random.default_rng(3)
    spikes = (rng.random((300, dale.n)) < 0.02) * rng.integers(1, 3, (300, dale.n))
    ds = psn.drive(model, dale, spikes=spikes, dt=dt)
    through = np.apply_along_axis(lambda x: np.convolve(x, kappa)[: len(x)], 0, spikes.astype(float))
    own = np.apply_along_axis(lambda x: np.convolve(x, eta)[: len(x)], 0, spikes.astype(float))
    g = np.full((300, dale.n), model.b)
    g[1:] += model.r * (through @ dale.to_dense())[:-1] + own[:-1]
    np.testing.assert_allclose(ds.drive.values[0], g, atol=1e-10)
    np.testing.assert_allclose(ds.rate.values[0], rate(g), rtol=1e-9, atol=1e-9)


def test_threshold_sam_is_strict_and_deterministic_without_noise():
    net = psn.Network.from_edges(pre=[0], post=[1], weight=[1.0], n=2)
    model = psn.ThresholdSAM(theta=[0.002, 0.001], rho=0.0)  # the background is 0.001
    ds = psn.simulate(model, net, duration=10, seed=0, record="rate")
    assert ds.sizes["spike"] == 0, "g = theta is not above theta"
    assert (ds.rate == 0).all()
    ds = psn.simulate(model.replace(theta=[0.0009, 0.001]), net, duration=10, seed=0, record="rate")
    assert ds.spk.counts().values.tolist() == [[100, 99]], "the first spike reaches neuron 1 one step later"
    assert ds.rate.values[0, :, 0] == pytest.approx(10_000)


def test_threshold_sam_background_noise():
    n, steps = 2000, 500
    model = psn.ThresholdSAM(theta=1.0, b=0.01, sigma=0.3, rho=0.07)
    net = psn.Network.from_edges(pre=[], post=[], n=n)
    g = psn.simulate(model, net, duration=steps * 0.1, seed=4, record="drive").drive.values[0]
    noise = (g - 0.01) / 0.01
    present = noise != 0
    m = noise.size
    assert abs(present.mean() - 0.07) < 5 * np.sqrt(0.07 * 0.93 / m)
    x = noise[present]
    assert abs(x.mean()) < 5 * 0.3 / np.sqrt(x.size)
    assert abs(x.std() - 0.3) < 5 * 0.3 / np.sqrt(2 * x.size)
    # Neither the noise nor its presence repeats from step to step or from neuron to neuron.
    assert abs(np.corrcoef(present[1:].ravel(), present[:-1].ravel())[0, 1]) < 5 / np.sqrt(m)
    assert abs(np.corrcoef(present[:, 1:].ravel(), present[:, :-1].ravel())[0, 1]) < 5 / np.sqrt(m)


CASES = {
    "BernoulliGLM": (
        psn.BernoulliGLM(),
        1.0,
        psn.Cascade(
            nonlinearity="sigmoid",
            emission="bernoulli",
            theta=5.0,
            coupling=psn.ExponentialKernel(tau=1 / 0.2, window=5.0),
            self_kernel=psn.ArrayKernel(weights=np.r_[[-100.0] * 3, -30 * np.exp(-0.5 * np.arange(7))]),
        ),
    ),
    "PoissonGLM": (
        psn.PoissonGLM(),
        0.1,
        psn.Cascade(
            nonlinearity="exp",
            emission="poisson",
            beta=10.0,
            scale=1 / 15.9,
            r=0.025,
            b=0.001,
            coupling=psn.ExponentialKernel(tau=10.0, window=20.0),
        ),
    ),
    "RectifiedLNP": (
        psn.RectifiedLNP(),
        0.1,
        psn.Cascade(
            nonlinearity="relu",
            emission="poisson",
            theta=-0.002,
            scale=9.8,
            r=0.025,
            b=0.001,
            coupling=psn.ExponentialKernel(tau=10.0, window=20.0),
        ),
    ),
    "RectifiedSAM": (
        psn.RectifiedSAM(),
        0.1,
        psn.Cascade(
            nonlinearity="relu",
            emission="poisson",
            theta=-0.0137,
            scale=1.0861,
            r=0.025,
            b=0.001,
            activation_tau=10.0,
        ),
    ),
    "ThresholdSAM": (
        psn.ThresholdSAM(rho=0.0, b=0.0015),
        0.1,
        psn.Cascade(
            nonlinearity="identity", emission="threshold", theta=1.378e-3, r=0.025, b=0.0015, activation_tau=10.0
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_five_models_are_settings_of_cascade(name, dale):
    model, dt, cascade = CASES[name]
    first, second = (psn.simulate(m, dale, duration=200 * dt, dt=dt, seed=5, record="drive") for m in (model, cascade))
    assert first.sizes["spike"] > 0
    np.testing.assert_allclose(first.drive, second.drive, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(first.spike_time, second.spike_time)
    np.testing.assert_array_equal(first.spike_neuron, second.spike_neuron)


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("exp", np.exp),
        ("sigmoid", lambda g: 1 / (1 + np.exp(-g))),
        ("softplus", lambda g: np.log1p(np.exp(g))),
        ("relu", lambda g: np.maximum(g, 0)),
        ("0.5 * exp(-g**2) + max(tanh(g), 0) / 4", lambda g: 0.5 * np.exp(-(g**2)) + np.maximum(np.tanh(g), 0) / 4),
        ("abs(g)^1.5 / (1 + sqrt(abs(g)))", lambda g: np.abs(g) ** 1.5 / (1 + np.sqrt(np.abs(g)))),
        ("log1p(exp(g)) * sigmoid(2*g - 1)", lambda g: np.log1p(np.exp(g)) / (1 + np.exp(1 - 2 * g))),
    ],
)
def test_nonlinearities(text, function):
    values = np.linspace(-3, 3, 61)
    net = psn.Network.from_edges(pre=[], post=[], n=61)
    model = psn.Cascade(nonlinearity=text, emission="poisson", b=values, scale=0.01)
    ds = psn.drive(model, net, spikes=np.zeros((1, 61)))
    np.testing.assert_allclose(ds.rate.values[0, 0], 10 * function(values), rtol=1e-12)


def test_coupling_given_as_an_array(triangle):
    kernel = [0.5, 1.0, -0.25, 0.0, 2.0]
    model = psn.Cascade(coupling=psn.ArrayKernel(weights=kernel))
    g = psn.drive(model, triangle, spikes=impulse(9, 3, 0), dt=1.0).drive.values[0]
    np.testing.assert_allclose(g[1:, 1], 2 * np.r_[kernel, 0, 0, 0], atol=1e-15)
    assert (g[:, [0, 2]] == 0).all(), "without a self kernel a spike does not act on its own neuron"


def test_delays_shift_the_coupling(triangle):
    late = psn.Network.from_edges(pre=[0, 1, 2], post=[1, 2, 0], weight=[2, -1.5, 0.5], delay=[4.0, 1.0, 2.0])
    early, shifted = (
        psn.drive(psn.BernoulliGLM(), net, spikes=impulse(15, 3, 0)).drive.values[0, :, 1] for net in (triangle, late)
    )
    np.testing.assert_allclose(shifted[3:], early[:-3], atol=1e-15)
    assert (shifted[:4] == 0).all()


def test_every_neuron_is_refractory_connected_or_not():
    net = psn.Network.from_edges(pre=[0], post=[1], weight=[1.0], n=3)
    ds = psn.simulate(psn.BernoulliGLM(theta=-3.0), net, duration=5000, seed=1)
    for train in ds.spk.trains():
        assert len(train) > 100
        assert np.diff(train).min() > 3


def test_per_neuron_parameters_act_on_their_neuron(dale):
    theta = np.linspace(2, 8, dale.n)
    ds = psn.simulate(psn.BernoulliGLM(theta=theta), dale, duration=200, seed=1, record="rate")
    same = psn.drive(psn.BernoulliGLM(theta=theta), dale, spikes=ds)
    np.testing.assert_array_equal(ds.rate.values, same.rate.values)
    for i in (0, 50, 99):
        alone = psn.drive(psn.BernoulliGLM(theta=float(theta[i])), dale, spikes=ds)
        np.testing.assert_allclose(alone.rate.values[..., i], ds.rate.values[..., i], rtol=1e-12)


def test_drive_of_a_simulation_is_what_the_simulation_recorded(dale):
    for model, strength in ((psn.BernoulliGLM(), 2.0), (psn.PoissonGLM(r=0.001), 0.02), (psn.RectifiedSAM(), 0.01)):
        dt = model.default_dt
        stimulus = psn.RegularStimulus(strength=strength, period=50.0, duration=10.0) + psn.PoissonInput(
            rate=50.0, weight=strength / 4
        )
        ds = psn.simulate(model, dale, duration=300 * dt, stimulus=stimulus, trials=3, seed=8, record=["drive", "rate"])
        again = psn.drive(model, dale, spikes=ds, stimulus=stimulus)
        np.testing.assert_array_equal(ds.drive.values, again.drive.values)
        np.testing.assert_array_equal(ds.rate.values, again.rate.values)


def test_a_runaway_ends_with_an_error_that_names_it(dale):
    stimulus = psn.ConstantStimulus(strength=2.0, targets=[7])
    with pytest.raises(psn.JuliaError, match=r"activity of neuron 7 in step 0 .* must be an expected count"):
        psn.simulate(psn.PoissonGLM(), dale, duration=10.0, stimulus=stimulus, seed=1)
    with pytest.raises(psn.JuliaError, match=r"neuron \d+ in step \d+ \(trial 0\) .* must be a probability"):
        psn.simulate(psn.BernoulliGLM(theta=-5.0), dale, duration=10.0, dt=2.0, seed=1)
    psn.simulate(psn.BernoulliGLM(), dale, duration=10.0, seed=1)


@pytest.mark.parametrize("strength", [1e3, 1e300])
def test_an_activity_that_cannot_be_drawn_from_names_neuron_and_step(strength):
    net = psn.Network.from_edges(pre=[], post=[], n=3)
    stimulus = psn.ConstantStimulus(strength=strength, start=0.5, targets=[2])
    with pytest.raises(psn.JuliaError, match=r"activity of neuron 2 in step 5 .* must be an expected count"):
        psn.simulate(psn.PoissonGLM(), net, duration=2.0, stimulus=stimulus, seed=1)
