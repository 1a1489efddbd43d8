"""fit_glm(): coupled generalised linear models by maximum likelihood. Read ``glm.py`` next, for what it returns."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels import Kernel
from ..limits import available_memory
from ..parameters import as_array, number, numbers, shown, whole_number
from ..simulate import check_progress, progress_bar
from ..synapses import neuron_indices
from .basis import RaisedCosine
from .design import Design, Likelihood
from .glm import GLM
from .observations import Observations, observe, stimulus_array
from .penalty import L2, Penalty

if TYPE_CHECKING:
    import xarray

NONLINEARITIES = {"poisson": ("exp", "softplus"), "bernoulli": ("sigmoid", "cloglog")}
COUPLING = RaisedCosine(n=3, window=20.0)
HISTORY = RaisedCosine(n=5, window=50.0)


def fit_glm(
    data: Any,
    *,
    dt: float | None = None,
    duration: float | None = None,
    emission: str = "poisson",
    nonlinearity: str | None = None,
    coupling: "RaisedCosine | Kernel | ArrayLike | None" = COUPLING,
    history: "RaisedCosine | Kernel | ArrayLike | None" = HISTORY,
    self_kernel: Kernel | None = None,
    stimulus: ArrayLike | None = None,
    stimulus_basis: "RaisedCosine | Kernel | ArrayLike | None" = None,
    trial_weights: ArrayLike | None = None,
    penalty: Penalty | None = None,
    mask: ArrayLike | None = None,
    neurons: ArrayLike | None = None,
    cross_validate: int | None = None,
    strengths: ArrayLike | None = None,
    max_passes: int = 500,
    tolerance: float = 1e-8,
    threads: int | None = None,
    progress: bool | None = None,
) -> GLM:
    r"""Fits a coupled generalised linear model to spike trains by (penalised) maximum likelihood.

    .. math::

        \eta_i(t) = b_i + \sum_{j \ne i} \sum_k w_{jik} (\kappa_k * y_j)(t) + \sum_k h_{ik} (\eta_k * y_i)(t)
            + \sum_c \sum_k v_{cik} (\zeta_k * x_c)(t), \qquad y_i(t) \sim \mathrm{Poisson}(f(\eta_i(t)))

    or Bernoulli with probability :math:`f(\eta_i(t))`; y are counts per step, and f is per step. A spike acts from the
    next step on, a stimulus from its own step on; before a trial there is nothing. Every neuron is fitted of its own by
    a proximal quasi-Newton method with the exact gradient; its design is made from spikes in each pass, never kept.

    Parameters
    ----------
    data : xarray.Dataset, array_like or list
        A dataset of spikes; spike counts ``(time, neuron)`` or ``(trial, time, neuron)``, with `dt`; or spike times
        [ms], a list of trains or a list with such a list for every trial, with `dt` and `duration`.
    dt : float, optional
        Length of a step [ms]; of a dataset, a multiple of its own, which is the default.
    duration : float, optional
        Length of a trial of spike times [ms].
    emission : {"poisson", "bernoulli"}
        Distribution of the count of a step.
    nonlinearity : {"exp", "softplus"} or {"sigmoid", "cloglog"}, optional
        f; "exp" is the default for Poisson, "sigmoid" for Bernoulli spikes. "cloglog" is ``1 - exp(-exp(eta))``.
    coupling, history : RaisedCosine, Kernel, array_like (lag, function), or None
        Basis of the kernels of other neurons' spikes, and of the neuron's own; None: there are none.
    self_kernel : Kernel, optional
        A known kernel of a neuron's own spikes that is not fitted, such as an absolute refractory period.
    stimulus : array_like, optional
        Numbers for each step: ``(time,)``, ``(time, channel)`` or ``(trial, time, channel)``.
    stimulus_basis : RaisedCosine, Kernel, array_like (lag, function), optional
        Basis of the kernels of the stimulus; default: the stimulus acts in its own step only.
    trial_weights : array_like, shape (trial,), optional
        How often the steps of each trial count in what is maximised, default once; scores, and what is held out in
        cross-validation, count all alike.
    penalty : L1, L2 or GroupLasso, optional
        Added to the mean negative log-likelihood of a step. Default none.
    mask : array_like of bool, shape (neuron, neuron), optional
        Which connections ``[pre, post]`` may be there; default all but those of neurons to themselves.
    neurons : array_like, optional
        Positions or labels of the neurons to fit; default all. Spikes of the others drive them.
    cross_validate : int, optional
        Number of folds by which the strength of `penalty` is chosen: trials where there are as many, else stretches of
        time.
    strengths : array_like, optional
        Strengths to choose from; default 13 on a logarithmic axis down from where the penalty leaves next to nothing.
    max_passes : int, default 500
        Limit of passes over the data; a warning says where it was met.
    tolerance : float, default 1e-08
        Largest gradient of the mean log-likelihood at the end, in units of the square root of its curvature.
    threads : int, optional
        Threads to use; default, and at most, those of the engine. The result does not depend on it.
    progress : bool, optional
        Whether to show a progress bar; default: in a terminal or notebook, when it takes more than a second.

    Returns
    -------
    GLM

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here, or a neuron to fit has no spikes.

    Examples
    --------
    >>> import pyspikenet as psn
    >>> net = psn.Network.normal(n=20, std=3.0, glorot=True, seed=1)
    >>> ds = psn.simulate(psn.BernoulliGLM(theta=3.0), net, duration=20_000, seed=0)
    >>> glm = psn.fit_glm(ds, emission="bernoulli", penalty=psn.L2(strength=1e-5))
    >>> bits = glm.score(ds)
    """
    check_progress(progress)
    if emission not in NONLINEARITIES:
        raise ValueError(f"emission must be 'poisson' or 'bernoulli', got {shown(emission)}")
    allowed = NONLINEARITIES[emission]
    if nonlinearity is not None and nonlinearity not in allowed:
        raise ValueError(f"nonlinearity must be one of {allowed} for emission={emission!r}, got {shown(nonlinearity)}")
    if penalty is not None and not isinstance(penalty, Penalty):
        raise TypeError(f"penalty must be L1(), L2(), GroupLasso() or None, got {shown(penalty)}")
    if self_kernel is not None and not isinstance(self_kernel, Kernel):
        raise TypeError(f"self_kernel must be a Kernel or None, got {shown(self_kernel)}")
    if stimulus is None and stimulus_basis is not None:
        raise ValueError("stimulus must be given where there is a stimulus_basis, got None")
    passes, small = whole_number("max_passes", max_passes, 1), number("tolerance", tolerance, "positive")
    n_threads = None if threads is None else whole_number("threads", threads, 1)
    observations = observe(data, dt, duration, emission)
    given = stimulus_array(stimulus, observations)
    who, counted = _neurons(neurons, observations), _trial_weights(trial_weights, observations.n_trials)
    design = Design.make(
        observations, given.shape[1], emission, nonlinearity or allowed[0], coupling, history, self_kernel,
        stimulus_basis, who, _mask(mask, observations.n),
    )  # fmt: skip
    spikes = observations.spikes(observations.whole())[who]
    if (spikes == 0).any():
        silent = observations.labels[who[np.argmin(spikes)]]
        raise ValueError(
            f"data must have at least one spike of every neuron to fit, got none of neuron {silent}; name those to fit"
            " with neurons="
        )
    if cross_validate is None and strengths is not None:
        raise ValueError("cross_validate must be a number of folds where strengths are given, got None")
    folds = None if cross_validate is None else _folds(cross_validate, observations)
    if folds is not None and penalty is None:
        raise ValueError("penalty must be given where its strength is to be cross-validated, got None")
    grid = None if strengths is None else _strengths(strengths)

    def sessions() -> Any:
        for part in np.array_split(who, _parts(design, who.size)):
            with Likelihood(design, observations, given, part, counted, n_threads, small) as session:
                yield session

    curve = None
    n_fits = 1 + (0 if folds is None else len(folds) * (13 if grid is None else grid.size))
    with progress_bar(progress, n_fits, "fitting") as bar:
        bar.bar_format = "{desc}: {n:.0f}/{total:.0f} fits [{elapsed}{postfix}]"

        def report(working: int) -> None:
            bar.set_postfix_str(f"{working} neurons to go")

        if folds is not None and penalty is not None:
            if grid is None:
                grid = _default_strengths(penalty, sessions(), design, observations)
            curve = _cross_validate(sessions(), penalty, grid, folds, design, observations, passes, report, bar)
            penalty = penalty.replace(strength=float(curve.attrs["best"]))
        found = []
        for session in sessions():
            found.append(session.fit(observations.whole(), penalty, True, passes, report))
        bar.update(1)
    coefficients, converged = np.concatenate([x for x, _, _ in found]), np.concatenate([c for _, c, _ in found])
    if not converged.all():
        worst = observations.labels[who[np.argmin(converged)]]
        warnings.warn(
            f"the fit of {np.count_nonzero(~converged)} of {who.size} neurons, such as {worst}, has not converged in"
            f" {max(p for _, _, p in found)} passes; a penalty helps where coefficients grow without end",
            RuntimeWarning, stacklevel=2,
        )  # fmt: skip
    return GLM(
        design, observations, given, counted, coefficients, converged, penalty, curve, max(p for _, _, p in found)
    )


def _parts(design: Design, m: int) -> int:
    """In how many parts to fit, so that the matrices of curvature of one part fit into memory."""
    needed = 8.0 * m * design.n_columns**2 * 4
    parts = -(-needed // (0.25 * available_memory()))
    return int(min(max(parts, 1), m))


def _neurons(neurons: Any, observations: Observations) -> NDArray[np.int64]:
    n = observations.n
    if neurons is None:
        return np.arange(n)
    chosen = np.atleast_1d(as_array("neurons", neurons))
    if chosen.dtype.kind == "U":
        missing = chosen[~np.isin(chosen, observations.labels)]
        if missing.size:
            raise ValueError(f"neurons must be labels of the data, got {str(missing[0])!r}, which is none")
        places = {str(label): k for k, label in enumerate(observations.labels)}
        chosen = np.array([places[str(label)] for label in chosen])
    found = np.unique(neuron_indices("neurons", chosen, n)).astype(np.int64)
    if found.size == 0:
        raise ValueError(f"neurons must name at least one neuron, got {shown(neurons)}")
    return found


def _trial_weights(weights: Any, n_trials: int) -> NDArray[np.float64]:
    if weights is None:
        return np.ones(n_trials)
    array = numbers("trial_weights", weights, "positive", each="trial")
    if array.shape != (n_trials,):
        raise ValueError(f"trial_weights must be one number for each of {n_trials} trials, got shape {array.shape}")
    return array


def _mask(mask: Any, n: int) -> NDArray[np.bool_]:
    others = ~np.eye(n, dtype=bool)
    if mask is None:
        return others
    array = as_array("mask", getattr(mask, "values", mask))
    if array.dtype.kind != "b":
        raise TypeError(f"mask must be an array of True and False, got {shown(mask)} of dtype {array.dtype}")
    if array.shape != (n, n):
        raise ValueError(f"mask must have shape ({n}, {n}), [pre, post], got {array.shape}")
    return np.asarray(array & others)


def _strengths(strengths: Any) -> NDArray[np.float64]:
    grid = np.atleast_1d(numbers("strengths", strengths, "nonnegative"))
    if grid.ndim != 1 or grid.size == 0:
        raise ValueError(f"strengths must be at least one number, got {shown(strengths)}")
    return np.unique(grid)[::-1]


def _folds(cross_validate: Any, observations: Observations) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Segments to fit to and to judge by, of every fold."""
    k = whole_number("cross_validate", cross_validate, 2)
    whole = observations.whole()
    if observations.n_trials >= k:
        fold = np.arange(observations.n_trials) % k
        return [(whole[fold != j], whole[fold == j]) for j in range(k)]
    shortest = int(observations.n_steps.min())
    if shortest < k:
        raise ValueError(f"cross_validate must be at most the {shortest} steps of a trial, got {k}")
    folds = []
    for j in range(k):
        first, last = observations.n_steps * j // k, observations.n_steps * (j + 1) // k
        held = np.stack([whole[:, 0], first, last], axis=1)
        kept = np.concatenate(
            [np.stack([whole[:, 0], np.zeros_like(first), first], 1), np.stack([whole[:, 0], last, whole[:, 2]], 1)]
        )
        folds.append((kept[kept[:, 2] > kept[:, 1]], held))
    return folds


def _default_strengths(
    penalty: Penalty, sessions: Any, design: Design, observations: Observations
) -> NDArray[np.float64]:
    """Down from the largest gradient where all penalised coefficients are zero, which is where L1 leaves none."""
    largest, whole = 0.0, observations.whole()
    heavy = penalty.replace(strength=1e6)
    for session in sessions:
        coefficients, _, _ = session.fit(whole, heavy, True, 100)
        slope = np.abs(session.evaluate(whole, coefficients)["gradient"]) / observations.n_bins
        slope[design.free(session.who) == 0] = 0.0
        names = np.repeat([name for name, _ in design.terms], [size for _, size in design.terms])
        largest = max(largest, float(slope[:, np.isin(names, penalty.terms)].max(initial=0.0)))
    top = 10.0 if isinstance(penalty, L2) else 1.0
    return max(largest, 1e-12) * np.logspace(np.log10(top), np.log10(top) - (6 if top > 1 else 4), 13)


def _cross_validate(
    sessions: Any, penalty: Penalty, grid: NDArray[np.float64], folds: Any, design: Design, observations: Observations,
    passes: int, report: Any, bar: Any,
) -> "xarray.Dataset":  # fmt: skip
    """Log-likelihood of what was held out, by strength, fold and neuron."""
    import xarray

    parts = []
    for session in sessions:
        held_out = np.empty((grid.size, len(folds), session.who.size))
        for j, (kept, held) in enumerate(folds):
            for s, strength in enumerate(grid):
                coefficients, _, _ = session.fit(
                    kept, penalty.replace(strength=float(strength)), s == 0, passes, report
                )
                held_out[s, j] = session.evaluate(held, coefficients)["log_likelihood"]
                bar.update(session.who.size / design.neurons.size)
        parts.append(held_out)
    values = np.concatenate(parts, axis=2)
    spikes = np.stack([observations.spikes(held)[design.neurons] for _, held in folds])
    rate = np.stack([observations.reference(held, design.emission)[0][design.neurons] for _, held in folds])
    bits = (values - rate).sum(2) / np.maximum(spikes.sum(1), 1) / np.log(2)
    total = values.sum((1, 2))
    return xarray.Dataset(
        {
            "log_likelihood": (("strength", "fold", "neuron"), values),
            "bits_per_spike": (("strength", "fold"), bits),
        },
        {"strength": grid, "neuron": observations.labels[design.neurons]},
        {"best": float(grid[np.argmax(np.where(np.isnan(total), -np.inf, total))])},
    )
