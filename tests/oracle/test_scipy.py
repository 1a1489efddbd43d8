"""Trajectories below the threshold, and action potentials, against SciPy's solve_ivp; the order of every method."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pyspikenet as psn

NONE = psn.Network.from_edges(pre=[], post=[], n=1)
END = 16.0
ORDERS = {"euler": 1, "exponential_euler": 1, "semi_implicit_euler": 1, "rk2": 2, "rk4": 4}


@dataclass(frozen=True)
class Case:
    """Equations of a model as in its paper, and a run that stays below the threshold."""

    model: Any
    rates: Callable[[Any, np.ndarray, float], list[float]]
    start: dict[str, float]
    current: float
    conductances: bool
    steps: dict[int, tuple[float, ...]]

    @property
    def variables(self) -> list[str]:
        return [*self.model.variables, "g_exc", "g_inh"]


def lif(m: psn.LIF, y: np.ndarray, current: float) -> list[float]:
    return [(m.E_L - y[0] + m.R * current) / m.tau_m]


def coba(m: psn.CobaLIF, y: np.ndarray, current: float) -> list[float]:
    return [(m.g_L * (m.E_L - y[0]) + current) / m.C]


def adex(m: psn.AdEx, y: np.ndarray, current: float) -> list[float]:
    v, w = y
    dv = (m.g_L * (m.E_L - v) + m.g_L * m.D_T * np.exp((v - m.V_T) / m.D_T) - w + current) / m.C
    return [dv, (m.a * (v - m.E_L) - w) / m.tau_w]


def izhikevich(m: psn.Izhikevich, y: np.ndarray, current: float) -> list[float]:
    v, u = y
    return [0.04 * v**2 + 5 * v + 140 - u + current, m.a * (m.b * v - u)]


def hodgkin_huxley(model: psn.HodgkinHuxley, y: np.ndarray, current: float) -> list[float]:
    v, m, h, n = y
    x = v - model.V_T
    alpha_m, beta_m = 0.32 * (13 - x) / np.expm1((13 - x) / 4), 0.28 * (x - 40) / np.expm1((x - 40) / 5)
    alpha_h, beta_h = 0.128 * np.exp((17 - x) / 18), 4 / (1 + np.exp((40 - x) / 5))
    alpha_n, beta_n = 0.032 * (15 - x) / np.expm1((15 - x) / 5), 0.5 * np.exp((10 - x) / 40)
    sodium, potassium = model.g_Na * m**3 * h * (v - model.E_Na), model.g_K * n**4 * (v - model.E_K)
    return [
        (model.g_L * (model.E_L - v) - sodium - potassium + current) / model.C,
        alpha_m * (1 - m) - beta_m * m,
        alpha_h * (1 - h) - beta_h * h,
        alpha_n * (1 - n) - beta_n * n,
    ]


def glif(m: psn.GLIF, y: np.ndarray, current: float) -> list[float]:
    v, I_1, I_2, theta_s, theta_v = y
    dv = (m.g_L * (m.E_L - v) + current + I_1 + I_2) / m.C
    return [dv, -m.k_1 * I_1, -m.k_2 * I_2, -m.b_s * theta_s, m.a_v * (v - m.E_L) - m.b_v * theta_v]


def mat(m: psn.MAT, y: np.ndarray, current: float) -> list[float]:
    return [(m.E_L - y[0] + m.R * current) / m.tau_m, -y[1] / m.tau_1, -y[2] / m.tau_2]


def gif(m: psn.GIF, y: np.ndarray, current: float) -> list[float]:
    v, eta_1, eta_2, gamma_1, gamma_2 = y
    dv = (m.g_L * (m.E_L - v) - eta_1 - eta_2 + current) / m.C
    return [dv, -eta_1 / m.tau_eta_1, -eta_2 / m.tau_eta_2, -gamma_1 / m.tau_gamma_1, -gamma_2 / m.tau_gamma_2]


# Steps for methods of each order: short enough for the leading term of the error, long enough to stay above rounding.
STEPS = {1: (0.04, 0.02, 0.01), 2: (0.1, 0.05, 0.025), 4: (0.4, 0.2, 0.1)}
FAST = {1: (0.02, 0.01, 0.005), 2: (0.02, 0.01, 0.005), 4: (0.04, 0.02, 0.01)}
CURRENTS = {"exc": psn.ExponentialSynapse(tau=5.0), "inh": psn.ExponentialSynapse(tau=10.0)}
CONDUCTANCES = {
    "exc": psn.ExponentialSynapse(tau=5.0, reversal=0.0),
    "inh": psn.ExponentialSynapse(tau=10.0, reversal=-80.0),
}
CASES = {
    "LIF": Case(psn.LIF(receptors=CURRENTS), lif, {"v": -68.0, "g_exc": 20.0, "g_inh": -9.0}, 5.0, False, STEPS),
    "CobaLIF": Case(
        psn.CobaLIF(receptors=CONDUCTANCES), coba, {"v": -65.0, "g_exc": 3.0, "g_inh": 4.0}, 30.0, True, STEPS
    ),
    "AdEx": Case(
        psn.AdEx(receptors=CONDUCTANCES), adex, {"v": -65.0, "w": 30.0, "g_exc": 5.0, "g_inh": 8.0}, 300.0, True, STEPS
    ),
    "Izhikevich": Case(
        psn.Izhikevich(receptors=CURRENTS), izhikevich, {"v": -68.0, "u": -12.0, "g_exc": 2.0, "g_inh": -3.0}, 1.0,
        False, STEPS,
    ),
    "HodgkinHuxley": Case(
        psn.HodgkinHuxley(receptors=CONDUCTANCES), hodgkin_huxley,
        {"v": -68.0, "m": 0.02, "h": 0.9, "n": 0.1, "g_exc": 0.5, "g_inh": 4.0}, 20.0, True, FAST,
    ),
    "GLIF": Case(
        psn.GLIF(receptors=CURRENTS), glif,
        {"v": -75.0, "I_1": -20.0, "I_2": -100.0, "theta_s": 2.0, "theta_v": 1.0, "g_exc": 90.0, "g_inh": -40.0}, 80.0,
        False, STEPS,
    ),
    "MAT": Case(
        psn.MAT(receptors=CURRENTS), mat,
        {"v": -60.0, "theta_1": 12.0, "theta_2": 5.0, "g_exc": 0.2, "g_inh": -0.1}, 0.1, False, STEPS,
    ),
    "GIF": Case(
        psn.GIF(receptors=CURRENTS, lambda_0=0.0), gif,
        {"v": -60.0, "eta_1": 30.0, "eta_2": -9.0, "gamma_1": 5.0, "gamma_2": 2.0, "g_exc": 50.0, "g_inh": -20.0}, 60.0,
        False, STEPS,
    ),
}  # fmt: skip


def solve(case: Case, times: np.ndarray, start: dict[str, float], current: float) -> np.ndarray:
    """Shape (variable, time)."""
    n = len(case.model.variables)

    def rates(_: float, y: np.ndarray) -> list[float]:
        exc, inh = y[n:]
        synaptic = exc * (0 - y[0]) + inh * (-80 - y[0]) if case.conductances else exc + inh
        return [*case.rates(case.model, y[:n], current + synaptic), -exc / 5, -inh / 10]

    first = [start[name] for name in case.variables]
    solution = solve_ivp(rates, (0, times[-1]), first, t_eval=times, method="DOP853", rtol=1e-12, atol=1e-12)
    assert solution.success
    return np.asarray(solution.y)


@cache
def reference(name: str) -> np.ndarray:
    """At every 0.4 ms."""
    return solve(CASES[name], np.arange(0.4, END + 0.2, 0.4), CASES[name].start, CASES[name].current)


def trajectory(case: Case, method: str, dt: float) -> np.ndarray:
    ds = psn.simulate(
        case.model.replace(method=method), NONE, duration=END, dt=dt, record=case.variables, record_every=0.4,
        stimulus=psn.ConstantStimulus(strength=case.current), initial_state=case.start,
    )  # fmt: skip
    assert ds.sizes["spike"] == 0
    return np.array([ds[name].values[0, :, 0] for name in case.variables])


LINEAR = [name for name, case in CASES.items() if "exact" in case.model.methods]
NUMERICAL = [(name, method) for name, case in CASES.items() for method in case.model.methods if method != "exact"]


def test_these_are_all_models_and_methods() -> None:
    assert LINEAR == ["LIF", "GLIF", "MAT", "GIF"]
    assert {method for _, method in NUMERICAL} == set(ORDERS)


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("dt", [0.1, 0.4])
def test_the_exact_method_is_exact(name: str, dt: float) -> None:
    np.testing.assert_allclose(trajectory(CASES[name], "exact", dt), reference(name), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("name", "method"), NUMERICAL)
def test_order_of_convergence(name: str, method: str) -> None:
    case, order = CASES[name], ORDERS[method]
    steps = case.steps[order]
    expected = reference(name)
    errors = [np.abs(trajectory(case, method, dt) - expected)[0].max() for dt in steps]
    assert errors[-1] < 10.0**-order, "mV"
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(slope - order) < 0.2, errors


@pytest.mark.parametrize("name", [name for name in CASES if name not in LINEAR])
def test_rk4_approaches_the_solution_of_all_variables(name: str) -> None:
    case = CASES[name]
    found, expected = trajectory(case, "rk4", case.steps[4][-1] / 4), reference(name)
    scale = np.abs(expected).max(axis=1, keepdims=True)
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-9)


def test_action_potentials_of_hodgkin_and_huxley() -> None:
    case = CASES["HodgkinHuxley"]
    rest = {name: float(x) for name, x in zip(case.variables, _rest(case.model), strict=True)}
    errors, steps = [], (0.01, 0.005, 0.0025)
    times = np.arange(0.4, 40.2, 0.4)
    expected = solve(case, times, rest, 200.0)
    for dt in steps:
        ds = psn.simulate(
            case.model.replace(method="rk4"), NONE, duration=40.0, dt=dt, record=["v", "m", "h", "n"], record_every=0.4,
            stimulus=psn.ConstantStimulus(strength=200.0),
        )  # fmt: skip
        found = np.array([ds[name].values[0, :, 0] for name in ("v", "m", "h", "n")])
        assert ds.sizes["spike"] >= 2
        errors.append(np.abs(found - expected[:4]).max())
    assert expected[0].max() > 30, "action potentials are in the samples"
    assert errors[-1] < 1e-5
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(slope - 4) < 0.2, errors


def _rest(model: psn.HodgkinHuxley) -> list[float]:
    """v = E_L, and the gating variables where they do not change then; no conductances."""
    at_0 = hodgkin_huxley(model, np.array([model.E_L, 0.0, 0.0, 0.0]), 0.0)[1:]
    at_1 = hodgkin_huxley(model, np.array([model.E_L, 1.0, 1.0, 1.0]), 0.0)[1:]
    return [float(model.E_L), *(a / (a - b) for a, b in zip(at_0, at_1, strict=True)), 0.0, 0.0]


def test_hodgkin_and_huxley_where_the_rates_are_0_over_0() -> None:
    """v at the three removable singularities of alpha_m, beta_m and alpha_n: 13, 40 and 15 mV above V_T."""
    for distance in (13.0, 40.0, 15.0):
        steps = []
        for shift in (0.0, 1e-7):
            ds = psn.simulate(
                psn.HodgkinHuxley(), NONE, duration=0.1, dt=0.1, record=["m", "n"],
                initial_state={"v": -63.0 + distance + shift},
            )  # fmt: skip
            steps.append([ds.m.item(), ds.n.item()])
        assert np.isfinite(steps).all()
        np.testing.assert_allclose(steps[0], steps[1], rtol=1e-6)
