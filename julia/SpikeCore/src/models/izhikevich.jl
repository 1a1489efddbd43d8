# Izhikevich (2003, doi 10.1109/TNN.2003.820440): dv/dt = 0.04 v^2 + 5 v + 140 - u + I, du/dt = a (b v - u); a spike where
# v >= 30 (strictly above: the same but for rounding), then v = c and u <- u + d. v in mV, t in ms, I dimensionless.
# The constants are k_2, k_1, k_0, and in du/dt = a (b (v - v_u) - k_u u), because some of his examples use others.

struct Izhikevich{T} <: Membrane
    a::T
    b::T
    c::T
    d::T
    k_2::T
    k_1::T
    k_0::T
    v_u::T
    k_u::T
    refractory_period::T
end

variables(::Type{<:Izhikevich}) = (:v, :u)
rest(m::Izhikevich) = (m.c, m.b * m.c)

@inline function derivative(m::Izhikevich, y, input)
    v, u = y
    return muladd(muladd(v, m.k_2, m.k_1), v, m.k_0 - u + input.I), m.a * (m.b * (v - m.v_u) - m.k_u * u)
end

@inline activity(m::Izhikevich, y) = y[1] - 30
@inline fire(m::Izhikevich, y, u, dt) = activity(m, y) > 0

@inline reset(m::Izhikevich, y) = (m.c, y[2] + m.d)

membrane_model!("Izhikevich", Izhikevich)
