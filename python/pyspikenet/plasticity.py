"""Plasticity rules: how spikes change weights, or what they deliver. Their mathematics is in ``plasticity.jl``.

A rule is given to :func:`simulate` for all synapses, or for those of a receptor: ``plasticity={"exc": STDP()}``. The
network is never changed; the final weights are in the dataset, in the order of the network's synapses.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .parameters import Parameters, option, parameterised, quantity, shown

PAIRINGS = ("all", "nearest")


class Plasticity(Parameters):
    """Base of the plasticity rules."""

    acts_on: ClassVar[str]  # "pair": weights; "short_term": what spikes deliver

    def to_wire(self, weight: NDArray[Any]) -> dict[str, Any]:
        """Numbers for SpikeCore, checked against the weights that the rule is to act on."""
        raise NotImplementedError


class PairRule(Plasticity):
    """Base of the rules for pairs of spikes before and after the synapse."""

    acts_on: ClassVar[str] = "pair"
    w_min: float
    w_max: float
    pairing: str

    def _validate(self) -> None:
        if self.w_max <= self.w_min:
            raise ValueError(f"w_max must be larger than w_min = {self.w_min}, got {self.w_max}")
        if self.pairing not in PAIRINGS:
            raise ValueError(f"pairing must be one of {', '.join(PAIRINGS)}, got {shown(self.pairing)}")

    def _limits(self, weight: NDArray[Any]) -> dict[str, Any]:
        name = type(self).__name__
        if weight.size and weight.min() < 0 < weight.max():
            raise ValueError(
                f"plasticity must act on weights of one sign for {name}, got weights from {weight.min()} to"
                f" {weight.max()}; give it by receptor, as in {{'exc': {name}()}}"
            )
        size = np.abs(weight)
        if size.size and (size.min() < self.w_min or size.max() > self.w_max):
            raise ValueError(
                f"w_min and w_max of {name} must enclose the magnitude of the weights, {size.min()} to {size.max()},"
                f" got {self.w_min} and {self.w_max}"
            )
        polarity = -1.0 if weight.size and weight.min() < 0 else 1.0
        return {"low": self.w_min, "high": self.w_max, "polarity": polarity, "nearest": self.pairing == "nearest"}


def _limits(default: float) -> tuple[Any, Any]:
    low = quantity(default=0.0, description="smallest magnitude of a weight", range="nonnegative")
    return low, quantity(default=default, description="largest magnitude of a weight", range="positive")


def _pairing() -> Any:
    return option(
        default="all", kind='{"all", "nearest"}', description="whether all pairs of spikes count, or nearest neighbours"
    )


@parameterised
class STDP(PairRule):
    r"""Spike-timing-dependent plasticity by pairs of spikes (Song, Miller and Abbott 2000, doi 10.1038/78829).

    .. math::

        \Delta w = w_{max} \begin{cases}
            A_+ (1 - w / w_{max})^\mu e^{-\Delta t / \tau_+} & \Delta t = t_{post} - t_{pre} > 0 \\
            A_- (w / w_{max})^\mu e^{\Delta t / \tau_-} & \Delta t < 0 \end{cases}

    with w kept in [w_min, w_max]. ``mu`` = 0 is the additive rule, 1 the multiplicative one (van Rossum et al. 2000),
    what lies between the power-law bounds of Gütig et al. 2003. Spikes count when they are emitted, before any delay.

    Notes
    -----
    Weights keep their sign; the rule acts on their magnitude.
    """

    tau_plus: float = quantity(
        default=20.0, unit="ms", description="time constant of the trace of spikes before the synapse", range="positive"
    )
    tau_minus: float = quantity(
        default=20.0, unit="ms", description="time constant of the trace of spikes after the synapse", range="positive"
    )
    A_plus: float = quantity(default=0.01, description="change by a pair before-after, relative to w_max")
    A_minus: float = quantity(default=-0.0105, description="change by a pair after-before, relative to w_max")
    mu: float = quantity(default=0.0, description="exponent of the soft bounds", range="nonnegative")
    w_min: float = _limits(1.0)[0]
    w_max: float = _limits(1.0)[1]
    pairing: str = _pairing()

    def to_wire(self, weight: NDArray[Any]) -> dict[str, Any]:
        return {
            "tau_pre": self.tau_plus,
            "tau_post": self.tau_minus,
            "pre_gain": self.w_max * self.A_minus,
            "pre_offset": 0.0,
            "post_gain": self.w_max * self.A_plus,
            "exponent": self.mu,
            **self._limits(weight),
        }


@parameterised
class InhibitorySTDP(PairRule):
    r"""Inhibitory plasticity that balances excitation (Vogels et al. 2011, doi 10.1126/science.1211095).

    A spike before the synapse: :math:`w \to w + \eta (y - \alpha)` with :math:`\alpha = 2 \rho_0 \tau`; a spike after
    it: :math:`w \to w + \eta x`. x and y are the traces of spikes before and after the synapse, with time constant
    :math:`\tau`. Neurons settle at the rate :math:`\rho_0`.

    Notes
    -----
    Weights keep their sign; the rule acts on their magnitude.
    """

    tau: float = quantity(default=20.0, unit="ms", description="time constant of the traces", range="positive")
    eta: float = quantity(default=0.01, description="learning rate, in units of the weights", range="nonnegative")
    rho_0: float = quantity(default=5.0, unit="Hz", description="target rate", range="nonnegative")
    w_min: float = _limits(10.0)[0]
    w_max: float = _limits(10.0)[1]
    pairing: str = _pairing()

    def to_wire(self, weight: NDArray[Any]) -> dict[str, Any]:
        return {
            "tau_pre": self.tau,
            "tau_post": self.tau,
            "pre_gain": self.eta,
            "pre_offset": -self.eta * 2 * self.rho_0 * self.tau / 1000,
            "post_gain": self.eta,
            "exponent": 0.0,
            **self._limits(weight),
        }


@parameterised
class TsodyksMarkram(Plasticity):
    r"""Short-term depression and facilitation (Tsodyks and Markram 1997, doi 10.1073/pnas.94.2.719).

    .. math::

        u' = u - \frac{dt}{\tau_f} u + U (1 - u) s, \qquad r' = r + \frac{dt}{\tau_d} (1 - r) - u' r s

    with s = 1 in a step with a spike, which delivers :math:`u' r` of the weight. At rest u = 0 and r = 1.
    """

    acts_on: ClassVar[str] = "short_term"

    tau_d: float = quantity(
        default=750.0, unit="ms", description="time constant of recovery from depression", range="positive"
    )
    tau_f: float = quantity(default=50.0, unit="ms", description="time constant of facilitation", range="positive")
    U: float = quantity(default=0.45, description="utilisation by a spike", range="probability")

    def to_wire(self, weight: NDArray[Any]) -> dict[str, Any]:
        return {"tau_d": self.tau_d, "tau_f": self.tau_f, "U": self.U}


Rules = tuple[Plasticity, ...]


def rules_by_receptor(given: Any, receptors: Sequence[str]) -> dict[str | None, Rules]:
    """`plasticity` of :func:`simulate` as rules by receptor; None is the key of rules for all synapses."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        return {None: _rules("plasticity", given)}
    unknown = [name for name in given if name not in receptors]
    if unknown:
        known = ", ".join(map(repr, receptors)) or "none"
        raise ValueError(f"plasticity must be given by receptors of the model ({known}), got {unknown[0]!r}")
    return {name: _rules(f"plasticity[{name!r}]", rules) for name, rules in given.items()}


def _rules(name: str, given: Any) -> Rules:
    rules = (given,) if isinstance(given, Plasticity) else given
    if not isinstance(rules, tuple | list) or not all(isinstance(rule, Plasticity) for rule in rules):
        raise TypeError(f"{name} must be a rule such as STDP(), or a tuple of them, got {shown(given)}")
    kinds = [rule.acts_on for rule in rules]
    if len(set(kinds)) < len(kinds):
        raise ValueError(
            f"{name} must hold at most one rule for weights and one for short-term plasticity, got {shown(given)}"
        )
    return tuple(rules)
