# What a run needs that is going to be differentiated. It computes what simulate.jl computes, from the same step functions
# and the same random numbers, in another shape: the trials of a batch advance side by side, and every step is kept on a tape
# until the adjoint has come back to it. A lane is a neuron in a trial: lane (b - 1) n + i is neuron i of trial b. The loop is
# in forward.jl.

"""
How spikes depend on the state. `relaxed`: a smooth function in place of the step, in the network as in the loss, so that the
gradient is that of the run itself. `visible`: the loss sees the smooth function, the network the spikes. `stochastic`: a
spike is drawn, with the smooth function as its probability. `detached`: resets pass no gradient on to the spike; `given`: nor
does anything else that a spike does, but for the loss that sees it.
"""
struct SpikeRule{S}
    surrogate::S
    relaxed::Bool
    visible::Bool
    stochastic::Bool
    detached::Bool
    given::Bool
end

"What is differentiated: a membrane's distance from its threshold, or, where spikes are drawn, their probability."
@inline spike_argument(m::M, y, dt) where {M<:Membrane} = needs_random(M) ? spike_probability(m, y, dt) : activity(m, y)

"State at the begin of a segment of the run, from which its tape can be made again."
struct Checkpoint{T}
    state::Vector{Vector{T}}
    free::Vector{Int32}
    rings::Vector{Matrix{T}}
    noises::Vector{Vector{Vector{Float64}}}     # by trial and stimulus
    losses::Vector{Vector{Vector{T}}}           # what the losses carry
end

"Some trials of a run, side by side. Columns of the tape are steps of a segment."
mutable struct Lanes{T}
    trials::Vector{Int}             # columns of the setup's trials
    n::Int
    size::Int                       # n times trials, and what fills the last block of 64
    tape::Vector{Matrix{T}}         # per variable, at the begin of each step and behind the last
    input::Matrix{T}                # current from outside
    arriving::Vector{Matrix{T}}     # what stimuli add to a variable; empty where they do not
    noise::Vector{Matrix{T}}
    activity::Matrix{T}
    spikes::Matrix{T}
    seen::Matrix{T}                 # the spikes that a loss sees; the same matrix where they are the same
    ready::Matrix{UInt8}
    free::Vector{Int32}
    uniforms::Vector{T}
    bits::Vector{Matrix{UInt32}}    # per trial
    normals::Matrix{T}
    quad::Int
    rings::Vector{Matrix{T}}        # per projection, one column per step of its longest delay; none where it is direct
    failure::Tuple{Int,Int}         # lane and step
    # Of the adjoint:
    adjoint::Vector{Vector{T}}      # per variable
    of_spike::Vector{T}
    of_activity::Vector{T}
    of_input::Matrix{T}             # per step, where stimuli are free
    history::Vector{Matrix{T}}      # per variable that spikes arrive in: its adjoint by step of the segment, and behind it
    loss_spikes::Matrix{T}
    loss_states::Vector{Matrix{T}}  # per variable that a loss looks at
    numbers::Matrix{T}              # [lane, number of the cell]
    noise_start::Vector{Vector{Vector{Float64}}}    # of the stimuli, by trial, at the begin of the segment
    fired::Vector{Tuple{Int32,Int32}}       # lane and step of each spike of the segment, but for relaxed runs
    sent_pointer::Vector{Int}       # see `list_sent!`
    sent_at::Vector{Tuple{Int32,Int32}}
    together::Bool                  # whether the batch has so many trials that they go through synapses side by side
    across::Vector{T}               # a variable of all neurons, trials side by side
    sums::Vector{T}
end

pad(size::Int) = 64 * cld(size, 64)

"Tells which variables of the cells the projections reach."
reached(setup::Setup) = unique!(Int[p.into for p in setup.projections])
longest_delay(setup::Setup) = maximum(Int[1; Int[p.synapses.longest_delay for p in setup.projections]])

function Lanes(setup::Setup{T}, trials::Vector{Int}, steps::Int, seen::Bool, watched::Vector{Int}, n_numbers::Int,
               free_input::Bool) where {T}
    n, K = setup.n, length(setup.blueprint.variables)
    size = pad(n * length(trials))
    stimuli = setup.stimuli
    into = Set{Int}(setup.blueprint.arrivals[c] for c in channels_of(stimuli) if 0 < c <= length(setup.blueprint.arrivals))
    matrix(wanted, columns) = zeros(T, wanted ? size : 0, wanted ? columns : 0)
    spikes = zeros(T, size, steps)
    targets, delays = union(reached(setup), free_input ? into : Int[]), longest_delay(setup)
    random = setup.blueprint.needs_random
    return Lanes{T}(trials, n, size, [zeros(T, size, steps + 1) for _ in 1:K], zeros(T, size, steps),
                    [matrix(k in into, steps) for k in 1:K], [zeros(T, size, steps) for _ in 1:setup.blueprint.noises],
                    zeros(T, size, steps), spikes, seen ? zeros(T, size, steps) : spikes, zeros(UInt8, size, steps),
                    zeros(Int32, size), zeros(T, size), [zeros(UInt32, n, 4) for _ in trials], zeros(T, n, 4), typemin(Int),
                    [matrix(!p.direct, p.synapses.longest_delay) for p in setup.projections], (0, 0),
                    [zeros(T, size) for _ in 1:K], zeros(T, size), zeros(T, size), zeros(T, size, free_input ? steps : 1),
                    [matrix(k in targets, steps + delays) for k in 1:K], zeros(T, size, steps),
                    [matrix(k in watched, steps) for k in 1:K], zeros(T, size, n_numbers + 1),
                    [Vector{Float64}[] for _ in trials], Tuple{Int32,Int32}[], Int[], Tuple{Int32,Int32}[], false, T[], T[])
end

channels_of(s::Stimuli) = Int[[t.channel for t in s.wave_targets]; [t.target.channel for t in s.tables];
                              [t.channel for t in s.spikes]; [t.target.channel for t in s.poisson];
                              [t.target.channel for t in s.noises]]

"How many lanes are neurons."
occupied(lanes::Lanes) = lanes.n * length(lanes.trials)
@inline neuron_of(lanes::Lanes, l::Int) = (l - 1) % lanes.n + 1

# ---- what comes from outside --------------------------------------------------------------------------------------------

"Evaluates all stimuli for the `m` steps from `first_step` on, and the noise of the equations."
function fill_inputs!(lanes::Lanes{T}, setup::Setup{T}, first_step::Int, m::Int) where {T}
    fill!(view(lanes.input, :, 1:m), 0)
    for x in lanes.arriving
        isempty(x) || fill!(view(x, :, 1:m), 0)
    end
    for (b, column) in enumerate(lanes.trials)
        trial = setup.trials[column]
        trial.step = first_step
        lanes.noise_start[b] = deepcopy(trial.noises)
        isempty(setup.stimuli.waves) || evaluate_waves!(setup, trial, m)
        for j in 1:m
            add_stimuli!(lanes, setup, trial, (b - 1) * lanes.n, j, first_step + j - 1)
        end
        for k in 1:setup.blueprint.noises
            add_noise!(lanes.noise[k], lanes, setup, Source(setup.seed, STREAM_MEMBRANE + UInt32(k), trial.id),
                       (b - 1) * lanes.n, first_step, m)
        end
    end
    return nothing
end

function add_stimuli!(lanes::Lanes{T}, setup::Setup{T}, trial::Trial{T}, lane::Int, j::Int, step::Int) where {T}
    stimuli, range, at = setup.stimuli, 1:lanes.n, lane + (j - 1) * lanes.size
    into(channel) = channel == 0 ? lanes.input : lanes.arriving[setup.blueprint.arrivals[channel]]
    for (w, target) in enumerate(stimuli.wave_targets)
        value = trial.waves[j, w]
        value == 0 || add_wave!(into(target.channel), at, target, value, range)
    end
    for s in stimuli.tables
        add_table!(into(s.target.channel), at, s, step, trial.column, range)
    end
    for s in stimuli.spikes
        add_spikes!(into(s.channel), at, s, step, range)
    end
    for s in stimuli.poisson
        add_poisson!(into(s.target.channel), at, s, setup.seed, trial.id, step, range)
    end
    for (x, s) in zip(trial.noises, stimuli.noises)
        add_noise!(into(s.target.channel), at, s, x, setup.seed, trial.id, step, range)
    end
    return nothing
end

"White noise of the equations, of standard deviation 1 / sqrt(dt)."
function add_noise!(noise::Matrix{T}, lanes::Lanes{T}, setup::Setup{T}, source::Source, lane::Int, first_step::Int, m::Int) where {T}
    scale = 1 / sqrt(setup.dt)
    for quad in first_step>>2:(first_step+m-1)>>2
        fill_normals!(lanes.normals, source, quad, 1:lanes.n)
        for c in 1:4
            j = 4quad + c - first_step
            1 <= j <= m || continue
            for i in 1:lanes.n
                noise[lane+i, j] = scale * lanes.normals[i, c]
            end
        end
    end
    return nothing
end

"The random number of each lane in `step`, as simulate.jl draws it."
function fill_uniforms!(lanes::Lanes{T}, setup::Setup{T}, step::Int) where {T}
    n = lanes.n
    for (b, column) in enumerate(lanes.trials)
        bits = lanes.bits[b]
        lanes.quad == step >> 2 || fill_bits!(bits, Source(setup.seed, STREAM_FIRE, setup.trials[column].id), step >> 2, 1:n)
        lane = (step & 3) * n
        for i in 1:n
            lanes.uniforms[(b-1)*n+i] = uniform(T, bits[lane+i])
        end
    end
    lanes.quad = step >> 2
    return nothing
end

# ---- checkpoints ----------------------------------------------------------------------------------------------------------

"Puts all lanes at the begin of the run: the state that the setup was given."
function start!(lanes::Lanes{T}, setup::Setup{T}, initial::Vector{Matrix{T}}, noises) where {T}
    n = lanes.n
    lanes.quad = typemin(Int)
    for (b, column) in enumerate(lanes.trials), l in 1:n
        for (x, given) in zip(lanes.tape, initial)
            x[(b-1)*n+l, 1] = given[l, size(given, 2) == 1 ? 1 : column]
        end
        lanes.free[(b-1)*n+l] = setup.trials[column].free[l]
    end
    for l in occupied(lanes)+1:lanes.size
        for x in lanes.tape
            x[l, 1] = x[1, 1]
        end
        lanes.free[l] = lanes.free[1]
    end
    for (p, ring) in enumerate(lanes.rings)
        isempty(ring) && continue
        fill!(ring, 0)
        for (b, column) in enumerate(lanes.trials)
            ring[(b-1)*n+1:b*n, :] = setup.trials[column].filters[p].ring
        end
    end
    for column in lanes.trials
        setup.trials[column].noises .= deepcopy(noises[column])
    end
    return nothing
end

checkpoint(lanes::Lanes{T}, setup::Setup{T}, losses) where {T} =
    Checkpoint{T}([x[:, 1] for x in lanes.tape], copy(lanes.free), map(copy, lanes.rings),
                  [deepcopy(setup.trials[c].noises) for c in lanes.trials], deepcopy(losses))

function restart!(lanes::Lanes{T}, setup::Setup{T}, c::Checkpoint{T}) where {T}
    lanes.quad = typemin(Int)
    for (x, y) in zip(lanes.tape, c.state)
        copyto!(x, y)
    end
    copyto!(lanes.free, c.free)
    foreach(copyto!, lanes.rings, c.rings)
    for (column, noises) in zip(lanes.trials, c.noises)
        setup.trials[column].noises .= deepcopy(noises)
    end
    return nothing
end

"The state behind the `m` steps of a segment becomes that at its begin."
function carry_on!(lanes::Lanes{T}, m::Int) where {T}
    for x in lanes.tape
        copyto!(x, 1, x, m * lanes.size + 1, lanes.size)
    end
    return nothing
end
