"""fit(): parameters that make a network do what data say, found by following gradients."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..engine.session import Interrupt
from ..models.base import Model
from ..network import Network
from ..parameters import flag, number, shown, whole_number
from ..simulate import check_progress, progress_bar
from ..stimulus import Stimulus, StimulusSum
from .bounds import bounds_of
from .checkpoint import Checkpoint, fingerprint
from .evolve import ALGORITHMS, algorithm_of, fit_by_population
from .free import with_values
from .losses import Loss, Schedule, WeightedLosses
from .plan import Ending, Plan, learning_rates
from .predict import Progress
from .problem import Outcome, Problem, ask
from .result import Fit, History
from .surrogates import Surrogate

if TYPE_CHECKING:
    import os

    import xarray

    from .evolved import PopulationFit

BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} epochs [{elapsed}<{remaining}{postfix}]"
METHODS: dict[str, dict[str, float]] = {
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
    "sgd": {"momentum": 0.0},
    "rmsprop": {"decay": 0.99, "epsilon": 1e-8},
    "lbfgs": {"memory": 10},
}


def fit(
    model: "Model | Callable[[dict[str, Any]], Model]",
    network: "Network | Callable[[dict[str, Any]], Network]",
    data: "ArrayLike | xarray.Dataset | Sequence[Any] | None" = None,
    *,
    free: "str | Sequence[str] | Mapping[str, Any]",
    loss: "Loss | WeightedLosses | Callable[[xarray.Dataset], float] | Sequence[Any]",
    stimulus: "Stimulus | StimulusSum | Sequence[Any] | Callable[[dict[str, Any]], Any] | None" = None,
    method: Any = "adam",
    learning_rate: float | Schedule | Mapping[str, float | Schedule] = 0.01,
    settings: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[ArrayLike | None, ArrayLike | None]] | None = None,
    dale: bool = False,
    epochs: int = 100,
    batch_size: int | None = None,
    trials_per_epoch: int | None = None,
    shuffle: bool = False,
    fresh_noise: bool = False,
    patience: int | None = None,
    time_budget: float | None = None,
    duration: float | None = None,
    dt: float | None = None,
    trials: int | Sequence[int] | None = None,
    seed: int = 0,
    equilibration: float = 0.0,
    initial_state: "Mapping[str, ArrayLike] | xarray.Dataset | None" = None,
    dtype: str = "float64",
    threads: int | None = None,
    device: str = "cpu",
    surrogate: Surrogate | None = None,
    mode: str = "surrogate",
    stochastic: bool = False,
    detach_reset: bool = False,
    detach_spikes: bool = False,
    checkpoint: "str | os.PathLike[str] | None" = None,
    resume: "bool | str | os.PathLike[str]" = False,
    executor: Any = None,
    warm_start: "PopulationFit | None" = None,
    refine: str | None = None,
    refine_epochs: int = 50,
    callback: Callable[[Any], bool | None] | None = None,
    progress: bool | None = None,
) -> Any:
    """Fits parameters, weights, initial state and stimuli of a network to data, by gradients or by populations.

    By gradients, `free` are names, and what is returned is a :class:`Fit`. Where the loss has no useful derivative,
    populations of candidates search between bounds, simulated side by side; then a :class:`PopulationFit` is returned.

    Parameters
    ----------
    model, network, stimulus, dt, trials, initial_state, dtype, threads, device, progress
        As in :func:`simulate`; `trials` and `dt` by default those of the data. The fit begins from their values. A
        parameter that the model has as one number stays one number for all neurons; one that it has per neuron is
        fitted per neuron.
    data, duration, surrogate, mode, stochastic, detach_reset, detach_spikes
        As in :func:`gradient`.
    free : str or sequence of str, or dict
        What is fitted, by name as in :func:`gradient`: ``["tau_m", "weight", "stimulus.rate"]``. For populations a dict
        of bounds, ``{"tau_m": (5, 30), "tau_w": Real(10, 1000, log=True), "n": Integer(3, 40)}``; it may also name the
        times of a stimulus, and values of your own for pieces that are functions: ``model``, ``network`` or
        ``stimulus`` may be a function of the dict of values that returns one.
    loss : Loss or sum of losses
        What is minimised. :class:`Schedule` and :func:`Adaptive` change weights of losses from epoch to epoch. For
        populations also :class:`SpikeDistance`, :class:`FeatureLoss` and their kin, or a function of the dataset of a
        run; a list of losses for several objectives.
    method : str, algorithm, or optimiser with ``ask`` and ``tell``; default "adam"
        By gradients: "adam" (Kingma and Ba 2015, arXiv 1412.6980), "sgd", stochastic gradient descent, "rmsprop", or
        "lbfgs", L-BFGS-B (Byrd et al. 1995, doi 10.1137/0916069; through SciPy, on all trials at once). By populations:
        "cma_es", "differential_evolution", "genetic", "particle_swarm", "evolutionary_centers" or "nsga2", with other
        settings as ``CMAES(population=32)`` and so on; or an optimiser of another library (cma, pymoo, nevergrad,
        optuna).
    learning_rate : float, Schedule, or dict of str to either, default 0.01
        Size of the steps, in units of the parameter (adam, rmsprop); a :class:`Schedule` changes it from epoch to
        epoch; by name where they differ: 0 leaves a parameter as it is. Not used by lbfgs.
    settings : dict, optional
        Other settings of the method: ``beta_1``, ``beta_2``, ``epsilon`` (adam); ``momentum`` (sgd); ``decay``,
        ``epsilon`` (rmsprop); ``memory`` (lbfgs).
    bounds : dict of str to (low, high), optional
        Bounds by name, numbers or arrays in the shape of the parameter, None for none. Where a parameter has a range
        of its own (a time constant is positive) it stays in it, too.
    dale : bool, default False
        Dale's law: weights keep the sign that they begin with (those at zero the sign of most of their presynaptic
        neuron's). Synapses whose receptor follows from their sign always do.
    epochs : int, default 100
        How often all trials are gone through, or `trials_per_epoch` of them.
    batch_size : int, optional
        Trials per step of the optimiser; default all of an epoch.
    trials_per_epoch : int, optional
        Trials of an epoch; the next one goes on with those that follow, and from the first again behind the last.
        Default all.
    shuffle : bool, default False
        Whether the trials are gone through in a new order each time.
    fresh_noise : bool, default False
        Whether each epoch draws random numbers anew; else the loss is a function of the parameters alone. Candidates
        of a generation always draw the same ones.
    patience : int, optional
        Stop after so many epochs without a new lowest loss.
    time_budget : float, optional
        Stop after so many seconds.
    seed : int, default 0
        Seed of all that is drawn, the order of trials included.
    equilibration : float, default 0
        Time simulated before what the loss sees, from rest and without stimulus [ms]; cascade models only.
    checkpoint : path, optional
        A file (.npz) that is written atomically after each epoch, at most once a second, and at the end.
    resume : bool or path, default False
        True: go on from `checkpoint`, if that exists; a path: from that file. The result is the same to the bit as that
        of a run without a break.
    executor : concurrent.futures.Executor, optional
        Judges the candidates of a population in its processes, here or on other machines: a ``ProcessPoolExecutor``,
        the executor of a dask client, of mpi4py, of loky. Results do not depend on it; the part of a lost worker is run
        again.
    warm_start : PopulationFit, optional
        An earlier search of the same space: the first population is chosen by a model of its losses.
    refine : {"adam", "lbfgs"}, optional
        A method that follows gradients from the best candidate of a population.
    refine_epochs : int, default 50
        How many epochs it has.
    callback : callable, optional
        Called after each epoch with a :class:`Progress`: epoch, loss and accuracy, the model as it is now, and what it
        predicts, for a test with other data; of a population with an :class:`Evolution`. The fit ends where it returns
        True.

    Returns
    -------
    Fit or PopulationFit
        Best and last model, network and stimulus; history; predictions; plots. A Ctrl-C ends the fit early and returns
        what there is, with ``stopped == "interrupted"``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here, or the pieces do not fit each other.
    EngineError
        If Julia cannot be started or stops; a :class:`JuliaError`, with parameter and neuron, if something is not
        finite any more.

    Examples
    --------
    >>> import numpy as np, pyspikenet as psn
    >>> net = psn.Network.random(n=20, p=0.2, weight=2.0, seed=1)
    >>> drive = psn.ConstantStimulus(strength=25.0)
    >>> data = psn.simulate(psn.LIF(tau_m=15.0), net, duration=200, stimulus=drive, seed=0)
    >>> found = psn.fit(
    ...     psn.LIF(tau_m=20.0), net, data, free="tau_m", loss=psn.VanRossum(tau=20), stimulus=drive,
    ...     learning_rate=0.5, epochs=20,
    ... )
    >>> found.loss < found.history.loss[0]
    True
    """
    given = dict(locals())
    n_epochs = whole_number("epochs", epochs, 1)
    waits = None if patience is None else whole_number("patience", patience, 1)
    budget = None if time_budget is None else number("time_budget", time_budget, "positive")
    check_progress(progress)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {shown(callback)}")
    if algorithm_of(method) is not None:
        return fit_by_population(given)
    if not isinstance(method, str) or method not in METHODS:
        known = ", ".join([*METHODS, *ALGORITHMS])
        raise ValueError(
            f"method must be one of {known}, an algorithm such as CMAES(), or have ask and tell, got {shown(method)}"
        )
    for name in ("executor", "warm_start", "refine"):
        if given[name] is not None:
            raise ValueError(
                f"{name} must be None for method {method!r}, which has no population, got {shown(given[name])}"
            )
    if isinstance(free, Mapping):
        raise TypeError(
            f"free must be names of parameters for method {method!r} (their bounds= apart), got {shown(free)}"
        )
    chosen = dict(METHODS[method])
    for name, value in (settings or {}).items():
        if name not in chosen:
            raise ValueError(f"settings of {method} must be from {', '.join(chosen)}, got {shown(name)}")
        chosen[name] = number(f"settings[{name!r}]", value, "nonnegative")
    question = ask(
        loss, model, network, stimulus, data, free, duration=duration, dt=dt, trials=trials, seed=seed,
        initial_state=initial_state, dtype=dtype, threads=threads, device=device, equilibration=equilibration,
        surrogate=surrogate, mode=mode, stochastic=stochastic, detach_reset=detach_reset, detach_spikes=detach_spikes,
    )  # fmt: skip
    n_trials = question.run.trials.size
    per_epoch = n_trials if trials_per_epoch is None else whole_number("trials_per_epoch", trials_per_epoch, 1)
    if per_epoch > n_trials:
        raise ValueError(f"trials_per_epoch must be at most the number of trials ({n_trials}), got {per_epoch}")
    size = per_epoch if batch_size is None else min(whole_number("batch_size", batch_size, 1), per_epoch)
    if method == "lbfgs" and (size < n_trials or fresh_noise):
        raise ValueError(
            "method 'lbfgs' needs all trials and the same noise at once: no batch_size, trials_per_epoch or fresh_noise"
        )
    rates = learning_rates(learning_rate, question.free)
    plan = Plan(
        question, method, chosen, rates, n_epochs, size, per_epoch, flag("shuffle", shuffle),
        flag("fresh_noise", fresh_noise), waits, budget, seed, callback,
    )  # fmt: skip
    asked = {
        "params": question.params, "method": method, "settings": chosen, "rates": rates, "batch": size,
        "trials_per_epoch": per_epoch, "shuffle": plan.shuffle, "fresh_noise": plan.fresh_noise, "epochs": n_epochs,
        "losses": question.losses.to_dict(),
        "bounds": repr(bounds), "dale": bool(dale),
    }  # fmt: skip
    keeper = Checkpoint(checkpoint, resume, fingerprint(asked, question.arrays))
    with question.open() as problem:
        start = problem.values()
        low, high = bounds_of(bounds, flag("dale", dale), question, start)
        start = [np.clip(x, a, b) for x, a, b in zip(start, low, high, strict=True)]
        problem.put(start, low, high)
        search = _Search(plan, problem, keeper, History(question, n_epochs), low, high)
        with progress_bar(progress, n_epochs, "fitting") as bar:
            bar.bar_format = BAR
            search.go(bar)
    return search.result()


class _Search:
    """A fit under way."""

    def __init__(
        self, plan: Plan, problem: Problem, keeper: Checkpoint, history: History, low: list[Any], high: list[Any]
    ) -> None:
        self.plan, self.problem, self.keeper, self.history = plan, problem, keeper, history
        self.low, self.high = low, high
        self.best: tuple[float, list[Any]] = (math.inf, problem.values())
        self.best_epoch = 0
        self.last = self.best[1]
        self.stopped = "epochs"
        self.epoch = 0

    def go(self, bar: Any) -> None:
        self._resume()
        ending = Ending(self.plan.patience, self.plan.budget)
        bar.update(self.epoch)
        with Interrupt() as interrupt:
            self.problem.interrupt = interrupt
            try:
                if self.plan.method == "lbfgs":
                    self._lbfgs(bar, ending)
                else:
                    self._descend(bar, ending)
                if self.stopped == "epochs":
                    self._judge_last()
            except KeyboardInterrupt:
                self.stopped = "interrupted"
        self.problem.interrupt = None
        self.keeper.write(self._state(), at_once=True)

    def _descend(self, bar: Any, ending: Ending) -> None:
        plan = self.plan
        while self.epoch < plan.epochs:
            values = self.last
            if plan.fresh_noise:
                self.problem.reseed(plan.seed + self.epoch)
            weights = plan.coefficients(self.epoch)
            outcomes = [
                (len(batch), self.problem.improve(batch, weights, plan.settings, plan.rates_of(self.epoch)))
                for batch in plan.batches(self.epoch)
            ]
            self._note(values, outcomes, bar)
            self.last = self.problem.values()
            self.keeper.write(self._state)
            if self._is_over(ending):
                return

    def _note(self, values: list[Any], outcomes: list[tuple[int, Outcome]], bar: Any) -> None:
        """An epoch is done: history, best, progress."""
        loss = self.history.add(self.epoch, values, outcomes)
        self.epoch += 1
        if loss < self.best[0]:
            self.best, self.best_epoch = (loss, values), self.epoch
        accuracy = self.history.accuracy(self.epoch - 1)
        right = "" if math.isnan(accuracy) else f", accuracy {accuracy:.3f}"
        bar.set_postfix_str(f"loss {loss:.4g}{right}", refresh=False)
        bar.update(1)

    def _is_over(self, ending: Ending) -> bool:
        told = self.plan.callback is not None and self.plan.callback(self._progress())
        interrupt = self.problem.interrupt
        interrupted = interrupt is not None and interrupt.requested
        self.stopped = ending.reason(interrupted, self.epoch - self.best_epoch, told) or "epochs"
        return self.stopped != "epochs"

    def _progress(self) -> Progress:
        loss, accuracy = self.history.loss(self.epoch - 1), self.history.accuracy(self.epoch - 1)
        # Copies, as the next epoch begins from these values.
        values = {name: x.copy() for name, x in self.plan.question.named(self.last).items()}
        return Progress(self.epoch, loss, accuracy, values, self.plan.question)

    def _judge_last(self) -> None:
        """The values after the last step have not been judged yet."""
        plan = self.plan
        if plan.fresh_noise:
            self.problem.reseed(plan.seed + plan.epochs)
        outcomes = [
            (len(batch), self.problem.evaluate(batch, plan.coefficients(plan.epochs - 1), gradient=False))
            for batch in plan.batches(plan.epochs)
        ]
        loss = sum(k * x.loss for k, x in outcomes) / sum(k for k, _ in outcomes)
        if loss < self.best[0]:
            self.best = (loss, self.last)

    def _lbfgs(self, bar: Any, ending: Ending) -> None:
        from scipy.optimize import Bounds, minimize

        plan, problem = self.plan, self.problem
        everyone = list(range(plan.question.run.trials.size))
        values = self.last
        edges = np.cumsum([0, *(x.size for x in values)])
        latest: list[tuple[Any, Outcome]] = []

        def unpacked(x: Any) -> list[Any]:
            return [x[a:b].reshape(v.shape) for a, b, v in zip(edges[:-1], edges[1:], values, strict=True)]

        def value(x: Any) -> tuple[float, Any]:
            found = problem.evaluate(everyone, plan.coefficients(self.epoch), unpacked(x))
            latest.append((x.copy(), found))
            return found.loss, np.concatenate([g.ravel() for g in found.gradients])

        def iterated(x: Any) -> None:
            found = next(outcome for y, outcome in reversed(latest) if np.array_equal(x, y))
            self._note(unpacked(x.copy()), [(len(everyone), found)], bar)
            latest.clear()
            latest.append((x.copy(), found))
            self.last = unpacked(x.copy())
            self.keeper.write(self._state)
            if self._is_over(ending):
                raise StopIteration

        start = np.concatenate([x.ravel() for x in values])
        low, high = (np.concatenate([x.ravel() for x in edges_of]) for edges_of in (self.low, self.high))
        options = {"maxiter": plan.epochs - self.epoch, "maxcor": int(plan.settings["memory"])}
        if options["maxiter"] > 0:
            found: Any = minimize(
                value, start, jac=True, method="L-BFGS-B", bounds=Bounds(low, high), callback=iterated, options=options
            )  # type: ignore[call-overload]
            if self.stopped == "epochs" and self.epoch < plan.epochs:
                self.stopped = "converged" if found.success else str(found.message)

    # ---- checkpoints -------------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        step, arrays = self.problem.state()
        return {
            "epoch": self.epoch, "step": step, "best_loss": self.best[0], "best_epoch": self.best_epoch,
            **{f"optimiser.{name}": x for name, x in arrays.items()},
            **{f"best.{k}": x for k, x in enumerate(self.best[1])},
            **{f"history.{name}": x for name, x in self.history.arrays(self.epoch).items()},
        }  # fmt: skip

    def _resume(self) -> None:
        state = self.keeper.read()
        if state is None:
            return
        self.epoch, self.best_epoch = int(state["epoch"]), int(state["best_epoch"])
        self.problem.restore(int(state["step"]), {k[10:]: x for k, x in state.items() if k.startswith("optimiser.")})
        shapes = [free.value.shape for free in self.plan.question.free]
        self.best = (float(state["best_loss"]), [state[f"best.{k}"].reshape(s) for k, s in enumerate(shapes)])
        self.history.restore({k[8:]: x for k, x in state.items() if k.startswith("history.")})
        self.last = self.problem.values()

    def result(self) -> Fit:
        question = self.plan.question
        found = question.named(self.best[1])
        best = with_values(question.pieces, found)
        last = with_values(question.pieces, question.named(self.last))
        return Fit(
            best.model, best.network, best.stimulus, dict(best.initial), self.best[0], found, last,
            self.history.dataset(self.epoch), self.stopped, self.epoch, question,
        )  # fmt: skip
