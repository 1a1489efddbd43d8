# A run that its caller advances piece by piece: made from plain values and named arrays, kept by number.

function required(d::AbstractDict, name, ::Type{R}) where {R}
    haskey(d, name) || fail("`", name, "` is missing")
    d[name] isa R || fail("`", name, "` must be ", R, ", got ", typeof(d[name]))
    return d[name]::R
end

"Arrays whose name begins with `prefix`, by the rest of the name."
function owned_by(prefix::String, arrays)
    k = length(prefix)
    return Dict{String,Any}(name[k+1:end] => x for (name, x) in arrays if startswith(name, prefix))
end

"""
    Run(params, arrays)

Makes the run that `params` and `arrays` describe. `params`: n, dt (ms), dtype, seed, first_step, threads, model (name and
numbers), projections (delay in steps, or arrays `delay`), stimuli and channels (see `add_stimulus!`), record ("drive",
"rate", "mean_rate"), initial (see `set_initial_state!`), clamped_until. `arrays`: trials (numbers of the trials),
`projection.J.offset/target/weight/delay`, `model.NAME`, `stimulus.J.NAME`, `channel.J.kernel`, `state.NAME`,
`clamp.J.pointer/neuron/count`.
"""
function Run(params::Dict{String,Any}, arrays::Dict{String,Any})
    number_type = required(params, "dtype", String)
    number_type in ("float32", "float64") || fail("dtype must be float32 or float64, got ", number_type)
    T = number_type == "float32" ? Float32 : Float64
    W = haskey(arrays, "projection.1.weight") ? eltype(arrays["projection.1.weight"]) : T
    W in (Float32, Float64) || fail("weights must be float32 or float64, got ", W)
    n, dt = required(params, "n", Int), Float64(required(params, "dt", Real))
    n >= 1 || fail("n must be at least 1, got ", n)
    dt > 0 || fail("dt must be positive, got ", dt)
    model = required(params, "model", Dict{String,Any})
    name = required(model, "name", String)
    haskey(MODELS, name) || fail("unknown model ", name, "; known are ", join(sort!(collect(keys(MODELS))), ", "))
    neurons, blueprint = MODELS[name](Parameters(model, owned_by("model.", arrays), n), T, dt)
    is_membrane(blueprint) && make_room!(neurons, blueprint, n)
    is_membrane(blueprint) && haskey(params, "clamped_until") && fail("spikes can be given to cascade models only")
    setup = Setup(T, W, blueprint, params, arrays, n, dt)
    return Run{T,W,typeof(neurons),setup.is_plastic}(setup, neurons)
end

# Below this a thread would wait for the others longer than it works.
const NEURONS_PER_THREAD = 512

function Setup(::Type{T}, ::Type{W}, blueprint::Blueprint{T}, params::Dict{String,Any}, arrays::Dict{String,Any}, n::Int,
               dt::Float64) where {T,W}
    seed = UInt64(required(params, "seed", Int))
    first_step = required(params, "first_step", Int)
    trial_ids = convert(Vector{Int64}, required(arrays, "trials", Array))
    isempty(trial_ids) && fail("trials must name at least one trial")
    length(blueprint.coupling_gain) in (1, n) || fail("r must have one value, or one per neuron")
    stimuli = Stimuli(T, params, arrays, dt, n, trial_ids, length(blueprint.arrivals))
    threads = clamp(required(params, "threads", Int), 1, Threads.nthreads())
    ranges = blocks(n, length(trial_ids) >= threads ? 1 : min(threads, cld(n, NEURONS_PER_THREAD)))
    projections = Projection{T,W}[]
    for (j, d) in enumerate(get(params, "projections", Any[])::Vector)
        push!(projections, build_projection(T, W, d, owned_by("projection.$j.", arrays), n, blueprint, ranges, dt))
    end
    trials = Trial{T}[]
    for (column, id) in enumerate(trial_ids)
        push!(trials, Trial(T, id % UInt32, column, first_step, n, projections, stimuli, blueprint, ranges, seed))
    end
    clamps = Clamp[]
    if haskey(params, "clamped_until")
        append!(clamps, Clamp[Clamp(j, arrays, params) for j in 1:length(trials)])
    end
    record = convert(Vector{String}, get(params, "record", String[]))
    names = filter(name -> !(name in ("mean_rate", "weight")), record)
    setup = Setup{T,W}(n, dt, seed, blueprint, projections, stimuli, trials, clamps, any(is_plastic, projections), threads,
                       "mean_rate" in record, Recorder(T, names, "weight" in record, params, arrays, n, blueprint),
                       !all(p -> p.direct, projections), !waves_of_drive(stimuli), !isempty(record), get(params, "period", 0)::Int,
                       Dict{Int,String}())
    if setup.sum_activity
        foreach(t -> t.activity_sum = zeros(n), trials)
    end
    set_initial_state!(setup, get(params, "initial", "rest")::String, owned_by("state.", arrays))
    return setup
end

function Recorder(::Type{T}, names::Vector{String}, weights::Bool, params, arrays, n::Int, blueprint::Blueprint{T}) where {T}
    known = is_membrane(blueprint) ? ["I"; blueprint.variables] : ["drive", "rate"]
    for name in names
        name in known || fail("record must be from ", join(known, ", "), ", got ", name)
    end
    neurons = haskey(arrays, "record_neurons") ? 1 .+ convert(Vector{Int}, arrays["record_neurons"]) : collect(1:n)
    (issorted(neurons) && all(i -> 1 <= i <= n, neurons)) || fail("recorded neurons must be sorted and lie in 0..", n - 1)
    every = get(params, "record_every", 1)::Int
    every >= 1 || fail("record_every must be at least one step, got ", every)
    return Recorder{T}(names, neurons, every, Array{T,3}[], weights, Array{T,3}[])
end

function build_projection(::Type{T}, ::Type{W}, d::Dict{String,Any}, arrays::Dict{String,Any}, n::Int,
                          blueprint::Blueprint{T}, ranges::Vector{UnitRange{Int}}, dt::Float64) where {T,W}
    delay = required(d, "delay", Int)
    synapses = Connectivity(n, required(arrays, "offset", Vector{Int64}), required(arrays, "target", Vector{Int32}),
                            required(arrays, "weight", Vector{W}), get(arrays, "delay", Int32[])::Vector{Int32},
                            delay)
    splits = length(ranges) == 1 ? zeros(Int64, 0, 0) : split_rows(synapses, ranges)
    pair, short_term = pair_rule(T, d, dt), short_term_rule(T, d, dt)
    incoming = pair === nothing ? Incoming() : Incoming(synapses)
    if !is_membrane(blueprint)
        return Projection{T,W}(synapses, blueprint.coupling, splits, 0, false, pair, short_term, incoming)
    end
    blueprint.graded == 0 || (pair === nothing && short_term === nothing) || fail("graded synapses cannot be plastic")
    receptor = required(d, "receptor", Int)
    1 <= receptor <= length(blueprint.arrivals) || fail("receptor ", receptor, " does not exist")
    # What arrives in the next step may be added to its variable as soon as this step is over.
    direct = isempty(synapses.delay) && delay == 1
    return Projection{T,W}(synapses, blueprint.coupling, splits, blueprint.arrivals[receptor], direct, pair, short_term,
                           incoming)
end

function Clamp(j::Int, arrays, params)
    pointer = required(arrays, "clamp.$j.pointer", Vector{Int64})
    neuron, count = required(arrays, "clamp.$j.neuron", Vector{Int32}), required(arrays, "clamp.$j.count", Vector{Int32})
    n = required(params, "n", Int)
    (length(neuron) == length(count) && all(i -> 0 <= i < n, neuron)) || fail("given spikes name neurons outside 0..", n - 1)
    (issorted(pointer) && first(pointer) == 0 && last(pointer) == length(neuron)) || fail("given spikes are not sorted")
    return Clamp(required(params, "first_step", Int), required(params, "clamped_until", Int), pointer, neuron, count)
end

# ---- initial state ------------------------------------------------------------------------------------------------

"""
`rest`: nothing happened before. `random`: half of the neurons, drawn, fired in the step before the first. `saved`: what
`state_arrays` gave. `activation`: given synaptic activations, one per neuron [and trial]. `given`: values of some variables
of a membrane, and `refractory`, steps for which it stays so, one per neuron [and trial].
"""
function set_initial_state!(setup::Setup{T}, kind::String, arrays) where {T}
    if kind == "saved"
        restore!(setup, arrays)
    elseif kind == "random"
        for trial in setup.trials
            source = Source(setup.seed, STREAM_INITIAL, trial.id)
            for part in trial.parts
                spiking = Int32[i - 1 for i in part.range if draw(source, i - 1, 0) < 0x80000000]
                list_spikes!(part, spiking, ones(Int32, length(spiking)), trial.step - 1)
                with_quick_loops(remember!, trial.self, setup.blueprint.self, part, trial.step - 1)
            end
            foreach(p -> with_quick_loops(deliver_all!, setup, trial, p, trial.step - 1), 1:length(trial.parts))
        end
    elseif kind == "activation"
        given = required(arrays, "activation", Array)
        size(given, 1) == setup.n && size(given, 2) in (1, length(setup.trials)) ||
            fail("activation must have one value per neuron [and trial]")
        for trial in setup.trials, (filter, p) in zip(trial.filters, setup.projections)
            s = given[:, size(given, 2) == 1 ? 1 : trial.column]
            # What is given is the activation in the first step: it arrives there as that many spikes.
            cell = row(filter.ring, trial.step) + 1
            for pre in 1:setup.n, e in p.synapses.offset[pre]+1:p.synapses.offset[pre+1]
                filter.ring[cell+p.synapses.target[e]] += p.synapses.weight[e] * s[pre] / filter.kernel.gain
            end
        end
    elseif kind == "given"
        is_membrane(setup.blueprint) || fail("only membrane models have variables whose values can be given")
        for (name, x) in arrays
            k = findfirst(==(name), setup.blueprint.variables)
            k === nothing && name != "refractory" &&
                fail("the model has no variable ", name, ", only ", join(setup.blueprint.variables, ", "), ", refractory")
            (size(x, 1) == setup.n && size(x, 2) in (1, length(setup.trials))) ||
                fail(name, " must have one value per neuron [and trial]")
            for trial in setup.trials
                values = x[:, size(x, 2) == 1 ? 1 : trial.column]
                k === nothing ? wait!(trial, values) : copyto!(trial.state[k], values)
            end
        end
    elseif kind != "rest"
        fail("unknown initial state ", kind)
    end
end

# ---- stimuli --------------------------------------------------------------------------------------------------------

function Stimuli(::Type{T}, params, arrays, dt::Float64, n::Int, trial_ids::Vector{Int64}, n_receptors::Int) where {T}
    stimuli = Stimuli{T}([], [], [], [], [], [], [])
    period = get(params, "period", 0)::Int
    for (j, d) in enumerate(get(params, "channels", []))
        push!(stimuli.channels, given_kernel(T, Parameters(d, owned_by("channel.$j.", arrays), n), "kernel", dt))
    end
    for (j, d) in enumerate(get(params, "stimuli", []))
        a = owned_by("stimulus.$j.", arrays)
        channel = get(d, "channel", 0)
        0 <= channel <= max(length(stimuli.channels), n_receptors) || fail("stimulus channel ", channel, " does not exist")
        add_stimulus!(stimuli, required(d, "kind", String), d, a, dt, n, trial_ids, STREAM_STIMULUS + UInt32(j), period)
    end
    return stimuli
end

steps_of(d, name, dt) = Float64(required(d, name, Real)) / dt
start_of(d, dt) = Float64(get(d, "start", 0.0)) / dt
stop_of(d, dt) = Float64(get(d, "stop", Inf)) / dt

function add_stimulus!(stimuli::Stimuli{T}, kind, d, a, dt, n, trial_ids, stream, period) where {T}
    channel = get(d, "channel", 0)
    neurons = get(a, "neurons", Int32[])::Vector{Int32}
    (issorted(neurons) && all(i -> 0 <= i < n, neurons)) || fail("stimulus targets must be sorted and lie in 0..", n - 1)
    strength = haskey(a, "strength") ? T.(vec(a["strength"])) : T[get(d, "strength", 1.0)]
    reached = isempty(neurons) ? n : length(neurons)
    length(strength) in (1, reached) || fail("strength must have 1 or ", reached, " values, got ", length(strength))
    target = Target{T}(neurons, strength, channel)
    start, stop = start_of(d, dt), stop_of(d, dt)
    wave = nothing
    if kind == "constant"
        wave = regular_wave(start, stop, Inf, Inf)
    elseif kind == "regular"
        wave = regular_wave(start, stop, steps_of(d, "period", dt), steps_of(d, "duration", dt))
    elseif kind == "sine"
        wave = sine_wave(start, stop, steps_of(d, "period", dt), required(d, "phase", Real), required(d, "baseline", Real))
    elseif kind == "pulses"
        wave = pulse_wave(start, stop, steps_of(d, "mean_interval", dt), steps_of(d, "duration", dt),
                          required(d, "whole_intervals", Bool), get(d, "seed", -1), stream)
    elseif kind == "series"
        data = a["data"]
        size(data, 2) in (1, length(trial_ids)) || fail("a stimulus has ", size(data, 2), " trials, expected ", length(trial_ids))
        columns = Dict(UInt32(id) => c for (c, id) in enumerate(trial_ids))
        wave = table_wave(Matrix{Float64}(reshape(data, size(data, 1), :)), start, steps_of(d, "dt", dt), columns)
    elseif kind == "table"
        data = a["data"]
        size(data, 1) == reached || fail("a stimulus has values for ", size(data, 1), " neurons, expected ", reached)
        cube = convert(Array{T,3}, reshape(data, size(data, 1), size(data, 2), :))
        size(cube, 3) in (1, length(trial_ids)) || fail("a stimulus has ", size(cube, 3), " trials, expected ", length(trial_ids))
        push!(stimuli.tables, Table{T}(target, cube, start, steps_of(d, "dt", dt)))
    elseif kind == "spikes"
        step, neuron = required(a, "step", Vector{Int64}), required(a, "neuron", Vector{Int32})
        (issorted(step) && length(step) == length(neuron) && all(i -> 0 <= i < n, neuron)) || fail("given spikes do not fit")
        push!(stimuli.spikes, GivenSpikes{T}(channel, step, neuron, T.(vec(a["weight"]))))
    elseif kind == "poisson"
        rate = haskey(a, "rate") ? Float64.(vec(a["rate"])) : [Float64(required(d, "rate", Real))]
        length(rate) in (1, reached) || fail("rate must have 1 or ", reached, " values, got ", length(rate))
        push!(stimuli.poisson, PoissonInput{T}(target, rate .* (dt / 1000), start, stop, stream,
                                               Float64(get(d, "most", Inf)), period))
    elseif kind == "noise"
        tau = Float64(required(d, "tau", Real))
        push!(stimuli.noises, Noise{T}(target, tau == 0 ? 0.0 : exp(-dt / tau), start, stop, stream, period))
    else
        fail("unknown stimulus ", kind)
    end
    wave === nothing || (push!(stimuli.waves, wave); push!(stimuli.wave_targets, target))
    return nothing
end
