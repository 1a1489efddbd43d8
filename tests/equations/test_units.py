"""Units: exact factors to the coherent system, and how dimensions are written."""

from fractions import Fraction

import numpy as np
import pytest

from pyspikenet.equations.check import read_unit
from pyspikenet.equations.source import Source
from pyspikenet.equations.units import Dimension, is_unit, unit, unit_names, written_out

# One of each in the coherent system, derived by hand.
FACTORS = {
    "mV": (1, "mV"),
    "volt": (1000, "mV"),
    "V": (1000, "mV"),
    "uV": (Fraction(1, 1000), "mV"),
    "mvolt": (1, "mV"),
    "millivolt": (1, "mV"),
    "pA": (1, "pA"),
    "nA": (1000, "pA"),
    "amp": (10**12, "pA"),
    "A": (10**12, "pA"),
    "fA": (Fraction(1, 1000), "pA"),
    "nS": (1, "nS"),
    "siemens": (10**9, "nS"),
    "uS": (1000, "nS"),
    "pF": (1, "pF"),
    "uF": (10**6, "pF"),
    "nF": (1000, "pF"),
    "farad": (10**12, "pF"),
    "GOhm": (1, "GOhm"),
    "MOhm": (Fraction(1, 1000), "GOhm"),
    "Mohm": (Fraction(1, 1000), "GOhm"),
    "ohm": (Fraction(1, 10**9), "GOhm"),
    "ms": (1, "ms"),
    "s": (1000, "ms"),
    "second": (1000, "ms"),
    "us": (Fraction(1, 1000), "ms"),
    "Hz": (Fraction(1, 1000), "1/ms"),
    "kHz": (1, "1/ms"),
    "hertz": (Fraction(1, 1000), "1/ms"),
    "um": (1, "um"),
    "cm": (10_000, "um"),
    "cm2": (10**8, "um**2"),
    "umetre2": (1, "um**2"),
    "m": (10**6, "um"),
    "mM": (1, "mM"),
    "uM": (Fraction(1, 1000), "mM"),
    "mmolar": (1, "mM"),
    "M": (1000, "mM"),
    "fC": (1, "fC"),
    "pC": (1000, "fC"),
    "kelvin": (1, "K"),
    "1": (1, "1"),
    "1/1": (1, "1"),
    "mV*mV/mV": (1, "mV"),
    "pA/mV": (1, "nS"),
    "ohm**-1": (10**9, "nS"),
    "uF/cm**2": (Fraction(1, 100), "pF/um**2"),
    "uF/(cm**2)": (Fraction(1, 100), "pF/um**2"),
    "msiemens/cm^2": (Fraction(1, 100), "nS/um**2"),
    "uA*cm**-2": (Fraction(1, 100), "pA/um**2"),
    "mS/cm2": (Fraction(1, 100), "nS/um**2"),
    "MOhm*nA": (1, "mV"),
    "mV*ms**-0.5": (1, "mV/ms**(1/2)"),
    "volt/second**.5": (1000 / Fraction(1000**0.5), "mV/ms**(1/2)"),
    "Hz**(1/2)": (Fraction(0.001**0.5), "1/ms**(1/2)"),
    "mV/ms/ms": (1, "mV/ms**2"),
    "mV**2": (1, "mV**2"),
    "mol/m**3": (1, "mM"),
}


def read(text: str) -> tuple[Fraction, Dimension]:
    return read_unit(Source("unit", text).whole())


@pytest.mark.parametrize(("text", "expected"), FACTORS.items(), ids=FACTORS)
def test_factor_and_coherent_name(text, expected):
    factor, dimension = read(text)
    assert (factor, str(dimension)) == expected


@pytest.mark.parametrize("text", FACTORS)
def test_coherent_names_read_back(text):
    _, dimension = read(text)
    assert read(str(dimension)) == (1, dimension)


def test_every_name_is_what_pint_says():
    import pint

    registry = pint.UnitRegistry()
    root = {"ms": "ms", "mV": "mV", "pA": "pA", "um": "um", "amol": "amol", "K": "K"}
    for name, meaning in unit_names().items():
        factor, dimension = unit(name)
        coherent = registry.Quantity(1.0)
        for base, power in zip(root, dimension.powers, strict=True):
            coherent = coherent * registry.Quantity(1.0, base) ** float(power)
        ratio = (registry.Quantity(1.0, meaning) / coherent).to("dimensionless").magnitude
        np.testing.assert_allclose(float(factor), ratio, rtol=1e-12, err_msg=name)


def test_names_in_expressions_leave_single_letters_to_parameters():
    assert not any(is_unit(x) for x in "VASFCsmMKLIRvwghn")
    assert written_out("V") == "volt"
    assert written_out("A") == "amp"
    assert written_out("v") is None
    # Names that parameters of neuron models have.
    common = (
        "C_m g_L E_L tau_m Cm gl El V_T D_T V_r tau_w a b R Rm Gm Em gNa ENa damp camp Vt ge gi we wi alpha_m vt vr"
    )
    assert not any(is_unit(x) for x in common.split())


def test_products_of_dimensions():
    _, volt = read("mV")
    _, ampere = read("pA")
    assert volt * ampere == read("mV*pA")[1]
    assert str(ampere / volt) == "nS"
    assert str(volt ** Fraction(1, 3)) == "mV**(1/3)"
    assert str(volt / volt) == "1"
    assert str(read("1/mV")[1]) == "1/mV"
