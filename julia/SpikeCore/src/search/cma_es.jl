# CMA-ES: the covariance matrix adaptation evolution strategy with active update (Hansen 2016, arXiv 1604.00772), restarts with a
# growing population (IPOP: Auger and Hansen 2005, doi 10.1109/CEC.2005.1554902) or alternating with small ones (BIPOP: Hansen
# 2009, doi 10.1145/1570256.1570333). Beyond a bound the landscape is mirrored. Choices are drawn from probabilities of their own
# (as in CatCMA: Hamano et al. 2024, doi 10.1145/3638529.3654198). When a run ends and another begins: cma_es_restart.jl.

mutable struct CMAES <: SearchAlgorithm
    first_n::Int
    first_sigma::Float64
    restart::String
    most_restarts::Int
    increase::Float64
    tolerance::Float64          # of coordinates
    loss_tolerance::Float64
    free::Vector{Int}           # dimensions that have an order
    choices::Vector{Int}        # those that have none
    n::Int                      # population
    sigma::Float64
    mean::Vector{Float64}
    C::Matrix{Float64}
    B::Matrix{Float64}          # C = B D^2 B'
    D::Vector{Float64}
    p_c::Vector{Float64}
    p_sigma::Vector{Float64}
    steps::Matrix{Float64}      # of the candidates, in units of sigma
    probabilities::Matrix{Float64}      # choice, dimension
    age::Int                    # generations in this run
    renewed::Int                # age at the latest decomposition
    restarts::Int
    large::Int                  # runs with a growing population
    spent_large::Int            # candidates
    spent_small::Int
    small::Bool
    limit::Int                  # generations that this run may have
    begun_sigma::Float64
    history::Vector{Float64}    # best loss of each generation in this run
    medians::Vector{Float64}
end

code(::CMAES) = 6
state_names(::CMAES) = (:n, :sigma, :mean, :C, :B, :D, :p_c, :p_sigma, :steps, :probabilities, :age, :renewed, :restarts, :large,
                        :spent_large, :spent_small, :small, :limit, :begun_sigma, :history, :medians)

identity_matrix(n::Int) = Float64[i == j for i in 1:n, j in 1:n]

function CMAES(space::Space, settings, objectives::Int)
    free = [j for j in 1:length(space) if space.kind[j] != CATEGORY]
    choices = [j for j in 1:length(space) if space.kind[j] == CATEGORY]
    d = length(free)
    algorithm = CMAES(settings["population"], settings["sigma"], settings["restart"], settings["restarts"],
                      settings["increase"], settings["tolerance"], settings["loss_tolerance"], free, choices,
                      settings["population"], settings["sigma"], zeros(d), identity_matrix(d), identity_matrix(d), ones(d),
                      zeros(d), zeros(d), zeros(d, 0), equal_probabilities(space, choices), 0, 0, 0, 0, 0, 0, false, typemax(Int),
                      settings["sigma"], Float64[], Float64[])
    return algorithm
end

SEARCH_ALGORITHMS["CMAES"] = CMAES

n_choices(space::Space, j::Int) = Int(space.high[j] - space.low[j]) + 1

function equal_probabilities(space::Space, choices::Vector{Int})
    most = isempty(choices) ? 0 : maximum(j -> n_choices(space, j), choices)
    return Float64[k <= n_choices(space, j) ? 1 / n_choices(space, j) : 0.0 for k in 1:most, j in choices]
end

"Weights and rates for a population of `n` in `d` dimensions; names are those of Hansen's tutorial."
struct Rates
    weights::Vector{Float64}
    mu_eff::Float64
    c_sigma::Float64
    d_sigma::Float64
    c_c::Float64
    c_1::Float64
    c_mu::Float64
end

function Rates(n::Int, d::Int)
    raw = [log((n + 1) / 2) - log(i) for i in 1:n]
    positive, negative = max.(raw, 0.0), min.(raw, 0.0)
    mu_eff = sum(positive)^2 / sum(abs2, positive)
    mu_eff_minus = sum(negative)^2 / max(sum(abs2, negative), 1e-300)
    c_sigma = (mu_eff + 2) / (d + mu_eff + 5)
    d_sigma = 1 + 2 * max(0.0, sqrt((mu_eff - 1) / (d + 1)) - 1) + c_sigma
    c_c = (4 + mu_eff / d) / (d + 4 + 2 * mu_eff / d)
    c_1 = 2 / ((d + 1.3)^2 + mu_eff)
    c_mu = min(1 - c_1, 2 * (0.25 + mu_eff + 1 / mu_eff - 2) / ((d + 2)^2 + mu_eff))
    bound = min(1 + c_1 / c_mu, 1 + 2 * mu_eff_minus / (mu_eff + 2), (1 - c_1 - c_mu) / (d * c_mu))
    weights = positive ./ sum(positive) .+ max(bound, 0.0) .* negative ./ max(-sum(negative), 1e-300)
    return Rates(weights, mu_eff, c_sigma, d_sigma, c_c, c_1, c_mu)
end

function propose!(algorithm::CMAES, search::Search)
    d, n = length(algorithm.free), algorithm.n
    search.generation == 0 && begin_run!(algorithm, search)
    n = algorithm.n
    z = normals(search, 2, d, n)
    for j in 1:n, i in 1:d
        z[i, j] *= algorithm.D[i]
    end
    steps = product(algorithm.B, z)
    x = zeros(length(search.space), n)
    search.generation == 0 && d > 0 && inject!(algorithm, search, steps)
    for j in 1:n, i in 1:d
        x[algorithm.free[i], j] = reflect(algorithm.mean[i] + algorithm.sigma * steps[i, j])
    end
    algorithm.steps = steps
    isempty(algorithm.choices) || draw_choices!(algorithm, search, x)
    search.generation == 0 && (x[:, 1:min(n, size(search.start, 2))] = search.start[:, 1:min(n, size(search.start, 2))])
    return x
end

"Candidates that were given take the place of the first ones; their steps are cut to a length that may happen (Hansen 2011)."
function inject!(algorithm::CMAES, search::Search, steps::Matrix{Float64})
    d = length(algorithm.free)
    for j in 1:min(algorithm.n, size(search.start, 2))
        y = (search.start[algorithm.free, j] .- algorithm.mean) ./ algorithm.sigma
        steps[:, j] = y .* min(1.0, (sqrt(d) + 2 * d / (d + 2)) / max(sqrt(sum(abs2, y)), 1e-300))
    end
    return nothing
end

function draw_choices!(algorithm::CMAES, search::Search, x::Matrix{Float64})
    u = uniforms(search, 3, length(algorithm.choices), algorithm.n)
    for i in 1:algorithm.n, (c, j) in enumerate(algorithm.choices)
        total = n_choices(search.space, j)
        left, k = u[c, i], 1
        while k < total && left > algorithm.probabilities[k, c]
            left -= algorithm.probabilities[k, c]
            k += 1
        end
        x[j, i] = (k - 0.5) / total
    end
    return nothing
end

function accept!(algorithm::CMAES, search::Search, losses::Matrix{Float64})
    found = losses[1, :]
    order = ranking(found)
    algorithm.age += 1
    algorithm.small ? (algorithm.spent_small += algorithm.n) : (algorithm.spent_large += algorithm.n)
    if isfinite(found[order[1]])
        push!(algorithm.history, found[order[1]])
        push!(algorithm.medians, found[order[(algorithm.n+1)>>1]])
        isempty(algorithm.free) || adapt!(algorithm, search, found, order)
        isempty(algorithm.choices) || learn_choices!(algorithm, search, found, order)
    end
    result = Dict{String,Any}("sigma" => algorithm.sigma, "spread" => algorithm.sigma * largest_deviation(algorithm),
                              "restarts" => algorithm.restarts, "population" => algorithm.n, "ended" => "")
    reason = why_to_end(algorithm, search, found, order)
    if reason != ""
        result["ended"] = reason
        next_run!(algorithm, search, reason)
    end
    return result
end

largest_deviation(algorithm::CMAES) = isempty(algorithm.free) ? 0.0 : sqrt(maximum(algorithm.C[i, i] for i in 1:length(algorithm.free)))

"One step of mean, covariance and step size."
function adapt!(algorithm::CMAES, search::Search, losses::Vector{Float64}, order::Vector{Int})
    d, n = length(algorithm.free), algorithm.n
    rates = Rates(n, d)
    weights = copy(rates.weights)
    for k in 1:n
        weights[k] > 0 && !isfinite(losses[order[k]]) && (weights[k] = 0.0)     # nothing is learnt from where they went
    end
    positive = sum(max.(weights, 0.0))
    weights = [w > 0 ? w / positive : w for w in weights]
    steps, B, D = algorithm.steps, algorithm.B, algorithm.D
    move = zeros(d)
    for k in 1:n
        weights[k] > 0 || break
        for i in 1:d
            move[i] += weights[k] * steps[i, order[k]]
        end
    end
    algorithm.mean .+= algorithm.sigma .* move
    white = whitened(B, D, move)
    c_sigma, c_c = rates.c_sigma, rates.c_c
    algorithm.p_sigma .= (1 - c_sigma) .* algorithm.p_sigma .+ sqrt(c_sigma * (2 - c_sigma) * rates.mu_eff) .* white
    length_sigma = sqrt(sum(abs2, algorithm.p_sigma))
    usual = sqrt(d) * (1 - 1 / (4d) + 1 / (21 * d^2))
    moving = length_sigma / sqrt(1 - (1 - c_sigma)^(2 * algorithm.age)) < (1.4 + 2 / (d + 1)) * usual
    algorithm.p_c .= (1 - c_c) .* algorithm.p_c .+ moving * sqrt(c_c * (2 - c_c) * rates.mu_eff) .* move
    update_covariance!(algorithm, rates, weights, order, moving)
    algorithm.sigma *= exp(min(1.0, c_sigma / rates.d_sigma * (length_sigma / usual - 1)))
    # A plateau: larger steps may leave it.
    losses[order[1]] == losses[order[clamp(ceil(Int, 0.7 * n), 1, n)]] && (algorithm.sigma *= exp(0.2 + c_sigma / rates.d_sigma))
    changed = keep_deviations!(algorithm, search.space)
    if changed || (algorithm.age - algorithm.renewed) * 10 * d * (rates.c_1 + rates.c_mu) >= 1
        decompose!(algorithm)
    end
    fold_mean!(algorithm)
    return nothing
end

"C^(-1/2) y"
function whitened(B::Matrix{Float64}, D::Vector{Float64}, y::Vector{Float64})
    d = length(y)
    white = zeros(d)
    for k in 1:d
        along = 0.0
        for i in 1:d
            along += B[i, k] * y[i]
        end
        for i in 1:d
            white[i] += B[i, k] * (along / D[k])
        end
    end
    return white
end

function update_covariance!(algorithm::CMAES, rates::Rates, weights::Vector{Float64}, order::Vector{Int}, moving::Bool)
    d, n, C, steps = length(algorithm.free), algorithm.n, algorithm.C, algorithm.steps
    scaled = copy(weights)
    for k in 1:n
        weights[k] < 0 || continue
        size = sum(abs2, whitened(algorithm.B, algorithm.D, steps[:, order[k]]))
        scaled[k] = weights[k] * d / max(size, 1e-300)
    end
    lost = moving ? 0.0 : rates.c_1 * rates.c_c * (2 - rates.c_c)
    keep = 1 + lost - rates.c_1 - rates.c_mu * sum(weights)
    for b in 1:d, a in 1:b
        C[a, b] = keep * C[a, b] + rates.c_1 * algorithm.p_c[a] * algorithm.p_c[b]
    end
    for k in 1:n
        w, m = rates.c_mu * scaled[k], order[k]
        w == 0 && continue
        for b in 1:d
            y = w * steps[b, m]
            for a in 1:b
                C[a, b] += y * steps[a, m]
            end
        end
    end
    for b in 1:d, a in 1:b-1
        C[b, a] = C[a, b]
    end
    return nothing
end

"""
Holds the standard deviation of each coordinate below a third of its range and, for whole numbers, above a quarter of one: they
would no longer change. Tells whether anything had to be done.
"""
function keep_deviations!(algorithm::CMAES, space::Space)
    C, changed = algorithm.C, false
    for (i, j) in enumerate(algorithm.free)
        deviation = algorithm.sigma * sqrt(max(C[i, i], 1e-300))
        allowed = clamp(deviation, min(bin_width(space, j, reflect(algorithm.mean[i])) / 4, 1 / 3), 1 / 3)
        allowed == deviation && continue
        changed = true
        for k in 1:size(C, 1)
            C[i, k] *= allowed / deviation
        end
        for k in 1:size(C, 1)
            C[k, i] *= allowed / deviation
        end
    end
    return changed
end

function decompose!(algorithm::CMAES)
    values = eigen!(algorithm.C, algorithm.B)
    floor = 1e-20 * maximum(values)
    for i in 1:length(values)
        algorithm.D[i] = sqrt(max(values[i], floor, 1e-300))
    end
    algorithm.renewed = algorithm.age
    return nothing
end

"Where the mean has left the unit cube, the same state seen in the mirror of the bound."
function fold_mean!(algorithm::CMAES)
    for i in 1:length(algorithm.mean)
        0 <= algorithm.mean[i] <= 1 && continue
        flipped = isodd(floor(Int, algorithm.mean[i]))
        algorithm.mean[i] = reflect(algorithm.mean[i])
        flipped || continue
        algorithm.C[i, :] .*= -1
        algorithm.C[:, i] .*= -1
        algorithm.B[i, :] .*= -1
        algorithm.p_c[i] *= -1
        algorithm.p_sigma[i] *= -1
    end
    return nothing
end

"Probabilities move towards the choices of the better half; each keeps a little."
function learn_choices!(algorithm::CMAES, search::Search, losses::Vector{Float64}, order::Vector{Int})
    rates = Rates(algorithm.n, max(length(algorithm.free), 1))
    d = length(search.space)
    rate = min(0.5, rates.mu_eff / (d + rates.mu_eff + 5))
    for (c, j) in enumerate(algorithm.choices)
        total = n_choices(search.space, j)
        aim = zeros(total)
        weight = 0.0
        for k in 1:algorithm.n
            rates.weights[k] > 0 && isfinite(losses[order[k]]) || break
            aim[Int(decode(search.space, j, search.candidates[j, order[k]]) - search.space.low[j])+1] += rates.weights[k]
            weight += rates.weights[k]
        end
        least = min(0.5, 1 / (2 * length(algorithm.choices) * algorithm.n)) / total
        sum_of_them = 0.0
        for k in 1:total
            p = (1 - rate) * algorithm.probabilities[k, c] + rate * aim[k] / weight
            algorithm.probabilities[k, c] = max(p, least)
            sum_of_them += algorithm.probabilities[k, c]
        end
        for k in 1:total
            algorithm.probabilities[k, c] /= sum_of_them
        end
    end
    return nothing
end
