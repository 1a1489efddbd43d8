"""A GIF with escape rate fitted to recorded spikes by maximum likelihood, as ``fit_recording.py`` uses it.

The logarithm of its rate is a sum: the injected current through exponentials, which are the membrane and the electrode;
what these exceed some levels by, through exponentials again, which are a membrane that is not linear and a threshold
that follows the potential (Mensi et al. 2016, doi 10.1371/journal.pcbi.1004761); and four exponentials of the past
spikes, from the afterpotential to adaptation over seconds. So the likelihood is concave: one optimum, found in seconds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from recorded_neuron import Floats, Membrane, Recording, injected
from scipy.signal import lfilter

import pyspikenet as psn

CURRENT = (0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)  # ms
BENT = (0.8, 3.2, 12.8)  # ms
LEVELS = (12.0, 24.0, 36.0, 48.0, 60.0)  # mV above rest
FOLLOWED = (0.0, 3.0, 10.0)  # ms
SPIKES = (2.0, 12.0, 150.0, 3000.0)  # ms
REFRACTORY = 1.0  # ms at most; the exponentials of spikes say what is left to say
RIDGE = 1e-3  # per spike, for features of variance 1
RUNS = 64


def through(x: Floats, tau: float, dt: float) -> Floats:
    """A series through an exponential of area 1."""
    if tau == 0:
        return x
    decay = np.exp(-dt / tau)
    return np.asarray(lfilter([1 - decay], [1, -decay], x))


def of_current(x: Recording, m: Membrane) -> Floats:
    """What the rate may depend on of a current, (time, feature)."""
    drive = x.current / m.g_L  # mV
    columns = [np.concatenate([np.zeros(k), drive[:-k]]) for k in (1, 2)]
    columns += [through(drive, tau, x.dt) for tau in CURRENT]
    for tau in BENT:
        slow = through(drive, tau, x.dt)
        columns += [through(np.maximum(slow - level, 0), y, x.dt) for level in LEVELS for y in FOLLOWED]
    return np.stack(columns, axis=1)


def of_spikes(raster: Floats, dt: float) -> Floats:
    """What is left of a spike in each step after its own, (time, exponential)."""
    decays = [np.exp(-dt / tau) for tau in SPIKES]
    return np.stack([lfilter([0.0, decay], [1, -decay], raster) for decay in decays], axis=1)


@dataclass(frozen=True)
class EscapeRate:
    """The fitted model: GIFs whose potential is their drive at once, and the weights of the features of a current."""

    model: psn.GIF
    constant: float
    weights: Floats
    membrane: Membrane

    def stimulus(self, x: Recording) -> psn.ArrayStimulus:
        """The logarithm of the probability of a spike per step, as a current into 1 nS."""
        return injected(self.constant + of_current(x, self.membrane) @ self.weights, x.dt)


def rasters(x: Recording) -> NDArray[np.float64]:
    """Spikes per step, (repetition, time)."""
    found = np.zeros((len(x.trains), x.current.size))
    for row, train in zip(found, x.trains, strict=True):
        row[np.round(train / x.dt).astype(int)] = 1
    return found


def most_likely(fitted: list[Recording], m: Membrane) -> EscapeRate:
    """The parameters under which the recorded spikes are most likely, each stimulus counting as much as another."""
    dt, spikes, features, weights = fitted[0].dt, [], [], []
    for x in fitted:
        current, raster = of_current(x, m), rasters(x)
        spikes += list(raster)
        features += [np.concatenate([current, of_spikes(row, dt)], axis=1) for row in raster]
        weights += [1 / max(raster.sum(), 1)] * len(raster)
    intervals = [np.diff(np.flatnonzero(row)) for row in spikes]
    shortest = np.concatenate([[REFRACTORY / dt], *intervals]).min()
    free = max(round(shortest) - 1, 1)  # steps after a spike in which there is no other
    stacked, counts, weight = np.stack(features), np.stack(spikes)[:, :, None], np.array(weights) / np.mean(weights)
    mean, spread = stacked.mean((0, 1)), stacked.std((0, 1))
    spread[spread == 0] = 1.0
    stacked -= mean
    stacked /= spread
    per_step = float(weight @ counts.mean((1, 2))) / weight.sum()
    glm = psn.fit_glm(
        counts, dt=dt, emission="bernoulli", nonlinearity="cloglog", stimulus=stacked, coupling=None, history=None,
        self_kernel=psn.ArrayKernel(weights=np.full(free, -30.0)), trial_weights=weight, tolerance=1e-4, progress=False,
        penalty=psn.L2(strength=RIDGE * per_step),
    )  # fmt: skip
    found = glm.coefficients.stimulus.values.ravel() / spread
    constant = float(glm.intercept[0]) - float(found @ mean)
    q = dict(zip(("q_eta_1", "q_gamma_1", "q_eta_2", "q_gamma_2"), -found[-len(SPIKES) :], strict=True))
    tau = dict(zip(("tau_eta_1", "tau_gamma_1", "tau_eta_2", "tau_gamma_2"), SPIKES, strict=True))
    # With next to no capacitance v = E_L + (I - eta_1 - eta_2) / g_L, and the rate is exponential in it.
    model = psn.GIF(
        C=1e-3 * dt, g_L=1.0, E_L=0.0, v_reset=0.0, V_T=0.0, Delta_V=1.0, lambda_0=1000 / dt,
        refractory_period=free * dt, **q, **tau,
    )  # fmt: skip
    return EscapeRate(model, constant, found[: -len(SPIKES)], m)
