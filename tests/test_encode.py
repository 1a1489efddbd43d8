"""Encoders: how often, when and where they fire."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyspikenet as psn
from pyspikenet import encode


def test_poisson_spikes_have_their_rates() -> None:
    values = np.array([[0.0, 0.1, 0.5], [0.9, 1.0, 0.25]])
    n_steps = 20_000
    spikes = encode.poisson(values, n_steps, max_rate=200.0, dt=0.5, seed=1)
    assert spikes.shape == (n_steps, 2, 3)
    assert spikes.dtype == bool
    p = values * 200.0 * 0.5 / 1000
    # Six standard deviations of a binomial count: one of 10^8 runs of another generator would miss it.
    assert np.all(np.abs(spikes.sum(axis=0) - n_steps * p) <= 6 * np.sqrt(n_steps * p * (1 - p)))
    np.testing.assert_array_equal(encode.poisson(values, 50, seed=2), encode.poisson(values, 50, seed=2))
    assert not np.array_equal(encode.poisson(values, 500, seed=2), encode.poisson(values, 500, seed=3))
    assert encode.poisson(1.0, 7, max_rate=1000.0).all()


def test_signed_poisson_spikes_have_the_sign_of_the_value() -> None:
    values = np.array([-1.0, -0.3, 0.0, 0.3, 1.0])
    spikes = encode.signed_poisson(values, 5000, max_rate=500.0, seed=3)
    assert spikes.dtype == np.int8
    assert [set(column.tolist()) for column in spikes.T] == [{-1, 0}, {-1, 0}, {0}, {0, 1}, {0, 1}]
    size = encode.poisson(np.abs(values), 5000, max_rate=500.0, seed=3)
    np.testing.assert_array_equal(spikes != 0, size)


def test_reference_values_of_the_constant_current_encoder() -> None:
    spikes = encode.constant_current_lif([2, 4, 8, 16], 4)
    assert ["".join(map(str, row)) for row in spikes.astype(int)] == ["0001", "0011", "0101", "0011"]


def test_constant_currents_of_any_shape_and_cell() -> None:
    values = np.array([[2.0, 4.0], [8.0, 16.0]])
    spikes = encode.constant_current_lif(values, 4)
    np.testing.assert_array_equal(spikes.reshape(4, 4), encode.constant_current_lif(values.ravel(), 4))
    assert encode.constant_current_lif(3.0, 100).shape == (100,)
    assert encode.constant_current_lif(3.0, 100).sum() == 25
    slow = encode.constant_current_lif(values, 40, model=psn.LIFBox(tau_mem_inv=20.0))
    assert 0 < slow.sum() < encode.constant_current_lif(values, 40).sum()


def test_population_of_three_neurons() -> None:
    activity = encode.population([0.0, 0.5, 1.0], 3)
    expected = [[1.0, 0.8824969, 0.6065307], [0.8824969, 1.0, 0.8824969], [0.6065307, 0.8824969, 1.0]]
    np.testing.assert_allclose(activity, expected, rtol=1e-6)
    narrow = encode.population(np.array([[3.0], [7.0]]), 11, scale=10.0, sigma=0.5)
    assert narrow.shape == (2, 1, 11)
    assert narrow.argmax(axis=-1).ravel().tolist() == [3, 7]
    np.testing.assert_allclose(narrow[0, 0, 4], np.exp(-10.0 / (2 * 0.25)), rtol=1e-12)


def test_latency_keeps_the_first_spike() -> None:
    assert encode.spike_latency([[0, 1, 1], [1, 1, 1]]).tolist() == [[0, 1, 1], [1, 0, 0]]
    given = np.array([[0, -1], [2, 0], [3, 1]], dtype=np.int8)
    first = encode.spike_latency(given)
    assert first.dtype == np.int8
    assert first.tolist() == [[0, -1], [2, 0], [0, 0]]
    spikes = encode.spike_latency(encode.constant_current_lif([2.0, 4.0, 8.0, 16.0], 20))
    latency = spikes.argmax(axis=0)
    assert spikes.sum(axis=0).tolist() == [1, 1, 1, 1]
    assert latency.tolist() == sorted(latency, reverse=True)


REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda: encode.poisson([0.5, 1.5], 5), ValueError, r"values must be in \[0, 1\], got 1.5 \(index 1\)"),
    (lambda: encode.poisson(0.5, 0), ValueError, "n_steps must be at least 1, got 0"),
    (lambda: encode.poisson(0.5, 5.0), TypeError, "n_steps must be a whole number, got 5.0"),  # type: ignore[arg-type]
    (
        lambda: encode.poisson(0.5, 5, max_rate=2000),
        ValueError,
        "max_rate must be at most 1000 / dt = 1000 Hz, got 2000",
    ),
    (lambda: encode.poisson(0.5, 5, max_rate=-1), ValueError, "max_rate must be zero or positive, got -1.0"),
    (lambda: encode.poisson(0.5, 5, dt=0), ValueError, "dt must be positive, got 0.0"),
    (lambda: encode.poisson(0.5, 5, seed=-2), ValueError, "seed must be at least 0, got -2"),
    (lambda: encode.signed_poisson([-0.5, -3.0], 5), ValueError, r"values must be in \[-1, 1\], got -3.0"),
    (lambda: encode.signed_poisson(["a"], 5), TypeError, "values must be numbers"),
    (lambda: encode.constant_current_lif([], 5), ValueError, r"values must not be empty, got shape \(0,\)"),
    (lambda: encode.population([], 5), ValueError, r"values must not be empty, got shape \(0,\)"),
    (
        lambda: encode.population([0.0], 5),
        ValueError,
        "scale must be given where no value is positive, got values up to",
    ),
    (lambda: encode.population([1.0], 0), ValueError, "n must be at least 1, got 0"),
    (lambda: encode.population([1.0], 3, sigma=0), ValueError, "sigma must be positive, got 0.0"),
    (lambda: encode.spike_latency(1), ValueError, "spikes must have time as their first axis, got one number"),
    (lambda: encode.spike_latency("abc"), TypeError, "spikes must be numbers, got 'abc'"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED)
def test_what_is_wrong_is_said(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
