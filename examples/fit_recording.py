"""Models fitted to a recorded neuron under injected currents, and what they predict under others.

First the membrane: a linear regression of the potential, away from spikes, on the current through the electrode and
through a membrane, with the recordings of all stimuli. Then spikes, under all fitted stimuli at once. AdEx, GLIF and
MAT are searched within bounds around that membrane by differential evolution, for coincidences with the spikes that
most repetitions agree on, and for their rate. The escape-rate GIF is fitted by maximum likelihood, which has one
optimum and needs no search. Many members of a last population are kept, not the best alone, and many runs of the GIF:
where they agree on a spike, there is one. One learns to read a recording, to search by populations, to fit by
likelihood, and to judge by data that were not fitted.

Spikes are coincident within 2 ms; Gamma_A is the coincidence factor divided by that between repetitions (Jolivet et
al. 2008, doi 10.1016/j.jneumeth.2007.11.006): 1 is as good as another repetition, and what many agree on may have more.

    python examples/fit_recording.py [RECORDING] [--fit 00 05] [--test 01 02] [--pieces 850] [--quick]

RECORDING is an .npz file with `current_pA` and `voltage_mV` of shape (stimulus, repetition, time), `stimulus_id` and
`dt_ms`, or whatever `psn.read_recording` reads, whose trials then are repetitions of one current. Without it the
example makes one. Without `--fit`, each of the two stimuli whose repetitions agree best is fitted alone and predicts
the other, then both are fitted together. With `--pieces` every other piece of so many ms of both is fitted and predicts
the pieces between, and the other way round: how well other stimuli of these kinds are predicted.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray
from escape_rate import RUNS, most_likely
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from recorded_neuron import (
    CELL,
    WINDOW,
    Floats,
    Membrane,
    Recording,
    agreed,
    every_other,
    injected,
    make,
    membrane_of,
    read,
)

import pyspikenet as psn

RISE = 0.4  # ms from the threshold of a model to the 0 mV at which a recorded spike is counted
POPULATION, GENERATIONS, MEMBERS = 48, 32, 24


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
    return {
        "AdEx": (psn.AdEx(V_cut=m.E_L + 45), adex, 1.0),
        "GLIF": (psn.GLIF(), glif, 1.0),
        "MAT": (psn.MAT(), mat, 1e-3),
    }


@dataclass(frozen=True)
class Fitted:
    """Neurons that vote: members of a last population, best first, or runs of one model with noise."""

    name: str
    model: Any
    n: int
    stimulus: Callable[[Recording], psn.ArrayStimulus]
    delay: float  # ms from a spike of the model to one that is recorded
    share: float  # of the votes that make a spike
    history: Floats
    drive: Floats  # weights of what the stimulus is made of, a constant first; none where it is the current

    def trains(self, x: Recording) -> list[Floats]:
        """The spikes of each voter under the current of a recording [ms]."""
        cells = psn.Network.from_edges(pre=[], post=[], weight=[], n=self.n)
        ds = psn.simulate(self.model, cells, duration=x.duration, dt=x.dt, stimulus=self.stimulus(x), seed=0)
        return [np.asarray(t) + self.delay for t in ds.spk.trains(trial=0)]


def searched(name: str, fitted: list[Recording], m: Membrane, population: int, generations: int, seed: int) -> Fitted:
    """The best of a search for a model under the stimuli of the recordings."""
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
        name, model.replace(**columns), len(order), lambda x: injected(x.current, x.dt, unit), RISE, 0.5,
        found.history.best.values, np.empty(0),
    )  # fmt: skip


def by_likelihood(fitted: list[Recording], m: Membrane) -> Fitted:
    """The GIF under which the recorded spikes are most likely; its spikes are those of the same step."""
    found = most_likely(fitted, m)
    drive = np.append(found.constant, found.weights)
    return Fitted("GIF", found.model, RUNS, found.stimulus, -fitted[0].dt, 0.4, np.empty(0), drive)


# ---- results ---------------------------------------------------------------------------------------------------------


def judged(models: list[Fitted], recordings: list[Recording]) -> dict[str, dict[str, tuple[float, float, Floats]]]:
    """Gamma_A of the first voter and of all together, and the train of these, by recording and model."""
    found: dict[str, dict[str, tuple[float, float, Floats]]] = {}
    for x in recordings:
        every: list[Floats] = []
        rows = {}
        for model in models:
            trains = model.trains(x)
            every += trains
            together = agreed(trains, x.duration, x.dt, model.share)
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
    print(f"fitted on {' and '.join(x.name for x in fitted)}: Gamma_A of all together (of the best, or of one run)")
    for name, column in zip(names, table.swapaxes(0, 1), strict=True):
        cells = [
            f"{x} {group:.2f}" + (f" ({best:.2f})" if best == best else "")
            for x, (best, group) in zip(found, column, strict=True)
        ]
        print(
            f"  {name:5s} fitted: {', '.join(cells[: len(fitted)])};"
            f" not fitted: {', '.join(cells[len(fitted) :]) or '-'}"
        )
    ds = xarray.Dataset(
        {"gamma_a": (("stimulus", "model", "of"), table, {"long_name": "Gamma / Gamma between repetitions"})},
        {
            "stimulus": list(found), "model": names, "of": ["one", "together"],
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
    for j, model in enumerate(x for x in models if x.history.size):
        axes[-1].plot(np.arange(1, model.history.size + 1), model.history, color=f"C{j}", label=model.name)
    axes[-1].set(xlabel="generation", ylabel="loss, best so far", title="search")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(output / "fit_recording.png", dpi=150)


def as_json(m: Membrane, models: list[Fitted], names: list[str]) -> str:
    """The membrane, and the parameters of all members, or of the one model."""
    members = {x.name: {k: np.asarray(getattr(x.model, k)).tolist() for k in x.model.units()} for x in models}
    members |= {x.name: members[x.name] | {"drive": x.drive.tolist()} for x in models if x.drive.size}
    membrane = {k: float(v) for k, v in vars(m).items()}
    return json.dumps({"fitted": names, "membrane": membrane, "rise_ms": RISE, "members": members}, indent=1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fits models to a recorded neuron.")
    parser.add_argument("recording", nargs="?", type=Path)
    parser.add_argument("--fit", nargs="+", metavar="STIMULUS", help="stimuli to fit together")
    parser.add_argument("--test", nargs="+", metavar="STIMULUS", help="stimuli to predict")
    parser.add_argument("--predict", type=Path, metavar="RECORDING", help="another recording of the cell to predict")
    parser.add_argument(
        "--pieces", type=float, metavar="MS", help="fit every other piece of the stimuli, predict the rest"
    )
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
    for option, names in (("--fit", asked.fit or []), ("--test", asked.test or [])):
        for name in names:
            if name not in by_name:
                parser.error(f"{option} must name stimuli of {', '.join(by_name)}, got {name}")
    fitted = [by_name[x] for x in asked.fit] if asked.fit else sorted(reliable, key=lambda x: x.name)
    further = [by_name[x] for x in asked.test or []] + (read(asked.predict) if asked.predict else [])
    settings = [fitted] if asked.fit or len(fitted) == 1 else [[x] for x in fitted] + [fitted]
    if asked.pieces:
        halves = list(zip(*(every_other(x, asked.pieces) for x in fitted), strict=True))
        settings, fitted = [list(x) for x in halves], [x for half in halves for x in half]
    tables = []
    for setting in settings:
        spent = time.perf_counter()
        models = [
            searched(name, setting, m, population, generations, seed) for seed, name in enumerate(candidates(m), 1)
        ]
        models.append(by_likelihood(setting, m))
        spent = time.perf_counter() - spent
        others = further + [x for x in fitted if x not in setting]
        table, found = report(models, setting, others)
        tables.append(table)
        print(f"  {spent:.0f} s")
    results = xarray.concat(
        tables, xarray.DataArray(["+".join(x.name for x in y) for y in settings], dims="fitted_on", name="fitted_on"),
        join="outer",
    )  # fmt: skip
    results.to_netcdf(asked.output / "fit_recording.nc", engine="h5netcdf")
    (asked.output / "fit_recording.json").write_text(as_json(m, models, [x.name for x in settings[-1]]))
    draw(models, fitted, found, asked.output)
    print(f"{time.perf_counter() - began:.0f} s; written to {asked.output}")


if __name__ == "__main__":
    main()
