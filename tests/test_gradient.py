"""gradient(): against finite differences of the smooth relaxation, reference values, threads, memory, refused input."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pyspikenet as psn
from pyspikenet.fitting import problem as problems
from pyspikenet.fitting.free import known_names
from pyspikenet.fitting.problem import Question, ask

RNG = np.random.default_rng(5)
N, STEPS, TRIALS = 4, 40, 3
DATA = (RNG.random((TRIALS, STEPS, N)) < 0.1).astype(int)
NETWORK = psn.Network.from_edges(
    pre=[0, 0, 1, 2, 2, 3, 3], post=[1, 2, 2, 3, 0, 0, 3], weight=[1.0, 0.7, 0.4, -0.6, -0.9, 0.8, 0.5], n=N
)
SURROGATES = [
    psn.SigmoidSurrogate(alpha=0.5), psn.SuperSpike(alpha=1.0), psn.TanhSurrogate(alpha=0.7),
    psn.TriangleSurrogate(alpha=1.0), psn.ArctanSurrogate(alpha=0.5), psn.CircSurrogate(alpha=1.0),
    psn.ErfcSurrogate(alpha=0.7), psn.StraightThrough(),
]  # fmt: skip
CURRENT = {"i": psn.ExponentialSynapse(tau=4.0)}


def question(model: Any, **changes: Any) -> Question:
    """A smooth run of the model and all its parameters; `changes` of what ``ask`` takes."""
    settings: dict[str, Any] = {
        "loss": psn.VanRossum(tau=10.0), "model": model, "network": NETWORK, "stimulus": None, "data": DATA,
        "names": None, "duration": None, "dt": None, "trials": None, "seed": 3, "initial_state": None,
        "dtype": "float64", "threads": None, "surrogate": psn.SigmoidSurrogate(alpha=0.5), "mode": "relaxed",
        "stochastic": False, "detach_reset": False,
    }  # fmt: skip
    settings |= changes
    if settings["names"] is None:
        run = ask(**settings | {"names": ["weight"]}).run
        names = [name for name in known_names(run) if not name.startswith(("stimulus", "initial_state", "receptors"))]
        settings["names"] = [name for name in names if getattr(model, name, 0.0) is not None]
    positional = [settings.pop(k) for k in ("loss", "model", "network", "stimulus", "data", "names")]
    return ask(*positional, **settings)


def errors(asked: Question, most: int = 2, wanted: set[str] | None = None) -> dict[str, float]:
    """Relative difference between gradients and finite differences of fourth order, the largest by parameter."""
    found = {}
    with asked.open() as problem:
        values = problem.values()
        trials, weights = list(range(asked.run.trials.size)), asked.losses.coefficients(0.0)
        gradients = problem.evaluate(trials, weights, values).gradients
        scale = max(float(np.abs(g).max(initial=0.0)) for g in gradients)
        for k, free in enumerate(asked.free):
            if wanted is not None and free.name not in wanted:
                continue
            worst = 0.0
            for i in range(min(most, free.value.size)):
                g = float(gradients[k].flat[i])

                def loss(s: float, k: int = k, i: int = i) -> float:
                    moved = [np.array(v) for v in values]
                    moved[k].flat[i] += s
                    return problem.evaluate(trials, weights, moved, gradient=False).loss

                worst = max(worst, _error(loss, g, float(values[k].flat[i]), scale))
            found[free.name] = worst
    return found


def _error(loss: Callable[[float], float], g: float, x: float, scale: float) -> float:
    """Relative error of a derivative; the distance is shortened where that of fourth order is not small yet."""
    best = np.inf
    for distance in (2e-4, 2e-5, 2e-6, 2e-7):
        h = distance * max(abs(x), 1e-2)
        difference = (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h)
        # Rounding of the loss limits what differences can tell of small derivatives.
        noise = 1e-14 * abs(loss(0.0)) / h
        best = min(best, (abs(difference - g) - noise) / max(abs(difference), abs(g), 1e-9 * scale, 1e-300))
        if best < 1e-6:
            break
    return best


def drive(strength: float, dt: float = 1.0) -> psn.ArrayStimulus:
    return psn.ArrayStimulus(data=strength * (0.5 + RNG.random((TRIALS, STEPS, N))), dt=dt)


DISCRETE = {"dt": 1.0, "stimulus": psn.ArrayStimulus(data=0.3 + 0.4 * RNG.random((TRIALS, STEPS, N)), dt=1.0)}
EQUATIONS = psn.Equations(
    "dv/dt = (E_L - v + R*I)/tau + s : mV\nds/dt = -s/tau_s : mV/ms",
    threshold="v > theta", reset="v = E_L; s += kick", parameters={
        "E_L": "-70*mV", "R": "1*GOhm", "tau": "12*ms", "tau_s": "6*ms", "theta": "-55*mV", "kick": "-0.2*mV/ms",
    },
    receptors={"exc": "s"}, initial={"v": "E_L"}, method="rk2",
)  # fmt: skip
GLM = {"dt": 1.0, "stimulus": psn.SinStimulus(amplitude=0.5, period=20.0)}
MODELS: list[tuple[Any, dict[str, Any]]] = [
    (psn.LIF(tau_m=[10.0, 12.0, 14.0, 9.0], receptors=CURRENT), {"dt": 1.0, "stimulus": drive(25.0)}),
    (psn.LIF(method="rk4", refractory_period=2.0), {"dt": 1.0, "stimulus": drive(25.0)}),
    (psn.CobaLIF(), {"dt": 1.0, "stimulus": drive(300.0)}),
    (psn.AdEx(), {"dt": 0.1, "stimulus": drive(1000.0, 0.1)}),
    (psn.Izhikevich(), {"dt": 0.5, "stimulus": drive(3.0, 0.5)}),
    (psn.HodgkinHuxley(), {"dt": 0.05, "stimulus": drive(600.0, 0.05)}),
    (psn.GLIF(), {"dt": 1.0, "stimulus": drive(300.0)}),
    (psn.MAT(), {"dt": 1.0, "stimulus": drive(25.0)}),
    (psn.GIF(), {"dt": 1.0, "stimulus": drive(100.0)}),
    (psn.LIFGate(), {"dt": 1.0, "stimulus": drive(1.0)}),
    (psn.LIFBox(), DISCRETE), (psn.LIFCurrent(), DISCRETE), (psn.LIFEx(), DISCRETE), (psn.LIFAdEx(), DISCRETE),
    (psn.LSNN(), DISCRETE), (psn.IAF(), DISCRETE), (psn.LIFRefrac(), DISCRETE), (psn.Leaky(), DISCRETE),
    (EQUATIONS, {"dt": 1.0, "stimulus": drive(0.02)}),
    (psn.BernoulliGLM(theta=np.array([4.0, 5.0, 4.5, 5.5])), GLM), (psn.PoissonGLM(beta=0.5), GLM),
    (psn.RectifiedLNP(lambda_0=1.0, theta=-0.2), {"dt": 0.1, "stimulus": psn.ConstantStimulus(strength=0.1)}),
    (psn.RectifiedSAM(theta=-0.2), {"dt": 0.1, "stimulus": psn.ConstantStimulus(strength=0.1)}),
    (psn.ThresholdSAM(), {"dt": 0.1, "stimulus": psn.ConstantStimulus(strength=0.001)}),
]  # fmt: skip
NAMES = [f"{type(m).__name__}-{k}" for k, (m, _) in enumerate(MODELS)]
QUICK = {"LIF-0", "AdEx-3", "LIFGate-9", "BernoulliGLM-19"}


def some(surrogates: bool) -> list[Any]:
    """Models: a few in every run, all of them with --slow."""
    chosen = []
    for (model, settings), name in zip(MODELS, NAMES, strict=True):
        quick = name in QUICK and not surrogates
        chosen.append(pytest.param(model, settings, id=name, marks=() if quick else pytest.mark.slow))
    return chosen


@pytest.mark.parametrize(("model", "settings"), some(surrogates=False))
def test_every_parameter_agrees_with_finite_differences(model: Any, settings: dict[str, Any]) -> None:
    found = errors(question(model, **settings))
    assert len(found) >= 2
    assert max(found.values()) < 1e-6, found


@pytest.mark.parametrize("surrogate", SURROGATES[1:], ids=lambda s: s.name)
@pytest.mark.parametrize(("model", "settings"), some(surrogates=True))
def test_every_surrogate_of_every_model_agrees_with_finite_differences(
    model: Any, settings: dict[str, Any], surrogate: Any
) -> None:
    # Short runs: over many spikes their differences grow beyond what finite ones tell. Straight-through is not bounded.
    steps = 3 if isinstance(surrogate, psn.StraightThrough) else 12
    settings = settings | {"data": DATA[:, :steps], "trials": None}
    stimulus = settings["stimulus"]
    if isinstance(stimulus, psn.ArrayStimulus):
        settings["stimulus"] = stimulus.replace(data=stimulus.data[..., :steps, :])
    found = errors(question(model, surrogate=surrogate, **settings))
    assert max(found.values()) < 1e-6, found


LIF = psn.LIF(receptors={"i": psn.DoubleExponentialSynapse(tau_rise=1.0, tau_decay=4.0)})


@pytest.mark.parametrize(
    ("loss", "changes"),
    [
        (psn.RateLoss(), {}),
        (psn.SpikeCountLoss(neuron_weights=[1.0, 0.0, 2.0, 0.5], mask=np.arange(STEPS) > 10), {}),
        (psn.VanRossum(tau=10.0, kernel="recent"), {}),
        (0.9 * psn.RateLoss() + 0.1 * psn.VanRossum(tau=20.0, mask=np.arange(STEPS) % 3 > 0), {}),
        (psn.TargetRate(rate=20.0), {"data": None, "duration": 40.0, "trials": TRIALS}),
        (psn.TargetRate(rate=[5.0, 10.0, 20.0, 40.0]), {"data": None, "duration": 40.0, "trials": TRIALS}),
        (psn.VoltageLoss(values=RNG.normal(-60, 3, (STEPS, N))), {"data": None, "duration": 40.0, "trials": TRIALS}),
        (
            psn.CrossEntropy(labels=[0, 1, 1], readout=[2, 3], reduction="max"),
            {"data": None, "duration": 40.0, "trials": TRIALS},
        ),
        (
            psn.CrossEntropy(labels=[0, 1, 1], readout=[2, 3], variable="spikes", reduction="sum"),
            {"data": None, "duration": 40.0, "trials": TRIALS},
        ),
    ],
)
def test_every_loss_agrees_with_finite_differences(loss: Any, changes: dict[str, Any]) -> None:
    names = [
        "tau_m", "weight", "receptors.i.tau_rise", "receptors.i.tau_decay", "stimulus.data", "stimulus.strength",
        "initial_state.v", "initial_state.g_i",
    ]  # fmt: skip
    found = errors(question(LIF, loss=loss, names=names, dt=1.0, stimulus=drive(25.0), **changes))
    assert max(found.values()) < 1e-6, found


@pytest.mark.parametrize(
    ("stimulus", "name"),
    [
        (psn.ConstantStimulus(strength=25.0), "stimulus.strength"),
        (psn.RegularStimulus(strength=[40.0, 30.0], period=10.0, duration=5.0, targets=[3, 1]), "stimulus.strength"),
        (psn.SinStimulus(amplitude=25.0, period=15.0, phase=1.0), "stimulus.amplitude"),
        (psn.PoissonInput(rate=300.0, weight=20.0), "stimulus.weight"),
        (psn.NoiseCurrent(sigma=30.0, tau=5.0), "stimulus.sigma"),
        (psn.SpikeStimulus(times=[3.0, 9.0, 14.0], neurons=[0, 1, 3], strength=30.0), "stimulus.strength"),
        (psn.ConstantStimulus(strength=10.0) + psn.NoiseCurrent(sigma=20.0, tau=0.0), "stimulus.1.sigma"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_every_stimulus_agrees_with_finite_differences(
    stimulus: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tape in (256 << 20, 1):  # with and without checkpoints
        monkeypatch.setattr(problems, "TAPE_BYTES", tape)
        found = errors(question(LIF, names=[name, "tau_m"], dt=1.0, stimulus=stimulus), most=4)
        assert max(found.values()) < 1e-6, found


@pytest.mark.parametrize("delay", [1.0, 3.0, RNG.integers(1, 6, 7).astype(float)], ids=["1", "3", "each"])
def test_checkpoints_and_delays_do_not_change_the_gradient(delay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    network = psn.Network.from_edges(pre=NETWORK.pre, post=NETWORK.post, weight=NETWORK.weight, n=N, delay=delay)
    asked = {"network": network, "names": ["tau_m", "weight", "E_L"], "dt": 1.0, "stimulus": drive(25.0)}
    assert max(errors(question(LIF, **asked)).values()) < 1e-6
    gradients = []
    for tape in (256 << 20, 1):
        monkeypatch.setattr(problems, "TAPE_BYTES", tape)
        with question(LIF, **asked).open() as problem:
            gradients.append(problem.evaluate(range(TRIALS), [1.0]).gradients)
    for whole, pieces in zip(*gradients, strict=True):
        assert np.allclose(whole, pieces, rtol=1e-11, atol=0)


def test_threads_do_not_change_a_bit(dale: psn.Network) -> None:
    rng = np.random.default_rng(1)
    data = (rng.random((7, 60, 100)) < 0.05).astype(int)
    stimulus = psn.ArrayStimulus(data=30 * rng.random((7, 60, 100)), dt=1.0)
    model = psn.LIF(tau_m=rng.uniform(10, 20, 100), receptors={"i": psn.ExponentialSynapse()})
    found = []
    for threads in (1, 2):
        found.append(
            psn.gradient(
                psn.VanRossum(tau=10), model, dale, stimulus, wrt=["tau_m", "weight", "E_L", "stimulus.strength"],
                data=data, dt=1.0, threads=threads, dtype="float32", seed=0,
            )
        )  # fmt: skip
    assert found[0].loss == found[1].loss
    for name, g in found[0].gradient.items():
        assert np.any(g)
        assert np.array_equal(g, found[1].gradient[name])


@pytest.mark.parametrize("model", [psn.LIF(), psn.GIF(), psn.LIFGate(), psn.PoissonGLM()])
def test_the_run_is_that_of_simulate(model: Any, dale: psn.Network) -> None:
    strength = {"LIF": 25.0, "AdEx": 1000.0, "GIF": 150.0}.get(type(model).__name__, 0.5)
    stimulus = psn.PoissonInput(rate=50.0, weight=strength) + psn.ConstantStimulus(strength=strength)
    if isinstance(model, psn.PoissonGLM):
        stimulus = None
    network = dale.with_weights(0.05 * dale.weight)
    run = psn.simulate(model, network, duration=60.0, stimulus=stimulus, trials=3, seed=2)
    found = psn.gradient(
        psn.TargetRate(rate=1.0), model, network, stimulus, wrt="weight", duration=60.0, trials=3, seed=2
    )
    assert run.sizes["spike"] > 20
    counts = np.bincount(run.spike_neuron, minlength=100) / 3 * 1000 / 60
    assert np.allclose(found.rates, counts)
    assert found.loss == pytest.approx((counts.mean() - 1.0) ** 2)


def w3(n: int) -> tuple[NDArray[Any], ...]:
    rng = np.random.default_rng(3)
    shape = (400, 10, n)
    x = 0.6 * (rng.random(shape, dtype=np.float32) < 0.1).astype(np.float32)
    target = (rng.random(shape, dtype=np.float32) < 0.02).astype(int)
    weights = rng.standard_normal((n, n), dtype=np.float32) * np.float32(0.3 / np.sqrt(n))
    return x, target, weights


def test_the_recurrent_network_of_w3_has_the_loss_and_gradient_of_other_libraries() -> None:
    # 207.46 in snnTorch, PyTorch, JAX and Norse; norms of the gradient in snnTorch, PyTorch and JAX.
    x, target, weights = w3(12)
    found = psn.gradient(
        0.5 * psn.VanRossum(tau=10.0),
        psn.Leaky(beta=np.full(12, np.exp(-1 / 20)), v_threshold=np.ones(12), bias=np.full(12, 0.01)),
        psn.Network.from_dense(weights.T.copy()),
        psn.ArrayStimulus(data=x.transpose(1, 0, 2), dt=1.0),
        wrt=["weight", "beta", "v_threshold", "bias"],
        data=target.transpose(1, 0, 2),
        dtype="float32",
        surrogate=psn.SuperSpike(alpha=25.0),
        detach_reset=True,
    )
    assert found.loss == pytest.approx(207.46, abs=0.005)
    norms = {name: float(np.linalg.norm(g)) for name, g in found.gradient.items()}
    assert norms["weight"] == pytest.approx(132.2112, rel=1e-5)


def test_stochastic_spikes_have_the_probability_of_the_smooth_function() -> None:
    network = psn.Network.from_edges(pre=[0], post=[1], weight=[0.0], n=2000)
    model = psn.LIFBox(v_th=0.5)
    asked = {
        "duration": 1.0,
        "dt": 1.0,
        "trials": 5,
        "seed": 1,
        "surrogate": psn.SigmoidSurrogate(alpha=3.0),
        "stochastic": True,
    }
    found = psn.gradient(
        psn.TargetRate(rate=0.0), model, network, psn.ConstantStimulus(strength=7.0), wrt="v_th", **asked
    )
    expected = 1 / (1 + np.exp(-3.0 * (0.7 - 0.5)))
    assert found.rates.mean() / 1000 == pytest.approx(expected, abs=5 * np.sqrt(expected * (1 - expected) / 10_000))


def test_soft_spikes_are_what_the_loss_sees() -> None:
    network = psn.Network.from_edges(pre=[0], post=[1], weight=[0.0], n=2)
    asked = {"duration": 1.0, "dt": 1.0, "surrogate": psn.SigmoidSurrogate(alpha=3.0), "mode": "soft", "seed": 0}
    found = psn.gradient(
        psn.TargetRate(rate=0.0), psn.LIFBox(v_th=0.5), network, psn.ConstantStimulus(strength=7.0), wrt="v_th", **asked
    )
    soft = 1000 / (1 + np.exp(-3.0 * 0.2))
    assert found.loss == pytest.approx(soft**2)
    assert found.gradient["v_th"] == pytest.approx(2 * soft * -3.0 * soft * (1 - soft / 1000))


def test_no_surrogate_overflows() -> None:
    network = psn.Network.from_edges(pre=[0], post=[1], weight=[1.0], n=2)
    for surrogate in SURROGATES:
        for x in (1e6, -1e6):
            found = psn.gradient(
                psn.TargetRate(rate=1.0), psn.IAF(), network, psn.ConstantStimulus(strength=x), wrt="v_th",
                duration=2.0, surrogate=surrogate, seed=0,
            )  # fmt: skip
            assert np.isfinite(found.gradient["v_th"])


PLAIN = {"duration": 10.0, "seed": 0}
REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"wrt": "tau"}, ValueError, "free must be from tau_m.*got 'tau'"),
    ({"wrt": []}, ValueError, "free must name at least one"),
    ({"wrt": ["tau_m", "tau_m"]}, ValueError, "each once"),
    ({"wrt": 3}, TypeError, "free must be names"),
    ({"wrt": "refractory_period"}, ValueError, "free must be from"),
    ({"wrt": "stimulus.strength"}, ValueError, "no stimulus"),
    ({"wrt": "initial_state.w"}, ValueError, "got 'initial_state.w'"),
    ({"wrt": "receptors.exc.reversal"}, ValueError, "which is None"),
    ({"loss": psn.VanRossum(tau=10)}, ValueError, "data must be given for a VanRossum"),
    ({"loss": 3.0}, TypeError, "loss must be a loss"),
    ({"mode": "hard"}, ValueError, "mode must be one of surrogate, soft, relaxed, got 'hard'"),
    ({"surrogate": "tanh"}, TypeError, "surrogate must be a surrogate"),
    ({"duration": None}, ValueError, "duration must be given"),
    ({"stochastic": 1}, TypeError, "stochastic must be True or False"),
    ({"loss": psn.TargetRate(rate=[1.0, 2.0])}, ValueError, r"rate must be one number or one per neuron \(4\), got 2"),
    ({"loss": psn.VoltageLoss(values=np.zeros((3, 4)))}, ValueError, "values must have shape"),
    ({"loss": psn.CrossEntropy(labels=[2], readout=[0, 1])}, ValueError, r"labels must lie in 0\.\.1"),
    ({"loss": psn.TargetRate(rate=1.0, mask=[1, 0])}, ValueError, "mask must have one value per step"),
    ({"data": np.zeros((2, 5, 4)), "trials": 3}, ValueError, "data must have one trial or as many"),
    ({"stimulus": psn.ConstantStimulus(strength=1.0), "wrt": "stimulus.rate"}, ValueError, "free must name one of"),
]


@pytest.mark.parametrize(("changes", "kind", "message"), REFUSED)
def test_what_is_refused(changes: dict[str, Any], kind: type[Exception], message: str) -> None:
    settings: dict[str, Any] = {"loss": psn.TargetRate(rate=1.0), "wrt": "tau_m", "stimulus": None, **PLAIN, **changes}
    loss, stimulus = settings.pop("loss"), settings.pop("stimulus")
    with pytest.raises(kind, match=message):
        psn.gradient(loss, psn.LIF(), NETWORK, stimulus, **settings)


def test_neurons_alone_have_the_same_gradient_in_networks_of_any_size() -> None:
    def found(n: int) -> tuple[Any, Any]:
        network = psn.Network.from_edges(pre=[0], post=[1], weight=[0.0], n=n)
        asked: dict[str, Any] = {"loss": psn.SpikeCountLoss(), "stimulus": psn.ConstantStimulus(strength=25.0)}
        asked |= {"model": psn.LIF(tau_m=np.full(n, 15.0)), "network": network, "data": np.zeros((100, n), int)}
        slopes = psn.gradient(**asked, wrt=["initial_state.v", "tau_m"], dt=1.0)
        moved = psn.fit(**asked, free=["initial_state.v", "tau_m"], dt=1.0, epochs=2, learning_rate=0.1)
        return slopes.gradient, moved.last.model.tau_m

    (few, moved_few), (many, moved_many) = found(3), found(100)
    for name in few:
        assert few[name][2] != 0
        assert many[name] == pytest.approx(np.full(100, few[name][2]))
    assert moved_few[2] != 15.0
    assert moved_many == pytest.approx(np.full(100, moved_few[2]))
