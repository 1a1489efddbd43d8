"""log_likelihood(): of given spikes under the package's own cascade models."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..models.base import Model
from ..models.membrane import MembraneModel
from ..network import Network
from ..run import GivenSpikes, check_pieces
from ..simulate import prepare_given
from ..stimulus import Stimulus, StimulusSum

if TYPE_CHECKING:
    import xarray

EMISSION = {"BernoulliGLM": "bernoulli", "PoissonGLM": "poisson", "RectifiedLNP": "poisson", "RectifiedSAM": "poisson"}


def log_likelihood(
    model: Model,
    network: Network,
    data: "ArrayLike | xarray.Dataset",
    *,
    stimulus: Stimulus | StimulusSum | None = None,
    dt: float | None = None,
    initial_state: Mapping[str, ArrayLike] | None = None,
    seed: int | None = None,
) -> "xarray.DataArray":
    r"""Log-likelihood [nats] of spikes under a cascade model, of every trial and neuron.

    .. math::

        \log P = \sum_k \log p(y_i(k) \mid \mu_i(k))

    where :math:`\mu_i(k)` follows from the spikes before step k, as :func:`drive` gives it, and p is the model's
    Bernoulli or Poisson distribution. Spikes that cannot be have -inf.

    Parameters
    ----------
    model : Model
        A cascade model whose spikes are drawn: not ThresholdSAM, nor a Cascade with emission="threshold".
    network, stimulus, dt, initial_state
        As in :func:`simulate`.
    data : xarray.Dataset or array_like
        A dataset of spikes, or spike counts of shape ``(time, neuron)`` or ``(trial, time, neuron)``.
    seed : int, optional
        Seed of stimuli that are drawn; default that of a given dataset, else drawn afresh.

    Returns
    -------
    xarray.DataArray
        Dimensions ``(trial, neuron)``.
    """
    import xarray

    check_pieces(model, network)
    emission = EMISSION.get(type(model).__name__, getattr(model, "emission", ""))
    if isinstance(model, MembraneModel) or emission not in ("bernoulli", "poisson"):
        raise TypeError(f"model must be a cascade model whose spikes are drawn, such as BernoulliGLM(), got {model!r}")
    run, spikes = prepare_given(
        model, network, data, "data", record=("rate",), stimulus=stimulus, dt=dt, initial_state=initial_state, seed=seed
    )
    total, first = np.zeros((run.trials.size, network.n)), 0
    with run.session() as session:
        for done, recorded in session.advance(run.n_steps):
            mu = recorded["record.rate"] * (run.dt / 1000.0)
            for j, given in enumerate(spikes):
                total[j] += _piece(emission, mu[j], given, first)
            first += done
        if session.interrupted:
            raise KeyboardInterrupt
    coords: dict[str, Any] = {
        "trial": run.trials,
        "neuron": np.arange(network.n) if network.labels is None else network.labels,
    }
    return xarray.DataArray(total, coords, ("trial", "neuron"), "log_likelihood")


def _piece(emission: str, mu: NDArray[Any], spikes: GivenSpikes, first: int) -> NDArray[np.float64]:
    """Sum over the steps of `mu` (step, neuron), whose first is `first`: of silence, then of what spikes change."""
    from scipy.special import gammaln, xlogy

    steps = mu.shape[0]
    here = slice(spikes.pointer[first], spikes.pointer[first + steps])
    step = np.repeat(np.arange(steps), np.diff(spikes.pointer[first : first + steps + 1]))
    neuron, count = spikes.neuron[here], spikes.count[here]
    at = mu[step, neuron]
    with np.errstate(divide="ignore"):
        if emission == "bernoulli":
            silent = np.log1p(-mu)
            # Where p = 1, silence has no place in the sum.
            silent[step, neuron] = 0.0
            change = np.where(count > 1, -np.inf, np.log(at))
        else:
            silent = -mu
            change = xlogy(count, at) - gammaln(count + 1)
    total = silent.sum(0)
    np.add.at(total, neuron, change)
    return np.asarray(total)
