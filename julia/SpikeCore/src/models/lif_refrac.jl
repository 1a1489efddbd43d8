# LIFCurrent with a refractory period of `rho_reset` whole steps after a spike: v is held, i goes on.

struct LIFRefrac{T} <: DiscreteMembrane
    tau_syn_inv::T
    tau_mem_inv::T
    v_leak::T
    v_th::T
    v_reset::T
    rho_reset::T
end

variables(::Type{<:LIFRefrac}) = (:v, :i)
rest(m::LIFRefrac) = (m.v_leak, zero(m.v_leak))

@inline step(m::LIFRefrac, y, input, dt) = driven(m, y[1], y[2], input.I, zero(y[1]), dt)

@inline activity(m::LIFRefrac, y) = y[1] - m.v_th

@inline reset(m::LIFRefrac, y) = (m.v_reset, y[2])

# The step of the spike itself does not count: the earliest next spike falls rho_reset + 1 steps after it.
refractory_steps(m::LIFRefrac, dt) = 1 + ceil(Int, m.rho_reset)

membrane_model!("LIFRefrac", LIFRefrac)
