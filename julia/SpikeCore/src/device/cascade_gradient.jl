# Gradients of cascades on a device: what cascade_adjoint.jl does, lane by lane. What reaches the drive from outside is filled in on
# the host; losses are looked at there, too.

"The lanes of a cascade on a device: `arrived` and `of_trace` as in cascade_adjoint.jl; `sums`: what each constant gets from each lane."
mutable struct DeviceCascade{T}
    lanes::DeviceLanes{T}
    arrived::Any
    of_trace::Any
    sums::Any
    bad::Any
    counters::Any
    self::Any
    values::Any                     # of a kernel given as an array
    gain::Any
    noise::Any
end

function DeviceCascade(d::Device, lanes::Lanes{T}, setup::Setup{T}, steps::Int) where {T}
    b = setup.blueprint
    columns = history(b.coupling) + steps + longest_delay(setup)
    x = DeviceLanes(d, lanes, setup)
    noise = isempty(lanes.noise) ? room(d, T, 0, 0) : put(d, lanes.noise[1])
    return DeviceCascade{T}(x, room(d, T, lanes.size, columns), room(d, T, lanes.size, steps), room(d, T, lanes.size, n_constants(b)),
                            room(d, Int32, lanes.size), room(d, Int32, 2), put(d, b.self), put(d, b.coupling.values),
                            put(d, b.coupling_gain), noise)
end

"Four numbers of the neuron, the gain, what the kernel consists of, the self kernel by lag, and the background's noise."
n_constants(b::Blueprint) = 4 + 1 + (b.coupling.kind == ARRAY ? length(b.coupling.values) : 3) + length(b.self) + 1

function forward!(x::DeviceCascade{T}, problem::CascadeProblem{T}) where {T}
    host, setup, d, m, rule = x.lanes.lanes, problem.setup, x.lanes.device, problem.steps, problem.rule
    y, b = x.lanes, setup.blueprint
    kernel, size, count, past = b.coupling, host.size, occupied(host), history(b.coupling)
    y.cells = on_device(d, problem.cells)
    y.weights = Any[put(d, w) for w in problem.weights]
    foreach(copyto!, (x.self, x.values, x.gain), (b.self, kernel.values, b.coupling_gain))
    fill_drive!(host, setup, problem.noises, problem.first_step, m)
    copyto!(y.input, host.input)
    isempty(host.noise) || copyto!(x.noise, host.noise[1])
    foreach(a -> fill!(a, 0), (x.arrived, y.tape[1], x.bad, x.counters))
    _, width = delivered_at_once(d)
    for j in 1:m
        step, base = problem.first_step + j - 1, (j - 1) * size
        each_lane(d, uniform_lane!, count, y.uniforms, host.n, y.stimuli.ids, setup.seed, step)
        each_lane(d, drive_lane!, count, y.input, y.tape[1], x.arrived, y.spikes, kernel.kind, kernel.decay, kernel.gain, kernel.tail,
                  kernel.window, x.values, x.gain, x.self, host.n, size, j, past)
        each_lane(d, draw_lane!, count, y.cells, y.input, y.activity, y.spikes, y.seen, y.uniforms, rule, x.bad, x.counters, host.n,
                  y.stimuli.ids, setup.seed, base, j, step, setup.dt, adding(d))
        for (p, weight) in zip(y.projections, y.weights)
            each_lane(d, deliver_graded!, count * width, width, y.spikes, base, host.n, p.offset, p.target, weight, p.delay, p.shared_delay,
                      x.arrived, (past + j - 1) * size, Base.size(x.arrived, 2), size, 0, adding(d))
        end
    end
    foreach(copyto!, (host.spikes, host.activity), (y.spikes, y.activity))
    y.seen === y.spikes || copyto!(host.seen, y.seen)
    Array(x.counters)[2] == 0 || name_failure(x, problem)
    return nothing
end

"The first activity that is not admissible ends the evaluation."
function name_failure(x::DeviceCascade, problem::CascadeProblem)
    host, bad = x.lanes.lanes, Array(x.bad)
    j, l = minimum((bad[l], l) for l in 1:occupied(host) if bad[l] > 0)
    what = emission(typeof(at(problem.cells, neuron_of(host, l))))
    refuse_activity(what, host.activity[l, j], neuron_of(host, l), problem.first_step + j - 1,
                    problem.setup.trials[host.trials[trial_of(l, host.n)]].id)
end

function backward!(x::DeviceCascade{T}, problem::CascadeProblem{T}, found::Vector{CascadeConstants}) where {T}
    host, setup, d, m, rule = x.lanes.lanes, problem.setup, x.lanes.device, problem.steps, problem.rule
    y, b = x.lanes, setup.blueprint
    kernel, size, count, past = b.coupling, host.size, occupied(host), history(b.coupling)
    copyto!(y.loss_spikes, host.loss_spikes)
    foreach(a -> fill!(a, 0), (y.of_input, y.history[1], x.of_trace, x.sums))
    for j in m:-1:1
        base = (j - 1) * size
        each_lane(d, copy_lane!, count, y.of_spike, 0, y.loss_spikes, base)
        for (p, weight) in zip(y.projections, y.weights)
            rule.given || each_lane(d, collect_lane!, count, y.of_spike, host.n, p.offset, p.target, weight, p.delay, p.shared_delay,
                                    y.history[1], size, j)
        end
        each_lane(d, undrive_lane!, count, y.cells, y.of_spike, y.of_input, x.of_trace, y.history[1], y.input, y.activity, y.spikes,
                  y.tape[1], x.arrived, x.noise, x.sums, rule, kernel.kind, kernel.decay, kernel.gain, kernel.tail, kernel.window, x.values,
                  x.gain, x.self, host.n, size, j, m, past, setup.dt)
    end
    copyto!(host.of_input, y.of_input)
    isempty(y.history[1]) || copyto!(host.history[1], y.history[1])
    add_sums!(found, Array(x.sums), host, b)
    return nothing
end

"From sums of lanes to the constants of each trial."
function add_sums!(found::Vector{CascadeConstants}, sums::Matrix, host::Lanes, b::Blueprint)
    for l in 1:occupied(host)
        c, i, k = found[trial_of(l, host.n)], neuron_of(host, l), 0
        add(x, at) = (x[length(x) == 1 ? 1 : at] += sums[l, k+=1]; nothing)
        foreach(x -> add(x, i), c.numbers)
        add(c.gain, i)
        foreach(q -> (c.kernel[q] += sums[l, k+=1]), 1:length(c.kernel))
        foreach(q -> (c.self[q] += sums[l, k+=1]), 1:length(c.self))
        isempty(c.noise) || add(c.noise, i)
    end
    return nothing
end

# ---- of each lane ---------------------------------------------------------------------------------------------------------------

"The filtered input of step j, and the drive with it and with what own spikes leave."
function drive_lane!(l::Int, input, trace, arrived, spikes, kind, decay, amount, tail, window::Int, values, gain, self, n::Int, size::Int,
                     j::Int, past::Int)
    base, now = (j - 1) * size, (past + j - 1) * size
    @inbounds begin
        if kind == EXPONENTIAL
            x = muladd(decay, trace[base+l], muladd(amount, arrived[now+l], -tail * arrived[now-window*size+l]))
        else
            x = zero(decay)
            for lag in 0:length(values)-1
                x = muladd(values[lag+1], arrived[now-lag*size+l], x)
            end
        end
        trace[base+size+l] = x
        g = input[base+l] + one_or(gain, neuron_in(l, n)) * x
        for lag in 0:min(length(self), j - 1)-1
            g = muladd(self[lag+1], spikes[base-(lag+1)*size+l], g)
        end
        input[base+l] = g
    end
    return nothing
end

function draw_lane!(l::Int, cells, input, activities, spikes, seen, uniforms, rule::SpikeRule, bad, counters, n::Int, ids, seed::UInt64,
                    base::Int, j::Int, now::Int, dt, way)
    @inbounds begin
        i, id = neuron_in(l, n), ids[trial_of(l, n)]
        model = at(cells, i)
        what = emission(typeof(model))
        mu = activity(model, step(model, nothing, input[base+l], dt), dt)
        activities[base+l] = mu
        if !admissible(what, mu)
            bad[l] == 0 && (bad[l] = j % Int32)
            next!(way, counters, 2)
            return nothing
        end
        expected = what isa Threshold ? smooth(rule.surrogate, mu) : mu
        source = Source(seed, STREAM_FIRE, id)
        s = fires(what, mu, uniforms[l]) ? spike_count(what, mu, uniform(Float64, draw(source, i - 1, now)), source, i - 1, now) : 0
        spikes[base+l] = rule.relaxed ? expected : eltype(spikes)(s)
        rule.visible && (seen[base+l] = expected)
    end
    return nothing
end

"Back through step j: from the adjoint of the spikes to those of drive, filtered input and arrivals, and to the constants."
function undrive_lane!(l::Int, cells, of_spike, of_drive, of_trace, of_arrived, input, activities, spikes, trace, arrived, noise, sums,
                       rule::SpikeRule, kind, decay, amount, tail, window::Int, values, gain, self, n::Int, size::Int, j::Int, m::Int,
                       past::Int, dt)
    base, now, i = (j - 1) * size, (past + j - 1) * size, neuron_in(l, n)
    @inbounds begin
        g = of_spike[l]
        for lag in 0:(rule.given ? 0 : min(length(self), m - j))-1
            g = muladd(self[lag+1], of_drive[base+(lag+1)*size+l], g)
        end
        model = at(cells, i)
        by_drive, by_numbers = activity_slopes(model, input[base+l], dt)
        emission(typeof(model)) isa Threshold && (g *= slope(rule.surrogate, activities[base+l]))
        drive = g * by_drive
        of_drive[base+l] = drive
        filtered = one_or(gain, i) * drive
        kind == EXPONENTIAL && j < m && (filtered = muladd(decay, of_trace[base+size+l], filtered))
        of_trace[base+l] = filtered
        if !isempty(of_arrived)
            x = zero(filtered)
            if kind == EXPONENTIAL
                x = amount * filtered
                j + window > m || (x = muladd(-tail, of_trace[base+window*size+l], x))
            else
                for lag in 0:min(length(values) - 1, m - j)
                    x = muladd(values[lag+1], of_trace[base+lag*size+l], x)
                end
            end
            of_arrived[base+l] = x
        end
        sums[l] += g * by_numbers[1]
        sums[size+l] += g * by_numbers[2]
        sums[2size+l] += g * by_numbers[3]
        sums[3size+l] += g * by_numbers[4]
        sums[4size+l] += drive * trace[base+size+l]
        k = 5 * size
        if kind == EXPONENTIAL
            sums[k+l] += filtered * arrived[now+l]
            sums[k+size+l] += filtered * trace[base+l]
            sums[k+2size+l] -= filtered * arrived[now-window*size+l]
            k += 3 * size
        else
            for lag in 0:length(values)-1
                sums[k+l] += filtered * arrived[now-lag*size+l]
                k += size
            end
        end
        for lag in 0:length(self)-1
            lag < j - 1 && (sums[k+l] += drive * spikes[base-(lag+1)*size+l])
            k += size
        end
        isempty(noise) || (sums[k+l] += drive * noise[base+l])
    end
    return nothing
end
