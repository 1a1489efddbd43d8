# Particle swarm (Kennedy and Eberhart 1995) with inertia (Shi and Eberhart 1998, doi 10.1109/ICEC.1998.699146) and either
# one best particle for all or each particle's best neighbour on a ring.

mutable struct ParticleSwarm <: SearchAlgorithm
    n::Int
    inertia::Float64
    cognitive::Float64
    social::Float64
    fastest::Float64
    neighbours::Int         # on each side; 0: everyone
    tolerance::Float64
    position::Matrix{Float64}
    velocity::Matrix{Float64}
    best::Matrix{Float64}   # of each particle
    losses::Vector{Float64}
end

code(::ParticleSwarm) = 3
state_names(::ParticleSwarm) = (:position, :velocity, :best, :losses)

ParticleSwarm(space::Space, settings, objectives::Int) =
    ParticleSwarm(settings["population"], settings["inertia"], settings["cognitive"], settings["social"],
                  settings["largest_velocity"], settings["neighbours"], settings["tolerance"], zeros(length(space), 0),
                  zeros(length(space), 0), zeros(length(space), 0), Float64[])

SEARCH_ALGORITHMS["ParticleSwarm"] = ParticleSwarm

"The best of particle `i` and its neighbours."
function informant(algorithm::ParticleSwarm, i::Int, leader::Int)
    algorithm.neighbours == 0 && return leader
    best = i
    for shift in -algorithm.neighbours:algorithm.neighbours
        k = mod1(i + shift, algorithm.n)
        algorithm.losses[k] < algorithm.losses[best] && (best = k)
    end
    return best
end

function propose!(algorithm::ParticleSwarm, search::Search)
    n, d, space = algorithm.n, length(search.space), search.space
    fastest = algorithm.fastest
    if search.generation == 0
        algorithm.position = first_candidates(search, n)
        # Half the way to another point.
        algorithm.velocity = clamp.((uniforms(search, 2, d, n) .- algorithm.position) ./ 2, -fastest, fastest)
        return copy(algorithm.position)
    end
    own, others, change = uniforms(search, 3, d, n), uniforms(search, 4, d, n), uniforms(search, 5, d, n)
    position, velocity, best = algorithm.position, algorithm.velocity, algorithm.best
    leader = ranking(algorithm.losses)[1]
    for i in 1:n
        g = informant(algorithm, i, leader)
        for j in 1:d
            x = position[j, i]
            if space.kind[j] == CATEGORY
                position[j, i] = swarm_choice(algorithm, x, best[j, i], best[j, g], own[j, i], change[j, i], d)
                continue
            end
            v = algorithm.inertia * velocity[j, i] + algorithm.cognitive * own[j, i] * (best[j, i] - x) +
                algorithm.social * others[j, i] * (best[j, g] - x)
            v = clamp(v, -fastest, fastest)
            x += v
            if !(0 <= x <= 1)
                x, v = reflect(x), -v / 2
            end
            position[j, i], velocity[j, i] = x, v
        end
    end
    return copy(position)
end

"One of three choices, drawn in proportion to what draws the particle there; now and then any choice."
function swarm_choice(algorithm::ParticleSwarm, now::Float64, own::Float64, other::Float64, u::Float64, fresh::Float64, d::Int)
    any = 1 / (d + 1)
    u < any && return fresh
    total = algorithm.inertia + (algorithm.cognitive + algorithm.social) / 2
    u = (u - any) / (1 - any) * total
    return u < algorithm.inertia ? now : u < algorithm.inertia + algorithm.cognitive / 2 ? own : other
end

function accept!(algorithm::ParticleSwarm, search::Search, losses::Matrix{Float64})
    if search.generation == 0
        algorithm.best, algorithm.losses = copy(search.candidates), losses[1, :]
    else
        for i in 1:algorithm.n
            losses[1, i] <= algorithm.losses[i] || continue
            algorithm.losses[i] = losses[1, i]
            for j in 1:length(search.space)
                algorithm.best[j, i] = search.candidates[j, i]
            end
        end
    end
    width = spread(algorithm.best)
    width < algorithm.tolerance && spread(algorithm.position) < algorithm.tolerance && (search.stopped = "spread")
    return Dict{String,Any}("spread" => width)
end
