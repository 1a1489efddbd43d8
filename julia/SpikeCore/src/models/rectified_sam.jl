# RectifiedSAM (Spikeometric), synaptic activation model: g = r W' s + E + b with s <- s (1 - dt / tau) + X dt,
# mu = lambda_0 dt max(g - theta, 0), Poisson counts. Filtering s before the weights or W' X after them is the same.

MODELS["RectifiedSAM"] = function (p::Parameters, ::Type{T}, dt) where {T}
    cells = cascade(T, p, Relu(), Poisson(), column(p, "theta"), [1.0], column(p, "lambda_0"))
    return cells, Blueprint(activation_kernel(T, p, dt), coupling_gain(T, p), T[])
end
