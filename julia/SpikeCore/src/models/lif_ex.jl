# LIFCurrent with an exponential current in addition, delta_T exp((v - v_th) / delta_T).

struct LIFEx{T} <: DiscreteMembrane
    delta_T::T
    tau_syn_inv::T
    tau_mem_inv::T
    v_leak::T
    v_th::T
    v_reset::T
end

variables(::Type{<:LIFEx}) = (:v, :i)
rest(m::LIFEx) = (m.v_leak, zero(m.v_leak))

@inline step(m::LIFEx, y, input, dt) = driven(m, y[1], y[2], input.I, runaway(m, y[1]), dt)

@inline activity(m::LIFEx, y) = y[1] - m.v_th

@inline reset(m::LIFEx, y) = (m.v_reset, y[2])

membrane_model!("LIFEx", LIFEx)
