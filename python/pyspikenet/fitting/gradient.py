"""gradient(): a loss and how it depends on parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..models.base import Model
from ..network import Network
from ..stimulus import Stimulus, StimulusSum
from .losses import Loss, WeightedLosses
from .problem import ask
from .surrogates import Surrogate

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Gradient:
    """What :func:`gradient` returns.

    Attributes
    ----------
    loss : float
        The loss.
    terms : list of float
        The losses that it is a weighted sum of.
    gradient : dict of str to float or ndarray
        Derivatives of the loss by name, in the shape of the parameter: ``"weight"`` one per synapse, in the order of
        the network.
    rates : ndarray of shape (neuron,)
        Mean rates in the run [Hz].
    """

    loss: float
    terms: list[float]
    gradient: dict[str, float | NDArray[np.float64]]
    rates: NDArray[np.float64]


def gradient(
    loss: Loss | WeightedLosses,
    model: Model,
    network: Network,
    stimulus: Stimulus | StimulusSum | None = None,
    *,
    wrt: str | Sequence[str],
    data: "ArrayLike | xarray.Dataset | None" = None,
    duration: float | None = None,
    dt: float | None = None,
    trials: int | Sequence[int] | None = None,
    seed: int | None = None,
    initial_state: "Mapping[str, ArrayLike] | xarray.Dataset | None" = None,
    dtype: str = "float64",
    threads: int | None = None,
    device: str = "cpu",
    surrogate: Surrogate | None = None,
    mode: str = "surrogate",
    stochastic: bool = False,
    detach_reset: bool = False,
    detach_spikes: bool = False,
) -> Gradient:
    """The loss of a run, and its gradient with respect to parameters, weights, initial state and stimuli.

    The run is the one that :func:`simulate` makes; its gradient is the exact adjoint of that loop, in which a surrogate
    stands for the derivative of each spike.

    Parameters
    ----------
    loss : Loss or sum of losses
        What is differentiated, such as ``VanRossum(tau=20)`` or ``0.9 * RateLoss() + 0.1 * VanRossum(tau=20)``.
    model, network, stimulus, dt, trials, seed, initial_state, dtype, threads, device
        As in :func:`simulate`; `trials` and `dt` by default those of the data.
    wrt : str or sequence of str
        Parameters of the model by name (``"tau_m"``; one number for all neurons or one per neuron, as the model has
        it), of receptors (``"receptors.exc.tau"``), ``"weight"``, ``"initial_state.v"`` (or another variable), or of
        stimuli (``"stimulus.strength"``, ``"stimulus.0.data"`` of the first of several). Delays and refractory periods
        are whole numbers of steps and cannot be differentiated.
    data : xarray.Dataset or array_like, optional
        Spikes that the loss compares with: a dataset, or counts of shape ``(time, neuron)`` or ``(trial, time,
        neuron)``.
    duration : float, optional
        Length of the run [ms]; default that of the data.
    surrogate : Surrogate, optional
        What stands for the derivative of a spike by the distance from threshold; default ``SuperSpike(alpha=10)``.
    mode : {"surrogate", "soft", "relaxed"}
        ``surrogate``: spikes are spikes, in the network and for the loss. ``soft``: the loss sees the smooth function
        that the surrogate is the derivative of, the network spikes. ``relaxed``: the smooth function takes the place of
        spikes everywhere, so that the gradient is exactly that of the (smooth) run.
    stochastic : bool, default False
        Whether a neuron spikes with the smooth function as its probability, in place of at a threshold.
    detach_reset : bool, default False
        Whether the reset passes no gradient on to the spike that caused it.
    detach_spikes : bool, default False
        Whether what spikes do to later ones, of the same neuron or others, is left out: the gradient is that of the
        loss under the spikes as they came. It has less variance, and no explosion, where spikes are drawn.

    Returns
    -------
    Gradient

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here, or the pieces do not fit each other.
    EngineError
        If Julia cannot be started or stops; a :class:`JuliaError`, with parameter and neuron, if the gradient is not
        finite.

    Notes
    -----
    Memory grows with the number of steps until the tape of all states takes 256 MiB, then with its square root, for one
    more run forward (checkpoints, Griewank 1992, doi 10.1080/10556789208805505); cascade models keep every step.
    Results are the same to the last bit for any number of threads. Models whose spikes are drawn (:class:`GIF`, the
    cascades) are differentiated through the probability of a spike, with derivative 1 (straight-through estimator,
    Bengio et al. 2013, arXiv 1308.3432).

    Examples
    --------
    >>> import numpy as np, pyspikenet as psn
    >>> net = psn.Network.random(n=20, p=0.2, weight=2.0, seed=1)
    >>> drive = psn.ConstantStimulus(strength=25.0)
    >>> target = psn.simulate(psn.LIF(tau_m=15.0), net, duration=200, stimulus=drive, seed=0)
    >>> found = psn.gradient(psn.VanRossum(tau=20), psn.LIF(), net, drive, wrt=["tau_m", "weight"], data=target)
    >>> found.gradient["weight"].shape == net.weight.shape
    True
    """
    question = ask(
        loss, model, network, stimulus, data, wrt, duration=duration, dt=dt, trials=trials, seed=seed,
        initial_state=initial_state, dtype=dtype, threads=threads, device=device, surrogate=surrogate, mode=mode,
        stochastic=stochastic, detach_reset=detach_reset, detach_spikes=detach_spikes,
    )  # fmt: skip
    run = question.run
    with question.open() as problem:
        found = problem.evaluate(range(run.trials.size), question.losses.coefficients(0.0))
    by_name = {
        free.name: float(g) if g.ndim == 0 else g for free, g in zip(question.free, found.gradients, strict=True)
    }
    return Gradient(found.loss, found.losses, by_name, found.counts * (1000.0 / (run.n_steps * run.dt)))
