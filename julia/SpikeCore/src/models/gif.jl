# Generalised integrate-and-fire neuron with escape noise (Pozzorini et al. 2015, doi 10.1371/journal.pcbi.1004275):
#     C dv/dt = g_L (E_L - v) - eta_1 - eta_2 + I,   d eta_j/dt = -eta_j / tau_eta_j,   d gamma_j/dt = -gamma_j / tau_gamma_j
# It spikes with the hazard lambda = lambda_0 exp((v - V_T - gamma_1 - gamma_2) / Delta_V): in a step with probability
# 1 - exp(-lambda dt). Then v = v_reset, held for the refractory period, eta_j <- eta_j + q_eta_j and
# gamma_j <- gamma_j + q_gamma_j, which begin to decay at once. v, gamma in mV, eta and I in pA, C in pF, g in nS, lambda in Hz.

struct GIF{T} <: Membrane
    C::T
    g_L::T
    E_L::T
    v_reset::T
    V_T::T
    Delta_V::T
    lambda_0::T
    q_eta_1::T
    q_eta_2::T
    tau_eta_1::T
    tau_eta_2::T
    q_gamma_1::T
    q_gamma_2::T
    tau_gamma_1::T
    tau_gamma_2::T
    refractory_period::T
end

variables(::Type{<:GIF}) = (:v, :eta_1, :eta_2, :gamma_1, :gamma_2)
needs_random(::Type{<:GIF}) = true
rest(m::GIF) = (m.E_L, zero(m.E_L), zero(m.E_L), zero(m.E_L), zero(m.E_L))

@inline function derivative(m::GIF, y, input)
    v, eta_1, eta_2, gamma_1, gamma_2 = y
    dv = (m.g_L * (m.E_L - v) - eta_1 - eta_2 + input.I) / m.C
    return dv, -eta_1 / m.tau_eta_1, -eta_2 / m.tau_eta_2, -gamma_1 / m.tau_gamma_1, -gamma_2 / m.tau_gamma_2
end

@inline activity(m::GIF, y) = y[1] - (m.V_T + y[4] + y[5])
@inline hazard(m::GIF, y) = m.lambda_0 * vexp(activity(m, y) / m.Delta_V) / 1000     # per ms
@inline spike_probability(m::GIF, y, dt) = -vexpm1(-hazard(m, y) * dt)
@inline fire(m::GIF, y, u, dt) = u < spike_probability(m, y, dt)

@inline reset(m::GIF, y) =
    (m.v_reset, y[2] + m.q_eta_1, y[3] + m.q_eta_2, y[4] + m.q_gamma_1, y[5] + m.q_gamma_2)

membrane_model!("GIF", GIF)
