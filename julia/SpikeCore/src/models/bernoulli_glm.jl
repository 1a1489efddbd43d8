# BernoulliGLM (Spikeometric): p = dt sigmoid(g - theta), a spike with probability p.
#     kappa(k) = exp(-alpha k dt) for k dt < coupling_window
#     eta(k)   = abs_ref_strength for k dt < abs_ref_scale, then
#                rel_ref_strength exp(-beta (k dt - abs_ref_scale)) for rel_ref_scale more ms

MODELS["BernoulliGLM"] = function (p::Parameters, ::Type{T}, dt) where {T}
    cells = cascade(T, p, Sigmoid(), Bernoulli(), column(p, "theta"), [1.0], [1.0])
    coupling = exponential_kernel(T, 1, exp(-number(p, "alpha") * dt), steps_covering(number(p, "coupling_window"), dt))
    return cells, Blueprint(coupling, coupling_gain(T, p), convert(Vector{T}, refractory_kernel(p, dt)))
end

function refractory_kernel(p::Parameters, dt)
    absolute, relative = number(p, "abs_ref_scale"), number(p, "rel_ref_scale")
    eta = fill(number(p, "abs_ref_strength"), steps_covering(absolute + relative, dt))
    for k in steps_covering(absolute, dt):length(eta)-1
        eta[k+1] = number(p, "rel_ref_strength") * exp(-number(p, "beta") * (k * dt - absolute))
    end
    return eta
end
