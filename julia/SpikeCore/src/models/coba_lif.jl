# Leaky integrate-and-fire with conductances: C dv/dt = g_L (E_L - v) + sum of g_r (E_r - v) over receptors r + I; a spike
# where v > v_threshold, then v = v_reset, held for the refractory period. C in pF, g in nS, E, v in mV, I in pA.

struct CobaLIF{T} <: Membrane
    inverse_C::T
    g_L::T
    E_L::T
    v_threshold::T
    v_reset::T
    refractory_period::T
end

variables(::Type{<:CobaLIF}) = (:v,)
rest(m::CobaLIF) = (m.E_L,)

@inline derivative(m::CobaLIF, y, input) = ((m.g_L * (m.E_L - y[1]) + input.I) * m.inverse_C,)

@inline activity(m::CobaLIF, y) = y[1] - m.v_threshold
@inline fire(m::CobaLIF, y, u, dt) = activity(m, y) > 0

@inline reset(m::CobaLIF, y) = (m.v_reset,)

membrane_model!("CobaLIF", CobaLIF; make=(p, i) -> assemble(CobaLIF, Any[1 / value(p, "C", i), value(p, "g_L", i), value(p, "E_L", i),
                                                                          value(p, "v_threshold", i), value(p, "v_reset", i),
                                                                          value(p, "refractory_period", i)]))
