# A run on a device: the loop of simulate.jl, each part of it done for all lanes at once. The state stays on the device between
# pieces; the spikes of a piece come back as one list.

"A projection's ring, or a stimulus channel's, with the kernel that it goes through, on the device."
struct DeviceFilter{T}
    kernel::Kernel{T}
    ring::Any
    trace::Any
    values::Any
    gain::Any
end

mutable struct DeviceRun{T}
    device::Device
    host::Run                           # its neurons; its trials are where the run began, until `refresh!`
    setup::Setup{T}
    neurons::Any
    lanes::Int
    chunk::Int                          # steps between two times that spikes are fetched
    stimuli::DeviceStimuli{T}
    state::Tuple
    drive::Any
    free::Any                           # step from which on a lane may spike
    bad::Any                            # step of the chunk in which a lane failed, -1: before; it stands still then
    projections::Vector{Any}            # of membranes
    filters::Vector{DeviceFilter{T}}    # of cascades: per projection, and per channel
    channels::Vector{DeviceFilter{T}}
    self::Any
    self_values::Any
    noise::Any                          # amplitude of the background noise
    activity_sum::Any
    list::Any                           # lanes that spiked in the chunk, and how often
    counts::Any
    boundary::Any                       # how many did so before each step
    counters::Any                       # how many did so until now; how many failed
    recorded::Vector{Any}
    record_neurons::Any
end

# As many spikes as a chunk may have.
const LISTED_AT_ONCE = 1 << 24

"All trials of a vector or matrix with neurons first, one below the other."
stacked(pieces, n::Int) = reduce(vcat, [x[1:n, :] for x in pieces])

"""
    DeviceRun(device, run)

The run goes on on the device, from where it is.
"""
function DeviceRun(d::Device, run::Run)
    setup, trials = run.setup, run.setup.trials
    T, n = typeof(setup.dt), setup.n
    setup.is_plastic && fail("plastic synapses run on the cpu only, not on another device")
    isempty(setup.clamps) || fail("given spikes run on the cpu only, not on another device")
    lanes = n * length(trials)
    lanes <= typemax(Int32) || fail("neurons times trials must be at most ", typemax(Int32), " on a device, got ", lanes)
    chunk = clamp(LISTED_AT_ONCE ÷ lanes, 1, 4096)
    vectors(of) = put(d, reduce(vcat, [Vector{eltype(of(t))}(of(t)[1:n]) for t in trials]))
    matrices(of) = put(d, stacked([of(t) for t in trials], n))
    membrane = is_membrane(setup.blueprint)
    state = membrane ? ntuple(k -> vectors(t -> t.state[k]), length(setup.blueprint.variables)) : ()
    filter(k, kind) = DeviceFilter{T}(
        getfield(trials[1], kind)[k].kernel, matrices(t -> getfield(t, kind)[k].ring),
        isempty(getfield(trials[1], kind)[k].trace) ? put(d, T[]) : vectors(t -> getfield(t, kind)[k].trace),
        put(d, getfield(trials[1], kind)[k].kernel.values), put(d, kind == :filters ? setup.blueprint.coupling_gain : unit_gain(T)))
    r = setup.recorder
    device_run = DeviceRun{T}(
        d, run, setup, on_device(d, run.neurons), lanes, chunk, DeviceStimuli(d, setup, trials), state, room(d, T, lanes),
        membrane ? vectors(t -> t.free) : put(d, Int32[]), room(d, Int32, lanes), Any[],
        membrane ? DeviceFilter{T}[] : DeviceFilter{T}[filter(k, :filters) for k in 1:length(setup.projections)],
        DeviceFilter{T}[filter(k, :channels) for k in 1:length(setup.stimuli.channels)],
        membrane ? nothing : matrices(t -> t.self), put(d, setup.blueprint.self), put(d, setup.blueprint.background_noise),
        setup.sum_activity ? vectors(t -> t.activity_sum) : nothing, room(d, Int32, lanes * chunk),
        membrane ? nothing : room(d, Int32, lanes * chunk), room(d, Int32, chunk + 1), room(d, Int32, 2), Any[],
        put(d, convert(Vector{Int32}, r.neurons)))
    for (k, p) in enumerate(setup.projections)
        ring = !membrane ? device_run.filters[k].ring : p.direct ? reshape(state[p.into], :, 1) : matrices(t -> t.filters[k].ring)
        push!(device_run.projections, DeviceProjection(d, p, p.synapses.weight, ring))
    end
    return device_run
end

"Advances all trials by `n_steps`; recorded values and spikes are then with the setup, as after a run on the processor."
function advance!(run::DeviceRun{T}, n_steps::Int) where {T}
    setup, d = run.setup, run.device
    trials, first_step = setup.trials, setup.trials[1].step
    start_piece!(setup.recorder, trials, n_steps)
    run.recorded = Any[room(d, T, size(x)...) for x in setup.recorder.values]
    foreach(trial -> trial.parts[1].n_recorded = 0, trials)
    done = 0
    while done < n_steps
        m = min(run.chunk, n_steps - done)
        evaluate_waves!(run.stimuli, setup, m)
        each_lane(d, clear_lane!, 1, run.counters, 0)
        each_lane(d, clear_lane!, 1, run.boundary, 0)
        for j in 1:m
            advance_step!(run, j, first_step + done + j - 1, first_step)
        end
        fetch_spikes!(run, m)
        foreach(trial -> trial.step += m, trials)
        done += m
    end
    foreach((x, there) -> copyto!(x, Array(there)), setup.recorder.values, run.recorded)
    return nothing
end

function advance_step!(run::DeviceRun, j::Int, step::Int, first_step::Int)
    d, setup, n = run.device, run.setup, run.setup.n
    membrane = is_membrane(setup.blueprint)
    each_lane(d, clear_lane!, run.lanes, run.drive, 0)
    step >= 0 && stimulate!(run.stimuli, setup, channel -> into_channel(run, channel, step), j, step)
    if membrane
        for p in run.projections
            p.direct || each_lane(d, arrive_lane!, run.lanes, run.state[p.into], 0, p.ring, mod(step, p.depth) * run.lanes)
        end
        each_lane(d, membrane_lane!, run.lanes, run.neurons, n, setup.period, run.state, run.drive, run.free, run.bad, run.stimuli.ids,
                  setup.seed, j, step, setup.dt, run.list, run.counters, adding(d))
    else
        foreach(f -> apply_filter!(run, f, step), run.channels)
        foreach(f -> apply_filter!(run, f, step), run.filters)
        lags = length(setup.blueprint.self)
        lags == 0 || each_lane(d, arrive_lane!, run.lanes, run.drive, 0, run.self, mod(step, lags) * run.lanes)
        isempty(setup.blueprint.background_noise) ||
            each_lane(d, background_lane!, run.lanes, run.drive, n, run.noise, setup.blueprint.background_gate, run.stimuli.ids,
                      setup.seed, step)
        each_lane(d, cascade_lane!, run.lanes, run.neurons, n, setup.period, run.drive, run.bad, run.stimuli.ids, setup.seed, j, step,
                  setup.dt, run.list, run.counts, run.counters, adding(d))
    end
    each_lane(d, end_step!, 1, run.boundary, run.counters, j)
    observe!(run, step, first_step)
    send!(run, j, step)
    if !membrane && !isempty(setup.blueprint.self)
        workers = *(delivered_at_once(d)...)
        each_lane(d, remember_lane!, workers, workers, run.list, run.counts, run.boundary, j, run.self, run.self_values, run.lanes, step)
    end
    return nothing
end

"Where a stimulus adds: to the drive, to what its receptor adds to, or into its channel's ring."
function into_channel(run::DeviceRun, channel::Int, step::Int)
    channel == 0 && return run.drive, 0
    is_membrane(run.setup.blueprint) && return run.state[run.setup.blueprint.arrivals[channel]], 0
    ring = run.channels[channel].ring
    return ring, mod(step, size(ring, 2)) * run.lanes
end

function apply_filter!(run::DeviceRun, f::DeviceFilter, step::Int)
    k, depth, n = f.kernel, size(f.ring, 2), run.setup.n
    cell(at) = mod(at, depth) * run.lanes
    if k.kind == PASS
        each_lane(run.device, arrive_lane!, run.lanes, run.drive, 0, f.ring, cell(step))
    elseif k.kind == EXPONENTIAL
        each_lane(run.device, exponential_lane!, run.lanes, run.drive, f.trace, f.ring, cell(step), cell(step - k.window), k.decay, k.gain,
                  k.tail, f.gain, n)
    else
        each_lane(run.device, history_lane!, run.lanes, run.drive, f.trace, f.ring, f.values, depth, step, f.gain, n, run.lanes)
    end
    return nothing
end

function send!(run::DeviceRun, j::Int, step::Int)
    d, setup, g = run.device, run.setup, run.setup.blueprint.graded
    groups, width = delivered_at_once(d)
    if g > 0
        copyto!(run.drive, run.state[g])    # delivery may change the variable; the drive is not needed any more
        for p in run.projections
            each_lane(d, deliver_graded!, run.lanes * width, width, run.drive, 0, setup.n, p.offset, p.target, p.weight, p.delay,
                      p.shared_delay, p.ring, 0, p.depth, run.lanes, step, adding(d))
        end
        return nothing
    end
    for p in run.projections
        each_lane(d, deliver_spikes!, groups * width, groups, width, run.list, run.counts, run.boundary, j, setup.n, p.offset, p.target,
                  p.weight, p.delay, p.shared_delay, p.ring, 0, p.depth, run.lanes, step, adding(d))
    end
    return nothing
end

function observe!(run::DeviceRun, step::Int, first_step::Int)
    d, setup = run.device, run.setup
    r = setup.recorder
    if !isempty(r.names) && mod(step + 1, r.every) == 0
        sample, count = samples_before(r, step + 1) - samples_before(r, first_step), length(r.neurons)
        for (name, values) in zip(r.names, run.recorded)
            if name == "rate"
                each_lane(d, rate_lane!, count * length(setup.trials), values, sample, run.record_neurons, count, run.neurons, run.drive,
                          setup.n, setup.dt)
            else
                k = findfirst(==(name), setup.blueprint.variables)
                each_lane(d, record_lane!, count * length(setup.trials), values, sample, run.record_neurons, count,
                          k === nothing ? run.drive : run.state[k], setup.n)
            end
        end
    end
    setup.sum_activity && each_lane(d, activity_lane!, run.lanes, run.activity_sum, run.neurons, run.drive, setup.n, setup.dt)
    return nothing
end

# ---- what comes back --------------------------------------------------------------------------------------------------------

"The spikes of the chunk go to their trials; what failed ends the run, or the candidate."
function fetch_spikes!(run::DeviceRun, m::Int)
    setup, n = run.setup, run.setup.n
    spikes, failures = Array(run.counters)
    failures == 0 || settle_failures!(run)
    boundary = Array(run.boundary)
    list = Array(view(run.list, 1:Int(spikes)))
    counts = run.counts === nothing ? nothing : Array(view(run.counts, 1:Int(spikes)))
    for j in 1:m
        step, here = setup.trials[1].step + j - 1, Int(boundary[j])+1:Int(boundary[j+1])
        step < 0 && continue        # equilibration
        for k in here[sortperm(view(list, here))]
            l = Int(list[k])
            note_spikes!(setup.trials[trial_of(l, n)].parts[1], neuron_in(l, n), counts === nothing ? 1 : Int(counts[k]), step)
        end
    end
    return nothing
end

function note_spikes!(part::Part, i::Int, count::Int, step::Int)
    needed = room_to_record!(part, count)
    part.recorded_neuron[part.n_recorded+1:needed] .= i - 1
    part.recorded_step[part.n_recorded+1:needed] .= step
    part.n_recorded = needed
    return nothing
end

function settle_failures!(run::DeviceRun)
    setup, bad = run.setup, Array(run.bad)
    refresh!(run)
    failed = sort!([(bad[l], l) for l in 1:run.lanes if bad[l] > 0])
    for (j, l) in failed
        trial, i = setup.trials[trial_of(l, setup.n)], neuron_in(l, setup.n)
        step = setup.trials[1].step + j - 1
        if setup.period == 0
            trial.drive[i] = Array(view(run.drive, l:l))[1]
            trial.parts[1].failure = (i, step)
            check_part(run.host, trial, trial.parts[1])
        end
        c, own = (i - 1) ÷ setup.period, (i - 1) % setup.period
        haskey(setup.failed, c) || (setup.failed[c] = what_happened(setup, trial, i, step, own))
    end
    each_lane(run.device, settle_lane!, run.lanes, run.bad)
    each_lane(run.device, clear_lane!, 1, run.counters, 1)
    return nothing
end

"Lets the trials of the setup be where the run is."
refresh!(run::Run) = nothing
function refresh!(run::DeviceRun)
    setup, n = run.setup, run.setup.n
    fetch_noises!(run.stimuli)
    own(b) = (b-1)*n+1:b*n
    free, drive = Array(run.free), Array(run.drive)
    for (k, x) in enumerate(run.state)
        values = Array(x)
        foreach(b -> copyto!(setup.trials[b].state[k], values[own(b)]), 1:length(setup.trials))
    end
    for (b, trial) in enumerate(setup.trials)
        isempty(free) || copyto!(trial.free, free[own(b)])
        run.activity_sum === nothing || copyto!(trial.activity_sum, Array(run.activity_sum)[own(b)])
        run.self === nothing || copyto!(trial.self, Array(run.self)[own(b), :])
        for (f, there) in zip(trial.filters, run.filters), (x, y) in ((f.ring, there.ring), (f.trace, there.trace))
            isempty(x) || copyto!(x, Array(y)[own(b), :])
        end
        for (f, there) in zip(trial.channels, run.channels), (x, y) in ((f.ring, there.ring), (f.trace, there.trace))
            isempty(x) || copyto!(x, Array(y)[own(b), :])
        end
        is_membrane(setup.blueprint) || continue
        for (f, there) in zip(trial.filters, run.projections)
            there.direct || copyto!(f.ring, Array(there.ring)[own(b), :])
        end
    end
    return nothing
end
