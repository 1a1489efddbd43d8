# The distance of van Rossum (2001) as a loss: the filtered difference of spikes and data, step by step, and its adjoint.

"""
Sum over neurons of 2 dt / tau times the sum over steps of (f - g)^2, where f is the train of spikes and g that of the data,
both filtered: by exp(-t / tau) for each spike, or for the most recent one only (`recent`). One spike more costs 1. `root`: of
nothing (0), of the sum of each neuron (1), or of that of all neurons of a trial (2).
"""
struct VanRossumLoss{T} <: Loss{T}
    target::TargetSpikes{T}
    decay::T
    unit::T                     # 2 dt / tau
    recent::Bool
    root::Int
end

loss_state(loss::VanRossumLoss{T}, lanes::Lanes{T}, steps::Int) where {T} =
    LossState{T}([zeros(T, lanes.size) for _ in 1:(loss.recent ? 3 : 2)], zeros(T, lanes.size), zeros(T, lanes.size, steps))

function observe!(loss::VanRossumLoss{T}, lanes::Lanes{T}, state::LossState{T}, first::Int, m::Int) where {T}
    fill_target!(state.scratch, loss.target, lanes, first, m)
    for j in 1:m
        at, mask = (j - 1) * lanes.size, loss.target.mask[first+j]
        if loss.recent
            recent_step!(state.carry[1], state.carry[2], state.carry[3], lanes.seen, state.scratch, at, loss.decay, mask)
        else
            filter_step!(state.carry[1], state.carry[2], lanes.seen, state.scratch, at, loss.decay, mask)
        end
    end
    return nothing
end

"One step of the filtered difference `d`; it takes the place of the target in `scratch`."
function filter_step!(value::Vector{T}, d::Vector{T}, s::Matrix{T}, scratch::Matrix{T}, at::Int, decay::T, mask::T) where {T}
    @inbounds @simd ivdep for l in 1:length(d)
        x = muladd(decay, d[l], s[at+l] - scratch[at+l])
        d[l] = x
        scratch[at+l] = mask * x
        value[l] = muladd(mask * x, x, value[l])
    end
    return nothing
end

function recent_step!(value::Vector{T}, f::Vector{T}, g::Vector{T}, s::Matrix{T}, scratch::Matrix{T}, at::Int, decay::T, mask::T) where {T}
    @inbounds @simd ivdep for l in 1:length(f)
        f[l] = muladd(1 - s[at+l], decay * f[l], s[at+l])
        g[l] = ifelse(scratch[at+l] > 0, one(T), decay * g[l])
        x = f[l] - g[l]
        scratch[at+l] = mask * x
        value[l] = muladd(mask * x, x, value[l])
    end
    return nothing
end

function settle!(loss::VanRossumLoss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}) where {T}
    foreach(state -> fill!(state.back, 0), states)
    weight = loss.target.weight
    loss.root == 2 && return sum(((x, state),) -> sum(sqrt, squares_of_trials(loss, x, state)), zip(lanes, states))
    value(x) = loss.root == 1 ? sqrt(loss.unit * x) : loss.unit * x
    return sum_of_lanes((state, l, i) -> Float64(one_or(weight, i) * value(state.carry[1][l])), lanes, states)
end

"The squared distance of each trial."
squares_of_trials(loss::VanRossumLoss{T}, lanes::Lanes{T}, state::LossState{T}) where {T} =
    Float64[loss.unit * sum(i -> one_or(loss.target.weight, i) * state.carry[1][(b-1)*lanes.n+i], 1:lanes.n)
            for b in 1:length(lanes.trials)]

"The derivative of the roots in the loss, by what they are taken of; where that is 0, so is its derivative by the spikes."
function scale_by_roots!(weights::Vector{T}, loss::VanRossumLoss{T}, lanes::Lanes{T}, state::LossState{T}) where {T}
    loss.root == 0 && return weights
    of_trials = loss.root == 2 ? squares_of_trials(loss, lanes, state) : Float64[]
    for l in 1:occupied(lanes)
        square = loss.root == 2 ? T(of_trials[(l-1)÷lanes.n+1]) : loss.unit * state.carry[1][l]
        weights[l] *= square > 0 ? 1 / (2sqrt(square)) : zero(T)
    end
    return weights
end

"Makes the filtered difference of a segment again, from what was carried into it; `traces`: the filtered spikes before each step."
function filter_again!(traces::Matrix{T}, loss::VanRossumLoss{T}, lanes::Lanes{T}, state::LossState{T}, carry::Vector{Vector{T}},
                       first::Int, m::Int) where {T}
    fill_target!(state.scratch, loss.target, lanes, first, m)
    for j in 1:m
        at, mask = (j - 1) * lanes.size, loss.target.mask[first+j]
        if loss.recent
            copyto!(traces, at + 1, carry[2], 1, lanes.size)
            recent_step!(carry[1], carry[2], carry[3], lanes.seen, state.scratch, at, loss.decay, mask)
        else
            filter_step!(carry[1], carry[2], lanes.seen, state.scratch, at, loss.decay, mask)
        end
    end
    return nothing
end

function pull!(loss::VanRossumLoss{T}, lanes::Lanes{T}, state::LossState{T}, start::Vector{Vector{T}}, first::Int, m::Int,
               scale::T) where {T}
    traces = zeros(T, loss.recent ? lanes.size : 0, loss.recent ? m : 0)
    # Where the segment is the whole run, `observe!` has left the filtered difference.
    if loss.recent || m < length(loss.target.mask)
        filter_again!(traces, loss, lanes, state, map(copy, start), first, m)
    end
    weights = scale_by_roots!(lane_weights(loss.target.weight, lanes, 2 * loss.unit * scale), loss, lanes, state)
    for j in m:-1:1
        at, back, d, into = (j - 1) * lanes.size, state.back, state.scratch, lanes.loss_spikes
        if loss.recent
            s, decay = lanes.seen, loss.decay
            @inbounds @simd ivdep for l in 1:lanes.size
                x = muladd(weights[l], d[at+l], back[l])
                into[at+l] += x * (1 - decay * traces[at+l])
                back[l] = x * decay * (1 - s[at+l])
            end
        else
            decay = loss.decay
            @inbounds @simd ivdep for l in 1:lanes.size
                x = muladd(decay, back[l], weights[l] * d[at+l])
                back[l] = x
                into[at+l] += x
            end
        end
    end
    return nothing
end

function lane_weights(weight::Vector{T}, lanes::Lanes{T}, scale::T) where {T}
    x = zeros(T, lanes.size)
    for l in 1:occupied(lanes)
        x[l] = scale * one_or(weight, neuron_of(lanes, l))
    end
    return x
end
