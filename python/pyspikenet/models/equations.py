"""Equations: a membrane model written as text. The reader of the text is the package ``equations``."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..parameters import shown
from ..receptors import Receptor
from .membrane import MembraneModel

if TYPE_CHECKING:
    from ..equations import System


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class WrittenReceptor(Receptor):
    """A receptor whose time course is written in the equations: a spike adds its weight to one of their variables."""

    variable: str
    unit: str

    @property
    def is_conductance(self) -> bool:
        return self.unit.startswith("nS")


@dataclasses.dataclass(frozen=True, eq=False, repr=False, init=False)
class Equations(MembraneModel):
    r"""A neuron model written as text: differential equations with units, threshold, reset, receptors and white noise.

    Parameters
    ----------
    text : str
        Statements, one per line, or over several lines where a bracket is open or a line begins with an operator:

        - ``dx/dt = expression : unit``, a differential equation; with ``(unless refractory)`` at its end, x keeps its
          value for the refractory period after a spike;
        - ``x = expression : unit``, a subexpression;
        - ``x : unit``, a parameter, whose value `parameters` gives.

        Expressions consist of numbers, units, names, + - * / ** and the functions exp, expm1, log, log1p, sqrt, abs,
        tanh, sin, cos, max, min, clip, exprel, sigmoid, relu and softplus. ``I`` is the external current (the sum of
        stimuli), in pA unless the text declares another unit, as in ``I : 1``; ``t`` is time; ``xi``, ``xi_1``,
        ``xi_2``, ... are independent white noises with the unit 1/sqrt(second).
    threshold : str, optional
        When a neuron spikes: a comparison such as ``"v > -40*mV"``. Default: never.
    reset : str, default ""
        What a spike does: assignments by lines or semicolons, such as ``"v = -70*mV; w += b"``, one after the other.
    refractory : float, str or array_like, default 0.0
        Shortest interval between two spikes [ms], or text such as ``"2*ms"``. One number, or one per neuron.
    parameters : dict, optional
        Values by name: text such as ``"5*nS"``, or one number or one per neuron in the unit that the text or `units`
        gives, without unit where neither does.
    receptors : dict of str to str, optional
        Receptors by name, and the variable to which a spike adds its weight. Synapses that name no receptor act through
        the first one if their weight is positive and through the second one if it is negative, by its magnitude where
        the variable is a conductance.
    units : dict of str to str, optional
        Units of parameters that the text does not declare.
    method : {"euler", "exponential_euler", "rk2", "rk4", "exact"}, default "euler"
        How the equations are integrated over a step; "exact" is for linear equations without noise and t, the current
        held for the step. Noise is that of Euler and Maruyama: constant during the step.
    initial : dict, optional
        Initial values of variables, like those of parameters; texts may use parameters, as in ``"E_L + 5*mV"``.
        Default 0. ``initial_state`` of :func:`simulate` goes before them.

    Raises
    ------
    ValueError
        Where the text is not a model: an unknown name, units that disagree, anything but arithmetic and known
        functions. The message shows the line and marks the place.
    TypeError
        Where an argument is not of the type described here.

    Notes
    -----
    Default dt: 0.1 ms. All values are converted to the coherent units ms, mV, pA, nS, pF, GOhm and um. Variables are
    recorded, and weights are given, in these units: a weight onto a variable declared in siemens is in nS. A model is
    compiled once for each distinct text, whatever its parameters and the size of the network. The text is never run: it
    is read, and refused if it is anything but arithmetic.

    Examples
    --------
    >>> import pyspikenet as psn
    >>> model = psn.Equations(
    ...     '''
    ...     dv/dt = (g_L*(E_L - v) + g_e*(E_e - v) + I)/C : mV (unless refractory)
    ...     dg_e/dt = -g_e/tau_e : nS
    ...     ''',
    ...     threshold="v > -40*mV", reset="v = E_L", refractory="2*ms", receptors={"exc": "g_e"},
    ...     parameters={"C": "100*pF", "g_L": "5*nS", "E_L": "-70*mV", "E_e": "0*mV", "tau_e": "20*ms"},
    ...     initial={"v": "E_L"},
    ... )
    >>> model.state()["g_e"]["units"]
    'nS'
    """

    text: str
    threshold: str | None
    reset: str
    refractory: Any
    parameters: dict[str, Any]
    receptors: Any
    parameter_units: dict[str, str]
    method: Any
    initial: dict[str, Any]

    def __init__(
        self,
        text: str,
        *,
        threshold: str | None = None,
        reset: str = "",
        refractory: float | str | ArrayLike = 0.0,
        parameters: Mapping[str, Any] | None = None,
        receptors: Mapping[str, str] | None = None,
        units: Mapping[str, str] | None = None,
        method: str = "euler",
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        from ..equations import translate

        for name in receptors if isinstance(receptors, Mapping) else ():
            if not isinstance(name, str) or not name.isidentifier():
                raise ValueError(f"receptors must have names such as 'exc', got {name!r}")
        system = translate(
            text,
            threshold=threshold,
            reset=reset,
            refractory=refractory,
            parameters=parameters,
            receptors=receptors,
            units=units,
            method=method,
            initial=initial,
        )
        own: dict[str, Any] = {
            "text": text,
            "threshold": threshold,
            "reset": reset,
            "refractory": _kept(refractory),
            "parameters": {name: _kept(x) for name, x in (parameters or {}).items()},
            "receptors": dict(receptors or {}),
            "parameter_units": dict(units or {}),
            "method": method,
            "initial": {name: _kept(x) for name, x in (initial or {}).items()},
            "_system": system,
        }
        for name, value in own.items():
            object.__setattr__(self, name, value)

    @property
    def system(self) -> "System":
        """The model as it is computed: plain formulas in coherent units, and values."""
        system: System = self._system  # type: ignore[attr-defined]
        return system

    def replace(self, **changes: Any) -> Self:
        """A copy with some arguments changed; an unknown name is a TypeError.

        Parameters
        ----------
        **changes
            New values by name, such as ``parameters={...}``, which replaces all of them.
        """
        arguments = self._arguments() | changes
        return type(self)(arguments.pop("text"), **arguments)

    def _arguments(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values["units"] = values.pop("parameter_units")
        return values

    def to_dict(self) -> dict[str, Any]:
        plain = {name: _listed(value) for name, value in self._arguments().items()}
        return {"class": type(self).__name__, **plain}

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Equations) else NotImplemented

    def __hash__(self) -> int:
        return hash(repr(self.to_dict()))

    def __repr__(self) -> str:
        given = {
            name: value for name, value in self._arguments().items() if value not in (None, "", {}) or name == "text"
        }
        return f"Equations({', '.join(f'{name}={shown(value)}' for name, value in given.items())})"

    # ---- for the run ----------------------------------------------------------------------------------------------

    def all_receptors(self) -> dict[str, Receptor]:
        units = {v.name: v.unit for v in self.system.variables}
        return {name: WrittenReceptor(v, units[v]) for name, v in self.system.arrivals.items()}

    def check_size(self, n: int) -> None:
        values: dict[str, Any] = {f"parameters[{k!r}]": p.value for k, p in self.system.parameters.items()}
        values |= {f"initial[{name!r}]": x for name, x in self.system.initial.items()}
        values["refractory"] = self.system.refractory
        for name, value in values.items():
            if isinstance(value, np.ndarray) and value.size != n:
                raise ValueError(
                    f"{name} must be one number or have one value per neuron ({n}), got shape {value.shape}"
                )

    def state(self) -> dict[str, dict[str, str]]:
        return {
            v.name: {"units": v.unit, "long_name": f"variable {v.name} of the equations"} for v in self.system.variables
        }

    def recordable(self) -> dict[str, dict[str, str]]:
        unit = self.system.current
        current = {} if unit is None else {"I": {"units": unit, "long_name": "input current from outside"}}
        return {**current, **self.state()}

    def to_wire(self, dt: float) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        system = self.system
        names = [v.name for v in system.variables]
        formulas: dict[str, Any] = {
            "variables": names,
            "held": [v.held for v in system.variables],
            "noises": system.noises,
            "arrivals": [names.index(variable) + 1 for variable in system.arrivals.values()],
            "definition_names": [name for name, _ in system.definitions],
            "definitions": [formula for _, formula in system.definitions],
            "derivatives": list(system.derivatives),
            "threshold": list(system.threshold or ()),
            "reset_names": [name for name, _ in system.reset],
            "reset": [formula for _, formula in system.reset],
            "parameters": list(system.parameters),
        }
        values = {f"parameter.{name}": p.value for name, p in system.parameters.items()}
        values |= {f"initial.{name}": value for name, value in system.initial.items()}
        values["refractory_period"] = system.refractory
        numbers = {name: value for name, value in values.items() if isinstance(value, float)}
        arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        about = {"name": "Equations", "method": self.method, "receptors": [], "formulas": formulas}
        return {**about, **numbers}, arrays


def _kept(value: Any) -> Any:
    """A value as it was given, arrays read-only."""
    if isinstance(value, str | int | float):
        return value
    array = np.array(value)
    array.flags.writeable = False
    return array if array.ndim else array.item()


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _listed(x) for name, x in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
