"""Presets of Izhikevich's model: the cells of 2003 and the 20 behaviours of 2004. Read ``presets.py`` first.

Cells: Izhikevich 2003, doi 10.1109/TNN.2003.820440, figure 2. Behaviours: Izhikevich 2004, doi 10.1109/TNN.2004.832719,
figure 1; parameters, currents, steps and initial states are those of the script published with it, figure1.m, and so is
the method: the script's loop computes v first, and u from the new v.
"""

import numpy as np
from numpy.typing import NDArray

from .presets import Preset, Waveform, step


def _cell(a: float, b: float, c: float, d: float, v: float, current: Waveform) -> Preset:
    return Preset(
        parameters={"a": a, "b": b, "c": c, "d": d}, current=current, duration=500.0, dt=0.1,
        initial_state={"v": v, "u": b * v},
    )  # fmt: skip


# The figure shows steps of I = 10 from rest; when they begin is not published.
CELLS = {
    "regular spiking": _cell(0.02, 0.2, -65.0, 8.0, -70.0, step(10.0, 50.0)),
    "intrinsically bursting": _cell(0.02, 0.2, -55.0, 4.0, -70.0, step(10.0, 50.0)),
    "chattering": _cell(0.02, 0.2, -50.0, 2.0, -70.0, step(10.0, 50.0)),
    "fast spiking": _cell(0.1, 0.2, -65.0, 2.0, -70.0, step(10.0, 50.0)),
    "low-threshold spiking": _cell(0.02, 0.25, -65.0, 2.0, -64.4, step(10.0, 50.0)),
    "thalamo-cortical": _cell(0.02, 0.25, -65.0, 0.05, -64.4, step(10.0, 50.0)),
    "resonator cell": _cell(0.1, 0.26, -65.0, 2.0, -62.5, step(10.0, 50.0)),
}


def _behaviour(
    a: float,
    b: float,
    c: float,
    d: float,
    v: float,
    current: Waveform,
    duration: float,
    dt: float = 0.25,
    u: float | None = None,
    **constants: float,
) -> Preset:
    return Preset(
        parameters={"a": a, "b": b, "c": c, "d": d, **constants, "method": "semi_implicit_euler"}, current=current,
        duration=duration, dt=dt, initial_state={"v": v, "u": b * v if u is None else u},
    )  # fmt: skip


def _pulses(strength: float, length: float, *starts: float, between: float = 0.0) -> Waveform:
    def current(t: NDArray[np.float64]) -> NDArray[np.float64]:
        on = np.any([(t > start) & (t < start + length) for start in starts], axis=0)
        return np.where(on, strength, between)

    return current


def _ramp(slope: float, start: float, base: float = 0.0) -> Waveform:
    return lambda t: base + np.where(t > start, slope * (t - start), 0.0)


def _threshold_variability(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return _pulses(1.0, 5.0, 10.0, 80.0)(t) + _pulses(-6.0, 5.0, 70.0)(t)


def _slow_and_fast_ramp(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(t < 200, t / 25, np.where((t >= 300) & (t < 312.5), (t - 300) / 12.5 * 4, 0.0))


def _release(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where((t < 50) | (t > 250), 80.0, 75.0)


CLASS_1 = {"k_1": 4.1, "k_0": 108.0}  # the script's 0.04 v^2 + 4.1 v + 108

BEHAVIOURS = {
    "tonic spiking": _behaviour(0.02, 0.2, -65.0, 6.0, -70.0, step(14.0, 10.0), 100.0),
    "phasic spiking": _behaviour(0.02, 0.25, -65.0, 6.0, -64.0, step(0.5, 20.0), 200.0),
    "tonic bursting": _behaviour(0.02, 0.2, -50.0, 2.0, -70.0, step(15.0, 22.0), 220.0),
    "phasic bursting": _behaviour(0.02, 0.25, -55.0, 0.05, -64.0, step(0.6, 20.0), 200.0, 0.2),
    "mixed mode": _behaviour(0.02, 0.2, -55.0, 4.0, -70.0, step(10.0, 16.0), 160.0),
    "spike frequency adaptation": _behaviour(0.01, 0.2, -65.0, 8.0, -70.0, step(30.0, 8.5), 85.0),
    "class 1 excitable": _behaviour(0.02, -0.1, -55.0, 6.0, -60.0, _ramp(0.075, 30.0), 300.0, **CLASS_1),
    "class 2 excitable": _behaviour(0.2, 0.26, -65.0, 0.0, -64.0, _ramp(0.015, 30.0, -0.5), 300.0),
    "spike latency": _behaviour(0.02, 0.2, -65.0, 6.0, -70.0, step(7.04, 10.0, 13.0), 100.0, 0.2),
    "subthreshold oscillations": _behaviour(0.05, 0.26, -60.0, 0.0, -62.0, step(2.0, 20.0, 25.0), 200.0),
    "resonator": _behaviour(0.1, 0.26, -60.0, -1.0, -62.0, _pulses(0.65, 4.0, 40.0, 60.0, 280.0, 320.0), 400.0),
    "integrator": _behaviour(
        0.02, -0.1, -55.0, 6.0, -60.0, _pulses(9.0, 2.0, 100 / 11, 100 / 11 + 5, 70.0, 80.0), 100.0, **CLASS_1
    ),
    "rebound spike": _behaviour(0.03, 0.25, -60.0, 4.0, -64.0, step(-15.0, 20.0, 25.0), 200.0, 0.2),
    "rebound burst": _behaviour(0.03, 0.25, -52.0, 0.0, -64.0, step(-15.0, 20.0, 25.0), 200.0, 0.2),
    "threshold variability": _behaviour(0.03, 0.25, -60.0, 4.0, -64.0, _threshold_variability, 100.0),
    "bistability": _behaviour(0.1, 0.26, -60.0, 0.0, -61.0, _pulses(1.24, 5.0, 37.5, 216.0, between=0.24), 300.0),
    "depolarizing after-potential": _behaviour(1.0, 0.2, -60.0, -21.0, -70.0, step(20.0, 9.0, 11.0), 50.0, 0.1),
    # The script's u has no decay here: du/dt = a b (v + 65).
    "accommodation": _behaviour(
        0.02, 1.0, -55.0, 4.0, -65.0, _slow_and_fast_ramp, 400.0, 0.5, u=-16.0, v_u=-65.0, k_u=0.0
    ),
    "inhibition-induced spiking": _behaviour(-0.02, -1.0, -60.0, 8.0, -63.8, _release, 350.0, 0.5),
    "inhibition-induced bursting": _behaviour(-0.026, -1.0, -45.0, -2.0, -63.8, _release, 350.0, 0.5),
}

IZHIKEVICH = CELLS | BEHAVIOURS
ABBREVIATIONS = dict(zip(("RS", "IB", "CH", "FS", "LTS", "TC", "RZ"), CELLS, strict=True))
