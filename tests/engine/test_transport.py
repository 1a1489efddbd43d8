"""What both transports promise: bytes go across unchanged, and errors stay where they belong."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from test_wire import TREES, signed

import pyspikenet as psn
from pyspikenet.engine import JuliaError
from pyspikenet.engine.memory import MAPPED_BYTES, shared_empty
from pyspikenet.engine.wire import DTYPES
from pyspikenet.run import prepare


def echo(engine, arrays):
    return engine.submit("echo", {}, arrays).result(60)[1]


def sample(dtype, shape):
    """Values that use all bits of the type."""
    rng = np.random.default_rng(1)
    size = int(np.prod(shape))
    if dtype == "bool":
        return rng.integers(0, 2, size).astype(bool).reshape(shape)
    if np.dtype(dtype).kind in "iu":
        return np.frombuffer(rng.bytes(size * np.dtype(dtype).itemsize), dtype).reshape(shape)
    values = rng.normal(size=size) * 10.0 ** rng.integers(-4, 4, size)
    values[: size // 4] = np.resize([np.nan, np.inf, -np.inf, -0.0], size // 4)
    return (values * (1 + 2j) if np.dtype(dtype).kind == "c" else values).astype(dtype).reshape(shape)


def assert_same(back, sent):
    assert back.dtype == sent.dtype.newbyteorder("=")
    assert back.shape == sent.shape
    assert back.flags.c_contiguous
    assert back.flags.writeable
    assert back.tobytes() == np.ascontiguousarray(sent.astype(back.dtype)).tobytes()


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_every_dtype_and_shape(engine, dtype):
    shapes = [(), (0,), (1,), (7,), (0, 3), (3, 0), (2, 3), (2, 3, 4), (2, 0, 4), (2, 3, 4, 5), (1, 1, 1, 1)]
    arrays = {f"{dtype} {shape}": sample(dtype, shape) for shape in shapes}
    large = MAPPED_BYTES // np.dtype(dtype).itemsize + 5
    arrays["large"] = sample(dtype, (large,))
    arrays["large Fortran"] = np.asfortranarray(sample(dtype, (2, large)))
    back = echo(engine, arrays)
    assert back.keys() == arrays.keys()
    for name, sent in arrays.items():
        assert_same(back[name], sent)


@pytest.mark.parametrize("rows", [20, 1000])  # below and above the size from which arrays are mapped
def test_every_layout(engine, rows):
    x = sample("float64", (rows, 300))
    read_only = x.copy()
    read_only.flags.writeable = False
    layouts = {
        "Fortran": np.asfortranarray(x),
        "transposed": x.T,
        "strided": x[::2, ::3],
        "reversed": x[::-1, ::-1],
        "broadcast": np.broadcast_to(x[0], x.shape),
        "big-endian": x.astype(">f8"),
        "read-only": read_only,
        "masked": np.ma.masked_array(x),
        "list": np.ones((rows, 300)),
    }
    back = echo(engine, layouts | {"list": layouts["list"].tolist()})
    for name, sent in layouts.items():
        assert_same(back[name], np.asarray(sent))


def test_views_of_shared_arrays(engine):
    x = shared_empty((400, 500), np.float64)
    x[...] = sample("float64", x.shape)
    arrays = {"all": x, "part": x[10:], "flipped": x[::-1], "turned": x.T, "flat": x.reshape(-1), "sum": x + 1}
    back = echo(engine, arrays)
    for name, sent in arrays.items():
        assert_same(back[name], sent)


def test_results_are_independent(engine):
    first = echo(engine, {"x": np.arange(5)})["x"]
    echo(engine, {"x": np.zeros(5, np.int64)})
    assert first.tolist() == [0, 1, 2, 3, 4]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES)
def test_trees(engine, tree):
    back = engine.submit("echo", tree).result(60)[0]
    assert back == tree


def test_numbers_at_the_limits(engine):
    tree = {
        "integers": [2**63 - 1, -(2**63), 0, -1],
        "floats": [1e-5, 1e300, 5e-324, -0.0, 1e16, 0.1, 2.0**-1074, 1.7976931348623157e308],
        "text": 'quote " newline \n tab \t dollar $x $(1+1) back\\slash \x00\x01\x1b\x7f\x85 ünïcødé 😀 \u2028',
        'a key = "with" $everything.\n': {"empty": {}, "none": []},
    }
    back = engine.submit("echo", tree).result(60)[0]
    for name, value in tree.items():
        assert signed(back[name]) == signed(value)


def test_inconsistency_is_a_julia_error_with_the_message_alone(engine):
    with pytest.raises(JuliaError) as caught:
        engine.submit("no such $method", {}).result(60)
    assert caught.value.kind == "SpikeCoreError"
    assert caught.value.trace == ""
    assert str(caught.value) == "unknown method no such $method"


def test_other_errors_show_their_julia_type_and_trace(engine):
    with pytest.raises(JuliaError) as caught:
        engine.submit("close", {"collect": "text"}).result(60)
    assert caught.value.kind == "TypeError"
    said = r"TypeError: non-boolean \(String\) used in boolean context\nStacktrace:\n +\[1\]"
    assert re.match(said, str(caught.value))
    assert "service.jl" in caught.value.trace


def test_a_broken_session_leaves_the_others(engine):
    run = prepare(psn.BernoulliGLM(), psn.Network.normal(n=20, std=1.0, seed=1), duration=100.0, seed=1)
    broken = run.arrays | {"projection.1.weight": np.full_like(run.network.weight, np.nan)}

    def call(method, params, arrays=None):
        return engine.submit(method, params, arrays).result(60)

    good = call("open", run.params, run.arrays)[0]["session"]
    bad = call("open", run.params, broken)[0]["session"]
    call("advance", {"session": good, "steps": 50})
    with pytest.raises(JuliaError, match="neuron") as caught:
        call("advance", {"session": bad, "steps": 100})
    assert caught.value.kind == "SpikeCoreError"
    with pytest.raises(JuliaError, match="has ended"):
        call("advance", {"session": bad, "steps": 1})
    call("advance", {"session": good, "steps": 50})
    assert call("state", {"session": good})[0]["step"] == 100
    call("close", {"session": good})


def test_arguments_that_cannot_be_sent_do_no_harm(engine):
    with pytest.raises(TypeError, match="NoneType"):
        engine.submit("echo", {"a": None}).result(60)
    with pytest.raises(TypeError, match="dtype"):
        engine.submit("echo", {}, {"x": np.array(["a"])}).result(60)
    assert engine.submit("echo", {"a": 1}).result(60)[0] == {"a": 1}
