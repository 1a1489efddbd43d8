# Leaky integrate-and-fire: tau_m dv/dt = E_L - v + R I; a spike where v >= v_threshold, then v = v_reset, held for the
# refractory period. With E_L, v in mV, R in MOhm and I in nA; integrated exactly where receptors are currents.

struct LIF{T} <: Membrane
    tau_m::T
    E_L::T
    R::T
    v_threshold::T
    v_reset::T
    refractory_period::T
end

variables(::Type{<:LIF}) = (:v,)
rest(m::LIF) = (m.E_L,)

@inline derivative(m::LIF, y, input) = ((m.E_L - y[1] + m.R * input.I) / m.tau_m,)

@inline activity(m::LIF, y) = y[1] - m.v_threshold

@inline reset(m::LIF, y) = (m.v_reset,)

membrane_model!("LIF", LIF)
