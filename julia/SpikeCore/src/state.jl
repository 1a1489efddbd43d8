# What a run owns: a network, its neurons, its stimuli, and for each trial the state that changes from step to step.

struct Projection{T,W}
    synapses::Connectivity{W}
    kernel::Kernel{T}
    splits::Matrix{Int64}
end

"What one thread works on: a block of neurons. The two buffers of spikes alternate between steps."
mutable struct Part
    range::UnitRange{Int}
    quad::Int                           # the step ÷ 4 whose random bits are there
    spiking::NTuple{2,Vector{Int32}}    # zero-based neurons that fired, in order
    counts::NTuple{2,Vector{Int32}}
    n_spiking::Vector{Int}              # one per buffer
    recorded_neuron::Vector{Int32}
    recorded_step::Vector{Int64}
    n_recorded::Int
    base_key::Vector{Float64}           # waveform values that `base` was made of
    failure::Tuple{Int,Int}             # neuron and step at which an activity was not admissible
end

function Part(range::UnitRange{Int})
    size = length(range)
    buffers() = (Vector{Int32}(undef, size), Vector{Int32}(undef, size))
    return Part(range, typemin(Int), buffers(), buffers(), zeros(Int, 2), Int32[], Int64[], 0, Float64[], (0, 0))
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
    threads::Int
    record_drive::Bool
    record_rate::Bool
    sum_activity::Bool
    drive_record::Array{T,3}            # [neuron, step, trial]
    rate_record::Array{T,3}
end

struct Run{T,W,P}
    setup::Setup{T,W}
    neurons::P
end

"Blocks of neurons for `parts` threads, cut at multiples of 64 so that no two threads share a cache line."
function blocks(n::Int, parts::Int)
    words = cld(n, 64)
    cuts = [min(n, 64 * div(words * p, parts)) for p in 0:parts]
    return [cuts[p]+1:cuts[p+1] for p in 1:parts if cuts[p+1] > cuts[p]]
end

function Trial(::Type{T}, id, column, first_step, n, projections, stimuli::Stimuli{T}, blueprint::Blueprint{T}, ranges,
               seed) where {T}
    noisy = !isempty(blueprint.background_noise)
    noises = map(stimuli.noises) do noise
        source = Source(seed, noise.stream + STREAM_START, id)
        Float64[normal(source, i - 1, 0) for i in 1:n]
    end
    return Trial{T}(id, column, first_step,
                    Filter{T}[Filter(p.kernel, n, p.synapses.longest_delay) for p in projections],
                    Filter{T}[Filter(kernel, n, 1) for kernel in stimuli.channels],
                    zeros(T, n, length(blueprint.self)), noises, zeros(T, n), zeros(T, n),
                    zeros(UInt8, 8 * cld(n, 8)), zeros(UInt32, n, 4), zeros(T, noisy ? n : 0, 4),
                    zeros(UInt32, noisy ? n : 0, 4), zeros(T, 0, 0), Float64[], map(Part, ranges))
end

# ---- state as arrays: rows of rings are counted from the next step on, so that they mean the same at any step --------

function unrolled(ring::Matrix, step::Int)
    depth = size(ring, 2)
    return depth == 0 ? copy(ring) : ring[:, [mod(step + j, depth) + 1 for j in 0:depth-1]]
end

function roll!(ring::Matrix, step::Int, rows)
    size(rows) == size(ring) || fail("a saved state does not fit: expected size ", size(ring), ", got ", size(rows))
    for j in 0:size(ring, 2)-1
        ring[:, mod(step + j, size(ring, 2))+1] = view(rows, :, j + 1)
    end
end

"The named pieces of a trial's state: (name, array of this trial)."
function state_pieces(trial::Trial)
    pieces = Tuple{String,Any,Bool}[]
    for (kind, filters) in (("projection", trial.filters), ("channel", trial.channels)), (j, f) in enumerate(filters)
        push!(pieces, ("$kind.$j.trace", f.trace, false), ("$kind.$j.ring", f.ring, true))
    end
    push!(pieces, ("self.ring", trial.self, true))
    for (j, x) in enumerate(trial.noises)
        push!(pieces, ("noise.$j", x, false))
    end
    return pieces
end

"State of all trials by name, trials last."
function state_arrays(trials::Vector{<:Trial})
    arrays = Dict{String,Any}()
    for (name, x, isring) in state_pieces(trials[1])
        arrays[name] = similar(x, size(x)..., length(trials))
    end
    for trial in trials, (name, x, isring) in state_pieces(trial)
        selectdim(arrays[name], ndims(arrays[name]), trial.column) .= isring ? unrolled(x, trial.step) : x
    end
    return arrays
end

function restore!(trials::Vector{<:Trial}, arrays)
    for trial in trials, (name, x, isring) in state_pieces(trial)
        haskey(arrays, name) || fail("the saved state lacks `", name, "`")
        saved = arrays[name]
        size(saved) == (size(x)..., length(trials)) ||
            fail("saved state `", name, "` must have size ", (size(x)..., length(trials)), ", got ", size(saved))
        of_trial = collect(selectdim(saved, ndims(saved), trial.column))
        isring ? roll!(x, trial.step, of_trial) : copyto!(x, of_trial)
    end
end
