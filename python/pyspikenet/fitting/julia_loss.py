"""JuliaLoss: a loss that the user writes in Julia."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..julia_function import checked_code
from ..parameters import as_array, option, parameterised, shown
from .losses import Loss, Setting, Wire


@parameterised
class JuliaLoss(Loss):
    r"""A loss given as Julia code: any function of the spikes and of variables of the model.

    The function is called with ``(spikes, states)``, or with ``(spikes, states, data)`` where `data` are given, and
    returns a number. ``spikes`` is an array [neuron, step, trial] of what a loss sees (1 or 0 where a neuron spiked,
    counts, or the smooth function in the modes ``"soft"`` and ``"relaxed"``); ``states.v`` is that of the variable
    ``v``, at the ends of the steps, if `record` names it. ``data.name`` is the array of this name, its dimensions in
    the order of Julia, so that an array (trial, time, neuron) has these three, too; ``data.trials`` are the numbers of
    the trials (from 1) that a batch consists of.

    Notes
    -----
    The number is the loss of the batch as it stands. Other losses are means over trials: divide by ``size(spikes, 3)``
    where this one is to be one, too, and not to depend on how many trials a batch has. Nothing is averaged over steps
    or neurons either.

    Gradients come from `gradient`, a function of the same arguments that returns the derivatives: those by the spikes,
    an array of their size, or ``(by_spikes, (v = by_v,))``; ``nothing`` stands for zeros. Without it the Julia package
    Zygote differentiates the code; it must be installed (``Pkg.add(["Zygote", "ChainRulesCore"])``, in the default
    environment or that of ``JULIA_PROJECT``) and needs Julia >= 1.10. That is checked when a fit begins.

    A function of the whole run must see all of it: it keeps about four numbers per neuron, step and trial of a batch,
    and as many of each variable in `record`. Losses of this kind are for methods that follow gradients, not for
    populations.

    The code is evaluated in a module of its own, once for each text, and runs with all your rights: never take it from
    someone you do not trust. It may consist of several expressions, of which the last is the function, and may say
    ``using`` of what Julia's standard library has.

    Examples
    --------
    Few spikes, and a voltage near zero, in 50 steps of 1 ms:

    >>> import numpy as np, pyspikenet as psn
    >>> loss = psn.JuliaLoss(
    ...     code="(spikes, states, data) -> sum(spikes) + sum(data.weight .* states.v .^ 2)",
    ...     gradient="(spikes, states, data) -> (one.(spikes), (v = 2 .* data.weight .* states.v,))",
    ...     record="v", data={"weight": np.full(50, 1e-4)[:, None]},
    ... )
    >>> net = psn.Network.random(n=20, p=0.2, weight=2.0, seed=1)
    >>> drive = psn.ConstantStimulus(strength=25.0)
    >>> found = psn.gradient(loss, psn.LIF(), net, drive, wrt=["tau_m"], duration=50, dt=1.0, seed=0)
    >>> found.loss > 0
    True
    """

    needs_data: ClassVar[bool] = False

    code: str = option(kind="str", description="the function, such as '(spikes, states) -> sum(abs2, spikes)'")
    gradient: str | None = option(
        default=None, kind="str or None", description="its derivatives, likewise; None: by Zygote"
    )
    record: Any = option(
        default=(), kind="str or sequence of str", description="variables of the model that it looks at"
    )
    data: Any = option(default=None, kind="dict of str to array_like, or None", description="arrays by name")

    def _validate(self) -> None:
        checked_code("code", self.code)
        if self.gradient is not None:
            checked_code("gradient", self.gradient)
        names = (self.record,) if isinstance(self.record, str) else self.record
        if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"record must be a name or a sequence of names, got {shown(self.record)}")
        if len(set(names)) < len(names):
            raise ValueError(f"record must name every variable once, got {shown(self.record)}")
        object.__setattr__(self, "record", tuple(names))
        if self.data is not None:
            if not isinstance(self.data, Mapping):
                raise TypeError(f"data must be a dict of arrays, got {shown(self.data)}")
            object.__setattr__(self, "data", {name: _array(name, x) for name, x in self.data.items()})

    def _describe(self, setting: Setting) -> Wire:
        for name in self.record:
            if name not in setting.variables:
                known = f"one of {', '.join(setting.variables)}" if setting.variables else "empty for a cascade model"
                raise ValueError(f"record must be {known}, got {shown(name)}")
        params: dict[str, Any] = {"kind": "julia", "code": self.code, "record": list(self.record)}
        if self.gradient is not None:
            params["gradient"] = self.gradient
        return params, {f"data.{name}": x for name, x in (self.data or {}).items()}


def _array(name: Any, value: Any) -> NDArray[Any]:
    """A copy of `value` that cannot be written to."""
    if not isinstance(name, str) or not name.isidentifier() or name == "trials":
        raise ValueError(f"data must have names other than 'trials' as keys, got {shown(name)}")
    array = np.array(as_array(f"data[{name!r}]", value))
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"data[{name!r}] must be numbers or bool, got dtype {array.dtype}")
    array.flags.writeable = False
    return array


__all__ = ["JuliaLoss"]
