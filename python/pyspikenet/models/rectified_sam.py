"""RectifiedSAM, and what it shares with ThresholdSAM."""

from ..parameters import parameterised, quantity
from .base import Model


class ActivationModel(Model):
    """Synaptic activation models: ``s <- s (1 - dt / tau) + X dt``, seen through the weights."""

    tau: float

    def check_dt(self, dt: float) -> None:
        if dt > self.tau:
            raise ValueError(f"dt must not exceed the synaptic time constant tau = {self.tau} ms, got {dt} ms")


@parameterised
class RectifiedSAM(ActivationModel):
    r"""Synaptic activation model with rectification and Poisson counts (Spikeometric).

    .. math::

        g_i(t) &= r \sum_j W_{ji} s_j(t) + E_i(t) + b, \qquad s_j(t + dt) = s_j(t) (1 - dt/\tau) + X_j(t)\,dt \\
        \mu_i(t) &= \lambda_0\,dt\,\max(g_i(t) - \theta, 0), \qquad X_i(t) \sim \mathrm{Poisson}(\mu_i(t))

    Notes
    -----
    Default dt: 0.1 ms. ``initial_state={"activation": s}`` starts from given synaptic activations.
    """

    lambda_0: float = quantity(
        default=1.0861,
        unit="1/ms",
        description="rate per unit of drive above threshold",
        range="nonnegative",
        varies=True,
    )
    theta: float = quantity(default=-0.0137, description="threshold of the drive", varies=True)
    tau: float = quantity(default=10.0, unit="ms", description="synaptic time constant", range="positive")
    r: float = quantity(default=0.025, description="scale of the coupling", varies=True)
    b: float = quantity(default=0.001, description="background drive", varies=True)
