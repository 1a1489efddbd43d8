"""PoissonGLM."""

from ..kernels import lags
from ..parameters import parameterised, quantity
from .base import Model


@parameterised
class PoissonGLM(Model):
    r"""Generalised linear model with exponential nonlinearity and Poisson counts (Spikeometric).

    .. math::

        g_i(t) &= r \sum_j W_{ji} (\kappa * s_j)(t) + E_i(t) + b, \qquad \kappa(k) = e^{-k dt/\tau}\ (k\,dt < T) \\
        \mu_i(t) &= \frac{dt}{\alpha} e^{\beta g_i(t)}, \qquad s_i(t) \sim \mathrm{Poisson}(\mu_i(t))

    with ``history`` T. Several spikes of a neuron in one step are that many entries in the dataset.

    Notes
    -----
    An isolated neuron with these defaults fires at 63.525 Hz. Spikeometric multiplies the counts by dt, which is
    not done here. Default dt: 0.1 ms.
    """

    alpha: float = quantity(
        default=15.9, unit="ms", description="inverse of the rate at zero drive", range="positive", varies=True
    )
    beta: float = quantity(default=10.0, description="slope of the exponential", varies=True)
    tau: float = quantity(default=10.0, unit="ms", description="time constant of the coupling kernel", range="positive")
    history: float = quantity(default=20.0, unit="ms", description="length of the coupling kernel", range="positive")
    r: float = quantity(default=0.025, description="scale of the coupling", varies=True)
    b: float = quantity(default=0.001, description="background drive", varies=True)

    def memory_steps(self, dt: float) -> int:
        return lags("history", self.history, dt)
