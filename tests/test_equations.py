"""Models written as equations, simulated: against the built-in models, against theory, and as parts of a run."""

import copy
import pickle

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pyspikenet as psn

LEAKY = """
    dv/dt = (E_L - v + R*(I + g_exc + g_inh))/tau_m : mV (unless refractory)
    dg_exc/dt = -g_exc/tau_exc : pA
    dg_inh/dt = -g_inh/tau_inh : pA
    R : GOhm
"""
CONDUCTANCES = """
    dv/dt = (g_L*(E_L - v) + g_exc*(E_e - v) + g_inh*(E_i - v) + I)/C : mV (unless refractory)
    dg_exc/dt = -g_exc/tau_e : nS
    dg_inh/dt = -g_inh/tau_i : nS
"""
ADAPTIVE = """
    dv/dt = (g_L*(E_L - v) + g_L*D_T*exp((v - V_T)/D_T) - w + I + g_exc*(0*mV - v) + g_inh*(-80*mV - v))/C
            : volt (unless refractory)
    dw/dt = (a*(v - E_L) - w)/tau_w : amp
    dg_exc/dt = -g_exc/(5*ms) : siemens
    dg_inh/dt = -g_inh/(10*ms) : siemens
"""
RECEPTORS = {"exc": "g_exc", "inh": "g_inh"}


def values(model: psn.models.Model, *names: str) -> dict[str, str]:
    """Parameters of a built-in model as texts with their units."""
    return {name: f"{getattr(model, name)}*{model.units()[name]}" for name in names}


def leaky(**changes):
    built_in = psn.LIF(tau_syn_exc=5.0, tau_syn_inh=10.0, **changes)
    return built_in, psn.Equations(
        LEAKY,
        threshold="v >= -50*mV",
        reset="v = -60*mV",
        refractory=built_in.refractory_period,
        receptors=RECEPTORS,
        parameters={"tau_m": "20*ms", "E_L": "-70*mV", "R": 1.0, "tau_exc": "5*ms", "tau_inh": "10*ms"},
        method=built_in.method,
        initial={"v": "E_L"},
    )


def conductances(**changes):
    built_in = psn.CobaLIF(tau_i=10.0, **changes)
    return built_in, psn.Equations(
        CONDUCTANCES,
        threshold="v > -40*mV",
        reset="v = -70*mV",
        refractory=built_in.refractory_period,
        receptors=RECEPTORS,
        parameters=values(built_in, "C", "g_L", "E_L", "E_e", "E_i", "tau_e", "tau_i"),
        method=built_in.method,
        initial={"v": "E_L"},
    )


def adaptive(**changes):
    built_in = psn.AdEx(**changes)
    return built_in, psn.Equations(
        ADAPTIVE,
        threshold="v > V_cut",
        reset="v = V_r; w += b",
        refractory=built_in.refractory_period,
        receptors=RECEPTORS,
        parameters=values(built_in, "C", "g_L", "E_L", "D_T", "V_T", "a", "b", "tau_w", "V_r", "V_cut"),
        method=built_in.method,
        initial={"v": "E_L"},
    )


@pytest.fixture(scope="module")
def hundred() -> psn.Network:
    """80 neurons excite, 20 inhibit; delays of 0.3 ms."""
    rng = np.random.default_rng(11)
    dense = np.where(rng.random((100, 100)) < 0.1, 1.0, 0.0) * np.repeat([1.0, -4.0], [80, 20])[:, None]
    return psn.Network.from_dense(dense, delay=0.3)


@pytest.mark.parametrize(
    ("pair", "low", "high", "scale"),
    [
        (leaky(), 21, 40, 10.0),
        (leaky(refractory_period=3.0), 21, 40, 10.0),
        (leaky(method="rk2"), 21, 40, 10.0),
        (conductances(), 160, 400, 0.5),
        (conductances(refractory_period=2.0), 160, 400, 0.5),
        (conductances(method="exponential_euler"), 160, 400, 0.5),
        (conductances(method="rk4"), 160, 400, 0.5),
        (adaptive(), 700, 1200, 5.0),
        (adaptive(refractory_period=2.0), 700, 1200, 5.0),
        (adaptive(method="rk2"), 700, 1200, 5.0),
    ],
    ids=lambda x: f"{type(x[0]).__name__}-{x[0].method}-{x[0].refractory_period}" if isinstance(x, tuple) else "",
)
def test_same_spikes_as_the_built_in_model(pair, low, high, scale, hundred):
    built_in, written = pair
    run = {
        "network": psn.Network.from_dense(hundred.to_dense() * scale, delay=0.3),
        "duration": 300,
        "stimulus": psn.ConstantStimulus(strength=np.linspace(low, high, 100)),
        "seed": 1,
        "record": ["v", "g_exc", "g_inh"],
    }
    expected, found = psn.simulate(built_in, **run), psn.simulate(written, **run)
    unconnected = psn.simulate(built_in, **(run | {"network": psn.Network.from_edges(pre=[], post=[], n=100)}))
    assert expected.sizes["spike"] > 300
    assert not np.array_equal(expected.spike_time, unconnected.spike_time), "the synapses must matter"
    for name in ("spike_time", "spike_neuron", "spike_trial"):
        np.testing.assert_array_equal(found[name], expected[name])
    for name in ("v", "g_exc", "g_inh"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-9)
    assert found.v.units == "mV"
    # The built-in LIF has its currents in nA and its resistance in MOhm, the equations in pA and GOhm.
    assert found.g_exc.units == {"LIF": "pA"}.get(type(built_in).__name__, expected.g_exc.units)


BLOG = """
    dv/dt = (g_L*(E_L - v) + g_e*(E_e - v) + {inhibition} + I)/C : mV
    dg_e/dt = -g_e/tau_e : nS
    dg_i/dt = -g_i/tau_i : nS
"""


@pytest.mark.parametrize(("weight", "counts"), [(0.0, [20, 13, 1]), (0.5, [20, 13, 0])])
def test_three_neurons_of_the_brian2_text(weight, counts):
    model = psn.Equations(
        BLOG.format(inhibition="g_i*(E_i - v)"),
        threshold="v > -40*mV",
        reset="v = -70*mV",
        receptors={"exc": "g_e", "inh": "g_i"},
        parameters={
            **{"C": "100*pF", "E_L": "-70*mV", "g_L": "5*nS", "E_e": "0*mV", "E_i": "-80*mV"},
            **{"tau_e": "20*ms", "tau_i": "100*ms"},
        },
        initial={"v": "E_L"},
    )
    net = psn.Network.from_edges(pre=[0, 1], post=[2, 2], weight=[1.0, weight], receptor=["exc", "inh"], n=3, delay=0.1)
    ds = psn.simulate(model, net, duration=100, stimulus=psn.ConstantStimulus(strength=[700.0, 500.0, 0.0]), seed=0)
    assert ds.spk.counts().values[0].tolist() == counts
    if counts[2]:
        # Brian2 labels a spike with the beginning of its step: 69.8 ms.
        np.testing.assert_allclose(ds.spike_time.values[ds.spike_neuron.values == 2], [69.9])


# ---- noise ----------------------------------------------------------------------------------------------------------


def uncoupled(n: int) -> psn.Network:
    return psn.Network.from_edges(pre=[], post=[], n=n)


def test_variance_of_an_ornstein_uhlenbeck_process():
    n, dt, tau, sigma = 1000, 0.1, 2.0, 3.0
    model = psn.Equations(
        """dx/dt = -x/tau + sigma*sqrt(2/tau)*xi : mV
           dy/dt = -y/tau + sigma*sqrt(2/tau)*xi : mV
           dz/dt = -z/tau + sigma*sqrt(2/tau)*xi_other : mV""",
        parameters={"tau": "2*ms", "sigma": "3*mV"},
    )
    # Samples 10 tau apart, the first after 10 tau: correlated by exp(-10) only.
    ds = psn.simulate(
        model, uncoupled(n), duration=400, record=["x", "y", "z"], record_every=10 * tau, seed=5, trials=2
    )
    x, y, z = (ds[name].values for name in "xyz")
    count = x.size
    # Euler and Maruyama: x <- (1 - dt/tau) x + sigma sqrt(2 dt/tau) N has this variance when stationary.
    expected = sigma**2 / (1 - dt / (2 * tau))
    assert count == 40_000
    for values in (x, z):
        assert abs(values.var() / expected - 1) < 4 * np.sqrt(2 / count)
        assert abs(values.mean()) < 4 * np.sqrt(expected / count)
    np.testing.assert_array_equal(x, y, "one xi is the same noise in all equations of a neuron")
    for a, b in ((x, z), (x[0], x[1]), (x[:, :, 1:], x[:, :, :-1]), (x[:, 1:], x[:, :-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / np.sqrt(a.size) + np.exp(-10)


def test_increments_of_white_noise_are_normal_and_scale_with_the_step():
    from scipy import stats

    model = psn.Equations("dx/dt = sigma*xi : 1", parameters={"sigma": "2*second**-0.5"})
    for dt in (0.1, 0.4):
        ds = psn.simulate(model, uncoupled(2000), duration=20 * dt, dt=dt, record="x", seed=3)
        steps = np.diff(ds.x.values[0], axis=0).ravel() / np.sqrt(4 * dt / 1000)
        assert stats.kstest(steps, "norm").pvalue > 1e-3
        assert abs(steps.std() - 1) < 4 / np.sqrt(2 * steps.size)


def test_a_noisy_run_in_two_halves_is_the_run_in_one(hundred):
    model = psn.Equations(
        CONDUCTANCES.replace("+ I)/C", "+ I)/C + sigma*xi*ms**-0.5"),
        threshold="v > -40*mV",
        reset="v = -70*mV",
        refractory="1.5*ms",
        receptors=RECEPTORS,
        parameters={**conductances()[1].parameters, "sigma": "1*mV"},
        initial={"v": "E_L"},
    )
    run = {"network": hundred, "stimulus": psn.ConstantStimulus(strength=300.0), "seed": 2, "record": "v"}
    whole = psn.simulate(model, duration=100, **run)
    first = psn.simulate(model, duration=43.7, **run)
    second = psn.simulate(model, duration=56.3, initial_state=first, **run)
    assert whole.sizes["spike"] > 100
    np.testing.assert_array_equal(np.concatenate([first.v, second.v], axis=1), whole.v)
    np.testing.assert_array_equal(np.concatenate([first.spike_time, second.spike_time]), whole.spike_time)
    other = psn.simulate(model, duration=100, **(run | {"seed": 3}))
    assert not np.array_equal(other.v, whole.v)
    one_thread = psn.simulate(model, duration=100, threads=1, **run)
    np.testing.assert_array_equal(one_thread.v, whole.v)


# ---- methods --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("exponential_euler", 1), ("rk2", 2), ("rk4", 4)])
def test_order_of_convergence(method, order):
    """A nonlinear oscillator (FitzHugh and Nagumo's), against SciPy."""
    model = psn.Equations(
        """dv/dt = (v - v**3/3 - w + I)/(2*ms) : 1
           dw/dt = (v + 0.7 - 0.8*w)/(25*ms) : 1
           I : 1""",
        initial={"v": -1.0, "w": 0.5},
        method=method,
    )
    exact = solve_ivp(
        lambda t, y: [(y[0] - y[0] ** 3 / 3 - y[1] + 0.5) / 2, (y[0] + 0.7 - 0.8 * y[1]) / 25],
        (0, 40), [-1.0, 0.5], rtol=1e-11, atol=1e-12,
    ).y[:, -1]  # fmt: skip
    errors = []
    for dt in (0.2, 0.1):
        ds = psn.simulate(
            model,
            uncoupled(1),
            duration=40,
            dt=dt,
            stimulus=psn.ConstantStimulus(strength=0.5),
            record=["v", "w"],
            seed=0,
        )
        errors.append(np.hypot(float(ds.v[0, -1, 0]) - exact[0], float(ds.w[0, -1, 0]) - exact[1]))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.35)


def test_exact_integration_of_linear_equations():
    model = psn.Equations(
        """dx/dt = (y - x/5 + I)/ms : 1
           dy/dt = -(x + y/20)/ms : 1
           I : 1""",
        initial={"x": 1.0},
        method="exact",
    )
    matrix = np.array([[-0.2, 1.0], [-1.0, -0.05]])
    expected = solve_ivp(
        lambda t, y: matrix @ y + [0.3, 0.0], (0, 20), [1.0, 0.0], t_eval=[4, 20], rtol=1e-12, atol=1e-13
    ).y
    for dt in (0.5, 4.0):
        ds = psn.simulate(
            model,
            uncoupled(1),
            duration=20,
            dt=dt,
            stimulus=psn.ConstantStimulus(strength=0.3),
            record=["x", "y"],
            seed=0,
        )
        found = np.array([ds[name].sel(time=[4, 20], method="nearest").values[0, :, 0] for name in "xy"])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


def test_hodgkin_huxley_neuron_against_scipy():
    model = psn.Equations(
        """
        dv/dt = (gl*(El-v) - g_na*(m*m*m)*h*(v-ENa) - g_kd*(n*n*n*n)*(v-EK) + I)/Cm : volt
        dm/dt = 0.32*4/exprel((13*mV-v+VT)/(4*mV))/ms*(1-m) - 0.28*5/exprel((v-VT-40*mV)/(5*mV))/ms*m : 1
        dn/dt = 0.032*5/exprel((15*mV-v+VT)/(5*mV))/ms*(1-n) - .5*exp((10*mV-v+VT)/(40*mV))/ms*n : 1
        dh/dt = 0.128*exp((17*mV-v+VT)/(18*mV))/ms*(1-h) - 4./(1+exp((40*mV-v+VT)/(5*mV)))/ms*h : 1
        """,
        threshold="v > 0*mV",
        refractory="3*ms",
        parameters={
            **{"Cm": "(1*ufarad*cm**-2)*20000*umetre2", "gl": "(5e-5*siemens*cm**-2)*20000*umetre2"},
            **{"g_na": "20*uS", "g_kd": "6*uS", "El": "-60*mV", "EK": "-90*mV", "ENa": "50*mV", "VT": "-63*mV"},
        },
        initial={"v": "El", "h": 1.0},
        method="rk4",
    )

    def rates(t, y):
        v, m, n, h = y
        rel = lambda x: np.expm1(x) / x  # noqa: E731
        dv = (10 * (-60 - v) - 20000 * m**3 * h * (v - 50) - 6000 * n**4 * (v + 90) + 500) / 200
        dm = 1.28 / rel((13 - v - 63) / 4) * (1 - m) - 1.4 / rel((v + 63 - 40) / 5) * m
        dn = 0.16 / rel((15 - v - 63) / 5) * (1 - n) - 0.5 * np.exp((10 - v - 63) / 40) * n
        dh = 0.128 * np.exp((17 - v - 63) / 18) * (1 - h) - 4 / (1 + np.exp((40 - v - 63) / 5)) * h
        return [dv, dm, dn, dh]

    times = np.arange(1, 501) * 0.1
    expected = solve_ivp(rates, (0, 50), [-60, 0, 0, 1], t_eval=times, rtol=1e-11, atol=1e-11, method="DOP853").y[0]
    assert expected.max() > 0, "it spikes"
    errors = []
    for dt in (0.01, 0.005):
        ds = psn.simulate(
            model, uncoupled(1), duration=50, dt=dt, stimulus=psn.ConstantStimulus(strength=500.0), record="v",
            record_every=0.1, seed=0,
        )  # fmt: skip
        assert ds.sizes["spike"] == np.count_nonzero(np.diff((expected > 0).astype(int)) == 1)
        errors.append(np.abs(ds.v.values[0, :, 0] - expected).max())
    assert errors[0] < 0.01
    assert errors[1] < errors[0] / 12, "of fourth order"


# ---- as part of a run -----------------------------------------------------------------------------------------------


def test_parameters_and_initial_values_of_each_neuron_and_single_precision():
    text = "dv/dt = (target - v)/tau : mV\ntarget : mV\ntau : ms"
    targets = np.linspace(-70, -50, 7)
    model = psn.Equations(
        text, parameters={"target": targets, "tau": 5.0}, initial={"v": "target - 10*mV"}, method="exact"
    )
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-5)):
        ds = psn.simulate(model, uncoupled(7), duration=5, record="v", seed=0, dtype=dtype)
        expected = targets - 10 * np.exp(-ds.time.values[:, None] / 5)
        np.testing.assert_allclose(ds.v.values[0], expected, rtol=tolerance)
        assert ds.v.dtype == dtype
    # Initial values that differ do not need parameters that do.
    ds = psn.simulate(
        model.replace(parameters={"target": -60.0, "tau": 5.0}, initial={"v": targets}), uncoupled(7), duration=0.1,
        dt=0.1, record="v", seed=0,
    )  # fmt: skip
    np.testing.assert_allclose(ds.v.values[0, 0], -60 + (targets + 60) * np.exp(-0.02), rtol=1e-12)
    ds = psn.simulate(model, uncoupled(7), duration=0.1, record="v", seed=0, initial_state={"v": -60.0})
    np.testing.assert_allclose(ds.v.values[0, 0], targets - (targets + 60) * np.exp(-0.02), rtol=1e-12)


def test_refractory_period_of_each_neuron_holds_what_says_so():
    model = psn.Equations(
        "dv/dt = 1*mV/ms : mV (unless refractory)\ndw/dt = 1/ms : 1",
        threshold="v >= 0.95*mV",
        reset="v = 0*mV; w *= 2; w -= 1; w /= 2",
        refractory=[0.0, 1.0, 2.0],
    )
    ds = psn.simulate(model, uncoupled(3), duration=9, dt=0.1, record=["v", "w"], seed=0)
    # The reset is at the end of a step; v is held for the refractory period, of which that step is the first, then it
    # takes ten steps to the threshold.
    for i, period in enumerate((1.0, 1.9, 2.9)):
        times = ds.spike_time.values[ds.spike_neuron.values == i]
        np.testing.assert_allclose(np.diff(times), period, atol=1e-9)
    w = ds.w.values[0]
    np.testing.assert_allclose(w[9, 0], 1.0 - 0.5, atol=1e-9)


def test_time_and_declared_currents():
    model = psn.Equations("dx/dt = t/ms**2 + I/nA/ms : 1\nI : uA", method="euler")
    ds = psn.simulate(
        model, uncoupled(1), duration=10, stimulus=psn.ConstantStimulus(strength=0.002), record=["x", "I"], seed=0
    )
    k = np.arange(100)
    np.testing.assert_allclose(ds.x.values[0, :, 0], np.cumsum(0.1 * (0.1 * k + 2.0)), rtol=1e-12)
    assert ds.I.units == "uA"


def test_spikes_from_outside_and_the_sign_of_weights():
    text = "dg_e/dt = 0*nS/ms : nS\ndg_i/dt = 0*nS/ms : nS\ndc/dt = 0*pA/ms : pA"
    net = psn.Network.from_edges(pre=[0, 1], post=[2, 2], weight=[3.0, -4.0], n=3, delay=0.1)
    spikes = psn.SpikeStimulus(times=[0.1], neurons=[0], strength=7.0, channel="current_like")
    model = psn.Equations(text, receptors={"exc": "g_e", "inh": "g_i", "current_like": "c"})
    ds = psn.simulate(model, uncoupled(3), duration=1, stimulus=spikes, record="c", seed=0)
    assert ds.c.values[0, -1].tolist() == [7.0, 0.0, 0.0]
    firing = psn.Equations(
        text + "\ndv/dt = 1/ms : 1",
        threshold="v > 0.05",
        reset="v = -1e9",
        receptors={"exc": "g_e", "inh": "g_i"},
        initial={"v": [0.0, 0.0, -9.0]},
    )
    ds = psn.simulate(firing, net, duration=1, record=["g_e", "g_i"], seed=0)
    assert (ds.g_e.values[0, -1, 2], ds.g_i.values[0, -1, 2]) == (3.0, 4.0), "magnitudes, at conductances"
    currents = firing.replace(text=text.replace("nS", "pA") + "\ndv/dt = 1/ms : 1")
    ds = psn.simulate(currents, net, duration=1, record=["g_e", "g_i"], seed=0)
    assert (ds.g_e.values[0, -1, 2], ds.g_i.values[0, -1, 2]) == (3.0, -4.0)


def test_a_model_is_its_text_and_values(tmp_path):
    model = conductances()[1]
    again = psn.Equations(**{k: v for k, v in model.to_dict().items() if k != "class"})
    assert again == model
    assert hash(again) == hash(model)
    assert again != model.replace(refractory=1.0)
    assert model.replace(refractory=1.0).refractory == 1.0
    assert copy.deepcopy(model) == model
    assert pickle.loads(pickle.dumps(model)) == model
    assert "dv/dt" in repr(model)
    assert "method='euler'" in repr(model)
    with pytest.raises(TypeError, match="tau_m"):
        model.replace(tau_m=3.0)
    arrays = model.replace(parameters={**model.parameters, "C": [100.0, 110.0]}, parameter_units={"C": "pF"})
    assert arrays == copy.deepcopy(arrays)
    ds = psn.simulate(model, uncoupled(2), duration=1, seed=0, record="v")
    psn.save(ds, tmp_path / "run.nc")
    back = psn.load(tmp_path / "run.nc")
    from pyspikenet.dataset import provenance

    assert psn.Equations(**{k: v for k, v in provenance(back)["model"].items() if k != "class"}) == model


def test_what_a_run_refuses():
    text = "dv/dt = (E - v)/tau : mV\nE : mV"
    model = psn.Equations(text, parameters={"E": [1.0, 2.0], "tau": "5*ms"})
    with pytest.raises(ValueError, match=r"parameters\['E'\] must be one number or have one value per neuron \(3\)"):
        psn.simulate(model, uncoupled(3), duration=1)
    with pytest.raises(ValueError, match=r"stimulus must act through a receptor.*do not use the current I"):
        psn.simulate(model, uncoupled(2), duration=1, stimulus=psn.ConstantStimulus(strength=3.0))
    with_own_i = psn.Equations("dI/dt = -I/ms : pA", initial={"I": 1.0})
    with pytest.raises(ValueError, match="do not use the current I"):
        psn.simulate(with_own_i, uncoupled(2), duration=1, stimulus=psn.ConstantStimulus(strength=3.0))
    own = psn.simulate(with_own_i, uncoupled(1), duration=0.2, record="I", seed=0)
    np.testing.assert_allclose(own.I.values[0, :, 0], [0.9, 0.81])
    with pytest.raises(ValueError, match=r"record must be from \('v',\)"):
        psn.simulate(model, uncoupled(2), duration=1, record="I")
    with pytest.raises(ValueError, match="receptors of a Equations must be given"):
        psn.simulate(model, psn.Network.from_edges(pre=[0], post=[1], weight=[1.0], n=2), duration=1)
    with pytest.raises(ValueError, match="receptors must have names such as 'exc', got 'a b'"):
        psn.Equations(text, parameters=model.parameters, receptors={"a b": "v"})
    diverging = psn.Equations("dv/dt = v*v/ms : 1", initial={"v": 10.0})
    with pytest.raises(psn.JuliaError, match="v of neuron 0 is no longer finite in step"):
        psn.simulate(diverging, uncoupled(1), duration=100, dt=1.0)


def test_a_new_text_is_compiled_quickly_and_once():
    import psutil

    worker = psutil.Process(psn.info()["pid"])
    if psn.info()["transport"] != "worker":
        pytest.skip("the time that a process spends is told by a worker only")

    def spent(model, n):
        before = sum(worker.cpu_times()[:2])
        psn.simulate(model, uncoupled(n), duration=1, seed=0)
        return sum(worker.cpu_times()[:2]) - before

    text = CONDUCTANCES.replace("+ I)", "+ I + 1*pA*tanh(v/mV))")
    model = conductances()[1].replace(text=text)
    assert spent(model, 100) < 5
    changed = model.replace(parameters={**model.parameters, "C": "77*pF"}, refractory=2.0, initial={})
    spent(changed, 100)
    assert spent(changed, 150) < 0.1
