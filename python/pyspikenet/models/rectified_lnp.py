"""RectifiedLNP."""

from ..kernels import lags
from ..parameters import parameterised, quantity
from .base import Model


@parameterised
class RectifiedLNP(Model):
    r"""Linear-nonlinear Poisson model with rectification (Spikeometric).

    .. math::

        g_i(t) &= r \sum_j W_{ji} (\kappa * s_j)(t) + E_i(t) + b, \qquad \kappa(k) = e^{-k dt/\tau}\ (k\,dt < T) \\
        \mu_i(t) &= \lambda_0\,dt\,\max(g_i(t) - \theta, 0), \qquad s_i(t) \sim \mathrm{Poisson}(\mu_i(t))

    Notes
    -----
    An isolated neuron with these defaults fires at 29.4 Hz. Default dt: 0.1 ms.
    """

    lambda_0: float = quantity(
        default=9.8, unit="1/ms", description="rate per unit of drive above threshold", range="nonnegative", varies=True
    )
    theta: float = quantity(default=-0.002, description="threshold of the drive", varies=True)
    tau: float = quantity(default=10.0, unit="ms", description="time constant of the coupling kernel", range="positive")
    history: float = quantity(default=20.0, unit="ms", description="length of the coupling kernel", range="positive")
    r: float = quantity(default=0.025, description="scale of the coupling", varies=True)
    b: float = quantity(default=0.001, description="background drive", varies=True)

    def memory_steps(self, dt: float) -> int:
        return lags("history", self.history, dt)
