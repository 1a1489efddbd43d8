"""Distances between spike trains. Julia compares; see ``comparison.py`` for what.

Every distance takes two trains and gives a number, two sequences of trains and gives the distances of trains at the
same place, or two datasets of spikes and gives those of the same neuron in the same trial, labelled. With
``pairs="all"`` every train of `a` is compared with every one of `b`, or of `a` where `b` is left out.
"""

from typing import Any

import numpy as np

from .comparison import Comparison
from .parameters import number, shown
from .trains import EXPECTED


def van_rossum_distance(a: Any, b: Any = None, *, tau: float, pairs: str = "matched") -> Any:
    r"""Distance of spike trains convolved with a decaying exponential (van Rossum 2001).

    Parameters
    ----------
    a : array_like, sequence of array_like or xarray.Dataset
        Spike times [ms] of one train; a sequence of such trains; or a dataset of spikes.
    b : array_like, sequence of array_like or xarray.Dataset, optional
        What `a` is compared with: of the same kind, with as many trains, or the same trials and neurons. Without it
        all of `a` are compared with each other.
    tau : float
        Time constant of the exponential [ms].
    pairs : {"matched", "all"}
        Which trains of two sequences are compared: those at the same place, or all of `a` with all of `b`.

    Returns
    -------
    float, ndarray or xarray.DataArray
        One distance for two trains, ``(train,)`` for two sequences and ``(train of a, train of b)`` for all pairs;
        ``(trial, neuron)``, or ``(trial, neuron, neuron_2)`` for all pairs of a trial, for datasets.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here.

    Notes
    -----
    One spike against none is 1, two spikes far apart are :math:`\sqrt 2`, as in Elephant; the distance of the original
    paper is this one over :math:`\sqrt 2`. With :math:`f_a(t) = \sum_k e^{-(t - a_k)/\tau}` over the spikes up to t,

    .. math::

        D^2 &= \frac{2}{\tau} \int (f_a - f_b)^2 \, dt \\
            &= \sum_{kl} e^{-|a_k - a_l|/\tau} + \sum_{kl} e^{-|b_k - b_l|/\tau} - 2 \sum_{kl} e^{-|a_k - b_l|/\tau}.

    Exact, in O(n + m) for trains of n and m spikes. An empty train is at the distance of its norm, two empty ones at 0.
    Trains need not be sorted.

    Examples
    --------
    >>> import pyspikenet as psn
    >>> psn.van_rossum_distance([100.0], [105.0], tau=10.0)  # doctest: +SKIP
    0.887095643419994
    """
    return _compare("van_rossum_distance", "van_rossum", a, b, pairs, {"tau": number("tau", tau, "positive")})


def victor_purpura_distance(a: Any, b: Any = None, *, cost: float, pairs: str = "matched") -> Any:
    """Least cost of turning one train into the other by inserting, deleting and shifting spikes (Victor, Purpura 1996).

    Parameters
    ----------
    a, b, pairs
        As in :func:`van_rossum_distance`.
    cost : float
        Cost of shifting a spike [1/ms]; to insert or to delete one costs 1. With 0 only counts matter.

    Returns
    -------
    float, ndarray or xarray.DataArray
        As in :func:`van_rossum_distance`; from 0 to n + m.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here.

    Notes
    -----
    In O(n m) for trains of n and m spikes. An empty train is as far as the other one has spikes.
    """
    return _compare(
        "victor_purpura_distance", "victor_purpura", a, b, pairs, {"cost": number("cost", cost, "nonnegative")}
    )


def spike_distance(
    a: Any,
    b: Any = None,
    *,
    t_start: float | None = None,
    t_stop: float | None = None,
    edges: str = "auxiliary",
    pairs: str = "matched",
) -> Any:
    r"""SPIKE-distance: mean over time of the difference in timing, relative to the intervals (Kreuz et al. 2013).

    Parameters
    ----------
    a, b, pairs
        As in :func:`van_rossum_distance`.
    t_start, t_stop : float, optional
        Time that is compared [ms], in which all spikes must be; default that of the datasets. For spike times
        `t_start` is 0 by default, and `t_stop` must be given.
    edges : {"auxiliary", "corrected"}
        What is before the first and after the last spike: auxiliary spikes at `t_start` and `t_stop`, as in the paper;
        or auxiliary spikes as far away as the next interval is long, where that is farther, which differ from the other
        train as much as the first or last spike does: the edge correction of PySpike.

    Returns
    -------
    float, ndarray or xarray.DataArray
        As in :func:`van_rossum_distance`; 0 for equal trains.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here.

    Notes
    -----
    Between spikes at :math:`t_P` and :math:`t_F` of train 1, with :math:`\Delta t_P, \Delta t_F` their distances to the
    nearest spike of the other train, :math:`x = t_F - t_P` and
    :math:`S_1 = (\Delta t_P (t_F - t) + \Delta t_F (t - t_P)) / x_1`,

    .. math:: S(t) = \frac{S_1 x_2 + S_2 x_1}{2 \langle x \rangle^2}.

    Exact, in O(n + m). An empty train has only the auxiliary spikes, at `t_start` and `t_stop`; two are equal.
    """
    return _profile("spike_distance", "spike", a, b, pairs, edges, t_start, t_stop)


def isi_distance(
    a: Any,
    b: Any = None,
    *,
    t_start: float | None = None,
    t_stop: float | None = None,
    edges: str = "corrected",
    pairs: str = "matched",
) -> Any:
    r"""ISI-distance: mean over time of the relative difference of the intervals (Kreuz et al. 2007, 2013).

    Parameters
    ----------
    a, b, pairs
        As in :func:`van_rossum_distance`.
    t_start, t_stop : float, optional
        Time that is compared [ms], in which all spikes must be; default that of the datasets. For spike times
        `t_start` is 0 by default, and `t_stop` must be given.
    edges : {"auxiliary", "corrected"}
        The interval before the first and after the last spike: up to the border, or, where that is longer, as long as
        the interval next to it. The latter is what PySpike does.

    Returns
    -------
    float, ndarray or xarray.DataArray
        As in :func:`van_rossum_distance`; 0 for equal trains.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here.

    Notes
    -----
    The mean of :math:`|x_1 - x_2| / \max(x_1, x_2)` over time, with x the interval that a train is in. Exact, in
    O(n + m). The interval of an empty train is all time from `t_start` to `t_stop`.
    """
    return _profile("isi_distance", "isi", a, b, pairs, edges, t_start, t_stop)


def coincidence_factor(
    data: Any,
    model: Any,
    *,
    window: float,
    duration: float | None = None,
    rate_of: str = "data",
    pairs: str = "matched",
) -> Any:
    r"""Coincidence factor Gamma: coincident spikes beyond those of chance (Kistler et al. 1997, Jolivet et al. 2008).

    Parameters
    ----------
    data, model : array_like, sequence of array_like or xarray.Dataset
        Recorded and predicted spikes, as in :func:`van_rossum_distance`.
    window : float
        Spikes that are not more than this apart are coincident [ms].
    duration : float, optional
        Length of the recording [ms], for the rate; default that of the datasets.
    rate_of : {"data", "model"}
        The train whose rate gives the number of coincidences that are expected by chance.
    pairs : {"matched", "all"}
        As in :func:`van_rossum_distance`.

    Returns
    -------
    float, ndarray or xarray.DataArray
        As in :func:`van_rossum_distance`: 1 for equal trains, 0 for chance. NaN where neither train has a spike, and
        where the window is no shorter than half the mean interval, so that chance makes every spike coincident.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here.

    Notes
    -----
    With rate :math:`\nu` and window :math:`\Delta`,

    .. math:: \Gamma = \frac{N_{coinc} - 2 \nu \Delta N_{data}}{(N_{data} + N_{model}) / 2} \frac{1}{1 - 2 \nu \Delta}.

    A spike is in one coincidence at most. In O(n + m). It is no distance: larger is better, and `data` and `model` are
    not alike.
    """
    if rate_of not in ("data", "model"):
        raise ValueError(f"rate_of must be 'data' or 'model', got {shown(rate_of)}")
    if model is None:
        raise TypeError(f"model must be {EXPECTED}, got None")
    settings = {"window": number("window", window, "nonnegative")}
    what = Comparison(data, model, pairs, ("data", "model"))
    length = what.duration(duration)
    coincident = what.measured("coincidences", settings)
    n_data, n_model = what.counts()
    chance = 2 * (n_data if rate_of == "data" else n_model) / length * settings["window"]
    with np.errstate(invalid="ignore", divide="ignore"):
        gamma = (coincident - chance * n_data) / ((n_data + n_model) / 2) / (1 - chance)
    return what.labelled("coincidence_factor", np.where(chance < 1, gamma, np.nan))


def firing_rate_distance(a: Any, b: Any, *, duration: float | None = None) -> Any:
    r"""Difference of spike counts per time, summed over neurons: :math:`\sum_i |n_i - m_i| / T`.

    Parameters
    ----------
    a, b : array_like, sequence of array_like or xarray.Dataset
        As in :func:`van_rossum_distance`; trains at the same place belong together.
    duration : float, optional
        The time T [ms]; default that of the datasets.

    Returns
    -------
    float or xarray.DataArray
        In spikes per ms; ``(trial,)`` for datasets.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here.

    Notes
    -----
    In O(1) per train. Spike times do not matter; an empty train is one without spikes.
    """
    if b is None:
        raise TypeError(f"b must be {EXPECTED}, got None")
    what = Comparison(a, b, "matched", ("a", "b"))
    length = what.duration(duration)
    n, m = what.counts()
    difference = what.labelled("firing_rate_distance", np.abs(n - m) / length)
    return difference.sum("neuron") if what.trials is not None else float(np.sum(difference))


# ---- how it is done --------------------------------------------------------------------------------------------------


def _compare(name: str, measure: str, a: Any, b: Any, pairs: str, settings: dict[str, Any]) -> Any:
    what = Comparison(a, b, pairs, ("a", "b"))
    return what.labelled(name, what.measured(measure, settings))


def _profile(
    name: str, measure: str, a: Any, b: Any, pairs: str, edges: str, t_start: float | None, t_stop: float | None
) -> Any:
    if edges not in ("auxiliary", "corrected"):
        raise ValueError(f"edges must be 'auxiliary' or 'corrected', got {shown(edges)}")
    what = Comparison(a, b, pairs, ("a", "b"))
    start, stop = what.span(t_start, t_stop)
    settings = {"edges": edges, "t_start": start, "t_stop": stop}
    return what.labelled(name, what.measured(measure, settings))
