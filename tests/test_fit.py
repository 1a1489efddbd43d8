"""fit(): every method finds its way, stays in its bounds, can be stopped and resumed, and says what is wrong."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyspikenet as psn

NETWORK = psn.Network.from_edges(
    pre=[0, 0, 1, 1, 2, 3, 4], post=[1, 2, 3, 4, 0, 0, 1], weight=[2.0, 1.0, 3.0, 1.5, -2.0, -1.0, -2.5], n=5
)
MODEL = psn.LIFBox(tau_mem_inv=80.0)
DRIVE = psn.PoissonInput(rate=300.0, weight=4.0) + psn.ConstantStimulus(strength=0.8)
TRUTH = MODEL.replace(tau_mem_inv=120.0)
DATA = psn.simulate(TRUTH, NETWORK, duration=120.0, stimulus=DRIVE, trials=4, seed=0)
LOSS = psn.VanRossum(tau=15.0)


def fitted(**changes: Any) -> Any:
    """A short fit; `changes` of its arguments."""
    settings: dict[str, Any] = {
        "model": MODEL, "network": NETWORK, "data": DATA, "free": ["tau_mem_inv"], "loss": LOSS, "stimulus": DRIVE,
        "learning_rate": 4.0, "epochs": 12, "seed": 0, "progress": False, "surrogate": psn.SuperSpike(alpha=5.0),
    }  # fmt: skip
    settings |= changes
    return psn.fit(settings.pop("model"), settings.pop("network"), settings.pop("data"), **settings)


def test_the_parameter_that_made_the_data_is_found() -> None:
    found = fitted(epochs=30)
    assert found.loss < 0.2 * found.history.loss[0]
    assert found.model.tau_mem_inv == pytest.approx(120.0, abs=6)
    assert found.model == MODEL.replace(tau_mem_inv=found.model.tau_mem_inv)
    assert found.network is NETWORK
    assert found.stopped == "epochs"
    assert found.epochs == 30


@pytest.mark.parametrize("method", ["adam", "sgd", "rmsprop", "lbfgs"])
def test_every_method_lowers_the_loss(method: str) -> None:
    rate = {"sgd": 2.0}.get(method, 3.0)
    found = fitted(method=method, learning_rate=rate, free=["tau_mem_inv"])
    first = fitted(epochs=1, learning_rate=1e-9).loss
    assert found.loss < 0.8 * first
    assert np.nanmin(found.history.loss) >= found.loss


def test_one_step_of_each_method_is_the_one_written_down() -> None:
    g = psn.gradient(
        LOSS, MODEL, NETWORK, DRIVE, wrt="tau_mem_inv", data=DATA, seed=0, surrogate=psn.SuperSpike(alpha=5.0)
    )
    slope = g.gradient["tau_mem_inv"]
    steps = {"sgd": 0.01 * slope, "adam": 0.01 * np.sign(slope), "rmsprop": 0.01 * slope / (0.1 * abs(slope))}
    for method, step in steps.items():
        found = fitted(method=method, learning_rate=0.01, epochs=1)
        assert found.last.model.tau_mem_inv == pytest.approx(80.0 - step, rel=1e-6)
        assert found.history.gradient_norm.values == pytest.approx(abs(slope))


def test_history_holds_loss_terms_parameters_norms_and_rates() -> None:
    loss = 0.9 * psn.RateLoss() + psn.Schedule(0.0, 1.0) * LOSS
    found = fitted(
        loss=loss, free=["tau_mem_inv", "weight"], learning_rate={"tau_mem_inv": 1.0, "weight": 0.1}, epochs=3
    )
    history = found.history
    weights = np.array([[0.9, 0.0], [0.9, 0.5], [0.9, 1.0]])
    assert np.allclose(history.loss, (weights * history.terms.values).sum(axis=1))
    assert history.term.values.tolist() == ["RateLoss", "VanRossum"]
    assert history.tau_mem_inv.attrs["units"] == "1/s"
    assert history.weight.dims == ("epoch", "synapse")
    assert np.array_equal(history.weight[0], NETWORK.weight)
    assert history.gradient_norm.sel(parameter="weight")[1] > 0
    assert history.rate.sizes == {"epoch": 3, "neuron": 5}


def test_bounds_and_signs_hold() -> None:
    found = fitted(
        free=["weight", "tau_mem_inv"], bounds={"weight": (-2.2, 2.2), "tau_mem_inv": (None, 90.0)}, dale=True,
        learning_rate={"weight": 1.5, "tau_mem_inv": 30.0}, epochs=6,
    )  # fmt: skip
    for k in range(6):
        weight = found.history.weight[k].values
        assert np.abs(weight).max() <= 2.2
        assert (np.sign(weight) * np.sign(NETWORK.weight) >= 0).all()
        assert found.history.tau_mem_inv[k] <= 90.0
    assert np.ptp(found.history.weight.values, axis=0).max() > 0.5
    assert (found.history.tau_mem_inv == 90.0).any()


def test_a_parameter_of_each_neuron_is_fitted_for_each() -> None:
    model = MODEL.replace(v_th=np.full(5, 1.2))
    found = fitted(model=model, free="v_th", learning_rate=0.05, epochs=5)
    assert found.model.v_th.shape == (5,)
    assert np.unique(found.model.v_th).size == 5
    assert found.history.v_th.dims == ("epoch", "neuron")


def test_batches_go_through_all_trials() -> None:
    one = fitted(batch_size=1, epochs=2, learning_rate=0.5)
    assert one.history.sizes["epoch"] == 2
    shuffled, again = (fitted(batch_size=1, epochs=3, learning_rate=0.5, shuffle=True) for _ in range(2))
    assert np.array_equal(shuffled.history.tau_mem_inv, again.history.tau_mem_inv)
    assert not np.array_equal(one.history.tau_mem_inv[1], shuffled.history.tau_mem_inv[1])


@pytest.mark.parametrize("method", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_resumed_fit_ends_as_one_without_a_break(method: str, threads: int, tmp_path: Path) -> None:
    asked = {"method": method, "free": ["tau_mem_inv", "weight"], "batch_size": 2, "shuffle": True, "fresh_noise": True}
    asked |= {"loss": psn.Adaptive(psn.RateLoss(), LOSS), "learning_rate": {"tau_mem_inv": 0.5, "weight": 0.02}}
    whole = fitted(**asked)
    path = tmp_path / "fit.npz"
    stopped = fitted(**asked, checkpoint=path, callback=lambda progress: progress.epoch >= 4, threads=threads)
    assert stopped.epochs < 12
    assert path.exists()
    assert [x.name for x in tmp_path.iterdir()] == ["fit.npz"]
    resumed = fitted(**asked, checkpoint=path, resume=True)
    assert resumed.epochs == 12
    assert resumed.loss == whole.loss
    for name in whole.history.data_vars:
        assert np.array_equal(whole.history[name], resumed.history[name]), name
    assert np.array_equal(whole.network.weight, resumed.network.weight)
    assert whole.last.model == resumed.last.model
    finished = fitted(**asked, resume=path)
    assert finished.loss == whole.loss


def test_a_checkpoint_of_another_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fit.npz"
    fitted(checkpoint=path, epochs=2)
    with pytest.raises(ValueError, match="with other data, model, network or settings"):
        fitted(resume=path, epochs=2, learning_rate=1.0)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="resume must be a checkpoint of a fit"):
        fitted(resume=path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        fitted(resume=tmp_path / "none.npz")
    with pytest.raises(ValueError, match="resume=True needs a checkpoint"):
        fitted(resume=True)


def test_patience_and_time_end_a_fit() -> None:
    found = fitted(learning_rate=1e-12, patience=3, epochs=50)
    assert found.stopped == "patience"
    assert found.epochs <= 5
    found = fitted(time_budget=0.2, epochs=100_000, learning_rate=1e-3)
    assert found.stopped == "time"
    assert 0 < found.epochs < 100_000


def test_an_interrupt_returns_what_there_is() -> None:
    def later() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.7, later)
    timer.start()
    found = fitted(epochs=1_000_000, learning_rate=1e-6)
    timer.join()
    assert found.stopped == "interrupted"
    assert found.epochs >= 1
    assert np.isfinite(found.loss)
    assert fitted(epochs=1).epochs == 1


def test_predictions_are_runs_of_the_best_model() -> None:
    found = fitted(epochs=3)
    run = found.predict()
    again = psn.simulate(found.model, NETWORK, duration=120.0, dt=1.0, stimulus=DRIVE, trials=4, seed=0)
    assert np.array_equal(run.spike_time, again.spike_time)
    assert found.predict(trials=1, record="v").v.sizes["trial"] == 1


def test_initial_state_and_stimulus_are_fitted() -> None:
    found = fitted(
        free=["initial_state.v", "stimulus.1.strength"], epochs=2,
        learning_rate={"initial_state.v": 0.1, "stimulus.1.strength": 0.01},
    )  # fmt: skip
    assert found.stimulus.parts()[1].strength != 0.8
    assert found.stimulus.parts()[0] is DRIVE.parts()[0]
    assert found.initial_state["v"].shape == (5,)
    assert found.predict().sizes["spike"] > 0


def test_equations_are_fitted_in_the_units_of_the_text() -> None:
    model = psn.Equations(
        "dv/dt = (E - v + R*I)/tau : mV", threshold="v > -50*mV", reset="v = E",
        parameters={"E": "-70*mV", "R": "1*GOhm", "tau": "20*ms"}, initial={"v": "E"},
    )  # fmt: skip
    lonely = psn.Network.from_edges(pre=[], post=[], weight=[], n=3)
    drive = psn.ConstantStimulus(strength=25.0)
    faster = model.with_parameters({"tau": 15.0})
    assert faster.system.parameters["tau"].value == 15.0
    data = psn.simulate(faster, lonely, duration=100.0, dt=0.5, stimulus=drive, seed=0)
    found = psn.fit(
        model, lonely, data, free="tau", loss=psn.VanRossum(tau=10.0), stimulus=drive, learning_rate=0.3, epochs=40,
        surrogate=psn.SuperSpike(alpha=1.0),
    )  # fmt: skip
    assert found.loss < 0.3 * found.history.loss[0]
    assert found.model.parameters["tau"].endswith("*ms")


def test_plots_show_loss_and_parameters() -> None:
    import matplotlib.pyplot as plt

    found = fitted(epochs=3)
    assert found.plot_loss().get_ylabel() == "loss"
    assert found.plot_parameter("tau_mem_inv").get_ylabel() == "tau_mem_inv (1/s)"
    with pytest.raises(ValueError, match="name must be a free parameter, tau_mem_inv, got 'R'"):
        found.plot_parameter("R")
    plt.close("all")


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"method": "newton"}, ValueError, r"method must be one of adam, sgd, rmsprop, lbfgs, cma_es, .* got 'newton'"),
    ({"learning_rate": 0.0}, ValueError, "learning_rate must be positive"),
    ({"learning_rate": {"v_th": 1.0}}, ValueError, "learning_rate must be of free parameters"),
    ({"learning_rate": {}}, ValueError, "got none for 'tau_mem_inv'"),
    ({"epochs": 0}, ValueError, "epochs must be at least 1"),
    ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
    ({"patience": 0}, ValueError, "patience must be at least 1"),
    ({"time_budget": -1.0}, ValueError, "time_budget must be positive"),
    ({"settings": {"speed": 1.0}}, ValueError, "settings of adam must be from beta_1, beta_2, epsilon"),
    ({"bounds": {"weight": (0, 1)}}, ValueError, "bounds must be of free parameters"),
    ({"bounds": {"tau_mem_inv": 3.0}}, TypeError, r"bounds\['tau_mem_inv'\] must be \(low, high\)"),
    ({"bounds": {"tau_mem_inv": (5.0, 4.0)}}, ValueError, "low 5.0 above high 4.0"),
    ({"method": "lbfgs", "batch_size": 1}, ValueError, "needs all trials"),
    ({"checkpoint": "fit.txt"}, ValueError, "checkpoint must be a file .npz"),
    ({"free": "tau"}, ValueError, "got 'tau'"),
    ({"dale": "yes"}, TypeError, "dale must be True or False"),
    ({"loss": "van Rossum"}, TypeError, "loss must be a loss"),
    ({"data": None}, ValueError, "duration must be given|data must be given"),
    ({"data": np.zeros((4, 120, 3))}, ValueError, "spikes must have shape"),
    ({"equilibration": 10.0}, ValueError, "equilibration must be 0 for a LIFBox"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "kind", "message"), REFUSED)
def test_what_is_refused(changes: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        fitted(**changes)
