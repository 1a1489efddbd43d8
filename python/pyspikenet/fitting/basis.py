"""Bases that fitted kernels are sums of: raised cosines, a known kernel, or given columns. Read ``design.py`` next."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..axes import COLORS, new_axes, tidy
from ..kernels import Kernel, lags
from ..limits import MOST_LAGS
from ..parameters import Parameters, as_array, number, numbers, option, parameterised, quantity, shown, whole_number

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


@parameterised
class RaisedCosine(Parameters):
    r"""Basis of raised cosines on a logarithmic or linear time axis (Pillow et al. 2008, doi 10.1038/nature07140).

    .. math::

        b_j(t) = \tfrac12 \left(1 + \cos\left(\max(-\pi, \min(\pi, (u(t) - \phi_j)\,\pi / 2s))\right)\right)

    with :math:`u(t) = \log(t + \mathrm{offset})` or :math:`u(t) = t`, peaks :math:`\phi_j` at distances s, the first
    at ``first_peak``, and the last bump zero from ``window`` on. These are the bases of nemos:
    ``RaisedCosineLogConv`` of ``window_size`` K and ``time_scaling`` c is
    ``RaisedCosine(window=(K - 1) * dt, offset=window / c)``.
    """

    n: int = option(default=5, kind="int", description="number of bumps")
    window: float = quantity(default=100.0, unit="ms", description="where the last bump ends", range="positive")
    first_peak: float = quantity(default=0.0, unit="ms", description="peak of the first bump", range="nonnegative")
    spacing: str = option(default="log", kind='{"log", "linear"}', description="axis on which peaks are evenly spaced")
    offset: float | None = quantity(
        default=None,
        unit="ms",
        description="how linear the logarithmic axis is; larger values spread bumps evenly; None: window / 50",
        range="positive",
        optional=True,
    )

    def _validate(self) -> None:
        object.__setattr__(self, "n", whole_number("n", self.n, 1))
        if self.spacing not in ("log", "linear"):
            raise ValueError(f"spacing must be 'log' or 'linear', got {shown(self.spacing)}")
        if self.first_peak >= self.window:
            raise ValueError(f"first_peak must be less than window = {self.window} ms, got {self.first_peak} ms")

    def values(self, dt: float) -> NDArray[np.float64]:
        """The bumps at lags 0, dt, 2 dt, ..., shape (lag, bump).

        Parameters
        ----------
        dt : float
            Length of a step [ms].
        """
        offset = self.window / 50 if self.offset is None else self.offset
        t = np.arange(lags("window", self.window, dt)) * dt
        ends = np.array([self.first_peak, self.window])
        axis, (low, high) = (t, ends) if self.spacing == "linear" else (np.log(t + offset), np.log(ends + offset))
        step = (high - low) / (self.n + 1)
        phase = (axis[:, None] - (low + step * np.arange(self.n))) * math.pi / (2 * step)
        return np.asarray((1 + np.cos(np.clip(phase, -math.pi, math.pi))) / 2)

    def kernels(self, dt: float = 1.0) -> "xarray.DataArray":
        """The bumps as a labelled array ``(lag, basis)``; the coordinate ``lag`` in ms.

        Parameters
        ----------
        dt : float, default 1
            Length of a step [ms].
        """
        return labelled(self.values(number("dt", dt, "positive")), dt)

    def plot(self, dt: float = 1.0, *, ax: "Axes | None" = None) -> "Axes":
        """The bumps over time.

        Parameters
        ----------
        dt : float, default 1
            Length of a step [ms].
        ax : matplotlib Axes, optional
            Where to draw; default a new figure.
        """
        ax = new_axes(ax, (5, 3))
        bumps = self.kernels(dt)
        for k in range(self.n):
            ax.plot(bumps.lag, bumps[:, k], color=COLORS[k % len(COLORS)])
        ax.set(xlabel="lag (ms)", ylabel="basis function", xlim=(0, self.window), ylim=(0, None))
        return tidy(ax)


def labelled(values: NDArray[np.float64], dt: float) -> "xarray.DataArray":
    """Columns of a basis as a labelled array."""
    import xarray

    lag = xarray.DataArray(np.arange(values.shape[0]) * dt, dims="lag", attrs={"units": "ms"})
    return xarray.DataArray(values, {"lag": lag}, ("lag", "basis"), "basis")


def columns(name: str, basis: Any, dt: float) -> NDArray[np.float64]:
    """The columns of a basis, shape (lag, column): of a RaisedCosine, a Kernel, or an array; (0, 0) of None."""
    if basis is None:
        return np.empty((0, 0))
    if isinstance(basis, RaisedCosine):
        return basis.values(dt)
    if isinstance(basis, Kernel):
        return basis.values(dt)[:, None]
    if isinstance(basis, str) or as_array(name, basis).dtype.kind not in "iuf":
        raise TypeError(
            f"{name} must be a RaisedCosine, a Kernel, an array (lag, function) or None, got {shown(basis)}"
        )
    array = numbers(name, basis)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or array.size == 0 or array.shape[0] > MOST_LAGS:
        raise ValueError(f"{name} given as an array must have shape (lag, function), got shape {array.shape}")
    return array
