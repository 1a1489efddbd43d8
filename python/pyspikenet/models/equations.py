"""Equations: a membrane model written as text. The reader of the text is the package ``equations``."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..parameters import option, parameterised
from ..receptors import Receptor
from .membrane import METHODS, MembraneModel, method_option

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


@parameterised
class Equations(MembraneModel):
    r"""A neuron model written as text: differential equations with units, threshold, reset, receptors and white noise.

    The text has one statement per line; a statement goes on where a bracket is open or the next line begins with an
    operator:

    - ``dx/dt = expression : unit``, a differential equation; with ``(unless refractory)`` at its end, x keeps its value
      while the neuron is refractory;
    - ``x = expression : unit``, a subexpression;
    - ``x : unit``, a parameter, whose value `parameters` gives.

    Expressions consist of numbers, units, names, + - * / ** and the functions exp, expm1, log, log1p, sqrt, abs, tanh,
    sin, cos, max, min, clip, exprel, sigmoid, relu and softplus. ``I`` is the external current (the sum of stimuli), in
    pA unless the text declares another unit, as in ``I : 1``. ``t`` is the time at the beginning of the step. ``xi``,
    ``xi_1``, ``xi_2``, ... are independent white noises of the unit 1/sqrt(second), constant during a step as in the
    method of Euler and Maruyama.

    Notes
    -----
    Default dt: 0.1 ms. All values are converted to the coherent units ms, mV, pA, nS, pF, GOhm and um. Variables are
    recorded, and weights are given, in these units: a weight onto a variable declared in siemens is in nS. A model is
    compiled once for each distinct text, whatever its parameters and the size of the network. A text is never run: it
    is read, and refused if it is anything but arithmetic, with a ValueError that shows the line and marks the place.
    The method "exact" is for linear equations without noise and t; it holds the current for the step.

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

    text: str = option(kind="str", description="the equations; may be given without its name")
    threshold: str | None = option(
        default=None, kind="str or None", description='when a neuron spikes, such as "v > -40*mV"; None: never'
    )
    reset: str = option(
        default="",
        kind="str",
        description='what a spike does: assignments by lines or semicolons, such as "v = -70*mV; w += b", one after the'
        " other",
    )
    refractory: Any = option(
        default=0.0,
        kind="float, str or array_like",
        description='shortest interval between two spikes [ms], one or one per neuron, or text such as "2*ms"',
    )
    parameters: Any = option(
        default=None,
        kind="dict or None",
        description='values by name: text such as "5*nS", or one number or one per neuron in the unit that the text or'
        " `parameter_units` gives, without unit where neither does",
    )
    receptors: Any = option(
        default=None,
        kind="dict of str to str, or None",
        description="receptors by name, and the variable to which a spike adds its weight. Synapses that name no"
        " receptor act through the first one if their weight is positive and through the second one if it is negative,"
        " by its magnitude where the variable is a conductance",
    )
    parameter_units: Any = option(
        default=None,
        kind="dict of str to str, or None",
        description="units of parameters that the text does not declare",
    )
    method: str = method_option("euler", METHODS)
    initial: Any = option(
        default=None,
        kind="dict or None",
        description='initial values of variables, like those of parameters; texts may use parameters, as in "E_L +'
        ' 5*mV". Zero where not given',
    )

    def __init__(
        self,
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
    ) -> None:
        from ..equations import translate

        for name in receptors if isinstance(receptors, Mapping) else ():
            if not isinstance(name, str) or not name.isidentifier():
                raise ValueError(f"receptors must have names such as 'exc', got {name!r}")
        try:
            system = translate(
                text,
                threshold=threshold,
                reset=reset,
                refractory=refractory,
                parameters=parameters,
                receptors=receptors,
                parameter_units=parameter_units,
                method=method,
                initial=initial,
            )
        except ValueError as problem:
            # Without the way through the reader: the message shows the place in the user's text.
            raise ValueError(str(problem)) from None
        own: dict[str, Any] = {
            "text": text,
            "threshold": threshold,
            "reset": reset,
            "refractory": _kept(refractory),
            "parameters": {name: _kept(x) for name, x in (parameters or {}).items()},
            "receptors": dict(receptors or {}),
            "parameter_units": dict(parameter_units or {}),
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

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Equations) else NotImplemented

    __hash__ = MembraneModel.__hash__

    def with_parameters(self, values: Mapping[str, Any]) -> "Equations":
        """A copy with other values of some parameters.

        Parameters
        ----------
        values : dict of str to float or numpy.ndarray
            One number or one per neuron, in the coherent units that ``system.parameters`` tells.
        """
        old = self.system.parameters
        given = dict(self.parameters)
        for name, value in values.items():
            unit = old[name].unit
            if np.ndim(value) == 0:
                given[name] = f"{float(value)!r}*{unit}" if unit != "1" else float(value)
            else:
                known, coherent = np.asarray(given[name]), np.asarray(old[name].value)
                factor = 1.0 if known.dtype.kind not in "iuf" else float(coherent.flat[0] / known.flat[0])
                given[name] = np.asarray(value) / factor
        return Equations(
            self.text, threshold=self.threshold, reset=self.reset, refractory=self.refractory, parameters=given,
            receptors=self.receptors, parameter_units=self.parameter_units, method=self.method, initial=self.initial,
        )  # fmt: skip

    # ---- for the run ----------------------------------------------------------------------------------------------

    def all_receptors(self) -> dict[str, Receptor]:
        units = {v.name: v.unit for v in self.system.variables}
        return {name: WrittenReceptor(v, units[v]) for name, v in self.system.arrivals.items()}

    @property
    def takes_current(self) -> bool:
        return self.system.current is not None

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
