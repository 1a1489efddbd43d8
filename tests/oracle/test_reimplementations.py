"""MAT, GLIF and GIF against plain NumPy: closed forms of their equations, and statistics of the escape rate."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import pyspikenet as psn

DT = 0.1
STEPS = 5000


def current(n: int, mean: float, deviation: float, seed: int) -> np.ndarray:
    """Shape (step, cell): a new value every 5 ms."""
    draws = np.random.default_rng(seed).normal(mean, deviation, (STEPS // 50, n))
    return np.repeat(draws, 50, axis=0)


def compare(model: Any, given: np.ndarray, spikes: np.ndarray, traces: dict[str, np.ndarray]) -> None:
    n = given.shape[1]
    ds = psn.simulate(
        model, psn.Network.from_edges(pre=[], post=[], n=n), duration=STEPS * DT, dt=DT, record=list(traces),
        stimulus=psn.ArrayStimulus(data=given, dt=DT),
    )  # fmt: skip
    found = np.zeros((STEPS, n), dtype=bool)
    found[np.round(ds.spike_time.values / DT).astype(int) - 1, ds.spike_neuron.values] = True
    assert spikes.sum() > 10 * n
    np.testing.assert_array_equal(found, spikes)
    for name, expected in traces.items():
        np.testing.assert_allclose(ds[name].values[0], expected, rtol=1e-10, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("name", psn.MAT.presets())
def test_mat(name: str) -> None:
    m = psn.MAT.preset(name)
    given = current(8, 0.45, 0.3, 1)
    v = np.full(8, m.E_L)
    slow, fast = np.zeros(8), np.zeros(8)
    last = np.full(8, -(10**6))
    spikes, traces = np.zeros((STEPS, 8), dtype=bool), {x: np.zeros((STEPS, 8)) for x in psn.MAT.variables}
    keep = np.exp(-DT / m.tau_m)
    for k in range(STEPS):
        v = m.E_L + (v - m.E_L) * keep + m.R * given[k] * (1 - keep)
        fast, slow = fast * np.exp(-DT / m.tau_1), slow * np.exp(-DT / m.tau_2)
        fired = (v >= m.E_L + m.omega + fast + slow) & (k - last >= round(m.refractory_period / DT))
        fast, slow = fast + m.alpha_1 * fired, slow + m.alpha_2 * fired
        last[fired] = k
        spikes[k] = fired
        for trace, x in zip(traces.values(), (v, fast, slow), strict=True):
            trace[k] = x
    compare(m, given, spikes, traces)


@pytest.mark.parametrize("name", psn.GLIF.presets())
def test_glif(name: str) -> None:
    m = psn.GLIF.preset(name).replace(f_1=0.9, f_2=0.7)
    n = 8
    given = current(n, 450.0, 250.0, 2)
    g = m.g_L / m.C
    v, I_1, I_2 = np.full(n, m.E_L), np.zeros(n), np.zeros(n)
    theta_s, theta_v = np.zeros(n), np.zeros(n)
    free = np.zeros(n, dtype=int)
    spikes, traces = np.zeros((STEPS, n), dtype=bool), {x: np.zeros((STEPS, n)) for x in psn.GLIF.variables}

    def response(rate: float, slower: float) -> float:
        """At the end of a step, of dx/dt = -rate x + exp(-slower t)."""
        return float((np.exp(-slower * DT) - np.exp(-rate * DT)) / (rate - slower))

    for k in range(STEPS):
        # v - E_L = level + p exp(-g t) + q_1 exp(-k_1 t) + q_2 exp(-k_2 t)
        level = given[k] / m.g_L
        q_1, q_2 = I_1 / m.C / (g - m.k_1), I_2 / m.C / (g - m.k_2)
        p = v - m.E_L - level - q_1 - q_2
        drive = level * response(m.b_v, 0.0) + p * response(m.b_v, g)
        drive = drive + q_1 * response(m.b_v, m.k_1) + q_2 * response(m.b_v, m.k_2)
        moved = (
            m.E_L + level + p * np.exp(-g * DT) + q_1 * np.exp(-m.k_1 * DT) + q_2 * np.exp(-m.k_2 * DT),
            I_1 * np.exp(-m.k_1 * DT),
            I_2 * np.exp(-m.k_2 * DT),
            theta_s * np.exp(-m.b_s * DT),
            theta_v * np.exp(-m.b_v * DT) + m.a_v * drive,
        )
        ready = k >= free
        v, I_1, I_2, theta_s, theta_v = (
            np.where(ready, new, old) for new, old in zip(moved, (v, I_1, I_2, theta_s, theta_v), strict=True)
        )
        fired = ready & (v > m.theta_inf + theta_s + theta_v)
        t = m.refractory_period
        v = np.where(fired, m.E_L + m.f_v * (v - m.E_L) + m.v_add, v)
        I_1 = np.where(fired, m.f_1 * I_1 * np.exp(-m.k_1 * t) + m.A_1, I_1)
        I_2 = np.where(fired, m.f_2 * I_2 * np.exp(-m.k_2 * t) + m.A_2, I_2)
        theta_s = np.where(fired, theta_s * np.exp(-m.b_s * t) + m.A_theta, theta_s)
        free[fired] = k + round(t / DT)
        spikes[k] = fired
        for trace, x in zip(traces.values(), (v, I_1, I_2, theta_s, theta_v), strict=True):
            trace[k] = x
    compare(m, given, spikes, traces)


# ---- GIF ------------------------------------------------------------------------------------------------------------


def probabilities(m: psn.GIF, strength: float, fired: np.ndarray) -> np.ndarray:
    """Shape (step, cell): the probability of each spike, given those before it; 0 while refractory."""
    n = fired.shape[1]
    keep = np.exp(-DT * m.g_L / m.C)
    rates = [1 / tau for tau in (m.tau_eta_1, m.tau_eta_2, m.tau_gamma_1, m.tau_gamma_2)]
    jumps = [m.q_eta_1, m.q_eta_2, m.q_gamma_1, m.q_gamma_2]
    state = [np.zeros(n) for _ in rates]
    v, free = np.full(n, m.E_L), np.zeros(n, dtype=int)
    p = np.zeros(fired.shape)
    for k in range(len(fired)):
        ready = k >= free
        moved = m.E_L + (v - m.E_L) * keep + strength / m.g_L * (1 - keep)
        for eta, rate in zip(state[:2], rates[:2], strict=True):
            moved = moved - eta / m.C * (np.exp(-rate * DT) - keep) / (m.g_L / m.C - rate)
        v = np.where(ready, moved, v)
        state = [x * np.exp(-rate * DT) for x, rate in zip(state, rates, strict=True)]
        hazard = m.lambda_0 * np.exp((v - m.V_T - state[2] - state[3]) / m.Delta_V) / 1000
        p[k] = np.where(ready, -np.expm1(-hazard * DT), 0.0)
        now = fired[k]
        v = np.where(now, m.v_reset, v)
        state = [x + jump * now for x, jump in zip(state, jumps, strict=True)]
        free[now] = k + round(m.refractory_period / DT)
    return p


def raster(m: Any, n: int, steps: int, strength: float, **options: Any) -> np.ndarray:
    ds = psn.simulate(
        m, psn.Network.from_edges(pre=[], post=[], n=n), duration=steps * DT, dt=DT,
        stimulus=psn.ConstantStimulus(strength=strength), seed=11, **options,
    )  # fmt: skip
    fired = np.zeros((steps, n), dtype=bool)
    fired[np.round(ds.spike_time.values / DT).astype(int) - 1, ds.spike_neuron.values] = True
    return fired


def test_gif_spikes_with_the_probability_its_hazard_gives() -> None:
    m, n, steps = psn.GIF(), 400, 10_000
    fired = raster(m, n, steps, 150.0)
    p = probabilities(m, 150.0, fired)
    assert fired.sum() > 2000
    assert not fired[p == 0].any(), "never while refractory"
    bounds = [0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1.0]
    for low, high in pairwise(bounds):
        chosen = (p > low) & (p <= high)
        # Given the past, spikes are independent draws: their number has this mean and variance, and is within five
        # standard deviations of it (and one, where it is small) but in one case of a million.
        mean, variance = p[chosen].sum(), (p[chosen] * (1 - p[chosen])).sum()
        assert mean > 20, "each class has enough spikes to say something"
        assert abs(fired[chosen].sum() - mean) < 5 * np.sqrt(variance) + 1


def test_intervals_of_gif_without_memory_are_those_of_its_survival_function() -> None:
    silent = {"q_eta_1": 0.0, "q_eta_2": 0.0, "q_gamma_1": 0.0, "q_gamma_2": 0.0}
    m, n, steps = psn.GIF(v_reset=-50.0, **silent), 200, 20_000
    fired = raster(m, n, steps, 140.0)
    intervals = np.concatenate([np.diff(np.flatnonzero(fired[:, i])) for i in range(n)])
    assert len(intervals) > 5000
    # The probability of each step after a spike, from a cell that spikes in step 0 and is silent then.
    alone = np.zeros((steps, 1), dtype=bool)
    alone[0] = True
    p = probabilities(m, 140.0, alone)[1:, 0]
    expected = 1 - np.cumprod(1 - p)
    assert expected[4000] > 1 - 1e-9, "no interval is cut off by the end of the run"
    found = np.searchsorted(np.sort(intervals), np.arange(1, steps), side="right") / len(intervals)
    # Dvoretzky, Kiefer and Wolfowitz: further apart than this in one case of a million.
    assert np.abs(found - expected).max() < np.sqrt(np.log(2 / 1e-6) / (2 * len(intervals)))


def test_gif_with_a_sharp_threshold_is_a_leaky_integrate_and_fire_neuron() -> None:
    silent = {"q_eta_1": 0.0, "q_eta_2": 0.0, "q_gamma_1": 0.0, "q_gamma_2": 0.0}
    sharp = psn.GIF(Delta_V=1e-6, lambda_0=1000.0, v_reset=-60.0, **silent)
    plain = psn.LIF(
        tau_m=sharp.C / sharp.g_L, E_L=sharp.E_L, R=1000 / sharp.g_L, v_threshold=sharp.V_T, v_reset=-60.0,
        refractory_period=sharp.refractory_period,
    )  # fmt: skip
    np.testing.assert_array_equal(raster(sharp, 3, 5000, 150.0), raster(plain, 3, 5000, 0.15))


def test_random_numbers_of_gif_belong_to_trial_neuron_and_step() -> None:
    net = psn.Network.from_edges(pre=[], post=[], n=10)
    stimulus = psn.ConstantStimulus(strength=200.0)
    whole = psn.simulate(psn.GIF(), net, duration=1000.0, stimulus=stimulus, seed=3, trials=4)
    third = psn.simulate(psn.GIF(), net, duration=1000.0, stimulus=stimulus, seed=3, trials=[2])
    chosen = whole.spike_trial.values == 2
    assert chosen.sum() > 20
    np.testing.assert_array_equal(whole.spike_time.values[chosen], third.spike_time.values)
    np.testing.assert_array_equal(whole.spike_neuron.values[chosen], third.spike_neuron.values)
    first = psn.simulate(psn.GIF(), net, duration=333.3, stimulus=stimulus, seed=3, trials=4)
    second = psn.simulate(psn.GIF(), net, duration=666.7, stimulus=stimulus, seed=3, trials=4, initial_state=first)
    names = ("spike_trial", "spike_time", "spike_neuron")
    in_one = sorted(zip(*(whole[x].values.round(6) for x in names), strict=True))
    in_two = sorted(zip(*(np.concatenate([first[x], second[x]]).round(6) for x in names), strict=True))
    assert in_one == in_two
