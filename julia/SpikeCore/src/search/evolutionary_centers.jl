# Evolutionary centers algorithm (Mejía-de-Dios and Mezura-Montes 2019, doi 10.1007/978-3-030-20257-6_7): candidates move along
# the line from the worst of a few random ones to their centre of mass.

mutable struct EvolutionaryCenters <: SearchAlgorithm
    n::Int
    group::Int              # candidates that a centre is made of
    step::Float64           # largest one
    copying::Float64        # probability of a gene to come from the best of the group
    tolerance::Float64
    population::Matrix{Float64}
    losses::Vector{Float64}
end

code(::EvolutionaryCenters) = 4
state_names(::EvolutionaryCenters) = (:population, :losses)

EvolutionaryCenters(space::Space, settings, objectives::Int) =
    EvolutionaryCenters(settings["population"], min(settings["group"], settings["population"]), settings["largest_step"],
                        settings["copying"], settings["tolerance"], zeros(length(space), 0), Float64[])

SEARCH_ALGORITHMS["EvolutionaryCenters"] = EvolutionaryCenters

"The better, the heavier: twice the worst loss minus one's own, with losses shifted to begin at 0; failed ones weigh nothing."
function masses(losses::Vector{Float64})
    best, worst = Inf, -Inf
    for loss in losses
        isfinite(loss) && ((best, worst) = (min(best, loss), max(worst, loss)))
    end
    mass = zeros(length(losses))
    for i in 1:length(losses)
        isfinite(losses[i]) && (mass[i] = worst > best ? 2 - (losses[i] - best) / (worst - best) : 1.0)
    end
    return mass
end

"Writes a random choice of the numbers 1..n to the front of `order`, which stays a permutation of them."
function shuffle_front!(order::Vector{Int}, u::Matrix{Float64}, i::Int, k::Int)
    n = length(order)
    for a in 1:k
        b = a - 1 + pick(u[a, i], n - a + 1)
        order[a], order[b] = order[b], order[a]
    end
    return nothing
end

function propose!(algorithm::EvolutionaryCenters, search::Search)
    n, d, space, k = algorithm.n, length(search.space), search.space, algorithm.group
    search.generation == 0 && return first_candidates(search, n)
    population, losses, mass = algorithm.population, algorithm.losses, masses(algorithm.losses)
    members, steps = uniforms(search, 2, k, n), uniforms(search, 3, 1, n)
    chance, change = uniforms(search, 4, d, n), uniforms(search, 5, d, n)
    candidates = Matrix{Float64}(undef, d, n)
    order = collect(1:n)
    for i in 1:n
        for a in 1:n                    # or the group would depend on the candidates before
            order[a] = a
        end
        shuffle_front!(order, members, i, k)
        best = worst = order[1]
        total = 0.0
        for a in 1:k
            m = order[a]
            total += mass[m]
            losses[m] < losses[best] && (best = m)
            losses[m] > losses[worst] && (worst = m)
        end
        for j in 1:d
            centre = 0.0
            for a in 1:k
                centre += (total > 0 ? mass[order[a]] / total : 1 / k) * population[j, order[a]]
            end
            if space.kind[j] == CATEGORY
                x = centre_choice(population, order, mass, total, k, j, chance[j, i], change[j, i], d)
            elseif chance[j, i] < algorithm.copying
                x = population[j, best]
            else
                x = population[j, i] + algorithm.step * steps[1, i] * (centre - population[j, worst])
                0 <= x <= 1 || (x = centre)
            end
            candidates[j, i] = clamp(x, 0.0, 1.0)
        end
    end
    return candidates
end

"Choices have no centre: that of one of the group, drawn by mass; now and then any choice."
function centre_choice(population::Matrix{Float64}, order::Vector{Int}, mass::Vector{Float64}, total::Float64, k::Int, j::Int,
                       u::Float64, fresh::Float64, d::Int)
    any = 1 / (d + 1)
    u < any && return fresh
    left = (u - any) / (1 - any) * total
    for a in 1:k
        left -= mass[order[a]]
        left <= 0 && return population[j, order[a]]
    end
    return population[j, order[k]]
end

function accept!(algorithm::EvolutionaryCenters, search::Search, losses::Matrix{Float64})
    if search.generation == 0
        algorithm.population, algorithm.losses = copy(search.candidates), losses[1, :]
    else
        # Those that are better than the one they came from join the population, and its worst leave it.
        better = [i for i in 1:algorithm.n if losses[1, i] < algorithm.losses[i]]
        all_losses = vcat(algorithm.losses, losses[1, better])
        everyone = hcat(algorithm.population, search.candidates[:, better])
        best = ranking(all_losses)[1:algorithm.n]
        algorithm.population, algorithm.losses = everyone[:, best], all_losses[best]
    end
    width = spread(algorithm.population)
    width < algorithm.tolerance && (search.stopped = "spread")
    return Dict{String,Any}("spread" => width)
end
