"""Recordings come back from every form as they were written, and fits and statistics take them."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyspikenet as psn

PAIR = psn.Network.from_edges(pre=[], post=[], n=2)
# Two trials of two neurons, in ms, none at a border of steps of 0.1 ms.
TRAINS = [[[10.03, 20.57, 99.95], [5.51]], [[], [0.04, 60.66]]]
ENDS = [[[10.1, 20.6, 100.0], [5.6]], [[], [0.1, 60.7]]]


def check_spikes(ds: Any, ends: Any = ENDS, duration: float = 100.0, labels: Any = (0, 1)) -> None:
    """Whether a dataset has these trains, of which each time is that of the end of its step."""
    assert (ds.sizes["trial"], ds.sizes["neuron"]) == (len(ends), len(ends[0]))
    for k, trial in enumerate(ends):
        for train, expected in zip(ds.spk.trains(k), trial, strict=True):
            np.testing.assert_allclose(train, expected, atol=1e-9)
    counts = np.array([[len(train) for train in trial] for trial in ends])
    np.testing.assert_allclose(ds.spk.rates(), counts / duration * 1000)
    np.testing.assert_allclose(ds.spk.counts(10.0).sum("time"), counts)
    np.testing.assert_array_equal(ds.neuron, labels)
    assert (ds.spk.t_start, ds.spk.t_stop) == (0.0, pytest.approx(duration))
    assert ds.spike_time.attrs["units"] == "ms"


def two_traces() -> tuple[Any, Any]:
    """Two trials of a potential [mV] that crosses 0 at samples 3 and 7, and only at 5; and the current [pA]."""
    v = np.full((2, 10), -65.0)
    v[0, [3, 4, 7]] = 0.0, 20.0, 1.0
    v[1, 5] = 30.0
    return v, np.arange(20.0).reshape(2, 10)


def check_traces(ds: Any, dt: float = 0.5, dims: tuple[str, ...] = ("trial", "time", "neuron")) -> None:
    """Whether a dataset has the two traces, and their crossings as spikes at the times of the samples."""
    v, current = two_traces()
    for name, values, unit in (("v", v, "mV"), ("I", current, "pA")):
        assert ds[name].dims == dims
        assert ds[name].attrs["units"] == unit
        np.testing.assert_allclose(ds[name].values.reshape(2, 10), values, rtol=1e-6)
    np.testing.assert_allclose(ds.time, np.arange(10) * dt)
    assert ds.time.attrs["units"] == "ms"
    check_spikes_of_traces(ds, dt)


def check_spikes_of_traces(ds: Any, dt: float) -> None:
    assert ds.spk.dt == pytest.approx(dt)
    assert [ds.spk.trains(k)[0].tolist() for k in (0, 1)] == [pytest.approx([3 * dt, 7 * dt]), pytest.approx([5 * dt])]


def test_spike_times_in_lists() -> None:
    check_spikes(psn.read_recording(TRAINS, t_stop=100.0))
    in_seconds = [[np.array(train) / 1000 for train in trial] for trial in TRAINS]
    check_spikes(psn.read_recording(in_seconds, t_stop=100.0, units="s"))
    check_spikes(psn.read_recording(in_seconds, t_stop=100.0, units={"time": "s"}, dt=0.1))
    check_spikes(psn.read_recording(TRAINS[0], t_stop=100.0), ENDS[:1])
    check_spikes(psn.read_recording(TRAINS[0][0], t_stop=100.0), [[ENDS[0][0]]], labels=[0])
    check_spikes(psn.read_recording([[], []], t_stop=100.0), [[[], []]])
    coarse = psn.read_recording(np.array([0.0, 1.0, 1.5, 2.0]), t_stop=4.0, dt=1.0)
    assert coarse.spike_time.values.tolist() == [1.0, 1.0, 2.0, 2.0]


def test_a_part_of_a_recording() -> None:
    part = psn.read_recording(TRAINS, t_start=20.0, t_stop=70.0)
    check_spikes(part, [[[0.6], []], [[], [40.7]]], 50.0)
    v, current = two_traces()
    ds = psn.read_recording({"v": v, "I": current}, dt=0.5, threshold=0.0, t_start=1.0, t_stop=4.0)
    assert ds.v.values[:, :, 0].tolist() == v[:, 2:8].tolist()
    assert ds.I.values[:, :, 0].tolist() == current[:, 2:8].tolist()
    assert ds.time.values.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    assert [ds.spk.trains(k)[0].tolist() for k in (0, 1)] == [[0.5, 2.5], [1.5]]


def test_traces_in_arrays() -> None:
    v, current = two_traces()
    check_traces(psn.read_recording({"v": v, "I": current}, dt=0.5, threshold=0.0))
    check_traces(psn.read_recording({"Voltage_V": v / 1000, "current [nA]": current / 1000, "dt_s": 5e-4}, threshold=0))
    given = {"a": v[:, :, None] * 1000, "b": current, "c": np.arange(10) * 5e-4}
    names, units = {"v": "a", "I": "b", "time": "c"}, {"time": "s", "v": "uV"}
    check_traces(psn.read_recording(given, columns=names, units=units, threshold=0.0))
    check_spikes_of_traces(psn.read_recording(v, dt=0.5, threshold=0.0), 0.5)
    alone = psn.read_recording(v[0], dt=0.5, threshold=0.0)
    assert alone.sizes["trial"] == 1
    assert alone.spk.trains()[0].tolist() == [1.5, 3.5]
    # One current for all trials, two neurons; a potential that is not asked for its spikes; spikes of its own.
    both = psn.read_recording({"v": np.stack([v, v], axis=2), "I": current[0]}, dt=0.5, threshold=0.0)
    assert (both.v.dims, both.I.dims) == (("trial", "time", "neuron"), ("trial", "time"))
    np.testing.assert_array_equal(both.I[0], both.I[1])
    assert psn.read_recording({"v": v}, dt=0.5).sizes["spike"] == 0
    own = psn.read_recording({"v": v, "spike_time": [1.2, 3.3], "trial": [0, 1]}, dt=0.5)
    assert own.spike_time.values.tolist() == [1.5, 3.5]
    assert own.spike_trial.values.tolist() == [0, 1]
    later = psn.read_recording(
        {"v": v, "time": 100 + np.arange(10) * 0.5, "spike_time": [101.2, 103.3], "trial": [0, 1]}
    )
    assert later.spike_time.equals(own.spike_time)


def test_numpy_files(tmp_path: Path) -> None:
    v, current = two_traces()
    np.savez(tmp_path / "a.npz", voltage_mV=v, current_pA=current, dt_ms=0.5)
    check_traces(psn.read_recording(tmp_path / "a.npz", threshold=0.0))
    np.save(tmp_path / "v.npy", v)
    check_spikes_of_traces(psn.read_recording(str(tmp_path / "v.npy"), dt=0.5, threshold=0.0), 0.5)
    rows = [(t, k, i) for k, trial in enumerate(TRAINS) for i, train in enumerate(trial) for t in train]
    time, trial, neuron = map(np.array, zip(*rows, strict=True))
    np.savez(tmp_path / "s.npz", spike_time=time, spike_neuron=neuron, spike_trial=trial)
    check_spikes(psn.read_recording(tmp_path / "s.npz", t_stop=100.0))


@pytest.mark.parametrize(("separator", "suffix"), [(",", ".csv"), (";", ".CSV"), ("\t", ".tsv")])
def test_tables(tmp_path: Path, separator: str, suffix: str) -> None:
    v, current = two_traces()
    path = tmp_path / f"traces{suffix}"
    rows = [("time (s)", "v_mV", "I_nA", "sweep")]
    rows += [(k * 5e-4, v[r, k], current[r, k] / 1000, r + 1) for r in (0, 1) for k in range(10)]  # type: ignore[misc]
    path.write_text("\n".join(separator.join(map(str, row)) for row in rows))
    check_traces(psn.read_recording(path, threshold=0.0))
    path = tmp_path / f"spikes{suffix}"
    rows = [("spike_time", "unit", "trial")]  # type: ignore[list-item]
    rows += [(t, "ab"[i], k) for k, trial in enumerate(TRAINS) for i, train in enumerate(trial) for t in train]  # type: ignore[misc]
    path.write_text("\n".join(separator.join(map(str, row)) for row in rows) + "\n")
    check_spikes(psn.read_recording(path, t_stop=100.0), labels=["a", "b"])
    path.write_text(path.read_text().replace("spike_time", "when").replace("unit", "who"))
    names = {"spike_time": "when", "neuron": "who"}
    check_spikes(psn.read_recording(path, t_stop=100.0, columns=names), labels=["a", "b"])


def block_of(t_start: float = 0.0) -> Any:
    """The trains and the traces as Neo has them, in seconds, volts and nanoamperes."""
    import neo
    import quantities as pq

    v, current = two_traces()
    block = neo.Block()
    for k, trial in enumerate(TRAINS):
        segment = neo.Segment(index=k)
        for name, train in zip(("left", "right"), trial, strict=True):
            times = np.array(train) / 1000 + t_start
            end = t_start + 0.1
            segment.spiketrains.append(neo.SpikeTrain(times, t_start=t_start, t_stop=end, units="s", name=name))
        block.segments.append(segment)
        for name, values, unit in (("membrane", v[k] / 1000, "V"), ("injected", current[k] / 1000, "nA")):
            signal = neo.AnalogSignal(
                values[:, None], units=unit, sampling_rate=2 * pq.kHz, t_start=t_start * pq.s, name=name
            )
            segment.analogsignals.append(signal)
    return block


def test_objects_of_neo() -> None:
    block = block_of(t_start=3.0)
    ds = psn.read_recording(block, dt=0.5)
    ends = [[np.ceil(np.array(train) * 2) / 2 for train in trial] for trial in TRAINS]
    check_spikes(ds, ends, labels=["left", "right"])
    assert ds.v.dims == ds.I.dims == ("trial", "time")
    check_traces(psn.read_recording(block, threshold=0.0, columns={"v": "membrane"}, t_stop=5.0))
    check_spikes(psn.read_recording(block.segments[0], dt=0.5), ends[:1], labels=["left", "right"])
    for segment in block.segments:
        segment.analogsignals.clear()
    check_spikes(psn.read_recording(block), labels=["left", "right"])
    check_spikes(psn.read_recording(block.segments), labels=["left", "right"])
    check_spikes(psn.read_recording(list(block.segments[1].spiketrains)), ENDS[1:], labels=["left", "right"])


def test_files_of_neo(tmp_path: Path) -> None:
    import neo

    neo.io.PickleIO(str(tmp_path / "a.pkl")).write_block(block_of(1.0))
    check_traces(psn.read_recording(tmp_path / "a.pkl", threshold=0.0, t_stop=5.0))
    neo.io.NeoMatlabIO(str(tmp_path / "a.mat")).write_block(block_of())
    check_traces(psn.read_recording(tmp_path / "a.mat", threshold=0.0, t_stop=5.0))
    (tmp_path / "a.unknown").write_text("?")
    with pytest.raises(ValueError, match="recording must be a file in a format that is known here or to Neo"):
        psn.read_recording(tmp_path / "a.unknown")


def test_a_dataset_through_neo() -> None:
    noise = psn.ConstantStimulus(strength=20.0) + psn.NoiseCurrent(sigma=30.0, tau=5.0)
    ds = psn.simulate(psn.LIF(), PAIR, duration=100, trials=[4, 7], stimulus=noise, record=["v", "I"], seed=1)
    assert ds.sizes["spike"] > 20
    block = ds.spk.to_neo()
    assert [segment.name for segment in block.segments] == ["trial 4", "trial 7"]
    train = block.segments[1].spiketrains[0]
    np.testing.assert_allclose(train.rescale("s").magnitude * 1000, ds.spk.trains(7)[0])
    assert train.t_stop.rescale("ms").magnitude == 100.0
    assert [x.name for x in block.segments[0].analogsignals] == ["v", "I"]
    again = psn.read_recording(block)
    np.testing.assert_allclose(again.spike_time, ds.spike_time)
    np.testing.assert_array_equal(again.spike_neuron, ds.spike_neuron)
    np.testing.assert_allclose(again.v, ds.v)
    np.testing.assert_allclose(again.I, ds.I * 1000)  # from nA to pA
    np.testing.assert_allclose(again.time, ds.time)
    assert again.spk.t_stop == pytest.approx(ds.spk.t_stop)
    assert psn.io.to_neo(again).segments[0].analogsignals[0].units == block.segments[0].analogsignals[0].units


def write_nwb(path: Path, sweeps: bool, units: bool) -> None:
    from datetime import UTC, datetime

    import pynwb

    file = pynwb.NWBFile("a test", "test", datetime(2026, 1, 1, tzinfo=UTC))
    if sweeps:
        v, current = two_traces()
        device = file.create_device("amplifier")
        electrode = file.create_icephys_electrode(name="e", description="-", device=device)
        for k in (1, 0):
            common = {"electrode": electrode, "rate": 2000.0, "starting_time": 10.0 * k, "gain": 1.0}
            common |= {"sweep_number": np.uint64(k)}
            response = pynwb.icephys.CurrentClampSeries(
                name=f"response{k}", data=v[k], conversion=1e-3, unit="volts", **common
            )
            step = pynwb.icephys.CurrentClampStimulusSeries(
                name=f"zstimulus{1 - k}", data=current[k] * 1e-12, unit="amperes", **common
            )
            file.add_acquisition(response)
            file.add_stimulus(step)
    if units:
        for train in TRAINS[0]:
            file.add_unit(spike_times=np.array(train) / 1000, obs_intervals=[[0.0, 0.1]])
    with pynwb.NWBHDF5IO(str(path), "w") as file_io:
        file_io.write(file)


def test_neurodata_without_borders(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    write_nwb(path, sweeps=True, units=False)
    check_traces(psn.read_recording(path, threshold=0.0))
    write_nwb(path, sweeps=False, units=True)
    check_spikes(psn.read_recording(path), ENDS[:1])
    write_nwb(path, sweeps=True, units=True)
    both = psn.read_recording(path)
    assert both.sizes["trial"] == 2
    assert both.v.dims == ("trial", "time")
    assert both.spike_time.values.tolist() == [5.0] * 0  # no spike of the units is within the first 5 ms
    named = psn.read_recording(path, columns={"v": "response1", "I": "zstimulus0"})
    np.testing.assert_allclose(named.v, two_traces()[0][1:])
    write_nwb(path, sweeps=False, units=False)
    with pytest.raises(ValueError, match="recording must hold units with spike times, or sweeps of current clamp"):
        psn.read_recording(path)


def test_events_of_a_camera(tmp_path: Path) -> None:
    """Written by one library, read by another."""
    import faery

    path = tmp_path / "a.aedat4"
    events = np.zeros(4, faery.EVENTS_DTYPE)
    events["t"] = [1_000_000, 1_000_450, 1_002_000, 1_002_000]
    events["x"], events["y"] = [0, 2, 2, 2], [0, 1, 1, 1]
    events["on"] = [True, True, False, True]
    faery.events_stream_from_array(events, dimensions=(3, 2)).to_file(path)
    ds = psn.read_recording(path)
    assert ds.sizes["neuron"] == 12
    assert ds.spike_time.values.tolist() == pytest.approx([0.1, 0.5, 2.0, 2.0])
    who = ds.isel(neuron=ds.spike_neuron.values)
    assert who.x.values.tolist() == [0, 2, 2, 2]
    assert who.y.values.tolist() == [0, 1, 1, 1]
    assert who.polarity.values.tolist() == ["on", "on", "on", "off"]
    assert ds.spk.rates().sum().item() == pytest.approx(2000.0)
    old = tmp_path / "b.aedat"
    old.write_bytes(b"#!AER-DAT3.1\r\n" + bytes(64))
    with pytest.raises(ValueError, match=r"AEDAT 4, .* got .*#!AER-DAT3.1"):
        psn.read_recording(old)


def test_what_is_read_can_be_saved_compared_and_fitted(tmp_path: Path) -> None:
    noise = psn.ConstantStimulus(strength=21.0) + psn.NoiseCurrent(sigma=5.0, tau=5.0)
    truth = psn.simulate(psn.LIF(), PAIR, duration=100, trials=2, stimulus=noise, record=["v", "I"], seed=1)
    trains = [truth.spk.trains(k) for k in (0, 1)]
    ds = psn.read_recording({"spike_time": trains, "v": truth.v.values, "I": truth.I.values}, dt=0.1, units={"I": "nA"})
    psn.save(ds, tmp_path / "a.nc")
    assert psn.load(tmp_path / "a.nc").identical(ds)
    assert (psn.van_rossum_distance(ds, truth, tau=10.0) < 1e-6).all()
    assert (psn.spike_distance(ds, truth) < 1e-6).all()
    np.testing.assert_allclose(psn.coincidence_factor(ds, truth, window=2.0), 1.0)
    current = psn.ArrayStimulus(data=ds.I.values / 1000, dt=0.1)
    loss = psn.VanRossum(tau=10.0) + psn.VoltageLoss(values=ds.v)
    at_truth = psn.gradient(loss, psn.LIF(), PAIR, current, wrt=["tau_m"], data=ds)
    assert at_truth.loss == pytest.approx(0.0, abs=1e-12)
    found = psn.fit(
        psn.LIF(tau_m=18.0), PAIR, ds, free=["tau_m"], loss=loss, stimulus=current, epochs=3, learning_rate=0.1
    )
    assert found.loss < found.history.loss[0].item()
    glm = psn.fit_glm(ds, dt=1.0, emission="poisson", history=psn.RaisedCosine(n=2, window=10.0))
    assert np.isfinite(glm.history).all()


@pytest.mark.parametrize(
    ("problem", "message", "arguments"),
    [
        (ValueError, "t_stop must be given for spike times", {"recording": TRAINS}),
        (ValueError, r"spike times in 0..50 ms.*|t_stop", {"recording": [[-1.0]], "t_start": 0.0}),
        (ValueError, r"recording must have as many neurons in each trial, got 2", {"recording": [TRAINS[0], [[1.0]]]}),
        (ValueError, "recording must be spike times, .* got an array of shape", {"recording": np.zeros((3, 4))}),
        (TypeError, "recording must be spike times, .* got 5", {"recording": 5}),
        (TypeError, "recording must not be a dataset", {"recording": psn.simulate}),
        (FileNotFoundError, "recording must be data or the path of a file", {"recording": "not/there.csv"}),
        (ValueError, "recording must hold an array v, I or spike_time", {"recording": {"x": [1.0]}}),
        (ValueError, "dt must be given for sampled signals", {"recording": {"v": [1.0, 2.0]}}),
        (
            ValueError,
            r"v must have shape \(trial, time, neuron\)",
            {"recording": {"v": np.zeros((2, 3, 9))}, "dt": 1.0},
        ),
        (ValueError, "v and I must have as many samples", {"recording": {"v": [1.0, 2.0], "I": [1.0]}, "dt": 1.0}),
        (
            ValueError,
            "v and I must have as many trials",
            {"recording": {"v": np.ones((3, 4)), "I": np.ones((2, 4))}, "dt": 1},
        ),
        (ValueError, "time must be regular", {"recording": {"v": [1, 2, 3], "time": [0, 1, 3]}}),
        (ValueError, "threshold must not be given without", {"recording": TRAINS, "threshold": 0.0}),
        (ValueError, "dt must be that of the samples", {"recording": {"v": [1, 2, 3], "dt": 1.0}, "dt": 0.5}),
        (ValueError, "units must be of time, v, I", {"recording": TRAINS, "units": {"x": "s"}}),
        (ValueError, r"units\['time'\] must be one of s, ms", {"recording": TRAINS, "units": "hour"}),
        (ValueError, "columns must be for spike_time", {"recording": TRAINS, "columns": {"x": "s"}}),
        (ValueError, r"columns\['v'\] must be one of", {"recording": {"w": [1.0]}, "columns": {"v": "u"}}),
        (ValueError, "columns must say which is 'v'", {"recording": {"v": [1.0], "vm": [1.0]}, "dt": 1.0}),
        (ValueError, "t_stop must be after t_start", {"recording": TRAINS, "t_start": 5.0, "t_stop": 5.0}),
        (ValueError, "t_stop must be no later", {"recording": {"v": [1, 2, 3], "dt": 1.0}, "t_stop": 9.0}),
        (ValueError, "finite spike times", {"recording": [[np.nan]], "t_stop": 9.0}),
    ],
)
def test_bad_arguments(problem: type[Exception], message: str, arguments: dict[str, Any]) -> None:
    if arguments["recording"] is psn.simulate:
        arguments = {"recording": psn.simulate(psn.LIF(), PAIR, duration=1)}
    with pytest.raises(problem, match=message):
        psn.read_recording(**arguments)


def test_bad_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text, message in (
        ("a,b\n1,2\n", "recording must be a table with a column spike_time, v or I"),
        ("v,I\n", "at least one row"),
        ("v,v\n1,2\n", "different names"),
        ("v,I\n1,2,3\n", "row 2 has 3 values in place of 2"),
        ("v,I\n1,x\n", "column 'I' of .* must be numbers"),
        ("v,trial\n1,0\n2,0\n3,1\n", "as many samples in each trial, got 1 to 2"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            psn.read_recording(path, dt=1.0)


@pytest.mark.parametrize(
    ("package", "extra", "name"), [("neo", "neo", "a.abf"), ("pynwb", "nwb", "a.nwb"), ("aedat", "aedat", "a.aedat4")]
)
def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, extra: str, name: str
) -> None:
    (tmp_path / name).write_bytes(b"x")
    real = builtins.__import__

    def without(wanted: str, *rest: Any, **more: Any) -> Any:
        # Imports within this package have a level.
        if wanted.split(".")[0] == package and not (rest[3] if len(rest) > 3 else more.get("level", 0)):
            raise ImportError(wanted)
        return real(wanted, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=rf"need the package {package}; install pyspikenet\[{extra}\]"):
        psn.read_recording(tmp_path / name)
