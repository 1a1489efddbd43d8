"""Stimuli, as seen in the drive of a network without synapses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from numpy.typing import NDArray

import pyspikenet as psn

N = 4
ALONE = psn.Network.from_edges(pre=[], post=[], n=N, labels=["a", "b", "c", "d"], groups={"outer": [0, 3], "last": [3]})
# Without kernels and background, the drive is the stimulus; at scale 0 there are no spikes.
SILENT = psn.Cascade(nonlinearity="identity", emission="poisson", scale=0.0)


def seen(
    stimulus: Any, duration: float = 30.0, dt: float = 1.0, network: psn.Network = ALONE, trials: int = 1, seed: int = 0
) -> NDArray[np.float64]:
    """Drive (trial, time, neuron)."""
    ds = psn.simulate(
        SILENT, network, duration=duration, dt=dt, stimulus=stimulus, record="drive", trials=trials, seed=seed
    )
    return np.asarray(ds.drive.values)


def alone(n: int) -> psn.Network:
    return psn.Network.from_edges(pre=[], post=[], n=n)


def exactly(drive: NDArray[np.float64], expected: Any) -> None:
    """One time course for all neurons, or one per neuron; the same in all trials."""
    wanted = np.asarray(expected, dtype=float)
    wanted = np.broadcast_to(wanted[:, None] if wanted.ndim == 1 else wanted, drive.shape[1:])
    for trial in drive:
        np.testing.assert_allclose(trial, wanted, rtol=1e-9, atol=1e-9)


def test_constant() -> None:
    t = np.arange(30)
    exactly(seen(psn.ConstantStimulus(strength=2.5)), np.full(30, 2.5))
    exactly(seen(psn.ConstantStimulus(strength=2.5, start=4, stop=9)), 2.5 * ((t >= 4) & (t < 9)))
    # Whatever binary fractions say, 0.3 ms are three steps of 0.1 ms.
    steps = np.arange(10)
    exactly(seen(psn.ConstantStimulus(start=0.3, stop=0.7), 1.0, 0.1), (steps >= 3) & (steps < 7))


@pytest.mark.parametrize(
    ("start", "stop", "dt"), [(0.0, None, 1.0), (3.0, None, 1.0), (3.0, 17.0, 0.5), (0.2, 9.9, 0.1)]
)
def test_regular_pulses_count_from_start(start: float, stop: float | None, dt: float) -> None:
    k = np.arange(round(30 / dt))
    since, end = k - round(start / dt), np.inf if stop is None else round(stop / dt)
    on = (since >= 0) & (k < end) & (since % round(7 / dt) < round(2 / dt))
    exactly(seen(psn.RegularStimulus(strength=3.0, period=7.0, duration=2.0, start=start, stop=stop), dt=dt), 3.0 * on)


def test_regular_pulses_with_a_period_between_steps() -> None:
    t = np.arange(30.0)
    exactly(seen(psn.RegularStimulus(period=2.5, duration=1.0)), np.mod(t, 2.5) < 1.0)


def test_sine() -> None:
    t = np.arange(60) * 0.5
    stimulus = psn.SinStimulus(amplitude=2.0, period=7.0, phase=0.4, baseline=1.5, start=3.0, stop=21.0)
    expected = np.where((t >= 3) & (t < 21), 2.0 * np.sin(2 * np.pi * (t - 3) / 7 + 0.4) + 1.5, 0.0)
    exactly(seen(stimulus, dt=0.5), expected)
    assert stimulus.strength == 2.0


@pytest.mark.parametrize("held", [1.0, 2.0, 2.5])
def test_array_of_one_time_course(held: float) -> None:
    data = np.array([1.0, -2.0, 3.0, 5.0])
    t = np.arange(30.0)
    row = np.floor((t - 4) / held).astype(int)
    expected = np.where((row >= 0) & (row < 4), data[np.clip(row, 0, 3)], 0.0)
    exactly(seen(psn.ArrayStimulus(data=data, dt=held, start=4.0, strength=2.0)), 2.0 * expected)


def test_arrays_of_every_shape(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    data = rng.normal(0, 1, (3, 10, N))
    exactly(seen(psn.ArrayStimulus(data=data[0], dt=3.0)), np.repeat(data[0], 3, axis=0))
    exactly(seen(psn.ArrayStimulus(data=data[:1], dt=3.0), trials=2), np.repeat(data[0], 3, axis=0))
    drive = seen(psn.ArrayStimulus(data=data, dt=3.0), trials=3)
    np.testing.assert_allclose(drive, np.repeat(data, 3, axis=1), rtol=1e-9)
    # Columns are targets, or channels that reach the targets with weights.
    wanted = np.zeros((30, N))
    wanted[:, [0, 3]] = np.repeat(data[0, :, :2], 3, axis=0)
    exactly(seen(psn.ArrayStimulus(data=data[0, :, :2], dt=3.0, targets="outer")), wanted)
    weights = rng.normal(0, 1, (2, N))
    exactly(
        seen(psn.ArrayStimulus(data=data[0, :, :2], dt=3.0, weights=weights)),
        np.repeat(data[0, :, :2] @ weights, 3, axis=0),
    )
    # Spikes, as encoders give them.
    spikes = data[0] > 0
    assert psn.ArrayStimulus(data=spikes, dt=3.0) == psn.ArrayStimulus(data=spikes.astype(float), dt=3.0)
    # From files.
    np.save(tmp_path / "data.npy", data[0])
    xarray.Dataset({"light": (("time", "neuron"), data[0])}).to_netcdf(tmp_path / "data.nc", engine="h5netcdf")
    for name in ("data.npy", "data.nc"):
        assert psn.ArrayStimulus(data=tmp_path / name, dt=3.0) == psn.ArrayStimulus(data=data[0], dt=3.0)


def test_functions_of_arrays_and_of_numbers() -> None:
    t = np.arange(60) * 0.5
    for function in (lambda t: t**2, lambda t: float(t) ** 2, lambda t: t**2 if t > 1 else t * t):
        exactly(seen(psn.FunctionStimulus(function=function, strength=0.5), dt=0.5), 0.5 * t**2)
    exactly(seen(psn.FunctionStimulus(function=lambda t: 4), dt=0.5), np.full(60, 4.0))
    with pytest.raises(ZeroDivisionError):
        seen(psn.FunctionStimulus(function=lambda t: 1 / 0))


def test_given_spikes() -> None:
    times, neurons, strength = (
        [0.0, 5.5, 5.0, 5.9, 29.0, 30.0, 1e300],
        [1, 2, 2, 0, 3, 0, 0],
        [1.0, 2, 4, 8, 16, 32, 64],
    )
    expected = np.zeros((30, N))
    for time, neuron, weight in list(zip(times, neurons, strength, strict=True))[:5]:
        expected[int(time), neuron] += weight
    exactly(seen(psn.SpikeStimulus(times=times, neurons=neurons, strength=strength)), expected)
    exactly(seen(psn.SpikeStimulus(times=[], neurons=[])), np.zeros(30))
    # The last neuron of the array may be anywhere in time, and 0.3 ms is step 3 of 0.1 ms.
    exactly(
        seen(psn.SpikeStimulus(times=[0.3], neurons=[1], strength=2.0), 1.0, 0.1)[:, :, 1:2], 2.0 * (np.arange(10) == 3)
    )


@pytest.mark.parametrize("targets", ["outer", ["a", "d"], [0, 3], np.array([True, False, False, True])])
def test_targets(targets: Any) -> None:
    expected = np.zeros((30, N))
    expected[:, [0, 3]] = [2.0, 5.0]
    exactly(seen(psn.ConstantStimulus(strength=[2.0, 5.0], targets=targets)), expected)
    expected[:, [0, 3]] = 2.0
    exactly(seen(psn.ConstantStimulus(strength=2.0, targets=targets)), expected)


def test_strength_per_neuron() -> None:
    strength = np.array([1.0, -2.0, 0.0, 4.0])
    exactly(seen(psn.ConstantStimulus(strength=strength)), np.tile(strength, (30, 1)))
    wave = np.sin(2 * np.pi * np.arange(30) / 9)
    exactly(seen(psn.SinStimulus(amplitude=strength, period=9.0)), np.outer(wave, strength))


def test_stimuli_add_up() -> None:
    parts = [
        psn.ConstantStimulus(strength=2.0, targets="outer"),
        psn.SinStimulus(period=9.0, baseline=0.5),
        psn.ArrayStimulus(data=np.arange(120.0).reshape(30, 4), dt=1.0),
        psn.SpikeStimulus(times=[3.0, 3.0], neurons=[1, 1]),
    ]
    together = parts[0] + parts[1] + parts[2] + parts[3]
    exactly(seen(together), sum(seen(part)[0] for part in parts))
    exactly(seen(parts[0] + parts[0]), 2 * seen(parts[0])[0])


def test_poisson_pulses_with_and_without_a_seed() -> None:
    fixed = psn.PoissonStimulus(mean_interval=8.0, duration=2.0, seed=5)
    one, other = seen(fixed, 200.0, trials=3, seed=1), seen(fixed, 200.0, trials=3, seed=2)
    assert (one == one[:1]).all()
    np.testing.assert_array_equal(one, other)
    free = psn.PoissonStimulus(mean_interval=8.0, duration=2.0)
    one, other = seen(free, 200.0, trials=3, seed=1), seen(free, 200.0, trials=3, seed=2)
    assert all((one[j] != one[k]).any() for j, k in ((0, 1), (1, 2), (0, 2)))
    assert (one != other).any()
    np.testing.assert_array_equal(one, seen(free, 200.0, trials=3, seed=1))
    # All neurons see the same pulses; two such stimuli of one run are different ones.
    assert (one == one[:, :, :1]).all()
    two = seen(free + free.replace(strength=10.0), 200.0)
    assert len(set(np.unique(two)) & {0.0, 1.0, 10.0, 11.0}) >= 3


@pytest.mark.parametrize("intervals", ["exponential", "poisson"])
def test_poisson_pulses_have_their_rate(intervals: str) -> None:
    dt, mean, duration = 0.1, 20.0, 20_000.0
    stimulus = psn.PoissonStimulus(mean_interval=mean, duration=dt, intervals=intervals, start=50.0)
    on = seen(stimulus, duration, dt, alone(1), trials=4)[:, :, 0] > 0
    assert not on[:, : round(50 / dt)].any()
    # Two onsets in one step are one pulse: an exponential interval is that of a step which is not empty.
    bins = 4 * (duration - 50) / dt
    p = 1 - np.exp(-dt / mean) if intervals == "exponential" else dt / mean
    variance = bins * p * (1 - p) if intervals == "exponential" else bins * p * (dt / mean)
    assert abs(on.sum() - bins * p) < 4 * np.sqrt(variance) + 4
    gaps = np.diff(np.flatnonzero(on[0])) * dt
    cv = gaps.std() / gaps.mean()
    expected = 1.0 if intervals == "exponential" else np.sqrt(dt / mean)
    assert cv == pytest.approx(expected, rel=6 / np.sqrt(gaps.size))


def test_poisson_input_has_the_mean_and_variance_of_a_poisson_process() -> None:
    rate, weight, dt, steps, n = 400.0, 2.5, 0.5, 20_000, 6
    x = seen(psn.PoissonInput(rate=rate, weight=weight), steps * dt, dt, alone(n))[0] / weight
    np.testing.assert_allclose(x, np.rint(x), atol=1e-9)
    mu, count = rate * dt / 1000, x.size
    assert abs(x.mean() - mu) < 4 * np.sqrt(mu / count)
    assert abs(x.var() - mu) < 4 * np.sqrt((mu + 2 * mu**2) / count)
    # Neurons are independent of each other, and so are steps.
    correlation = np.corrcoef(x, rowvar=False)[~np.eye(n, dtype=bool)]
    assert np.abs(correlation).max() < 5 / np.sqrt(steps)
    assert abs(np.corrcoef(x[1:, 0], x[:-1, 0])[0, 1]) < 5 / np.sqrt(steps)


def test_poisson_input_of_different_rates_and_targets() -> None:
    x = seen(psn.PoissonInput(rate=[100.0, 1000.0], weight=[1.0, -1.0], targets="outer"), 5000.0)[0]
    assert not x[:, 1:3].any()
    for column, rate, sign in ((0, 100.0, 1), (3, 1000.0, -1)):
        mu = rate / 1000
        assert abs(sign * x[:, column].mean() - mu) < 4 * np.sqrt(mu / 5000)
    assert not seen(psn.PoissonInput(rate=0.0)).any()


def test_white_noise() -> None:
    sigma, steps, n = 1.7, 20_000, 4
    x = seen(psn.NoiseCurrent(sigma=sigma), float(steps), 1.0, alone(n))[0]
    assert abs(x.mean()) < 4 * sigma / np.sqrt(x.size)
    assert abs(x.var() / sigma**2 - 1) < 4 * np.sqrt(2 / x.size)
    assert np.abs(np.corrcoef(x, rowvar=False)[~np.eye(n, dtype=bool)]).max() < 5 / np.sqrt(steps)
    assert abs(np.corrcoef(x[1:, 0], x[:-1, 0])[0, 1]) < 5 / np.sqrt(steps)


def test_coloured_noise_has_its_std_and_autocorrelation() -> None:
    sigma, tau, dt, steps, n = 0.8, 5.0, 0.5, 20_000, 8
    x = seen(psn.NoiseCurrent(sigma=sigma, tau=tau), steps * dt, dt, alone(n), trials=2)
    x = np.concatenate(list(x), axis=1)
    # One independent sample is worth (1 + a) / (1 - a) steps for the mean, (1 + a^2) / (1 - a^2) for the variance.
    a, count = np.exp(-dt / tau), x.size
    assert abs(x.mean()) < 4 * sigma * np.sqrt((1 + a) / (1 - a) / count)
    error = np.sqrt(2 * (1 + a**2) / (1 - a**2) / count)
    assert abs(x.var() / sigma**2 - 1) < 4 * error
    for lag in (1, 5, 10, 20):
        correlation = (x[lag:] * x[:-lag]).mean() / sigma**2
        assert abs(correlation - np.exp(-lag * dt / tau)) < 5 * error
    # Stationary from the first step on: over many neurons and seeds the first value has its full variance.
    first = np.array([seen(psn.NoiseCurrent(sigma=sigma, tau=tau), dt, dt, alone(500), seed=s)[0, 0] for s in range(4)])
    assert abs(first.var() / sigma**2 - 1) < 4 * np.sqrt(2 / first.size)


@pytest.mark.parametrize(
    "stimulus",
    [psn.PoissonInput(rate=1e4, start=5, stop=12), psn.NoiseCurrent(sigma=1, start=5, stop=12)],
    ids=["poisson", "noise"],
)
def test_drawn_input_begins_and_ends(stimulus: Any) -> None:
    x = seen(stimulus)[0]
    assert not x[:5].any()
    assert x[5:12].any(axis=1).all()
    assert not x[12:].any()


@pytest.mark.parametrize(
    "kernel",
    [
        psn.ExponentialKernel(tau=4.0, window=20.0),
        psn.ExponentialKernel(tau=4.0, gain=-2.0),
        psn.ArrayKernel(weights=[0.5, 0.0, -1.0]),
        psn.RaisedCosineKernel(weights=[1.0, -0.5], last_peak=8.0),
    ],
    ids=lambda kernel: type(kernel).__name__,
)
def test_channels_pass_through_their_kernel(kernel: Any) -> None:
    dt, steps = 0.5, 80
    data = np.random.default_rng(2).normal(0, 1, (steps, N))
    endless = isinstance(kernel, psn.ExponentialKernel) and kernel.window is None
    values = (kernel.replace(window=steps * dt) if endless else kernel).values(dt)
    expected = np.array([np.convolve(column, values)[:steps] for column in data.T]).T
    model = SILENT.replace(stimulus_kernels={"other": psn.ArrayKernel(weights=[7.0]), "light": kernel})
    light = psn.ArrayStimulus(data=data, dt=dt, channel="light")
    straight = psn.ConstantStimulus(strength=3.0)
    other = psn.ConstantStimulus(strength=1.0, channel="other", targets=[1])
    expected = expected + 3.0
    expected[:, 1] += 7.0
    ds = psn.simulate(
        model, ALONE, duration=steps * dt, dt=dt, stimulus=light + straight + other, record="drive", seed=0
    )
    np.testing.assert_allclose(ds.drive.values[0], expected, rtol=1e-9, atol=1e-9)
    # Two stimuli of one channel add up before the kernel.
    half = light.replace(strength=0.5)
    ds = psn.simulate(
        model, ALONE, duration=steps * dt, dt=dt, stimulus=half + half + straight + other, record="drive", seed=0
    )
    np.testing.assert_allclose(ds.drive.values[0], expected, rtol=1e-9, atol=1e-9)


def test_drive_and_simulate_see_the_same_stimulus() -> None:
    stimulus = psn.PoissonStimulus(mean_interval=4.0, duration=1.0) + psn.NoiseCurrent(sigma=1.0, tau=3.0)
    model = psn.Cascade(
        nonlinearity="softplus", emission="poisson", scale=0.5, self_kernel=psn.ArrayKernel(weights=[-1.0])
    )
    ds = psn.simulate(model, ALONE, duration=50.0, dt=0.5, stimulus=stimulus, record="drive", trials=2, seed=3)
    again = psn.drive(model, ALONE, spikes=ds, stimulus=stimulus)
    np.testing.assert_allclose(again.drive.values, ds.drive.values, rtol=1e-9, atol=1e-9)


def test_equilibration_is_without_stimulus() -> None:
    stimulus = psn.RegularStimulus(period=7.0, duration=2.0, start=3.0)
    ds = psn.simulate(
        SILENT, ALONE, duration=30.0, dt=1.0, stimulus=stimulus, equilibration=11.0, record="drive", seed=0
    )
    exactly(ds.drive.values, seen(stimulus)[0])


def test_values_per_target_follow_the_order_of_the_targets() -> None:
    net = alone(4).with_labels(["a", "b", "c", "d"]).with_groups(pair=[3, 0])
    for targets in ([3, 0], ["d", "a"], "pair"):
        exactly(seen(psn.ConstantStimulus(strength=[1.0, 2.0], targets=targets), 2, network=net), [[2, 0, 0, 1]] * 2)
        table = psn.ArrayStimulus(data=[[1.0, 2.0], [3.0, 4.0]], dt=1.0, targets=targets)
        exactly(seen(table, 2, network=net), [[2, 0, 0, 1], [4, 0, 0, 3]])
        mixed = psn.ArrayStimulus(data=[[1.0], [2.0]], dt=1.0, weights=[[1.0, 10.0]], targets=targets)
        exactly(seen(mixed, 2, network=net), [[10, 0, 0, 1], [20, 0, 0, 2]])
    rates = seen(psn.PoissonInput(rate=[0.0, 1e5], targets=[2, 1]), 20, network=net)[0]
    assert rates[:, 1].all()
    assert not rates[:, 2].any()
    exactly(seen(psn.ConstantStimulus(strength=1.0, targets=[1, 1]), 1, network=net), [[0, 1, 0, 0]])
    with pytest.raises(ValueError, match="targets must be distinct"):
        seen(psn.ConstantStimulus(strength=[1.0, 2.0], targets=[1, 1]), network=net)
