# NSGA-II for several objectives (Deb, Pratap, Agarwal and Meyarivan 2002, doi 10.1109/4235.996017): non-dominated sorting,
# crowding distance, simulated binary crossover, polynomial mutation.

mutable struct NSGA2 <: SearchAlgorithm
    n::Int
    crossover::Float64
    crossover_index::Float64
    mutation::Float64
    mutation_index::Float64
    population::Matrix{Float64}
    losses::Matrix{Float64}     # objective, candidate
    rank::Vector{Int}
    crowding::Vector{Float64}
end

code(::NSGA2) = 5
state_names(::NSGA2) = (:population, :losses, :rank, :crowding)

NSGA2(space::Space, settings, objectives::Int) =
    NSGA2(settings["population"], settings["crossover"], settings["crossover_index"], settings["mutation"],
          settings["mutation_index"], zeros(length(space), 0), zeros(objectives, 0), Int[], Float64[])

SEARCH_ALGORITHMS["NSGA2"] = NSGA2

"1 where candidate `a` dominates `b`, -1 where `b` dominates `a`, else 0."
function dominance(losses::Matrix{Float64}, a::Int, b::Int)
    better = worse = false
    for k in 1:size(losses, 1)
        losses[k, a] < losses[k, b] && (better = true)
        losses[k, a] > losses[k, b] && (worse = true)
    end
    return Int(better && !worse) - Int(worse && !better)
end

"The front of each candidate: 1 for those that none dominates, 2 for those that only they dominate, and so on."
function fronts(losses::Matrix{Float64})
    n = size(losses, 2)
    dominated = [Int[] for _ in 1:n]
    above = zeros(Int, n)
    for a in 1:n, b in 1:a-1
        which = dominance(losses, a, b)
        which == 0 && continue
        winner, loser = which > 0 ? (a, b) : (b, a)
        push!(dominated[winner], loser)
        above[loser] += 1
    end
    rank = zeros(Int, n)
    current, number = members_of(above, 0), 1
    while !isempty(current)
        next = Int[]
        for i in current
            rank[i] = number
            for b in dominated[i]
                above[b] -= 1
                above[b] == 0 && push!(next, b)
            end
        end
        current, number = next, number + 1
    end
    return rank
end

members_of(rank::Vector{Int}, number::Int) = [i for i in 1:length(rank) if rank[i] == number]

"How far the neighbours of each member of a front are from each other; infinite at the ends."
function crowding_distances(losses::Matrix{Float64}, members::Vector{Int})
    distance = zeros(length(members))
    for k in 1:size(losses, 1)
        order = ranking(losses[k, members])
        low, high = losses[k, members[order[1]]], losses[k, members[order[end]]]
        distance[order[1]] = distance[order[end]] = Inf
        0 < high - low < Inf || continue
        for a in 2:length(members)-1
            distance[order[a]] += (losses[k, members[order[a+1]]] - losses[k, members[order[a-1]]]) / (high - low)
        end
    end
    return distance
end

"The better of two: of the lower front, or less crowded."
function winner(algorithm::NSGA2, a::Int, b::Int)
    algorithm.rank[a] == algorithm.rank[b] || return algorithm.rank[a] < algorithm.rank[b] ? a : b
    return algorithm.crowding[a] >= algorithm.crowding[b] ? a : b
end

"Two children of `a` and `b` whose spread is like theirs, within [0, 1] (Deb and Agrawal 1995)."
function simulated_binary(a::Float64, b::Float64, u::Float64, index::Float64)
    low, high = minmax(a, b)
    high - low > 1e-14 || return a, b
    x = ((low + high) - spread_factor(u, low / (high - low), index) * (high - low)) / 2
    y = ((low + high) + spread_factor(u, (1 - high) / (high - low), index) * (high - low)) / 2
    return clamp(x, 0.0, 1.0), clamp(y, 0.0, 1.0)
end

"Distance of the children over that of the parents; `room`: from a parent to the bound, over the distance of the parents."
function spread_factor(u::Float64, room::Float64, index::Float64)
    alpha = 2 - (1 + 2 * room)^(-(index + 1))
    return (u <= 1 / alpha ? u * alpha : 1 / (2 - u * alpha))^(1 / (index + 1))
end

function propose!(algorithm::NSGA2, search::Search)
    n, d, space = algorithm.n, length(search.space), search.space
    search.generation == 0 && return first_candidates(search, n)
    population = algorithm.population
    # The tournament meets everyone twice, in a random order each time.
    rounds = uniforms(search, 2, 2, n)
    order = vcat(ranking(rounds[1, :]), ranking(rounds[2, :]))
    pairs = (n + 1) >> 1
    crossed, mixing = uniforms(search, 3, 1, pairs), uniforms(search, 4, d, pairs)
    taken, swapped = uniforms(search, 5, d, pairs), uniforms(search, 6, d, pairs)
    chance, change = uniforms(search, 7, d, n), uniforms(search, 8, d, n)
    children = Matrix{Float64}(undef, d, n)
    for p in 1:pairs
        a = winner(algorithm, order[mod1(4p - 3, 2n)], order[mod1(4p - 2, 2n)])
        b = winner(algorithm, order[mod1(4p - 1, 2n)], order[mod1(4p, 2n)])
        for j in 1:d
            x, y = population[j, a], population[j, b]
            if crossed[1, p] < algorithm.crossover && taken[j, p] < 0.5
                space.kind[j] == CATEGORY || ((x, y) = simulated_binary(x, y, mixing[j, p], algorithm.crossover_index))
                swapped[j, p] < 0.5 && ((x, y) = (y, x))
            end
            children[j, 2p-1] = x
            2p <= n && (children[j, 2p] = y)
        end
    end
    for i in 1:n, j in 1:d
        chance[j, i] < algorithm.mutation || continue
        children[j, i] = space.kind[j] == CATEGORY ? change[j, i] :
                         clamp(polynomial_mutation(children[j, i], change[j, i], algorithm.mutation_index), 0.0, 1.0)
    end
    return children
end

function accept!(algorithm::NSGA2, search::Search, losses::Matrix{Float64})
    everyone, all_losses = hcat(algorithm.population, search.candidates), hcat(algorithm.losses, losses)
    rank = fronts(all_losses)
    chosen, crowding, number = Int[], Float64[], 1
    while length(chosen) < algorithm.n
        members = members_of(rank, number)
        distance = crowding_distances(all_losses, members)
        best = ranking(-distance)[1:min(length(members), algorithm.n - length(chosen))]
        append!(chosen, members[best])
        append!(crowding, distance[best])
        number += 1
    end
    algorithm.population, algorithm.losses = everyone[:, chosen], all_losses[:, chosen]
    algorithm.rank, algorithm.crowding = rank[chosen], crowding
    if search.objectives > 1
        front = members_of(algorithm.rank, 1)
        search.best, search.best_losses = algorithm.population[:, front], algorithm.losses[:, front]
    end
    return Dict{String,Any}("spread" => spread(algorithm.population), "front" => count(==(1), algorithm.rank))
end
