"""W3 with a hand-written scan in JAX, under jit; for what products of dense matrices and one compiled loop can do.

JAX has no switch for the number of its threads: with --threads=1 it is kept on one core.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
import numpy as np
import workloads

options = harness.arguments(__doc__, more=workloads.w3_options)
if options.threads == 1:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

w3 = workloads.W3
x, target, weights, bias, beta, theta = map(jnp.asarray, workloads.w3_data(options.n, options.density, options.seed))
kernel = jnp.asarray(workloads.w3_kernel())
filtered = kernel @ target.reshape(w3["steps"], -1)


@jax.custom_vjp
def spike(z):
    return (z > 0).astype(z.dtype)


spike.defvjp(lambda z: (spike(z), z), lambda z, g: (g / (1 + w3["slope"] * jnp.abs(z)) ** 2,))


def loss(parameters):
    w, b, decay, threshold = parameters

    def step(state, now):
        v, s = state
        u = decay * v + now + s @ w.T + b - jax.lax.stop_gradient(s) * threshold
        fired = spike(u - threshold)
        return (u, fired), fired

    rest = jnp.zeros((w3["batch"], options.n), x.dtype)
    _, spikes = jax.lax.scan(step, (rest, rest), x)
    difference = kernel @ spikes.reshape(w3["steps"], -1) - filtered
    return (difference**2).sum() * (w3["dt"] / w3["tau_vr"] / w3["batch"]), spikes.sum()


parameters = (weights, bias, beta, theta)
both = jax.jit(jax.value_and_grad(loss, has_aux=True))
forward = jax.jit(loss)


def gradient():
    return jax.block_until_ready(both(parameters))


start = time.perf_counter()
gradient()
build = time.perf_counter() - start
jax.block_until_ready(forward(parameters))
seconds, ((value, spikes), slopes) = harness.timed(gradient, options.repeat)
forward_s, _ = harness.timed(lambda: jax.block_until_ready(forward(parameters)), options.repeat)
harness.emit(
    "w3",
    "jax",
    options,
    seconds,
    spikes=float(spikes) / w3["batch"],
    dt=w3["dt"],
    density=options.density,
    loss=float(value),
    norms={name: float(np.linalg.norm(g)) for name, g in zip(["W", "b", "beta", "theta"], slopes, strict=True)},
    forward_s=forward_s[0],
    build_s=build,
    version=jax.__version__,
    pss_mb=harness.pss_mb(),
)
