# Gradients on a device: the loop of forward.jl and its adjoint, lane by lane, by the same functions. The tape stays on the device;
# what losses look at comes back, and what they say of it goes there, a segment at a time.

mutable struct DeviceLanes{T}
    device::Device
    lanes::Lanes{T}                 # on the host: what losses see, and the state between segments
    stimuli::DeviceStimuli{T}
    cells::Any
    weights::Vector{Any}
    projections::Vector{Any}
    senders::Vector{Any}            # per projection: the neuron that each synapse comes from
    tape::Tuple
    input::Any
    arriving::Vector{Any}
    noise::Tuple
    activity::Any
    spikes::Any
    seen::Any
    ready::Any
    free::Any
    uniforms::Any
    rings::Vector{Any}
    adjoint::Tuple
    of_spike::Any
    of_activity::Any
    of_input::Any
    history::Vector{Any}
    loss_spikes::Any
    loss_states::Vector{Any}
    numbers::Any
end

function DeviceLanes(d::Device, lanes::Lanes{T}, setup::Setup{T}) where {T}
    there(x) = put(d, x)
    spikes = there(lanes.spikes)
    senders = Any[there(reduce(vcat, [fill(Int32(i), p.synapses.offset[i+1] - p.synapses.offset[i]) for i in 1:setup.n]; init=Int32[]))
                  for p in setup.projections]
    rings = Any[there(x) for x in lanes.rings]
    return DeviceLanes{T}(
        d, lanes, DeviceStimuli(d, setup, setup.trials[lanes.trials]), nothing, Any[],
        Any[DeviceProjection(d, p, p.synapses.weight, ring) for (p, ring) in zip(setup.projections, rings)], senders,
        Tuple(map(there, lanes.tape)), there(lanes.input), Any[there(x) for x in lanes.arriving], Tuple(map(there, lanes.noise)),
        there(lanes.activity), spikes, lanes.seen === lanes.spikes ? spikes : there(lanes.seen), there(lanes.ready), there(lanes.free),
        there(lanes.uniforms), rings, Tuple(map(there, lanes.adjoint)), there(lanes.of_spike), there(lanes.of_activity),
        there(lanes.of_input), Any[there(x) for x in lanes.history], there(lanes.loss_spikes), Any[there(x) for x in lanes.loss_states],
        there(lanes.numbers))
end

"Takes the cells and the weights of the next evaluation."
function load!(x::DeviceLanes, problem, p::Int)
    x.lanes.trials == map(trial -> trial.column, x.stimuli.trials) ||
        (x.stimuli = DeviceStimuli(x.device, problem.setup, problem.setup.trials[x.lanes.trials]))
    x.cells = on_device(x.device, problem.tiled[p])
    x.weights = Any[put(x.device, w) for w in problem.weights]
    return nothing
end

# ---- forward --------------------------------------------------------------------------------------------------------------------

function go_forward!(x::DeviceLanes{T}, problem, p::Int, first_step::Int, m::Int) where {T}
    lanes, setup, d, rule = x.lanes, problem.setup, x.device, problem.rule
    M = membrane_type(cell_type(x.cells))
    size, count = lanes.size, occupied(lanes)
    begin_segment!(x, setup, first_step, m)
    for j in 1:m
        step, base = first_step + j - 1, (j - 1) * size
        stimulate!(x.stimuli, setup, channel -> (channel == 0 ? x.input : x.arriving[setup.blueprint.arrivals[channel]], base), j, step)
        for (k, noise) in enumerate(x.noise)
            each_lane(d, white_lane!, count, noise, base, lanes.n, x.stimuli.ids, setup.seed, STREAM_MEMBRANE + UInt32(k), step, setup.dt)
        end
        for p in x.projections
            p.direct || each_lane(d, arrive_lane!, count, x.tape[p.into], base, p.ring, mod(step, p.depth) * size)
        end
        for (variable, arriving) in zip(x.tape, x.arriving)
            isempty(arriving) || each_lane(d, add_lane!, count, variable, base, arriving, base)
        end
        if needs_random(M) || rule.stochastic
            each_lane(d, uniform_lane!, count, x.uniforms, lanes.n, x.stimuli.ids, setup.seed, step)
        end
        each_lane(d, forward_lane!, count, x.cells, x.tape, x.noise, x.input, x.activity, x.spikes, x.ready, x.free, x.uniforms, base,
                  size, step, setup.dt)
        if rule.relaxed || rule.visible || rule.stochastic
            each_lane(d, soften_lane!, count, rule, needs_random(M), x.activity, x.spikes, x.seen, x.ready, x.uniforms, base)
        end
        if rule.relaxed
            each_lane(d, soft_reset_lane!, count, x.cells, x.tape, x.spikes, x.activity, x.ready, x.free, base, size, step, setup.dt)
        else
            each_lane(d, hard_reset_lane!, count, x.cells, x.tape, x.spikes, x.free, base, size, step, setup.dt)
        end
        amount, from = graded(M) == 0 ? (x.spikes, base) : (x.tape[graded(M)], base + size)
        _, width = delivered_at_once(d)
        for (p, weight) in zip(x.projections, x.weights)
            ring, to = p.direct ? (x.tape[p.into], base + size) : (p.ring, 0)
            each_lane(d, deliver_graded!, count * width, width, amount, from, lanes.n, p.offset, p.target, weight, p.delay, p.shared_delay,
                      ring, to, p.depth, size, step, adding(d))
        end
    end
    end_segment!(x, problem, first_step, m)
    return nothing
end

"The state at the begin goes to the device."
function begin_segment!(x::DeviceLanes, setup::Setup, first_step::Int, m::Int)
    lanes = x.lanes
    for (there, here) in zip(x.tape, lanes.tape)
        copyto!(there, 1, here, 1, lanes.size)
    end
    copyto!(x.free, lanes.free)
    foreach((there, here) -> isempty(here) || copyto!(there, here), x.rings, lanes.rings)
    fill!(x.input, 0)
    foreach(a -> isempty(a) || fill!(a, 0), x.arriving)
    for (b, trial) in enumerate(x.stimuli.trials)
        trial.step = first_step
        lanes.noise_start[b] = deepcopy(trial.noises)
    end
    give_noises!(x.stimuli)
    evaluate_waves!(x.stimuli, setup, m)
    return nothing
end

"What losses look at, and the state behind the segment, come back."
function end_segment!(x::DeviceLanes, problem, first_step::Int, m::Int)
    lanes, setup = x.lanes, problem.setup
    g = setup.blueprint.graded
    copyto!(lanes.spikes, x.spikes)
    x.seen === x.spikes || copyto!(lanes.seen, x.seen)
    watch = Int[k for loss in problem.losses for k in watched(loss)]
    for (k, (there, here)) in enumerate(zip(x.tape, lanes.tape))
        whole = k in watch || k == g
        whole ? copyto!(here, there) : copyto!(here, m * lanes.size + 1, there, m * lanes.size + 1, lanes.size)
    end
    copyto!(lanes.free, x.free)
    foreach((there, here) -> isempty(here) || copyto!(here, there), x.rings, lanes.rings)
    fetch_noises!(x.stimuli)
    if any(here -> any(!isfinite, view(here, 1:occupied(lanes), m + 1)), lanes.tape)
        foreach((there, here) -> copyto!(here, there), x.tape, lanes.tape)
        check_finite(lanes, setup, first_step, m)
    end
    empty!(lanes.fired)
    problem.rule.relaxed && return nothing
    for j in 1:m, block in 0:64:lanes.size-1
        any_nonzero(lanes.spikes, (j - 1) * lanes.size + block) || continue
        for l in block+1:min(block + 64, occupied(lanes))
            lanes.spikes[l, j] == 0 || push!(lanes.fired, (l % Int32, j % Int32))
        end
    end
    return nothing
end

# ---- back -----------------------------------------------------------------------------------------------------------------------

function go_back!(x::DeviceLanes{T}, problem, p::Int, free::Vector{Int}, first_step::Int, m::Int) where {T}
    lanes, setup, d, rule = x.lanes, problem.setup, x.device, problem.rule
    M = membrane_type(cell_type(x.cells))
    size, count, drawn = lanes.size, occupied(lanes), needs_random(M)
    sent = graded(M) == 0 ? x.of_spike : x.adjoint[graded(M)]
    copyto!(x.loss_spikes, lanes.loss_spikes)
    foreach((there, here) -> isempty(here) || copyto!(there, here), x.loss_states, lanes.loss_states)
    for j in m:-1:1
        step, base = first_step + j - 1, (j - 1) * size
        for (adjoint, y) in zip(x.adjoint, x.loss_states)
            isempty(y) || each_lane(d, add_lane!, count, adjoint, 0, y, base)
        end
        each_lane(d, copy_lane!, count, x.of_spike, 0, x.loss_spikes, base)
        for (p, weight) in zip(x.projections, x.weights)
            rule.given && graded(M) == 0 && continue
            each_lane(d, collect_lane!, count, sent, lanes.n, p.offset, p.target, weight, p.delay, p.shared_delay, x.history[p.into], size, j)
        end
        rule.detached || rule.given ||
            each_lane(d, jump_lane!, count, x.cells, x.tape, x.noise, x.adjoint, x.input, x.ready, x.of_spike, base, step, setup.dt)
        each_lane(d, through_spikes_lane!, count, drawn ? nothing : rule.surrogate, x.activity, x.ready, x.of_spike, x.of_activity, base)
        for k in 1:4:length(free)
            chosen = ntuple(c -> k + c - 1 <= length(free) ? free[k+c-1] : 0, Val(4))
            each_lane(d, numbers_lane!, count, x.cells, x.tape, x.noise, x.adjoint, x.input, x.ready, x.spikes, x.of_activity, x.numbers,
                      columns_of(chosen, x.numbers, size), chosen, base, step, setup.dt)
        end
        into = Base.size(x.of_input, 2) > 1 ? base : 0
        each_lane(d, adjoint_lane!, count, x.cells, x.tape, x.noise, x.adjoint, x.input, x.ready, x.spikes, x.of_activity, x.of_input, base,
                  into, step, setup.dt)
        for (adjoint, history) in zip(x.adjoint, x.history)
            isempty(history) || each_lane(d, copy_lane!, count, history, base, adjoint, 0)
        end
    end
    if Base.size(x.of_input, 2) > 1      # stimuli are free
        copyto!(lanes.of_input, x.of_input)
        foreach((there, here) -> isempty(here) || copyto!(here, there), x.history, lanes.history)
    end
    return nothing
end

"What was summed over the run comes back."
function fetch_adjoint!(x::DeviceLanes)
    copyto!(x.lanes.numbers, x.numbers)
    foreach(copyto!, x.lanes.adjoint, x.adjoint)
    return nothing
end

"As `add_weight_gradients!` of the processor: every synapse looks at the spikes of the neuron that it comes from."
function add_weight_gradients!(gradient::Vector{T}, x::DeviceLanes{T}, setup::Setup{T}, k::Int) where {T}
    d, lanes, p, g = x.device, x.lanes, x.projections[k], setup.blueprint.graded
    isempty(gradient) && return nothing
    amount, ahead = g == 0 ? (x.spikes, 0) : (x.tape[g], lanes.size)
    found = room(d, T, length(gradient))
    trial, step = put(d, Int32[b for (b, _) in lanes.sent_at]), put(d, Int32[j for (_, j) in lanes.sent_at])
    each_lane(d, weight_lane!, length(gradient), found, x.senders[k], put(d, lanes.sent_pointer), trial, step, amount, ahead,
              x.history[p.into], p.target, p.delay, p.shared_delay, lanes.n, lanes.size)
    gradient .+= Array(found)
    return nothing
end

# ---- of each lane ---------------------------------------------------------------------------------------------------------------

function add_lane!(l::Int, x, at::Int, y, from::Int)
    @inbounds x[at+l] += y[from+l]
    return nothing
end

function copy_lane!(l::Int, x, at::Int, y, from::Int)
    @inbounds x[at+l] = y[from+l]
    return nothing
end

function white_lane!(l::Int, noise, at::Int, n::Int, ids, seed::UInt64, stream::UInt32, step::Int, dt)
    source = Source(seed, stream, @inbounds(ids[trial_of(l, n)]))
    @inbounds noise[at+l] = white_noise(source, neuron_in(l, n) - 1, step, dt)
    return nothing
end

function uniform_lane!(l::Int, uniforms, n::Int, ids, seed::UInt64, step::Int)
    source = Source(seed, STREAM_FIRE, @inbounds(ids[trial_of(l, n)]))
    @inbounds uniforms[l] = uniform(eltype(uniforms), draw(source, neuron_in(l, n) - 1, step))
    return nothing
end

"Adds to the adjoint of what a lane sends in step j what it gets back through its synapses."
function collect_lane!(l::Int, sent, n::Int, offset, target, weight, delay, shared_delay::Int, history, size::Int, j::Int)
    pre, at = neuron_in(l, n), (trial_of(l, n) - 1) * n
    @inbounds begin
        total = zero(eltype(sent))
        for e in offset[pre]+1:offset[pre+1]
            lag = isempty(delay) ? shared_delay : Int(delay[e])
            total = muladd(weight[e], history[(j-1+lag)*size+at+target[e]+1], total)
        end
        sent[l] += total
    end
    return nothing
end

"How the loss depends on synapse e: what its neuron sent in each step times the adjoint where that arrived."
function weight_lane!(e::Int, gradient, senders, pointer, trial, step, amount, ahead::Int, history, target, delay, shared_delay::Int,
                      n::Int, size::Int)
    @inbounds begin
        i, total = Int(senders[e]), zero(eltype(gradient))
        lag = isempty(delay) ? shared_delay : Int(delay[e])
        for s in pointer[i]+1:pointer[i+1]
            lane, j = Int(trial[s]) * n, Int(step[s])
            total = muladd(amount[(j-1)*size+ahead+lane+i], history[(j-1+lag)*size+lane+target[e]+1], total)
        end
        gradient[e] += total
    end
    return nothing
end
