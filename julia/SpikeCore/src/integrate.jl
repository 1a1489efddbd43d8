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

# A loop over a tuple of numbers that LLVM can unroll.
@inline dot(a::Tuple{}, b::Tuple{}) = 0
@inline dot(a::Tuple{Any}, b::Tuple{Any}) = a[1] * b[1]
@inline dot(a::Tuple, b::Tuple) = muladd(a[1], b[1], dot(Base.tail(a), Base.tail(b)))

"What the rates of a held variable are multiplied with: `active` is 1, or 0 while the neuron is refractory."
@inline hold(::Tuple{}, ::Tuple{}, active) = ()
@inline hold(rates::Tuple, held::Tuple, active) =
    (held[1] ? rates[1] * active : rates[1], hold(Base.tail(rates), Base.tail(held), active)...)

"Rates of change of all variables `y` of a cell."
@inline function rates(cell::Cell{S,M,R}, y::Tuple, input, active) where {S,M,R}
    size = Val(n_variables(M))
    own = first_of(y, size)
    synaptic, of_receptors = synapses(cell.receptors, rest_of(y, size), own[1])
    of_membrane = derivative(cell.membrane, own, (I=input.I + synaptic, xi=input.xi, t=input.t))
    return (hold(of_membrane, held(M), active)..., of_receptors...)
end

@inline along(y::Tuple, dy::Tuple, h) = map((a, b) -> muladd(h, b, a), y, dy)

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
    return map((a, p, q, r, s) -> muladd(dt / 6, p + 2 * (q + r) + s, a), y, k1, k2, k3, k4)
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
@inline function move(::ExponentialEuler, cell, y::NTuple{K,T}, input, active, dt) where {K,T}
    f = rates(cell, y, input, active)
    z = ntuple(Val(K)) do k
        probe = ntuple(j -> j == k ? seeded(y[j], Val(1)) : Dual{1,T}(y[j]), Val(K))
        dt * rates(cell, probe, input, active)[k].partials[1]
    end
    return map((a, b, c) -> muladd(dt * exprel(c), b, a), y, f, z)
end

"(exp(x) - 1) / x, also at 0."
@inline function exprel(x)
    small = abs(x) < one(x) / 100_000
    safe = ifelse(small, one(x), x)
    return ifelse(small, 1 + x / 2, vexpm1(safe) / safe)
end

@inline function move(exact::Exact, cell::Cell{S,M,R}, y::Tuple, input, active, dt) where {S,M,R}
    size = Val(n_variables(M))
    moved = map((row, c, g) -> dot(row, y) + muladd(g, input.I, c), exact.membrane, exact.constant, exact.gain)
    kept = map((new, old, h) -> h ? ifelse(active > 0, new, old) : new, moved, first_of(y, size), held(M))
    return (kept..., decay(exact.blocks, rest_of(y, size))...)
end

@inline decay(::Tuple{}, s::Tuple{}) = ()
@inline function decay(blocks::Tuple, s::Tuple)
    size = Val(length(blocks[1]))
    own = first_of(s, size)
    return (map(row -> dot(row, own), blocks[1])..., decay(Base.tail(blocks), rest_of(s, size))...)
end

@inline function move(::Discrete, cell::Cell{S,M,R}, y::Tuple, input, active, dt) where {S,M,R}
    size = Val(n_variables(M))
    own, others = first_of(y, size), rest_of(y, size)
    synaptic, _ = synapses(cell.receptors, others, own[1])
    moved = step(cell.membrane, own, (I=input.I + synaptic, xi=input.xi, t=input.t), dt)
    kept = map((new, old, h) -> h ? ifelse(active > 0, new, old) : new, moved, own, held(M))
    return (kept..., others...)
end

"All variables of a cell one step later, before threshold and reset."
@inline function advance(cell::Cell{S,M,R}, y::Tuple, input, active, dt) where {S,M,R}
    size = Val(n_variables(M))
    moved = move(cell.scheme, cell, y, input, active, dt)
    return (first_of(moved, size)..., settle_all(cell.receptors, rest_of(moved, size))...)
end

# ---- choosing a method ------------------------------------------------------------------------------------------------

const SCHEMES = Dict{String,Any}("euler" => Euler(), "exponential_euler" => ExponentialEuler(), "rk2" => RK2(), "rk4" => RK4(),
                                 "semi_implicit_euler" => SemiImplicitEuler())

"The scheme `method` for a membrane and its receptors (Float64) with steps of `dt` ms."
function scheme(method::String, membrane::M, receptors::R, dt::Float64) where {M,R<:Tuple}
    method == "exact" && return exact(membrane, receptors, dt)
    haskey(SCHEMES, method) || fail("method must be exact, ", join(sort!(collect(keys(SCHEMES))), ", "), ", got ", method)
    return SCHEMES[method]
end

function exact(membrane::M, receptors::R, dt::Float64) where {M,R<:Tuple}
    m = n_variables(M)
    K = m + count_states(R)
    cell = Cell(Euler(), membrane, receptors)
    # The equations are dy/dt = A y + b + c I: their coefficients are differences of rates, exact for linear ones.
    f(y, I) = collect(Float64, rates(cell, Tuple(y), (I=I, xi=ntuple(_ -> 0.0, n_noises(M)), t=0.0), 1.0))
    b = f(zeros(K), 0.0)
    A = zeros(K + 2, K + 2)
    for j in 1:K
        e = zeros(K)
        e[j] = 1.0
        A[1:K, j] = f(e, 0.0) - b
    end
    A[1:K, K+1] = b
    A[1:K, K+2] = f(zeros(K), 1.0) - b
    probe = [0.7 + 0.31j for j in 1:K]
    expected = A[1:K, 1:K] * probe + b + 0.9 * A[1:K, K+2]
    isapprox(f(probe, 0.9), expected; rtol=1e-9, atol=1e-9) ||
        fail("method = \"exact\" is for linear equations, and those of ", nameof(M), " are not linear here")
    P = LinearAlgebra.exp!(A .* dt)
    rows = ntuple(i -> ntuple(j -> P[i, j], K), m)
    blocks, at = (), m
    for r in receptors
        size, start = n_states(typeof(r)), at
        blocks = (blocks..., ntuple(i -> ntuple(j -> P[start+i, start+j], size), size))
        at += size
    end
    return Exact(rows, blocks, ntuple(i -> P[i, K+1], m), ntuple(i -> P[i, K+2], m))
end
