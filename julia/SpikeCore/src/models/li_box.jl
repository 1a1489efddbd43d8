# Leaky integrator of Norse without synaptic current: v += dt tau_mem_inv (v_leak - v + x). It never spikes.

struct LIBox{T} <: DiscreteMembrane
    tau_mem_inv::T
    v_leak::T
end

variables(::Type{<:LIBox}) = (:v,)
rest(m::LIBox) = (m.v_leak,)

@inline step(m::LIBox, y, input, dt) = (y[1] + closed(m.tau_mem_inv, dt) * (m.v_leak - y[1] + input.I),)

@inline activity(m::LIBox, y) = oftype(y[1], NEVER)

@inline reset(m::LIBox, y) = y

membrane_model!("LIBox", LIBox)
