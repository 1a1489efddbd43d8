# ThresholdSAM (Spikeometric): activation as in RectifiedSAM; a spike where g > theta, strictly. The background is
# b (1 + n m) with n ~ N(0, sigma) and m ~ Bernoulli(rho), drawn per neuron and step.

MODELS["ThresholdSAM"] = function (p::Parameters, ::Type{T}, dt) where {T}
    cells = cascade(T, p, Identity(), Threshold(), column(p, "theta"), [1.0], [1.0])
    noise = convert(Vector{T}, number(p, "sigma") .* column(p, "b"))
    return cells, Blueprint(activation_kernel(T, p, dt), coupling_gain(T, p), T[], noise, number(p, "rho"))
end
