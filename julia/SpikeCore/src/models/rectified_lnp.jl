# RectifiedLNP (Spikeometric): mu = lambda_0 dt max(g - theta, 0), Poisson counts; kernels as in PoissonGLM.

MODELS["RectifiedLNP"] = function (p::Parameters, ::Type{T}, dt) where {T}
    cells = cascade(T, p, Relu(), Poisson(), column(p, "theta"), [1.0], column(p, "lambda_0"))
    return cells, Blueprint(history_kernel(T, p, dt), coupling_gain(T, p), T[])
end
