# What service.jl offers of likelihoods: a session keeps the design, so that fits to several parts of the data, under several
# penalties, and predictions send no spikes again.

"Makes the design and the fit of neurons `who`; `coefficients` has what stays fixed where `free` is zero."
function open_likelihood(params, arrays)
    n = required(params, "n", Int)
    n_steps = convert(Vector{Int}, required(arrays, "n_steps", Vector{Int64}))
    design = Design(n, n_steps, required(arrays, "pointer", Vector{Int64}), required(arrays, "step", Vector{Int64}),
                    required(arrays, "count", Vector{Float64}), matrix(arrays, "coupling"), matrix(arrays, "history"),
                    required(arrays, "stimulus", Array{Float64,3}), matrix(arrays, "stimulus_basis"))
    check_design(design)
    name = string(required(params, "emission", String), " ", required(params, "nonlinearity", String))
    haskey(LIKELIHOODS, name) || fail("there is no likelihood for ", name)
    who = 1 .+ convert(Vector{Int}, required(arrays, "who", Vector{Int64}))
    all(i -> 1 <= i <= n, who) || fail("neurons to fit must lie in 0..", n - 1)
    free, x = required(arrays, "free", Matrix{UInt8}), required(arrays, "coefficients", Matrix{Float64})
    P = n_columns(design)
    size(free) == size(x) == (P, length(who)) || fail("free and coefficients must have ", P, " columns for each neuron")
    all(==(1), view(free, 1, :)) || fail("the constant must be free")
    neurons = [NeuronFit(who[k], findall(==(1), free[:, k]), x[:, k], 0.0, Float64[], zeros(0, 0), Float64[], Float64[], 1.0, 0.0,
                         0, WORKING, Inf) for k in 1:length(who)]
    empty = Penalty(zeros(P), UnitRange{Int}[], Float64[])
    fit = LikelihoodFit(design, LIKELIHOODS[name], clamp(required(params, "threads", Int), 1, Threads.nthreads()), Float64(required(params, "tolerance", Float64)), neurons,
              Chunk[], 0.0, empty, 0)
    return Dict{String,Any}("session" => new_session(fit)), NOTHING
end

# An array without elements has lost its shape.
matrix(arrays, name) = (x = required(arrays, name, Matrix{Float64}); isempty(x) ? zeros(0, 0) : x)

function check_design(d::Design)
    length(d.pointer) == length(d.n_steps) * d.n + 1 || fail("pointer must have one entry more than trials x neurons")
    (issorted(d.pointer) && first(d.pointer) == 0 && last(d.pointer) == length(d.step) == length(d.count)) ||
        fail("pointer must lead through all spikes")
    for k in 1:length(d.pointer)-1
        mine = view(d.step, d.pointer[k]+1:d.pointer[k+1])
        (issorted(mine) && all(s -> 0 <= s < d.n_steps[(k-1)÷d.n+1], mine)) || fail("steps of spikes must be sorted and lie in their trial")
    end
    isempty(d.stimulus) || (size(d.stimulus, 1) >= maximum(d.n_steps) && size(d.stimulus, 3) == length(d.n_steps)) ||
        fail("stimulus must cover all steps of all trials")
    return nothing
end

likelihood_session(params) = (fit = session(params); fit isa LikelihoodFit ? fit : fail("session ", params["session"], " is none of a likelihood"))

"Sets the steps to fit to, the weights of trials and the penalty; with `restart` = true from constant rates, else from where the coefficients are."
function begin_likelihood(params, arrays)
    fit = likelihood_session(params)
    P = n_columns(fit.design)
    pointer, weight = required(arrays, "group_pointer", Vector{Int64}), required(arrays, "group_weight", Vector{Float64})
    ridge = required(arrays, "ridge", Vector{Float64})
    (length(ridge) == P && issorted(pointer) && first(pointer) == 0 && last(pointer) == P && length(weight) == length(pointer) - 1) ||
        fail("a penalty must have one ridge for each of ", P, " columns, and groups of all of them")
    groups = [pointer[k]+1:pointer[k+1] for k in 1:length(weight)]
    chunks = chunks_of(fit.design, required(arrays, "segments", Matrix{Int64}), required(arrays, "weights", Vector{Float64}))
    one_blas_thread(() -> begin!(fit, chunks, Penalty(ridge, groups, weight), required(params, "restart", Bool)))
    return progress_of(fit), NOTHING
end

"Passes over the data until `seconds` are over, there were `passes` since the beginning, or all neurons are done."
function advance_likelihood(params, arrays)
    fit = likelihood_session(params)
    start, seconds, passes = time_ns(), required(params, "seconds", Float64), required(params, "passes", Int)
    one_blas_thread() do
        while advance!(fit) > 0 && fit.passes < passes && (time_ns() - start) / 1e9 < seconds
        end
    end
    return progress_of(fit), NOTHING
end

progress_of(fit::LikelihoodFit) = Dict{String,Any}("passes" => fit.passes, "working" => count(f -> f.progress == WORKING, fit.neurons),
                                         "residual" => maximum(Float64[f.residual for f in fit.neurons]))

function likelihood_result(params, arrays)
    fit = likelihood_session(params)
    return progress_of(fit), Dict{String,Any}("coefficients" => side_by_side([f.x for f in fit.neurons]),
                                              "converged" => UInt8[f.progress == CONVERGED for f in fit.neurons])
end

function given_coefficients(fit::LikelihoodFit, arrays)
    x = required(arrays, "coefficients", Matrix{Float64})
    size(x) == (n_columns(fit.design), length(fit.neurons)) || fail("coefficients must have ", n_columns(fit.design), " columns for each neuron")
    return x
end

"Log-likelihood of given coefficients and its gradient, on some steps; with `curvature` = true its negative Hessian, too."
function evaluate_likelihood(params, arrays)
    fit = likelihood_session(params)
    chunks, x = chunks_of(fit.design, required(arrays, "segments", Matrix{Int64})), given_coefficients(fit, arrays)
    who = [f.neuron for f in fit.neurons]
    one_blas_thread() do
        values, slopes = evaluate(fit.design, fit.likelihood, chunks, x, who, fit.threads)
        found = Dict{String,Any}("log_likelihood" => values, "gradient" => slopes)
        if get(params, "curvature", false)
            matrices = Array{Float64,3}(undef, size(x, 1), size(x, 1), length(who))
            on_threads(length(who), fit.threads) do k
                matrices[:, :, k] = curvature(fit.design, fit.likelihood, chunks, x[:, k], who[k])
            end
            found["curvature"] = matrices
        end
        return NOTHING, found
    end
end

"""
Standard errors from the curvature of the log-likelihood, plus that of a ridge where there is one; NaN where a column is fixed,
or is zero or a sum of others, so that its coefficient is not determined.
"""
function likelihood_errors(params, arrays)
    fit = likelihood_session(params)
    x = given_coefficients(fit, arrays)
    errors = fill(NaN, size(x))
    one_blas_thread() do
        on_threads(length(fit.neurons), fit.threads) do k
            f = fit.neurons[k]
            H = curvature(fit.design, fit.likelihood, fit.chunks, x[:, k], f.neuron)[f.free, f.free]
            used = findall(j -> H[j, j] > 0, 1:length(f.free))
            ridge = fit.bins .* fit.penalty.ridge[f.free[used]]
            scale = Float64[sqrt(H[j, j]) for j in used]
            A = Float64[H[i, j] / (scale[a] * scale[b]) for (a, i) in enumerate(used), (b, j) in enumerate(used)]
            A, failed = LAPACK.potrf!('U', with_diagonal(A, ridge ./ scale .^ 2))
            failed == 0 || return nothing
            LAPACK.potri!('U', A)
            for (a, j) in enumerate(used)
                errors[f.free[j], k] = A[a, a] < 1e12 ? sqrt(A[a, a]) / scale[a] : NaN
            end
        end
    end
    return NOTHING, Dict{String,Any}("errors" => errors)
end

"Expected counts in steps `first`..`last` - 1 of a trial, (step, neuron)."
function likelihood_rates(params, arrays)
    fit = likelihood_session(params)
    x, d = given_coefficients(fit, arrays), fit.design
    chunks = chunks_of(d, reshape(Int64[required(params, name, Int) for name in ("trial", "first", "last")], 3, 1))
    S, who, likelihood = shared_columns(d), [f.neuron for f in fit.neurons], fit.likelihood
    shared, own = x[1:S, :], x[S+1:end, :]
    rates = Matrix{Float64}(undef, sum(length, chunks), length(who))
    one_blas_thread() do
        on_threads(length(chunks), fit.threads) do j
            c, w = chunks[j], Workspace(d, length(who))
            predict!(w, d, c, shared, own, who)
            for k in 1:length(who), t in 1:length(c)
                rates[c.first-chunks[1].first+t, k] = expected(likelihood, w.eta[t, k])
            end
        end
    end
    return NOTHING, Dict{String,Any}("rates" => rates)
end

"The design of one of the fitted neurons, (step, column)."
function likelihood_design(params, arrays)
    fit = likelihood_session(params)
    d, neuron = fit.design, fit.neurons[required(params, "position", Int)+1].neuron
    chunks = chunks_of(d, required(arrays, "segments", Matrix{Int64}))
    X, row = Matrix{Float64}(undef, sum(length, chunks), n_columns(d)), 0
    for c in chunks
        part = view(X, row+1:row+length(c), :)
        shared_features!(part, d, c)
        own_columns(d) == 0 || filter_spikes!(part, shared_columns(d), d, d.history, neuron, c)
        row += length(c)
    end
    return NOTHING, Dict{String,Any}("design" => X)
end

const LIKELIHOOD_METHODS = Dict{String,Function}(
    "likelihood.open" => open_likelihood, "likelihood.begin" => begin_likelihood, "likelihood.advance" => advance_likelihood,
    "likelihood.result" => likelihood_result, "likelihood.evaluate" => evaluate_likelihood,
    "likelihood.errors" => likelihood_errors, "likelihood.rates" => likelihood_rates, "likelihood.design" => likelihood_design)
