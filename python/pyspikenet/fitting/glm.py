"""GLM: a fitted generalised linear model: its kernels, what it predicts, and the network that it is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray
from numpy.typing import ArrayLike, NDArray

from ..kernels import ArrayKernel
from ..limits import check_memory
from ..network import Network
from ..parameters import number, shown
from .design import Design, Likelihood
from .observations import Observations, observe, stimulus_array
from .penalty import Penalty

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..models.cascade import Cascade

SCORES = ("bits_per_spike", "log_likelihood", "pseudo_r2")


@dataclass(frozen=True, eq=False, repr=False)
class GLM:
    """What :func:`fit_glm` returns. Where data are asked for, those it was fitted to are the default.

    Attributes
    ----------
    converged : array of bool, shape (neuron,)
        Whether the fit of each neuron met the tolerance.
    penalty : Penalty or None
        The penalty, with the strength that was chosen.
    cross_validation : xarray.Dataset or None
        ``log_likelihood (strength, fold, neuron)`` of what was held out, and ``bits_per_spike (strength, fold)``, more
        than of a constant rate.
    n_passes : int
        Passes over the data that the slowest neuron needed.
    """

    _design: Design
    _observations: Observations
    _stimulus: NDArray[np.float64]
    _weights: NDArray[np.float64]
    _coefficients: NDArray[np.float64]
    converged: NDArray[np.bool_]
    penalty: Penalty | None
    cross_validation: xarray.Dataset | None
    n_passes: int

    # ---- coefficients and kernels ----

    @property
    def neurons(self) -> NDArray[Any]:
        """Labels of the fitted neurons."""
        return np.asarray(self._observations.labels[self._design.neurons])

    @property
    def dt(self) -> float:
        """Length of a step [ms]."""
        return self._design.dt

    @property
    def coefficients(self) -> xarray.Dataset:
        """``intercept (post)``, ``coupling (pre, post, basis)``, ``history (post, history_basis)`` and
        ``stimulus (channel, post, stimulus_basis)``, where they are part of the model."""
        return self._labelled(self._coefficients)

    def _labelled(self, values: NDArray[np.float64]) -> xarray.Dataset:
        design, m = self._design, values.shape[0]
        found: dict[str, Any] = {"intercept": ("post", values[:, 0])}
        if design.coupling.size:
            part = values[:, design.places("coupling")].reshape(m, design.n, -1)
            found["coupling"] = (("pre", "post", "basis"), part.transpose(1, 0, 2))
        if design.history.size:
            found["history"] = (("post", "history_basis"), values[:, design.places("history")])
        if design.channels:
            part = values[:, design.places("stimulus")].reshape(m, design.channels, -1)
            found["stimulus"] = (("channel", "post", "stimulus_basis"), part.transpose(1, 0, 2))
        coords = {"post": self.neurons}
        if design.coupling.size:
            coords["pre"] = self._observations.labels
        return xarray.Dataset(found, coords)

    @property
    def intercept(self) -> xarray.DataArray:
        """The constant of every neuron."""
        return self.coefficients["intercept"]

    @property
    def coupling(self) -> xarray.DataArray:
        """Weights of coupling, ``(pre, post, basis)``."""
        return self._term("coupling")

    @property
    def history(self) -> xarray.DataArray:
        """Weights of the neurons' own spikes, ``(post, history_basis)``."""
        return self._term("history")

    def _term(self, name: str) -> xarray.DataArray:
        found = self.coefficients
        if name not in found:
            raise ValueError(f"{name} is no part of this model, which was fitted with {name}=None")
        return found[name]

    def kernels(self) -> xarray.Dataset:
        """Fitted kernels: ``coupling (lag, pre, post)``, ``history (history_lag, post)`` and ``stimulus (stimulus_lag,
        channel, post)``. Lags in ms; lag 0 is the step after the spike, or the step of the stimulus itself."""
        found, design, parts = self.coefficients, self._design, {}
        if "coupling" in found:
            parts["coupling"] = _kernel(found.coupling, design.coupling, "basis", "lag", self.dt)
        if "history" in found:
            parts["history"] = _kernel(found.history, design.history, "history_basis", "history_lag", self.dt)
        if "stimulus" in found:
            parts["stimulus"] = _kernel(found.stimulus, design.stimulus, "stimulus_basis", "stimulus_lag", self.dt)
        return xarray.Dataset(parts)

    def standard_errors(self) -> xarray.Dataset:
        """Standard errors of the coefficients from the curvature of the log-likelihood; NaN where not determined.

        Weights count as repetitions. With an L2 penalty, that of the penalty is added. After L1 or a group lasso they
        ignore that terms were chosen.
        """
        with self._session(self._observations, self._stimulus) as session:
            return self._labelled(session.errors(self._observations.whole(), self.penalty, self._coefficients))

    # ---- what it says of data ----

    def _session(self, observations: Observations, stimulus: NDArray[np.float64]) -> Likelihood:
        return Likelihood(self._design, observations, stimulus, self._design.neurons, self._weights)

    def _given(self, data: Any, stimulus: Any, duration: Any) -> tuple[Observations, NDArray[np.float64]]:
        if data is None:
            if stimulus is not None or duration is not None:
                raise ValueError("data must be given where stimulus or duration are, got None")
            return self._observations, self._stimulus
        observations = observe(data, self.dt, duration, self._design.emission)
        if observations.n != self._design.n:
            raise ValueError(f"data must be of {self._design.n} neurons, got {observations.n}")
        array = stimulus_array(stimulus, observations)
        if array.shape[1] != self._design.channels:
            raise ValueError(f"stimulus must have {self._design.channels} channels, got {array.shape[1]}")
        return observations, array

    def log_likelihood(
        self, data: Any = None, *, stimulus: ArrayLike | None = None, duration: float | None = None
    ) -> xarray.DataArray:
        """Log-likelihood [nats] of every fitted neuron.

        Parameters
        ----------
        data, stimulus, duration
            As in :func:`fit_glm`, in steps of the same dt.
        """
        return self.score(data, "log_likelihood", stimulus=stimulus, duration=duration)

    def score(
        self, data: Any = None, score: str = "bits_per_spike", *, stimulus: ArrayLike | None = None,
        duration: float | None = None,
    ) -> xarray.DataArray:  # fmt: skip
        """How well spikes are predicted from those before them, for every fitted neuron.

        Parameters
        ----------
        data, stimulus, duration
            As in :func:`fit_glm`, in steps of the same dt.
        score : {"bits_per_spike", "log_likelihood", "pseudo_r2"}
            Log-likelihood above that of the best constant rate, per spike, in bits; the log-likelihood in nats; or the
            explained part of the deviance (Cohen's), 1 for a model that knows the counts.
        """
        if score not in SCORES:
            raise ValueError(f"score must be one of {SCORES}, got {shown(score)}")
        observations, array = self._given(data, stimulus, duration)
        whole, who = observations.whole(), self._design.neurons
        with self._session(observations, array) as session:
            value = session.evaluate(whole, self._coefficients)["log_likelihood"]
        constant, saturated = (x[who] for x in observations.reference(whole, self._design.emission))
        with np.errstate(invalid="ignore", divide="ignore"):
            if score == "bits_per_spike":
                value = (value - constant) / observations.spikes(whole)[who] / np.log(2)
            elif score == "pseudo_r2":
                value = (value - constant) / (saturated - constant)
        return xarray.DataArray(value, {"neuron": self.neurons}, ("neuron",), score)

    def predict(
        self, data: Any = None, *, stimulus: ArrayLike | None = None, duration: float | None = None
    ) -> xarray.DataArray:
        """Expected rate [Hz] in every step given the spikes before it, ``(trial, time, neuron)``.

        Parameters
        ----------
        data, stimulus, duration
            As in :func:`fit_glm`, in steps of the same dt.
        """
        observations, array = self._given(data, stimulus, duration)
        steps, m = int(observations.n_steps.max()), self.neurons.size
        check_memory("data", 16.0 * observations.n_bins * m, f"rates of {observations.n_bins} steps x {m} neurons")
        rates = np.empty((observations.n_trials, steps, m))
        with self._session(observations, array) as session:
            for trial in range(observations.n_trials):
                rates[trial] = session.rates(self._coefficients, trial).T
        time = xarray.DataArray((np.arange(steps) + 1) * self.dt, dims="time", attrs={"units": "ms"})
        coords = {"trial": observations.trials, "time": time, "neuron": self.neurons}
        return xarray.DataArray(
            rates * (1000.0 / self.dt), coords, ("trial", "time", "neuron"), "rate", {"units": "Hz"}
        )

    def psth(
        self, data: Any = None, *, bin: float, stimulus: ArrayLike | None = None, duration: float | None = None
    ) -> xarray.Dataset:
        """Rate over time, mean over trials, measured and predicted from the spikes before each step.

        Parameters
        ----------
        data, stimulus, duration
            As in :func:`fit_glm`, in steps of the same dt.
        bin : float
            Length of a bin [ms], a multiple of dt.

        Returns
        -------
        xarray.Dataset
            ``measured`` and ``predicted`` [Hz] ``(time, neuron)``, and ``explained_variance (neuron)``: one
            less the mean squared difference over the variance of what was measured.
        """
        width = number("bin", bin, "positive")
        per_bin = round(width / self.dt)
        if per_bin < 1 or abs(per_bin * self.dt - width) > 1e-6 * self.dt:
            raise ValueError(f"bin must be a multiple of dt = {self.dt} ms, got {bin} ms")
        observations, _ = self._given(data, stimulus, duration)
        predicted = self.predict(data, stimulus=stimulus, duration=duration).mean("trial").values
        n_bins = predicted.shape[0] // per_bin
        cell = (
            np.repeat(np.arange(observations.n_trials * observations.n), np.diff(observations.pointer)) % observations.n
        )
        flat = observations.step * observations.n + cell
        counts = np.bincount(flat, observations.count, predicted.shape[0] * observations.n)
        measured = counts.reshape(-1, observations.n)[:, self._design.neurons]
        measured, predicted = (
            x[: n_bins * per_bin].reshape(n_bins, per_bin, -1).mean(1)
            for x in (measured * (1000.0 / self.dt / observations.n_trials), predicted)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            explained = 1 - ((measured - predicted) ** 2).mean(0) / measured.var(0)
        dims = ("time", "neuron")
        time = xarray.DataArray((np.arange(n_bins) + 1) * width, dims="time", attrs={"units": "ms"})
        return xarray.Dataset(
            {
                "measured": (dims, measured, {"units": "Hz"}),
                "predicted": (dims, predicted, {"units": "Hz"}),
                "explained_variance": ("neuron", explained),
            },
            {"time": time, "neuron": self.neurons},
        )

    def design_matrix(self, neuron: Any = None) -> xarray.DataArray:
        """The design of one neuron ``(sample, column)`` as other programs take it; a sample is a step of a trial.

        Parameters
        ----------
        neuron : int or str, optional
            Label of a fitted neuron; default the first.
        """
        labels = self.neurons.tolist()
        if neuron is not None and neuron not in labels:
            raise ValueError(f"neuron must be one of those fitted, {shown(labels)}, got {shown(neuron)}")
        position = 0 if neuron is None else labels.index(neuron)
        design, bins = self._design, self._observations.n_bins
        check_memory("data", 24.0 * bins * design.n_columns, f"a design of {bins} x {design.n_columns} numbers")
        with self._session(self._observations, self._stimulus) as session:
            matrix = session.matrix(position, self._observations.whole())
        names = [f"{term} {k}" for term, size in _counted(design.terms) for k in range(size)]
        return xarray.DataArray(matrix, {"column": names}, ("sample", "column"), "design")

    # ---- the network that it is ----

    def to_network(self) -> Network:
        """The fitted weights as a Network to simulate with :meth:`to_model`.

        Raises
        ------
        ValueError
            If not all neurons were fitted, or a connection has more than one function: networks have one weight each.
        """
        self._check_simulated()
        weights = np.zeros((self._design.n, self._design.n))
        if self._design.coupling.size:
            weights += self.coupling.values[:, :, 0]
        if self._own_is_coupling():
            weights += np.diag(self.history.values[:, 0])
        labels = None if self.neurons.dtype.kind in "iu" else [str(x) for x in self.neurons]
        pre, post = np.nonzero(weights)
        return Network.from_edges(pre=pre, post=post, weight=weights[pre, post], n=self._design.n, labels=labels)

    def to_model(self) -> "Cascade":
        """The fitted neurons as a model to simulate on :meth:`to_network`, with steps of the same dt.

        Raises
        ------
        ValueError
            As :meth:`to_network`; and where neurons differ in their history kernels, which models share.
        """
        from ..models.cascade import Cascade

        self._check_simulated()
        design = self._design
        own = design.known[:, 0] if design.known.size else np.zeros(0)
        if design.history.size and not self._own_is_coupling():
            weights = self.history.values
            if not np.allclose(weights, weights[0], rtol=1e-9, atol=0):
                raise ValueError(
                    "history must be the same for all neurons for a model to have it as its self_kernel; fit with the"
                    " one function of coupling= as history=, or with history=None and a self_kernel="
                )
            fitted = design.history @ weights[0]
            own = np.pad(own, (0, max(0, fitted.size - own.size)))
            own[: fitted.size] += fitted
        text = {"cloglog": "-expm1(-exp(g))"}.get(design.nonlinearity, design.nonlinearity)
        coupling = design.coupling[:, 0] if design.coupling.size else np.zeros(1)
        background: Any = self.intercept.values
        return Cascade(
            nonlinearity=text, emission=design.emission, scale=1 / self.dt, b=background,
            coupling=ArrayKernel(weights=coupling), self_kernel=ArrayKernel(weights=own) if own.size else None,
        )  # fmt: skip

    def _own_is_coupling(self) -> bool:
        """Whether the history is that of a synapse of a neuron onto itself."""
        return self._design.history.shape[1] == 1 and np.array_equal(self._design.history, self._design.coupling)

    def _check_simulated(self) -> None:
        design = self._design
        if design.neurons.size != design.n:
            raise ValueError(
                f"all {design.n} neurons must be fitted to be simulated, got a fit of {design.neurons.size}; leave out"
                " neurons="
            )
        if design.coupling.shape[1] > 1:
            raise ValueError(
                f"coupling must have one function for a network, whose synapses have one weight each, got"
                f" {design.coupling.shape[1]}; fit with coupling=RaisedCosine(n=1, ...) or a Kernel"
            )
        if design.channels:
            raise ValueError(
                "stimulus must be None for a fit to become a network: what it does to each neuron is part of neither"
                " the model nor the network"
            )

    # ---- pictures ----

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Coupling as a matrix: the sum over lags of every kernel; blue excites, red inhibits.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; default a new figure.
        """
        from ..axes import new_axes

        self._term("coupling")
        ax = new_axes(ax, (5.5, 4.5))
        matrix = self.kernels().coupling.sum("lag").values
        limit = max(float(np.quantile(np.abs(matrix), 0.99)), 1e-12)
        image = ax.imshow(matrix, cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest", aspect="auto")
        ax.figure.colorbar(image, ax=ax, label="sum of the coupling kernel", shrink=0.9)
        ax.set(xlabel="postsynaptic neuron", ylabel="presynaptic neuron")
        return ax

    def plot_kernels(self, neuron: Any = None, *, ax: "Axes | None" = None) -> "Axes":
        """Kernels of the spikes that reach a neuron, its own in black.

        Parameters
        ----------
        neuron : int or str, optional
            Label of a fitted neuron; default the first.
        ax : matplotlib Axes, optional
            Where to draw; default a new figure.
        """
        from ..axes import COLORS, new_axes, tidy

        chosen = self.neurons[0] if neuron is None else neuron
        if chosen not in self.neurons.tolist():
            raise ValueError(f"neuron must be one of those fitted, {shown(self.neurons.tolist())}, got {shown(neuron)}")
        ax, found = new_axes(ax, (6, 3.5)), self.kernels().sel(post=chosen)
        if "coupling" in found:
            shown_pre = [j for j in found.pre.values.tolist() if j != chosen and found.coupling.sel(pre=j).any()]
            for k, j in enumerate(shown_pre):
                label = f"from {j}" if len(shown_pre) <= 7 else None
                ax.plot(found.lag, found.coupling.sel(pre=j), color=COLORS[k % len(COLORS)], linewidth=1.2, label=label)
        if "history" in found:
            ax.plot(found.history_lag, found.history, color="#333333", linewidth=1.6, label="its own")
        ax.axhline(0, color="#999999", linewidth=0.6)
        ax.set(xlabel="time after the spike (ms)", ylabel="effect on the predictor", title=f"neuron {chosen}")
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False)
        return tidy(ax)

    def plot_cross_validation(self, *, ax: "Axes | None" = None) -> "Axes":
        """Bits per spike of what was held out over the strength of the penalty: folds, their mean, and the choice.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; default a new figure.
        """
        from ..axes import COLORS, new_axes, tidy

        if self.cross_validation is None:
            raise ValueError("cross_validation is None: the fit was made without cross_validate=")
        ax, curve = new_axes(ax, (5, 3.5)), self.cross_validation
        ax.semilogx(curve.strength, curve.bits_per_spike, color="#bbbbbb", linewidth=0.8)
        ax.semilogx(curve.strength, curve.bits_per_spike.mean("fold"), "o-", color=COLORS[0], markersize=3)
        ax.axvline(curve.attrs["best"], color="#333333", linestyle="--", linewidth=1)
        ax.set(xlabel="strength of the penalty", ylabel="bits per spike held out")
        return tidy(ax)

    def __repr__(self) -> str:
        design = self._design
        terms = ", ".join(
            f"{name} {size}"
            for name, size in (("coupling", design.coupling.shape[1]), ("history", design.history.shape[1]))
        )
        return (
            f"<GLM of {self.neurons.size} neurons: {design.emission}, {design.nonlinearity}, functions of {terms},"
            f" penalty {self.penalty}, {np.count_nonzero(self.converged)} converged>"
        )


def _kernel(weights: xarray.DataArray, basis: NDArray[np.float64], dim: str, lag: str, dt: float) -> xarray.DataArray:
    time = xarray.DataArray(np.arange(basis.shape[0]) * dt, dims=lag, attrs={"units": "ms"})
    return (xarray.DataArray(basis, {lag: time}, (lag, dim)) * weights).sum(dim)


def _counted(terms: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Terms with the numbers of their connections, as names of columns."""
    seen: dict[str, int] = {}
    named = []
    for term, size in terms:
        number_of = seen.get(term, 0)
        seen[term] = number_of + 1
        named.append((f"{term} {number_of}" if term in ("coupling", "stimulus") else term, size))
    return named
