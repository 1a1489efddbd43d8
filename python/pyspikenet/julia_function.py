"""Functions given as Julia code, for those who want what the package does not have. It is run as it stands."""

from typing import Any

from .parameters import Parameters, option, parameterised, shown


def checked_code(name: str, value: Any) -> str:
    """`value` as Julia code, or the error that names it; whether Julia can read it is seen there."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be Julia code as text, got {shown(value)}")
    if not value.strip():
        raise ValueError(f"{name} must be Julia code such as 'x -> x^2', got {shown(value)}")
    return value


@parameterised
class JuliaFunction(Parameters):
    """A function of one number, given as Julia code: a nonlinearity of :class:`Cascade`.

    Notes
    -----
    The code is evaluated in a module of its own and runs with all your rights: never take it from someone you do not
    trust. It may consist of several expressions, of which the last is the function, and may say ``using`` of what
    Julia's standard library has. Where a gradient is asked for, the function is differentiated by `derivative` if that
    is given; else by dual numbers, where it is made of what they pass through (arithmetic, comparisons, elementary
    functions); else by the Julia package Zygote, which must be installed.

    Examples
    --------
    >>> import pyspikenet as psn
    >>> model = psn.Cascade(nonlinearity=psn.JuliaFunction(code="x -> x > 0 ? x^2 / (1 + x^2) : zero(x)"), scale=0.1)
    """

    code: str = option(kind="str", description="the function, such as 'x -> x > 0 ? x^2 : zero(x)'")
    derivative: str | None = option(default=None, kind="str or None", description="its derivative, likewise")

    def _validate(self) -> None:
        checked_code("code", self.code)
        if self.derivative is not None:
            checked_code("derivative", self.derivative)

    def to_wire(self) -> dict[str, str]:
        """Code for SpikeCore."""
        return {"code": self.code} | ({} if self.derivative is None else {"derivative": self.derivative})
