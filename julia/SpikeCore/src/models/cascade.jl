# Linear-nonlinear cascade: drive -> nonlinearity -> draw. The five cascade models are settings of this one.
#
#     g_i(t) = r sum_j W[j,i] (kappa * s_j)(t) + (eta * s_i)(t) + E_i(t) + b       drive (dimensionless)
#     mu_i   = dt scale f(slope (g_i - threshold))                                 expected count of the step
#     s_i    ~ Bernoulli(mu_i), Poisson(mu_i), or 1 where mu_i > 0

# ---- parameters -----------------------------------------------------------------------------------------------------

"`scale` in spikes per ms; `threshold` and `background` in units of the drive; `F` nonlinearity, `E` emission."
struct Cascade{T,F,E}
    threshold::T
    slope::T
    scale::T
    background::T
end

# The named nonlinearities; a text becomes a FromText (expression.jl), Julia code a FromCode.
struct Exponential end
struct Sigmoid end
struct Softplus end
struct Relu end
struct Identity end
@inline (::Exponential)(x) = vexp(x)
@inline (::Sigmoid)(x) = 1 / (1 + vexp(-x))
@inline (::Softplus)(x) = softplus(x)
@inline (::Relu)(x) = pick(x > 0, x, zero(x)) + (x - x)    # x - x keeps NaN and Inf visible
@inline (::Identity)(x) = x

const NONLINEARITIES = Dict{String,Any}("exp" => Exponential(), "sigmoid" => Sigmoid(), "softplus" => Softplus(),
                                        "relu" => Relu(), "identity" => Identity())
const EMISSIONS = Dict{String,Any}("bernoulli" => Bernoulli(), "poisson" => Poisson(), "threshold" => Threshold())

# ---- state, step, fire, reset -----------------------------------------------------------------------------------------

@inline step(m::Cascade, state, input, dt) = (drive = input + m.background,)

@inline activity(m::Cascade{T,F}, state, dt) where {T,F} =
    dt * m.scale * F.instance(m.slope * (state.drive - m.threshold))

@inline fire(m::Cascade{T,F,E}, state, u, dt) where {T,F,E} = fires(E.instance, activity(m, state, dt), u)

@inline reset(m::Cascade, state, count) = state

emission(::Type{<:Cascade{T,F,E}}) where {T,F,E} = E.instance

# ---- from parameters --------------------------------------------------------------------------------------------------

function nonlinearity(text::String)
    return haskey(NONLINEARITIES, text) ? NONLINEARITIES[text] : nonlinearity_from_text(text)
end
nonlinearity(given::Dict) = nonlinearity_from_code(required(given, "code", String), get(given, "derivative", ""))

"Neurons of the cascade with nonlinearity `f` and emission `e`; parameters as `column` gives them."
cascade(::Type{T}, p::Parameters, f::F, e::E, threshold::Vector{Float64}, slope::Vector{Float64},
        scale::Vector{Float64}) where {T,F,E} =
    neurons(Cascade{T,F,E}, T, p.n, (threshold, slope, scale, column(p, "b")))

coupling_gain(::Type{T}, p::Parameters) where {T} = convert(Vector{T}, column(p, "r"))

"A kernel as the user gave it: `\"exponential\"` with time constant and window in ms, or an array by lag."
function given_kernel(::Type{T}, p::Parameters, name, dt) where {T}
    haskey(p.arrays, name) && return array_kernel(T, vec(p.arrays[name]))
    tau = number(p, string(name, ".tau"))
    window = number(p, string(name, ".window"))
    return exponential_kernel(T, number(p, string(name, ".gain")), exp(-dt / tau), steps_covering(window, dt))
end

"How many k = 0, 1, ... have k dt < window."
steps_covering(window, dt) = ceil(Int, window / dt - STEP_TOLERANCE)

"Poisson history kernel of PoissonGLM and RectifiedLNP: exp(-k dt / tau) for k dt < history."
history_kernel(::Type{T}, p::Parameters, dt) where {T} =
    exponential_kernel(T, 1, exp(-dt / number(p, "tau")), steps_covering(number(p, "history"), dt))

"Synaptic activation s <- s (1 - dt / tau) + X dt, seen through the weights."
activation_kernel(::Type{T}, p::Parameters, dt) where {T} = exponential_kernel(T, dt, 1 - dt / number(p, "tau"), 0)

MODELS["Cascade"] = function (p::Parameters, ::Type{T}, dt) where {T}
    haskey(EMISSIONS, p.numbers["emission"]) || fail("emission must be one of ", join(sort!(collect(keys(EMISSIONS))), ", "))
    f, e = nonlinearity(p.numbers["nonlinearity"]), EMISSIONS[p.numbers["emission"]]
    cells = cascade(T, p, f, e, column(p, "theta"), column(p, "beta"), column(p, "scale"))
    # Activation dynamics: the kernel is that of a leaky integral of the spikes, per ms of dt.
    coupling = isgiven(p, "activation_tau") ?
               exponential_kernel(T, dt, 1 - dt / number(p, "activation_tau"), 0) : given_kernel(T, p, "coupling", dt)
    self = haskey(p.arrays, "self") ? convert(Vector{T}, vec(p.arrays["self"])) : T[]
    return cells, Blueprint(coupling, coupling_gain(T, p), self)
end
