"""simulate() and drive(): check the pieces against each other, advance the run in Julia, build the dataset."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from .models.base import Model
from .models.membrane import MembraneModel
from .network import Network
from .parameters import shown
from .plasticity import Plasticity
from .run import GivenSpikes, Run, check_pieces, given_counts, prepare, step_length_of
from .stimulus import Stimulus, StimulusSum

if TYPE_CHECKING:
    import xarray


def simulate(
    model: Model,
    network: Network,
    *,
    duration: float,
    dt: float | None = None,
    stimulus: Stimulus | StimulusSum | None = None,
    trials: int | Sequence[int] = 1,
    seed: int | None = None,
    record: str | Iterable[str] = (),
    record_neurons: ArrayLike | str | None = None,
    record_every: float | None = None,
    plasticity: "Plasticity | Sequence[Plasticity] | Mapping[str, Plasticity] | None" = None,
    equilibration: float = 0.0,
    initial_state: "Mapping[str, ArrayLike] | xarray.Dataset | None" = None,
    dtype: str = "float64",
    threads: int | None = None,
    device: str = "cpu",
    progress: bool | None = None,
) -> "xarray.Dataset":
    """Simulates a network and returns its spikes.

    Parameters
    ----------
    model : Model
        The neurons; parameters are one number, or one per neuron.
    network : Network
        The synapses.
    duration : float
        Time to simulate [ms], a multiple of `dt`.
    dt : float, optional
        Length of a step [ms]; default the model's ``default_dt``.
    stimulus : Stimulus or sum of stimuli, optional
        What reaches the neurons from outside.
    trials : int or sequence of int, default 1
        How many independent copies to run, or which: trial 3 of ``trials=8`` is ``trials=[3]``, to the bit.
    seed : int, optional
        Seed of all random numbers; default: drawn afresh. It is kept in the dataset either way.
    record : str or iterable of str, optional
        What to record besides spikes. Of cascade models "drive", and "rate", the expected rate given the drive [Hz]; of
        membrane models any state variable, such as "v" or "g_exc", and "I", the input current from outside.
    record_neurons : str or array_like, optional
        Of whom: the name of a group, labels, a boolean mask, or indices; default all. What is recorded then has the
        dimension ``recorded_neuron`` in place of ``neuron``.
    record_every : float, optional
        Time between two samples [ms], a multiple of `dt`; default `dt`. A sample at t is taken at the end of the step
        that ends at t, after the reset.
    plasticity : Plasticity, tuple or dict, optional
        A rule for all synapses, such as :class:`STDP`, or rules by receptor,
        ``{"exc": STDP(), "inh": InhibitorySTDP()}``; a tuple combines a rule for weights with short-term plasticity.
        The network is not changed: ``final_weight`` has the weights at the end ``(trial, synapse)``, and with
        ``record="weight"``, ``weight`` has them over time.
    equilibration : float, default 0
        Time [ms] simulated before t = 0, without stimulus and recording, from a state in which a random half of the
        neurons has just fired.
    initial_state : xarray.Dataset or dict, optional
        A dataset of the same model and network to go on from: time continues, and both runs together are the run in
        one piece. Or ``{"spikes": array (lag, neuron)}``, spike counts before t = 0 with the latest step first; or, for
        the activation models, ``{"activation": array (neuron,) or (trial, neuron)}``; or, for membrane models, values
        of state variables by name, one number, or shape (neuron,) or (trial, neuron), and ``"refractory"``, for how
        many steps a neuron stays so. Default: nothing happened before.
    dtype : {"float64", "float32"}
        Precision of the simulation.
    threads : int, optional
        Threads to use; default, and at most, those the engine was started with (:func:`configure`). Spikes do not
        depend on it.
    device : {"cpu", "cuda", "kernels"}
        Where to compute: "cuda" is an Nvidia GPU, through the Julia package CUDA; "kernels" runs what a GPU runs on the
        processor, through KernelAbstractions. Random numbers are the same on each; spikes are up to rounding, as
        the order of sums differs. Plastic synapses need "cpu".
    progress : bool, optional
        Whether to show a progress bar; default: in a terminal or notebook, when a run takes more than a second.

    Returns
    -------
    xarray.Dataset
        Dimension ``spike`` with ``spike_time`` [ms, the end of the step], ``spike_neuron`` and ``spike_trial``;
        dimension ``neuron`` with labels and groups; what was recorded as ``(trial, time, neuron)``; the final state.
        ``ds.spk`` gives rasters, counts, rates and plots. A Ctrl-C ends the run early; the dataset then holds what was
        simulated so far and has the attribute ``interrupted = 1``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is described here; nothing has been computed then.
    EngineError
        If Julia cannot be started or stops; a :class:`JuliaError`, with neuron and step, if p > 1 or the drive is not
        finite.

    Examples
    --------
    >>> import pyspikenet as psn
    >>> net = psn.Network.normal(n=100, std=5.0, glorot=True, seed=1)
    >>> ds = psn.simulate(psn.BernoulliGLM(), net, duration=1000, seed=0)
    >>> rates = ds.spk.rates()
    """
    check_progress(progress)
    run = prepare(
        model, network, duration=duration, dt=dt, stimulus=stimulus, trials=trials, seed=seed, record=record,
        record_neurons=record_neurons, record_every=record_every, plasticity=plasticity, equilibration=equilibration,
        initial_state=initial_state, dtype=dtype, threads=threads, device=device,
    )  # fmt: skip
    return _advance(run, progress)


def drive(
    model: Model,
    network: Network,
    *,
    spikes: "ArrayLike | xarray.Dataset",
    stimulus: Stimulus | StimulusSum | None = None,
    dt: float | None = None,
    initial_state: Mapping[str, ArrayLike] | None = None,
    seed: int | None = None,
    dtype: str = "float64",
) -> "xarray.Dataset":
    """Drive and rate of a network whose spikes are given (teacher forcing).

    Parameters
    ----------
    model, network, stimulus, dt, initial_state, dtype
        As in :func:`simulate`.
    spikes : xarray.Dataset or array_like
        A dataset of spikes, or spike counts of shape ``(time, neuron)`` or ``(trial, time, neuron)``.
    seed : int, optional
        Seed of stimuli that are drawn; default that of a given dataset, else drawn afresh.

    Returns
    -------
    xarray.Dataset
        ``drive`` and ``rate`` [Hz] with dimensions ``(trial, time, neuron)``. Row k holds the values from which the
        spikes of step k are drawn, so it depends on the spikes of the steps before k only.
    """
    check_pieces(model, network)
    if isinstance(model, MembraneModel):
        raise TypeError(
            f"model must be a cascade model such as BernoulliGLM(), whose drive follows from spikes, got {model!r}"
        )
    run, _ = prepare_given(
        model, network, spikes, "spikes", record=tuple(model.recordable()), stimulus=stimulus, dt=dt,
        initial_state=initial_state, seed=seed, dtype=dtype,
    )  # fmt: skip
    return _advance(run, False)


def prepare_given(
    model: Model,
    network: Network,
    spikes: Any,
    name: str,
    *,
    record: tuple[str, ...],
    stimulus: Stimulus | StimulusSum | None,
    dt: float | None,
    initial_state: Mapping[str, ArrayLike] | None,
    seed: int | None,
    dtype: str = "float64",
) -> tuple[Run, list[GivenSpikes]]:
    """A run whose spikes are given, and these spikes trial by trial; `name`: how the caller's argument is called."""
    step_length = step_length_of(model, dt, spikes, name)
    counts, trial_ids, known_seed = given_counts(spikes, network, step_length)
    run = prepare(
        model, network, duration=counts[0].n_steps * step_length, dt=step_length, stimulus=stimulus, trials=trial_ids,
        seed=known_seed if seed is None else seed, record=record, initial_state=initial_state, dtype=dtype,
        given=counts,
    )  # fmt: skip
    return run, counts


def _advance(run: Run, progress: bool | None) -> "xarray.Dataset":
    """Runs to the end, or to a Ctrl-C, and makes the dataset."""
    from .dataset import Recording, build

    recording = Recording(run)
    with run.session() as session, progress_bar(progress, run.n_steps * run.dt, "simulating") as bar:
        to_go = run.warm_up
        for done, recorded in session.advance(run.warm_up + run.n_steps):
            skipped = min(to_go, done)
            to_go -= skipped
            recording.add(recorded, done, skipped)
            bar.update((done - skipped) * run.dt)
        state = session.state() if session.settled and recording.n_steps > 0 else None
        interrupted = recording.n_steps < run.n_steps
    return build(run, recording, state, interrupted)


def check_progress(progress: Any) -> None:
    """TypeError if `progress` is not what a progress bar takes."""
    if progress is not None and not isinstance(progress, bool):
        raise TypeError(f"progress must be True, False or None, got {shown(progress)}")


def progress_bar(progress: bool | None, total: float, what: str) -> Any:
    """A bar in ms of simulated time; None shows one in a terminal or notebook, after a second."""
    from tqdm.auto import tqdm

    return tqdm(
        total=total,
        desc=what,
        unit=" ms",
        disable=None if progress is None else not progress,
        delay=1.0 if progress is None else 0.0,
        leave=progress is True,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} ms [{elapsed}<{remaining}]",
    )
