"""A recorded neuron: its repetitions, how a train of spikes is judged by them, and its membrane by regression.

``fit_recording.py`` fits models to it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.signal import lfilter

import pyspikenet as psn

WINDOW = 2.0  # ms
CELL = psn.Network.from_edges(pre=[], post=[], weight=[], n=1)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """Repetitions under one current [pA]: potential [mV] of shape (repetition, time), spike times [ms] of each."""

    name: str
    current: Floats
    potential: Floats
    trains: list[Floats]
    dt: float

    @property
    def duration(self) -> float:
        return self.current.size * self.dt

    @property
    def intrinsic(self) -> float:
        """Mean coincidence factor between two repetitions."""
        pairs = [(a, b) for i, a in enumerate(self.trains) for j, b in enumerate(self.trains) if i != j]
        return float(np.mean([self._gamma(a, b) for a, b in pairs])) if pairs else 1.0

    def gamma_a(self, train: Floats) -> float:
        """Mean coincidence factor of a train with the repetitions, divided by that between them."""
        return float(np.mean([self._gamma(x, train) for x in self.trains])) / self.intrinsic

    def _gamma(self, data: Floats, model: Floats) -> float:
        if not data.size or not model.size:
            return float(data.size == model.size)
        found = psn.coincidence_factor(data, model, window=WINDOW, duration=self.duration, rate_of="model")
        return float(np.nan_to_num(found))  # no number: so many spikes that chance makes all of them coincident


def recording(name: str, current: Floats, potential: Floats, dt: float) -> Recording:
    up = (potential[:, 1:] > 0) & (potential[:, :-1] <= 0)
    return Recording(name, current, potential, [(np.flatnonzero(x) + 1) * dt for x in up], dt)


def read(path: Path) -> list[Recording]:
    """The stimuli of a file."""
    if path.suffix == ".npz" and "stimulus_id" in (z := np.load(path)):
        pieces = zip(z["stimulus_id"], z["current_pA"].astype(float), z["voltage_mV"].astype(float), strict=True)
        # Repetitions share one current up to the noise of the amplifier.
        return [recording(str(name), i.mean(0), v, float(z["dt_ms"])) for name, i, v in pieces]
    ds = psn.read_recording(path)
    current = ds.I.transpose("trial", "time", ...).values.reshape(ds.sizes["trial"], ds.sizes["time"], -1)[:, :, 0]
    potential = ds.v.transpose("trial", "time", ...).values.reshape(current.shape[0], current.shape[1], -1)[:, :, 0]
    dt = float(ds.time[1] - ds.time[0])
    return [recording(path.stem, current.mean(0), potential, dt)]


def every_other(x: Recording, length: float) -> tuple[Recording, Recording]:
    """Every other piece of that many ms, and those between; each joined as if they had followed one another."""
    size = round(length / x.dt)
    piece, within = np.divmod(np.arange(x.current.size), size)
    found = []
    for first in (0, 1):
        kept = piece % 2 == first
        spikes = [np.round(train / x.dt).astype(int) for train in x.trains]
        moved = [(piece[t] // 2 * size + within[t])[kept[t]] * x.dt for t in spikes]
        found.append(Recording(f"{x.name}{'ab'[first]}", x.current[kept], x.potential[:, kept], moved, x.dt))
    return found[0], found[1]


def make(duration: float, dt: float = 0.2) -> list[Recording]:
    """A cell with escape noise under two fluctuating currents, through an electrode with a resistance."""
    rng = np.random.default_rng(3)
    cell = psn.GIF(
        C=100.0, g_L=12.0, E_L=-62.0, V_T=-41.0, v_reset=-46.0, Delta_V=0.7, lambda_0=1000.0, refractory_period=1.6,
        q_eta_1=90.0, tau_eta_1=6.0, q_eta_2=12.0, tau_eta_2=40.0, q_gamma_1=2.0, tau_gamma_1=15.0, q_gamma_2=0.05,
        tau_gamma_2=1500.0,
    )  # fmt: skip
    found = []
    for name, mean, deviation in (("strong", 500.0, 300.0), ("weak", 190.0, 160.0)):
        noise = lfilter([np.sqrt(1 - 0.9**2)], [1, -0.9], rng.normal(size=round(duration / dt)))
        current = mean + deviation * noise
        ds = psn.simulate(
            cell, CELL, duration=duration, dt=dt, trials=4, seed=1, record="v", stimulus=injected(current, dt)
        )
        v = ds.v.transpose("trial", "time", ...).values.reshape(4, -1) + 0.01 * current
        v += rng.normal(0, 0.3, v.shape)
        for trial in range(4):
            spikes = np.round(ds.spk.trains(trial=trial)[0] / dt).astype(int)
            v[trial, np.minimum(spikes + 1, v.shape[1] - 1)] = 30.0
        found.append(recording(name, current, v, dt))
    return found


def injected(current: Floats, dt: float, unit: float = 1.0) -> psn.ArrayStimulus:
    return psn.ArrayStimulus(data=current * unit, dt=dt)


# ---- the membrane ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Membrane:
    """Capacitance [pF], leak conductance [nS] and resting potential [mV], series resistance [MOhm], error [mV]."""

    C: float
    g_L: float
    E_L: float
    electrode: float
    error: float


def membrane_of(recordings: list[Recording], gap: float = 20.0) -> Membrane:
    """Regression of v(t) on 1, the current around t (the electrode), and its exponential filter (the membrane)."""
    far = [[away(x, train, gap) for train in x.trains] for x in recordings]
    best = None
    for tau in np.geomspace(2.0, 50.0, 25):
        normal, right, square, n = np.zeros((5, 5)), np.zeros(5), 0.0, 0
        for x, chosen in zip(recordings, far, strict=True):
            decay = np.exp(-x.dt / tau)
            filtered = np.concatenate([[0.0], lfilter([1 - decay], [1, -decay], x.current)[:-1]])
            columns = np.stack(
                [np.ones(x.current.size), filtered, *(np.roll(x.current, k) for k in (-1, 0, 1))], axis=1
            )
            for v, k in zip(x.potential, chosen, strict=True):
                a, b = columns[k], v[k]
                normal, right, square, n = normal + a.T @ a, right + a.T @ b, square + b @ b, n + k.size
        found = np.linalg.lstsq(normal, right, rcond=None)[0]
        error = float(np.sqrt(max(square - found @ right, 0.0) / n))
        if best is None or error < best.error:
            best = Membrane(tau / found[1], 1 / found[1], found[0], 1000 * found[2:].sum(), error)
    assert best is not None
    return best


def away(x: Recording, train: Floats, gap: float) -> NDArray[np.int64]:
    """The samples that are not near a spike."""
    far = np.ones(x.current.size, bool)
    far[: round(100 / x.dt)] = far[-2:] = False
    for t in train:
        far[max(0, round((t - 2) / x.dt)) : round((t + gap) / x.dt)] = False
    return np.flatnonzero(far)[::4]  # neighbours say nearly the same


# ---- agreement -------------------------------------------------------------------------------------------------------


def agreed(trains: list[Floats], duration: float, dt: float, share: float = 0.5) -> Floats:
    """The spikes on which a share of the trains agrees within the window, each train counted once."""
    n = round(duration / dt) + 1
    raster = np.zeros((len(trains), n), np.uint8)
    for row, train in zip(raster, trains, strict=True):
        row[np.clip(np.round(train / dt).astype(int), 0, n - 1)] = 1
    reach, found = round(WINDOW / dt), []
    smooth = gaussian_filter1d(raster.mean(0), 0.8 / dt)
    possible = maximum_filter1d(raster, 2 * reach + 1, axis=1, mode="constant").mean(0) >= share
    waiting = np.where(possible, smooth, 0.0)
    while True:
        k = int(np.argmax(waiting))
        if waiting[k] <= 1e-6:
            return np.sort(np.array(found, float)) * dt
        low, high = max(0, k - reach), min(n, k + reach + 1)
        near = raster[:, low:high]
        votes = near.any(axis=1)
        if votes.mean() < share:
            waiting[k] = 0.0
            continue
        found.append(k)
        distance = np.where(near, np.abs(np.arange(low, high) - k), n)
        raster[votes, low + distance.argmin(axis=1)[votes]] = 0  # the spike of each train that is nearest is used
        low, high = max(0, k - 8 * reach), min(n, k + 8 * reach)
        again = gaussian_filter1d(raster[:, low:high].mean(0), 0.8 / dt)
        inner = slice(max(0, k - 4 * reach), min(n, k + 4 * reach))
        fresh = again[inner.start - low : inner.stop - low]
        waiting[inner] = np.where(waiting[inner] > 0, fresh, 0.0)
