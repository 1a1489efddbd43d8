"""``ds.spk``: what one does with a dataset of spikes. It only forwards to ``analysis.py`` and ``plot.py``."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray
from numpy.typing import NDArray

from . import analysis

if TYPE_CHECKING:
    import neo
    from matplotlib.axes import Axes


@xarray.register_dataset_accessor("spk")  # type: ignore[no-untyped-call]
class SpikeAccessor:
    """Analysis and plots of a dataset of spikes; see :mod:`pyspikenet.analysis` and :mod:`pyspikenet.plot`."""

    def __init__(self, dataset: xarray.Dataset) -> None:
        self._ds = dataset

    @property
    def provenance(self) -> dict[str, Any]:
        """Model, network hash, stimulus, seed, dt and versions the dataset came from."""
        from .dataset import provenance

        return provenance(self._ds)

    @property
    def dt(self) -> float:
        """Length of a step [ms]."""
        return float(self.provenance["dt"])

    @property
    def t_start(self) -> float:
        """Begin of what was simulated [ms]."""
        return float(self.provenance["t_start"])

    @property
    def t_stop(self) -> float:
        """End of what was simulated [ms]."""
        return float(self.provenance["t_stop"])

    @property
    def duration(self) -> float:
        """Simulated time [ms]."""
        return self.t_stop - self.t_start

    def trains(self, trial: int | None = None) -> list[NDArray[np.float64]]:
        """Spike times [ms] of every neuron, in one trial (default: the first).

        Parameters
        ----------
        trial : int, optional
            Number of the trial; default the first.
        """
        return analysis.trains(self._ds, trial)

    def raster(self, bin: float | None = None) -> xarray.DataArray:
        """Whether each neuron fired in each bin [ms], default one step: bool, ``(trial, time, neuron)``.

        Parameters
        ----------
        bin : float, optional
            Length of a bin [ms], a multiple of dt; default one step.
        """
        return self.counts(self.dt if bin is None else bin) > 0

    def counts(self, bin: float | None = None) -> xarray.DataArray:
        """Spike counts ``(trial, time, neuron)`` in bins [ms]; without `bin`, in all ``(trial, neuron)``.

        Parameters
        ----------
        bin : float, optional
            Length of a bin [ms], a multiple of dt; default: all time.
        """
        return analysis.counts(self._ds, bin)

    def rates(self) -> xarray.DataArray:
        """Mean rate of each neuron in each trial [Hz], ``(trial, neuron)``."""
        return analysis.rates(self._ds)

    def isi(self) -> xarray.Dataset:
        """Intervals between spikes of a neuron: ``isi`` [ms], ``neuron`` and ``trial`` along ``interval``."""
        return analysis.isi(self._ds)

    def cv(self) -> xarray.DataArray:
        """Coefficient of variation of the intervals, ``(trial, neuron)``; NaN below two intervals."""
        result: xarray.DataArray = analysis.cv(self._ds)
        return result

    def cv2(self) -> xarray.DataArray:
        """Mean relative difference of successive intervals, ``(trial, neuron)``; NaN below two intervals."""
        result: xarray.DataArray = analysis.cv2(self._ds)
        return result

    def lv(self) -> xarray.DataArray:
        """Local variation of the intervals, ``(trial, neuron)``; NaN below two intervals."""
        result: xarray.DataArray = analysis.lv(self._ds)
        return result

    def fano_factor(self, bin: float) -> xarray.DataArray:
        """Variance over mean of the counts in bins [ms], over bins and trials, ``(neuron,)``.

        Parameters
        ----------
        bin : float
            Length of a bin [ms], a multiple of dt.
        """
        return analysis.fano_factor(self._ds, bin)

    def psth(self, bin: float, neurons: Any = None) -> xarray.DataArray:
        """Rate over time [Hz] in bins [ms], mean over trials and the chosen neurons (default: all).

        Parameters
        ----------
        bin : float
            Length of a bin [ms], a multiple of dt.
        neurons : str or array_like, optional
            A group name, a boolean mask or positions; default all.
        """
        return analysis.psth(self._ds, bin, neurons)

    def correlation(self, bin: float, other: xarray.Dataset | None = None) -> xarray.DataArray:
        """Pearson correlation of counts in bins [ms] between neurons, ``(neuron, neuron_2)``; NaN for silent ones.

        Parameters
        ----------
        bin : float
            Length of a bin [ms], a multiple of dt.
        other : xarray.Dataset, optional
            Dataset whose neurons are those of ``neuron_2``; default the same.
        """
        return analysis.correlation(self._ds, bin, other)

    def modules(self, bin: float, n: int = 3, *, seed: int = 0) -> xarray.Dataset:
        """Modules: neurons whose counts in bins [ms] rise and fall together; see :func:`pyspikenet.analysis.modules`.

        Parameters
        ----------
        bin : float
            Length of a bin [ms], a multiple of dt.
        n : int, default 3
            Number of modules.
        seed : int, default 0
            Seed of the factorisation.
        """
        return analysis.modules(self.counts(bin), n, seed=seed)

    def split(self) -> list[xarray.Dataset]:
        """The datasets of the networks that :meth:`Network.combine` joined."""
        return analysis.split(self._ds)

    def to_neo(self) -> "neo.Block":
        """As a Block of Neo: a segment for each trial, in it a spike train for each neuron and the signals."""
        from .io import to_neo

        return to_neo(self._ds)

    def plot_raster(self, **kwargs: Any) -> "Axes":
        """See :func:`pyspikenet.plot.raster`.

        Parameters
        ----------
        **kwargs
            Passed on.
        """
        from . import plot

        return plot.raster(self._ds, **kwargs)

    def plot_rates(self, **kwargs: Any) -> "Axes":
        """See :func:`pyspikenet.plot.rates`.

        Parameters
        ----------
        **kwargs
            Passed on.
        """
        from . import plot

        return plot.rates(self._ds, **kwargs)

    def plot_traces(self, variable: str = "v", **kwargs: Any) -> "Axes":
        """See :func:`pyspikenet.plot.traces`.

        Parameters
        ----------
        variable : str, default "v"
            Name of a variable that was recorded.
        **kwargs
            Passed on.
        """
        from . import plot

        return plot.traces(self._ds, variable, **kwargs)

    def plot_psth(self, bin: float, **kwargs: Any) -> "Axes":
        """See :func:`pyspikenet.plot.psth`.

        Parameters
        ----------
        bin : float
            Length of a bin [ms], a multiple of dt.
        **kwargs
            Passed on.
        """
        from . import plot

        return plot.psth(self._ds, bin, **kwargs)
