# What a run owns: a network, its neurons, its stimuli, and for each trial the state that changes from step to step.

"`into`: 0 for the drive, else the variable of the target's state that spikes add to; `direct`: without a ring."
struct Projection{T,W}
    synapses::Connectivity{W}
    kernel::Kernel{T}
    splits::Matrix{Int64}
    into::Int
    direct::Bool
    pair::Union{Nothing,PairRule{T}}
    short_term::Union{Nothing,ShortTermRule{T}}
    incoming::Incoming
end

is_plastic(p::Projection) = p.pair !== nothing || p.short_term !== nothing

"Synapses low + 1 : high, and what their weights are multiplied with: the number of spikes, or a graded amount."
const Row = Tuple{Int64,Int64,Float64}
const ROWS_AT_ONCE = 256

"""
What one thread works on: a block of neurons. The two buffers of spikes alternate between steps. What is written in every
step stands apart from what other threads read, in memory too.
"""
mutable struct Part
    range::UnitRange{Int}
    swept::UnitRange{Int}               # the same, and what fills up the last block
    spiking::NTuple{2,Vector{Int32}}    # zero-based neurons that fired, in order
    counts::NTuple{2,Vector{Int32}}
    n_spiking::Vector{Int}              # that of buffer b at [8b], with room around it
    rows::Vector{Row}                   # about to be delivered
    released::Vector{NTuple{2,Vector{Float64}}}     # per projection with short-term plasticity: what each spike releases
    scratch::Vector{Float64}
    apart::NTuple{16,Int}
    quad::Int                           # the step ÷ 4 whose random bits are there
    noise_quad::Int                     # and whose white noise
    recorded_neuron::Vector{Int32}
    recorded_step::Vector{Int64}
    n_recorded::Int
    base_key::Vector{Float64}           # waveform values that `base` was made of
    failure::Tuple{Int,Int}             # neuron and step at which an activity was not admissible
end

function Part(range::UnitRange{Int}, swept::UnitRange{Int}=range)
    size = length(range)
    buffers() = (Vector{Int32}(undef, size), Vector{Int32}(undef, size))
    return Part(range, swept, buffers(), buffers(), zeros(Int, 24), Vector{Row}(undef, ROWS_AT_ONCE), NTuple{2,Vector{Float64}}[],
                Float64[], ntuple(i -> 0, 16), typemin(Int), typemin(Int), Int32[], Int64[], 0, Float64[], (0, 0))
end

"Writes the list of neurons (zero-based, sorted) that fire in `step`, each `counts` times."
function list_spikes!(part::Part, neurons::AbstractVector{Int32}, counts::AbstractVector{Int32}, step::Int)
    buffer = (step & 1) + 1
    copyto!(part.spiking[buffer], neurons)
    copyto!(part.counts[buffer], counts)
    part.n_spiking[8buffer] = length(neurons)
    return nothing
end

"State of one trial. `step` is the next one."
mutable struct Trial{T}
    id::UInt32
    column::Int                         # its place among the trials of the run
    step::Int
    filters::Vector{Filter{T}}          # one per projection
    channels::Vector{Filter{T}}         # one per stimulus channel with a kernel
    self::Matrix{T}                     # ring of what own spikes will add
    noises::Vector{Vector{Float64}}
    drive::Vector{T}
    base::Vector{T}                     # waveforms that reach some neurons only, kept while they do not change
    fired::Vector{UInt8}
    bits::Matrix{UInt32}
    normals::Matrix{T}
    gates::Matrix{UInt32}
    state::Vector{Vector{T}}            # of a membrane, by variable
    graded::NTuple{2,Vector{T}}         # what graded transmission carries, before even and odd steps
    plastic::Vector{Plastic{T}}         # one per projection
    free::Vector{Int32}                 # step from which on the neuron is no longer refractory
    xi::Vector{Matrix{T}}               # white noises of the equations, four steps each
    waves::Matrix{T}                    # [step of the piece, wave]
    activity_sum::Vector{Float64}
    parts::Vector{Part}
end

"Spikes given instead of drawn, for steps before `until`: `neuron[pointer[j] + 1 : pointer[j + 1]]` in step `first + j - 1`."
struct Clamp
    first::Int
    until::Int
    pointer::Vector{Int64}
    neuron::Vector{Int32}
    count::Vector{Int32}
end

"What is recorded besides spikes: `names` of `neurons` (one-based) at the end of every step whose number + 1 `every` divides."
mutable struct Recorder{T}
    names::Vector{String}
    neurons::Vector{Int}
    every::Int
    values::Vector{Array{T,3}}          # per name, of this piece: [neuron, sample, trial]
    record_weights::Bool
    weights::Vector{Array{T,3}}         # per projection: [synapse, sample, trial]
end

"How many samples are taken before `step`, counted from step 0."
samples_before(r::Recorder, step::Int) = fld(step, r.every)

"A run but for the equations of its neurons, so that most of the loop is compiled once for all models."
mutable struct Setup{T,W}
    n::Int
    dt::T
    seed::UInt64
    blueprint::Blueprint{T}
    projections::Vector{Projection{T,W}}
    stimuli::Stimuli{T}
    trials::Vector{Trial{T}}
    clamps::Vector{Clamp}               # none, or one per trial
    is_plastic::Bool
    threads::Int
    sum_activity::Bool
    recorder::Recorder{T}
    # What a run lacks is not looked for in each step.
    gathers::Bool                       # some spikes wait in rings of their own before they reach a variable
    other_stimuli::Bool                 # there are more than waves that add to the drive
    observes::Bool
    period::Int                         # neurons of a candidate, where several stand side by side; else 0
    failed::Dict{Int,String}            # candidates that are no longer finite, and what happened
end

"`L`: whether synapses are plastic; what that needs is compiled for such runs only."
struct Run{T,W,P,L}
    setup::Setup{T,W}
    neurons::P
end

is_plastic(::Run{T,W,P,L}) where {T,W,P,L} = L

"Blocks of neurons for `parts` threads, cut at multiples of 64 so that no two threads share a cache line."
function blocks(n::Int, parts::Int)
    words = cld(n, 64)
    cuts = [min(n, 64 * div(words * p, parts)) for p in 0:parts]
    return [cuts[p]+1:cuts[p+1] for p in 1:parts if cuts[p+1] > cuts[p]]
end

"From which step on neurons may spike: all from the first one, but what stands behind the last neuron never."
first_free(n::Int, room::Int) = Int32[i <= n ? typemin(Int32) : typemax(Int32) for i in 1:room]

"Where the noises of the stimuli begin."
function first_noises(stimuli::Stimuli, seed, id, n::Int)
    found = Vector{Float64}[]
    for noise in stimuli.noises
        source = Source(seed, noise.stream + STREAM_START, id)
        push!(found, Float64[normal(source, address(i, noise.period), 0) for i in 1:n])
    end
    return found
end

function Trial(::Type{T}, id, column, first_step, n, projections, stimuli::Stimuli{T}, blueprint::Blueprint{T}, ranges,
               seed) where {T}
    noisy = !isempty(blueprint.background_noise)
    room = is_membrane(blueprint) ? length(blueprint.initial[1]) : n
    noises = first_noises(stimuli, seed, id, n)
    state = map(copy, blueprint.initial)
    graded() = zeros(T, blueprint.graded == 0 ? 0 : n)
    ring(p) = p.direct ? reshape(state[p.into], room, 1) : zeros(T, n, history(p.kernel) + p.synapses.longest_delay)
    return Trial{T}(id, column, first_step, Filter{T}[Filter(p.kernel, ring(p)) for p in projections],
                    Filter{T}[Filter(kernel, n, 1) for kernel in stimuli.channels],
                    zeros(T, n, length(blueprint.self)), noises, zeros(T, room), zeros(T, room),
                    zeros(UInt8, BLOCK * cld(room, BLOCK)), zeros(UInt32, blueprint.needs_random ? room : 0, 4),
                    zeros(T, noisy ? n : 0, 4), zeros(UInt32, noisy ? n : 0, 4), state, (graded(), graded()),
                    Plastic{T}[Plastic(T, n, p.synapses.weight, p.pair, p.short_term) for p in projections],
                    isempty(state) ? Int32[] : first_free(n, room), [zeros(T, room, 4) for _ in 1:blueprint.noises], zeros(T, 0, 0),
                    Float64[], [Part(range, last(range) == n ? (first(range):room) : range, projections) for range in ranges])
end

function Part(range::UnitRange{Int}, swept::UnitRange{Int}, projections::Vector{<:Projection})
    part = Part(range, swept)
    for p in projections
        size = p.short_term === nothing ? 0 : length(range)
        push!(part.released, (zeros(size), zeros(size)))
        resize!(part.scratch, max(size, length(part.scratch)))
    end
    return part
end

# ---- state as arrays: rows of rings are counted from the next step on, so that they mean the same at any step --------

"The vectors, of which the first so many numbers count, and the rings of a trial's state by name."
function state_pieces(setup, trial::Trial{T}) where {T}
    vectors, rings = Tuple{String,Vector{T},Int}[], Tuple{String,Matrix{T}}[]
    for (kind, filters) in (("projection", trial.filters), ("channel", trial.channels)), j in 1:length(filters)
        kind == "projection" && setup.projections[j].direct && continue
        isempty(filters[j].trace) || push!(vectors, (string(kind, ".", j, ".trace"), filters[j].trace, length(filters[j].trace)))
        push!(rings, (string(kind, ".", j, ".ring"), filters[j].ring))
    end
    for (name, x) in zip(setup.blueprint.variables, trial.state)
        push!(vectors, (name, x, setup.n))
    end
    for (j, plastic) in enumerate(trial.plastic)
        for (name, x) in (("used", plastic.used), ("resources", plastic.resources), ("weight", plastic.weight))
            isempty(x) || push!(vectors, (string("plastic.", j, ".", name), x, length(x)))
        end
    end
    is_membrane(setup.blueprint) || push!(rings, ("self.ring", trial.self))
    noises = Tuple{String,Vector{Float64}}[(string("noise.", j), trial.noises[j]) for j in 1:length(trial.noises)]
    return vectors, rings, noises
end

"How many more steps each neuron of a membrane model is refractory."
steps_to_go(trial::Trial, n::Int) = Float64[max(Int(trial.free[i]) - trial.step, 0) for i in 1:n]

"Makes the first neurons refractory for so many steps."
function wait!(trial::Trial, steps::Vector)
    for (i, s) in enumerate(steps)
        trial.free[i] = trial.step + Int32(s)
    end
    return nothing
end

"State of all trials by name, trials last."
function state_arrays(setup::Setup{T}) where {T}
    trials = setup.trials
    arrays, m = Dict{String,Any}(), length(trials)
    for trial in trials
        vectors, rings, noises = state_pieces(setup, trial)
        for (name, x) in rings
            all_trials = get!(() -> Array{T,3}(undef, size(x, 1), size(x, 2), m), arrays, name)::Array{T,3}
            copy_ring!(all_trials, x, trial, true)
        end
        for (name, x, size) in vectors
            put_trial!(get!(() -> Matrix{T}(undef, size, m), arrays, name)::Matrix{T}, trial, x)
        end
        for (name, x) in noises
            put_trial!(get!(() -> Matrix{Float64}(undef, length(x), m), arrays, name)::Matrix{Float64}, trial, x)
        end
    end
    is_membrane(setup.blueprint) && (arrays["refractory"] = reduce(hcat, [steps_to_go(trial, setup.n) for trial in trials]))
    for (j, projection) in enumerate(setup.projections)
        projection.pair === nothing && continue
        for (name, side) in (("pre", 1), ("post", 2))
            arrays[string("plastic.", j, ".", name)] = reduce(hcat, [traces_after(projection.pair, t.plastic[j], t)[side] for t in trials])
        end
    end
    return arrays
end

put_trial!(all_trials::Matrix{R}, trial::Trial, x::Vector{R}) where {R} =
    copyto!(all_trials, (trial.column - 1) * size(all_trials, 1) + 1, x, 1, size(all_trials, 1))

"Copies a ring to (`out`) or from its place among all trials."
function copy_ring!(all_trials::Array{T,3}, ring::Matrix{T}, trial::Trial{T}, out::Bool) where {T}
    n, depth = size(ring)
    for j in 0:depth-1
        here = row(ring, trial.step + j) + 1
        there = ((trial.column - 1) * depth + j) * n + 1
        out ? copyto!(all_trials, there, ring, here, n) : copyto!(ring, here, all_trials, there, n)
    end
end

function saved(arrays, name::String, ::Type{A}, dims) where {A}
    haskey(arrays, name) || fail("the saved state lacks `", name, "`")
    arrays[name] isa A && size(arrays[name]) == dims ||
        fail("saved state `", name, "` must be ", A, " of size ", dims, ", got ", typeof(arrays[name]), " of size ",
             size(arrays[name]))
    return arrays[name]::A
end

function restore!(setup::Setup{T}, arrays) where {T}
    trials = setup.trials
    m = length(trials)
    for trial in trials
        vectors, rings, noises = state_pieces(setup, trial)
        for (name, x) in rings
            copy_ring!(saved(arrays, name, Array{T,3}, (size(x)..., m)), x, trial, false)
        end
        for (name, x, size) in vectors
            copyto!(x, 1, saved(arrays, name, Matrix{T}, (size, m)), (trial.column - 1) * size + 1, size)
        end
        for (name, x) in noises
            copyto!(x, 1, saved(arrays, name, Matrix{Float64}, (length(x), m)), (trial.column - 1) * length(x) + 1, length(x))
        end
        if is_membrane(setup.blueprint)
            to_go = saved(arrays, "refractory", Matrix{Float64}, (setup.n, m))
            wait!(trial, to_go[:, trial.column])
        end
        for (j, projection) in enumerate(setup.projections)
            projection.pair === nothing && continue
            traces(name) = saved(arrays, string("plastic.", j, ".", name), Matrix{T}, (setup.n, m))[:, trial.column]
            copyto!(before(trial.plastic[j], trial.step), traces("pre"))
            copyto!(trial.plastic[j].post, traces("post"))
        end
    end
end
