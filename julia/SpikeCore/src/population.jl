# Many candidates at once: runs that differ in parameters. Candidates of the same network stand side by side as one run of many
# neurons, those of candidate c being (c - 1) n + 1 : c n, and every thread has a run of its own; nothing is shared but time.
# What a candidate does, to the bit, does not depend on who stands beside it: it draws the numbers that it would draw alone.
# Read scores.jl next.

"A piece of a free parameter: `kind` and `names` as in gradient.jl; `index` of a projection or stimulus."
struct FreePiece
    kind::String
    names::Vector{String}
    index::Int
end

"One run of some of the candidates, and what it has recorded so far; `failed`: candidates of it that failed, from 0, and why."
mutable struct Batch
    run::Any                            # nothing, once it has failed as a whole
    failed::Dict{Int,String}
    candidates::UnitRange{Int}
    n::Int                              # neurons of a candidate
    step::Vector{Vector{Int64}}         # per trial: spikes by step
    neuron::Vector{Vector{Int32}}
    course::Vector{Matrix{Float64}}     # per loss: [candidate, trial], sums over what is recorded besides spikes
end

"""
`params` and `arrays` of one candidate, as `Run` takes them, or of each, where they are different networks; `free`, what
differs; `losses`, what candidates are judged by.
"""
mutable struct Population
    params::Vector{Dict{String,Any}}
    arrays::Vector{Dict{String,Any}}
    free::Vector{FreePiece}
    losses::Vector{Any}
    n::Int                              # neurons of the data, which those of a candidate are compared with
    dt::Float64
    warm_up::Int                        # steps before those that losses see
    steps::Int
    trials::Int
    threads::Int
    batches::Vector{Batch}
    candidates::Int
    done::Int
    compiled::Bool                      # a generation has begun before
end

# Batches of about this many neurons: enough for long sweeps, few enough to stay near the processor.
const NEURONS_PER_BATCH = 8192

# ---- candidates side by side ------------------------------------------------------------------------------------------------

"Repeats what belongs to neurons (the first dimension) for `m` candidates."
beside(x::AbstractArray, m::Int) = repeat(x, m, ones(Int, ndims(x) - 1)...)
"Numbers `x[:, c]` of each candidate, for each of `n` neurons."
spread(x::Matrix, n::Int) = vec(size(x, 1) == n ? x : repeat(x, inner=(n ÷ size(x, 1), 1)))

"The weights, times the factor of each candidate."
multiples(weight::Vector{W}, factor::Matrix{Float64}) where {W} = vec(W[w * a for w in weight, a in factor])

"The run of `m` candidates side by side that differ by `values`, one matrix [number, candidate] per free piece."
function side_by_side(params::Dict{String,Any}, arrays::Dict{String,Any}, free::Vector{FreePiece},
                      values::Vector{Matrix{Float64}}, m::Int)
    n = required(params, "n", Int)
    joint = merge(params, Dict{String,Any}("n" => n * m, "period" => n, "threads" => 1, "model" => copy(params["model"]),
                                           "stimuli" => Any[copy(d) for d in get(params, "stimuli", [])]))
    shared, changes = joint["model"], Dict{String,Any}()
    own = copy(arrays)
    for (piece, x) in zip(free, values), name in piece.names
        if piece.kind == "model"
            delete!(shared, name)
            changes[string("model.", name)] = spread(x, n)
            delete!(own, string("model.", name))
        elseif piece.kind == "weight"
            key = string("projection.", piece.index, ".weight")
            changes[key] = convert(Vector{eltype(own[key])}, spread(x, length(own[key])))
            delete!(own, key)
        elseif piece.kind == "weight_scale"
            key = string("projection.", piece.index, ".weight")
            changes[key] = multiples(pop!(own, key), x)
        elseif piece.kind == "initial"
            joint["initial"] = "given"
            changes[string("state.", name)] = spread(x, n)
            delete!(own, string("state.", name))
        elseif piece.kind == "stimulus"
            prefix, d = string("stimulus.", piece.index, "."), joint["stimuli"][piece.index]
            delete!(d, name)
            reached = haskey(own, string(prefix, "neurons")) ? length(own[string(prefix, "neurons")]) : n
            changes[string(prefix, name)] = d["kind"] == "spikes" ? vec(permutedims(x)) : spread(x, reached)
            delete!(own, string(prefix, name))
        else
            fail("unknown kind of parameter ", piece.kind)
        end
    end
    for (name, x) in own
        changes[name] = multiplied(name, x, own, joint, n, m)
    end
    return joint, changes
end

"An array of one candidate, for `m` of them side by side."
function multiplied(name::String, x, arrays, params, n::Int, m::Int)
    startswith(name, "model.") && return length(x) == n ? beside(vec(x), m) : x
    startswith(name, "state.") && return beside(x, m)
    name == "record_neurons" && return vcat((x .+ n * (c - 1) for c in 1:m)...)
    if startswith(name, "projection.")
        endswith(name, ".offset") && return vcat([0], (x[2:end] .+ x[end] * (c - 1) for c in 1:m)...)
        endswith(name, ".target") && return vcat((x .+ Int32(n * (c - 1)) for c in 1:m)...)
        return beside(x, m)
    elseif startswith(name, "stimulus.")
        of(field) = string(join(split(name, ".")[1:2], "."), ".", field)
        kind = params["stimuli"][parse(Int, split(name, ".")[2])]["kind"]
        if kind == "spikes"     # stay sorted by step
            endswith(name, ".neuron") && return vec(Int32[x[e] + n * (c - 1) for c in 1:m, e in 1:length(x)])
            return repeat(vec(x), inner=m)
        end
        endswith(name, ".neurons") && return vcat((x .+ Int32(n * (c - 1)) for c in 1:m)...)
        kind == "series" && endswith(name, ".data") && return x
        reached = haskey(arrays, of("neurons")) ? length(arrays[of("neurons")]) : n
        return size(x, 1) == reached && (reached > 1 || kind == "table") ? beside(x, m) : x
    end
    return x
end

"The step that losses count from."
origin(population::Population) = population.params[1]["first_step"]::Int + population.warm_up

# ---- a generation --------------------------------------------------------------------------------------------------------------

function Population(params::Dict{String,Any}, arrays::Dict{String,Any})
    several = get(params, "candidates", Any[])::Vector
    alone = isempty(several)
    each_params = Dict{String,Any}[d for d in (alone ? [params] : several)]
    each_arrays = alone ? [Dict{String,Any}(name => x for (name, x) in arrays if !startswith(name, "loss."))] :
                  [owned_by("candidate.$c.", arrays) for c in 1:length(several)]
    first = each_params[1]
    n, dt = required(params, "neurons", Int), Float64(required(first, "dt", Real))
    free = FreePiece[FreePiece(required(d, "kind", String), convert(Vector{String}, d["names"]), get(d, "index", 0))
                     for d in get(params, "free", [])]
    steps, trials = required(params, "steps", Int), length(each_arrays[1]["trials"])
    threads = clamp(required(params, "threads", Int), 1, Threads.nthreads())
    population = Population(each_params, each_arrays, free, Any[], n, dt, required(params, "warm_up", Int), steps, trials, threads,
                            Batch[], 0, 0, false)
    variables = convert(Vector{String}, required(params, "variables", Vector))
    for (j, d) in enumerate(get(params, "losses", []))
        push!(population.losses, build_score(d, owned_by("loss.$j.", arrays), n, steps, trials, dt, variables))
    end
    return population
end

"Begins a generation: the candidates are those that the population was made of, or differ by `value.K`."
function begin_generation!(population::Population, arrays)
    values = Matrix{Float64}[convert(Matrix{Float64}, arrays["value.$k"]) for k in 1:length(population.free)]
    together = length(population.params) == 1 && !isempty(values)
    population.candidates = m = together ? size(values[1], 2) : length(population.params)
    population.done = 0
    empty!(population.batches)
    per_batch = together ? clamp(NEURONS_PER_BATCH ÷ population.n, 1, cld(m, population.threads)) : 1
    for first in 1:per_batch:m
        range, K = first:min(first + per_batch - 1, m), population.trials
        n = required(population.params[together ? 1 : first], "n", Int)
        push!(population.batches, Batch(nothing, Dict{Int,String}(), range, n, [Int64[] for _ in 1:K], [Int32[] for _ in 1:K],
                                        [zeros(length(range), K) for _ in population.losses]))
    end
    # Models given as text are compiled, and kept, by one thread.
    apart = together && population.compiled && get(population.params[1], "device", "cpu") == "cpu"
    on_threads(length(population.batches), apart ? population.threads : 1) do b
        trying!(() -> Base.invokelatest(begin_batch!, population, population.batches[b], values, together), population.batches[b])
    end
    population.compiled = true
    return nothing
end

function begin_batch!(population::Population, batch::Batch, values::Vector{Matrix{Float64}}, together::Bool)
    range = batch.candidates
    which = together ? 1 : first(range)
    params, own = population.params[which], population.arrays[which]
    params, own = together ? side_by_side(params, own, population.free, map(x -> x[:, range], values), length(range)) :
                  (merge(params, Dict{String,Any}("threads" => 1, "period" => batch.n)), own)
    batch.run = run_on(get(params, "device", "cpu"), params, own)
    batch.failed = batch.run.setup.failed
    return nothing
end

"Does `work`; if that is impossible, all candidates of the batch have failed."
function trying!(work, batch::Batch)
    try
        work()
    catch problem
        problem isa SpikeCoreError || rethrow()
        batch.run, batch.failed = nothing, Dict{Int,String}(c => problem.message for c in 0:length(batch.candidates)-1)
    end
    return nothing
end

"Advances all candidates by `n_steps`."
function advance_generation!(population::Population, n_steps::Int)
    on_threads(length(population.batches), population.threads) do b
        batch = population.batches[b]
        batch.run === nothing && return nothing
        trying!(() -> Base.invokelatest(advance_batch!, population, batch, batch.run, n_steps), batch)
    end
    population.done += n_steps
    return nothing
end

function advance_batch!(population::Population, batch::Batch, run, n_steps::Int)
    first_step = run.setup.trials[1].step
    advance!(run, n_steps)
    step, neuron, pointer = merged_spikes(run.setup.trials)
    for k in 1:population.trials
        append!(batch.step[k], view(step, pointer[k]+1:pointer[k+1]))
        append!(batch.neuron[k], view(neuron, pointer[k]+1:pointer[k+1]))
    end
    for (j, loss) in enumerate(population.losses)
        loss isa VariableScore || continue
        add_course!(batch.course[j], loss, run.setup.recorder, batch.n, first_step - origin(population))
    end
    return nothing
end

# ---- the service ----------------------------------------------------------------------------------------------------------------

function open_population(params, arrays)
    population = Base.invokelatest(Population, params, arrays)
    return Dict{String,Any}("session" => new_session(population)), NOTHING
end

"""
`session`, `steps`; with `begin` = true a new generation first, from `seed` on another one. When the last step is done: `loss` [candidate, loss], who
`failed` and why, and with `trains` = true all spikes: step `train.step[train.offset[j]+1:train.offset[j+1]]` of neuron i in trial
k of candidate c, where j counts neurons, then trials, then candidates.
"""
function advance_population(params, arrays)
    population = session(params)::Population
    start = time_ns()
    haskey(params, "seed") && foreach(d -> d["seed"] = params["seed"], population.params)
    get(params, "begin", false) && begin_generation!(population, arrays)
    steps = min(required(params, "steps", Int), population.warm_up + population.steps - population.done)
    steps > 0 && with_quick_loops(advance_generation!, population, steps)
    result = Dict{String,Any}("done" => population.done)
    population.done < population.warm_up + population.steps && return result, NOTHING
    simulated = time_ns()
    found = Dict{String,Any}()
    with_quick_loops(score_generation!, found, population, get(params, "trains", false))
    failed = sort!([(batch.candidates[c+1] - 1, text) for batch in population.batches for (c, text) in batch.failed])
    result["failed"], result["reasons"] = Int[c for (c, _) in failed], String[text for (_, text) in failed]
    result["seconds"], result["judging"] = (simulated - start) / 1e9, (time_ns() - simulated) / 1e9
    empty!(population.batches)
    return result, found
end

METHODS["open_population"] = open_population
METHODS["advance_population"] = advance_population
