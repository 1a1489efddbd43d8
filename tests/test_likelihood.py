"""fit_glm() and log_likelihood(): against NumPy, against known networks, and what is refused."""

# ruff: noqa: E501 (one case is one line of a table)

import warnings
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import pyspikenet as psn

COUPLING = psn.ExponentialKernel(tau=5.0, window=5.0)
REFRACTORY = psn.ArrayKernel(weights=np.r_[[-100.0] * 3, -30 * np.exp(-0.5 * np.arange(7))])


@pytest.fixture(scope="module")
def known() -> Any:
    """A network, and spikes of it."""
    net = psn.Network.normal(n=10, std=5.0, sparsity=0.5, glorot=True, seed=1)
    return net, psn.simulate(psn.BernoulliGLM(theta=3.0), net, duration=15_000.0, trials=2, seed=0)


def own_model(ds: Any, **options: Any) -> psn.GLM:
    """The form of BernoulliGLM."""
    given = {"emission": "bernoulli", "coupling": COUPLING, "history": None, "self_kernel": REFRACTORY}
    return psn.fit_glm(ds, **(given | options))


def small(emission: str = "poisson") -> np.ndarray:
    rng = np.random.default_rng(2)
    return rng.poisson(0.1, (2, 400, 3)) if emission == "poisson" else (rng.random((2, 400, 3)) < 0.1).astype(int)


# ---- the package's own models ----


@pytest.mark.parametrize(
    ("model", "dt"),
    [
        (psn.BernoulliGLM(theta=3.0), 0.5),
        (psn.PoissonGLM(r=0.001), 0.1),
        (psn.RectifiedLNP(r=0.001), 0.1),
        (psn.Cascade(nonlinearity="softplus", emission="poisson", scale=0.1, coupling=COUPLING), 1.0),
    ],
    ids=lambda x: type(x).__name__,
)
def test_log_likelihood_of_cascade_models(model, dt, dale):
    from scipy.special import gammaln, xlogy

    ds = psn.simulate(model, dale, duration=300 * dt, dt=dt, trials=[4, 2], seed=3)
    y = ds.spk.counts(dt).values
    mu = psn.drive(model, dale, spikes=ds).rate.values * dt / 1000
    bernoulli = isinstance(model, psn.BernoulliGLM)
    expected = np.where(y > 0, np.log(mu), np.log1p(-mu)) if bernoulli else xlogy(y, mu) - mu - gammaln(y + 1)
    found = psn.log_likelihood(model, dale, ds)
    assert found.dims == ("trial", "neuron")
    assert found.trial.values.tolist() == [4, 2]
    np.testing.assert_allclose(found, expected.sum(1), rtol=1e-10)
    np.testing.assert_allclose(psn.log_likelihood(model, dale, y, dt=dt), expected.sum(1), rtol=1e-10)


def test_impossible_spikes_have_no_likelihood(triangle):
    twice = np.zeros((5, 3))
    twice[2, 1] = 2
    assert psn.log_likelihood(psn.BernoulliGLM(), triangle, twice).values.tolist()[0][1] == -np.inf
    silent = psn.RectifiedLNP(theta=1.0)
    assert psn.log_likelihood(silent, triangle, twice).values[0].tolist() == [0.0, -np.inf, 0.0]
    with pytest.raises(TypeError, match=r"model must be a cascade model whose spikes are drawn.*got ThresholdSAM"):
        psn.log_likelihood(psn.ThresholdSAM(), triangle, twice)


def test_the_fitted_model_is_one_of_the_package(known):
    _, ds = known
    glm = own_model(ds)
    model, net = glm.to_model(), glm.to_network()
    np.testing.assert_allclose(psn.log_likelihood(model, net, ds).sum("trial"), glm.log_likelihood(), rtol=1e-9)
    np.testing.assert_allclose(psn.drive(model, net, spikes=ds).rate, glm.predict(), rtol=1e-9)
    again = psn.simulate(model, net, duration=10_000.0, dt=1.0, seed=9).spk.rates().values[0]
    np.testing.assert_allclose(again, ds.spk.rates().mean("trial"), rtol=0.15)


# ---- the fit ----


def test_a_known_network_is_recovered(known):
    net, ds = known
    glm = own_model(ds)
    others, errors = ~np.eye(10, dtype=bool), glm.standard_errors()
    z = (glm.coupling.values[:, :, 0] - net.to_dense())[others] / errors.coupling.values[:, :, 0][others]
    assert np.abs(z).max() < 5
    assert 0.7 < z.std() < 1.3, "standard errors are what the estimates scatter by"
    assert np.abs((glm.intercept + 3.0) / errors.intercept).max() < 5
    assert np.corrcoef(glm.coupling.values[:, :, 0][others], net.to_dense()[others])[0, 1] > 0.9
    assert glm.converged.all()
    assert (glm.coupling.values[:, :, 0][~others] == 0).all()


@pytest.mark.slow
def test_fifty_neurons_are_recovered_from_a_million_steps():
    net = psn.Network.normal(n=50, std=5.0, sparsity=0.5, glorot=True, seed=1)
    ds = psn.simulate(psn.BernoulliGLM(theta=4.0), net, duration=1e6, seed=0)
    others = ~np.eye(50, dtype=bool)
    found = own_model(ds).coupling.values[:, :, 0]
    assert np.corrcoef(found[others], net.to_dense()[others])[0, 1] > 0.95


@pytest.mark.parametrize(
    ("emission", "nonlinearity"), [("poisson", "exp"), ("poisson", "softplus"), ("bernoulli", "sigmoid")]
)
def test_gradient_vanishes_and_predictions_follow_from_the_design(emission, nonlinearity):
    y = small(emission)
    stimulus = np.random.default_rng(0).normal(size=(2, 400, 2))
    glm = psn.fit_glm(
        y, dt=2.0, emission=emission, nonlinearity=nonlinearity, coupling=psn.RaisedCosine(n=2, window=20.0),
        stimulus=stimulus, stimulus_basis=psn.RaisedCosine(n=2, window=10.0, spacing="linear"),
    )  # fmt: skip
    f = {"exp": np.exp, "softplus": lambda x: np.log1p(np.exp(x)), "sigmoid": lambda x: 1 / (1 + np.exp(-x))}[
        nonlinearity
    ]
    rate = glm.predict()
    assert rate.sizes == {"trial": 2, "time": 400, "neuron": 3}
    for i in range(3):
        X, found = glm.design_matrix(i), glm.coefficients.isel(post=i)
        x = np.r_[found.intercept, found.coupling.values.ravel(), found.stimulus.values.ravel(), found.history.values]
        mu = f(X.values @ x)
        np.testing.assert_allclose(rate.values[:, :, i].ravel(), mu * 500.0, rtol=1e-10)
        if nonlinearity != "softplus":  # the gradient is X'(y - mu) where f is canonical
            free = np.array([not str(name).startswith(f"coupling {i} ") for name in X.column.values])
            np.testing.assert_allclose(X.values[:, free].T @ (y[:, :, i].ravel() - mu), 0, atol=1e-4)
    kernels = glm.kernels()
    lag = kernels.coupling.lag.values
    np.testing.assert_allclose(
        kernels.coupling.sel(pre=1, post=0), psn.RaisedCosine(n=2, window=20.0).values(2.0) @ glm.coupling.values[1, 0]
    )
    assert lag[:3].tolist() == [0, 2, 4]


def test_the_number_of_threads_changes_nothing(known):
    _, ds = known
    one, two = (own_model(ds, threads=k, neurons=[0, 3], penalty=psn.L1(strength=1e-4)) for k in (1, 2))
    np.testing.assert_array_equal(one.coefficients.coupling, two.coefficients.coupling)
    np.testing.assert_array_equal(one.intercept, two.intercept)


def test_forms_of_data_are_the_same_data():
    y = small("bernoulli")
    options: dict[str, Any] = {"emission": "bernoulli", "coupling": psn.RaisedCosine(n=2, window=10.0), "history": None}
    first = psn.fit_glm(y, dt=0.5, **options)
    times = [[(np.flatnonzero(trial[:, i]) + 1) * 0.5 for i in range(3)] for trial in y]
    lists = psn.fit_glm(times, dt=0.5, duration=200.0, **options)
    np.testing.assert_array_equal(first.coupling, lists.coupling)
    shifted = psn.fit_glm([[t - 0.2 for t in trial] for trial in times], dt=0.5, duration=200.0, **options)
    np.testing.assert_array_equal(first.coupling, shifted.coupling)
    np.testing.assert_array_equal(first.score(times, duration=200.0), first.score())
    net = psn.Network.from_edges(pre=[], post=[], n=3, labels=["a", "b", "c"])
    ds = psn.simulate(psn.PoissonGLM(b=0.05), net, duration=200.0, seed=1)
    coarse = psn.fit_glm(ds, dt=1.0, coupling=None)
    assert coarse.intercept.post.values.tolist() == ["a", "b", "c"]
    counts = psn.fit_glm(ds.spk.counts(1.0), dt=1.0, coupling=None)
    np.testing.assert_array_equal(coarse.history, counts.history)


def test_mask_and_neurons():
    mask = np.zeros((3, 3), bool)
    mask[0, 2] = True
    glm = psn.fit_glm(small(), dt=1.0, neurons=[2], mask=mask)
    assert glm.coupling.sizes == {"pre": 3, "post": 1, "basis": 3}
    assert glm.coupling.values[0].all()
    assert not glm.coupling.values[1:].any()
    alone = psn.fit_glm(small(), dt=1.0, mask=mask)
    np.testing.assert_allclose(glm.coupling.values[:, 0], alone.coupling.values[:, 2], atol=1e-6)


@pytest.mark.parametrize("penalty", [None, psn.L2(strength=1e-3), psn.L1(strength=1e-3)])
def test_weights_are_repetitions_of_trials(penalty):
    y = small("bernoulli")
    options: dict[str, Any] = {"dt": 1.0, "emission": "bernoulli", "nonlinearity": "cloglog", "penalty": penalty}
    weighted = psn.fit_glm(y, trial_weights=[3.0, 1.0], **options)
    repeated = psn.fit_glm(y[[0, 0, 0, 1]], **options)
    for name, values in repeated.coefficients.items():
        np.testing.assert_allclose(weighted.coefficients[name], values, rtol=1e-5, atol=1e-7)
        errors = repeated.standard_errors()[name]
        np.testing.assert_allclose(weighted.standard_errors()[name], errors, rtol=1e-5)
    alike = psn.fit_glm(y, **options)
    assert np.abs(weighted.intercept - alike.intercept).max() > 1e-3
    np.testing.assert_allclose(alike.coupling, psn.fit_glm(y, trial_weights=[2.0, 2.0], **options).coupling, atol=1e-7)
    # A score is of the data as they are.
    np.testing.assert_allclose(weighted.score(), weighted.score(y), rtol=1e-12)
    np.testing.assert_allclose(weighted.log_likelihood(y[[0, 0, 0, 1]]), repeated.log_likelihood(), rtol=1e-6)


def test_scores(known):
    _, ds = known
    glm = own_model(ds)
    y = ds.spk.counts(1.0).values
    p = y.mean((0, 1))
    constant = (y * np.log(p) + (1 - y) * np.log1p(-p)).sum((0, 1))
    bits = (glm.log_likelihood() - constant) / y.sum((0, 1)) / np.log(2)
    np.testing.assert_allclose(glm.score(), bits, rtol=1e-9)
    np.testing.assert_allclose(glm.score(score="pseudo_r2"), 1 - glm.log_likelihood() / constant, rtol=1e-9)
    assert (glm.score() > 0.1).all()
    psth = glm.psth(bin=20.0)
    measured = ds.spk.counts(20.0).mean("trial").values * 50
    np.testing.assert_allclose(psth.measured, measured, atol=1e-9)
    predicted = glm.predict().mean("trial").values.reshape(-1, 20, 10).mean(1)
    expected = 1 - ((measured - predicted) ** 2).mean(0) / measured.var(0)
    np.testing.assert_allclose(psth.explained_variance, expected, rtol=1e-9)


def test_cross_validation_picks_a_penalty_in_between(known):
    """Of 90 connections 9 are there: too little penalty fits noise, too much nothing."""
    net = psn.Network.random(n=10, p=0.1, weight=2.0, seed=3)
    ds = psn.simulate(psn.BernoulliGLM(theta=3.0), net, duration=4000.0, seed=0)
    test = psn.simulate(psn.BernoulliGLM(theta=3.0), net, duration=20_000.0, seed=1)
    chosen = own_model(ds, penalty=psn.L1(terms="coupling"), cross_validate=3)
    curve = chosen.cross_validation
    assert curve.sizes == {"strength": 13, "fold": 3, "neuron": 10}
    best = curve.attrs["best"]
    assert curve.strength.min() < best < curve.strength.max()
    assert chosen.penalty == psn.L1(strength=best, terms="coupling")
    absent = (net.to_dense() == 0) & ~np.eye(10, dtype=bool)
    assert (chosen.coupling.values[:, :, 0][absent] == 0).mean() > 0.3
    assert chosen.score(test).mean() > own_model(ds).score(test).mean()
    folded = own_model(ds, penalty=psn.L2(), cross_validate=2, strengths=[1e-3, 1e-5], neurons=[0])
    assert folded.cross_validation.strength.values.tolist() == [1e-3, 1e-5]


def test_pictures(known):
    _, ds = known
    glm = own_model(ds, penalty=psn.L2(), cross_validate=2, strengths=[1e-3, 1e-5])
    for draw in (glm.plot, glm.plot_kernels, glm.plot_cross_validation, psn.RaisedCosine().plot):
        ax = Figure().subplots()
        assert draw(ax=ax) is ax
        assert ax.get_xlabel()
    assert "GLM of 10 neurons" in repr(glm)


def test_a_fit_without_end_is_told():
    y = small()
    with pytest.warns(RuntimeWarning, match=r"the fit of 3 of 3 neurons, such as 0, has not converged in 1 passes"):
        glm = psn.fit_glm(y, dt=1.0, max_passes=1)
    assert not glm.converged.any()


# ---- what is refused ----

LISTS = [[[1.0, 2.0], [3.0]], [[1.0], [2.0, 9.0]]]


def fit(data: Any = None, **options: Any) -> Any:
    return psn.fit_glm(small() if data is None else data, **({"dt": 1.0} | options))


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: fit(emission="gauss"), ValueError, r"emission must be 'poisson' or 'bernoulli', got 'gauss'"),
        (lambda: fit(nonlinearity="sigmoid"), ValueError, r"nonlinearity must be one of .*'exp', 'softplus'.*'sigmoid'"),
        (lambda: fit(penalty=0.1), TypeError, r"penalty must be L1\(\), L2\(\), GroupLasso\(\) or None, got 0.1"),
        (lambda: fit(coupling="cosine"), TypeError, r"coupling must be a RaisedCosine, a Kernel, an array .*'cosine'"),
        (lambda: fit(history=np.ones((2, 2, 2))), ValueError, r"history given as an array must have shape .*\(2, 2, 2\)"),
        (lambda: fit(self_kernel=3.0), TypeError, r"self_kernel must be a Kernel or None, got 3.0"),
        (lambda: fit(dt=None), ValueError, r"dt must be given with spike counts"),
        (lambda: fit(LISTS, dt=None), ValueError, r"dt and duration must be given with spike times"),
        (lambda: fit(LISTS, duration=5.0), ValueError, r"data must be spike times in 0..duration = 5.0 ms, got 9.0 ms"),
        (lambda: fit([[[1.0]], [[1.0], [2.0]]], duration=9.0), ValueError, r"as many neurons in each trial, got 1 .* 2 in 1"),
        (lambda: fit(small()[..., None]), ValueError, r"data must be a dataset, counts .* got shape \(2, 400, 3, 1\)"),
        (lambda: fit(-small()), ValueError, r"data must be spike counts, whole numbers >= 0, got -1"),
        (lambda: fit(2 * small(), emission="bernoulli"), ValueError, r"at most one spike per step .* got 2 \(trial 0"),
        (lambda: fit(np.eye(3)[[0] * 9]), ValueError, r"at least one spike of every neuron to fit, got none of neuron 1"),
        (lambda: fit(stimulus=np.ones(7)), ValueError, r"stimulus must have shape \(400,\), .* got \(7,\)"),
        (lambda: fit(stimulus="noise"), TypeError, r"stimulus must be an array of numbers .* got 'noise'"),
        (lambda: fit(stimulus_basis=COUPLING), ValueError, r"stimulus must be given where there is a stimulus_basis"),
        (lambda: fit(trial_weights=[1.0]), ValueError, r"trial_weights must be one number for each of 2 trials, got shape \(1,\)"),
        (lambda: fit(trial_weights=[1.0, 0.0]), ValueError, r"trial_weights must be positive, got 0.0 \(trial 1\)"),
        (lambda: fit(mask=np.ones((3, 3))), TypeError, r"mask must be an array of True and False"),
        (lambda: fit(mask=np.ones((2, 3), bool)), ValueError, r"mask must have shape \(3, 3\), .* got \(2, 3\)"),
        (lambda: fit(neurons=[3]), ValueError, r"neurons must .*3"),
        (lambda: fit(neurons=["a"]), ValueError, r"neurons must be labels of the data, got 'a'"),
        (lambda: fit(cross_validate=3), ValueError, r"penalty must be given where its strength is to be cross-validated"),
        (lambda: fit(cross_validate=1, penalty=psn.L2()), ValueError, r"cross_validate must be at least 2, got 1"),
        (lambda: fit(strengths=[1.0]), ValueError, r"cross_validate must be a number of folds where strengths are given"),
        (lambda: fit(max_passes=0), ValueError, r"max_passes must be at least 1, got 0"),
        (lambda: fit(tolerance=0.0), ValueError, r"tolerance must be positive, got 0.0"),
        (lambda: fit(progress=1), TypeError, r"progress must be True, False or None, got 1"),
        (lambda: psn.L1(strength=-1.0), ValueError, r"strength must be zero or positive, got -1.0"),
        (lambda: psn.L2(terms="weights"), ValueError, r"terms must be from .*, got 'weights'"),
        (lambda: psn.RaisedCosine(n=0), ValueError, r"n must be at least 1, got 0"),
        (lambda: psn.RaisedCosine(spacing="cubic"), ValueError, r"spacing must be 'log' or 'linear', got 'cubic'"),
        (lambda: psn.RaisedCosine(first_peak=200.0), ValueError, r"first_peak must be less than window = 100.0 ms"),
    ],
)  # fmt: skip
def test_refused(act, error, message):
    with pytest.raises(error, match=message):
        act()


def test_what_a_result_refuses():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        glm, some = fit(max_passes=3), fit(neurons=[0], coupling=None, max_passes=3)
    refusals = [
        (glm.to_network, r"coupling must have one function for a network.*got 3"),
        (some.to_model, r"all 3 neurons must be fitted to be simulated, got a fit of 1"),
        (lambda: some.coupling, r"coupling is no part of this model, which was fitted with coupling=None"),
        (lambda: glm.score(score="aic"), r"score must be one of .*'aic'"),
        (lambda: glm.score(small()[..., :2]), r"data must be of 3 neurons, got 2"),
        (lambda: glm.score(small(), stimulus=np.ones(400)), r"stimulus must have 0 channels, got 1"),
        (lambda: glm.psth(bin=2.5), r"bin must be a multiple of dt = 1.0 ms, got 2.5 ms"),
        (lambda: glm.design_matrix(7), r"neuron must be one of those fitted, \[0, 1, 2\], got 7"),
        (glm.plot_cross_validation, r"cross_validation is None"),
    ]
    for act, message in refusals:
        with pytest.raises(ValueError, match=message):
            act()
    differing = psn.fit_glm(small(), dt=1.0, coupling=COUPLING, history=psn.RaisedCosine(n=2, window=10.0))
    with pytest.raises(ValueError, match="history must be the same for all neurons"):
        differing.to_model()


def test_history_of_the_coupling_is_a_synapse_onto_itself():
    y = small()
    glm = psn.fit_glm(y, dt=1.0, coupling=COUPLING, history=COUPLING)
    net = glm.to_network()
    np.testing.assert_allclose(np.diag(net.to_dense()), glm.history.values[:, 0])
    np.testing.assert_allclose(psn.drive(glm.to_model(), net, spikes=y, dt=1.0).rate, glm.predict(), rtol=1e-10)
