# Stimuli. Three shapes serve them all: a waveform (one number per step, times a strength per neuron), a table (a
# number per step and neuron) and given spikes; and two kinds that are drawn: Poisson spikes and noise.
# Step k sees the stimulus at t = k dt. Waveforms are evaluated once per piece of a run, not in its loop.

"Who is reached, how strongly, and through which kernel: `channel` 0 goes straight into the drive."
struct Target{T}
    neurons::Vector{Int32}      # zero-based and sorted; empty: all
    strength::Vector{T}         # one number, or one per neuron reached
    channel::Int
end

@inline strength_at(t::Target, j::Int) = one_or(t.strength, j)

"The positions in `t.neurons` that lie in `range`."
function within(t::Target, range::UnitRange{Int})
    low = searchsortedfirst(t.neurons, Int32(first(range) - 1))
    return low:searchsortedlast(t.neurons, Int32(last(range) - 1))
end

"Rows of `data[neuron, row, trial]` held for `rate` steps each, from step `start` on; nothing before and after."
struct Table{T}
    target::Target{T}
    data::Array{T,3}
    start::Float64
    rate::Float64
end

"Given spikes, sorted by step; `weight` is what each adds in its step."
struct GivenSpikes{T}
    channel::Int
    step::Vector{Int64}
    neuron::Vector{Int32}
    weight::Vector{T}
end

"""
Independent Poisson spikes into each neuron, `mu` expected per step from `start` to `stop`, at most `most` in one step; each
adds `target.strength`.
"""
struct PoissonInput{T}
    target::Target{T}
    mu::Vector{Float64}
    start::Float64
    stop::Float64
    stream::UInt32
    most::Float64
    period::Int
end

"x(k + 1) = decay x(k) + sqrt(1 - decay^2) n, times the strength: white for decay 0, else Ornstein-Uhlenbeck."
struct Noise{T}
    target::Target{T}
    decay::Float64
    start::Float64
    stop::Float64
    stream::UInt32
    period::Int
end

"What neuron i draws from. Candidates that stand side by side, `period` neurons each (see population.jl), draw the same."
@inline address(i::Int, period::Int) = period == 0 ? i - 1 : (i - 1) % period

struct Stimuli{T}
    waves::Vector{Any}                  # functions: wave(values, first_step, source) fills in consecutive steps
    wave_targets::Vector{Target{T}}
    tables::Vector{Table{T}}
    spikes::Vector{GivenSpikes{T}}
    poisson::Vector{PoissonInput{T}}
    noises::Vector{Noise{T}}
    channels::Vector{Kernel{T}}
end

only_waves(s::Stimuli) = isempty(s.tables) && isempty(s.spikes) && isempty(s.poisson) && isempty(s.noises)
Base.isempty(s::Stimuli) = isempty(s.waves) && only_waves(s)
"Whether there is nothing but waveforms that add to the drive."
waves_of_drive(s::Stimuli) = only_waves(s) && isempty(s.channels) && all(t -> t.channel == 0, s.wave_targets)

# ---- waveforms: value at t = step dt, zero outside [start, stop) --------------------------------------------------

# Steps are compared as numbers of steps, with a tolerance far below one: 0.3 / 0.1 is meant to be 3.
const STEP_TOLERANCE = 1e-6

inside(step, start, stop) = start - STEP_TOLERANCE <= step < stop - STEP_TOLERANCE

"On while ((t - start) mod period) < duration; all in steps."
function regular_wave(start, stop, period, duration)
    function fill!(values, first_step, source)
        for j in eachindex(values)
            step = first_step + j - 1
            phase = mod(step - start, period)
            phase > period - STEP_TOLERANCE && (phase = 0.0)
            values[j] = inside(step, start, stop) && phase < duration - STEP_TOLERANCE
        end
        return values
    end
end

"amplitude sin(2 pi (t - start) / period + phase) + baseline, with amplitude 1 and baseline relative to it."
function sine_wave(start, stop, period, phase, baseline)
    function fill!(values, first_step, source)
        for j in eachindex(values)
            step = first_step + j - 1
            values[j] = inside(step, start, stop) ? sin(2pi * ((step - start) / period) + phase) + baseline : 0.0
        end
        return values
    end
end

"""
On for `duration` after each onset. Onsets are those of a Poisson process (`integer_intervals = false`: exponential
intervals) or follow each other at Poisson-distributed whole numbers of steps. Drawn for each trial from the seed of
the run, or, with `seed` >= 0, the same for all trials from that seed.
"""
function pulse_wave(start, stop, mean_interval, duration, integer_intervals::Bool, seed::Int, stream::UInt32)
    onsets = Dict{Tuple{UInt64,UInt32},Vector{Float64}}()
    guard = ReentrantLock()
    function fill!(values, first_step, source)
        own = seed >= 0 ? Source(seed, STREAM_STIMULUS, 0) : Source(source.seed, stream, source.trial)
        times = lock(guard) do
            get!(() -> Float64[], onsets, (own.seed, own.trial))
        end
        last_step = min(first_step + length(values), stop)
        while isempty(times) || times[end] < last_step
            index = length(times)
            u = uniform(Float64, draw(own, index, 0))
            interval = integer_intervals ? Float64(whole_interval(mean_interval, u, own, index)) : -mean_interval * log(u)
            push!(times, (isempty(times) ? start : times[end]) + interval)
        end
        for j in eachindex(values)
            step = first_step + j - 1
            latest = searchsortedlast(times, step + STEP_TOLERANCE)
            values[j] = inside(step, start, stop) && latest > 0 && step - times[latest] < duration - STEP_TOLERANCE
        end
        return values
    end
end

whole_interval(mean, u, source, index) =
    max(1, u < -expm1(-mean) ? poisson_count(mean, u, source, index, 0) : 0)

"One number per step from `data[step, trial]`, each held for `rate` steps."
function table_wave(data::Matrix{Float64}, start, rate, trial_column)
    function fill!(values, first_step, source)
        column = size(data, 2) == 1 ? 1 : trial_column[source.trial]
        for j in eachindex(values)
            position = table_row(first_step + j - 1, start, rate)
            values[j] = 1 <= position <= size(data, 1) ? data[position, column] : 0.0
        end
        return values
    end
end

table_row(step, start, rate) = floor(Int, (step - start) / rate + STEP_TOLERANCE) + 1

# ---- what the loop calls: add what arrives in `step` to neurons `range` of `into`, whose neuron 1 is at into[at + 1] ---

function add_wave!(into::Array{T}, at::Int, target::Target{T}, value::T, range::UnitRange{Int}) where {T}
    if isempty(target.neurons)
        if length(target.strength) == 1
            amount = value * target.strength[1]
            @inbounds @simd ivdep for i in range
                into[at+i] += amount
            end
        else
            strength = target.strength
            @inbounds @simd ivdep for i in range
                into[at+i] += value * strength[i]
            end
        end
    else
        for j in within(target, range)
            @inbounds into[at+target.neurons[j]+1] += value * strength_at(target, j)
        end
    end
    return nothing
end

function add_table!(into::Array{T}, at::Int, s::Table{T}, step::Int, column::Int, range::UnitRange{Int}) where {T}
    position = table_row(step, s.start, s.rate)
    1 <= position <= size(s.data, 2) || return nothing
    c = size(s.data, 3) == 1 ? 1 : column
    if isempty(s.target.neurons)
        @inbounds for i in range
            into[at+i] += s.data[i, position, c] * strength_at(s.target, i)
        end
    else
        for j in within(s.target, range)
            @inbounds into[at+s.target.neurons[j]+1] += s.data[j, position, c] * strength_at(s.target, j)
        end
    end
    return nothing
end

function add_spikes!(into::Array{T}, at::Int, s::GivenSpikes{T}, step::Int, range::UnitRange{Int}) where {T}
    for e in searchsorted(s.step, step)
        i = Int(s.neuron[e]) + 1
        i in range && (into[at+i] += s.weight[e])
    end
    return nothing
end

function add_poisson!(into::Array{T}, at::Int, s::PoissonInput{T}, seed::UInt64, trial::UInt32, step::Int,
                      range::UnitRange{Int}) where {T}
    inside(step, s.start, s.stop) || return nothing
    source = Source(seed, s.stream, trial)
    everyone = isempty(s.target.neurons)
    for j in (everyone ? range : within(s.target, range))
        i = everyone ? j : Int(s.target.neurons[j]) + 1
        mu = s.mu[length(s.mu) == 1 ? 1 : j]
        from = address(i, s.period)
        u = uniform(Float64, draw(source, from, step))
        fires(Poisson(), mu, u) || continue
        into[at+i] += T(min(poisson_count(mu, u, source, from, step), s.most)) * strength_at(s.target, j)
    end
    return nothing
end

function add_noise!(into::Array{T}, at::Int, s::Noise{T}, x::Vector{Float64}, seed::UInt64, trial::UInt32, step::Int,
                    range::UnitRange{Int}) where {T}
    inside(step, s.start, s.stop) || return nothing
    source = Source(seed, s.stream, trial)
    innovation = sqrt(1 - s.decay^2)
    everyone = isempty(s.target.neurons)
    for j in (everyone ? range : within(s.target, range))
        i = everyone ? j : Int(s.target.neurons[j]) + 1
        x[i] = s.decay * x[i] + innovation * normal(source, address(i, s.period), step)
        into[at+i] += T(x[i]) * strength_at(s.target, j)
    end
    return nothing
end
