"""Entry: a model written as text, and its values, to a :class:`~.system.System`. Next: reader.py."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from ..parameters import number_or_array, shown
from .check import Scope, read_expression, require
from .reader import Reader
from .source import Source
from .system import System, Values
from .tree import value
from .units import TIME

METHODS = ("euler", "exponential_euler", "rk2", "rk4", "exact")


def translate(
    text: str,
    *,
    threshold: str | None = None,
    reset: str = "",
    refractory: float | str | ArrayLike = 0.0,
    parameters: Mapping[str, Any] | None = None,
    receptors: Mapping[str, str] | None = None,
    parameter_units: Mapping[str, str] | None = None,
    method: str = "euler",
    initial: Mapping[str, Any] | None = None,
) -> System:
    """The neuron model that a text says.

    Parameters
    ----------
    text : str
        Statements ``dx/dt = expression : unit``, ``x = expression : unit`` and ``x : unit``.
    threshold : str or None, default None
        A comparison such as ``"v > -40*mV"``; None: the neuron never fires.
    reset : str, default ""
        Assignments by lines or semicolons, such as ``"v = -70*mV; w += b"``.
    refractory : float, str or array_like, default 0.0
        Refractory period [ms], or text with its unit.
    parameters : dict or None
        Values: a number or one per neuron in the unit that was declared, or text such as ``"5*nS"``.
    receptors : dict of str to str, or None
        Which variable the spikes of each receptor are added to.
    parameter_units : dict of str to str, or None
        Units of parameters that the text does not declare.
    method : {"euler", "exponential_euler", "rk2", "rk4", "exact"}, default "euler"
        How the equations will be integrated: "exact" is for linear ones without noise.
    initial : dict or None
        Initial values of variables as `parameters`; texts may use parameters. Zero where not given.

    Raises
    ------
    ValueError
        Where something is not as it must be; the message shows the line and marks the place.
    TypeError
        Where an argument is not of the right type.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {shown(method)}")
    reader = Reader(
        Source("equations", text),
        _mapping("parameters", parameters),
        _mapping("parameter_units", parameter_units),
        _mapping("initial", initial),
        _mapping("receptors", receptors),
    )
    reader.read_equations()
    reader.check_noise()
    if method == "exact":
        reader.check_linear()
    comparison = None if threshold is None else reader.threshold(Source("threshold", threshold))
    assignments = reader.reset(Source("reset", reset))
    reader.check_used()
    return reader.system(comparison, assignments, _duration(refractory))


def _mapping(name: str, given: Any) -> dict[str, Any]:
    """A dict with names as keys, or the error that names the argument."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise TypeError(f"{name} must be a dict with names as keys, got {shown(given)}")
    return dict(given)


def _duration(refractory: Any) -> Values:
    if isinstance(refractory, str):
        piece = Source("refractory", refractory).whole()
        node = read_expression(piece, Scope({}))
        require(piece, node, TIME, "a refractory period", Scope({}))
        refractory = float(value(node, {}))
    return number_or_array("refractory", refractory, "nonnegative", "neuron")
