# Multi-timescale adaptive threshold (Kobayashi, Tsubo and Shinomoto 2009, doi 10.3389/neuro.10.009.2009):
#     tau_m dv/dt = E_L - v + R I,   d theta_j/dt = -theta_j / tau_j
# A spike where v >= E_L + omega + theta_1 + theta_2, at most one in a refractory period; then theta_j <- theta_j + alpha_j,
# and v goes on as if nothing had happened. v, omega and theta in mV, R in MOhm, I in nA.

struct MAT{T} <: Membrane
    tau_m::T
    E_L::T
    R::T
    omega::T
    alpha_1::T
    alpha_2::T
    tau_1::T
    tau_2::T
    refractory_period::T
end

variables(::Type{<:MAT}) = (:v, :theta_1, :theta_2)
held(::Type{<:MAT}) = (false, false, false)
rest(m::MAT) = (m.E_L, zero(m.E_L), zero(m.E_L))

@inline derivative(m::MAT, y, input) =
    ((m.E_L - y[1] + m.R * input.I) / m.tau_m, -y[2] / m.tau_1, -y[3] / m.tau_2)

@inline activity(m::MAT, y) = y[1] - (m.E_L + m.omega + y[2] + y[3])

@inline reset(m::MAT, y) = (y[1], y[2] + m.alpha_1, y[3] + m.alpha_2)

membrane_model!("MAT", MAT)
