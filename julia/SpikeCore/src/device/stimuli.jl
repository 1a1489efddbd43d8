# Stimuli on a device: the arrays that they need there, and what each adds in a step. The functions are those of stimulus.jl,
# neuron by neuron.

"`reached`: how many neurons; `strength` and what else is per neuron has one number or as many."
struct DeviceTarget{I,S}
    neurons::I          # empty: all
    strength::S
    channel::Int
    reached::Int
end

DeviceTarget(d::Device, t::Target, n::Int) =
    DeviceTarget(put(d, t.neurons), put(d, t.strength), t.channel, isempty(t.neurons) ? n : length(t.neurons))

"The stimuli of a run on a device. `waves`: values by step of the piece, wave and trial, here and there."
mutable struct DeviceStimuli{T}
    device::Device
    n::Int
    trials::Vector{Trial{T}}
    ids::Any                        # numbers of the trials
    waves::Array{T,3}
    waves_there::Any
    wave_targets::Vector{Any}
    tables::Vector{Any}             # (stimulus, target, data, the column of each trial)
    spikes::Vector{Any}             # (stimulus, neurons, weights)
    poisson::Vector{Any}            # (stimulus, target, mu)
    noises::Vector{Any}             # (stimulus, target, state)
end

function DeviceStimuli(d::Device, setup::Setup{T}, trials::Vector{Trial{T}}) where {T}
    s, n = setup.stimuli, setup.n
    state(k) = put(d, reduce(hcat, [trial.noises[k] for trial in trials]))
    return DeviceStimuli{T}(
        d, n, trials, put(d, UInt32[trial.id for trial in trials]), zeros(T, 0, 0, 0), nothing,
        Any[DeviceTarget(d, t, n) for t in s.wave_targets],
        Any[(x, DeviceTarget(d, x.target, n), put(d, x.data), put(d, Int32[size(x.data, 3) == 1 ? 1 : trial.column for trial in trials]))
            for x in s.tables],
        Any[(x, put(d, x.neuron), put(d, x.weight)) for x in s.spikes],
        Any[(x, DeviceTarget(d, x.target, n), put(d, x.mu)) for x in s.poisson],
        Any[(x, DeviceTarget(d, x.target, n), state(k)) for (k, x) in enumerate(s.noises)])
end

"Evaluates the waveforms of the `m` steps that follow."
function evaluate_waves!(stimuli::DeviceStimuli{T}, setup::Setup{T}, m::Int) where {T}
    isempty(setup.stimuli.waves) && return nothing
    foreach(trial -> evaluate_waves!(setup, trial, m), stimuli.trials)
    stimuli.waves = cat([trial.waves for trial in stimuli.trials]...; dims=3)
    stimuli.waves_there = put(stimuli.device, stimuli.waves)
    return nothing
end

"""
Adds what all stimuli give in `step`, the j-th of the piece. `into(channel)` is the array that a channel goes to, and where its
first lane is.
"""
function stimulate!(stimuli::DeviceStimuli, setup::Setup, into, j::Int, step::Int)
    d, n, trials = stimuli.device, stimuli.n, length(stimuli.trials)
    reach(add!, target, what...) = each_lane(d, add!, target.reached * trials, into(target.channel)..., n, target.reached, target.neurons,
                                             target.strength, what...)
    for (w, target) in enumerate(stimuli.wave_targets)
        all(==(0), view(stimuli.waves, j, w, :)) || reach(wave_lane!, target, stimuli.waves_there, j, w)
    end
    for (x, target, data, columns) in stimuli.tables
        position = table_row(step, x.start, x.rate)
        1 <= position <= size(x.data, 2) && reach(table_lane!, target, data, position, columns)
    end
    for (x, neurons, weights) in stimuli.spikes
        now = searchsorted(x.step, step)
        isempty(now) || each_lane(d, spike_lane!, length(now) * trials, into(x.channel)..., n, length(now), first(now) - 1, neurons,
                                  weights, adding(d))
    end
    for (x, target, mu) in stimuli.poisson
        inside(step, x.start, x.stop) &&
            reach(poisson_lane!, target, mu, x.most, x.period, setup.seed, x.stream, stimuli.ids, step)
    end
    for (x, target, state) in stimuli.noises
        inside(step, x.start, x.stop) &&
            reach(noise_lane!, target, state, x.decay, x.period, setup.seed, x.stream, stimuli.ids, step)
    end
    return nothing
end

"The state of the noises comes from the trials."
function give_noises!(stimuli::DeviceStimuli)
    for (k, (_, _, state)) in enumerate(stimuli.noises)
        copyto!(state, reduce(hcat, [trial.noises[k] for trial in stimuli.trials]))
    end
    return nothing
end

"The state of the noises goes back to the trials."
function fetch_noises!(stimuli::DeviceStimuli)
    for (k, (_, _, state)) in enumerate(stimuli.noises)
        values = Array(state)
        foreach(b -> copyto!(stimuli.trials[b].noises[k], values[:, b]), 1:length(stimuli.trials))
    end
    return nothing
end

# ---- of each reached neuron in each trial: place q among those that are reached ------------------------------------------------

"Place among the reached, trial, and neuron of worker e."
@inline function reached_by(e::Int, reached::Int, neurons)
    q, b = (e - 1) % reached + 1, (e - 1) ÷ reached + 1
    return q, b, isempty(neurons) ? q : Int(@inbounds neurons[q]) + 1
end

function wave_lane!(e::Int, into, at::Int, n::Int, reached::Int, neurons, strength, waves, j::Int, w::Int)
    q, b, i = reached_by(e, reached, neurons)
    @inbounds into[at+(b-1)*n+i] += waves[j, w, b] * one_or(strength, q)
    return nothing
end

function table_lane!(e::Int, into, at::Int, n::Int, reached::Int, neurons, strength, data, position::Int, columns)
    q, b, i = reached_by(e, reached, neurons)
    @inbounds into[at+(b-1)*n+i] += data[q, position, columns[b]] * one_or(strength, q)
    return nothing
end

function spike_lane!(e::Int, into, at::Int, n::Int, count::Int, before::Int, neurons, weights, way)
    s, b = before + (e - 1) % count + 1, (e - 1) ÷ count + 1
    @inbounds add!(way, into, at + (b - 1) * n + Int(neurons[s]) + 1, weights[s])
    return nothing
end

function poisson_lane!(e::Int, into, at::Int, n::Int, reached::Int, neurons, strength, mu, most::Float64, period::Int, seed::UInt64,
                       stream::UInt32, ids, step::Int)
    q, b, i = reached_by(e, reached, neurons)
    source, from, expected = Source(seed, stream, @inbounds(ids[b])), address(i, period), one_or(mu, q)
    u = uniform(Float64, draw(source, from, step))
    fires(Poisson(), expected, u) || return nothing
    @inbounds into[at+(b-1)*n+i] += eltype(into)(min(poisson_count(expected, u, source, from, step), most)) * one_or(strength, q)
    return nothing
end

function noise_lane!(e::Int, into, at::Int, n::Int, reached::Int, neurons, strength, state, decay::Float64, period::Int,
                     seed::UInt64, stream::UInt32, ids, step::Int)
    q, b, i = reached_by(e, reached, neurons)
    source = Source(seed, stream, @inbounds(ids[b]))
    @inbounds begin
        x = decay * state[i, b] + sqrt(1 - decay^2) * normal(source, address(i, period), step)
        state[i, b] = x
        into[at+(b-1)*n+i] += eltype(into)(x) * one_or(strength, q)
    end
    return nothing
end
