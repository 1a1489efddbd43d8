"""What both sides of the comparison with Brian2 simulate: parameters, currents, input spikes and networks."""

from typing import Any

import numpy as np

DT = 0.1
STEPS = 3000
CELLS = 20

LIF = {
    "tau_m": 20.0, "E_L": -70.0, "R": 1.0, "v_threshold": -50.0, "v_reset": -60.0, "refractory_period": 5.0,
    "tau_syn_exc": 5.0, "tau_syn_inh": 10.0,
}  # fmt: skip
COBA = {
    "C": 200.0, "g_L": 10.0, "E_L": -60.0, "v_threshold": -50.0, "v_reset": -60.0, "refractory_period": 5.0,
    "tau_e": 5.0, "tau_i": 10.0, "E_e": 0.0, "E_i": -80.0,
}  # fmt: skip
ADEX = {
    "C": 281.0, "g_L": 30.0, "E_L": -70.6, "V_T": -50.4, "D_T": 2.0, "tau_w": 144.0, "a": 4.0, "b": 80.5, "V_r": -70.6,
    "V_cut": -40.4,
}  # fmt: skip
IZHIKEVICH = {"a": 0.02, "b": 0.2, "c": -65.0, "d": 8.0}
HODGKIN_HUXLEY = {
    "C": 200.0, "g_L": 10.0, "E_L": -60.0, "g_Na": 20000.0, "E_Na": 50.0, "g_K": 6000.0, "E_K": -90.0, "V_T": -63.0,
    "refractory_period": 3.0,
}  # fmt: skip


def currents(low: float, high: float, noise: float, seed: int) -> np.ndarray:
    """Shape (step, cell): means from `low` to `high`, and noise that changes every 2 ms."""
    draws = np.random.default_rng(seed).normal(0.0, noise, (STEPS // 20, CELLS))
    return np.linspace(low, high, CELLS) + np.repeat(draws, 20, axis=0)


def constant_currents(low: float, high: float) -> np.ndarray:
    """One current per cell."""
    return np.linspace(low, high, CELLS)


def input_spikes(seed: int) -> dict[str, np.ndarray]:
    """Steps in which excitatory and inhibitory spikes arrive, at all cells alike; at most one of a kind in a step."""
    rng = np.random.default_rng(seed)
    return {
        "exc": np.sort(rng.choice(np.arange(1, STEPS), 120, replace=False)),
        "inh": np.sort(rng.choice(np.arange(1, STEPS), 40, replace=False)),
    }


def network(exc: float, inh: float, seed: int) -> dict[str, Any]:
    """100 neurons, 80 of them excitatory, each pair connected with probability 0.2 by one of ten delays [steps]."""
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((100, 100)) < 0.2)
    weight = np.where(pre < 80, exc, inh) * rng.uniform(0.5, 1.5, pre.size)
    return {
        "pre": pre, "post": post, "weight": weight, "delay": rng.integers(1, 11, pre.size),
        "current": rng.uniform(0.0, 1.0, 100), "v": rng.uniform(0.0, 1.0, 100),
    }  # fmt: skip
