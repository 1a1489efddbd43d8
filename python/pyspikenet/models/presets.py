"""Presets: published parameters of a model by name, with the input that shows what they do.

Read ``izhikevich_presets.py`` and ``membrane_presets.py`` next.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from ..stimulus import ArrayStimulus

Waveform = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class PresetInput(TypedDict):
    """Arguments of :func:`simulate`: ``psn.simulate(model, network, **model.preset_input(name))``."""

    stimulus: ArrayStimulus
    duration: float
    dt: float
    initial_state: dict[str, float] | None


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Parameters that differ from the defaults, and the published input: its `current` at times in ms."""

    parameters: Mapping[str, Any]
    current: Waveform | None = None
    duration: float = 500.0
    dt: float = 0.1
    initial_state: Mapping[str, float] = field(default_factory=dict)


def step(strength: float, start: float = 0.0, stop: float = np.inf, before: float = 0.0) -> Waveform:
    """`strength` for `start` < t < `stop`, else `before`."""
    return lambda t: np.where((t > start) & (t < stop), strength, before)


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


class WithPresets:
    """What a model with presets gets from its table of them."""

    PRESETS: ClassVar[Mapping[str, Preset]]
    ABBREVIATIONS: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def _found(cls, name: str) -> Preset:
        if not isinstance(name, str):
            raise TypeError(f"name must be the name of a preset of {cls.__name__}, got {name!r}")
        known = {_plain(full): preset for full, preset in cls.PRESETS.items()}
        known |= {_plain(short): cls.PRESETS[full] for short, full in cls.ABBREVIATIONS.items()}
        if _plain(name) not in known:
            near = difflib.get_close_matches(_plain(name), known, n=1)
            hint = f", perhaps {near[0]!r}" if near else ""
            raise ValueError(f"name must be one of {cls.__name__}.presets(){hint}, got {name!r}")
        return known[_plain(name)]

    @classmethod
    def presets(cls) -> list[str]:
        """Names of all presets.

        Returns
        -------
        list of str
            Names for :meth:`preset` and :meth:`preset_input`.
        """
        return list(cls.PRESETS)

    @classmethod
    def preset(cls, name: str) -> Self:
        """The model with published parameters; ``.replace`` changes some of them.

        Parameters
        ----------
        name : str
            One of :meth:`presets`; upper and lower case, spaces, hyphens and underscores are all the same.

        Returns
        -------
        Model
            With the parameters of the preset, all others at their defaults.
        """
        return cls(**cls._found(name).parameters)

    @classmethod
    def preset_input(cls, name: str) -> PresetInput:
        """The input with which the preset was published.

        Parameters
        ----------
        name : str
            One of :meth:`presets`.

        Returns
        -------
        dict
            ``stimulus``, ``duration`` [ms], ``dt`` [ms] and ``initial_state``: arguments of :func:`simulate`, as in
            ``psn.simulate(model, network, **model.preset_input(name))``. A ValueError if no input was published.
        """
        preset = cls._found(name)
        if preset.current is None:
            raise ValueError(f"name must be that of a preset with a published input, got {name!r}, which has none")
        times = np.arange(round(preset.duration / preset.dt), dtype=np.float64) * preset.dt
        return PresetInput(
            stimulus=ArrayStimulus(data=preset.current(times), dt=preset.dt),
            duration=preset.duration,
            dt=preset.dt,
            initial_state=dict(preset.initial_state) or None,
        )
