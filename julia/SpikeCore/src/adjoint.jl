# The adjoint of the loop in lanes.jl: from the last step to the first, how the loss depends on the state at the begin of each
# step. The local derivatives come from the step functions, called with dual numbers; spikes are differentiated by a
# surrogate; delivery runs transposed. How the loss depends on weights is summed afterwards, over those that spiked.

"Goes back over the `m` steps of the segment on the tape. Adds what the loss depends on through the numbers `free` of the cells."
function backward!(lanes::Lanes{T}, setup::Setup{T}, cells::P, rule::SpikeRule, weights::Vector{Vector{T}}, free::Vector{Int},
                   first_step::Int, m::Int) where {T,P<:Cells}
    C = cell_type(cells)
    M = membrane_type(C)
    K = n_states(C)
    tape = ntuple(k -> lanes.tape[k], Val(K))
    noise = ntuple(k -> lanes.noise[k], Val(n_noises(M)))
    adjoint = ntuple(k -> lanes.adjoint[k], Val(K))
    sent = graded(M) == 0 ? lanes.of_spike : lanes.adjoint[graded(M)]
    for j in m:-1:1
        step = first_step + j - 1
        for (x, y) in zip(lanes.adjoint, lanes.loss_states)
            isempty(y) || add_column!(x, y, (j - 1) * lanes.size)
        end
        copyto!(lanes.of_spike, 1, lanes.loss_spikes, (j - 1) * lanes.size + 1, lanes.size)
        for (projection, weight) in zip(setup.projections, weights)
            collect!(sent, lanes, projection, weight, j)
        end
        rule.detached || jump_sweep!(lanes, cells, tape, noise, adjoint, j, step, setup.dt)
        through_spikes!(lanes, rule, needs_random(M), j)
        for k in 1:4:length(free)
            chosen = ntuple(c -> k + c - 1 <= length(free) ? free[k+c-1] : 0, Val(4))
            numbers_sweep!(lanes, cells, tape, noise, adjoint, chosen, j, step, setup.dt)
        end
        adjoint_sweep!(lanes, cells, tape, noise, adjoint, j, step, setup.dt)
        for (x, history) in zip(lanes.adjoint, lanes.history)
            isempty(history) || copyto!(history, (j - 1) * lanes.size + 1, x, 1, lanes.size)
        end
    end
    return nothing
end

function add_column!(x::Vector{T}, y::Matrix{T}, at::Int) where {T}
    @inbounds @simd ivdep for l in 1:length(x)
        x[l] += y[at+l]
    end
    return nothing
end

"How much the loss would change if a lane moved to where its reset leads, by as much as it spiked."
function jump_sweep!(lanes::Lanes{T}, cells::P, tape::NTuple{K,Matrix{T}}, noise::Tuple, adjoint::NTuple{K,Vector{T}}, j::Int,
                     step::Int, dt::T) where {T,P,K}
    M = membrane_type(cell_type(cells))
    input, flags, of_spike, size = lanes.input, lanes.ready, lanes.of_spike, lanes.size
    base, time = (j - 1) * size, T(step) * dt
    own = Val(n_variables(M))
    @inbounds @simd ivdep for l in 1:size
        cell = at(cells, l)
        active = ifelse(flags[base+l] != 0, one(T), zero(T))
        xi = each(v -> v[base+l], noise)
        y = advance(cell, at_lane(tape, base + l), (I=input[base+l], xi=xi, t=time), active, dt)
        to = first_of(reset(cell.membrane, y), own)
        lambda = first_of(at_lane(adjoint, l), own)
        of_spike[l] += inner(lambda, each((a, b) -> a - b, to, first_of(y, own)))
    end
    return nothing
end

@inline inner(a::Tuple{}, b::Tuple{}) = false
@inline inner(a::Tuple, b::Tuple) = a[1] * b[1] + inner(Base.tail(a), Base.tail(b))

"From the adjoint of the spikes to that of what they depend on."
function through_spikes!(lanes::Lanes{T}, rule::SpikeRule, drawn::Bool, j::Int) where {T}
    x, flags, of_spike, of_activity, size = lanes.activity, lanes.ready, lanes.of_spike, lanes.of_activity, lanes.size
    base, surrogate = (j - 1) * size, rule.surrogate
    if drawn
        @inbounds @simd ivdep for l in 1:size
            of_activity[l] = flags[base+l] * of_spike[l]
        end
    else
        @inbounds @simd ivdep for l in 1:size
            of_activity[l] = flags[base+l] * of_spike[l] * slope(surrogate, x[base+l])
        end
    end
    return nothing
end

"""
The sum that a step of one lane contributes, as a function of its state, its input and the numbers of its cell: `lambda` times the
state behind the step, the reset included, and `lx` times what its spike depends on.
"""
@inline function contribution(cell::Cell{S,M,R}, y::Tuple, input, active, dt, s, lambda::Tuple, lx) where {S,M,R}
    behind = advance(cell, y, input, active, dt)
    own = Val(n_variables(M))
    moved, weights = first_of(behind, own), first_of(lambda, own)
    to = first_of(reset(cell.membrane, behind), own)
    x = spike_argument(cell.membrane, behind, dt)
    return weighted(each(w -> w * (1 - s), weights), moved) + weighted(each(w -> w * s, weights), to) +
           weighted(rest_of(lambda, own), rest_of(behind, own)) + partials_times(lx, x)
end

"The partial derivatives of a sum of products with plain numbers; a plain number has none."
@inline weighted(a::Tuple{}, b::Tuple{}) = NoPartials()
@inline weighted(a::Tuple, b::Tuple) = partials_times(a[1], b[1]) + weighted(Base.tail(a), Base.tail(b))

struct NoPartials end
struct Partials{N,T}
    values::NTuple{N,T}
end
@inline partials_times(a, x::Dual{N,T}) where {N,T} = Partials{N,T}(each(p -> a * p, x.partials))
@inline partials_times(a, x::Real) = NoPartials()
@inline Base.:+(a::Partials{N,T}, b::Partials{N,T}) where {N,T} = Partials{N,T}(each(+, a.values, b.values))
@inline Base.:+(a::Partials, ::NoPartials) = a
@inline Base.:+(::NoPartials, b::Partials) = b
@inline Base.:+(::NoPartials, ::NoPartials) = NoPartials()
@inline values_of(p::Partials{N,T}, ::Val{N}, ::Type{T}) where {N,T} = p.values
@inline values_of(::NoPartials, ::Val{N}, ::Type{T}) where {N,T} = ntuple(_ -> zero(T), Val(N))

"From the adjoint behind the step to that before it, and that of the input."
function adjoint_sweep!(lanes::Lanes{T}, cells::P, tape::NTuple{K,Matrix{T}}, noise::Tuple, adjoint::NTuple{K,Vector{T}}, j::Int,
                        step::Int, dt::T) where {T,P,K}
    N = Val(K + 1)
    input, flags, s, of_activity, size = lanes.input, lanes.ready, lanes.spikes, lanes.of_activity, lanes.size
    base, time = (j - 1) * size, T(step) * dt
    of_input, keeps = lanes.of_input, !isempty(lanes.of_input)
    into = keeps ? base : 0
    of_input = keeps ? of_input : lanes.of_spike
    @inbounds @simd ivdep for l in 1:size
        cell = at(cells, l)
        active = ifelse(flags[base+l] != 0, one(T), zero(T))
        y = seeded_state(at_lane(tape, base + l), N)
        I = seeded(input[base+l], N, K + 1)
        xi = each(v -> v[base+l], noise)
        p = values_of(contribution(cell, y, (I=I, xi=xi, t=time), active, dt, s[base+l], at_lane(adjoint, l), of_activity[l]), N, T)
        put!(adjoint, first_of(p, Val(K)), l)
        of_input[into+l] = p[K+1]
    end
    return nothing
end

@generated seeded_state(y::NTuple{K,T}, ::Val{N}) where {K,T,N} =
    Expr(:block, Expr(:meta, :inline), Expr(:tuple, [:(seeded(y[$k], Val($N), $k)) for k in 1:K]...))

"Adds what the loss depends on through the numbers `chosen` (0: none) of each lane's cell."
function numbers_sweep!(lanes::Lanes{T}, cells::P, tape::NTuple{K,Matrix{T}}, noise::Tuple, adjoint::NTuple{K,Vector{T}},
                        chosen::NTuple{4,Int}, j::Int, step::Int, dt::T) where {T,P,K}
    C = cell_type(cells)
    input, flags, s, of_activity, size = lanes.input, lanes.ready, lanes.spikes, lanes.of_activity, lanes.size
    base, time, numbers = (j - 1) * size, T(step) * dt, lanes.numbers
    columns = each(c -> (max(c, 1) - 1) * size, chosen)
    @inbounds @simd ivdep for l in 1:size
        cell = seeded_cell(at(cells, l), chosen)
        active = ifelse(flags[base+l] != 0, one(T), zero(T))
        xi = each(v -> v[base+l], noise)
        p = values_of(contribution(cell, at_lane(tape, base + l), (I=input[base+l], xi=xi, t=time), active, dt, s[base+l],
                                   at_lane(adjoint, l), of_activity[l]), Val(4), T)
        numbers[columns[1]+l] += p[1]
        chosen[2] > 0 && (numbers[columns[2]+l] += p[2])
        chosen[3] > 0 && (numbers[columns[3]+l] += p[3])
        chosen[4] > 0 && (numbers[columns[4]+l] += p[4])
    end
    return nothing
end

"The cell with its numbers `chosen` as variables."
@inline seeded_cell(cell::Cell, chosen::NTuple{4,Int}) = with_partials(cell, flat(cell), chosen)

@generated function with_partials(cell::C, numbers::NTuple{F,T}, chosen::NTuple{4,Int}) where {C,F,T}
    dual(k) = :(Dual{4,T}(numbers[$k], (T(chosen[1] == $k), T(chosen[2] == $k), T(chosen[3] == $k), T(chosen[4] == $k))))
    made = Expr(:tuple, [dual(k) for k in 1:F]...)
    return Expr(:block, Expr(:meta, :inline), :(unflat($(retyped_from(C, T, Dual{4,T})), $made)))
end

"The type with `D` for every number of type `T`."
function retyped_from(::Type{M}, ::Type{T}, ::Type{D}) where {M,T,D}
    M === T && return D
    isempty(M.parameters) && return M
    return Core.apply_type(M.name.wrapper, map(p -> p isa Type ? retyped_from(p, T, D) : p, M.parameters)...)
end

# ---- through synapses -------------------------------------------------------------------------------------------------------

"Adds to `sent`, the adjoint of what each lane sends in step j: the sum over its synapses of weight times the adjoint where it arrives."
function collect!(sent::Vector{T}, lanes::Lanes{T}, projection::Projection{T}, weight::Vector{T}, j::Int) where {T}
    history, synapses = lanes.history[projection.into], projection.synapses
    if !isempty(synapses.delay)
        collect_delayed!(sent, lanes, history, synapses, weight, j)
    elseif length(lanes.trials) < 4
        collect_each!(sent, lanes, history, synapses, weight, (j - 1 + synapses.shared_delay) * lanes.size)
    else
        collect_together!(sent, lanes, history, synapses, weight, (j - 1 + synapses.shared_delay) * lanes.size)
    end
    return nothing
end

function collect_each!(sent::Vector{T}, lanes::Lanes{T}, history::Matrix{T}, synapses::Connectivity, weight::Vector{T}, at::Int) where {T}
    n, offset, target = lanes.n, synapses.offset, synapses.target
    for b in 0:length(lanes.trials)-1, i in 1:n
        low, high = offset[i], offset[i+1]
        low == high && continue
        total = zero(T)
        if is_run(target, low + 1, high)
            shift = at + b * n + target[low+1] - low
            @inbounds @simd for e in low+1:high
                total += weight[e] * history[shift+e]
            end
        else
            shift = at + b * n + 1
            @inbounds @simd for e in low+1:high
                total += weight[e] * history[shift+target[e]]
            end
        end
        sent[b*n+i] += total
    end
    return nothing
end

const ACROSS = 16

"""
The same for several trials: the adjoint is laid out with trials side by side, so that each synapse is read once for all of
them and its contribution is one vector.
"""
function collect_together!(sent::Vector{T}, lanes::Lanes{T}, history::Matrix{T}, synapses::Connectivity, weight::Vector{T}, at::Int) where {T}
    n, trials = lanes.n, length(lanes.trials)
    length(lanes.across) == ACROSS * n || (lanes.across = zeros(T, ACROSS * n); lanes.sums = zeros(T, 4ACROSS))
    for first in 0:ACROSS:trials-1
        width = min(ACROSS, trials - first)
        lay_across!(lanes.across, history, at + first * n, n, width)
        rows_across!(sent, first * n, n, width, lanes.across, lanes.sums, synapses.offset, synapses.target, weight)
    end
    return nothing
end

function lay_across!(across::Vector{T}, history::Matrix{T}, at::Int, n::Int, width::Int) where {T}
    @inbounds for b in 0:width-1, i in 0:n-1
        across[ACROSS*i+b+1] = history[at+b*n+i+1]
    end
    return nothing
end

function rows_across!(sent::Vector{T}, lane::Int, n::Int, width::Int, across::Vector{T}, sums::Vector{T}, offset::Vector{Int64},
                      target::Vector{Int32}, weight::Vector{T}) where {T}
    for i in 1:n
        low, high = offset[i], offset[i+1]
        low == high && continue
        row_across!(sums, across, target, weight, low, high)
        @inbounds for b in 0:width-1
            sent[lane+b*n+i] += sums[b+1]
        end
    end
    return nothing
end

@inline function row_across!(sums::Vector{T}, across::Vector{T}, target::Vector{Int32}, weight::Vector{T}, low::Int64, high::Int64) where {T}
    @inbounds @simd ivdep for b in 1:ACROSS
        sums[b] = 0
    end
    e = low
    @inbounds while e + 8 <= high
        p1, p2, p3, p4 = ACROSS * target[e+1], ACROSS * target[e+2], ACROSS * target[e+3], ACROSS * target[e+4]
        p5, p6, p7, p8 = ACROSS * target[e+5], ACROSS * target[e+6], ACROSS * target[e+7], ACROSS * target[e+8]
        w1, w2, w3, w4, w5, w6, w7, w8 = weight[e+1], weight[e+2], weight[e+3], weight[e+4], weight[e+5], weight[e+6], weight[e+7], weight[e+8]
        @simd ivdep for b in 1:ACROSS
            x = muladd(w1, across[p1+b], sums[b])
            x = muladd(w2, across[p2+b], x)
            x = muladd(w3, across[p3+b], x)
            x = muladd(w4, across[p4+b], x)
            x = muladd(w5, across[p5+b], x)
            x = muladd(w6, across[p6+b], x)
            x = muladd(w7, across[p7+b], x)
            sums[b] = muladd(w8, across[p8+b], x)
        end
        e += 8
    end
    @inbounds while e < high
        p1, w1 = ACROSS * target[e+1], weight[e+1]
        @simd ivdep for b in 1:ACROSS
            sums[b] = muladd(w1, across[p1+b], sums[b])
        end
        e += 1
    end
    return nothing
end

function collect_delayed!(sent::Vector{T}, lanes::Lanes{T}, history::Matrix{T}, synapses::Connectivity, weight::Vector{T}, j::Int) where {T}
    n, offset, target, delay, size = lanes.n, synapses.offset, synapses.target, synapses.delay, lanes.size
    for b in 0:length(lanes.trials)-1, i in 1:n
        total = zero(T)
        @inbounds for e in offset[i]+1:offset[i+1]
            total += weight[e] * history[(j-1+delay[e])*size+b*n+target[e]+1]
        end
        sent[b*n+i] += total
    end
    return nothing
end

"""
    weight_gradients!(gradient, groups, setup, k, rows, first_step, m)

Adds what the loss depends on through the weights of projection `k`, for presynaptic neurons `rows`: what was sent in each step
times the adjoint where it arrived. Work follows spikes; of each weight the steps are summed in one order, so that the result
is the same for any number of threads.
"""
function weight_gradients!(gradient::Vector{T}, groups::Vector{Lanes{T}}, setup::Setup{T}, k::Int, rows::UnitRange{Int}, m::Int) where {T}
    projection = setup.projections[k]
    synapses, g = projection.synapses, setup.blueprint.graded
    for i in rows
        low, high = synapses.offset[i], synapses.offset[i+1]
        low == high && continue
        for lanes in groups
            amount = g == 0 ? lanes.spikes : lanes.tape[g]
            ahead = g == 0 ? 0 : lanes.size
            history = lanes.history[projection.into]
            for b in 0:length(lanes.trials)-1
                weight_gradients_of!(gradient, lanes, history, synapses, amount, b * lanes.n, i, ahead, low, high, m)
            end
        end
    end
    return nothing
end

function weight_gradients_of!(gradient::Vector{T}, lanes::Lanes{T}, history::Matrix{T}, synapses::Connectivity, amount::Matrix{T},
                              lane::Int, i::Int, ahead::Int, low::Int64, high::Int64, m::Int) where {T}
    size, target, delay = lanes.size, synapses.target, synapses.delay
    for j in 1:m
        @inbounds a = amount[(j-1)*size+ahead+lane+i]
        a == 0 && continue
        if !isempty(delay)
            @inbounds for e in low+1:high
                gradient[e] = muladd(a, history[(j-1+delay[e])*size+lane+target[e]+1], gradient[e])
            end
            continue
        end
        at = (j - 1 + synapses.shared_delay) * size + lane
        if is_run(target, low + 1, high)
            shift = at + target[low+1] - low
            @inbounds @simd ivdep for e in low+1:high
                gradient[e] = muladd(a, history[shift+e], gradient[e])
            end
        else
            @inbounds @simd ivdep for e in low+1:high
                gradient[e] = muladd(a, history[at+target[e]+1], gradient[e])
            end
        end
    end
    return nothing
end
