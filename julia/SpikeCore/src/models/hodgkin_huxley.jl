# Hodgkin-Huxley neuron with the kinetics of Traub and Miles (1991) as in Brette et al. 2007 (doi
# 10.1007/s10827-007-0038-6, benchmark 3):
#     C dv/dt = g_L (E_L - v) - g_Na m^3 h (v - E_Na) - g_K n^4 (v - E_K) + I
#     dx/dt = alpha_x (1 - x) - beta_x x  for x = m, h, n
# A spike where v > v_threshold, at most one in a refractory period; nothing is reset or held. C in pF, g in nS, E and v
# in mV, I in pA, rates in 1/ms.

struct HodgkinHuxley{T} <: Membrane
    C::T
    g_L::T
    E_L::T
    g_Na::T
    E_Na::T
    g_K::T
    E_K::T
    V_T::T
    v_threshold::T
    refractory_period::T
end

variables(::Type{<:HodgkinHuxley}) = (:v, :m, :h, :n)
held(::Type{<:HodgkinHuxley}) = (false, false, false, false)

"The gating variables begin at their steady state for v = E_L."
function rest(m::HodgkinHuxley)
    steady = map(((alpha, beta),) -> alpha / (alpha + beta), gating_rates(m, m.E_L))
    return (m.E_L, steady...)
end

"Rates of opening and closing of m, h and n. x / (exp(x / s) - 1) = s / exprel(x / s) needs no care at x = 0."
@inline function gating_rates(model::HodgkinHuxley{T}, v) where {T}
    u = v - model.V_T
    m = (T(1.28) / exprel((13 - u) / 4), T(1.4) / exprel((u - 40) / 5))
    h = (T(0.128) * vexp((17 - u) / 18), 4 / (1 + vexp((40 - u) / 5)))
    n = (T(0.16) / exprel((15 - u) / 5), T(0.5) * vexp((10 - u) / 40))
    return m, h, n
end

@inline function derivative(model::HodgkinHuxley, y, input)
    v, m, h, n = y
    of_m, of_h, of_n = gating_rates(model, v)
    sodium = model.g_Na * (m * m * m * h) * (model.E_Na - v)
    potassium = model.g_K * (n * n * n * n) * (model.E_K - v)
    dv = (model.g_L * (model.E_L - v) + sodium + potassium + input.I) / model.C
    return dv, opening(of_m, m), opening(of_h, h), opening(of_n, n)
end

# The equations are linear each in its own variable; asking dual numbers for this takes ten times as long.
@inline function slopes(model::HodgkinHuxley, y::Tuple, input, current_slope)
    v, m, h, n = y
    of_m, of_h, of_n = gating_rates(model, v)
    conductance = model.g_L + model.g_Na * (m * m * m * h) + model.g_K * (n * n * n * n)
    return (current_slope - conductance) / model.C, -sum(of_m), -sum(of_h), -sum(of_n)
end

@inline opening(rates, x) = rates[1] * (1 - x) - rates[2] * x

@inline activity(m::HodgkinHuxley, y) = y[1] - m.v_threshold
@inline fire(m::HodgkinHuxley, y, u, dt) = activity(m, y) > 0

@inline reset(m::HodgkinHuxley, y) = y

membrane_model!("HodgkinHuxley", HodgkinHuxley)
