"""Coefficients of generalised linear models as nemos, statsmodels and scikit-learn find them on the same design."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyspikenet as psn

N, STEPS = 3, 3000
COUPLING, HISTORY = psn.RaisedCosine(n=2, window=12.0), psn.RaisedCosine(n=3, window=20.0)


def data(emission: str) -> np.ndarray:
    """Spikes of three coupled neurons with a refractory dip, drawn step by step."""
    rng = np.random.default_rng(5)
    kernel, dip = np.exp(-np.arange(10) / 4.0), -2.0 * np.exp(-np.arange(10) / 3.0)
    weights = np.array([[0.0, 1.2, -0.8], [0.5, 0.0, 0.9], [-1.0, 0.6, 0.0]])
    y = np.zeros((STEPS, N))
    for t in range(1, STEPS):
        past = y[max(0, t - 10) : t][::-1]
        g = -2.2 + kernel[: len(past)] @ past @ weights + dip[: len(past)] @ past
        y[t] = rng.poisson(np.exp(g)) if emission == "poisson" else rng.random(N) < 1 / (1 + np.exp(-g))
    return y


def fitted(emission: str, **options: Any) -> psn.GLM:
    return psn.fit_glm(
        data(emission), dt=1.0, emission=emission, coupling=COUPLING, history=HISTORY, neurons=[1], tolerance=1e-10,
        **options,
    )  # fmt: skip


def vector(glm: psn.GLM, values: Any = None) -> np.ndarray:
    """Coefficients in the order of the columns of the design, without those of the neuron's coupling to itself."""
    found = glm.coefficients if values is None else values
    coupling = np.delete(found.coupling.values[:, 0], 1, axis=0)
    return np.concatenate([found.intercept.values, coupling.ravel(), found.history.values.ravel()])


def design(glm: psn.GLM) -> np.ndarray:
    matrix = glm.design_matrix(1)
    own = [str(name).startswith("coupling 1 ") for name in matrix.column.values]
    return matrix.values[:, ~np.array(own)]


def found_by(folder: Path, *programs: str) -> Any:
    """What other programs find; in a process of their own, so that their warnings are not ours."""
    path, groups = folder / "design.npz", np.zeros((3, 7))
    groups[0, :2], groups[1, 2:4], groups[2, 4:] = 1, 1, 1
    np.savez(
        path, X=design(fitted("poisson")), counts=data("poisson")[:, 1], X_bernoulli=design(fitted("bernoulli")),
        spikes=data("bernoulli")[:, 1], groups=groups,
    )  # fmt: skip
    command = [sys.executable, str(Path(__file__).with_name("glm_program.py")), str(path), *programs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def need(*modules: str) -> None:
    for name in modules:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Any:
    need("statsmodels", "sklearn")
    return found_by(tmp_path_factory.mktemp("glm"), "statsmodels", "scikit-learn")


@pytest.fixture(scope="module")
def nemos(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Half a minute, most of it compilation by JAX."""
    need("nemos")
    return found_by(tmp_path_factory.mktemp("glm"), "nemos")["nemos"]


@pytest.mark.parametrize("emission", ["poisson", "bernoulli"])
def test_maximum_likelihood(others: Any, emission: str) -> None:
    glm, theirs = fitted(emission), others["statsmodels"]
    assert np.ptp(vector(glm)) > 1, "coefficients that are all alike would say little"
    np.testing.assert_allclose(vector(glm), theirs[emission], atol=1e-6)
    assert float(glm.log_likelihood()[0]) == pytest.approx(theirs[f"{emission} log-likelihood"], rel=1e-9)
    np.testing.assert_allclose(vector(glm, glm.standard_errors()), theirs[f"{emission} errors"], rtol=1e-5)


def test_cloglog(others: Any) -> None:
    glm, theirs = fitted("bernoulli", nonlinearity="cloglog"), others["statsmodels"]
    np.testing.assert_allclose(vector(glm), theirs["cloglog"], atol=1e-6)
    assert float(glm.log_likelihood()[0]) == pytest.approx(theirs["cloglog log-likelihood"], rel=1e-9)


def test_ridge(others: Any) -> None:
    found = vector(fitted("poisson", penalty=psn.L2(strength=0.01)))
    np.testing.assert_allclose(found, others["scikit-learn"]["ridge"], atol=1e-6)


def test_lasso(others: Any) -> None:
    found = vector(fitted("bernoulli", penalty=psn.L1(strength=0.01)))
    assert 0 < np.count_nonzero(found == 0) < found.size - 1
    np.testing.assert_allclose(found, others["scikit-learn"]["lasso"], atol=1e-4)


@pytest.mark.slow
def test_nemos(nemos: Any) -> None:
    for emission in ("poisson", "bernoulli"):
        np.testing.assert_allclose(vector(fitted(emission)), nemos[emission], atol=1e-4)
    ridge = vector(fitted("poisson", penalty=psn.L2(strength=0.01)))
    np.testing.assert_allclose(ridge, nemos["ridge"], atol=1e-4)
    groups = vector(fitted("poisson", penalty=psn.GroupLasso(strength=0.02)))
    assert groups[1:3].any() != groups[3:5].any(), "a penalty that leaves all groups, or none, says little"
    np.testing.assert_allclose(groups, nemos["group lasso"], atol=1e-4)


@pytest.mark.slow
def test_raised_cosines_of_nemos(nemos: Any) -> None:
    theirs = np.array(nemos["basis"])
    ours = psn.RaisedCosine(n=5, window=80.0, offset=80.0 / 40.0).values(1.0)
    np.testing.assert_allclose(ours, theirs[:-1], atol=1e-6)
    np.testing.assert_allclose(theirs[-1], 0, atol=1e-6)
