"""read_recording(): finds out what it was given, and has it read by the file of that form."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray

from ..parameters import number
from . import aedat, arrays, neo, nwb, table
from .recording import Recorded, build
from .units import Names


def read_recording(
    recording: Any,
    *,
    dt: float | None = None,
    t_start: float | None = None,
    t_stop: float | None = None,
    threshold: float | None = None,
    units: str | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> xarray.Dataset:
    """Reads a recording into a dataset of spikes like those of :func:`simulate`, to fit and to compare with.

    Parameters
    ----------
    recording : str, Path, array_like, dict, or objects of Neo
        A file: a table (``.csv``, ``.tsv``) of spikes (columns ``spike_time``, ``neuron``, ``trial``) or of samples
        (``time``, ``v``, ``I``, ``trial``); arrays (``.npy``, ``.npz``); Neurodata Without Borders (``.nwb``, extra
        ``nwb``); AEDAT 4 (``.aedat4``, ``.aedat``, extra ``aedat``); all else that Neo reads (extra ``neo``). Or spike
        times, a list of them by neuron, or by trial and neuron; a membrane potential ``(time,)``, ``(trial, time)`` or
        ``(trial, time, neuron)``, with a threshold; a dict of arrays with the same names as columns have; or blocks,
        segments or spike trains of Neo.
    dt : float, optional
        Time between two samples [ms], where the source does not tell; for spike times the length of the steps that
        they are put on, by default 0.1 ms.
    t_start, t_stop : float, optional
        The part of each trial to take [ms], by default all. Spike times without a known end need a `t_stop`.
    threshold : float, optional
        Potential [mV] whose crossings from below are the spikes, in place of others that the source may have.
    units : str or dict, optional
        Unit of times, or units by quantity, such as ``{"time": "s", "v": "V", "I": "nA"}``, where the source does not
        tell; default ms, mV and pA. Names of columns and arrays may end in a unit: ``voltage_mV``, ``time (s)``.
    columns : dict, optional
        Names of columns, arrays or signals by what they hold: ``{"v": "primary", "I": "command"}``; keys are
        ``spike_time``, ``neuron``, ``trial``, ``time``, ``v``, ``I`` and ``dt``.

    Returns
    -------
    xarray.Dataset
        ``spike_time`` [ms, the end of its step, from the begin of the trial], ``spike_neuron``, ``spike_trial``; ``v``
        [mV] and ``I`` [pA] where they were recorded, ``(trial, time, neuron)``, or ``(trial, time)`` where several
        neurons have one; ``(trial, time, channel)`` if there are other numbers of both. Its ``time`` is that of the
        samples, which for most recordings begins with 0. Neurons have the names of the source.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here, or the source not what it should be.
    FileNotFoundError
        If there is no such file.
    ImportError
        If the package for this form is not installed; the message names the extra.

    Notes
    -----
    A segment of Neo and a sweep of current clamp is a trial, a spike train and a unit is a neuron. In AEDAT every pixel
    is two neurons, with coordinates ``x``, ``y`` and ``polarity``. The state of a model at the end of step k compares
    with the sample at (k + 1) dt, its input in step k with that at k dt.

    Examples
    --------
    >>> import pyspikenet as psn
    >>> ds = psn.read_recording([[12.5, 40.0], [7.3]], t_stop=100.0)
    >>> ds.spk.rates().values
    array([[20., 10.]])
    """
    names = Names(units, columns)
    interval = None if dt is None else number("dt", dt, "positive")
    if isinstance(recording, xarray.Dataset):
        raise TypeError("recording must not be a dataset, which needs no reading; load() reads those of save()")
    recorded = _read(recording, names, interval, threshold)
    return build(recorded, dt=interval, t_start=t_start, t_stop=t_stop, threshold=threshold)


def _read(source: Any, names: Names, dt: float | None, threshold: float | None) -> Recorded:
    if not isinstance(source, str | os.PathLike):
        return (
            neo.read_objects(source, names) if neo.is_neo(source) else arrays.read_arrays(source, names, dt, threshold)
        )
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"recording must be data or the path of a file, got {str(source)!r}, where nothing is")
    suffix = path.suffix.lower()
    if suffix in table.SUFFIXES:
        return table.read_file(path, names, dt)
    if suffix in (".npy", ".npz"):
        return arrays.read_file(path, names, dt, threshold)
    if suffix == ".nwb":
        return nwb.read_file(path, names)
    if suffix in (".aedat", ".aedat4"):
        return aedat.read_file(path)
    return neo.read_file(path, names)
