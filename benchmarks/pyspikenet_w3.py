"""W3 with pyspikenet: loss and gradient of a recurrent network, without compilation."""

import harness
import numpy as np
import workloads

import pyspikenet as psn
from pyspikenet.fitting.problem import ask

options = harness.arguments(__doc__, more=workloads.w3_options)
psn.configure(threads=options.threads)
w3 = workloads.W3
x, target, weights, bias, beta, theta = workloads.w3_data(options.n, options.density, options.seed)
network = psn.Network.from_dense(np.ascontiguousarray(weights.T), dtype="float32")
model = psn.Leaky(beta=beta.astype(float), v_threshold=theta.astype(float), bias=bias.astype(float))
question = ask(
    0.5 * psn.VanRossum(tau=w3["tau_vr"]),
    model,
    network,
    psn.ArrayStimulus(data=x.transpose(1, 0, 2), dt=w3["dt"]),
    target.transpose(1, 0, 2),
    ["weight", "bias", "beta", "v_threshold"],
    duration=None,
    dt=w3["dt"],
    trials=None,
    seed=0,
    initial_state=None,
    dtype="float32",
    threads=options.threads,
    surrogate=psn.SuperSpike(alpha=w3["slope"]),
    mode="surrogate",
    stochastic=False,
    detach_reset=True,
)
everyone = list(range(w3["batch"]))
with question.open() as problem:
    values = problem.values()

    def gradient():
        return problem.evaluate(everyone, [0.5], values)

    def forward():
        return problem.evaluate(everyone, [0.5], values, gradient=False)

    gradient(), forward()
    seconds, found = harness.timed(gradient, options.repeat)
    inside = min(gradient().seconds for _ in harness.rounds(options.repeat))
    forward_s, _ = harness.timed(forward, options.repeat)
harness.emit(
    "w3",
    "pyspikenet",
    options,
    seconds,
    spikes=found.counts.sum(),
    dt=w3["dt"],
    density=options.density,
    loss=found.loss,
    norms=dict(zip(["W", "b", "beta", "theta"], found.norms, strict=True)),
    forward_s=forward_s[0],
    julia_s=inside,
    julia=psn.info()["julia_version"],
    version=psn.__version__,
    pss_mb=harness.pss_mb(),
)
