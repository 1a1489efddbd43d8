# LIFGate: the network of "Parallel SNN parameter inference using gradient based optimization". tau_m dv/dt = E_L - v + R I,
# tau_g dg/dt = -g, Euler steps; a spike where v >= v_threshold, then v = E_L and g = 1 (set, not added). Synapses carry the
# gate g of the presynaptic neuron in every step: I_j = sum of w_ij g_i + input. v, E_L in mV, times in ms.

struct LIFGate{T} <: Membrane
    tau_m::T
    E_L::T
    R::T
    tau_g::T
    v_threshold::T
    refractory_period::T
end

variables(::Type{<:LIFGate}) = (:v, :g)
rest(m::LIFGate) = (m.E_L, zero(m.E_L))
graded(::Type{<:LIFGate}) = 2

@inline derivative(m::LIFGate, y, input) = (m.E_L - y[1] + m.R * input.I) / m.tau_m, -y[2] / m.tau_g

@inline activity(m::LIFGate, y) = y[1] - m.v_threshold

@inline reset(m::LIFGate, y) = (m.E_L, one(y[2]))

membrane_model!("LIFGate", LIFGate)
