"""Whole models: what is in the system that a text becomes, in coherent units."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from pyspikenet.equations import Variable, translate
from pyspikenet.equations.tree import FUNCTIONS

COBA = """
    dv/dt = (g_L*(E_L - v) + g_e*(E_e - v) + g_i*(E_i - v) + I)/C : mV (unless refractory)
    dg_e/dt = -g_e/tau_e : nS
    dg_i/dt = -g_i/tau_i : nS
    above = v - E_L : mV            # a subexpression
    tau_e : ms
    tau_i : second
    E_e, E_i : volt
"""
VALUES = {
    "g_L": "5*nS",
    "E_L": -70.0,
    "E_e": 0.0,
    "E_i": "-80*mV",
    "tau_e": [20.0, 10.0],
    "tau_i": 0.1,
    "C": "100*pF",
}


def coba(**changes):
    arguments = {
        "threshold": "v > -40*mV",
        "reset": "v = -70*mV",
        "refractory": "2*ms",
        "parameters": VALUES,
        "parameter_units": {"E_L": "mV"},
        "receptors": {"exc": "g_e", "inh": "g_i"},
        "initial": {"v": "E_L + 5*mV", "g_e": 0.25},
    }
    return translate(COBA, **(arguments | changes))


def test_system_of_a_conductance_based_neuron():
    system = coba()
    assert system.variables == (Variable("v", "mV", True), Variable("g_e", "nS", False), Variable("g_i", "nS", False))
    assert system.definitions == (("above", "(v - E_L)"),)
    assert system.derivatives == (
        "(((((g_L * (E_L - v)) + (g_e * (E_e - v))) + (g_i * (E_i - v))) + I) / C)",
        "((-g_e) / tau_e)",
        "((-g_i) / tau_i)",
    )
    assert system.threshold == ("v", ">", "(-40.0)")
    assert system.reset == (("v", "(-70.0)"),)
    assert (system.noises, system.refractory, system.current) == (0, 2.0, "pA")
    assert system.arrivals == {"exc": "g_e", "inh": "g_i"}
    assert system.initial == {"v": -65.0, "g_e": 0.25, "g_i": 0.0}
    units = {name: p.unit for name, p in system.parameters.items()}
    assert units == {"tau_e": "ms", "tau_i": "ms", "E_e": "mV", "E_i": "mV", "E_L": "mV", "g_L": "nS", "C": "pF"}
    assert system.parameters["tau_i"].value == 100.0
    assert system.parameters["tau_e"].value.tolist() == [20.0, 10.0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        system.noises = 3


def test_values_in_the_declared_unit_or_in_their_own():
    for given in (-0.07, "-70*mV", "-0.07*volt", "-70000*uV", "-80*mV + 10*mV", "-7*(10*mV)", "-sqrt(4900*mV**2)"):
        parameter = coba(parameters=VALUES | {"E_e": given}).parameters["E_e"]
        assert (parameter.value, parameter.unit) == (-70.0, "mV")
    several = coba(parameters=VALUES | {"E_e": np.array([0.0, -0.07])}).parameters["E_e"].value
    assert several.tolist() == [0.0, -70.0]
    assert not several.flags.writeable
    assert coba(parameters=VALUES | {"E_e": 0}).parameters["E_e"].value == 0.0
    assert coba(parameters=VALUES | {"E_e": "0"}).parameters["E_e"].value == 0.0


def test_initial_values_may_use_parameters_of_each_neuron():
    system = coba(parameters=VALUES | {"E_L": [-70.0, -60.0]}, initial={"v": "E_L - 5*mV", "g_e": [1.0, 2.0]})
    assert system.initial["v"].tolist() == [-75.0, -65.0]
    assert system.initial["g_e"].tolist() == [1.0, 2.0]


def test_refractory_periods():
    assert coba(refractory=3).refractory == 3.0
    assert coba(refractory="0.002*second").refractory == 2.0
    assert coba(refractory=[1.0, 2.0]).refractory.tolist() == [1.0, 2.0]


def test_dimensionless_text():
    system = translate(
        """
        dv/dt = (0.04*v**2 + 5*v + 140 - u + I)/ms : 1
        du/dt = a*(b*v - u)/ms : 1
        I : 1
        """,
        threshold="v >= 30",
        reset="v = c; u += d",
        parameters={"a": 0.02, "b": 0.2, "c": -65, "d": 8},
    )
    assert system.derivatives == ("(((((0.04 * (v ^ 2)) + (5.0 * v)) + 140.0) - u) + I)", "(a * ((b * v) - u))")
    assert system.threshold == ("v", ">=", "30.0")
    assert system.reset == (("v", "c"), ("u", "(u + d)"))
    assert system.current == "1"
    assert {p.unit for p in system.parameters.values()} == {"1"}


@pytest.mark.parametrize(
    ("text", "parameters", "current"),
    [
        ("dv/dt = I/C : mV", {"C": "1*pF"}, "pA"),
        ("dv/dt = -v/ms : mV", {}, None),
        ("dv/dt = I/C : mV\nI : pamp", {"C": "1*pF"}, "pA"),
        ("dv/dt = I/C : mV\nI : nA", {"C": "1*pF"}, "nA"),
        ("dv/dt = I/c : mV\nI : uA/cm**2", {"c": "1*uF/cm**2"}, "uA/cm**2"),
        ("dv/dt = I/C : mV\nI : pA", {"C": "1*pF", "I": 3.0}, None),
        ("dv/dt = I/C : mV", {"C": "1*pF", "I": 3.0}, None),
        ("dv/dt = I/C : mV\nI = 3*pA : pA", {"C": "1*pF"}, None),
        ("dv/dt = I/C : mV\ndI/dt = -I/ms : pA", {"C": "1*pF"}, None),
    ],
)
def test_external_current(text, parameters, current):
    assert translate(text, parameters=parameters).current == current


def test_current_is_in_the_unit_that_is_declared():
    system = translate("dv/dt = (I + x)/C : mV\nx = 2*I : nA\nI : nA", parameters={"C": "1*pF"})
    assert system.derivatives == ("(((I * 1000.0) + x) / C)",)
    assert system.definitions == (("x", "(2.0 * (I * 1000.0))"),)
    assert translate("dv/dt = I/C : mV\nI : amp/cm**2", parameters={"C": "1*uF/cm**2"}).derivatives == (
        "((I * 10000.0) / C)",
    )


def test_noise():
    system = translate(
        """
        dv/dt = -v/tau + sigma*xi*sqrt(2/tau) + shared/ms : mV
        dw/dt = -w/tau + sigma*(xi_b + v*xi/mV)*tau**-0.5 : mV
        shared = 3*sigma*xi_c*ms**0.5 - v : mV
        """,
        parameters={"tau": "10*ms", "sigma": "1*mV"},
        threshold="v > w",
    )
    assert system.noises == 3
    assert system.definitions == (("shared", "(((3.0 * sigma) * xi_3) - v)"),)
    assert system.derivatives[0] == "((((-v) / tau) + ((sigma * xi_1) * sqrt((2.0 / tau)))) + shared)"
    assert system.derivatives[1] == "(((-w) / tau) + ((sigma * (xi_2 + (v * xi_1))) * (tau ^ (-0.5))))"


def test_threshold_and_reset_know_subexpressions_of_variables_only():
    text = """
        dv/dt = I*R/tau - v/tau : mV
        x = v + y : mV
        y = E*2 : mV
        drive = I*R : mV
    """
    values = {"parameters": {"R": "1*GOhm", "tau": "10*ms", "E": "1*mV"}}
    system = translate(text, threshold="x > y", reset="v = x - y; v /= 2", **values)
    assert system.definitions == (("y", "(E * 2.0)"), ("x", "(v + y)"), ("drive", "(I * R)"))
    assert system.reset == (("v", "(x - y)"), ("v", "(v / 2.0)"))
    with pytest.raises(ValueError, match="drive cannot stand here: it depends on I"):
        translate(text, threshold="drive > v", **values)


# Traub and Miles' model as in Brian2's COBAHH example (Brette et al. 2007), one equation over several lines.
HODGKIN_HUXLEY = """
    dv/dt = (gl*(El-v)+ge*(Ee-v)+gi*(Ei-v)-
             g_na*(m*m*m)*h*(v-ENa)-
             g_kd*(n*n*n*n)*(v-EK))/Cm : volt
    dm/dt = alpha_m*(1-m)-beta_m*m : 1
    dn/dt = alpha_n*(1-n)-beta_n*n : 1
    dh/dt = alpha_h*(1-h)-beta_h*h : 1
    dge/dt = -ge*(1./taue) : siemens
    dgi/dt = -gi*(1./taui) : siemens
    alpha_m = 0.32*(mV**-1)*4*mV/exprel((13*mV-v+VT)/(4*mV))/ms : Hz
    beta_m = 0.28*(mV**-1)*5*mV/exprel((v-VT-40*mV)/(5*mV))/ms : Hz
    alpha_h = 0.128*exp((17*mV-v+VT)/(18*mV))/ms : Hz
    beta_h = 4./(1+exp((40*mV-v+VT)/(5*mV)))/ms : Hz
    alpha_n = 0.032*(mV**-1)*5*mV/exprel((15*mV-v+VT)/(5*mV))/ms : Hz
    beta_n = .5*exp((10*mV-v+VT)/(40*mV))/ms : Hz
"""


def test_hodgkin_huxley_model_of_brian2(evaluate):
    area = "20000*umetre**2"
    system = translate(
        HODGKIN_HUXLEY,
        threshold="v > -20*mV",
        refractory="3*ms",
        parameters={
            "Cm": f"(1*ufarad*cm**-2)*{area}",
            "gl": f"(5e-5*siemens*cm**-2)*{area}",
            "El": "-60*mV",
            "EK": "-90*mV",
            "ENa": "50*mV",
            "g_na": f"(100*msiemens*cm**-2)*{area}",
            "g_kd": f"(30*msiemens*cm**-2)*{area}",
            "VT": "-63*mV",
            "taue": "5*ms",
            "taui": "10*ms",
            "Ee": "0*mV",
            "Ei": "-80*mV",
        },
        receptors={"exc": "ge", "inh": "gi"},
    )
    values = {name: p.value for name, p in system.parameters.items()}
    expected = {"Cm": 200.0, "gl": 10.0, "g_na": 20000.0, "g_kd": 6000.0, "VT": -63.0, "taue": 5.0, "Ee": 0.0}
    assert {name: values[name] for name in expected} == expected
    here = values | {"v": -51.3, "m": 0.11, "n": 0.4, "h": 0.6, "ge": 4.0, "gi": 7.0} | FUNCTIONS
    for name, expression in system.definitions:
        here[name] = evaluate(expression, here)

    def exprel(x):
        return np.expm1(x) / x

    v, vt = here["v"], -63.0
    a_m, b_m = 0.32 * 4 / exprel((13 - v + vt) / 4), 0.28 * 5 / exprel((v - vt - 40) / 5)
    a_n = 0.032 * 5 / exprel((15 - v + vt) / 5)
    assert here["alpha_m"] == pytest.approx(a_m, rel=1e-13)
    assert here["alpha_n"] == pytest.approx(a_n, rel=1e-13)
    total = 10.0 * (-60 - v) - 4.0 * v + 7.0 * (-80 - v)
    total -= 20000 * 0.11**3 * 0.6 * (v - 50) + 6000 * 0.4**4 * (v + 90)
    rates = [evaluate(d, here) for d in system.derivatives]
    np.testing.assert_allclose(rates[0], total / 200, rtol=1e-13)
    np.testing.assert_allclose(rates[1], a_m * 0.89 - b_m * 0.11, rtol=1e-13)
    np.testing.assert_allclose(rates[4:], [-4 / 5, -7 / 10], rtol=1e-15)


def test_pint_is_imported_with_the_first_unit_only():
    code = "import sys, pyspikenet.equations; assert 'pint' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
