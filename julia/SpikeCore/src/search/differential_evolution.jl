# Differential evolution (Storn and Price 1997, doi 10.1023/A:1008202821328), with fixed factors or with the ones that SHADE
# learns from its successes (Tanabe and Fukunaga 2013, doi 10.1109/CEC.2013.6557555).

mutable struct DifferentialEvolution <: SearchAlgorithm
    n::Int
    strategy::String
    adaptive::Bool
    factor::Float64
    crossover::Float64
    best_part::Float64      # of current-to-pbest
    tolerance::Float64
    population::Matrix{Float64}
    losses::Vector{Float64}
    factors::Vector{Float64}        # those of the candidates under way
    crossovers::Vector{Float64}
    factor_memory::Vector{Float64}
    crossover_memory::Vector{Float64}
    next::Int                       # place of the memory that is written next
    archive::Matrix{Float64}        # parents that were replaced
end

code(::DifferentialEvolution) = 2
state_names(::DifferentialEvolution) = (:population, :losses, :factors, :crossovers, :factor_memory, :crossover_memory, :next, :archive)

function DifferentialEvolution(space::Space, settings, objectives::Int)
    memory = settings["memory"]
    factor, crossover = settings["factor"], settings["crossover"]
    return DifferentialEvolution(settings["population"], settings["strategy"], settings["adaptation"] == "shade", factor,
                                 crossover, settings["best_part"], settings["tolerance"], zeros(length(space), 0), Float64[],
                                 Float64[], Float64[], fill(factor, memory), fill(crossover, memory), 1,
                                 zeros(length(space), 0))
end

SEARCH_ALGORITHMS["DifferentialEvolution"] = DifferentialEvolution

"Factor and crossover probability of each candidate of this generation."
function draw_factors!(algorithm::DifferentialEvolution, search::Search)
    n = algorithm.n
    algorithm.factors, algorithm.crossovers = fill(algorithm.factor, n), fill(algorithm.crossover, n)
    algorithm.adaptive || return nothing
    # A Cauchy draw at or below 0 is drawn again: its distribution is cut off there, which needs one number only.
    places, z = uniforms(search, 2, 2, n), normals(search, 3, 1, n)
    for i in 1:n
        k = pick(places[1, i], length(algorithm.factor_memory))
        centre = algorithm.factor_memory[k]
        below = 0.5 + atan(-centre / 0.1) / pi
        factor = centre + 0.1 * tan(pi * (below + places[2, i] * (1 - below) - 0.5))
        algorithm.factors[i] = clamp(factor, 1e-3, 1.0)
        algorithm.crossovers[i] = clamp(algorithm.crossover_memory[k] + 0.1 * z[1, i], 0.0, 1.0)
    end
    return nothing
end

function propose!(algorithm::DifferentialEvolution, search::Search)
    n, space = algorithm.n, search.space
    search.generation == 0 && return first_candidates(search, n)
    d = length(space)
    draw_factors!(algorithm, search)
    population, archive = algorithm.population, algorithm.archive
    order = ranking(algorithm.losses)
    elite = max(2, round(Int, algorithm.best_part * n))
    others, chance, change = uniforms(search, 4, 5, n), uniforms(search, 5, d, n), uniforms(search, 6, d, n)
    trials = Matrix{Float64}(undef, d, n)
    everyone = n + size(archive, 2)
    for i in 1:n
        r1 = pick_other(others[1, i], n, i)
        r2 = pick_other(others[2, i], n, i, r1)
        r3 = pick_other(others[3, i], n, i, r1, r2)
        target = algorithm.strategy == "current-to-best" ? order[1] : order[pick(others[4, i], elite)]
        towards = startswith(algorithm.strategy, "current")
        base = algorithm.strategy == "rand" ? r3 : algorithm.strategy == "best" ? order[1] : i
        # With the archive, the second of the difference may be a parent that was replaced.
        far = algorithm.strategy == "current-to-pbest" ? pick_other(others[2, i], everyone, i, r1) : r2
        factor, crossover, always = algorithm.factors[i], algorithm.crossovers[i], pick(others[5, i], d)
        for j in 1:d
            x = population[j, i]
            if chance[j, i] < crossover || j == always
                second = far > n ? archive[j, far-n] : population[j, far]
                first = population[j, r1]
                if space.kind[j] == CATEGORY
                    x = crossed_choice(space, j, population[j, towards ? target : base], first, second, change[j, i])
                else
                    x = population[j, base] + factor * (first - second)
                    towards && (x += factor * (population[j, target] - population[j, i]))
                    # Beyond a bound: half way there (Zhang and Sanderson 2009).
                    x < 0 && (x = population[j, i] / 2)
                    x > 1 && (x = (1 + population[j, i]) / 2)
                end
            end
            trials[j, i] = x
        end
    end
    return trials
end

"Choices have no difference: where two disagree any choice may come, where they agree it is that of the base."
crossed_choice(space::Space, j::Int, base::Float64, first::Float64, second::Float64, u::Float64) =
    decode(space, j, first) == decode(space, j, second) ? base : u

function accept!(algorithm::DifferentialEvolution, search::Search, losses::Matrix{Float64})
    if search.generation == 0
        algorithm.population, algorithm.losses = copy(search.candidates), losses[1, :]
    else
        replace_parents!(algorithm, search, losses)
    end
    width = spread(algorithm.population)
    width < algorithm.tolerance && (search.stopped = "spread")
    return Dict{String,Any}("spread" => width)
end

function replace_parents!(algorithm::DifferentialEvolution, search::Search, losses::Matrix{Float64})
    n, d = algorithm.n, length(search.space)
    total = by_factor = by_square = by_crossover = by_crossover_square = 0.0
    gains = [losses[1, i] < algorithm.losses[i] ? algorithm.losses[i] - losses[1, i] : 0.0 for i in 1:n]
    rescued = any(isinf, gains)         # only a failed parent gains without measure
    replaced = Int[]
    for i in 1:n
        losses[1, i] < algorithm.losses[i] && push!(replaced, i)
        gain = rescued ? Float64(gains[i] > 0) : gains[i]
        factor, crossover = algorithm.factors[i], algorithm.crossovers[i]
        total += gain
        by_factor += gain * factor
        by_square += gain * factor^2
        by_crossover += gain * crossover
        by_crossover_square += gain * crossover^2
    end
    if algorithm.adaptive && by_factor > 0
        k = algorithm.next
        algorithm.factor_memory[k] = by_square / by_factor                 # Lehmer means
        algorithm.crossover_memory[k] = by_crossover > 0 ? by_crossover_square / by_crossover : 0.0
        algorithm.next = k % length(algorithm.factor_memory) + 1
    end
    if algorithm.strategy == "current-to-pbest" && !isempty(replaced)
        archive = hcat(algorithm.archive, algorithm.population[:, replaced])
        surplus = size(archive, 2) - n
        if surplus > 0
            keys = uniforms(search, 7, 1, size(archive, 2))[1, :]
            archive = archive[:, ranking(keys)[1:n]]
        end
        algorithm.archive = archive
    end
    for i in 1:n
        losses[1, i] <= algorithm.losses[i] || continue
        algorithm.losses[i] = losses[1, i]
        for j in 1:d
            algorithm.population[j, i] = search.candidates[j, i]
        end
    end
    return nothing
end
