# Generalised leaky integrate-and-fire neuron of the Allen Institute (Teeter et al. 2018, doi 10.1038/s41467-017-02717-4),
# with all mechanisms; levels 1 to 5 are settings of their parameters:
#     C dv/dt = g_L (E_L - v) + I + I_1 + I_2,   dI_j/dt = -k_j I_j
#     d theta_s/dt = -b_s theta_s,   d theta_v/dt = a_v (v - E_L) - b_v theta_v
# A spike where v > theta_inf + theta_s + theta_v. As in the paper, all is held during the refractory period, and begins
# behind it with
#     v <- E_L + f_v (v - E_L) + v_add,   I_j <- f_j I_j exp(-k_j t) + A_j,   theta_s <- theta_s exp(-b_s t) + A_theta
# where t is the refractory period: what earlier spikes left has decayed meanwhile. v and theta in mV, I in pA, C in pF, g
# in nS, k, a and b in 1/ms.

struct GLIF{T} <: Membrane
    C::T
    g_L::T
    E_L::T
    theta_inf::T
    f_v::T
    v_add::T
    k_1::T
    k_2::T
    A_1::T
    A_2::T
    f_1::T
    f_2::T
    b_s::T
    A_theta::T
    a_v::T
    b_v::T
    refractory_period::T
end

variables(::Type{<:GLIF}) = (:v, :I_1, :I_2, :theta_s, :theta_v)
held(::Type{<:GLIF}) = (true, true, true, true, true)
rest(m::GLIF) = (m.E_L, zero(m.E_L), zero(m.E_L), zero(m.E_L), zero(m.E_L))

@inline function derivative(m::GLIF, y, input)
    v, I_1, I_2, theta_s, theta_v = y
    dv = (m.g_L * (m.E_L - v) + I_1 + I_2 + input.I) / m.C
    return dv, -m.k_1 * I_1, -m.k_2 * I_2, -m.b_s * theta_s, m.a_v * (v - m.E_L) - m.b_v * theta_v
end

@inline activity(m::GLIF, y) = y[1] - (m.theta_inf + y[4] + y[5])
@inline fire(m::GLIF, y, u, dt) = activity(m, y) > 0

@inline function reset(m::GLIF, y)
    v, I_1, I_2, theta_s, theta_v = y
    left(rate) = vexp(-rate * m.refractory_period)
    return m.E_L + m.f_v * (v - m.E_L) + m.v_add, m.f_1 * I_1 * left(m.k_1) + m.A_1, m.f_2 * I_2 * left(m.k_2) + m.A_2,
           theta_s * left(m.b_s) + m.A_theta, theta_v
end

membrane_model!("GLIF", GLIF)
