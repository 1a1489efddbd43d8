# Search by populations, ask and tell: what the algorithms share, and the methods of the service. Each file of an algorithm has
# its settings and state, `propose!` (the candidates of the next generation) and `accept!` (what their losses change).
# Random numbers are addressed by seed, algorithm, purpose, generation, candidate and dimension, so a search goes on from its
# saved state to the bit. The user's units begin and end in this file: within, candidates are columns in the unit cube.

abstract type SearchAlgorithm end

mutable struct Search
    space::Space
    seed::UInt64
    algorithm::SearchAlgorithm
    objectives::Int
    start::Matrix{Float64}          # candidates of the first generation that were given
    generation::Int
    candidates::Matrix{Float64}     # dimension, candidate
    best::Matrix{Float64}           # the best so far; of several objectives those that none dominates
    best_losses::Matrix{Float64}    # objective, candidate
    stopped::String
end

const SEARCH_ALGORITHMS = Dict{String,Any}()

"What a draw is for; each algorithm numbers its own purposes from 1."
const LATIN = 0

stream(search::Search, purpose::Int) = STREAM_SEARCH + UInt32(code(search.algorithm)) * 0x100 + UInt32(purpose)
source(search::Search, purpose::Int) = Source(search.seed, stream(search, purpose), search.generation % UInt32)

"Uniform numbers in (0, 1) for `n` candidates in this generation, `rows` for each."
function uniforms(search::Search, purpose::Int, rows::Int, n::Int)
    from = source(search, purpose)
    u = Matrix{Float64}(undef, rows, n)
    for i in 1:n, quad in 0:(rows-1)>>2
        words = block(from, i - 1, quad)
        for k in 1:min(4, rows - 4quad)
            u[4quad+k, i] = muladd(Float64(words[k]), 2.0^-32, 2.0^-33)
        end
    end
    return u
end

"Standard normal numbers for `n` candidates in this generation, `rows` for each."
function normals(search::Search, purpose::Int, rows::Int, n::Int)
    from = source(search, purpose)
    z = Matrix{Float64}(undef, rows, n)
    for i in 1:n, quad in 0:(rows-1)>>2
        a, b, c, d = block(from, i - 1, quad)
        x, y = box_muller(uniform(Float64, a), uniform(Float64, b))
        v, w = box_muller(uniform(Float64, c), uniform(Float64, d))
        four = (x, y, v, w)
        for k in 1:min(4, rows - 4quad)
            z[4quad+k, i] = four[k]
        end
    end
    return z
end

"A whole number in 1..n from a uniform number."
pick(u::Float64, n::Int) = min(1 + floor(Int, u * n), n)

"A whole number in 1..n that is none of `others`, which are different, from a uniform number."
function pick_other(u::Float64, n::Int, others::Int...)
    k = pick(u, n - length(others))
    for other in sort_few(others)
        k >= other && (k += 1)
    end
    return k
end

sort_few(x::Tuple{Int}) = x
sort_few(x::Tuple{Int,Int}) = x[1] < x[2] ? x : (x[2], x[1])
function sort_few(x::Tuple{Int,Int,Int})
    low, high = min(x...), max(x...)
    return low, x[1] + x[2] + x[3] - low - high, high
end

"Numbers of the entries in ascending order; among equals the first comes first. For the few hundred entries of a population."
function ranking(values::Vector{Float64})
    order = Int[]
    sizehint!(order, length(values))
    for i in 1:length(values)
        low, high = 1, length(order) + 1
        while low < high
            middle = (low + high) >> 1
            values[order[middle]] <= values[i] ? (low = middle + 1) : (high = middle)
        end
        insert!(order, low, i)
    end
    return order
end

"The first generation: what was given, and a Latin hypercube (McKay, Beckman and Conover 1979)."
function first_candidates(search::Search, n::Int)
    d, given = length(search.space), min(size(search.start, 2), n)
    x = Matrix{Float64}(undef, d, n)
    places, within = uniforms(search, LATIN, d, n), uniforms(search, LATIN + 1, d, n)
    for j in 1:d
        order = ranking(places[j, :])
        for i in 1:n
            x[j, i] = (order[i] - within[j, i]) / n
        end
    end
    x[:, 1:given] = search.start[:, 1:given]
    return x
end

"Largest standard deviation of a coordinate over a population."
function spread(population::Matrix{Float64})
    d, n = size(population)
    largest = 0.0
    for j in 1:d
        mean = 0.0
        for i in 1:n
            mean += population[j, i] / n
        end
        variance = 0.0
        for i in 1:n
            variance += (population[j, i] - mean)^2 / n
        end
        largest = max(largest, variance)
    end
    return sqrt(largest)
end

"Keeps the best candidate; algorithms for several objectives keep those that none dominates."
function note_best!(search::Search, losses::Matrix{Float64})
    search.objectives == 1 || return nothing
    k = ranking(losses[1, :])[1]
    if size(search.best, 2) == 0 || losses[1, k] < search.best_losses[1, 1]
        search.best, search.best_losses = search.candidates[:, k:k], losses[:, k:k]
    end
    return nothing
end

"A candidate that failed in any objective is worse than all others in all of them."
function marked(losses::Matrix{Float64})
    marked = copy(losses)
    for i in 1:size(losses, 2)
        all(isfinite, view(losses, :, i)) || (marked[:, i] .= Inf)
    end
    return marked
end

# ---- sessions ---------------------------------------------------------------------------------------------------------------

coordinates(space::Space, values::Matrix{Float64}) =
    Float64[encode(space, j, values[j, i]) for j in 1:size(values, 1), i in 1:size(values, 2)]

function Search(params::Dict{String,Any}, arrays::Dict{String,Any})
    space = Space(convert(Vector{Any}, required(params, "kinds", Vector)), convert(Vector{Bool}, vec(arrays["log"])),
                  convert(Vector{Float64}, vec(arrays["low"])), convert(Vector{Float64}, vec(arrays["high"])))
    name = required(params, "algorithm", String)
    haskey(SEARCH_ALGORITHMS, name) || fail("unknown algorithm ", name)
    objectives = required(params, "objectives", Int)
    start = get(() -> zeros(length(space), 0), arrays, "start")
    size(start, 1) == length(space) || fail("start must have ", length(space), " columns, got ", size(start, 1))
    algorithm = SEARCH_ALGORITHMS[name](space, params["settings"], objectives)
    return Search(space, UInt64(required(params, "seed", Int)), algorithm, objectives, coordinates(space, start), 0,
                  zeros(length(space), 0), zeros(length(space), 0), zeros(objectives, 0), "")
end

# What changes during a search, by name, all as arrays: no number loses a bit, and Inf is one of them.
const SEARCH_STATE = (:generation, :candidates, :best, :best_losses)
part(x::Array) = copy(x)
part(x::Number) = [x]

function state_of(search::Search)
    state = Dict{String,Any}()
    for (owner, names) in ((search, SEARCH_STATE), (search.algorithm, state_names(search.algorithm))), name in names
        state[string(name)] = part(getfield(owner, name))
    end
    return state
end

function restore!(search::Search, arrays::Dict{String,Any})
    for (owner, names) in ((search, SEARCH_STATE), (search.algorithm, state_names(search.algorithm))), name in names
        haskey(arrays, "state.$name") || fail("the state of a search must have ", name)
        T, x = fieldtype(typeof(owner), name), arrays["state.$name"]
        T <: Array && ndims(x) != ndims(T) && fail("the state ", name, " must have ", ndims(T), " dimensions, got ", ndims(x))
        setfield!(owner, name, T <: Array ? convert(T, x) : convert(T, x[1]))
    end
    size(search.candidates, 1) == length(search.space) && size(search.best_losses, 1) == search.objectives ||
        fail("the state of a search must be of ", length(search.space), " dimensions and ", search.objectives, " objectives")
    return nothing
end

function open_search(params, arrays)
    search = Search(params, arrays)
    if haskey(arrays, "state.generation")
        restore!(search, arrays)
        search.stopped = required(params, "stopped", String)
    else
        search.candidates = propose!(search.algorithm, search)
    end
    result, found = ask_search(search)
    result["session"] = new_session(search)
    return result, found
end

ask_search(params::Dict{String,Any}, arrays) = ask_search(session(params))
ask_search(search::Search) = Dict{String,Any}("generation" => search.generation), Dict{String,Any}("candidates" => decoded(search.space, search.candidates))

"Takes the losses of the candidates, and answers with the next ones: one call for each generation."
function tell_search(params, arrays)
    search = session(params)
    losses = convert(Matrix{Float64}, arrays["losses"])
    size(losses) == (search.objectives, size(search.candidates, 2)) ||
        fail("losses must be one for each of ", search.objectives, " objectives and ", size(search.candidates, 2), " candidates")
    losses = marked(losses)
    note_best!(search, losses)
    diagnostics = accept!(search.algorithm, search, losses)
    search.generation += 1
    search.candidates = propose!(search.algorithm, search)
    result, found = ask_search(search)
    result["stopped"] = search.stopped
    result["diagnostics"] = diagnostics
    return result, found
end

search_state(params, arrays) = Dict{String,Any}("stopped" => session(params).stopped), state_of(session(params))

function search_best(params, arrays)
    search = session(params)
    return NOTHING, Dict{String,Any}("candidates" => decoded(search.space, search.best), "losses" => search.best_losses)
end

for (name, method) in ("open_search" => open_search, "ask" => ask_search, "tell" => tell_search, "search_state" => search_state,
                       "search_best" => search_best)
    METHODS[name] = with_loops(method)
end
