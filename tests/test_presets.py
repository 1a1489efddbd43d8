"""Presets: each shows what it is named after, under the input it was published with."""

from typing import Any

import numpy as np
import pytest

import pyspikenet as psn

NONE = psn.Network.from_edges(pre=[], post=[], n=1)
WITH_PRESETS: list[Any] = [psn.LIF, psn.AdEx, psn.Izhikevich, psn.GLIF, psn.MAT]


def published(cls: Any, name: str, **options: Any) -> Any:
    return psn.simulate(cls.preset(name), NONE, **cls.preset_input(name), **options)


def times(cls: Any, name: str) -> np.ndarray:
    return published(cls, name).spike_time.values


def under(model: Any, strength: float, duration: float = 500.0, **more: Any) -> np.ndarray:
    stimulus = psn.ConstantStimulus(strength=strength, **more)
    return psn.simulate(model, NONE, duration=duration, stimulus=stimulus).spike_time.values


def bursts(spikes: np.ndarray, gap: float) -> list[np.ndarray]:
    """The spikes in groups that are more than `gap` apart."""
    return np.split(spikes, np.flatnonzero(np.diff(spikes) > gap) + 1)


def turns(v: np.ndarray) -> int:
    """How often v turns from rising to falling or back."""
    return int(np.count_nonzero(np.diff(np.sign(np.diff(v)))))


def cv(spikes: np.ndarray) -> float:
    intervals = np.diff(spikes)
    return float(intervals.std() / intervals.mean())


# ---- Izhikevich 2004 ------------------------------------------------------------------------------------------------


def script(name: str) -> list[float]:
    """The loop of the published script: v first, u from the new v."""
    model, given = psn.Izhikevich.preset(name), psn.Izhikevich.preset_input(name)
    dt, start = given["dt"], given["initial_state"]
    assert start is not None
    v, u, found = start["v"], start["u"], []
    for k, current in enumerate(given["stimulus"].data):
        v = v + dt * (model.k_2 * v**2 + model.k_1 * v + model.k_0 - u + current)
        u = u + dt * model.a * (model.b * (v - model.v_u) - model.k_u * u)
        if v > 30:
            v, u = model.c, u + model.d
            found.append((k + 1) * dt)
    return found


BEHAVIOURS = psn.Izhikevich.presets()[7:]


def test_there_are_seven_cells_and_twenty_behaviours() -> None:
    assert len(BEHAVIOURS) == 20
    assert len(psn.Izhikevich.presets()) == 27


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_spikes_are_those_of_the_published_script(name: str) -> None:
    np.testing.assert_allclose(times(psn.Izhikevich, name), script(name), rtol=1e-12)


def test_tonic_and_phasic_spiking() -> None:
    tonic = times(psn.Izhikevich, "tonic spiking")
    assert len(tonic) >= 4
    assert tonic[0] > 10
    assert np.diff(tonic)[-1] == pytest.approx(np.diff(tonic)[-2], rel=0.05)
    phasic = times(psn.Izhikevich, "phasic spiking")
    assert len(phasic) == 1
    assert 20 < phasic[0] < 60


def test_tonic_and_phasic_bursting() -> None:
    tonic = times(psn.Izhikevich, "tonic bursting")
    groups = bursts(tonic, 10.0)
    assert len(groups) >= 4
    assert all(len(group) >= 2 for group in groups[:-1])
    assert cv(tonic) > 0.8
    phasic = times(psn.Izhikevich, "phasic bursting")
    assert len(bursts(phasic, 15.0)) == 1
    assert len(phasic) >= 4
    assert phasic[-1] < 100, "the current lasts till 200 ms"


def test_mixed_mode_is_a_burst_and_then_single_spikes() -> None:
    groups = bursts(times(psn.Izhikevich, "mixed mode"), 10.0)
    assert [len(group) for group in groups] == [3, 1, 1, 1]


def test_spike_frequency_adaptation() -> None:
    intervals = np.diff(times(psn.Izhikevich, "spike frequency adaptation"))
    assert (np.diff(intervals) > 0).all()
    assert intervals[-1] > 10 * intervals[0]


def test_excitability_of_class_1_begins_slowly_and_of_class_2_at_once() -> None:
    one, two = (np.diff(times(psn.Izhikevich, f"class {k} excitable")) for k in (1, 2))
    assert one[0] > 35
    assert two[0] < 25
    assert one[0] / one[-1] > 2.5
    assert (np.diff(one) < 0).all()


def test_spike_latency() -> None:
    spikes = times(psn.Izhikevich, "spike latency")
    assert len(spikes) == 1
    assert spikes[0] > 13 + 10, "ten milliseconds and more after the end of the pulse"


def test_subthreshold_oscillations() -> None:
    ds = published(psn.Izhikevich, "subthreshold oscillations", record="v")
    assert ds.sizes["spike"] == 1
    v = ds.v.values[0, ds.time.values > 60, 0]
    assert turns(v) >= 5, "at least two periods"
    assert v.max() < -55


def test_resonator_and_integrator_prefer_different_intervals() -> None:
    resonator, integrator = times(psn.Izhikevich, "resonator"), times(psn.Izhikevich, "integrator")
    assert len(resonator) == len(integrator) == 1
    assert 320 < resonator[0] < 360, "pulses at 40 and 60 do not, those at 280 and 320 do"
    assert 14 < integrator[0] < 30, "pulses 5 ms apart do, those 10 ms apart do not"


def test_rebound_after_inhibition() -> None:
    spike, burst = times(psn.Izhikevich, "rebound spike"), times(psn.Izhikevich, "rebound burst")
    assert len(spike) == 1
    assert len(burst) >= 4
    assert len(bursts(burst, 10.0)) == 1
    assert min(spike[0], burst[0]) > 25, "after the inhibition from 20 to 25 ms"


def test_threshold_variability() -> None:
    spikes = times(psn.Izhikevich, "threshold variability")
    assert len(spikes) == 1
    assert spikes[0] > 80, "the same pulse is enough only after inhibition"


def test_bistability_is_switched_on_and_off_by_the_same_pulse() -> None:
    spikes = times(psn.Izhikevich, "bistability")
    assert len(spikes) >= 4
    assert spikes[0] > 37.5
    assert spikes[-1] < 221
    assert cv(spikes) < 0.05


def test_depolarizing_after_potential() -> None:
    ds = published(psn.Izhikevich, "depolarizing after-potential", record="v")
    assert ds.sizes["spike"] == 1
    v = ds.v.values[0, :, 0]
    k = round(ds.spike_time.item() / 0.1) - 1
    assert v[k] == -60
    assert v[k + 1 :].max() > -58, "higher than where the reset left it, and than rest at -70 mV"


def test_accommodation() -> None:
    spikes = times(psn.Izhikevich, "accommodation")
    assert len(spikes) == 1
    assert 300 < spikes[0] <= 315, "the fast ramp, though it ends at half the current of the slow one"


def test_inhibition_induced_spiking_and_bursting() -> None:
    spiking = times(psn.Izhikevich, "inhibition-induced spiking")
    bursting = times(psn.Izhikevich, "inhibition-induced bursting")
    for spikes in (spiking, bursting):
        assert spikes[0] > 50
        assert spikes[-1] < 250
    assert len(bursts(spiking, 30.0)) == len(spiking) >= 3
    assert len(bursts(bursting, 30.0)) >= 2
    assert len(bursting) >= 5 * len(bursts(bursting, 30.0))


# ---- Izhikevich 2003 ------------------------------------------------------------------------------------------------


def test_cells_of_2003() -> None:
    spikes = {short: times(psn.Izhikevich, short) for short in psn.Izhikevich.ABBREVIATIONS}
    intervals = {name: np.diff(x) for name, x in spikes.items()}
    assert intervals["RS"][-1] > 2 * intervals["RS"][0], "adapts"
    assert len(spikes["FS"]) > 4 * len(spikes["RS"])
    assert intervals["FS"][-1] < 2 * intervals["FS"][0], "does not adapt much"
    assert [len(x) for x in bursts(spikes["IB"], 10.0)][:4] == [3, 1, 1, 1]
    assert all(len(x) >= 3 for x in bursts(spikes["CH"], 12.0)[:-1])
    assert len(bursts(spikes["CH"], 12.0)) >= 5
    assert intervals["LTS"][-1] > 2 * intervals["LTS"][0]
    assert len(spikes["TC"]) > 100


def test_low_threshold_thalamo_cortical_and_resonator_cells() -> None:
    weak = {name: under(psn.Izhikevich.preset(name), 1.0) for name in ("LTS", "RS", "FS")}
    assert len(weak["LTS"]) > 0 == len(weak["RS"]) == len(weak["FS"])
    start = {"v": -64.4, "u": 0.25 * -64.4}
    inhibition = psn.ConstantStimulus(strength=-29.5, stop=300.0)  # to -87 mV
    released = psn.simulate(
        psn.Izhikevich.preset("TC"), NONE, duration=600.0, stimulus=inhibition, initial_state=start
    ).spike_time.values
    assert len(released) >= 5
    assert released[0] > 300
    assert released[-1] < 450, "a rebound burst"
    pulse = psn.ConstantStimulus(strength=0.3, start=10.0, stop=12.0)
    start = {"v": -62.5, "u": 0.26 * -62.5}
    v = psn.simulate(
        psn.Izhikevich.preset("RZ"), NONE, duration=200.0, stimulus=pulse, initial_state=start, record="v"
    ).v.values[0, 200:, 0]
    assert turns(v) >= 5, "oscillates below the threshold"


# ---- the others -----------------------------------------------------------------------------------------------------


def test_firing_patterns_of_adex() -> None:
    spikes = {name: times(psn.AdEx, name) for name in psn.AdEx.presets()}
    intervals = {name: np.diff(x) for name, x in spikes.items()}
    assert np.ptp(intervals["tonic spiking"][10:]) < 0.11
    assert (np.diff(intervals["adapting"][:7]) > 0).all()
    assert intervals["adapting"][-1] > 5 * intervals["adapting"][0]
    assert [len(x) for x in bursts(spikes["initial burst"], 20.0)][:4] == [3, 1, 1, 1]
    groups = [len(x) for x in bursts(spikes["regular bursting"], 20.0)]
    assert len(groups) >= 4
    assert groups[0] >= groups[1] == groups[2] == 2
    assert spikes["delayed accelerating"][0] > 2 * spikes["tonic spiking"][0]
    assert (np.diff(intervals["delayed accelerating"][:20]) < 0).all()
    groups = [len(x) for x in bursts(spikes["delayed regular bursting"], 20.0)]
    assert len(groups) >= 6
    assert set(groups) == {4}
    assert spikes["delayed regular bursting"][0] > 50
    assert len(spikes["transient spiking"]) == 1
    late = intervals["irregular spiking"][6:]
    assert late.std() / late.mean() > 0.3
    assert len(np.unique(late.round(1))) > 0.8 * len(late), "no period"


def test_cells_of_mat() -> None:
    spikes = {name: times(psn.MAT, name) for name in psn.MAT.presets()}
    intervals = {name: np.diff(x) for name, x in spikes.items()}
    assert all(x[0] > 100 and x[-1] < 601 for x in spikes.values())
    assert intervals["regular spiking"][-1] > 2 * intervals["regular spiking"][0] > 20
    assert intervals["intrinsic bursting"][0] < 5 < 25 < intervals["intrinsic bursting"][-1]
    assert len(spikes["fast spiking"]) > 4 * len(spikes["regular spiking"])
    assert np.ptp(intervals["fast spiking"][-20:]) < 0.25
    groups = [len(x) for x in bursts(spikes["chattering"], 10.0)]
    assert len(groups) >= 6
    assert set(groups[1:]) == {3}
    assert intervals["chattering"].min() == pytest.approx(2.0), "the refractory period"


def test_levels_of_glif() -> None:
    stimulus = psn.ConstantStimulus(strength=400.0)
    runs = {
        name: psn.simulate(
            psn.GLIF.preset(name), NONE, duration=1000.0, stimulus=stimulus, record=list(psn.GLIF.variables)
        )
        for name in psn.GLIF.presets()
    }
    intervals = {name: np.diff(ds.spike_time.values) for name, ds in runs.items()}
    assert np.ptp(intervals["GLIF1"]) < 1e-9
    for name, moving in {
        "GLIF1": set(), "GLIF2": {"theta_s"}, "GLIF3": {"I_1", "I_2"}, "GLIF4": {"theta_s", "I_1", "I_2"},
        "GLIF5": {"theta_s", "theta_v", "I_1", "I_2"},
    }.items():  # fmt: skip
        assert {x for x in psn.GLIF.variables if x != "v" and np.ptp(runs[name][x].values) > 0} == moving
    lowest = {name: ds.v.values[0, 200:, 0].min() for name, ds in runs.items()}
    assert lowest["GLIF1"] == lowest["GLIF3"] == -78.85
    assert min(lowest["GLIF2"], lowest["GLIF4"], lowest["GLIF5"]) > -65, "the reset rule leaves it higher"
    assert intervals["GLIF2"][-1] > 1.2 * intervals["GLIF2"][0], "the threshold rises"
    assert intervals["GLIF3"][-1] > 1.5 * intervals["GLIF3"][0], "after-spike currents add up"
    counts = {name: ds.sizes["spike"] for name, ds in runs.items()}
    assert counts["GLIF2"] > counts["GLIF1"] > counts["GLIF4"] > counts["GLIF5"]


@pytest.mark.parametrize("name", psn.LIF.presets())
def test_cells_of_lif_fire_as_their_parameters_say(name: str) -> None:
    model = psn.LIF.preset(name)
    intervals = np.diff(under(model, 0.6))
    distance = model.E_L + model.R * 0.6
    expected = model.refractory_period + model.tau_m * np.log(
        (distance - model.v_reset) / (distance - model.v_threshold)
    )
    # The threshold is looked at once per step, and the step of the spike belongs to the refractory period.
    assert np.abs(intervals - expected).max() < 0.1 + 1e-9
    assert len(under(model, 20.1 / model.R)) > 0 == len(under(model, 19.9 / model.R)), "the rheobase is 20 mV / R"


# ---- names ----------------------------------------------------------------------------------------------------------


def test_names_may_be_spelt_in_several_ways() -> None:
    chattering = psn.Izhikevich(a=0.02, b=0.2, c=-50.0, d=2.0)
    for name in ("chattering", "Chattering", "CH", "ch"):
        assert psn.Izhikevich.preset(name) == chattering
    assert psn.Izhikevich.preset("Tonic_Bursting") == psn.Izhikevich.preset("tonic-bursting")
    assert psn.Izhikevich.preset("tonic bursting").replace(d=3.0).d == 3.0


@pytest.mark.parametrize("cls", WITH_PRESETS, ids=lambda cls: cls.__name__)
def test_presets_differ_and_all_names_are_known(cls: Any) -> None:
    names = cls.presets()
    models = {cls.preset(name) for name in names}
    # Some behaviours of 2004 differ in their input only.
    assert len(models) >= len(names) - 3
    assert all(isinstance(model, cls) for model in models)
    for name in names:
        if cls.PRESETS[name].current is not None:
            given = cls.preset_input(name)
            assert given["stimulus"].data.size == round(given["duration"] / given["dt"])


def test_unknown_names_and_missing_inputs() -> None:
    with pytest.raises(ValueError, match=r"one of Izhikevich.presets\(\), perhaps 'tonic bursting', got 'tonic burst'"):
        psn.Izhikevich.preset("tonic burst")
    with pytest.raises(TypeError, match="name must be the name of a preset of AdEx, got 3"):
        psn.AdEx.preset(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="published input, got 'GLIF3'"):
        psn.GLIF.preset_input("GLIF3")
