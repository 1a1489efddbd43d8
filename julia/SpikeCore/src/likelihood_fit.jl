# Maximum (penalised) likelihood of every neuron of its own, all in the same passes over the data: a proximal quasi-Newton
# method that begins with the curvature of constant rates, which all neurons share up to a factor, and learns the rest (BFGS).
# Read likelihood_service.jl next.

"""
What is added to the mean negative log-likelihood: `ridge[j] / 2 x[j]^2`, and `weight[k] norm(x[groups[k]])`, which is that of
L1 for groups of one. Every column is in one group; weight 0 is no penalty.
"""
struct Penalty
    ridge::Vector{Float64}
    groups::Vector{UnitRange{Int}}
    weight::Vector{Float64}
end

is_smooth(p::Penalty) = all(iszero, p.weight)
penalty_value(p::Penalty, x) = sum(p.ridge[j] * x[j]^2 for j in eachindex(x)) / 2 + rough_value(p, x)
rough_value(p::Penalty, x) = sum(Float64[w == 0 ? 0.0 : w * size_of(view(x, g)) for (g, w) in zip(p.groups, p.weight)])

@enum Progress::Int32 WORKING=0 CONVERGED=1 STALLED=2

"The fit of one neuron. `metric` approximates the curvature of the mean negative log-likelihood on the free columns."
mutable struct NeuronFit
    neuron::Int
    free::Vector{Int}
    x::Vector{Float64}
    value::Float64              # mean negative log-likelihood
    slope::Vector{Float64}      # its gradient
    metric::Matrix{Float64}
    scale::Vector{Float64}      # square roots of the first metric's diagonal: what a slope is measured by
    step::Vector{Float64}
    length::Float64             # how much of the step is tried
    decrease::Float64           # what the step promises, negative
    age::Int                    # steps since the metric was exact
    progress::Progress
    residual::Float64
end

mutable struct LikelihoodFit
    design::Design
    likelihood::Likelihood
    threads::Int
    tolerance::Float64
    neurons::Vector{NeuronFit}
    chunks::Vector{Chunk}
    bins::Float64
    penalty::Penalty
    passes::Int
end

"""
    begin!(fit, chunks, penalty, restart)

Prepares for a fit to `chunks` under `penalty`: from scratch, or from where the coefficients are.
"""
function begin!(fit::LikelihoodFit, chunks::Vector{Chunk}, penalty::Penalty, restart::Bool)
    fit.chunks, fit.penalty, fit.bins, fit.passes = chunks, penalty, sum(Float64[c.weight * length(c) for c in chunks]), 0
    restart && start!(fit)
    assess!(fit, fit.neurons, [f.x for f in fit.neurons], true)
    on_threads(k -> aim!(fit.neurons[k], fit), length(fit.neurons), fit.threads)
    return nothing
end

"Constant rates, and the curvature there."
function start!(fit::LikelihoodFit)
    d, likelihood = fit.design, fit.likelihood
    products = gram(d, fit.chunks, [f.neuron for f in fit.neurons], fit.threads)
    for (f, product) in zip(fit.neurons, products)
        spikes = 0.0
        for c in fit.chunks
            spikes += c.weight * sum(Float64[d.count[k] for k in spikes_between(d, c.trial, f.neuron, c.first, c.last)])
        end
        # Half a spike where there is none: a fold of a cross-validation may lack them.
        least = 0.5 * fit.bins / sum(length, fit.chunks)
        eta = predictor(likelihood, min(max(spikes, least), fit.bins - least) / fit.bins)
        f.x[f.free] .= 0
        f.x[1] = eta
        f.metric = product[f.free, f.free] .* (information(likelihood, eta) / fit.bins)
        repair!(f.metric)
        f.scale = [sqrt(f.metric[j, j]) for j in 1:length(f.free)]
        f.age = 1
    end
    return nothing
end

"Fisher information of a bin of predictor `eta`."
information(::PoissonExp, eta) = exp(eta)
information(l::PoissonSoftplus, eta) = vsigmoid(eta)^2 / expected(l, eta)
information(l::Union{BernoulliSigmoid,BernoulliCloglog}, eta) =
    (p = expected(l, eta); p * spiking(l, eta, 1.0)[3] + (1 - p) * silent_curvature(l, eta))

"Columns that are zero, or alike, must not make a metric singular."
function repair!(metric::Matrix{Float64})
    most = maximum(Float64[metric[j, j] for j in 1:size(metric, 1)])
    for j in 1:size(metric, 1)
        metric[j, j] += 1e-11 * metric[j, j] + (metric[j, j] <= 1e-14 * most ? max(most, 1e-300) : 0.0)
    end
    return metric
end

"Evaluates `neurons` at `points`; with `keep`, the points become theirs. Returns values and slopes."
function assess!(fit::LikelihoodFit, neurons::Vector{NeuronFit}, points::Vector{Vector{Float64}}, keep::Bool)
    isempty(neurons) && return Float64[], zeros(0, 0)
    who = Int[f.neuron for f in neurons]
    values, slopes = evaluate(fit.design, fit.likelihood, fit.chunks, side_by_side(points), who, fit.threads)
    values ./= -fit.bins
    slopes ./= -fit.bins
    if keep
        for (k, f) in enumerate(neurons)
            isfinite(values[k]) || fail("the log-likelihood of neuron ", f.neuron - 1, " is not finite at its coefficients")
            f.x, f.value, f.slope = points[k], values[k], slopes[f.free, k]
        end
    end
    return values, slopes
end

function side_by_side(columns::Vector{Vector{Float64}})
    X = Matrix{Float64}(undef, length(columns[1]), length(columns))
    for k in 1:length(columns)
        X[:, k] = columns[k]
    end
    return X
end

"""
    advance!(fit) -> neurons still at work

One pass over the data: every neuron tries its step, takes it or halves it.
"""
function advance!(fit::LikelihoodFit)
    working = filter(f -> f.progress == WORKING, fit.neurons)
    isempty(working) && return 0
    points = map(working) do f
        x = copy(f.x)
        x[f.free] .+= f.length .* f.step
        x
    end
    values, slopes = assess!(fit, working, points, false)
    on_threads(length(working), fit.threads) do k
        judge!(working[k], fit, points[k], values[k], slopes[:, k])
    end
    fit.passes += 1
    return count(f -> f.progress == WORKING, fit.neurons)
end

function judge!(f::NeuronFit, fit::LikelihoodFit, x::Vector{Float64}, value::Float64, slopes::Vector{Float64})
    before = f.value + penalty_value(fit.penalty, f.x)
    after = value + penalty_value(fit.penalty, x)
    # Below the rounding errors of the sums, a step is judged by what it promised.
    if !(after <= before + 1e-4 * f.length * f.decrease + 1e-13 * abs(before) && all(isfinite, slopes))
        f.length /= 2
        f.length > 1e-9 && return nothing
        f.age == 0 && (f.progress = STALLED; return nothing)
        refresh!(f, fit)
    else
        slope = slopes[f.free]
        learn!(f.metric, f.length .* f.step, slope .- f.slope)
        f.x, f.value, f.slope = x, value, slope
        f.age += 1
    end
    aim!(f, fit)
    f.progress == WORKING && f.age >= 12 && (refresh!(f, fit); aim!(f, fit))
    return nothing
end

"The BFGS update: afterwards the metric takes `moved` to `change`."
function learn!(metric::Matrix{Float64}, moved::Vector{Float64}, change::Vector{Float64})
    product = BLAS.symv('U', 1.0, metric, moved)
    curved, expected_curve = BLAS.dot(moved, change), BLAS.dot(moved, product)
    (curved > 1e-10 * expected_curve && expected_curve > 0) || return nothing
    BLAS.ger!(1 / curved, change, change, metric)
    BLAS.ger!(-1 / expected_curve, product, product, metric)
    return nothing
end

function refresh!(f::NeuronFit, fit::LikelihoodFit)
    f.metric = repair!(curvature(fit.design, fit.likelihood, fit.chunks, f.x, f.neuron)[f.free, f.free] ./ fit.bins)
    f.age = 0
    return nothing
end

"Measures how far the neuron is from an optimum, and finds the next step."
function aim!(f::NeuronFit, fit::LikelihoodFit)
    p = restricted(fit.penalty, f.free)
    x = f.x[f.free]
    f.residual = residual(f.slope, x, f.scale, p)
    f.progress = f.residual <= fit.tolerance ? CONVERGED : WORKING
    f.progress == CONVERGED && return nothing
    f.step = is_smooth(p) ? newton_step(f, x, p) : proximal_step(f, x, p)
    f.length = 1.0
    f.decrease = BLAS.dot(f.slope, f.step) + penalty_value(p, x .+ f.step) - penalty_value(p, x)
    return nothing
end

"The penalty on some columns; the groups of those that are left."
function restricted(p::Penalty, free::Vector{Int})
    place = zeros(Int, length(p.ridge))
    place[free] = 1:length(free)
    groups, weight = UnitRange{Int}[], Float64[]
    for (g, w) in zip(p.groups, p.weight)
        left = filter(>(0), place[g])
        isempty(left) || (push!(groups, first(left):last(left)); push!(weight, w))
    end
    return Penalty(p.ridge[free], groups, weight)
end

"Largest violation of the conditions of an optimum, in units of `scale`."
function residual(slope::Vector{Float64}, x::Vector{Float64}, scale::Vector{Float64}, p::Penalty)
    worst = 0.0
    for (g, w) in zip(p.groups, p.weight)
        v = slope[g] .+ p.ridge[g] .* x[g]
        size = size_of(view(x, g))
        if w > 0 && size == 0
            worst = max(worst, max(0.0, size_of(v) - w) / minimum(view(scale, g)))
        else
            w > 0 && (v .+= w .* x[g] ./ size)
            worst = max(worst, maximum(abs.(v) ./ scale[g]))
        end
    end
    return worst
end

function newton_step(f::NeuronFit, x::Vector{Float64}, p::Penalty)
    added, most = 0.0, maximum(f.scale)^2
    while true
        A, failed = LAPACK.potrf!('U', with_diagonal(f.metric, p.ridge .+ added))
        failed == 0 && return LAPACK.potrs!('U', A, -(f.slope .+ p.ridge .* x))
        added = max(10added, 1e-10 * most)
    end
end

function with_diagonal(A::Matrix{Float64}, added::Vector{Float64})
    B = copy(A)
    for j in 1:length(added)
        B[j, j] += added[j]
    end
    return B
end

size_of(x::AbstractVector{Float64}) = sqrt(sum(abs2, x))

"""
Minimises slope' d + d' metric d / 2 + penalty(x + d) by descent along one group after the other: exact for groups of one, with
a bound on the largest eigenvalue of the group's curvature for others.
"""
function proximal_step(f::NeuronFit, x::Vector{Float64}, p::Penalty)
    A = with_diagonal(f.metric, p.ridge)
    z = copy(x)
    v = f.slope .+ p.ridge .* x             # gradient of the smooth part at z
    bound = Float64[maximum(Float64[sum(abs, view(A, g, j)) for j in g]) for g in p.groups]
    enough = 1e-3 * max(1e-9, min(f.residual, 1e-2))
    for sweep in 1:10_000
        largest = 0.0
        for (g, w, curve) in zip(p.groups, p.weight, bound)
            for inner in 1:(length(g) == 1 ? 1 : 20)
                target = z[g] .- v[g] ./ curve
                size = size_of(target)
                w > 0 && (target .*= size > w / curve ? 1 - w / (curve * size) : 0.0)
                moved = target .- z[g]
                z[g] = target
                furthest = 0.0
                for (j, column) in enumerate(g)
                    moved[j] == 0 && continue
                    BLAS.axpy!(moved[j], view(A, :, column), v)
                    furthest = max(furthest, abs(moved[j]) * f.scale[column])
                end
                largest = max(largest, furthest)
                furthest <= enough / 10 && break
            end
        end
        largest <= enough && break
    end
    return z .- x
end
