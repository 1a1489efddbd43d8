"""Simulates the cases with Brian2 and prints the spikes as JSON: {case: {"cell": [...], "step": [...]}}."""

import json
from typing import Any

import brian2 as b2
import cases
import numpy as np

b2.prefs.codegen.target = "numpy"
b2.defaultclock.dt = cases.DT * b2.ms

LIF = """
dv/dt = (E_L - v + R*(g_exc + g_inh + I)) / (tau_m*ms) : 1 (unless refractory)
dg_exc/dt = -g_exc / (tau_syn_exc*ms) : 1
dg_inh/dt = -g_inh / (tau_syn_inh*ms) : 1
I : 1
"""
COBA = """
dv/dt = (g_L*(E_L - v) + g_exc*(E_e - v) + g_inh*(E_i - v) + I) / (C*ms) : 1 (unless refractory)
dg_exc/dt = -g_exc / (tau_e*ms) : 1
dg_inh/dt = -g_inh / (tau_i*ms) : 1
I : 1
"""
ADEX = """
dv/dt = (g_L*(E_L - v) + g_L*D_T*exp((v - V_T)/D_T) - w + current(t, i)) / (C*ms) : 1
dw/dt = (a*(v - E_L) - w) / (tau_w*ms) : 1
"""
IZHIKEVICH = """
dv/dt = (0.04*v**2 + 5*v + 140 - u + current(t, i)) / ms : 1
du/dt = a*(b*v - u) / ms : 1
"""
HODGKIN_HUXLEY = """
dv/dt = (g_L*(E_L - v) - g_Na*(m*m*m)*h*(v - E_Na) - g_K*(n*n*n*n)*(v - E_K) + current(t, i)) / (C*ms) : 1
dm/dt = (alpha_m*(1 - m) - beta_m*m) / ms : 1
dn/dt = (alpha_n*(1 - n) - beta_n*n) / ms : 1
dh/dt = (alpha_h*(1 - h) - beta_h*h) / ms : 1
alpha_m = 0.32*4/exprel((13 - v + V_T)/4) : 1
beta_m = 0.28*5/exprel((v - V_T - 40)/5) : 1
alpha_h = 0.128*exp((17 - v + V_T)/18) : 1
beta_h = 4./(1 + exp((40 - v + V_T)/5)) : 1
alpha_n = 0.032*5/exprel((15 - v + V_T)/5) : 1
beta_n = .5*exp((10 - v + V_T)/40) : 1
"""


def run(group: b2.NeuronGroup, *others: Any) -> dict[str, list[int]]:
    monitor = b2.SpikeMonitor(group)
    b2.Network(group, monitor, *others).run(cases.STEPS * cases.DT * b2.ms)
    steps = np.round(np.asarray(monitor.t / b2.ms) / cases.DT).astype(int)
    return {"cell": np.asarray(monitor.i).tolist(), "step": steps.tolist()}


def with_input_spikes(text: str, values: dict[str, float], method: str, inputs: Any, seed: int) -> dict[str, list[int]]:
    group = cells(text, values, method, cases.CELLS)
    group.I = inputs["current"]
    arriving = cases.input_spikes(seed)
    kinds = ["exc"] * len(arriving["exc"]) + ["inh"] * len(arriving["inh"])
    # A spike of step k - 1 is added to g at the end of that step, so it acts in step k.
    times = (np.concatenate([arriving["exc"], arriving["inh"]]) - 1) * cases.DT
    source = b2.SpikeGeneratorGroup(2, [int(kind == "inh") for kind in kinds], times * b2.ms)
    others = [source]
    for k, kind in enumerate(("exc", "inh")):
        synapses = b2.Synapses(source, group, on_pre=f"g_{kind} += {inputs[kind]!r}", method="exact")
        synapses.connect(i=k, j=np.arange(cases.CELLS))
        others.append(synapses)
    return run(group, *others)


def cells(text: str, values: dict[str, float], method: str, n: int) -> b2.NeuronGroup:
    sign = ">=" if text is LIF else ">"
    group = b2.NeuronGroup(
        n, text, threshold=f"v {sign} v_threshold", reset="v = v_reset", method=method,
        refractory=values["refractory_period"] * b2.ms, namespace=values,
    )  # fmt: skip
    group.v = values["E_L"]
    return group


def recurrent(
    text: str, values: dict[str, float], method: str, net: dict[str, Any], current: np.ndarray
) -> dict[str, list[int]]:
    group = cells(text, values, method, 100)
    group.I = current
    group.v = values["E_L"] + (values["v_threshold"] - values["E_L"]) * net["v"]
    others = []
    for kind, chosen in (("exc", net["weight"] > 0), ("inh", net["weight"] < 0)):
        synapses = b2.Synapses(group, group, "w : 1", on_pre=f"g_{kind} += w")
        synapses.connect(i=net["pre"][chosen], j=net["post"][chosen])
        synapses.w = net["weight"][chosen] if text is LIF else np.abs(net["weight"][chosen])
        synapses.delay = (net["delay"][chosen] - 1) * cases.DT * b2.ms
        others.append(synapses)
    return run(group, *others)


def driven(text: str, current: np.ndarray, values: dict[str, float], start: dict[str, Any], **options: Any) -> Any:
    values = values | {"current": b2.TimedArray(current, dt=cases.DT * b2.ms)}
    group = b2.NeuronGroup(cases.CELLS, text, namespace=values, **options)
    for name, value in start.items():
        setattr(group, name, value)
    return run(group)


def main() -> None:
    found = {
        "lif": with_input_spikes(
            LIF, cases.LIF, "exact", {"current": cases.constant_currents(15.0, 35.0), "exc": 4.0, "inh": -8.0}, 1
        ),
        "coba": with_input_spikes(
            COBA, cases.COBA, "euler", {"current": cases.constant_currents(50.0, 250.0), "exc": 6.0, "inh": 10.0}, 2
        ),
        "adex": driven(
            ADEX, cases.currents(500.0, 1500.0, 300.0, 3), cases.ADEX, {"v": cases.ADEX["E_L"], "w": 0.0},
            threshold="v > V_cut", reset="v = V_r; w += b", method="euler",
        ),
        "izhikevich": driven(
            IZHIKEVICH, cases.currents(5.0, 15.0, 5.0, 4), cases.IZHIKEVICH, {"v": -65.0, "u": -13.0},
            threshold="v > 30", reset="v = c; u += d", method="euler",
        ),
        "hodgkin_huxley": driven(
            HODGKIN_HUXLEY, cases.currents(50.0, 400.0, 100.0, 5), cases.HODGKIN_HUXLEY,
            {
                "v": cases.HODGKIN_HUXLEY["E_L"], "m": "alpha_m/(alpha_m + beta_m)", "n": "alpha_n/(alpha_n + beta_n)",
                "h": "alpha_h/(alpha_h + beta_h)",
            },
            threshold="v > -20", refractory=3 * b2.ms, method="exponential_euler",
        ),
    }  # fmt: skip
    net = cases.network(2.0, -6.0, 6)
    found["lif_network"] = recurrent(LIF, cases.LIF, "exact", net, 22.0 + 5.0 * net["current"])
    net = cases.network(2.0, -20.0, 7)
    found["coba_network"] = recurrent(COBA, cases.COBA, "euler", net, 160.0 + 100.0 * net["current"])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
