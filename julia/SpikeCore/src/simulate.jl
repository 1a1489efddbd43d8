# The loop: gather the drive -> step and fire -> collect spikes -> reset -> deliver -> record.
# With several trials each thread takes whole trials; with one, blocks of its neurons. Nothing here allocates per step.

"""
    advance!(run, n_steps)

Advances every trial of `run` by `n_steps`.
"""
function advance!(run::Run, n_steps::Int)
    setup = run.setup
    prepare!(setup, n_steps)
    trials = setup.trials
    n_parts = length(trials[1].parts)
    if n_parts == 1
        on_threads(length(trials), setup.threads) do j
            advance_part!(run, trials[j], 1, n_steps, Barrier(1))
        end
    else
        for trial in trials
            barrier = Barrier(n_parts)
            on_threads(part -> advance_part!(run, trial, part, n_steps, barrier), n_parts, n_parts)
        end
    end
    for trial in trials
        trial.step += n_steps
        foreach(part -> check_part(run, trial, part), trial.parts)
    end
    return nothing
end

"Makes room for what the next `n_steps` record, and evaluates the waveforms of the stimuli."
function prepare!(setup::Setup{T}, n_steps::Int) where {T}
    start_piece!(setup.recorder, setup.trials, n_steps)
    for trial in setup.trials
        evaluate_waves!(setup, trial, n_steps)
        for part in trial.parts
            part.n_recorded = 0
        end
    end
    return nothing
end

function advance_part!(run::Run, trial::Trial, p::Int, n_steps::Int, barrier::Barrier)
    # Traces decay towards zero for ever; below the normal range each operation would cost a hundred times as much.
    kept = get_zero_subnormals()
    set_zero_subnormals(true)
    try
        part_loop!(run, trial, p, n_steps, barrier)
    catch
        barrier.broken[] = true
        rethrow()
    finally
        set_zero_subnormals(kept)
    end
    return nothing
end

function part_loop!(run::Run, trial::Trial, p::Int, n_steps::Int, barrier::Barrier)
    for j in 1:n_steps
        step = trial.step + j - 1
        part = trial.parts[p]
        barrier.parties == 1 || prepare_message!(barrier, p, part, step)
        fire_step!(run, trial, part, step)
        buffer = (step & 1) + 1
        spiking, m = part.spiking[buffer], part.n_spiking[8buffer]
        barrier.parties == 1 || post!(barrier, p, spiking, part.counts[buffer], m, step)
        if m > 0 || barrier.parties > 1 || run.setup.blueprint.graded > 0
            ask_ahead(run.setup, p, spiking, 1, m, 0)
            deliver_all!(run.setup, trial, p, step, barrier) || return nothing
        end
        if is_plastic(run)
            change_weights!(run.setup, trial, p, step)
            observe_weights!(run.setup, trial, p, step)
        end
        barrier.parties == 1 && GC.safepoint()
        part.failure == (0, 0) || (barrier.broken[] = true; return nothing)
    end
    return nothing
end

"All of a step but delivery, for one part: afterwards its spikes are listed, and its rings are ready for delivery."
function fire_step!(run::Run, trial::Trial, part::Part, step::Int)
    setup, neurons = run.setup, run.neurons
    gather!(setup, trial, part, step)
    if neurons isa Cells
        membrane_step!(setup, neurons, trial, part, step)
    elseif isempty(setup.clamps) || step >= setup.clamps[trial.column].until
        part.quad == step >> 2 || draw_bits!(setup, trial, part, step >> 2)
        if !sweep!(trial, part, neurons, setup.dt, step)
            note_failure!(part, neurons, trial.drive, setup.dt, step)
            part.n_spiking[8((step&1)+1)] = 0       # an activity that is not admissible cannot be drawn from
            return nothing
        end
        collect_spikes!(part, trial, neurons, setup.dt, Source(setup.seed, STREAM_FIRE, trial.id), step)
    else
        settle_drive!(trial.drive, neurons, setup.dt, part.range)
        given_spikes!(part, setup.clamps[trial.column], step)
    end
    is_plastic(run) && update_traces!(setup, trial, part, step)
    setup.observes && observe!(setup, neurons, trial, part, step)
    isempty(setup.blueprint.self) || remember!(trial.self, setup.blueprint.self, part, step)
    return nothing
end

# ---- the drive ----------------------------------------------------------------------------------------------------

function evaluate_waves!(setup::Setup{T}, trial::Trial{T}, n_steps::Int) where {T}
    waves = setup.stimuli.waves
    if !isempty(waves)
        trial.waves = zeros(T, n_steps, length(waves))
        source = Source(setup.seed, 0, trial.id)
        values = zeros(n_steps)
        for (w, wave) in enumerate(waves)
            wave(values, trial.step, source)
            trial.waves[:, w] = values
        end
    end
    return nothing
end

"Sets the drive of the part's neurons to all that reaches them in `step`, except the constant background."
function gather!(setup::Setup{T}, trial::Trial{T}, part::Part, step::Int) where {T}
    drive, range = trial.drive, part.range
    stimulated = step >= 0      # equilibration runs before step 0, without stimulus
    if stimulated && !isempty(setup.stimuli.waves)
        gather_waves!(setup, trial, part, step)
    elseif !is_membrane(setup.blueprint) || !isempty(setup.stimuli)     # a membrane does not change its drive
        @inbounds @simd ivdep for i in range
            drive[i] = 0
        end
    end
    stimulated && setup.other_stimuli && add_other_stimuli!(setup, trial, part, step)
    if setup.gathers
        for (filter, projection) in zip(trial.filters, setup.projections)
            projection.direct && continue
            apply!(projection.into == 0 ? drive : trial.state[projection.into], filter, setup.blueprint.coupling_gain, step, range)
        end
    end
    isempty(setup.blueprint.self) || add_self!(drive, trial.self, step, range)
    isempty(setup.blueprint.background_noise) || add_background_noise!(setup, trial, part, step)
    return nothing
end

function gather_waves!(setup::Setup{T}, trial::Trial{T}, part::Part, step::Int) where {T}
    drive, base, range, j = trial.drive, trial.base, part.range, step - trial.step + 1
    targets = setup.stimuli.wave_targets
    uniform_part = zero(T)
    changed = length(part.base_key) != length(targets)
    changed && resize!(part.base_key, length(targets))
    for w in 1:length(targets)
        target, value = targets[w], trial.waves[j, w]
        target.channel == 0 || continue
        if isempty(target.neurons) && length(target.strength) == 1
            uniform_part += value * target.strength[1]
        elseif changed || part.base_key[w] != value
            changed = true
            part.base_key[w] = value
        end
    end
    if changed
        @inbounds @simd ivdep for i in range
            base[i] = 0
        end
        for w in 1:length(targets)
            target, value = targets[w], trial.waves[j, w]
            (target.channel != 0 || isempty(target.neurons) && length(target.strength) == 1) && continue
            part.base_key[w] = value
            value == 0 || add_wave!(base, 0, target, value, range)
        end
    end
    @inbounds @simd ivdep for i in range
        drive[i] = base[i] + uniform_part
    end
    return nothing
end

function add_other_stimuli!(setup::Setup{T}, trial::Trial{T}, part::Part, step::Int) where {T}
    stimuli, range = setup.stimuli, part.range
    for (w, target) in enumerate(stimuli.wave_targets)
        target.channel == 0 && continue
        value = trial.waves[step-trial.step+1, w]
        value == 0 || arrive!(add_wave!, setup, trial, target.channel, step, target, value, range)
    end
    for s in stimuli.tables
        arrive!(add_table!, setup, trial, s.target.channel, step, s, step, trial.column, range)
    end
    for s in stimuli.spikes
        arrive!(add_spikes!, setup, trial, s.channel, step, s, step, range)
    end
    for s in stimuli.poisson
        arrive!(add_poisson!, setup, trial, s.target.channel, step, s, setup.seed, trial.id, step, range)
    end
    for (x, s) in zip(trial.noises, stimuli.noises)
        arrive!(add_noise!, setup, trial, s.target.channel, step, s, x, setup.seed, trial.id, step, range)
    end
    for filter in trial.channels
        apply!(trial.drive, filter, unit_gain(T), step, range)
    end
    return nothing
end

"Lets a stimulus add where it goes: to the drive, to what its receptor adds to, or into its channel's filter."
@inline function arrive!(add!::F, setup::Setup, trial::Trial, channel::Int, step::Int, what...) where {F}
    if channel == 0
        add!(trial.drive, 0, what...)
    elseif is_membrane(setup.blueprint)
        add!(trial.state[setup.blueprint.arrivals[channel]], 0, what...)
    else
        ring = trial.channels[channel].ring
        add!(ring, row(ring, step), what...)
    end
    return nothing
end

const UNIT_GAIN_32, UNIT_GAIN_64 = Float32[1], Float64[1]
unit_gain(::Type{Float32}) = UNIT_GAIN_32
unit_gain(::Type{Float64}) = UNIT_GAIN_64

function add_self!(drive::Vector{T}, self::Matrix{T}, step::Int, range::UnitRange{Int}) where {T}
    cell = row(self, step)
    @inbounds @simd ivdep for i in range
        drive[i] += self[cell+i]
        self[cell+i] = 0
    end
    return nothing
end

function add_background_noise!(setup::Setup{T}, trial::Trial{T}, part::Part, step::Int) where {T}
    drive, range, n = trial.drive, part.range, setup.n
    part.quad == step >> 2 || draw_bits!(setup, trial, part, step >> 2)
    lane = (step & 3) * n
    amplitude, gate = setup.blueprint.background_noise, setup.blueprint.background_gate
    normals, gates = trial.normals, trial.gates
    @inbounds @simd ivdep for i in range
        present = uniform(Float64, gates[lane+i]) < gate
        size_of_noise = amplitude[length(amplitude) == 1 ? 1 : i] * normals[lane+i]
        drive[i] += ifelse(present, size_of_noise, zero(T))
    end
    return nothing
end

# ---- spikes -------------------------------------------------------------------------------------------------------

"The neurons of a part that numbers are drawn for: those of the first candidate, where several stand side by side."
drawn(setup::Setup, part::Part) = setup.period == 0 ? part.range : 1:setup.period

"Gives all candidates the numbers of the first."
function repeat_draws!(numbers::Matrix, setup::Setup)
    setup.period == 0 && return nothing
    for lane in 1:4, i in setup.period+1:setup.n
        @inbounds numbers[i, lane] = numbers[i-setup.period, lane]
    end
    return nothing
end

function draw_bits!(setup::Setup, trial::Trial, part::Part, quad::Int)
    fill_bits!(trial.bits, Source(setup.seed, STREAM_FIRE, trial.id), quad, drawn(setup, part))
    repeat_draws!(trial.bits, setup)
    if !isempty(setup.blueprint.background_noise)
        fill_normals!(trial.normals, Source(setup.seed, STREAM_BACKGROUND, trial.id), quad, part.range)
        fill_bits!(trial.gates, Source(setup.seed, STREAM_GATE, trial.id), quad, part.range)
    end
    part.quad = quad
    return nothing
end

"One step of all neurons of the part: the drive becomes the model's, `fired` is set. False if an activity is not admissible."
function sweep!(trial::Trial{T}, part::Part, cells::P, dt::T, now::Int) where {T,P}
    drive, fired, bits = trial.drive, trial.fired, trial.bits
    lane = (now & 3) * length(drive)
    bad = flag(T, false)
    @inbounds @simd ivdep for i in part.range
        model = at(cells, i)
        state = step(model, nothing, drive[i], dt)
        u = uniform(T, bits[lane+i])
        fired[i] = fire(model, state, u, dt)
        bad |= flag(T, !admissible(emission(typeof(model)), activity(model, state, dt)))
        drive[i] = state.drive
    end
    return bad == 0
end

"The drive as the model sees it, where spikes are given."
function settle_drive!(drive::Vector{T}, cells, dt::T, range::UnitRange{Int}) where {T}
    @inbounds @simd ivdep for i in range
        drive[i] = step(at(cells, i), nothing, drive[i], dt).drive
    end
    return nothing
end

function note_failure!(part::Part, cells, drive::Vector{T}, dt::T, now::Int) where {T}
    for i in part.range
        model = at(cells, i)
        if !admissible(emission(typeof(model)), activity(model, (drive=drive[i],), dt))
            part.failure = (i, now)
            break
        end
    end
    return nothing
end

function check_part(run::Run, trial::Trial, part::Part)
    part.failure == (0, 0) && return nothing
    i, step = part.failure
    model = at(run.neurons, i)
    what = emission(typeof(model))
    g = trial.drive[i]
    fail("the activity of neuron ", i - 1, " in step ", step, " (trial ", trial.id, ") is ",
         activity(model, (drive=g,), run.setup.dt), " at a drive of ", g, ", but must be ", requirement(what))
end

"""
Calls `list!(i, m + 1, what...)` for each neuron i of `range` that fired, in order, m of which were listed; it tells whether i
is, too. Blocks without spikes are skipped.
"""
@inline function list_fired(list!::F, fired::Vector{UInt8}, range::UnitRange{Int}, what::Vararg{Any,N}) where {F,N}
    m = 0
    GC.@preserve fired begin
        words = Ptr{UInt64}(pointer(fired))
        for block in (first(range)-1)÷BLOCK:(last(range)-1)÷BLOCK
            any_bit(words + BLOCK * block) || continue
            for w in 0:7
                word = unsafe_load(words, 8block + w + 1)
                while word != 0
                    m += list!(BLOCK * block + 8w + trailing_zeros(word) >> 3 + 1, m + 1, what...)
                    word &= word - 1
                end
            end
        end
    end
    return m
end

"Whether any of eight words is not zero."
@inline function any_bit(words::Ptr{UInt64})
    bits = zero(UInt64)
    for w in 1:8
        bits |= unsafe_load(words, w)
    end
    return bits != 0
end

"Lists the neurons that fired, in the buffer of this step."
function collect_spikes!(part::Part, trial::Trial{T}, cells, dt::T, source::Source, now::Int) where {T}
    buffer = (now & 1) + 1
    spiking, counts = part.spiking[buffer], part.counts[buffer]
    m = list_fired(list_spike!, trial.fired, part.range, spiking, counts, trial, cells, dt, source, now)
    part.n_spiking[8buffer] = m
    now >= 0 && record_spikes!(part, spiking, counts, m, now)
    return nothing
end

@inline function list_spike!(i::Int, m::Int, spiking::Vector{Int32}, counts::Vector{Int32}, trial::Trial{T}, cells, dt::T,
                             source::Source, now::Int) where {T}
    @inbounds count = spikes_of(at(cells, i), trial.drive[i], dt, trial.bits, source, i, now)
    count > 0 || return false
    @inbounds spiking[m] = i - 1
    @inbounds counts[m] = count
    return true
end

@inline function spikes_of(model::M, g::T, dt::T, bits, source, i, now) where {M,T}
    mu = activity(model, (drive=g,), dt)
    u = uniform(Float64, bits[(now&3)*size(bits, 1)+i])
    return spike_count(emission(M), mu, u, source, i - 1, now)
end

function given_spikes!(part::Part, clamp::Clamp, now::Int)
    j = now - clamp.first + 1
    here = 1:0
    if 1 <= j < length(clamp.pointer)
        row = clamp.pointer[j]+1:clamp.pointer[j+1]
        low, high = first(part.range) - 1, last(part.range) - 1
        neurons = view(clamp.neuron, row)
        here = row[searchsortedfirst(neurons, low):searchsortedlast(neurons, high)]
    end
    list_spikes!(part, view(clamp.neuron, here), view(clamp.count, here), now)
    return nothing
end

"Makes room for `count` more spikes; returns how many there will be."
function room_to_record!(part::Part, count::Int)
    needed = part.n_recorded + count
    if needed > length(part.recorded_neuron)
        resize!(part.recorded_neuron, 2needed)
        resize!(part.recorded_step, 2needed)
    end
    return needed
end

function record_spikes!(part::Part, spiking::Vector{Int32}, counts::Vector{Int32}, m::Int, now::Int)
    m == 0 && return nothing
    total = 0
    for s in 1:m
        total += @inbounds counts[s]
    end
    needed = room_to_record!(part, total)
    k = part.n_recorded
    @inbounds for s in 1:m, _ in 1:counts[s]
        k += 1
        part.recorded_neuron[k] = spiking[s]
        part.recorded_step[k] = now
    end
    part.n_recorded = k
    return nothing
end

# ---- what else is recorded --------------------------------------------------------------------------------------------

"Makes room for what the next `n_steps` record."
function start_piece!(r::Recorder{T}, trials::Vector{Trial{T}}, n_steps::Int) where {T}
    first_step = trials[1].step
    samples = samples_before(r, first_step + n_steps) - samples_before(r, first_step)
    r.values = [zeros(T, length(r.neurons), samples, length(trials)) for _ in r.names]
    r.record_weights && (r.weights = [zeros(T, length(p.weight), samples, length(trials)) for p in trials[1].plastic])
    return nothing
end

function observe!(setup::Setup{T}, cells, trial::Trial{T}, part::Part, step::Int) where {T}
    r = setup.recorder
    if !isempty(r.names) && mod(step + 1, r.every) == 0
        sample = samples_before(r, step + 1) - samples_before(r, trial.step)
        here = searchsortedfirst(r.neurons, first(part.range)):searchsortedlast(r.neurons, last(part.range))
        for (name, values) in zip(r.names, r.values)
            if name == "rate"
                for j in here
                    i = r.neurons[j]
                    values[j, sample, trial.column] = rate(at(cells, i), trial.drive[i], setup.dt)
                end
            else
                observe!(values, sample, trial.column, named_state(setup, trial, name), r.neurons, here)
            end
        end
    end
    if setup.sum_activity
        for i in part.range
            trial.activity_sum[i] += rate(at(cells, i), trial.drive[i], setup.dt)
        end
    end
    return nothing
end

function observe!(values::Array{T,3}, sample::Int, column::Int, x::Vector{T}, neurons::Vector{Int}, here) where {T}
    for j in here
        values[j, sample, column] = x[neurons[j]]
    end
    return nothing
end

"The variable of this name; the external input (drive of a cascade, current of a membrane) if there is none."
function named_state(setup::Setup{T}, trial::Trial{T}, name::String) where {T}
    k = findfirst(==(name), setup.blueprint.variables)
    return k === nothing ? trial.drive : trial.state[k]
end

"Expected spikes per second given the drive."
function rate(model::M, g::T, dt::T) where {M,T}
    mu = activity(model, (drive=g,), dt)
    return 1000 * expected_count(emission(M), mu) / dt
end

expected_count(::Union{Bernoulli,Poisson}, mu) = mu
expected_count(::Threshold, mu) = mu > 0 ? one(mu) : zero(mu)
