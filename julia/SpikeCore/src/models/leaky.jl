# Leaky integrate-and-fire cell with a decay per step and a reset by subtraction, `Leaky` of snnTorch
# (https://snntorch.readthedocs.io): v <- beta v + x + bias; a spike where v > v_threshold, whereupon v_threshold is missing in
# the next step. That it is subtracted there, behind the decay, is the same as subtracting v_threshold / beta here.

struct Leaky{T} <: DiscreteMembrane
    beta::T
    v_threshold::T
    bias::T
end

variables(::Type{<:Leaky}) = (:v,)
rest(m::Leaky) = (zero(m.beta),)

@inline step(m::Leaky, y, input, dt) = (muladd(m.beta, y[1], input.I + m.bias),)

@inline activity(m::Leaky, y) = y[1] - m.v_threshold

@inline reset(m::Leaky, y) = (y[1] - m.v_threshold / m.beta,)

membrane_model!("Leaky", Leaky)
