"""Numbers to spikes: rates, populations of neurons and latencies, after the encoders of Norse.

Arrays of spikes have time as their first axis, as :func:`pyspikenet.lift` takes them; what follows is the shape of the
values.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .cells import lift
from .models.base import Model
from .models.lif_box import LIFBox
from .parameters import as_array, number, numbers, seed_number, shown, whole_number


def poisson(
    values: ArrayLike, n_steps: int, *, max_rate: float = 100.0, dt: float = 1.0, seed: int | None = None
) -> NDArray[np.bool_]:
    """Spikes drawn with rates in proportion to values: at most one per step.

    Parameters
    ----------
    values : array_like
        Numbers from 0 to 1, of any shape.
    n_steps : int
        Number of steps.
    max_rate : float, default 100
        Rate of the value 1 [Hz].
    dt : float, default 1
        Length of a step [ms]; a spike falls in it with probability ``max_rate * dt / 1000 * value``.
    seed : int, optional
        Seed of NumPy's default generator; default: drawn afresh.

    Returns
    -------
    ndarray of bool
        Spikes, of shape (time, ...).

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here, or a probability is above 1.
    """
    given = numbers("values", values, "probability")
    return _drawn(given, n_steps, max_rate, dt, seed)


def signed_poisson(
    values: ArrayLike, n_steps: int, *, max_rate: float = 100.0, dt: float = 1.0, seed: int | None = None
) -> NDArray[np.int8]:
    """Spikes drawn with rates in proportion to the size of values, with their sign.

    Parameters
    ----------
    values : array_like
        Numbers from -1 to 1, of any shape.
    n_steps, max_rate, dt, seed
        As in :func:`poisson`.

    Returns
    -------
    ndarray of int8
        1, -1 or 0, of shape (time, ...).

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here, or a probability is above 1.
    """
    given = numbers("values", values)
    if given.size and np.abs(given).max() > 1:
        raise ValueError(f"values must be in [-1, 1], got {float(given.flat[np.abs(given).argmax()])}")
    return np.sign(given).astype(np.int8) * _drawn(np.abs(given), n_steps, max_rate, dt, seed)


def _drawn(size: NDArray[np.float64], n_steps: int, max_rate: float, dt: float, seed: int | None) -> NDArray[np.bool_]:
    count = whole_number("n_steps", n_steps, 1)
    probability = number("max_rate", max_rate, "nonnegative") * number("dt", dt, "positive") / 1000
    if probability > 1:
        raise ValueError(f"max_rate must be at most 1000 / dt = {1000 / dt:g} Hz, got {max_rate} Hz")
    generator = np.random.default_rng(None if seed is None else seed_number("seed", seed))
    return np.asarray(generator.random((count, *size.shape)) < probability * size)


def constant_current_lif(
    values: ArrayLike, n_steps: int, *, model: Model | None = None, dt: float = 1.0
) -> NDArray[np.bool_]:
    """Spikes of cells into which values flow as constant currents.

    Parameters
    ----------
    values : array_like
        Input currents, of any shape; one cell each.
    n_steps : int
        Number of steps.
    model : MembraneModel, optional
        The cells, from rest; default ``LIFBox()``.
    dt : float, default 1
        Length of a step [ms].

    Returns
    -------
    ndarray of bool
        Spikes, of shape (time, ...).

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here.

    Examples
    --------
    >>> import pyspikenet as psn
    >>> psn.encode.constant_current_lif([2.0, 4.0, 8.0, 16.0], 2).astype(int)  # doctest: +SKIP
    array([[0, 0, 0, 1],
           [0, 0, 1, 1]])
    """
    given = numbers("values", values)
    if given.size == 0:
        raise ValueError(f"values must not be empty, got shape {given.shape}")
    shape = (whole_number("n_steps", n_steps, 1), given.size)
    spikes = lift(LIFBox() if model is None else model, np.broadcast_to(given.ravel(), shape), dt=dt).spikes
    return spikes.reshape(shape[0], *given.shape)


def population(values: ArrayLike, n: int, *, scale: float | None = None, sigma: float = 1.0) -> NDArray[np.float64]:
    r"""Activities of `n` neurons per value, each with a preferred value.

    Parameters
    ----------
    values : array_like
        Numbers of any shape.
    n : int
        Neurons per value; they prefer values from 0 to `scale`, evenly spaced.
    scale : float, optional
        Largest preferred value; default the largest of `values`.
    sigma : float, default 1
        Width of the tuning curves.

    Returns
    -------
    ndarray
        :math:`e^{-s (x - c_k)^2 / (2 \sigma^2)}` for values x, preferred values :math:`c_k` and scale s: numbers from 0
        to 1 of shape (..., n), from which :func:`poisson` draws spikes.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here, or the largest value is not positive and there is no `scale`.
    """
    given = numbers("values", values)
    if given.size == 0:
        raise ValueError(f"values must not be empty, got shape {given.shape}")
    if scale is None and given.max() <= 0:
        raise ValueError(f"scale must be given where no value is positive, got values up to {given.max()}")
    largest = number("scale", given.max() if scale is None else scale, "positive")
    centres = np.linspace(0.0, largest, whole_number("n", n, 1))
    distance = (given[..., None] - centres) ** 2 * largest
    return np.asarray(np.exp(-distance / (2 * number("sigma", sigma, "positive") ** 2)))


def spike_latency(spikes: ArrayLike) -> NDArray[Any]:
    """The first spike of every neuron: the latency of a response (Van Rullen and Thorpe 2001).

    Parameters
    ----------
    spikes : array_like
        Spikes, or counts, of shape (time, ...); what is not zero is a spike.

    Returns
    -------
    ndarray
        `spikes` with zeros after the first one of each neuron; same shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If `spikes` are not numbers, or have no axis of time.
    """
    given = as_array("spikes", spikes)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"spikes must be numbers, got {shown(spikes)} of dtype {given.dtype}")
    if given.ndim == 0:
        raise ValueError("spikes must have time as their first axis, got one number")
    fired = given != 0
    return np.where(fired & (np.cumsum(fired, axis=0) == 1), given, np.zeros(1, given.dtype))
