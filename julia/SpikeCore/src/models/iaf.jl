# Integrate-and-fire cell of Norse: v += x, whatever dt; a spike where v > v_th, then v = v_reset.

struct IAF{T} <: DiscreteMembrane
    v_th::T
    v_reset::T
end

variables(::Type{<:IAF}) = (:v,)
rest(m::IAF) = (m.v_reset,)

@inline step(m::IAF, y, input, dt) = (y[1] + input.I,)

@inline activity(m::IAF, y) = y[1] - m.v_th

@inline reset(m::IAF, y) = (m.v_reset,)

membrane_model!("IAF", IAF)
