"""ThresholdSAM."""

from ..parameters import parameterised, quantity
from .rectified_sam import ActivationModel


@parameterised
class ThresholdSAM(ActivationModel):
    r"""Synaptic activation model with a hard threshold and background noise (Spikeometric).

    .. math::

        g_i(t) &= r \sum_j W_{ji} s_j(t) + E_i(t) + b\,(1 + n_i(t) m_i(t)), \qquad
        s_j(t + dt) = s_j(t) (1 - dt/\tau) + X_j(t)\,dt \\
        X_i(t) &= [g_i(t) > \theta], \qquad n \sim N(0, \sigma),\ m \sim \mathrm{Bernoulli}(\rho)

    with n and m drawn for every neuron and step.

    Notes
    -----
    Spikeometric multiplies by n twice, which is not done here. Default dt: 0.1 ms.
    ``initial_state={"activation": s}`` starts from given synaptic activations.
    """

    theta: float = quantity(default=1.378e-3, description="threshold of the drive", varies=True)
    tau: float = quantity(default=10.0, unit="ms", description="synaptic time constant", range="positive")
    r: float = quantity(default=0.025, description="scale of the coupling", varies=True)
    b: float = quantity(default=0.001, description="background drive", varies=True)
    sigma: float = quantity(default=0.3, description="standard deviation of the background noise", range="nonnegative")
    rho: float = quantity(default=0.07, description="probability of background noise in a step", range="probability")
