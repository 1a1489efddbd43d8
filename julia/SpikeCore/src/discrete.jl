# Cells that are defined in discrete time, those of Norse (https://github.com/norse/norse): a step is an explicit formula of
# the state and the input x of that step. All is dimensionless but time constants, which are inverse and in 1/s.

abstract type DiscreteMembrane <: Membrane end

refractory(m::DiscreteMembrane) = 0
@inline fire(m::DiscreteMembrane, y, u, dt) = activity(m, y) > 0

"Cells that never spike: their potential is the output."
const NEVER = -Inf

"What a time constant `inverse` in 1/s closes of a gap in one step of `dt` ms."
@inline closed(inverse, dt) = dt / 1000 * inverse

"v and i of cells with a synaptic current: x is added to i, v follows i and whatever is `more`, then i decays."
@inline function driven(m, v, i, x, more, dt)
    jumped = i + x
    return v + closed(m.tau_mem_inv, dt) * (m.v_leak - v + more + jumped), jumped - closed(m.tau_syn_inv, dt) * jumped
end

"The current that makes v run away where it comes near the threshold."
@inline runaway(m, v) = m.delta_T * vexp((v - m.v_th) / m.delta_T)
