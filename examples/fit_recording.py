"""Models fitted to a recorded neuron under injected currents, and what they predict under others.

First the membrane: a linear regression of the potential, away from spikes, on the current through the electrode and
through a membrane, with the recordings of all stimuli. Then spikes: AdEx, GLIF, MAT and an escape-rate GIF are searched
within bounds around that membrane by differential evolution, under all fitted stimuli at once, for coincidences with
the spikes that most repetitions agree on, and for their rate. Of the last population many are kept, not the best alone:
where they agree on a spike, there is one. One learns to read a recording, to search by populations, and to judge by
data that were not fitted.

Spikes are coincident within 2 ms; Gamma_A is the coincidence factor divided by that between repetitions (Jolivet et
al. 2008, doi 10.1016/j.jneumeth.2007.11.006): 1 is as good as another repetition, and what many agree on may have more.

    python examples/fit_recording.py [RECORDING] [--fit 00 05] [--test 01 02] [--output FOLDER] [--quick]

RECORDING is an .npz file with `current_pA` and `voltage_mV` of shape (stimulus, repetition, time), `stimulus_id` and
`dt_ms`, or whatever `psn.read_recording` reads, whose trials then are repetitions of one current. Without it the
example makes one. Without `--fit`, each of the two stimuli whose repetitions agree best is fitted alone and predicts
the other, then both are fitted together.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

import pyspikenet as psn

WINDOW = 2.0  # ms
RISE = 0.4  # ms from the threshold of a model to the 0 mV at which a recorded spike is counted
POPULATION, GENERATIONS, MEMBERS = 64, 40, 24
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


# ---- the models ------------------------------------------------------------------------------------------------------


def times(low: float, high: float) -> psn.Real:
    return psn.Real(low, high, log=True)


def candidates(m: Membrane) -> dict[str, tuple[Any, dict[str, Any], float]]:
    """Model, what is free, and the unit of its currents [1/pA], by name."""
    tau = m.C / m.g_L
    membrane = {"C": (0.55 * m.C, 1.3 * m.C), "g_L": (0.5 * m.g_L, 1.5 * m.g_L), "E_L": (m.E_L - 8, m.E_L + 8)}
    after = {"refractory_period": (0.6, 3.0)}
    reset = (m.E_L + 2, m.E_L + 30)
    threshold = (m.E_L + 12, m.E_L + 38)
    adex = {**membrane, **after, "V_T": threshold, "D_T": (0.2, 3.0), "V_r": reset, "a": (-3.0, 6.0)}
    adex |= {"b": (0.0, 200.0), "tau_w": times(3.0, 300.0)}
    glif = {**membrane, **after, "theta_inf": threshold, "f_v": (0.0, 0.6), "v_add": (2.0, 30.0)}
    glif |= {"A_1": (-60.0, 10.0), "k_1": times(0.01, 0.1), "A_2": (-250.0, 50.0), "k_2": times(0.07, 1.0)}
    glif |= {"A_theta": (0.0, 0.3), "b_s": times(1e-4, 5e-3), "a_v": (-0.1, 0.1), "b_v": times(0.05, 1.0)}
    mat = {"tau_m": (0.5 * tau, 1.6 * tau), "R": (600 / m.g_L, 1600 / m.g_L), "E_L": membrane["E_L"], **after}
    mat |= {"omega": (8.0, 35.0), "alpha_1": (0.0, 30.0), "tau_1": times(1.0, 30.0), "alpha_2": (0.0, 3.0)}
    mat |= {"tau_2": times(10.0, 5000.0)}
    gif = {**membrane, **after, "V_T": threshold, "v_reset": reset, "Delta_V": times(0.1, 1.5)}
    gif |= {"q_eta_1": (-50.0, 250.0), "tau_eta_1": times(1.0, 15.0), "q_eta_2": (-10.0, 60.0)}
    gif |= {"tau_eta_2": times(10.0, 150.0), "q_gamma_1": (-1.0, 6.0), "tau_gamma_1": times(2.0, 150.0)}
    gif |= {"q_gamma_2": (0.0, 0.3), "tau_gamma_2": times(400.0, 6000.0)}
    return {
        "AdEx": (psn.AdEx(V_cut=m.E_L + 45), adex, 1.0),
        "GLIF": (psn.GLIF(), glif, 1.0),
        "MAT": (psn.MAT(), mat, 1e-3),
        "GIF": (psn.GIF(lambda_0=1000.0), gif, 1.0),
    }


def agreed(trains: list[Floats], duration: float, dt: float) -> Floats:
    """The spikes on which at least half of the trains agree within the window, each train counted once."""
    n = round(duration / dt) + 1
    raster = np.zeros((len(trains), n))
    for row, train in zip(raster, trains, strict=True):
        row[np.clip(np.round(train / dt).astype(int), 0, n - 1)] = 1
    reach, found = round(WINDOW / dt), []
    smooth = gaussian_filter1d(raster.mean(0), 0.8 / dt)
    waiting = smooth.copy()
    while True:
        k = int(np.argmax(waiting))
        if waiting[k] <= 1e-6:
            return np.sort(np.array(found, float)) * dt
        low, high = max(0, k - reach), min(n, k + reach + 1)
        near = raster[:, low:high]
        votes = near.any(axis=1)
        if votes.mean() < 0.5:
            waiting[k] = 0.0
            continue
        found.append(k)
        for row in np.flatnonzero(votes):  # the spike of each train that is nearest is used
            at = low + np.flatnonzero(raster[row, low:high])
            raster[row, at[np.argmin(np.abs(at - k))]] = 0
        low, high = max(0, k - 8 * reach), min(n, k + 8 * reach)
        again = gaussian_filter1d(raster[:, low:high].mean(0), 0.8 / dt)
        inner = slice(max(0, k - 4 * reach), min(n, k + 4 * reach))
        fresh = again[inner.start - low : inner.stop - low]
        waiting[inner] = np.where(waiting[inner] > 0, fresh, 0.0)


@dataclass(frozen=True)
class Fitted:
    """The members of a last population, best first, as one model whose parameters have a number for each."""

    name: str
    model: Any
    n: int
    unit: float
    loss: Floats
    history: Floats
    seconds: float

    def trains(self, x: Recording) -> list[Floats]:
        """The spikes of each member under the current of a recording [ms]."""
        cells = psn.Network.from_edges(pre=[], post=[], weight=[], n=self.n)
        ds = psn.simulate(
            self.model, cells, duration=x.duration, dt=x.dt, stimulus=injected(x.current, x.dt, self.unit), seed=0
        )
        return [np.asarray(t) + RISE for t in ds.spk.trains(trial=0)]


def fit(name: str, fitted: list[Recording], m: Membrane, population: int, generations: int, seed: int) -> Fitted:
    """Searches a model under the stimuli of the recordings."""
    began = time.perf_counter()
    model, free, unit = candidates(m)[name]
    dt = fitted[0].dt
    rasters = []
    for x in fitted:
        raster = np.zeros((1, x.current.size, 1))
        raster[0, np.round((agreed(x.trains, x.duration, dt) - RISE) / dt).astype(int) - 1, 0] = 1
        rasters.append(raster)
    found = psn.fit(
        model, CELL, rasters, free=free, stimulus=[injected(x.current, dt, unit) for x in fitted], dt=dt, seed=seed,
        loss=psn.CoincidenceLoss(window=WINDOW) + 0.003 * psn.RateLoss(), epochs=generations, progress=False,
        method=psn.DifferentialEvolution(population=population),
    )  # fmt: skip
    # A trial replaces its parent where it is no worse: the population is the best of each line.
    loss = found.history.loss.values[:, :, 0]
    survivor = np.argmin(np.where(np.isfinite(loss), loss, np.inf), axis=0)
    lines = np.arange(loss.shape[1])
    order = np.argsort(loss[survivor, lines])[:MEMBERS]
    values = found.history.parameters.values[survivor[order], lines[order]]
    columns = dict(zip(found.history.parameter.values.tolist(), values.T, strict=True))
    return Fitted(
        name, model.replace(**columns), len(order), unit, loss[survivor, lines][order], found.history.best.values,
        time.perf_counter() - began,
    )  # fmt: skip


# ---- results ---------------------------------------------------------------------------------------------------------


def judged(models: list[Fitted], recordings: list[Recording]) -> dict[str, dict[str, tuple[float, float, Floats]]]:
    """Gamma_A of the best member and of the population, and the latter's train, by recording and model."""
    found: dict[str, dict[str, tuple[float, float, Floats]]] = {}
    for x in recordings:
        every: list[Floats] = []
        rows = {}
        for model in models:
            trains = model.trains(x)
            every += trains
            together = agreed(trains, x.duration, x.dt)
            rows[model.name] = (x.gamma_a(trains[0]), x.gamma_a(together), together)
        together = agreed(every, x.duration, x.dt)
        rows["all"] = (np.nan, x.gamma_a(together), together)
        found[x.name] = rows
    return found


def report(models: list[Fitted], fitted: list[Recording], others: list[Recording]) -> tuple[xarray.Dataset, Any]:
    """Prints Gamma_A and returns it as a dataset, and the trains."""
    found = judged(models, [*fitted, *others])
    names = [*(m.name for m in models), "all"]
    table = np.array([[found[x][name][:2] for name in names] for x in found])
    print(f"fitted on {' and '.join(x.name for x in fitted)}: Gamma_A of the population (of its best member)")
    for name, column in zip(names, table.swapaxes(0, 1), strict=True):
        cells = [f"{x} {group:.2f} ({best:.2f})" for x, (best, group) in zip(found, column, strict=True)]
        print(
            f"  {name:5s} fitted: {', '.join(cells[: len(fitted)])};"
            f" not fitted: {', '.join(cells[len(fitted) :]) or '-'}"
        )
    ds = xarray.Dataset(
        {"gamma_a": (("stimulus", "model", "of"), table, {"long_name": "Gamma / Gamma between repetitions"})},
        {
            "stimulus": list(found), "model": names, "of": ["best member", "population"],
            "was_fitted": ("stimulus", [x in {y.name for y in fitted} for x in found]),
        },
    )  # fmt: skip
    return ds, found


def draw(models: list[Fitted], shown: list[Recording], found: Any, output: Path) -> None:
    """Rasters of repetitions and models, and how the searches went."""
    figure = Figure(figsize=(11, 3 + 2.6 * len(shown)), layout="constrained")
    axes = figure.subplots(len(shown) + 1, 1)
    for ax, x in zip(axes, shown, strict=False):
        length = min(x.duration / 2, max(300.0, 40_000.0 / max(len(x.trains[0]) / x.duration * 1000, 1)))
        stop = 0.6 * x.duration
        rows = [(f"repetition {k}", t, "black") for k, t in enumerate(x.trains, 1)]
        rows += [(f"{k}, {v[1]:.2f}", v[2], f"C{j}") for j, (k, v) in enumerate(found[x.name].items())]
        for y, (_, train, color) in enumerate(rows):
            seen = train[(train > stop - length) & (train < stop)]
            ax.vlines(seen, -y - 0.4, -y + 0.4, color=color, lw=1.2)
        ax.set_yticks(-np.arange(len(rows)), [r[0] for r in rows], fontsize=8)
        ax.set(
            xlim=(stop - length, stop),
            xlabel="time (ms)",
            title=f"stimulus {x.name}: spikes, and $\\Gamma_A$ of models",
        )
    for j, model in enumerate(models):
        axes[-1].plot(np.arange(1, model.history.size + 1), model.history, color=f"C{j}", label=model.name)
    axes[-1].set(xlabel="generation", ylabel="loss, best so far", title="search")
    axes[-1].legend(frameon=False)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(output / "fit_recording.png", dpi=150)


def as_json(m: Membrane, models: list[Fitted], names: list[str]) -> str:
    """The membrane, and the parameters of all members."""
    members = {x.name: {k: np.asarray(getattr(x.model, k)).tolist() for k in x.model.units()} for x in models}
    membrane = {k: float(v) for k, v in vars(m).items()}
    return json.dumps({"fitted": names, "membrane": membrane, "rise_ms": RISE, "members": members}, indent=1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fits models to a recorded neuron.")
    parser.add_argument("recording", nargs="?", type=Path)
    parser.add_argument("--fit", nargs="+", metavar="STIMULUS", help="stimuli to fit together")
    parser.add_argument("--test", nargs="+", metavar="STIMULUS", help="stimuli to predict")
    parser.add_argument("--predict", type=Path, metavar="RECORDING", help="another recording of the cell to predict")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    parser.add_argument("--quick", action="store_true", help="a small search, to see that it runs")
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    population, generations = (16, 8) if asked.quick else (POPULATION, GENERATIONS)

    began = time.perf_counter()
    recordings = read(asked.recording) if asked.recording else make(1500.0 if asked.quick else 6000.0)
    by_name = {x.name: x for x in recordings}
    for x in recordings:
        rate = np.mean([len(t) for t in x.trains]) / x.duration * 1000
        print(f"stimulus {x.name}: {len(x.trains)} repetitions, {rate:.1f} Hz, Gamma between them {x.intrinsic:.2f}")
    m = membrane_of(recordings)
    print(
        f"membrane: C = {m.C:.0f} pF, g_L = {m.g_L:.1f} nS, E_L = {m.E_L:.1f} mV,"
        f" series resistance {m.electrode:.1f} MOhm; error {m.error:.1f} mV"
    )
    reliable = sorted(recordings, key=lambda x: x.intrinsic, reverse=True)[:2]
    fitted = [by_name[x] for x in asked.fit] if asked.fit else sorted(reliable, key=lambda x: x.name)
    further = [by_name[x] for x in asked.test or []] + (read(asked.predict) if asked.predict else [])
    settings = [fitted] if asked.fit or len(fitted) == 1 else [[x] for x in fitted] + [fitted]
    tables = []
    for setting in settings:
        models = [fit(name, setting, m, population, generations, seed) for seed, name in enumerate(candidates(m), 1)]
        others = further + [x for x in fitted if x not in setting]
        table, found = report(models, setting, others)
        tables.append(table)
        print(f"  {sum(x.seconds for x in models):.0f} s")
    results = xarray.concat(
        tables, xarray.DataArray(["+".join(x.name for x in y) for y in settings], dims="fitted_on", name="fitted_on"),
        join="outer",
    )  # fmt: skip
    results.to_netcdf(asked.output / "fit_recording.nc", engine="h5netcdf")
    (asked.output / "fit_recording.json").write_text(as_json(m, models, [x.name for x in fitted]))
    draw(models, fitted, found, asked.output)
    print(f"{time.perf_counter() - began:.0f} s; written to {asked.output}")


if __name__ == "__main__":
    main()
