"""The settings of a fit: which trials, learning rates and weights of losses each epoch has."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..parameters import number, shown
from .free import Free
from .losses import Schedule
from .predict import Progress
from .problem import Question

Rate = float | Schedule


def learning_rates(given: Any, free: list[Free]) -> list[Rate]:
    """The learning rate of each free parameter, or the error that says what is wrong with it."""
    if isinstance(given, Schedule):
        return [given] * len(free)
    if not isinstance(given, Mapping):
        return [number("learning_rate", given, "positive")] * len(free)
    names = [f.name for f in free]
    for name in given:
        if name not in names:
            raise ValueError(f"learning_rate must be of free parameters, {', '.join(names)}, got {shown(name)}")
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueError(f"learning_rate must have a number for each free parameter, got none for {missing[0]!r}")
    return [
        given[name]
        if isinstance(given[name], Schedule)
        else number(f"learning_rate[{name!r}]", given[name], "nonnegative")
        for name in names
    ]


class Ending:
    """When a fit is over before its last epoch; its time begins when this is made."""

    def __init__(self, patience: int | None, seconds: float | None) -> None:
        self.patience, self.seconds = patience, seconds
        self._began = time.monotonic()

    def reason(self, interrupted: bool, waited: int, told: bool | None) -> str:
        """Why it is over after an epoch; empty if it is not.

        `waited`: epochs without a new lowest loss; `told`: what the callback returned.
        """
        if interrupted:
            return "interrupted"
        if self.patience is not None and waited >= self.patience:
            return "patience"
        if self.seconds is not None and time.monotonic() - self._began > self.seconds:
            return "time"
        return "callback" if told else ""


class Plan:
    """The settings of a search."""

    def __init__(
        self, question: Question, method: str, settings: dict[str, float], rates: list[Rate], epochs: int, batch: int,
        per_epoch: int, shuffle: bool, fresh_noise: bool, patience: int | None, budget: float | None, seed: int,
        callback: Callable[[Progress], bool | None] | None,
    ) -> None:  # fmt: skip
        self.question, self.method, self.rates, self.epochs, self.batch = question, method, rates, epochs, batch
        self.settings: dict[str, Any] = {"method": method, **settings}
        self.per_epoch, self.shuffle, self.fresh_noise = per_epoch, shuffle, fresh_noise
        self.patience, self.budget, self.seed = patience, budget, seed
        self.callback = callback

    def batches(self, epoch: int) -> list[list[int]]:
        """The trials of each step of an epoch."""
        n, first = self.question.run.trials.size, epoch * self.per_epoch
        rounds, trials = divmod(np.arange(first, first + self.per_epoch), n)
        if self.shuffle:
            orders = {k: np.random.default_rng([self.seed, k]).permutation(n) for k in np.unique(rounds).tolist()}
            trials = np.array([orders[k][j] for k, j in zip(rounds.tolist(), trials.tolist(), strict=True)])
        return [trials[k : k + self.batch].tolist() for k in range(0, trials.size, self.batch)]

    def coefficients(self, epoch: int) -> list[float]:
        """The weights of the losses in an epoch."""
        return self.question.losses.coefficients(epoch / max(self.epochs - 1, 1))

    def rates_of(self, epoch: int) -> list[float]:
        """The learning rates of an epoch."""
        progress = epoch / max(self.epochs - 1, 1)
        return [rate.at(progress) if isinstance(rate, Schedule) else rate for rate in self.rates]
