# LIFEx with an adaptation current a that is taken from the input:
#     a += dt tau_ada_inv (adaptation_current (v - v_leak) - a), with v and a before the step
# A spike adds adaptation_spike to a.

struct LIFAdEx{T} <: DiscreteMembrane
    adaptation_current::T
    adaptation_spike::T
    delta_T::T
    tau_ada_inv::T
    tau_syn_inv::T
    tau_mem_inv::T
    v_leak::T
    v_th::T
    v_reset::T
end

variables(::Type{<:LIFAdEx}) = (:v, :i, :a)
rest(m::LIFAdEx) = (m.v_leak, zero(m.v_leak), zero(m.v_leak))

@inline function step(m::LIFAdEx, y, input, dt)
    v, i, a = y
    a_new = a + closed(m.tau_ada_inv, dt) * (m.adaptation_current * (v - m.v_leak) - a)
    return (driven(m, v, i, input.I, runaway(m, v) - a, dt)..., a_new)
end

@inline activity(m::LIFAdEx, y) = y[1] - m.v_th

@inline reset(m::LIFAdEx, y) = (m.v_reset, y[2], y[3] + m.adaptation_spike)

membrane_model!("LIFAdEx", LIFAdEx)
