# Log-likelihood of spike trains under a generalised linear model with coupling, history and stimulus kernels: value,
# gradient and curvature. Features are made from spikes chunk by chunk and never kept. Read likelihood_fit.jl next.

# BLAS and LAPACK are called directly: what lies above them takes Julia ten seconds to compile.
using LinearAlgebra: BLAS, LAPACK

# ---- emissions: l = log P(y | eta), its slope and its curvature -l'', all concave in eta --------------------------------

abstract type Likelihood end
"y ~ Poisson(exp(eta))"
struct PoissonExp <: Likelihood end
"y ~ Poisson(log(1 + exp(eta)))"
struct PoissonSoftplus <: Likelihood end
"y ~ Bernoulli(sigmoid(eta))"
struct BernoulliSigmoid <: Likelihood end
"y ~ Bernoulli(1 - exp(-exp(eta)))"
struct BernoulliCloglog <: Likelihood end

const LIKELIHOODS = Dict{String,Likelihood}("poisson exp" => PoissonExp(), "poisson softplus" => PoissonSoftplus(),
                                            "bernoulli sigmoid" => BernoulliSigmoid(), "bernoulli cloglog" => BernoulliCloglog())

@inline vsigmoid(x::Float64) = (e = vexp(-abs(x)); ifelse(x >= 0, 1.0, e) / (1 + e))
@inline vsoftplus(x::Float64) = max(x, 0.0) + vlog(1 + vexp(-abs(x)))

# Most bins are silent: (l, slope) for y = 0, without branches; what spikes change is added afterwards.
@inline silent(::Union{PoissonExp,BernoulliCloglog}, eta) = (e = vexp(eta); (-e, -e))
@inline silent(::PoissonSoftplus, eta) = (-vsoftplus(eta), -vsigmoid(eta))
@inline silent(::BernoulliSigmoid, eta) = (-vsoftplus(eta), -vsigmoid(eta))
@inline silent_curvature(::Union{PoissonExp,BernoulliCloglog}, eta) = vexp(eta)
@inline silent_curvature(::Union{PoissonSoftplus,BernoulliSigmoid}, eta) = (p = vsigmoid(eta); p * (1 - p))

"`l`, its slope and its curvature for `y` > 0."
spiking(::PoissonExp, eta, y) = (mu = exp(eta); (y * eta - mu - log_factorial(y), y - mu, mu))
spiking(::BernoulliSigmoid, eta, y) = (p = vsigmoid(eta); (-softplus(-eta), 1 - p, p * (1 - p)))
function spiking(::PoissonSoftplus, eta, y)
    mu, p = eta < -30 ? (exp(eta), exp(eta)) : (softplus(eta), vsigmoid(eta))
    return y * log(mu) - mu - log_factorial(y), (y / mu - 1) * p, p * (1 - p) * (1 - y / mu) + y * (p / mu)^2
end
function spiking(::BernoulliCloglog, eta, y)
    mu = exp(eta)
    q = mu < 1e-12 ? 1.0 - mu / 2 : mu > 700 ? 0.0 : mu / expm1(mu)
    # q (q + mu - 1) loses all digits for small mu, where it is mu / 2.
    return log(-expm1(-mu)), q, mu < 1e-4 ? mu / 2 * (1 - mu / 3) : q * (q + mu - 1)
end

@inline expected(::PoissonExp, eta) = exp(eta)
@inline expected(::PoissonSoftplus, eta) = softplus(eta)
@inline expected(::BernoulliSigmoid, eta) = 1 / (1 + exp(-eta))
@inline expected(::BernoulliCloglog, eta) = -expm1(-exp(eta))

"The eta of an expected count `mu`."
predictor(::PoissonExp, mu) = log(mu)
predictor(::PoissonSoftplus, mu) = mu > 30 ? mu : log(expm1(mu))
predictor(::BernoulliSigmoid, mu) = log(mu / (1 - mu))
predictor(::BernoulliCloglog, mu) = log(-log1p(-mu))

# ---- design -------------------------------------------------------------------------------------------------------

"""
Spikes of all trials, and what follows from them. Columns of the design: 1; for every neuron its spikes through each column of
`coupling`; every stimulus channel through each column of `stimulus_basis`; these are shared by all postsynaptic neurons. Then
the postsynaptic neuron's own spikes through each column of `history`. A kernel acts from the step after the spike on, on a
stimulus from its own step on. Spikes of neuron `i` of trial `r`: `step[pointer[k]+1:pointer[k+1]]`, k = (r - 1) n + i.
"""
struct Design
    n::Int
    n_steps::Vector{Int}
    pointer::Vector{Int}
    step::Vector{Int}
    count::Vector{Float64}
    coupling::Matrix{Float64}
    history::Matrix{Float64}
    stimulus::Array{Float64,3}          # time, channel, trial
    stimulus_basis::Matrix{Float64}
end

shared_columns(d::Design) = 1 + d.n * size(d.coupling, 2) + size(d.stimulus, 2) * size(d.stimulus_basis, 2)
own_columns(d::Design) = size(d.history, 2)
n_columns(d::Design) = shared_columns(d) + own_columns(d)

const CHUNK = 1024
"Steps `first`+1 to `last` of a trial, each of which counts `weight` times."
struct Chunk
    trial::Int
    first::Int
    last::Int
    weight::Float64
end
Base.length(c::Chunk) = c.last - c.first

"`segments` has rows (trial, first step, end), counted from zero; `weights` are those of the trials."
function chunks_of(d::Design, segments::Matrix{Int64}, weights::Vector{Float64}=ones(length(d.n_steps)))
    length(weights) == length(d.n_steps) && all(w -> isfinite(w) && w > 0, weights) || fail("weights must be one positive number for each trial")
    chunks = Chunk[]
    for k in 1:size(segments, 2)
        trial, first, last = segments[1, k] + 1, segments[2, k], segments[3, k]
        (1 <= trial <= length(d.n_steps) && 0 <= first < last <= d.n_steps[trial]) || fail("segment ", k - 1, " lies outside the data")
        for a in first:CHUNK:last-1
            push!(chunks, Chunk(trial, a, min(a + CHUNK, last), weights[trial]))
        end
    end
    isempty(chunks) && fail("segments must hold at least one step")
    return chunks
end

"Places, in `d.step`, of the spikes of a neuron in steps `from` <= step < `to`, counted from zero."
@inline function spikes_between(d::Design, trial::Int, neuron::Int, from::Int, to::Int)
    k = (trial - 1) * d.n + neuron
    lo, hi = d.pointer[k] + 1, d.pointer[k+1]
    return searchsortedfirst(d.step, from, lo, hi, Base.Order.Forward):searchsortedfirst(d.step, to, lo, hi, Base.Order.Forward)-1
end

"Writes the spikes of a neuron through the columns of `basis` to `X[:, column+1...]`."
function filter_spikes!(X::AbstractMatrix{Float64}, column::Int, d::Design, basis::Matrix{Float64}, neuron::Int, c::Chunk)
    lags, m = size(basis)
    @inbounds for b in 1:m
        for t in 1:length(c)
            X[t, column+b] = 0
        end
        for k in spikes_between(d, c.trial, neuron, c.first - lags, c.last - 1)
            s, y = d.step[k], d.count[k]
            shift = s + 1 - c.first                 # row of lag 0, counted from zero
            @simd ivdep for t in max(0, shift):min(length(c), shift + lags)-1
                X[t+1, column+b] += y * basis[t-shift+1, b]
            end
        end
    end
    return nothing
end

function shared_features!(X::AbstractMatrix{Float64}, d::Design, c::Chunk)
    @inbounds for t in 1:length(c)
        X[t, 1] = 1
    end
    column = 1
    for neuron in 1:d.n
        size(d.coupling, 2) == 0 && break
        filter_spikes!(X, column, d, d.coupling, neuron, c)
        column += size(d.coupling, 2)
    end
    lags, m = size(d.stimulus_basis)
    @inbounds for channel in 1:size(d.stimulus, 2), b in 1:m
        column += 1
        for t in 1:length(c)
            X[t, column] = 0
        end
        for lag in 0:lags-1
            value = d.stimulus_basis[lag+1, b]
            value == 0 && continue
            @simd ivdep for t in max(1, lag - c.first + 1):length(c)
                X[t, column] += value * d.stimulus[c.first+t-lag, channel, c.trial]
            end
        end
    end
    return nothing
end

# ---- value and gradient -------------------------------------------------------------------------------------------

# Sums are formed in this many parts, whatever the number of threads, so that their order is always the same.
const PARTS = 32

"Adds all to the first, one after the other."
function total(parts::Vector{<:Array{Float64}})
    for p in 2:length(parts), k in 1:length(parts[1])
        parts[1][k] += parts[p][k]
    end
    return parts[1]
end

share(n::Int, parts::Int, part::Int) = (part-1)*n÷parts+1:part*n÷parts

# Several threads of BLAS under several of Julia are slow, and their sums depend on how many there are.
function one_blas_thread(work)
    isdefined(BLAS, :get_num_threads) || (BLAS.set_num_threads(1); return work())
    before = BLAS.get_num_threads()
    before == 1 && return work()
    BLAS.set_num_threads(1)
    try
        return work()
    finally
        BLAS.set_num_threads(before)
    end
end

"Buffers for a chunk: features shared by all, own features of each of `m` neurons, predictors and slopes."
struct Workspace
    shared::Matrix{Float64}
    own::Matrix{Float64}
    eta::Matrix{Float64}
end
Workspace(d::Design, m::Int) = Workspace(Matrix{Float64}(undef, CHUNK, shared_columns(d)),
                                         Matrix{Float64}(undef, CHUNK, own_columns(d) * m), Matrix{Float64}(undef, CHUNK, m))

own_range(d::Design, k::Int) = (k-1)*own_columns(d)+1:k*own_columns(d)

# Matrices go to BLAS as parts of one type, so that it is compiled once.
part(X::Matrix{Float64}, rows=1:size(X, 1), columns=1:size(X, 2)) = view(X, rows, columns)

"Features of a chunk, and predictors of neurons `who` with coefficients in the columns of `shared` and `own`."
function predict!(w::Workspace, d::Design, c::Chunk, shared::Matrix{Float64}, own::Matrix{Float64}, who::Vector{Int})
    rows = 1:length(c)
    shared_features!(w.shared, d, c)
    BLAS.gemm!('N', 'N', 1.0, part(w.shared, rows), part(shared), 0.0, part(w.eta, rows))
    own_columns(d) == 0 && return nothing
    for (k, neuron) in enumerate(who)
        filter_spikes!(w.own, (k - 1) * own_columns(d), d, d.history, neuron, c)
        BLAS.gemm!('N', 'N', 1.0, part(w.own, rows, own_range(d, k)), part(own, 1:size(own, 1), k:k), 1.0, part(w.eta, rows, k:k))
    end
    return nothing
end

"""
    evaluate(design, likelihood, chunks, coefficients, who, threads) -> values, gradient

Log-likelihood of neurons `who` (numbers in the data) and its gradient, one column of `coefficients` each.
"""
function evaluate(d::Design, @nospecialize(likelihood::Likelihood), chunks::Vector{Chunk}, coefficients::Matrix{Float64},
                  who::Vector{Int}, threads::Int)
    m, S, P = length(who), shared_columns(d), n_columns(d)
    shared, own = coefficients[1:S, :], coefficients[S+1:P, :]
    parts = min(PARTS, length(chunks))
    values = [zeros(m) for _ in 1:parts]
    slopes, own_slopes = [zeros(S, m) for _ in 1:parts], [zeros(own_columns(d), m) for _ in 1:parts]
    on_threads(parts, threads) do p
        w = Workspace(d, m)
        for k in share(length(chunks), parts, p)
            accumulate!(values[p], slopes[p], own_slopes[p], w, d, likelihood, chunks[k], shared, own, who)
        end
    end
    gradient = zeros(P, m)
    total(slopes), total(own_slopes), total(values)
    for k in 1:m
        gradient[1:S, k] = slopes[1][:, k]
        gradient[S+1:P, k] = own_slopes[1][:, k]
    end
    return values[1], gradient
end

function accumulate!(values, slope, own_slope, w::Workspace, d::Design, @nospecialize(likelihood::Likelihood), c::Chunk, shared, own, who)
    predict!(w, d, c, shared, own, who)
    rows = 1:length(c)
    for (k, neuron) in enumerate(who)
        values[k] += c.weight * slopes!(w.eta, k, d, likelihood, c, neuron)
        own_columns(d) == 0 && continue
        BLAS.gemm!('T', 'N', c.weight, part(w.own, rows, own_range(d, k)), part(w.eta, rows, k:k), 1.0, part(own_slope, 1:size(own_slope, 1), k:k))
    end
    BLAS.gemm!('T', 'N', c.weight, part(w.shared, rows), part(w.eta, rows), 1.0, part(slope))
    return nothing
end

"Replaces predictors by slopes of the log-likelihood, and returns its value."
function slopes!(eta::Matrix{Float64}, k::Int, d::Design, likelihood::Likelihood, c::Chunk, neuron::Int)
    spikes = spikes_between(d, c.trial, neuron, c.first, c.last)
    total = 0.0
    for j in spikes
        x = eta[d.step[j]-c.first+1, k]
        total += spiking(likelihood, x, d.count[j])[1] - silent(likelihood, x)[1]
    end
    # Slopes of spikes need the predictors, which the loop overwrites.
    at_spikes = Float64[spiking(likelihood, eta[d.step[j]-c.first+1, k], d.count[j])[2] for j in spikes]
    @inbounds @simd for t in 1:length(c)
        l, r = silent(likelihood, eta[t, k])
        total += l
        eta[t, k] = r
    end
    for (r, j) in zip(at_spikes, spikes)
        eta[d.step[j]-c.first+1, k] = r
    end
    return total
end

# ---- curvature ----------------------------------------------------------------------------------------------------

"The negative Hessian of the log-likelihood of one neuron: X' diag(-l'') X."
function curvature(d::Design, @nospecialize(likelihood::Likelihood), chunks::Vector{Chunk}, coefficients::Vector{Float64},
                   neuron::Int)
    P, S = n_columns(d), shared_columns(d)
    A, X, eta = zeros(P, P), Matrix{Float64}(undef, CHUNK, P), Matrix{Float64}(undef, CHUNK, 1)
    x = reshape(coefficients, P, 1)
    for c in chunks
        shared_features!(X, d, c)
        own_columns(d) == 0 || filter_spikes!(X, S, d, d.history, neuron, c)
        rows = 1:length(c)
        BLAS.gemm!('N', 'N', 1.0, part(X, rows), part(x), 0.0, part(eta, rows))
        weigh!(eta, d, likelihood, c, neuron)
        @inbounds for j in 1:P
            @simd ivdep for t in rows
                X[t, j] *= eta[t]
            end
        end
        BLAS.syrk!('U', 'T', c.weight, part(X, rows), 1.0, A)
    end
    return mirror!(A)
end

"Copies the upper triangle to the lower."
function mirror!(A::Matrix{Float64})
    for j in 1:size(A, 2), i in 1:j-1
        A[j, i] = A[i, j]
    end
    return A
end

"Replaces predictors by square roots of curvatures."
function weigh!(eta::Matrix{Float64}, d::Design, likelihood::Likelihood, c::Chunk, neuron::Int)
    spikes = spikes_between(d, c.trial, neuron, c.first, c.last)
    at_spikes = Float64[spiking(likelihood, eta[d.step[j]-c.first+1], d.count[j])[3] for j in spikes]
    @inbounds @simd for t in 1:length(c)
        eta[t] = silent_curvature(likelihood, eta[t])
    end
    for (x, j) in zip(at_spikes, spikes)
        eta[d.step[j]-c.first+1] = x
    end
    @inbounds for t in 1:length(c)
        eta[t] = sqrt(max(eta[t], 0.0))
    end
    return nothing
end

"X'X of every neuron of `who`: what the curvature is up to a factor where the rate is constant. The shared block is computed once."
function gram(d::Design, chunks::Vector{Chunk}, who::Vector{Int}, threads::Int)
    m, S, Q = length(who), shared_columns(d), own_columns(d)
    parts = min(PARTS, length(chunks))
    blocks, crosses = [zeros(S, S) for _ in 1:parts], [zeros(S, Q * m) for _ in 1:parts]
    owns = [zeros(Q, Q * m) for _ in 1:parts]
    on_threads(parts, threads) do p
        w = Workspace(d, m)
        for j in share(length(chunks), parts, p)
            c = chunks[j]
            rows = 1:length(c)
            shared_features!(w.shared, d, c)
            BLAS.syrk!('U', 'T', c.weight, part(w.shared, rows), 1.0, blocks[p])
            Q == 0 && continue
            for (k, neuron) in enumerate(who)
                filter_spikes!(w.own, (k - 1) * Q, d, d.history, neuron, c)
                X = part(w.own, rows, own_range(d, k))
                BLAS.gemm!('T', 'N', c.weight, X, X, 1.0, part(owns[p], 1:Q, own_range(d, k)))
            end
            BLAS.gemm!('T', 'N', c.weight, part(w.shared, rows), part(w.own, rows), 1.0, part(crosses[p]))
        end
    end
    block, cross, own = total(blocks), total(crosses), total(owns)
    products = [zeros(S + Q, S + Q) for _ in 1:m]
    for (k, A) in enumerate(products)
        A[1:S, 1:S], A[1:S, S+1:S+Q], A[S+1:S+Q, S+1:S+Q] = block, cross[:, own_range(d, k)], own[:, own_range(d, k)]
        mirror!(A)
    end
    return products
end
