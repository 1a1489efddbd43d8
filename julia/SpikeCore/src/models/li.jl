# Leaky integrator of Norse: i' = i + x, v += dt tau_mem_inv (v_leak - v + i'), i = i' - dt tau_syn_inv i'. It never spikes.

struct LI{T} <: DiscreteMembrane
    tau_syn_inv::T
    tau_mem_inv::T
    v_leak::T
end

variables(::Type{<:LI}) = (:v, :i)
rest(m::LI) = (m.v_leak, zero(m.v_leak))

@inline step(m::LI, y, input, dt) = driven(m, y[1], y[2], input.I, zero(y[1]), dt)

@inline activity(m::LI, y) = oftype(y[1], NEVER)

@inline reset(m::LI, y) = y

membrane_model!("LI", LI)
