"""tune(): parameters of a cascade model that give a target rate."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .models.base import Model
from .models.membrane import MembraneModel
from .network import Network
from .parameters import as_array, number, numbers, seed_number, shown, whole_number
from .run import GivenSpikes, Run, check_pieces, prepare
from .simulate import check_progress, progress_bar
from .stimulus import Stimulus, StimulusSum, stimulus_parts

if TYPE_CHECKING:
    import xarray

Value = float | NDArray[np.float64]


@dataclass(frozen=True)
class Tuning:
    """What :func:`tune` returns.

    Attributes
    ----------
    model : Model
        The model with the tuned parameters; all others are unchanged to the bit.
    stimulus : Stimulus or sum of stimuli, or None
        The stimulus with the tuned parameters.
    history : xarray.Dataset
        ``loss`` [Hz^2], ``rate`` [Hz] and each tuned parameter along ``epoch``; the values at the beginning of the
        epoch.
    interrupted : bool
        Whether a Ctrl-C ended it early; the model is the best so far then, too.
    """

    model: Model
    stimulus: Stimulus | StimulusSum | None
    history: "xarray.Dataset"
    interrupted: bool


def tune(
    model: Model,
    network: Network,
    *,
    target: ArrayLike,
    parameters: Iterable[str] = ("theta",),
    duration: float = 1000.0,
    dt: float | None = None,
    stimulus: Stimulus | StimulusSum | None = None,
    epochs: int = 100,
    learning_rate: float = 0.1,
    trials: int = 1,
    seed: int | None = None,
    equilibration: float = 0.0,
    threads: int | None = None,
    progress: bool | None = None,
) -> Tuning:
    """Tunes parameters until the network fires at a target rate.

    Every epoch simulates the network, compares rates, and moves the parameters by a step of Adam (Kingma & Ba 2015,
    with its usual constants 0.9, 0.999, 1e-8). The gradient of the squared difference is that of the expected rate
    under the spikes that were drawn: differences of :func:`drive` with each parameter moved up and down, so that any
    continuous parameter can be tuned. The effect of changed spikes on later ones is not part of it.

    Parameters
    ----------
    model, network, stimulus, dt, trials, seed, equilibration, threads, progress
        As in :func:`simulate`.
    target : float or array_like, shape (n,)
        Target rate [Hz]: the mean over neurons; or of every neuron, whereupon parameters that may vary are tuned for
        each neuron.
    parameters : iterable of str, default ("theta",)
        Names of model parameters such as ``"theta"``, or of stimulus parameters such as ``"stimulus.strength"``
        (``"stimulus.0.strength"`` of the first of several).
    duration : float, default 1000
        Time simulated in each epoch [ms].
    epochs : int, default 100
        Number of steps.
    learning_rate : float, default 0.1
        Size of the first step, in units of the parameter.

    Returns
    -------
    Tuning

    Raises
    ------
    TypeError, ValueError
        For an unknown or non-numeric parameter, a target that is not positive, or as :func:`simulate` does.
    """
    import xarray

    check_pieces(model, network)
    if isinstance(model, MembraneModel):
        raise TypeError(f"model must be a cascade model such as BernoulliGLM(), whose rate can be tuned, got {model!r}")
    check_progress(progress)
    stimulus_parts(stimulus)
    goal = _target(target, network.n)
    per_neuron = isinstance(goal, np.ndarray)
    n_epochs = whole_number("epochs", epochs, 1)
    rate_of_learning = number("learning_rate", learning_rate, "positive")
    if not isinstance(parameters, str | Iterable):
        raise TypeError(f"parameters must be names, got {shown(parameters)}")
    names = [parameters] if isinstance(parameters, str) else list(parameters)
    if not names:
        raise ValueError(f"parameters must name at least one parameter, got {shown(parameters)}")
    state = _State(model, stimulus)
    values = {name: state.get(name, network.n if per_neuron else None) for name in names}
    base_seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed_number("seed", seed)
    seed_number("seed + epochs", base_seed + n_epochs)

    adam = _Adam(rate_of_learning)
    history: dict[str, list[Any]] = {"loss": [], "rate": [], **{name: [] for name in names}}
    best: tuple[float, _State] | None = None
    interrupted = False
    with progress_bar(progress, n_epochs, "tuning") as bar:
        bar.bar_format = "{desc}: {n:.0f}/{total:.0f} epochs [{elapsed}<{remaining}{postfix}]"
        for epoch in range(n_epochs):
            current = state.with_values(values)
            try:
                run, spikes, rate = _simulated(
                    current, network, duration, dt, trials, base_seed + epoch, equilibration, threads
                )
            except KeyboardInterrupt:
                interrupted = True
                break
            loss = _loss(rate, goal)
            history["loss"].append(loss)
            history["rate"].append(float(rate.mean()))
            for name in names:
                history[name].append(values[name])
            if best is None or loss < best[0]:
                best = (loss, current)
            slope = 2 * (rate - goal) / network.n if per_neuron else 2 * (rate.mean() - goal)
            gradient = {
                name: _gradient(current, name, values[name], run, spikes, network, slope, per_neuron) for name in names
            }
            values = adam.step(values, gradient)
            bar.set_postfix_str(f"rate {rate.mean():.3g} Hz", refresh=False)
            bar.update(1)
    final = state.with_values(values) if not interrupted or best is None else best[1]
    coordinates = {"epoch": np.arange(len(history["loss"]))}
    record = {k: (("epoch", "neuron") if np.ndim(v) == 2 else "epoch", np.array(v)) for k, v in history.items()}
    return Tuning(final.model, final.stimulus, xarray.Dataset(record, coordinates), interrupted)


def _target(target: ArrayLike, n: int) -> Value:
    if as_array("target", target).ndim == 0:
        return number("target", target, "positive")
    rates = numbers("target", target, "positive", each="neuron")
    if rates.shape != (n,):
        raise ValueError(f"target must be one rate or one per neuron ({n}), got shape {rates.shape}")
    return rates


def _loss(rate: NDArray[np.float64], goal: Value) -> float:
    if isinstance(goal, np.ndarray):
        return float(np.mean((rate - goal) ** 2))
    return float((rate.mean() - goal) ** 2)


class _State:
    """Model and stimulus, with parameters by name."""

    def __init__(self, model: Model, stimulus: Stimulus | StimulusSum | None) -> None:
        self.model, self.stimulus = model, stimulus

    def _owner(self, name: str) -> tuple[Any, str, int | None]:
        if not isinstance(name, str):
            raise TypeError(f"parameters must be names, got {shown(name)}")
        if not name.startswith("stimulus."):
            return self.model, name, None
        if self.stimulus is None:
            raise ValueError(f"parameters must be of the model where there is no stimulus, got {name!r}")
        _, *middle, last = name.split(".")
        if isinstance(self.stimulus, Stimulus) and not middle:
            return self.stimulus, last, None
        parts = self.stimulus.parts()
        if len(middle) != 1 or not middle[0].isdigit() or int(middle[0]) >= len(parts):
            raise ValueError(f"parameters must name one of {len(parts)} stimuli, as 'stimulus.0.{last}', got {name!r}")
        return parts[int(middle[0])], last, int(middle[0])

    def get(self, name: str, n: int | None) -> Value:
        owner, field, _ = self._owner(name)
        units = owner.units()
        if field not in units or getattr(owner, field) is None:
            raise ValueError(
                f"parameters must be from {sorted(self.model.units())} or stimulus parameters, got {name!r}"
            )
        value = getattr(owner, field)
        varies = type(owner).__dataclass_fields__[field].metadata["varies"]
        if n is not None and varies and owner is self.model and not isinstance(value, np.ndarray):
            return np.full(n, value)
        return np.array(value) if isinstance(value, np.ndarray) else float(value)

    def with_values(self, values: dict[str, Value]) -> "_State":
        result = self
        for name, value in values.items():
            owner, field, index = result._owner(name)
            # A step of the optimiser may leave the range of a parameter; it stays at the edge then.
            kind = type(owner).__dataclass_fields__[field].metadata["range"]
            low, high = {"positive": (1e-12, np.inf), "nonnegative": (0.0, np.inf), "probability": (0.0, 1.0)}.get(
                kind, (-np.inf, np.inf)
            )
            clipped = np.clip(value, low, high)
            changed = owner.replace(**{field: clipped if np.ndim(clipped) else float(clipped)})
            if owner is result.model:
                result = _State(changed, result.stimulus)
            elif index is None:
                result = _State(result.model, changed)
            else:
                parts = result.stimulus.parts()  # type: ignore[union-attr]
                parts[index] = changed
                result = _State(result.model, StimulusSum(parts))
        return result


def _simulated(
    state: _State, network: Network, duration: float, dt: float | None, trials: int, seed: int, equilibration: float,
    threads: int | None,
) -> tuple[Run, list[GivenSpikes], NDArray[np.float64]]:  # fmt: skip
    """A simulated epoch: the run, its spikes by trial, and the rate of every neuron [Hz]."""
    from .dataset import Recording

    run = prepare(
        state.model, network, duration=duration, dt=dt, stimulus=state.stimulus, trials=trials, seed=seed,
        equilibration=equilibration, threads=threads,
    )  # fmt: skip
    recording, to_go = Recording(run), run.warm_up
    with run.session() as session:
        for done, recorded in session.advance(run.warm_up + run.n_steps):
            recording.add(recorded, done, min(to_go, done))
            to_go -= min(to_go, done)
        if session.interrupted:
            raise KeyboardInterrupt
    step, neuron, trial = recording.spikes()
    n, rates = network.n, np.bincount(neuron, minlength=network.n).astype(np.float64)
    lists = [GivenSpikes.from_list(step[trial == k], neuron[trial == k], run.n_steps, n) for k in run.trials]
    return run, lists, rates * (1000.0 / (run.n_steps * run.dt * run.trials.size))


def _gradient(
    state: _State, name: str, value: Value, run: Run, spikes: list[GivenSpikes], network: Network, slope: Any,
    per_neuron: bool,
) -> Value:  # fmt: skip
    """Derivative of the loss by one parameter: central differences of the expected rates under the same spikes."""
    h = 1e-4 * np.maximum(np.abs(value), 1e-2)
    up, down = (_expected_rates(state.with_values({name: value + sign * h}), run, spikes, network) for sign in (1, -1))
    derivative = slope * (up - down) / (2 * h)
    if isinstance(value, np.ndarray):
        return np.asarray(derivative)
    return float(derivative.sum() if per_neuron else derivative.mean())


def _expected_rates(state: _State, run: Run, spikes: list[GivenSpikes], network: Network) -> NDArray[np.float64]:
    given = prepare(
        state.model, network, duration=run.n_steps * run.dt, dt=run.dt, trials=run.trials, seed=run.seed, given=spikes,
        stimulus=state.stimulus, record=("mean_rate",), threads=run.params["threads"],
    )  # fmt: skip
    with given.session() as session:
        for _ in session.advance(given.n_steps):
            pass
        if session.interrupted:
            raise KeyboardInterrupt
        arrays = session.state()
    return np.asarray(arrays["mean_rate"].mean(axis=0) / given.n_steps)


class _Adam:
    def __init__(self, learning_rate: float) -> None:
        self.learning_rate, self.t = learning_rate, 0
        self.m: dict[str, Any] = {}
        self.v: dict[str, Any] = {}

    def step(self, values: dict[str, Value], gradient: dict[str, Value]) -> dict[str, Value]:
        self.t += 1
        moved = {}
        for name, g in gradient.items():
            self.m[name] = 0.9 * self.m.get(name, 0.0) + 0.1 * g
            self.v[name] = 0.999 * self.v.get(name, 0.0) + 0.001 * np.square(g)
            m, v = self.m[name] / (1 - 0.9**self.t), self.v[name] / (1 - 0.999**self.t)
            moved[name] = values[name] - self.learning_rate * m / (np.sqrt(v) + 1e-8)
        return moved
