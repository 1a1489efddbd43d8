# Leaky integrate-and-fire cell of Norse with an adaptive threshold b (Bellec et al. 2018, arXiv 1803.09574):
#     v += dt tau_mem_inv (v_leak - v + i), i += x - dt tau_syn_inv i, b += dt tau_adapt_inv (v_th - b)
# all from the values before the step; a spike where v > b, then v = v_reset and b += beta.

struct LSNN{T} <: DiscreteMembrane
    tau_syn_inv::T
    tau_mem_inv::T
    tau_adapt_inv::T
    v_leak::T
    v_th::T
    v_reset::T
    beta::T
end

variables(::Type{<:LSNN}) = (:v, :i, :b)
rest(m::LSNN) = (m.v_leak, zero(m.v_leak), m.v_th)

@inline function step(m::LSNN, y, input, dt)
    v, i, b = y
    v_new = v + closed(m.tau_mem_inv, dt) * (m.v_leak - v + i)
    i_new = i - closed(m.tau_syn_inv, dt) * i + input.I
    return v_new, i_new, b + closed(m.tau_adapt_inv, dt) * (m.v_th - b)
end

@inline activity(m::LSNN, y) = y[1] - y[3]

@inline reset(m::LSNN, y) = (m.v_reset, y[2], y[3] + m.beta)

membrane_model!("LSNN", LSNN)
