# Leaky integrate-and-fire cell of Norse without synaptic current: v += dt tau_mem_inv (x + v_leak - v); a spike where
# v > v_th, then v = v_reset.

struct LIFBox{T} <: DiscreteMembrane
    tau_mem_inv::T
    v_leak::T
    v_th::T
    v_reset::T
end

variables(::Type{<:LIFBox}) = (:v,)
rest(m::LIFBox) = (m.v_leak,)

@inline step(m::LIFBox, y, input, dt) = (y[1] + closed(m.tau_mem_inv, dt) * (input.I + m.v_leak - y[1]),)

@inline activity(m::LIFBox, y) = y[1] - m.v_th

@inline reset(m::LIFBox, y) = (m.v_reset,)

membrane_model!("LIFBox", LIFBox)
