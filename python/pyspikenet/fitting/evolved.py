"""What a search by populations returns: the best candidate, all candidates, those that failed, predictions, plots."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..models.base import Model
from ..network import Network
from .free import Floats
from .population import Protocol, Task
from .predict import predicted

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


class Evolution:
    """A search under way: what the callback of :func:`fit` is called with after each generation.

    Attributes
    ----------
    generation : int
        How many generations are done.
    candidates : list of ndarray
        Those of each generation, shape (candidate, dimension).
    losses : list of ndarray
        Their losses, shape (candidate, objective); infinite where one failed.
    failures : list of tuple
        Generation, candidate and reason of those that failed.
    """

    def __init__(self, task: Task, objectives: int) -> None:
        self.task, self.objectives = task, objectives
        self.candidates: list[Floats] = []
        self.losses: list[Floats] = []
        self.failures: list[tuple[int, int, str]] = []
        self.stopped = ""
        self.best_generation = 0
        self._best: tuple[float, Floats] = (math.inf, np.empty(0))

    @property
    def generation(self) -> int:
        return len(self.losses)

    @property
    def lowest(self) -> float:
        """The lowest (first) loss so far."""
        return self._best[0]

    @property
    def parameters(self) -> dict[str, Any]:
        """The free parameters of the best candidate so far, by name."""
        return self.task.values(self._best[1])

    def add(self, rows: Floats, losses: Floats, reasons: dict[int, str]) -> None:
        """A generation has been judged."""
        self.failures += [(self.generation, c, why) for c, why in sorted(reasons.items())]
        self.candidates.append(rows)
        self.losses.append(losses)
        self._note(self.generation)

    def _note(self, generation: int) -> None:
        losses = self.losses[generation - 1]
        c = int(np.argmin(losses[:, 0]))
        if losses[c, 0] < self._best[0]:
            self._best = (float(losses[c, 0]), self.candidates[generation - 1][c])
            self.best_generation = generation

    def arrays(self) -> dict[str, Any]:
        """All of it, to be written."""
        return {
            "sizes": np.array([len(x) for x in self.losses], int),
            "candidates": np.concatenate([*self.candidates, np.empty((0, len(self.task.space)))]),
            "losses": np.concatenate([*self.losses, np.empty((0, self.objectives))]),
            "failed": np.array([x[:2] for x in self.failures], int).reshape(-1, 2),
            "reasons": np.array([x[2] for x in self.failures], str),
        }

    def restore(self, arrays: dict[str, Any]) -> None:
        """Goes back to what was written."""
        edges: Any = np.cumsum(arrays["sizes"])[:-1] if len(arrays["sizes"]) else []
        split = [np.split(arrays[name], edges) for name in ("candidates", "losses")]
        if len(arrays["sizes"]):
            for k, (rows, losses) in enumerate(zip(*split, strict=True), 1):
                self.candidates.append(rows)
                self.losses.append(losses)
                self._note(k)
        self.failures = [
            (int(g), int(c), str(why)) for (g, c), why in zip(arrays["failed"], arrays["reasons"], strict=True)
        ]

    def result(self, protocol: Protocol) -> "PopulationFit":
        """What was found; `protocol`: the first one."""
        if not self.losses or not math.isfinite(self.lowest):
            last = f"; the last one: {self.failures[-1][2]}" if self.failures else ""
            raise RuntimeError(f"no candidate of {self.generation} generations could be judged{last}")
        pieces = self.task.pieces(self.parameters, 0)
        return PopulationFit(
            pieces.model, pieces.network, pieces.stimulus, dict(pieces.initial), self.lowest, self.parameters,
            self._history(), list(self.failures), self.stopped, self.generation, self.task, protocol,
        )  # fmt: skip

    def _history(self) -> "xarray.Dataset":
        import xarray

        most = max(len(x) for x in self.losses)

        def padded(pieces: list[Floats], width: int) -> Floats:
            found = np.full((len(pieces), most, width), np.nan)
            for k, x in enumerate(pieces):
                found[k, : len(x)] = x
            return found

        losses = padded(self.losses, self.objectives)
        best = np.minimum.accumulate(np.nanmin(losses[:, :, 0], axis=1))
        return xarray.Dataset(
            {
                "best": ("generation", best, {"long_name": "lowest loss so far"}),
                "loss": (
                    ("generation", "candidate", "objective"),
                    losses,
                    {"long_name": "loss; infinite where it failed"},
                ),
                "parameters": (("generation", "candidate", "parameter"), padded(self.candidates, len(self.task.space))),
            },
            {
                "generation": np.arange(1, self.generation + 1),
                "parameter": self.task.space.names,
                "objective": [
                    repr(x) if not callable(x) else getattr(x, "__name__", repr(x)) for x in self.task.objectives
                ],
            },
        )


@dataclass(frozen=True)
class PopulationFit:
    """What :func:`fit` returns where a population searched.

    Attributes
    ----------
    model, network, stimulus, initial_state
        The pieces of the best candidate (of the lowest first loss, if there are several objectives).
    loss : float
        Its loss.
    parameters : dict of str to float or ndarray
        Its free parameters by name.
    history : xarray.Dataset
        ``best`` loss so far along ``generation``; ``loss`` and ``parameters`` of all candidates.
    failures : list of tuple
        Generation, candidate and reason of the candidates that failed.
    stopped : str
        Why it ended: ``"epochs"``, ``"patience"``, ``"time"``, ``"callback"``, ``"interrupted"``, or what the algorithm
        says.
    generations : int
        How many were judged.
    """

    model: Model
    network: Network
    stimulus: Any
    initial_state: dict[str, Any]
    loss: float
    parameters: dict[str, Any]
    history: "xarray.Dataset"
    failures: list[tuple[int, int, str]]
    stopped: str
    generations: int
    task: Task
    protocol: Protocol

    def __repr__(self) -> str:
        return (
            f"PopulationFit(loss={self.loss:.6g}, generations={self.generations}, stopped={self.stopped!r},"
            f" parameters={self.parameters})"
        )

    def predict(self, stimulus_number: int = 0, **changes: Any) -> "xarray.Dataset":
        """Simulates the best candidate as in the fit.

        Parameters
        ----------
        stimulus_number : int, default 0
            Under which of the stimuli, where there were several.
        **changes
            Arguments of :func:`simulate` that are to differ, such as ``duration``, ``stimulus`` or ``record``.
        """
        if not 0 <= stimulus_number < len(self.task.stimuli):
            raise ValueError(f"stimulus_number must lie in 0..{len(self.task.stimuli) - 1}, got {stimulus_number}")
        protocol = self.protocol if stimulus_number == 0 else Protocol(self.task, stimulus_number)
        return predicted(protocol.run, self.task.pieces(self.parameters, stimulus_number), changes)

    @property
    def front(self) -> "xarray.Dataset":
        """The candidates that no other one beats in all objectives: parameters and losses along ``candidate``."""
        stacked = self.history[["loss", "parameters"]].stack(judged=("generation", "candidate"))
        losses = stacked["loss"].transpose("judged", "objective").values
        finite = np.flatnonzero(np.isfinite(losses).all(axis=1))
        chosen = finite[not_dominated(losses[finite])]
        found = stacked.isel(judged=chosen).reset_index("judged", drop=True)
        return found.rename(judged="candidate").transpose("candidate", ...)

    def plot_loss(self, ax: "Axes | None" = None) -> "Axes":
        """The losses of all candidates, and the lowest so far.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.
        """
        from ..axes import new_axes, tidy

        ax = new_axes(ax, (5, 3))
        losses = self.history.loss[:, :, 0].values
        generation = np.repeat(self.history.generation.values, losses.shape[1])
        shown = np.isfinite(losses.ravel())
        ax.plot(generation[shown], losses.ravel()[shown], ".", color="0.7", ms=2, label="candidates")
        ax.plot(self.history.generation, self.history.best, color="black", label="best so far")
        if np.all(losses.ravel()[shown] > 0) and losses.ravel()[shown].max() > 20 * self.loss:
            ax.set_yscale("log")
        ax.legend(frameon=False)
        ax.set(xlabel="generation", ylabel="loss")
        return tidy(ax)


def not_dominated(losses: Floats) -> Any:
    """The rows that no other row is at most equal to in all and below in one column, without repetitions."""
    _, first = np.unique(losses, axis=0, return_index=True)
    kept = []
    for i in np.sort(first):
        at_most = (losses <= losses[i]).all(axis=1)
        below = (losses < losses[i]).any(axis=1)
        if not (at_most & below).any():
            kept.append(i)
    return np.array(kept, int)
