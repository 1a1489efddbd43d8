# When a run of CMA-ES ends, and how the next one begins. Criteria: Hansen 2016, appendix B.3.

"Where a run begins: the first of the candidates that were given, or else a random point."
function begin_run!(algorithm::CMAES, search::Search)
    d = length(algorithm.free)
    given = search.generation == 0 && size(search.start, 2) > 0
    algorithm.mean = given ? search.start[algorithm.free, 1] : uniforms(search, 4, d, 1)[:, 1]
    algorithm.C, algorithm.B, algorithm.D = identity_matrix(d), identity_matrix(d), ones(d)
    algorithm.p_c, algorithm.p_sigma = zeros(d), zeros(d)
    algorithm.probabilities = equal_probabilities(search.space, algorithm.choices)
    algorithm.age = algorithm.renewed = 0
    algorithm.sigma = algorithm.begun_sigma
    algorithm.history, algorithm.medians = Float64[], Float64[]
    return nothing
end

"The criterion that ends this run; empty while it is to go on."
function why_to_end(algorithm::CMAES, search::Search, losses::Vector{Float64}, order::Vector{Int})
    d, n, C, sigma = length(algorithm.free), algorithm.n, algorithm.C, algorithm.sigma
    algorithm.age >= algorithm.limit && return "budget"
    history, age = algorithm.history, length(algorithm.history)
    recent = 10 + ceil(Int, 30 * max(d, 1) / n)
    range(x) = maximum(x) - minimum(x)
    # Plateaus of losses that are whole numbers do not end a run that still has steps to take.
    if age >= recent && range(history[end-recent+1:end]) <= algorithm.loss_tolerance &&
       isfinite(losses[order[n]]) && losses[order[n]] - losses[order[1]] <= algorithm.loss_tolerance
        return "loss_tolerance"
    end
    d == 0 && return stagnates(algorithm, d) ? "stagnation" : ""
    real = [i for i in 1:d if search.space.kind[algorithm.free[i]] == REAL]
    if !isempty(real) && length(real) == d &&
       all(i -> sigma * max(abs(algorithm.p_c[i]), sqrt(C[i, i])) < algorithm.tolerance, real)
        return "tolerance"
    end
    maximum(algorithm.D) > 1e7 * minimum(algorithm.D) && return "condition"
    # A step of a fifth of a standard deviation along a coordinate, or of a tenth along an axis, that changes no bit.
    any(i -> algorithm.mean[i] == algorithm.mean[i] + 0.2 * sigma * sqrt(C[i, i]), 1:d) && return "no_effect"
    axis = algorithm.age % d + 1
    all(i -> algorithm.mean[i] == algorithm.mean[i] + 0.1 * sigma * algorithm.D[axis] * algorithm.B[i, axis], 1:d) && return "no_effect"
    return stagnates(algorithm, d) ? "stagnation" : ""
end

"Neither the best nor the median loss is better than long ago."
function stagnates(algorithm::CMAES, d::Int)
    age = length(algorithm.history)
    window = min(20_000, ceil(Int, 120 + 0.2 * age + 30 * max(d, 1) / algorithm.n))
    age >= window || return false
    fifth = max(20, ceil(Int, 0.3 * window))
    worse(x) = middle(x[end-fifth+1:end]) >= middle(x[end-window+1:end-window+fifth])
    return worse(algorithm.history) && worse(algorithm.medians)
end

function middle(x::Vector{Float64})
    order = ranking(x)
    return x[order[(length(x)+1)>>1]]
end

"Chooses population and step size of the next run, where there is one."
function next_run!(algorithm::CMAES, search::Search, reason::String)
    if algorithm.restart == "none" || algorithm.restarts >= algorithm.most_restarts
        search.stopped = reason
        return nothing
    end
    algorithm.restarts += 1
    # In BIPOP the smaller of the two budgets is served next; the first run belongs to neither.
    algorithm.restarts == 1 && (algorithm.spent_large = 0)
    algorithm.small = algorithm.restart == "bipop" && algorithm.restarts > 1 && algorithm.spent_small < algorithm.spent_large
    if algorithm.small
        u = uniforms(search, 5, 2, 1)
        largest = algorithm.increase^algorithm.large
        algorithm.n = max(4, floor(Int, algorithm.first_n * (largest / 2)^(u[1, 1]^2)))
        algorithm.begun_sigma = algorithm.first_sigma * 10^(-2 * u[2, 1])
        algorithm.limit = max(1, (algorithm.spent_large ÷ 2) ÷ algorithm.n)
    else
        algorithm.large += 1
        algorithm.n = round(Int, algorithm.first_n * algorithm.increase^algorithm.large)
        algorithm.begun_sigma, algorithm.limit = algorithm.first_sigma, typemax(Int)
    end
    begin_run!(algorithm, search)
    return nothing
end
