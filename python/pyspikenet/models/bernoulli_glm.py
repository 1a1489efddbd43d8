"""BernoulliGLM."""

from typing import ClassVar

from ..kernels import lags
from ..parameters import parameterised, quantity
from .base import Model


@parameterised
class BernoulliGLM(Model):
    r"""Generalised linear model with refractory kernel and Bernoulli spikes (Spikeometric).

    .. math::

        g_i(t) &= r \sum_j W_{ji} (\kappa * s_j)(t) + (\eta * s_i)(t) + E_i(t) + b \\
        p_i(t) &= dt\,\sigma(g_i(t) - \theta), \qquad \kappa(k) = e^{-\alpha k dt}\ (k\,dt < w)

    with sigmoid :math:`\sigma`, coupling window w, and :math:`\eta` equal to ``abs_ref_strength`` for
    ``abs_ref_scale`` ms, then ``rel_ref_strength * exp(-beta (t - abs_ref_scale))`` for ``rel_ref_scale`` ms more.
    The rate is per ms, so p > 1 needs dt > 1 ms and ends a run with an error.

    Notes
    -----
    An isolated neuron with these defaults fires at 6.286 Hz at dt = 1 ms. Default dt: 1 ms.
    """

    default_dt: ClassVar[float] = 1.0

    theta: float = quantity(default=5.0, description="threshold of the drive", varies=True)
    alpha: float = quantity(
        default=0.2, unit="1/ms", description="decay rate of the coupling kernel", range="nonnegative"
    )
    coupling_window: float = quantity(
        default=5.0, unit="ms", description="length of the coupling kernel", range="positive"
    )
    abs_ref_scale: float = quantity(
        default=3.0, unit="ms", description="absolute refractory period", range="nonnegative"
    )
    abs_ref_strength: float = quantity(default=-100.0, description="self kernel in the absolute refractory period")
    rel_ref_scale: float = quantity(
        default=7.0, unit="ms", description="relative refractory period", range="nonnegative"
    )
    rel_ref_strength: float = quantity(
        default=-30.0, description="self kernel at the start of the relative refractory period"
    )
    beta: float = quantity(default=0.5, unit="1/ms", description="decay rate of the relative refractory kernel")
    r: float = quantity(default=1.0, description="scale of the coupling", varies=True)
    b: float = quantity(default=0.0, description="background drive", varies=True)

    def memory_steps(self, dt: float) -> int:
        refractory = lags("abs_ref_scale + rel_ref_scale", self.abs_ref_scale + self.rel_ref_scale, dt)
        return refractory + lags("coupling_window", self.coupling_window, dt)
