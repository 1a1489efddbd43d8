"""Norse's cells in discrete time, and cells that are advanced one step at a time: reference values, NumPy, bits."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pyspikenet as psn
from pyspikenet.models import MembraneModel
from pyspikenet.models.discrete import DiscreteCell

Cell = Mapping[str, Any]
Array = NDArray[np.float64]

DISCRETE: list[DiscreteCell] = [
    psn.LI(), psn.LIBox(), psn.LIFBox(), psn.LIFCurrent(), psn.LIFEx(), psn.LIFAdEx(), psn.LSNN(), psn.IAF(),
    psn.LIFRefrac(),
]  # fmt: skip
OTHERS: list[MembraneModel] = [
    psn.LIF(refractory_period=0.5),
    psn.CobaLIF(refractory_period=0.5),
    psn.AdEx(refractory_period=0.5),
    psn.Izhikevich(),
    psn.GIF(),
]
ids = {"ids": lambda model: type(model).__name__}


# ---- the same cells in NumPy, written from the equations of the models' docstrings ----------------------------------


def current_and_potential(p: Cell, s: dict[str, Array], x: Array, more: Any, dt: float) -> tuple[Array, Array]:
    i = s["i"] + x
    v = s["v"] + dt * p["tau_mem_inv"] * (p["v_leak"] - s["v"] + more + i)
    return v, i - dt * p["tau_syn_inv"] * i


def exponential(p: Cell, v: Array) -> Array:
    return np.asarray(p["delta_T"] * np.exp((v - p["v_th"]) / p["delta_T"]))


def li(p: Cell, s: dict[str, Array], x: Array, dt: float) -> Array:
    s["v"], s["i"] = current_and_potential(p, s, x, 0.0, dt)
    return np.zeros(x.shape, bool)


def li_box(p: Cell, s: dict[str, Array], x: Array, dt: float) -> Array:
    s["v"] = s["v"] + dt * p["tau_mem_inv"] * (p["v_leak"] - s["v"] + x)
    return np.zeros(x.shape, bool)


def lif_box(p: Cell, s: dict[str, Array], x: Array, dt: float) -> Array:
    li_box(p, s, x, dt)
    return spike(p, s, s["v"] > p["v_th"])


def lif_current(p: Cell, s: dict[str, Array], x: Array, dt: float) -> Array:
    li(p, s, x, dt)
    return spike(p, s, s["v"] > p["v_th"])


def lif_ex(p: Cell, s: dict[str, Array], x: Array, dt: float) -> Array:
    s["v"], s["i"] = current_and_potential(p, s, x, exponential(p, s["v"]), dt)
    return spike(p, s, s["v"] > p["v_th"])


def lif_adex(p: Cell, s: dict[str, Array], x: Array, dt: float) -> Array:
    old = dict(s)
    s["v"], s["i"] = current_and_potential(p, old, x, exponential(p, old["v"]) - old["a"], dt)
    s["a"] = old["a"] + dt * p["tau_ada_inv"] * (p["adaptation_current"] * (old["v"] - p["v_leak"]) - old["a"])
    fired = spike(p, s, s["v"] > p["v_th"])
    s["a"] = s["a"] + p["adaptation_spike"] * fired
    return fired


def lsnn(p: Cell, s: dict[str, Array], x: Array, dt: float) -> Array:
    s["v"] = s["v"] + dt * p["tau_mem_inv"] * (p["v_leak"] - s["v"] + s["i"])
    s["i"] = s["i"] - dt * p["tau_syn_inv"] * s["i"] + x
    s["b"] = s["b"] + dt * p["tau_adapt_inv"] * (p["v_th"] - s["b"])
    fired = spike(p, s, s["v"] > s["b"])
    s["b"] = s["b"] + p["beta"] * fired
    return fired


def iaf(p: Cell, s: dict[str, Array], x: Array, dt: float) -> Array:
    s["v"] = s["v"] + x
    return spike(p, s, s["v"] > p["v_th"])


def lif_refrac(p: Cell, s: dict[str, Array], x: Array, dt: float) -> Array:
    held, v = s.setdefault("rho", np.zeros(x.shape)) > 0, s["v"]
    li(p, s, x, dt)
    s["v"] = np.where(held, v, s["v"])
    fired = spike(p, s, (s["v"] > p["v_th"]) & ~held)
    s["rho"] = np.where(fired, np.ceil(p["rho_reset"]), np.maximum(s["rho"] - 1, 0))
    return fired


def spike(p: Cell, s: dict[str, Array], fired: Any) -> Array:
    s["v"] = np.where(fired, p["v_reset"], s["v"])
    return np.asarray(fired)


IN_NUMPY: dict[str, Callable[[Cell, dict[str, Array], Array, float], Array]] = {
    "LI": li, "LIBox": li_box, "LIFBox": lif_box, "LIFCurrent": lif_current, "LIFEx": lif_ex, "LIFAdEx": lif_adex,
    "LSNN": lsnn, "IAF": iaf, "LIFRefrac": lif_refrac,
}  # fmt: skip


def unusual(model: DiscreteCell, n: int, rng: np.random.Generator) -> DiscreteCell:
    """The cell with every parameter away from its default and different for each neuron."""
    defaults = {name: getattr(model, name) for name in model.units()}
    shifts = {"v_leak": -0.2, "v_reset": -0.1, "tau_adapt_inv": 20.0, "tau_ada_inv": 30.0}
    return model.replace(
        **{name: (value + shifts.get(name, 0.0)) * rng.uniform(0.8, 1.2, n) for name, value in defaults.items()}
    )


def at_rest(model: DiscreteCell, n: int) -> dict[str, Array]:
    p: Cell = model.to_dict()
    values = {"v": p.get("v_leak", p.get("v_reset")), "i": 0.0, "a": 0.0, "b": p.get("v_th")}
    return {name: np.broadcast_to(np.asarray(values[name], float), n).copy() for name in model.variables}


@pytest.mark.parametrize("dt", [1.0, 0.3])
@pytest.mark.parametrize("model", DISCRETE, **ids)
@pytest.mark.parametrize("parameters", ["default", "unusual"])
def test_cells_are_those_of_the_equations(model: DiscreteCell, parameters: str, dt: float) -> None:
    n, n_steps, rng = 9, 200, np.random.default_rng(4)
    if parameters == "unusual":
        model = unusual(model, n, rng)
    x = rng.normal(0.3, 0.8, (n_steps, n)) * rng.uniform(0.2, 2, n) * (5.0 if "i" not in model.variables else 1.0)
    spikes, state, recorded = psn.lift(model, x, dt=dt, record=list(model.variables))
    p = {name: np.asarray(getattr(model, name)) for name in model.units()}
    expected = at_rest(model, n)
    for k in range(n_steps):
        fired = IN_NUMPY[type(model).__name__](p, expected, x[k], dt / 1000)
        np.testing.assert_array_equal(spikes[k], fired)
        for name in model.variables:
            np.testing.assert_allclose(recorded[name][k], expected[name], rtol=1e-12, atol=1e-12)
    for name in model.variables:
        np.testing.assert_array_equal(state[name], recorded[name][-1])
    assert spikes.any() == (not isinstance(model, psn.LI | psn.LIBox))
    assert recorded["v"].std() > 0.01


# ---- reference values -----------------------------------------------------------------------------------------------


def test_reference_values_of_lif_box() -> None:
    potential = psn.lift(psn.LIFBox(), np.ones((4, 1)), record="v").recorded["v"][:, 0]
    np.testing.assert_allclose(potential, [0.1, 0.19, 0.271, 0.3439], rtol=1e-12)
    x = np.broadcast_to([1.0, 2.0, 3.0], (100, 3))
    assert psn.lift(psn.LIFBox(), x).spikes.sum(axis=0).tolist() == [0, 14, 25]


def test_reference_values_of_lif_current() -> None:
    spikes, _, recorded = psn.lift(psn.LIFCurrent(), np.ones((12, 1)), record="v")
    expected = [0.1, 0.27, 0.487, 0.7335, 0.99631, 0.0, 0.395142]
    np.testing.assert_allclose(recorded["v"][:7, 0], expected, rtol=1e-5, atol=1e-12)
    assert np.flatnonzero(spikes).tolist() == [5, 8, 11]


def test_the_threshold_must_be_exceeded() -> None:
    # 0.5 and 0.25 are exact, so that v is 1 to the bit.
    spikes, state, _ = psn.lift(psn.IAF(), [[0.5, 0.5], [0.5, 0.5], [0.0, 0.25]])
    assert spikes.tolist() == [[False, False], [False, False], [False, True]]
    assert state["v"].tolist() == [1.0, 0.0]


def test_a_refractory_cell_holds_its_potential_for_five_steps() -> None:
    spikes, state, recorded = psn.lift(psn.LIFRefrac(), np.full((40, 1), 5.0), record=["v", "i"])
    times = np.flatnonzero(spikes)
    assert np.diff(times).min() == 6
    first = times[0]
    np.testing.assert_array_equal(recorded["v"][first : first + 6], 0.0)
    assert recorded["v"][first + 6, 0] != 0 or times[1] == first + 6
    assert np.all(np.diff(recorded["i"][first : first + 6, 0]) != 0)
    assert psn.lift(psn.LIFRefrac(rho_reset=0.0), np.full((40, 1), 5.0)).spikes.sum() == 39
    long = psn.lift(psn.LIFRefrac(rho_reset=2.5), np.full((40, 1), 5.0)).spikes
    assert np.diff(np.flatnonzero(long)).min() == 4
    assert state["refractory"].tolist() == [max(0, times[-1] + 6 - 40)]


# ---- one step at a time ---------------------------------------------------------------------------------------------


def strong_input(model: MembraneModel, shape: tuple[int, ...]) -> Array:
    """Random currents that make the model spike."""
    scale = {"LIF": 400.0, "CobaLIF": 3000.0, "AdEx": 10_000.0, "Izhikevich": 40.0, "GIF": 3000.0}.get(
        type(model).__name__, 3.0
    )
    return np.random.default_rng(8).uniform(-0.2, 1.0, shape) * scale


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("model", [*DISCRETE, *OTHERS], **ids)
def test_steps_are_the_run_in_one_piece_to_the_bit(model: MembraneModel, dtype: str) -> None:
    x = strong_input(model, (60, 2, 5))
    whole = psn.lift(model, x, record=list(model.state()), seed=3, dtype=dtype)
    state = None
    for k in range(len(x)):
        spikes, state = psn.step(model, x[k], state, seed=3, dtype=dtype)
        np.testing.assert_array_equal(spikes, whole.spikes[k])
        for name in model.state():
            assert state[name].dtype == dtype
            np.testing.assert_array_equal(state[name], whole.recorded[name][k])
    assert state is not None
    assert set(state) == set(whole.state) == {*model.state(), "refractory", "step", "seed"}
    for name, values in whole.state.items():
        np.testing.assert_array_equal(state[name], values)
    assert state["step"] == 60
    if not isinstance(model, psn.LI | psn.LIBox):
        assert whole.spikes.any()


@pytest.mark.parametrize("model", [psn.LIFRefrac(), psn.LIF(refractory_period=2.0)], **ids)
def test_lift_goes_on_where_it_stopped(model: MembraneModel) -> None:
    x = strong_input(model, (100, 6))
    whole = psn.lift(model, x, record="v", seed=1)
    first = psn.lift(model, x[:37], record="v", seed=1)
    assert first.state["refractory"].max() > 0
    second = psn.lift(model, x[37:], first.state, record="v")
    np.testing.assert_array_equal(np.concatenate([first.spikes, second.spikes]), whole.spikes)
    np.testing.assert_array_equal(np.concatenate([first.recorded["v"], second.recorded["v"]]), whole.recorded["v"])
    for name, values in whole.state.items():
        np.testing.assert_array_equal(second.state[name], values)


@pytest.mark.parametrize("model", [psn.LIFCurrent(), psn.AdEx()], **ids)
def test_a_batch_is_its_members(model: MembraneModel) -> None:
    x = strong_input(model, (50, 3, 4))
    batch = psn.lift(model, x, record="v")
    assert batch.spikes.shape == batch.recorded["v"].shape == x.shape
    assert batch.state["v"].shape == (3, 4)
    for j in range(3):
        single = psn.lift(model, x[:, j], record="v")
        assert single.spikes.shape == (50, 4)
        assert single.state["v"].shape == (4,)
        np.testing.assert_array_equal(single.spikes, batch.spikes[:, j])
        np.testing.assert_array_equal(single.recorded["v"], batch.recorded["v"][:, j])


@pytest.mark.parametrize("model", [psn.LIFCurrent(), psn.LIF()], **ids)
def test_lift_is_simulate_without_synapses(model: MembraneModel) -> None:
    dt = model.default_dt
    x = strong_input(model, (80, 4))
    lifted = psn.lift(model, x, record="v")
    unconnected = psn.Network.from_edges(pre=[], post=[], n=4)
    ds = psn.simulate(
        model, unconnected, duration=80 * dt, stimulus=psn.ArrayStimulus(data=x, dt=dt), record="v", seed=0
    )
    np.testing.assert_array_equal(lifted.recorded["v"], ds.v.values[0])
    number = np.rint(ds.spike_time.values / dt).astype(int) - 1
    assert set(zip(number, ds.spike_neuron.values, strict=True)) == set(zip(*np.nonzero(lifted.spikes), strict=True))


def test_a_given_state_is_used_and_left_alone() -> None:
    state = {"v": np.array([0.2, 0.4]), "i": 0.5, "refractory": [3, 0]}
    spikes, after = psn.step(psn.LIFRefrac(), [1.0, 1.0], state)
    np.testing.assert_allclose(after["v"], [0.2, 0.4 + 0.1 * (1.5 - 0.4)], rtol=1e-12)
    np.testing.assert_allclose(after["i"], [1.2, 1.2], rtol=1e-12)
    assert after["refractory"].tolist() == [2, 0]
    assert not spikes.any()
    assert state["v"].tolist() == [0.2, 0.4]  # type: ignore[attr-defined]
    before = {name: values.copy() for name, values in after.items()}
    psn.step(psn.LIFRefrac(), [9.0, 9.0], after)
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)


def test_the_state_of_simulate_may_hold_refractory_steps() -> None:
    unconnected = psn.Network.from_edges(pre=[], post=[], n=2)
    ds = psn.simulate(
        psn.LIF(v_threshold=-80.0), unconnected, duration=1.0, dt=0.1, seed=0,
        initial_state={"v": -70.0, "refractory": [4, 0]},
    )  # fmt: skip
    first = [ds.spike_time.values[ds.spike_neuron.values == i].min() for i in (0, 1)]
    np.testing.assert_allclose(first, [0.5, 0.1])


def test_spikes_of_other_cells_are_input_of_the_next_step() -> None:
    # Cell 0 fires in each step; what its spikes add to cell 1 is x of the step after, for one step.
    network = psn.Network.from_edges(pre=[0], post=[1], weight=[0.7], delay=1.0)
    x = np.array([[30.0, 0.0]] * 10)
    x[4:, 0] = 0.0
    ds = psn.simulate(
        psn.LIFCurrent(tau_syn_inv=1000.0), network, duration=10.0, seed=0, record="v",
        stimulus=psn.ArrayStimulus(data=x, dt=1.0),
    )  # fmt: skip
    fired = (ds.spike_neuron.values == 0).sum()
    assert fired == 4
    alone = np.zeros((10, 1))
    alone[1:5] = 0.7
    expected = psn.lift(psn.LIFCurrent(tau_syn_inv=1000.0), alone, record="v").recorded["v"][:, 0]
    np.testing.assert_allclose(ds.v.values[0, :, 1], expected, rtol=1e-12)


def test_the_dataset_of_a_cell_keeps_its_model() -> None:
    unconnected = psn.Network.from_edges(pre=[], post=[], n=1)
    ds = psn.simulate(psn.LSNN(beta=0.5), unconnected, duration=3.0, seed=0, record=["v", "i", "b"])
    model = json.loads(ds.attrs["pyspikenet"])["model"]
    assert model["class"] == "LSNN"
    assert model["beta"] == 0.5
    assert ds.v.attrs["units"] == "1"
    assert ds.b.values.ravel().tolist() == [1.0, 1.0, 1.0]


# ---- what is refused ------------------------------------------------------------------------------------------------

BOX = psn.LIFBox()
REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda: psn.step(psn.BernoulliGLM(), [1.0]), TypeError, "model must be a membrane model such as LIF"),
    (lambda: psn.lift("LIF", [[1.0]]), TypeError, "model must be a membrane model such as .*, got 'LIF'"),
    (lambda: psn.step(BOX, 1.0), ValueError, r"x must have shape \(neuron,\) or \(batch, neuron\) and .*, got \(\)"),
    (lambda: psn.step(BOX, []), ValueError, r"x must have shape .* and not be empty, got \(0,\)"),
    (lambda: psn.step(BOX, np.ones((1, 2, 3))), ValueError, r"x must have shape .*, got \(1, 2, 3\)"),
    (
        lambda: psn.lift(BOX, [1.0]),
        ValueError,
        r"x must have shape \(time, neuron\) or \(time, batch, neuron\).*\(1,\)",
    ),
    (lambda: psn.step(BOX, [1.0, np.nan]), ValueError, r"x must be a finite number, got nan \(index 1\)"),
    (lambda: psn.step(BOX, ["a"]), TypeError, "x must be numbers"),
    (lambda: psn.step(BOX, [1.0], 5), TypeError, "state must be a dict of arrays, .*, got 5"),
    (lambda: psn.step(BOX, [1.0], {"u": 1.0}), ValueError, r"state must hold values of \('v', .*\), got 'u'"),
    (lambda: psn.step(BOX, [1.0], {"v": [1.0, 2.0]}), ValueError, r"state\['v'\] must be one number or .*, got \(2,\)"),
    (lambda: psn.step(BOX, [1.0], {"v": np.inf}), ValueError, r"state\['v'\] must be a finite number, got inf"),
    (lambda: psn.step(BOX, [1.0], {"refractory": 0.5}), ValueError, r"state\['refractory'\] must be whole numbers"),
    (lambda: psn.step(BOX, [1.0], {"refractory": -1}), ValueError, r"state\['refractory'\] must be zero or positive"),
    (
        lambda: psn.step(BOX, [1.0], {"refractory": 2**31}),
        ValueError,
        r"state\['refractory'\] must be .* below 2\*\*30",
    ),
    (lambda: psn.step(BOX, [1.0], {"step": -1}), ValueError, r"state\['step'\] must be at least 0, got -1"),
    (lambda: psn.step(BOX, [1.0], {"seed": 1.5}), TypeError, r"state\['seed'\] must be a whole number, got 1.5"),
    (lambda: psn.step(BOX, [1.0], seed=-1), ValueError, "seed must be at least 0, got -1"),
    (lambda: psn.step(BOX, [1.0], dt=0.0), ValueError, "dt must be positive, got 0.0"),
    (
        lambda: psn.step(BOX, [1.0], dt=20.0),
        ValueError,
        r"dt must be less than 2 / tau_mem_inv = 20 ms, .* got 20.0 ms",
    ),
    (lambda: psn.step(psn.LI(), [1.0], dt=10), ValueError, "dt must be less than 2 / tau_syn_inv = 10 ms, or a LI div"),
    (lambda: psn.step(BOX, [1.0], dtype="float16"), ValueError, "dtype must be 'float64' or 'float32', got 'float16'"),
    (lambda: psn.lift(BOX, [[1.0]], record="u"), ValueError, r"record must be from \('v', .*'I'\), got 'u'"),
    (lambda: psn.step(psn.LIFBox(v_th=[1.0, 2.0]), [1.0] * 3), ValueError, r"v_th must be one number or .* \(3\)"),
    (lambda: psn.LIFBox(tau_mem_inv=-1.0), ValueError, "tau_mem_inv must be zero or positive, got -1.0"),
    (lambda: psn.LIFEx(delta_T=0.0), ValueError, "delta_T must be positive, got 0.0"),
    (lambda: psn.LIFRefrac(rho_reset=np.nan), ValueError, "rho_reset must be zero or positive and finite, got nan"),
]


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED)
def test_what_is_wrong_is_said(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_a_state_that_explodes_is_an_error() -> None:
    with pytest.raises(psn.JuliaError, match="v of neuron 1 is no longer finite in step 0"):
        psn.step(psn.IAF(), [0.0, 1.7e308], {"v": [0.0, 1.7e308]})
    assert psn.info()["julia_version"]


def test_no_session_is_left_behind() -> None:
    from pyspikenet.engine import get_engine

    before = get_engine().submit("info", {}).result()[0]["sessions"]
    for _ in range(3):
        psn.step(BOX, [1.0])
    with pytest.raises(psn.JuliaError):
        psn.step(psn.IAF(), [1.7e308], {"v": 1.7e308})
    assert get_engine().submit("info", {}).result()[0]["sessions"] == before
