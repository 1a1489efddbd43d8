# The adjoint of the loop in forward.jl: from the last step to the first, how the loss depends on the state at the begin of each
# step. The local derivatives come from the step functions, called with dual numbers; spikes are differentiated by a
# surrogate; delivery runs transposed. How the loss depends on weights is summed afterwards, over those that spiked.

"Goes back over the `m` steps of the segment on the tape. Adds what the loss depends on through the numbers `free` of the cells."
function backward!(lanes::Lanes{T}, setup::Setup{T}, cells::P, @nospecialize(rule::SpikeRule), weights::Vector{Vector{T}},
                   free::Vector{Int}, first_step::Int, m::Int) where {T,P<:Cells}
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
            isempty(y) || add_scaled!(x, y, (j - 1) * lanes.size, one(T))
        end
        copyto!(lanes.of_spike, 1, lanes.loss_spikes, (j - 1) * lanes.size + 1, lanes.size)
        for (projection, weight) in zip(setup.projections, weights)
            rule.given && graded(M) == 0 && continue
            collect!(sent, lanes, projection, weight, j)
        end
        rule.detached || rule.given || jump_sweep!(lanes, cells, tape, noise, adjoint, j, step, setup.dt)
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

"How much the loss would change if a lane moved to where its reset leads, by as much as it spiked."
function jump_sweep!(lanes::Lanes{T}, cells::P, tape::NTuple{K,Matrix{T}}, noise::Tuple, adjoint::NTuple{K,Vector{T}}, j::Int,
                     step::Int, dt::T) where {T,P,K}
    input, flags, of_spike, size = lanes.input, lanes.ready, lanes.of_spike, lanes.size
    base = (j - 1) * size
    @inbounds @simd ivdep for l in 1:size
        jump_lane!(l, cells, tape, noise, adjoint, input, flags, of_spike, base, step, dt)
    end
    return nothing
end

@inline function jump_lane!(l::Int, cells, tape, noise, adjoint, input, flags, of_spike, base::Int, step::Int, dt::T) where {T}
    own = Val(n_variables(membrane_type(cell_type(cells))))
    @inbounds begin
        cell = at(cells, l)
        active = ifelse(flags[base+l] != 0, one(T), zero(T))
        xi = each(v -> v[base+l], noise)
        y = advance(cell, at_lane(tape, base + l), (I=input[base+l], xi=xi, t=T(step) * dt), active, dt)
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
    base, surrogate = (j - 1) * size, drawn ? nothing : rule.surrogate
    @inbounds @simd ivdep for l in 1:size
        through_spikes_lane!(l, surrogate, x, flags, of_spike, of_activity, base)
    end
    return nothing
end

"`surrogate`: nothing where spikes are drawn, and their probability is what is differentiated."
@inline function through_spikes_lane!(l::Int, surrogate, x, flags, of_spike, of_activity, base::Int)
    @inbounds g = flags[base+l] * of_spike[l]
    @inbounds of_activity[l] = surrogate === nothing ? g : g * slope(surrogate, x[base+l])
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
    input, flags, s, of_activity, size = lanes.input, lanes.ready, lanes.spikes, lanes.of_activity, lanes.size
    base, of_input = (j - 1) * size, lanes.of_input
    into = Base.size(of_input, 2) > 1 ? base : 0        # one column only where nobody asks for it
    @inbounds @simd ivdep for l in 1:size
        adjoint_lane!(l, cells, tape, noise, adjoint, input, flags, s, of_activity, of_input, base, into, step, dt)
    end
    return nothing
end

@inline function adjoint_lane!(l::Int, cells, tape::NTuple{K,Any}, noise, adjoint, input, flags, s, of_activity, of_input, base::Int,
                               into::Int, step::Int, dt::T) where {K,T}
    N = Val(K + 1)
    @inbounds begin
        active = ifelse(flags[base+l] != 0, one(T), zero(T))
        y = seeded_state(at_lane(tape, base + l), N)
        outside = (I=seeded(input[base+l], N, K + 1), xi=each(v -> v[base+l], noise), t=T(step) * dt)
        p = values_of(contribution(at(cells, l), y, outside, active, dt, s[base+l], at_lane(adjoint, l), of_activity[l]), N, T)
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
    input, flags, s, of_activity, size = lanes.input, lanes.ready, lanes.spikes, lanes.of_activity, lanes.size
    base, numbers, columns = (j - 1) * size, lanes.numbers, columns_of(chosen, lanes.numbers, size)
    @inbounds @simd ivdep for l in 1:size
        numbers_lane!(l, cells, tape, noise, adjoint, input, flags, s, of_activity, numbers, columns, chosen, base, step, dt)
    end
    return nothing
end

"Where the columns of these numbers begin; the last one is not used."
columns_of(chosen::NTuple{4,Int}, numbers, size::Int) = each(c -> (c == 0 ? Base.size(numbers, 2) - 1 : c - 1) * size, chosen)

@inline function numbers_lane!(l::Int, cells, tape, noise, adjoint, input, flags, s, of_activity, numbers, columns::NTuple{4,Int},
                               chosen::NTuple{4,Int}, base::Int, step::Int, dt::T) where {T}
    @inbounds begin
        cell = seeded_cell(at(cells, l), chosen)
        active = ifelse(flags[base+l] != 0, one(T), zero(T))
        outside = (I=input[base+l], xi=each(v -> v[base+l], noise), t=T(step) * dt)
        p = values_of(contribution(cell, at_lane(tape, base + l), outside, active, dt, s[base+l], at_lane(adjoint, l), of_activity[l]),
                      Val(4), T)
        numbers[columns[1]+l] += p[1]
        numbers[columns[2]+l] += p[2]
        numbers[columns[3]+l] += p[3]
        numbers[columns[4]+l] += p[4]
    end
    return nothing
end

"The cell with its numbers `chosen` as variables."
@inline seeded_cell(cell::Cell, chosen::NTuple{4,Int}) = with_partials(cell, flat(cell), chosen)

@generated function with_partials(cell::C, numbers::NTuple{F,T}, chosen::NTuple{4,Int}) where {C,F,T}
    dual(k) = :(Dual{4,T}(numbers[$k], (T(chosen[1] == $k), T(chosen[2] == $k), T(chosen[3] == $k), T(chosen[4] == $k))))
    made = Expr(:tuple, [dual(k) for k in 1:F]...)
    return Expr(:block, Expr(:meta, :inline), :(unflat($(retyped(C, T, Dual{4,T})), $made)))
end
