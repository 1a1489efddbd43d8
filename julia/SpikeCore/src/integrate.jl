# Integration over one step. A membrane model gives its rates of change (or, for models that are defined in discrete time,
# its step); here they become the step of a cell, by the method that was asked for. All of it is free of branches.

struct Euler end
struct ExponentialEuler end
struct RK2 end
struct RK4 end
struct SemiImplicitEuler end
struct Discrete end

"""
Exact solution of a linear membrane over one step, the external current held: rows `membrane` of the propagator take all
variables, `blocks` those of each receptor alone; `constant` and `gain` (per unit of current) are added to the membrane.
"""
struct Exact{A,B,C}
    membrane::A
    blocks::B
    constant::C
    gain::C
end

"A neuron: how it is integrated, its membrane, and its receptors."
struct Cell{S,M,R<:Tuple}
    scheme::S
    membrane::M
    receptors::R
end

n_states(::Type{Cell{S,M,R}}) where {S,M,R} = n_variables(M) + count_states(R)

"The sum of products, written out, from the last to the first."
@generated function dot(a::Tuple, b::Tuple)
    fieldcount(a) == 0 && return 0
    sum_of_rest = :(a[$(fieldcount(a))] * b[$(fieldcount(a))])
    for k in fieldcount(a)-1:-1:1
        sum_of_rest = :(muladd(a[$k], b[$k], $sum_of_rest))
    end
    return Expr(:block, Expr(:meta, :inline), sum_of_rest)
end

"What the rates of a held variable are multiplied with: `active` is 1, or 0 while the neuron is refractory."
@inline hold(::Tuple{}, ::Tuple{}, active) = ()
@inline hold(rates::Tuple, held::Tuple, active) =
    (held[1] ? rates[1] * active : rates[1], hold(Base.tail(rates), Base.tail(held), active)...)

# `map` over tuples of any length: Base's takes another, slow way for those of more than 15.
@generated function each(f, a::Tuple, others::Tuple...)
    calls = [:(f(a[$k], $([:(others[$j][$k]) for j in 1:length(others)]...))) for k in 1:fieldcount(a)]
    return Expr(:block, Expr(:meta, :inline), Expr(:tuple, calls...))
end

"Rates of change of all variables `y` of a cell."
@inline function rates(cell::Cell{S,M,R}, y::Tuple, input, active) where {S,M,R}
    size = Val(n_variables(M))
    own = first_of(y, size)
    synaptic, of_receptors = synapses(cell.receptors, rest_of(y, size), own[1])
    of_membrane = derivative(cell.membrane, own, (I=input.I + synaptic, xi=input.xi, t=input.t))
    return (hold(of_membrane, held(M), active)..., of_receptors...)
end

@inline along(y::Tuple, dy::Tuple, h) = each((a, b) -> muladd(h, b, a), y, dy)

@inline move(::Euler, cell, y, input, active, dt) = along(y, rates(cell, y, input, active), dt)

@inline function move(::RK2, cell, y, input, active, dt)
    middle = along(y, rates(cell, y, input, active), dt / 2)
    return along(y, rates(cell, middle, input, active), dt)
end

@inline function move(::RK4, cell, y, input, active, dt)
    k1 = rates(cell, y, input, active)
    k2 = rates(cell, along(y, k1, dt / 2), input, active)
    k3 = rates(cell, along(y, k2, dt / 2), input, active)
    k4 = rates(cell, along(y, k3, dt), input, active)
    return each((a, p, q, r, s) -> muladd(dt / 6, p + 2 * (q + r) + s, a), y, k1, k2, k3, k4)
end

# One variable after the other, each from the new values of those before it.
@inline move(::SemiImplicitEuler, cell, y, input, active, dt) = move_in_turn(cell, y, input, active, dt, Val(1))

@inline function move_in_turn(cell, y::NTuple{K,T}, input, active, dt, ::Val{k}) where {K,T,k}
    new = muladd(dt, rates(cell, y, input, active)[k], y[k])
    moved = ntuple(j -> j == k ? new : y[j], Val(K))
    return k == K ? moved : move_in_turn(cell, moved, input, active, dt, Val(k + 1))
end

# Each equation is linearised in its own variable: x <- x + dt f (exp(z) - 1) / z with z = dt df/dx. Where f is linear in x,
# as in Hodgkin-Huxley models, this is the exact solution with all other variables held.
@inline function move(::ExponentialEuler, cell::Cell{S,M,R}, y::Tuple, input, active, dt) where {S,M,R}
    size = Val(n_variables(M))
    own, others = first_of(y, size), rest_of(y, size)
    synaptic, of_receptors = synapses(cell.receptors, others, own[1])
    current_slope, receptor_slopes = synaptic_slopes(cell.receptors, others)
    total = (I=input.I + synaptic, xi=input.xi, t=input.t)
    f = (hold(derivative(cell.membrane, own, total), held(M), active)..., of_receptors...)
    z = (slopes(cell.membrane, own, total, current_slope)..., receptor_slopes...)
    return relax(y, f, z, dt)
end

@inline relax(::Tuple{}, ::Tuple{}, ::Tuple{}, dt) = ()
@inline relax(y::Tuple, f::Tuple, z::Tuple, dt) =
    (muladd(dt * exprel(dt * z[1]), f[1], y[1]), relax(Base.tail(y), Base.tail(f), Base.tail(z), dt)...)

"""
Of each variable of a membrane: the derivative of its rate with respect to itself; `current_slope` is that of the current with
respect to the potential.
"""
@inline function dual_slopes(m, y::NTuple{K,T}, input, current_slope) where {K,T}
    return ntuple(Val(K)) do k
        probe = ntuple(j -> j == k ? seeded(y[j], Val(1)) : Dual{1,T}(y[j]), Val(K))
        current = Dual{1,T}(input.I, (ifelse(k == 1, current_slope, zero(T)),))
        derivative(m, probe, (I=current, xi=input.xi, t=input.t))[k].partials[1]
    end
end

"(exp(x) - 1) / x, also at 0."
@inline function exprel(x)
    small = abs(x) < one(x) / 100_000
    safe = pick(small, one(x), x)
    return pick(small, 1 + x / 2, vexpm1(safe) / safe)
end
@inline exprel(x::Dual) = chain(x, exprel(x.value), relative_exp_slope(x.value, exprel(x.value)))

@inline function move(exact::Exact, cell::Cell{S,M,R}, y::Tuple, input, active, dt) where {S,M,R}
    size = Val(n_variables(M))
    moved = each((row, c, g) -> dot(row, y) + muladd(g, input.I, c), exact.membrane, exact.constant, exact.gain)
    kept = each((new, old, h) -> h ? pick(active > 0, new, old) : new, moved, first_of(y, size), held(M))
    return (kept..., decay(exact.blocks, rest_of(y, size))...)
end

@inline decay(::Tuple{}, s::Tuple{}) = ()
@inline function decay(blocks::Tuple, s::Tuple)
    size = Val(length(blocks[1]))
    own = first_of(s, size)
    return (each(row -> dot(row, own), blocks[1])..., decay(Base.tail(blocks), rest_of(s, size))...)
end

@inline function move(::Discrete, cell::Cell{S,M,R}, y::Tuple, input, active, dt) where {S,M,R}
    size = Val(n_variables(M))
    own, others = first_of(y, size), rest_of(y, size)
    synaptic, _ = synapses(cell.receptors, others, own[1])
    moved = step(cell.membrane, own, (I=input.I + synaptic, xi=input.xi, t=input.t), dt)
    kept = each((new, old, h) -> h ? pick(active > 0, new, old) : new, moved, own, held(M))
    return (kept..., others...)
end

"All variables of a cell one step later, before threshold and reset."
@inline function advance(cell::Cell{S,M,R}, y::Tuple, input, active, dt) where {S,M,R}
    size = Val(n_variables(M))
    begun = has_jumps(R) ? (muladd(active, jumps(cell.receptors, rest_of(y, size)), y[1]), Base.tail(y)...) : y
    moved = move(cell.scheme, cell, begun, input, active, dt)
    return (first_of(moved, size)..., settle_all(cell.receptors, rest_of(moved, size))...)
end

# ---- choosing a method ------------------------------------------------------------------------------------------------

const SCHEMES = Dict{String,Any}("euler" => Euler(), "exponential_euler" => ExponentialEuler(), "rk2" => RK2(), "rk4" => RK4(),
                                 "semi_implicit_euler" => SemiImplicitEuler())

"The scheme `method` for a membrane and its receptors (Float64) with steps of `dt` ms."
function scheme(method::String, membrane::M, receptors::R, dt::Float64) where {M,R<:Tuple}
    # Called at run time, so that it is compiled for the models that need it only.
    method == "exact" && return Base.invokelatest(exact, Cell(Euler(), membrane, receptors), dt)
    haskey(SCHEMES, method) || fail("method must be exact, ", join(sort!(collect(keys(SCHEMES))), ", "), ", got ", method)
    return SCHEMES[method]
end

# What follows runs once when a model is made. It is written for quick compilation: plain loops, and nothing specialised.

"Rates of change of variables `y` at current `I`, without noise, as numbers of type `R`."
function rates_at(@nospecialize(cell), ::Type{R}, y::Vector{Float64}, I::Float64) where {R<:Real}
    noise = Any[0.0 for _ in 1:n_noises(typeof(cell.membrane))]
    values = Base.invokelatest(rates, cell, (y...,), (I=I, xi=(noise...,), t=0.0), 1.0)
    return R[x for x in values]
end

exact(@nospecialize(cell), dt::Float64) = exact(cell, dt, common_type(flat(cell)))

function exact(@nospecialize(cell), dt::Float64, ::Type{R}) where {R<:Real}
    receptors = Any[r for r in cell.receptors]
    m = n_variables(typeof(cell.membrane))::Int
    K = n_states(typeof(cell))::Int
    # The equations are dy/dt = A y + b + c I: their coefficients are differences of rates, exact for linear ones.
    A = zeros(R, K + 2, K + 2)
    constant, unit = rates_at(cell, R, zeros(K), 0.0), rates_at(cell, R, zeros(K), 1.0)
    for j in 1:K
        e = zeros(K)
        e[j] = 1.0
        column = rates_at(cell, R, e, 0.0)
        for i in 1:K
            A[i, j] = (column[i] - constant[i]) * dt
        end
    end
    for i in 1:K
        A[i, K+1], A[i, K+2] = constant[i] * dt, (unit[i] - constant[i]) * dt
    end
    check_linear(cell, A, K, dt)
    P = matrix_exponential(A)
    blocks, start = Any[], m
    for r in receptors
        size = n_states(typeof(r))::Int
        push!(blocks, tuple_of_rows(P, start, start, size, size))
        start += size
    end
    column_of(j) = (Any[P[i, j] for i in 1:m]...,)
    return Exact(tuple_of_rows(P, 0, 0, m, K), (blocks...,), column_of(K + 1), column_of(K + 2))
end

"""
exp(A) by scaling and squaring of the Taylor series: A is halved until its norm is below 1/4, where 14 terms reach the last
digit. Works for any kind of number.
"""
function matrix_exponential(A::Matrix{R}) where {R<:Real}
    K = size(A, 1)
    norm = 0.0
    for i in 1:K
        total = 0.0
        for j in 1:K
            total += abs(Float64(value(A[i, j])))
        end
        norm = max(norm, total)
    end
    isfinite(norm) || fail("the coefficients of the equations are not finite")
    halvings = 0
    while norm > 0.25
        norm /= 2
        halvings += 1
    end
    scale = 0.5^halvings
    P, term = zeros(R, K, K), zeros(R, K, K)
    for i in 1:K
        P[i, i] = term[i, i] = one(R)
    end
    for order in 1:14
        term = product(term, A, scale / order)
        for k in 1:length(P)
            P[k] += term[k]
        end
    end
    for _ in 1:halvings
        P = product(P, P, 1.0)
    end
    return P
end

function product(A::Matrix{R}, B::Matrix{R}, scale::Float64) where {R<:Real}
    K = size(A, 1)
    C = zeros(R, K, K)
    for j in 1:K, k in 1:K, i in 1:K
        C[i, j] += A[i, k] * B[k, j] * scale
    end
    return C
end

tuple_of_rows(P::Matrix, row::Int, column::Int, rows::Int, columns::Int) =
    (Any[(Any[P[row+i, column+j] for j in 1:columns]...,) for i in 1:rows]...,)

function check_linear(@nospecialize(cell), A::Matrix{<:Real}, K::Int, dt::Float64)
    probe = Float64[0.7 + 0.31j for j in 1:K]
    found = rates_at(cell, eltype(A), probe, 0.9)
    for i in 1:K
        expected = (value(A[i, K+1]) + 0.9 * value(A[i, K+2])) / dt
        for j in 1:K
            expected += value(A[i, j]) / dt * probe[j]
        end
        abs(value(found[i]) - expected) <= 1e-9 * (1 + abs(expected)) ||
            fail("method = \"exact\" is for linear equations, and those of ", nameof(typeof(cell.membrane)), " are not linear here")
    end
    return nothing
end
