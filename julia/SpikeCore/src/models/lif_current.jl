# Leaky integrate-and-fire cell of Norse with a synaptic current, as LI; a spike where v > v_th, then v = v_reset.

struct LIFCurrent{T} <: DiscreteMembrane
    tau_syn_inv::T
    tau_mem_inv::T
    v_leak::T
    v_th::T
    v_reset::T
end

variables(::Type{<:LIFCurrent}) = (:v, :i)
rest(m::LIFCurrent) = (m.v_leak, zero(m.v_leak))

@inline step(m::LIFCurrent, y, input, dt) = driven(m, y[1], y[2], input.I, zero(y[1]), dt)

@inline activity(m::LIFCurrent, y) = y[1] - m.v_th

@inline reset(m::LIFCurrent, y) = (m.v_reset, y[2])

membrane_model!("LIFCurrent", LIFCurrent)
