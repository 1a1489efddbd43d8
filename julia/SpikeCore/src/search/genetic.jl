# Genetic algorithm: rank selection, intermediate crossover, mutation, elitism (Mühlenbein and Schlierkamp-Voosen 1993,
# doi 10.1162/evco.1993.1.1.25; ranks: Whitley 1989; polynomial mutation: Deb and Agrawal 1999).

mutable struct GeneticAlgorithm <: SearchAlgorithm
    n::Int
    elite::Int
    pressure::Float64
    crossover::Float64      # probability of a child to have two parents
    mixing::Float64         # probability of a coordinate of such a child to be made of both
    extension::Float64
    mutation::Float64       # probability of a gene
    index::Float64          # of polynomial mutation; 0: uniform mutation
    population::Matrix{Float64}
    losses::Vector{Float64}
end

code(::GeneticAlgorithm) = 1
state_names(::GeneticAlgorithm) = (:population, :losses)

function GeneticAlgorithm(space::Space, settings, objectives::Int)
    n = settings["population"]
    return GeneticAlgorithm(n, round(Int, settings["elite"] * n), settings["selection_pressure"], settings["crossover"],
                            settings["mixing"], settings["extension"], settings["mutation"], settings["mutation_index"],
                            zeros(length(space), 0), Float64[])
end

SEARCH_ALGORITHMS["GeneticAlgorithm"] = GeneticAlgorithm

"A rank in 1..n, drawn with a probability that falls linearly from pressure / n to (2 - pressure) / n."
function ranked(u::Float64, n::Int, pressure::Float64)
    pressure > 1 || return pick(u, n)
    return pick((pressure - sqrt(pressure^2 - 4 * (pressure - 1) * u)) / (2 * (pressure - 1)), n)
end

"A small change of `x` within [0, 1] whose size falls as a power law of `index`."
function polynomial_mutation(x::Float64, u::Float64, index::Float64)
    power = 1 / (index + 1)
    if u < 0.5
        return x + (2u + (1 - 2u) * (1 - x)^(index + 1))^power - 1
    end
    return x + 1 - (2 * (1 - u) + (2u - 1) * x^(index + 1))^power
end

function propose!(algorithm::GeneticAlgorithm, search::Search)
    n, space = algorithm.n, search.space
    search.generation == 0 && return first_candidates(search, n)
    d = length(space)
    parents, mixed, places = uniforms(search, 2, 3, n), uniforms(search, 6, d, n), uniforms(search, 3, d, n)
    chance, change = uniforms(search, 4, d, n), uniforms(search, 5, d, n)
    children = Matrix{Float64}(undef, d, n)
    extension, population = algorithm.extension, algorithm.population      # in the order of their losses
    for i in 1:n
        a = ranked(parents[1, i], n, algorithm.pressure)
        b = ranked(parents[2, i], n, algorithm.pressure)
        crossing = parents[3, i] < algorithm.crossover
        for j in 1:d
            x, y = population[j, a], population[j, b]
            if crossing && mixed[j, i] < algorithm.mixing && space.kind[j] != CATEGORY
                x += (places[j, i] * (1 + 2extension) - extension) * (y - x)
            elseif crossing && places[j, i] < 0.5
                x = y
            end
            x = reflect(x)
            if chance[j, i] < algorithm.mutation
                uniformly = algorithm.index == 0 || space.kind[j] == CATEGORY
                x = uniformly ? change[j, i] : polynomial_mutation(x, change[j, i], algorithm.index)
            end
            children[j, i] = clamp(x, 0.0, 1.0)
        end
    end
    return children
end

function accept!(algorithm::GeneticAlgorithm, search::Search, losses::Matrix{Float64})
    kept = min(algorithm.elite, length(algorithm.losses))
    all_losses = vcat(losses[1, :], algorithm.losses[1:kept])
    everyone = hcat(search.candidates, algorithm.population[:, 1:kept])
    best = ranking(all_losses)[1:algorithm.n]
    algorithm.population, algorithm.losses = everyone[:, best], all_losses[best]
    return Dict{String,Any}("spread" => spread(algorithm.population))
end
