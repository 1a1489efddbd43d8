"""
Simulation of networks of spiking neurons on sparse connectivity.

The files below are in reading order: random numbers, networks, what a step is made of, the models, the loop, and last
the only file that knows that it is being called from another language.
"""
module SpikeCore

include("error.jl")
include("elementary.jl")
include("dual.jl")
include("philox.jl")
include("emission.jl")
include("expression.jl")
include("formula.jl")
include("connectivity.jl")
include("kernels.jl")
include("stimulus.jl")
include("model.jl")
include("models/cascade.jl")
include("models/bernoulli_glm.jl")
include("models/poisson_glm.jl")
include("models/rectified_lnp.jl")
include("models/rectified_sam.jl")
include("models/threshold_sam.jl")
include("receptor.jl")
include("integrate.jl")
include("membrane.jl")
include("models/lif.jl")
include("models/coba_lif.jl")
include("models/adex.jl")
include("models/izhikevich.jl")
include("models/lif_gate.jl")
include("discrete.jl")
include("models/li.jl")
include("models/li_box.jl")
include("models/lif_box.jl")
include("models/lif_current.jl")
include("models/lif_refrac.jl")
include("models/lif_ex.jl")
include("models/lif_adex.jl")
include("models/lsnn.jl")
include("models/iaf.jl")
include("models/hodgkin_huxley.jl")
include("models/glif.jl")
include("models/mat.jl")
include("models/gif.jl")
include("models/equations.jl")
include("plasticity.jl")
include("barrier.jl")
include("state.jl")
include("propagate.jl")
include("plasticity_step.jl")
include("simulate.jl")
include("membrane_step.jl")
include("session.jl")
include("service.jl")
include("worker.jl")
include("precompile.jl")

export SpikeCoreError, handle

end
