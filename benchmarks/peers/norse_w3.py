"""W3 with Norse: the step of a LIFBox cell in a Python loop, and a dense layer for the recurrent weights.

The forward run is that of W3. The surrogate is Norse's ``tanh``, because its ``super`` does not use its steepness, and
with that of 1 the gradient of this network explodes; the norms of the gradient differ therefore.
"""

import sys
import warnings
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
import torch
import workloads

warnings.filterwarnings("ignore")
from norse.torch.functional.lif_box import (  # noqa: E402
    LIFBoxFeedForwardState,
    LIFBoxParameters,
    lif_box_feed_forward_step,
)

options = harness.arguments(__doc__, more=workloads.w3_options)
torch.set_num_threads(options.threads)
w3 = workloads.W3
x, target, weights, bias, beta, theta = map(
    torch.as_tensor, workloads.w3_data(options.n, options.density, options.seed)
)
kernel, seconds_per_step = torch.as_tensor(workloads.w3_kernel()), 1e-3 * w3["dt"]
filtered = kernel @ target.reshape(w3["steps"], -1)
free = {"W": weights, "b": bias, "beta": (1 - beta) / seconds_per_step, "theta": theta}
free = {name: torch.nn.Parameter(value.clone()) for name, value in free.items()}
gain, undone = 1.0 / (1 - beta), 1.0 / beta  # LIFBox multiplies input by dt / tau; W3 subtracts behind the decay


def subtract(z, v, v_reset, threshold):
    return v - z.detach() * threshold * undone


cell = LIFBoxParameters(
    tau_mem_inv=free["beta"],
    v_leak=torch.tensor(0.0),
    v_th=free["theta"],
    v_reset=torch.tensor(0.0),
    method="tanh",
    alpha=torch.tensor(w3["slope"]),
    reset_method=subtract,
)


def forward():
    state = LIFBoxFeedForwardState(v=torch.zeros(w3["batch"], options.n))
    fired, all_spikes = torch.zeros(w3["batch"], options.n), []
    for now in x:
        current = (now + torch.nn.functional.linear(fired, free["W"], free["b"])) * gain
        fired, state = lif_box_feed_forward_step(current, state, cell, seconds_per_step)
        all_spikes.append(fired)
    spikes = torch.stack(all_spikes)
    difference = kernel @ spikes.reshape(w3["steps"], -1) - filtered
    return (difference * difference).sum() * (w3["dt"] / w3["tau_vr"] / w3["batch"]), spikes


def gradient():
    for parameter in free.values():
        parameter.grad = None
    loss, spikes = forward()
    loss.backward()
    return float(loss.detach()), float(spikes.sum())


def without_gradient():
    with torch.no_grad():
        forward()


gradient()
seconds, (loss, spikes) = harness.timed(gradient, options.repeat)
forward_s, _ = harness.timed(without_gradient, options.repeat)
harness.emit(
    "w3",
    "norse",
    options,
    seconds,
    spikes=spikes / w3["batch"],
    dt=w3["dt"],
    density=options.density,
    loss=loss,
    norms={name: float(value.grad.norm()) for name, value in free.items()},
    forward_s=forward_s[0],
    version=version("norse"),
    pss_mb=harness.pss_mb(),
)
