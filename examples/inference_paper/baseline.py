"""The other baseline: a coupled generalised linear model of the target's spikes, which knows the input, too.

Input spikes are those of twelve more neurons. A spike acts through one weight for each of four ranges of lags, so that
what was fitted is a network with delays and can be simulated. Read ``collect.py`` next.
"""

import experiment as paper
import numpy as np
import xarray

import pyspikenet as psn

LAGS = ((0, 1), (1, 2), (2, 4), (4, 8))  # steps after the first in which a spike acts
BASIS = np.array([[float(low <= lag < high) for low, high in LAGS] for lag in range(8)])
PENALTY = psn.L2(strength=1e-7)  # next to none: it keeps finite what the data do not tell
SILENT = -20.0  # intercept of neurons that the data do not show firing


def input_spikes(seed: int, duration: float, trials: int) -> np.ndarray:
    """The Poisson input of a run as counts (trial, time, neuron): the drive of neurons that never fire."""
    alone = psn.Network.from_edges(pre=[], post=[], weight=[], n=paper.N)
    run = psn.simulate(
        psn.BernoulliGLM(theta=1e6), alone, duration=duration, dt=1.0, trials=trials, seed=seed, threads=1,
        stimulus=psn.PoissonInput(rate=paper.RATE, weight=1.0, most=1), record="drive",
    )  # fmt: skip
    return run.drive.values


def _ahead(spikes: np.ndarray) -> np.ndarray:
    """Input one step earlier: it acts in its own step, spikes of neurons from the next one on."""
    return np.concatenate([spikes[:, 1:], np.zeros_like(spikes[:, :1])], axis=1)


def fit(spikes: xarray.Dataset, seed: int) -> tuple[psn.Cascade, psn.Network]:
    """The model and network of 24 neurons that make the spikes most likely."""
    given = _ahead(input_spikes(seed, paper.WINDOW, spikes.sizes["trial"]))
    counts = np.concatenate([spikes.spk.counts(1.0).values, given], axis=2)
    active = np.flatnonzero(counts[..., : paper.N].any((0, 1)))
    found = psn.fit_glm(
        counts, dt=1.0, emission="bernoulli", coupling=BASIS, history=BASIS, neurons=active, penalty=PENALTY, threads=1
    )
    weight = np.zeros((2 * paper.N, paper.N, len(LAGS)))
    weight[:, active] = found.coupling.values
    weight[active, active] = found.history.values
    b = np.full(2 * paper.N, SILENT)
    b[active] = found.intercept.values
    pre, post, lag = (axis.ravel() for axis in np.indices((2 * paper.N, paper.N, len(BASIS))))
    network = psn.Network.from_edges(
        pre=pre, post=post, weight=(weight @ BASIS.T).ravel(), delay=lag + 1.0, n=2 * paper.N
    )
    kernel = psn.ArrayKernel(weights=[1.0])
    return psn.Cascade(nonlinearity="sigmoid", emission="bernoulli", scale=1.0, b=b, coupling=kernel), network


def simulate(model: psn.Cascade, network: psn.Network, seed: int) -> xarray.Dataset:
    """A long run with the input of `seed`; the twelve neurons of the network alone."""
    given = _ahead(input_spikes(seed, paper.LONG, 1))[0]
    forced = np.concatenate([np.zeros_like(given), 60.0 * given], axis=1)
    run = psn.simulate(
        model,
        network,
        duration=paper.LONG,
        dt=1.0,
        stimulus=psn.ArrayStimulus(data=forced, dt=1.0),
        seed=seed,
        threads=1,
    )
    state = [name for name in run.data_vars if str(name).startswith("final_")]
    return run.drop_vars(state).isel(neuron=range(paper.N), spike=run.spike_neuron.values < paper.N)
