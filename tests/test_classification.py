"""Fits that classify trials: accuracy, classes of other trials, callbacks."""

from typing import Any

import numpy as np
import pytest

import pyspikenet as psn
from pyspikenet.fitting import problem as problems

N, TRIALS, STEPS = 6, 10, 20
LABELS = np.arange(TRIALS) % 2
READOUT = [5, 4]  # not in the order of the network


def problem(seed: int = 0) -> tuple[psn.Leaky, psn.Network, psn.ArrayStimulus]:
    """Four neurons that spike, two in trials of either class, and two that read them out and do not spike."""
    rng = np.random.default_rng(seed)
    net = psn.Network.from_edges(pre=np.repeat(np.arange(4), 2), post=READOUT * 4, weight=rng.normal(0, 0.3, 8), n=N)
    spikes = rng.random((TRIALS, STEPS, 4)) < np.where(np.arange(4) // 2 == LABELS[:, None], 0.4, 0.1)[:, None]
    model = psn.Leaky(beta=[0.1] * 4 + [0.9] * 2, v_threshold=[1.0] * 4 + [1e6] * 2)
    return model, net, psn.ArrayStimulus(data=2.0 * spikes, dt=1.0, targets=[0, 1, 2, 3])


def fitted(loss: psn.CrossEntropy, **changes: Any) -> Any:
    model, net, stimulus = problem()
    arguments = {"free": "weight", "learning_rate": 0.05, "epochs": 3, "duration": STEPS, "trials": TRIALS}
    return psn.fit(model, net, loss=loss, stimulus=stimulus, progress=False, **(arguments | changes))


def scores(model: Any, net: Any, stimulus: Any, reduction: str, variable: str) -> Any:
    """z of each trial and class, from a simulation."""
    ds = psn.simulate(model, net, duration=STEPS, stimulus=stimulus, trials=TRIALS, record="v", seed=0)
    course = (ds.v if variable == "v" else ds.spk.counts(1.0)).values[:, :, READOUT]
    return {"mean": course.mean(1), "max": course.max(1), "last": course[:, -1], "sum": course.sum(1)}[reduction]


@pytest.mark.parametrize("reduction", ["mean", "max", "last", "sum"])
@pytest.mark.parametrize("variable", ["v", "spikes"])
def test_loss_accuracy_and_classes_are_those_of_a_simulation(reduction: str, variable: str) -> None:
    model, net, stimulus = problem()
    if variable == "spikes":
        model = model.replace(v_threshold=[1.0] * 4 + [0.2] * 2)
    loss = psn.CrossEntropy(labels=LABELS, readout=READOUT, variable=variable, reduction=reduction, gain=2.0)
    found = psn.fit(
        model, net, free="weight", loss=loss, stimulus=stimulus, duration=STEPS, trials=TRIALS, epochs=1,
        learning_rate=1e-12, progress=False,
    )  # fmt: skip
    z = scores(model, net, stimulus, reduction, variable)
    p = np.exp(2 * z) / np.exp(2 * z).sum(1, keepdims=True)
    classes = z.argmax(1)
    assert len(np.unique(classes)) == 2 or variable == "spikes"
    assert found.history.loss[0] == pytest.approx(-np.log(p[np.arange(TRIALS), LABELS]).mean())
    assert found.history.accuracy[0] == pytest.approx((classes == LABELS).mean())
    assert found.classes().dims == ("trial",)
    np.testing.assert_array_equal(found.classes(), classes)


def test_accuracy_grows_and_holds_for_other_trials() -> None:
    labels = 1 - LABELS  # the other way round than it begins
    loss = psn.CrossEntropy(labels=labels, readout=READOUT)
    found = fitted(loss, epochs=40, batch_size=4, shuffle=True)
    assert found.history.accuracy[-1] == 1 > found.history.accuracy[0]
    other = problem(seed=1)[2]
    assert (found.classes(stimulus=other) == labels).mean() >= 0.8
    assert found.classes(stimulus=other.replace(data=other.data[:3]), trials=3).shape == (3,)


def test_callback_sees_each_epoch_and_ends_the_fit() -> None:
    loss = psn.CrossEntropy(labels=LABELS, readout=READOUT)
    seen = []

    def callback(progress: Any) -> bool:
        weight, classes = progress.parameters["weight"], progress.classes()
        assert (progress.network.weight == weight).all()
        assert "v" in progress.predict(record="v")
        seen.append((progress.epoch, progress.loss, progress.accuracy, weight, (classes == LABELS).mean().item()))
        return progress.epoch == 4

    found = fitted(loss, epochs=10, callback=callback)
    epochs, losses, accuracies, weights, after = zip(*seen, strict=True)
    assert epochs == (1, 2, 3, 4)
    assert found.stopped == "callback"
    assert found.epochs == 4
    np.testing.assert_array_equal(losses, found.history.loss)
    np.testing.assert_array_equal(accuracies, found.history.accuracy)
    assert after[:-1] == accuracies[1:]  # all trials in a batch: what an epoch begins with is what was left
    np.testing.assert_array_equal(weights[:-1], found.history.weight[1:])
    assert (weights[-1] == found.last.network.weight).all()
    # What a callback computes leaves no trace in the fit.
    assert (fitted(loss, epochs=4).last.network.weight == weights[-1]).all()


def test_callback_with_lbfgs() -> None:
    seen: list[int] = []
    loss = psn.CrossEntropy(labels=LABELS, readout=READOUT)
    found = fitted(loss, method="lbfgs", epochs=5, callback=lambda progress: seen.append(progress.epoch))
    assert seen == list(range(1, found.epochs + 1))
    assert found.epochs > 1


def test_errors() -> None:
    with pytest.raises(TypeError, match="callback must be callable, got 3"):
        fitted(psn.CrossEntropy(labels=LABELS, readout=READOUT), callback=3)
    found = fitted(psn.TargetRate(rate=20.0), epochs=1)
    assert "accuracy" not in found.history
    with pytest.raises(ValueError, match="classes need a fit with a CrossEntropy, got one with TargetRate"):
        found.classes()

    def fails(progress: Any) -> None:
        raise RuntimeError(f"not in epoch {progress.epoch}")

    with pytest.raises(RuntimeError, match="not in epoch 1"):
        fitted(psn.TargetRate(rate=20.0), callback=fails)
    assert np.isfinite(fitted(psn.TargetRate(rate=20.0), epochs=1).loss)


def test_learning_rate_on_a_schedule() -> None:
    loss = psn.CrossEntropy(labels=LABELS, readout=READOUT)
    found = fitted(loss, method="sgd", epochs=3, learning_rate=psn.Schedule(0.4, 0.0))
    model, net, stimulus = problem()
    weight = net.weight
    for rate in (0.4, 0.2, 0.0):
        slope = psn.gradient(
            loss, model, net.with_weights(weight), stimulus, wrt="weight", duration=STEPS, trials=TRIALS, seed=0
        ).gradient["weight"]
        weight = weight - rate * np.asarray(slope)
    np.testing.assert_allclose(found.last.network.weight, weight, rtol=1e-12)
    assert not np.allclose(weight, net.weight)
    by_name = fitted(loss, method="sgd", epochs=3, learning_rate={"weight": psn.Schedule(0.4, 0.0)})
    assert (by_name.last.network.weight == found.last.network.weight).all()


def test_tape_of_any_length_gives_the_same_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    model, net, stimulus = problem()
    loss = psn.CrossEntropy(labels=LABELS, readout=READOUT, reduction="max")
    bytes_per_step = 8 * N * TRIALS * 8
    found = []
    for steps in (STEPS, 13, 7, 1):  # the shortest tape is 5 steps, the square root
        monkeypatch.setattr(problems, "TAPE_BYTES", bytes_per_step * steps)
        found.append(
            psn.gradient(
                loss, model, net, stimulus, wrt=["weight", "beta"], duration=STEPS, trials=TRIALS, seed=0
            ).gradient
        )
    for other in found[1:]:
        for name in ("weight", "beta"):
            np.testing.assert_allclose(other[name], found[0][name], rtol=1e-11)
