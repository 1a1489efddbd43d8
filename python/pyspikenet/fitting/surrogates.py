"""Surrogate derivatives: what stands for the derivative of a spike."""

from typing import Any, ClassVar

from ..parameters import Parameters, parameterised, quantity


def _alpha(default: float, unit: str = "1/unit of v") -> Any:
    return quantity(default=default, unit=unit, description="steepness", range="positive")


class Surrogate(Parameters):
    """Base of the surrogates: functions of x, how far a neuron is above its threshold, in the unit of its potential."""

    name: ClassVar[str]
    alpha: float

    def to_wire(self) -> dict[str, Any]:
        """Name and steepness, for SpikeCore."""
        return {"name": self.name, "alpha": self.alpha}


@parameterised
class SuperSpike(Surrogate):
    r""":math:`1 / (\alpha |x| + 1)^2`, also called fast sigmoid (Zenke and Ganguli 2018, doi 10.1162/neco_a_01086)."""

    name: ClassVar[str] = "superspike"
    alpha: float = _alpha(10.0)


@parameterised
class SigmoidSurrogate(Surrogate):
    r""":math:`\alpha s (1 - s)` with the sigmoid :math:`s = 1 / (1 + e^{-\alpha x})`."""

    name: ClassVar[str] = "sigmoid"
    alpha: float = _alpha(1.0)


@parameterised
class TanhSurrogate(Surrogate):
    r""":math:`1 - \tanh^2(\alpha x)`."""

    name: ClassVar[str] = "tanh"
    alpha: float = _alpha(10.0)


@parameterised
class TriangleSurrogate(Surrogate):
    r""":math:`\alpha \max(0, 1 - |x|)` (Esser et al. 2016, doi 10.1073/pnas.1604850113)."""

    name: ClassVar[str] = "triangle"
    alpha: float = _alpha(0.3, "1")


@parameterised
class ArctanSurrogate(Surrogate):
    r""":math:`\frac{\alpha}{2} / (1 + (\frac{\pi}{2} \alpha x)^2)` (Fang et al. 2021, arXiv 2007.05785)."""

    name: ClassVar[str] = "arctan"
    alpha: float = _alpha(2.0)


@parameterised
class CircSurrogate(Surrogate):
    r""":math:`\alpha^3 / (x^2 + \alpha^2)^{3/2}`; alpha is a width here."""

    name: ClassVar[str] = "circ"
    alpha: float = _alpha(1.0, "unit of v")


@parameterised
class ErfcSurrogate(Surrogate):
    r""":math:`\frac{2}{\sqrt\pi} e^{-(\alpha x)^2}`."""

    name: ClassVar[str] = "erfc"
    alpha: float = _alpha(1.0)


@parameterised
class StraightThrough(Surrogate):
    """1 everywhere: the spike is differentiated as if it were x itself."""

    name: ClassVar[str] = "straight_through"
    alpha: float = quantity(default=1.0, description="not used", range="positive")


__all__ = [
    "ArctanSurrogate",
    "CircSurrogate",
    "ErfcSurrogate",
    "SigmoidSurrogate",
    "StraightThrough",
    "SuperSpike",
    "TanhSurrogate",
    "TriangleSurrogate",
]
