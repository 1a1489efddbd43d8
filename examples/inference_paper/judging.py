"""How alike two networks with the same input are: rates, CV, correlation, modules. Read ``baseline.py`` next."""

import warnings

import experiment as paper
import numpy as np
import xarray
from scipy.optimize import linear_sum_assignment

import pyspikenet as psn

MODULES = 3


def simulate(model: psn.LIFGate, network: psn.Network, rate: float, *, seed: int) -> xarray.Dataset:
    """The long run that is judged."""
    return psn.simulate(model, network, duration=paper.LONG, stimulus=paper.poisson(rate), seed=seed, threads=1)


def describe(spikes: xarray.Dataset) -> xarray.Dataset:
    """Rates [Hz], coefficients of variation and modules of a run; modules are zero where nothing fires."""
    weight = np.zeros((MODULES, paper.N))
    if spikes.sizes["spike"]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a factorisation of few spikes may not converge
            weight = spikes.spk.modules(paper.BIN, MODULES).weight.values
    return xarray.Dataset(
        {
            "firing_rate": ("neuron", spikes.spk.rates().values[0], {"units": "Hz"}),
            "cv": ("neuron", spikes.spk.cv().values[0]),
            "module_weight": (("module", "neuron"), weight),
        }
    )


def judge(target: xarray.Dataset, run: xarray.Dataset) -> xarray.Dataset:
    """What `describe` tells of `run`, and how alike it is to the target.

    A correlation is not defined where a neuron is silent in one of the two. ``matched_correlation`` is the mean over
    neurons where it is, ``strict_correlation`` counts the others as 0.
    """
    found = describe(run)
    matrix = psn.analysis.correlation(target, paper.BIN, run).values
    matched = np.diag(matrix)
    defined = ~np.isnan(matched)
    found["correlation"] = (("target_neuron", "neuron"), matrix)
    found["matched_correlation"] = ((), matched[defined].mean() if defined.any() else 0.0)
    found["strict_correlation"] = ((), np.where(defined, matched, 0).mean())
    order, similarity = match(describe(target).module_weight.values, found.module_weight.values)
    found["module_weight"] = found.module_weight.isel(module=order)
    found["geodesic_similarity"] = ("module", similarity)
    return found


def match(target: np.ndarray, modules: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best assignment of modules to those of the target, and their similarities; a module of zeros is like none."""
    similarity = np.zeros((MODULES, MODULES))
    for i, j in np.ndindex(similarity.shape):
        if target[i].any() and modules[j].any():
            similarity[i, j] = psn.analysis.geodesic_similarity(target[i], modules[j])
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    return columns, similarity[rows, columns]
