# What each lane does in a step of a run on a device: the same step functions, in the same order, as in simulate.jl and
# membrane_step.jl. Spikes are listed as they come, by a counter that all lanes share.

function membrane_lane!(l::Int, cells, n::Int, period::Int, state, drive, free, bad, ids, seed::UInt64, j::Int, now::Int, dt::T, list,
                        counters, way) where {T}
    @inbounds begin
        bad[l] == 0 || return nothing
        i, id = neuron_in(l, n), ids[trial_of(l, n)]
        cell, from = at(cells, i), address(i, period)
        M = membrane_type(typeof(cell))
        ready = free[l] <= now % Int32
        xi = white_noise(Val(n_noises(M)), seed, id, from, now, dt)
        y = advance(cell, load(state, l), (I=drive[l], xi=xi, t=T(now) * dt), ifelse(ready, one(T), zero(T)), dt)
        store!(state, y, l)
        sum_of_state = total(y)
        if !(sum_of_state - sum_of_state == 0)
            bad[l] = j % Int32
            next!(way, counters, 2)
            return nothing
        end
        u = needs_random(M) ? uniform(T, draw(Source(seed, STREAM_FIRE, id), from, now)) : zero(T)
        if ready & fire(cell.membrane, y, u, dt)
            store!(state, reset(cell.membrane, y), l)
            free[l] = min(now + refractory_steps(cell.membrane, dt), typemax(Int32)) % Int32
            list[next!(way, counters, 1)] = l % Int32
        end
    end
    return nothing
end

@inline white_noise(::Val{K}, seed::UInt64, id::UInt32, from::Int, now::Int, dt::T) where {K,T} =
    ntuple(k -> white_noise(Source(seed, STREAM_MEMBRANE + UInt32(k), id), from, now, dt), Val(K))
@inline white_noise(source::Source, from::Int, now::Int, dt::T) where {T} = T(normal(source, from, now)) * (1 / sqrt_positive(dt))

function cascade_lane!(l::Int, neurons, n::Int, period::Int, drive, bad, ids, seed::UInt64, j::Int, now::Int, dt::T, list, counts,
                       counters, way) where {T}
    @inbounds begin
        bad[l] == 0 || return nothing
        i = neuron_in(l, n)
        model, source = at(neurons, i), Source(seed, STREAM_FIRE, ids[trial_of(l, n)])
        from = address(i, period)
        bits = draw(source, from, now)
        state = step(model, nothing, drive[l], dt)
        mu = activity(model, state, dt)
        drive[l] = state.drive
        if !admissible(emission(typeof(model)), mu)
            bad[l] = j % Int32
            next!(way, counters, 2)
            return nothing
        end
        if fire(model, state, uniform(T, bits), dt)
            count = spike_count(emission(typeof(model)), mu, uniform(Float64, bits), source, from, now)
            if count > 0
                k = next!(way, counters, 1)
                list[k] = l % Int32
                counts[k] = count % Int32
            end
        end
    end
    return nothing
end

function end_step!(l::Int, boundary, counters, j::Int)
    @inbounds boundary[j+1] = counters[1]
    return nothing
end

"A lane that has failed stands still for good."
function settle_lane!(l::Int, bad)
    @inbounds bad[l] == 0 || (bad[l] = -one(eltype(bad)))
    return nothing
end

function exponential_lane!(l::Int, drive, trace, ring, new::Int, old::Int, decay, gain, tail, scale, n::Int)
    @inbounds begin
        x = muladd(decay, trace[l], muladd(gain, ring[new+l], -tail * ring[old+l]))
        trace[l] = x
        ring[old+l] = 0
        drive[l] = muladd(one_or(scale, neuron_in(l, n)), x, drive[l])
    end
    return nothing
end

function history_lane!(l::Int, drive, trace, ring, values, depth::Int, step::Int, scale, n::Int, lanes::Int)
    @inbounds begin
        x = zero(eltype(drive))
        for lag in 0:length(values)-1
            x = muladd(values[lag+1], ring[mod(step - lag, depth)*lanes+l], x)
        end
        ring[mod(step - length(values) + 1, depth)*lanes+l] = 0
        trace[l] = x
        drive[l] += one_or(scale, neuron_in(l, n)) * x
    end
    return nothing
end

function background_lane!(l::Int, drive, n::Int, amplitude, gate::Float64, ids, seed::UInt64, step::Int)
    i, id = neuron_in(l, n), @inbounds(ids[trial_of(l, n)])
    present = uniform(Float64, draw(Source(seed, STREAM_GATE, id), i - 1, step)) < gate
    size_of_noise = one_or(amplitude, i) * eltype(drive)(normal(Source(seed, STREAM_BACKGROUND, id), i - 1, step))
    @inbounds drive[l] += ifelse(present, size_of_noise, zero(eltype(drive)))
    return nothing
end

"Own spikes of step j will add these values, by lag; worker t goes through every `workers`-th spike."
function remember_lane!(t::Int, workers::Int, list, counts, boundary, j::Int, self, values, lanes::Int, step::Int)
    @inbounds begin
        s, last = Int(boundary[j]) + t, Int(boundary[j+1])
        while s <= last
            for lag in 0:length(values)-1
                self[mod(step + 1 + lag, length(values))*lanes+list[s]] += values[lag+1] * counts[s]
            end
            s += workers
        end
    end
    return nothing
end

function record_lane!(e::Int, values, sample::Int, neurons, count::Int, x, n::Int)
    q, b = (e - 1) % count + 1, (e - 1) ÷ count + 1
    @inbounds values[q, sample, b] = x[(b-1)*n+neurons[q]]
    return nothing
end

function rate_lane!(e::Int, values, sample::Int, neurons, count::Int, cells, drive, n::Int, dt)
    q, b = (e - 1) % count + 1, (e - 1) ÷ count + 1
    @inbounds i = Int(neurons[q])
    @inbounds values[q, sample, b] = rate(at(cells, i), drive[(b-1)*n+i], dt)
    return nothing
end

function activity_lane!(l::Int, sums, cells, drive, n::Int, dt)
    @inbounds sums[l] += rate(at(cells, neuron_in(l, n)), drive[l], dt)
    return nothing
end
