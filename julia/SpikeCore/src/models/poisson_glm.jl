# PoissonGLM (Spikeometric): mu = dt / alpha exp(beta g), Poisson counts.
#     kappa(k) = exp(-k dt / tau), k dt < history; no self kernel

MODELS["PoissonGLM"] = function (p::Parameters, ::Type{T}, dt) where {T}
    cells = cascade(T, p, Exponential(), Poisson(), [0.0], column(p, "beta"), 1 ./ column(p, "alpha"))
    return cells, Blueprint(history_kernel(T, p, dt), coupling_gain(T, p), T[])
end
