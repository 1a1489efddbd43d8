"""A model written as text, checked and in coherent units: what a step function is made of. Next: translate.py."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = float | NDArray[np.float64]


@dataclass(frozen=True)
class Variable:
    """A state variable: its name, its coherent unit, and whether it keeps its value while the neuron is refractory."""

    name: str
    unit: str
    held: bool


@dataclass(frozen=True, eq=False)
class Parameter:
    """A parameter in its coherent unit: one number, or one per neuron."""

    value: Values
    unit: str


@dataclass(frozen=True, eq=False)
class System:
    """A neuron model in the coherent units ms, mV, pA, nS, pF, GOhm and um, its expressions as plain text.

    Expressions consist of names, floats, + - * / ^ and calls of known functions, every operation in parentheses. They
    use the names of variables, parameters and definitions, I, t, and xi_1, xi_2, ... for white noise.

    Parameters
    ----------
    variables : tuple of Variable
        State variables in the order of the text.
    definitions : tuple of (str, str)
        Names and expressions of subexpressions; each uses only those before it.
    derivatives : tuple of str
        Rate of change of each variable, per ms.
    noises : int
        How many independent white noises there are, in 1/sqrt(ms).
    threshold : tuple of (str, str, str), or None
        Left side, ">" or ">=", right side; None where the neuron never fires.
    reset : tuple of (str, str)
        Variables and their new values, one after the other.
    refractory : float or numpy.ndarray
        Refractory period in ms, one or per neuron.
    parameters : dict of str to Parameter
        Values and units by name.
    arrivals : dict of str to str
        Which variable the spikes of a receptor are added to, by receptor.
    initial : dict of str to float or numpy.ndarray
        Initial value of each variable.
    current : str or None
        Unit of the external current I; None where the equations do not use it.
    """

    variables: tuple[Variable, ...]
    definitions: tuple[tuple[str, str], ...]
    derivatives: tuple[str, ...]
    noises: int
    threshold: tuple[str, str, str] | None
    reset: tuple[tuple[str, str], ...]
    refractory: Values
    parameters: Mapping[str, Parameter]
    arrivals: Mapping[str, str]
    initial: Mapping[str, Values]
    current: str | None
