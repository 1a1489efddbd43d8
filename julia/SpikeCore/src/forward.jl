# The loop forward: one step after the other of all lanes, kept on the tape. Its adjoint is in adjoint.jl.

"Advances all lanes over the `m` steps from `first_step` on, and keeps them on the tape."
function forward!(lanes::Lanes{T}, setup::Setup{T}, cells::P, @nospecialize(rule::SpikeRule), weights::Vector{Vector{T}},
                  first_step::Int, m::Int) where {T,P<:Cells}
    C = cell_type(cells)
    M = membrane_type(C)
    tape = ntuple(k -> lanes.tape[k], Val(n_states(C)))
    noise = ntuple(k -> lanes.noise[k], Val(n_noises(M)))
    random = needs_random(M) || rule.stochastic
    empty!(lanes.fired)
    for j in 1:m
        step = first_step + j - 1
        gather!(lanes, setup, j, step)
        random && fill_uniforms!(lanes, setup, step)
        forward_sweep!(lanes, cells, tape, noise, j, step, setup.dt)
        if rule.relaxed || rule.visible || rule.stochastic
            soften!(lanes, rule, needs_random(M), j)
        end
        if rule.relaxed
            soft_reset!(lanes, cells, tape, j, step, setup.dt)
        else
            hard_reset!(lanes, cells, tape, j, step, setup.dt)
        end
        for (projection, weight, ring) in zip(setup.projections, weights, lanes.rings)
            amount = graded(M) == 0 ? lanes.spikes : lanes.tape[graded(M)]
            offset = graded(M) == 0 ? (j - 1) * lanes.size : j * lanes.size
            deliver!(lanes, projection, weight, ring, amount, offset, j, step)
        end
    end
    check_finite(lanes, setup, first_step, m)
    return nothing
end

"What the rings and the stimuli hold for this step reaches the variables."
function gather!(lanes::Lanes{T}, setup::Setup{T}, j::Int, step::Int) where {T}
    for (projection, ring) in zip(setup.projections, lanes.rings)
        projection.direct && continue
        add_scaled!(lanes.tape[projection.into], (j - 1) * lanes.size, ring, row(ring, step), one(T), lanes.size)
        clear_row!(ring, row(ring, step), lanes.size)
    end
    for (x, arriving) in zip(lanes.tape, lanes.arriving)
        isempty(arriving) || add_scaled!(x, (j - 1) * lanes.size, arriving, (j - 1) * lanes.size, one(T), lanes.size)
    end
    return nothing
end

"Adds `scale` times the `size` numbers of `y` behind `from` to those of `x` behind `at`."
function add_scaled!(x::Array{T}, at::Int, y::Array{T}, from::Int, scale::T, size::Int) where {T}
    @inbounds @simd ivdep for l in 1:size
        x[at+l] = muladd(scale, y[from+l], x[at+l])
    end
    return nothing
end
add_scaled!(x::Vector{T}, y::Matrix{T}, from::Int, scale::T) where {T} = add_scaled!(x, 0, y, from, scale, length(x))

function clear_row!(x::Matrix{T}, at::Int, size::Int) where {T}
    @inbounds @simd ivdep for l in 1:size
        x[at+l] = 0
    end
    return nothing
end

@inline at_lane(tape::Tuple, l::Int) = each(x -> @inbounds(x[l]), tape)
@inline put!(tape::Tuple, y::Tuple{}, l::Int) = nothing
@inline function put!(tape::Tuple, y::Tuple, l::Int)
    @inbounds tape[1][l] = y[1]
    return put!(Base.tail(tape), Base.tail(y), l)
end

"One step of all lanes, before resets."
function forward_sweep!(lanes::Lanes{T}, cells::P, tape::NTuple{K,Matrix{T}}, noise::Tuple, j::Int, step::Int, dt::T) where {T,P,K}
    input, x, s, flags, size = lanes.input, lanes.activity, lanes.spikes, lanes.ready, lanes.size
    free, uniforms, base = lanes.free, lanes.uniforms, (j - 1) * size
    @inbounds @simd ivdep for l in 1:size
        forward_lane!(l, cells, tape, noise, input, x, s, flags, free, uniforms, base, size, step, dt)
    end
    return nothing
end

# What is done for one lane is a function of its own, which devices call, too (see device/).

@inline function forward_lane!(l::Int, cells, tape, noise, input, x, s, flags, free, uniforms, base::Int, size::Int, step::Int,
                               dt::T) where {T}
    M = membrane_type(cell_type(cells))
    @inbounds begin
        cell = at(cells, l)
        ready = free[l] <= step % Int32
        xi = each(v -> v[base+l], noise)
        y = advance(cell, at_lane(tape, base + l), (I=input[base+l], xi=xi, t=T(step) * dt), ifelse(ready, one(T), zero(T)), dt)
        put!(tape, y, base + size + l)
        u = needs_random(M) ? uniforms[l] : zero(T)
        x[base+l] = spike_argument(cell.membrane, y, dt)
        s[base+l] = ifelse(ready & fire(cell.membrane, y, u, dt), one(T), zero(T))
        flags[base+l] = ready
    end
    return nothing
end

"Puts the smooth function where it is asked for: into the spikes, or beside them."
function soften!(lanes::Lanes{T}, rule::SpikeRule, drawn::Bool, j::Int) where {T}
    for l in 1:lanes.size
        soften_lane!(l, rule, drawn, lanes.activity, lanes.spikes, lanes.seen, lanes.ready, lanes.uniforms, (j - 1) * lanes.size)
    end
    return nothing
end

@inline function soften_lane!(l::Int, rule::SpikeRule, drawn::Bool, x, s, seen, flags, uniforms, base::Int)
    @inbounds begin
        z = x[base+l]
        y = drawn ? z : z == -Inf ? zero(z) : smooth(rule.surrogate, z)
        y *= flags[base+l]
        rule.stochastic && !drawn && (s[base+l] = uniforms[l] < y)
        rule.relaxed && (s[base+l] = y)
        rule.visible && (seen[base+l] = y)
    end
    return nothing
end

"Whether one of the `count` numbers behind `at` is not 0."
@inline function any_nonzero(x::Matrix{T}, at::Int, count::Int=64) where {T}
    found = flag(T, false)
    @inbounds @simd for l in 1:count
        found |= flag(T, x[at+l] != 0)
    end
    return found != 0
end

"Resets the lanes that spiked."
function hard_reset!(lanes::Lanes{T}, cells::P, tape::Tuple, j::Int, step::Int, dt::T) where {T,P}
    s, size = lanes.spikes, lanes.size
    base = (j - 1) * size
    for block in 0:64:size-1
        any_nonzero(s, base + block) || continue
        for l in block+1:block+64
            hard_reset_lane!(l, cells, tape, s, lanes.free, base, size, step, dt) || continue
            l <= occupied(lanes) && push!(lanes.fired, (l % Int32, j % Int32))
        end
    end
    return nothing
end

@inline function hard_reset_lane!(l::Int, cells, tape, s, free, base::Int, size::Int, step::Int, dt)
    @inbounds s[base+l] == 0 && return false
    membrane = at(cells, l).membrane
    put!(tape, reset(membrane, at_lane(tape, base + size + l)), base + size + l)
    @inbounds free[l] = min(step + refractory_steps(membrane, dt), typemax(Int32)) % Int32
    return true
end

"Moves every lane towards its reset by as much as it spiked; it is refractory where the spike would have been one."
function soft_reset!(lanes::Lanes{T}, cells::P, tape::Tuple, j::Int, step::Int, dt::T) where {T,P}
    for l in 1:lanes.size
        soft_reset_lane!(l, cells, tape, lanes.spikes, lanes.activity, lanes.ready, lanes.free, (j - 1) * lanes.size, lanes.size, step, dt)
    end
    return nothing
end

@inline function soft_reset_lane!(l::Int, cells, tape, s, x, flags, free, base::Int, size::Int, step::Int, dt)
    M = membrane_type(cell_type(cells))
    @inbounds begin
        membrane = at(cells, l).membrane
        y = at_lane(tape, base + size + l)
        amount = s[base+l]
        to = first_of(reset(membrane, y), Val(n_variables(M)))
        put!(tape, each((a, b) -> a + amount * (b - a), first_of(y, Val(n_variables(M))), to), base + size + l)
        if flags[base+l] == 1 && !needs_random(M) && x[base+l] >= 0
            free[l] = min(step + refractory_steps(membrane, dt), typemax(Int32)) % Int32
        end
    end
    return nothing
end

"Whether a row of synapses reaches consecutive neurons."
@inline is_run(target::Vector{Int32}, low::Int64, high::Int64) = @inbounds target[high] - target[low] == high - low

"Sends what `amount` holds behind `offset`, one number per lane, through the synapses."
function deliver!(lanes::Lanes{T}, projection::Projection{T}, weight::Vector{T}, ring::Matrix{T}, amount::Matrix{T}, offset::Int,
                  j::Int, step::Int) where {T}
    synapses, n, size = projection.synapses, lanes.n, lanes.size
    into = projection.direct ? lanes.tape[projection.into] : ring
    for block in 0:64:size-1
        any_nonzero(amount, offset + block) || continue
        for l in block+1:min(block + 64, occupied(lanes))
            @inbounds a = amount[offset+l]
            a == 0 && continue
            b, i = divrem(l - 1, n)
            low, high = synapses.offset[i+1], synapses.offset[i+2]
            low == high && continue
            if !isempty(synapses.delay)
                deliver_delayed!(into, b * n, synapses, weight, a, low, high, step)
            else
                at = (projection.direct ? j * size : row(ring, step + synapses.shared_delay)) + b * n
                deliver_row!(into, at, synapses.target, weight, a, low, high)
            end
        end
    end
    return nothing
end

function deliver_row!(into::Matrix{T}, at::Int, target::Vector{Int32}, weight::Vector{T}, amount::T, low::Int64, high::Int64) where {T}
    if is_run(target, low + 1, high)
        shift = at + target[low+1] - low
        @inbounds @simd ivdep for e in low+1:high
            into[shift+e] += weight[e] * amount
        end
    else
        @inbounds for e in low+1:high
            into[at+target[e]+1] += weight[e] * amount
        end
    end
    return nothing
end

function deliver_delayed!(ring::Matrix{T}, lane::Int, synapses::Connectivity, weight::Vector{T}, amount::T, low::Int64, high::Int64,
                          step::Int) where {T}
    @inbounds for e in low+1:high
        ring[row(ring, step + synapses.delay[e])+lane+synapses.target[e]+1] += weight[e] * amount
    end
    return nothing
end

"Notes the first lane with a number that is not finite behind the last step of the segment, if there is one."
function check_finite(lanes::Lanes{T}, setup::Setup{T}, first_step::Int, m::Int) where {T}
    for (k, x) in enumerate(lanes.tape), l in 1:occupied(lanes)
        isfinite(x[l, m+1]) && continue
        step = findfirst(j -> !isfinite(x[l, j+1]), 1:m)
        b, i = divrem(l - 1, lanes.n)
        fail(setup.blueprint.variables[k], " of neuron ", i, " is no longer finite in step ", first_step + step - 1, " (t = ",
             round((first_step + step) * setup.dt; digits=6), " ms, trial ", setup.trials[lanes.trials[b+1]].id,
             "). A smaller dt, or another method, may help")
    end
    return nothing
end
