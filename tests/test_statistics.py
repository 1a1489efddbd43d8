"""Simulated statistics against theory. Tolerances are standard errors, derived where they are used."""

import numpy as np
import pytest
from scipy import stats

import pyspikenet as psn


def silent(n: int) -> psn.Network:
    """Neurons without synapses."""
    return psn.Network.from_edges(pre=[], post=[], n=n)


def bernoulli_glm_intervals(model: psn.BernoulliGLM, longest: int) -> np.ndarray:
    """P(interval = k ms), k = 1..longest, of an isolated neuron at dt = 1 ms: a renewal process."""
    # The self kernel is sampled at lags 0, 1, ...: after an interval k the next step sees lag k - 1. It ends after ten
    # steps, so an interval of more than ten steps, in which earlier spikes are forgotten, has the plain hazard.
    eta = np.r_[[-100.0] * 3, -30 * np.exp(-0.5 * np.arange(7)), np.zeros(longest - 10)]
    hazard = 1 / (1 + np.exp(model.theta - eta))
    return hazard * np.cumprod(np.r_[1.0, 1 - hazard[:-1]])


def test_theory_gives_the_known_rate():
    p = bernoulli_glm_intervals(psn.BernoulliGLM(), 20_000)
    mean = float(np.sum(p * np.arange(1, p.size + 1)))
    assert mean == pytest.approx(159.0824, rel=1e-5)
    assert 1000 / mean == pytest.approx(6.28605, rel=1e-5)


def test_isolated_bernoulli_glm_is_a_renewal_process():
    n, duration = 1000, 50_000
    ds = psn.simulate(psn.BernoulliGLM(), silent(n), duration=duration, seed=1, dtype="float32")
    p = bernoulli_glm_intervals(psn.BernoulliGLM(), 5000)
    k = np.arange(1, 5001)
    mean, variance = np.sum(p * k), np.sum(p * k**2) - np.sum(p * k) ** 2
    # Renewal theory: the count in time T has mean about T / mean and variance T var / mean^3.
    counts = ds.spk.counts().values[0]
    expected = duration / mean + (variance - mean**2) / (2 * mean**2)
    error = np.sqrt(duration * variance / mean**3 / n)
    assert abs(counts.mean() - expected) < 5 * error + 1  # the process starts without a spike, not at one
    assert counts.mean() * 1000 / duration == pytest.approx(6.28605, rel=0.01)
    intervals = ds.spk.isi().isi.values
    assert intervals.min() > 3
    edges = np.r_[0, np.quantile(intervals, np.linspace(0.02, 0.98, 49)), np.inf]
    edges = [*np.unique(np.floor(edges[:-1])), np.inf]
    observed = np.histogram(intervals, np.array(edges) + 0.5)[0]
    # Intervals longer than what is left of the run are missing; correct by the time that was left for each length.
    weight = p * np.clip(1 - (k - mean) / duration, 0, None)
    cumulative = np.r_[0, np.cumsum(weight / weight.sum())]
    bins = [cumulative[int(min(b, 5000))] for b in edges[:-1]] + [1.0]
    probabilities = np.diff(bins)
    result = stats.chisquare(observed, observed.sum() * probabilities / probabilities.sum())
    assert result.pvalue > 1e-4
    # Successive intervals are independent.
    starts = ds.spk.isi()
    same = np.diff(starts.neuron.values) == 0
    r = np.corrcoef(intervals[:-1][same], intervals[1:][same])[0, 1]
    assert abs(r) < 5 / np.sqrt(same.sum())


@pytest.mark.parametrize(
    ("model", "rate"),
    [(psn.PoissonGLM(), 63.525), (psn.RectifiedLNP(), 29.4), (psn.RectifiedSAM(), 1086.1 * 0.0147)],
    ids=["PoissonGLM", "RectifiedLNP", "RectifiedSAM"],
)
def test_isolated_poisson_models(model, rate):
    n, duration = 500, 4000.0
    ds = psn.simulate(model, silent(n), duration=duration, dt=0.1, seed=2, record=())
    expected = psn.drive(model, silent(1), spikes=np.zeros((1, 1)), dt=0.1).rate.item()
    assert expected == pytest.approx(rate, rel=1e-4)
    counts = ds.spk.counts().values[0]
    mean = rate * duration / 1000
    assert abs(counts.mean() - mean) < 5 * np.sqrt(mean / n)
    # Fano factor of Poisson counts: 1, with standard error sqrt(2 / (n - 1)).
    assert abs(counts.var(ddof=1) / counts.mean() - 1) < 5 * np.sqrt(2 / (n - 1))
    fano = ds.spk.fano_factor(bin=50.0).values
    bins = duration / 50
    assert abs(fano.mean() - 1) < 5 * np.sqrt(2 / bins / n) + 1 / bins


def test_large_poisson_means():
    n, steps = 500, 200
    model = psn.Cascade(nonlinearity="relu", emission="poisson", b=1.0, scale=80.0)
    ds = psn.simulate(model, silent(n), duration=float(steps), dt=1.0, seed=3)
    counts = ds.spk.counts(1.0).values[0].ravel()
    m = counts.size
    assert abs(counts.mean() - 80) < 5 * np.sqrt(80 / m)
    assert abs(counts.var() / 80 - 1) < 5 * np.sqrt((2 + 1 / 80) / m)


def test_mean_drive_of_a_random_network():
    """E[g] = r sum_j W[j, i] rate_j sum_k kappa(k) dt / 1000 + b for stationary Poisson spikes."""
    n = 300
    net = psn.Network.random(n=n, p=0.1, weight=lambda rng, size: rng.normal(0.2, 0.1, size), seed=4)
    # A nonlinearity that does not depend on g makes the spikes exactly Poisson.
    model = psn.Cascade(
        nonlinearity="0 * g + 0.02", emission="poisson", coupling=psn.ExponentialKernel(tau=10.0, window=20.0), b=0.3
    )
    ds = psn.simulate(model, net, duration=2000.0, dt=0.5, seed=5, record="drive")
    late = ds.drive.values[0, 100:]
    kappa = np.exp(-np.arange(40) * 0.5 / 10)
    expected = 0.3 + 0.02 * 0.5 * kappa.sum() * net.to_dense().sum(axis=0)
    # Shot noise: variance w^2 mu sum kappa^2 per synapse; correlated over about 20 ms, that is 40 steps.
    variance = 0.01 * np.sum(kappa**2) * (net.to_dense() ** 2).sum(axis=0)
    standard_error = np.sqrt(variance / (late.shape[0] / 80))
    z = (late.mean(axis=0) - expected) / standard_error
    assert np.abs(z).max() < 5
    np.testing.assert_allclose(late.var(axis=0).mean(), variance.mean(), rtol=0.05)


def test_dtypes_agree_in_distribution(dale):
    rates = [
        psn.simulate(psn.BernoulliGLM(), dale, duration=20_000, trials=2, seed=s, dtype=t, equilibration=100)
        .spk.counts()
        .values
        for s, t in ((1, "float64"), (2, "float32"))
    ]
    total = [r.sum() for r in rates]
    assert abs(total[0] - total[1]) < 5 * np.sqrt(sum(total))


@pytest.mark.slow
def test_p_values_of_many_seeds_are_uniform():
    """Two levels: the interval distribution is right if its p-values are uniform over seeds."""
    p = bernoulli_glm_intervals(psn.BernoulliGLM(theta=3.0), 3000)
    cumulative = np.cumsum(p)
    values = []
    for seed in range(60):
        ds = psn.simulate(psn.BernoulliGLM(theta=3.0), silent(200), duration=20_000, seed=seed)
        intervals = ds.spk.isi().isi.values.astype(int)
        # A uniform number within the jump of the distribution makes the discrete transform exactly uniform.
        low, high = np.r_[0, cumulative][intervals - 1], cumulative[intervals - 1]
        u = low + (high - low) * np.random.default_rng(seed).random(intervals.size)
        values.append(stats.kstest(u[:5000], "uniform").pvalue)
    assert stats.kstest(values, "uniform").pvalue > 1e-4
