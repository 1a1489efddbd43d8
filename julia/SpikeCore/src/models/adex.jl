# Adaptive exponential integrate-and-fire (Brette and Gerstner 2005, doi 10.1152/jn.00686.2005):
#     C dv/dt = -g_L (v - E_L) + g_L D_T exp((v - V_T) / D_T) - w + I
#     tau_w dw/dt = a (v - E_L) - w
# A spike where v > V_cut, then v = V_r and w <- w + b. C in pF, g_L and a in nS, v in mV, w, b and I in pA.

struct AdEx{T} <: Membrane
    C::T
    g_L::T
    E_L::T
    V_T::T
    D_T::T
    tau_w::T
    a::T
    b::T
    V_r::T
    V_cut::T
    refractory_period::T
end

variables(::Type{<:AdEx}) = (:v, :w)
rest(m::AdEx) = (m.E_L, zero(m.E_L))

@inline function derivative(m::AdEx, y, input)
    v, w = y
    spike_current = m.g_L * m.D_T * vexp((v - m.V_T) / m.D_T)
    return (m.g_L * (m.E_L - v) + spike_current - w + input.I) / m.C, (m.a * (v - m.E_L) - w) / m.tau_w
end

@inline activity(m::AdEx, y) = y[1] - m.V_cut
@inline fire(m::AdEx, y, u, dt) = activity(m, y) > 0

@inline reset(m::AdEx, y) = (m.V_r, y[2] + m.b)

membrane_model!("AdEx", AdEx)
