# Membrane models: what each model file provides, and how its parameters become cells.
#
# A model is an immutable struct of numbers `M{T} <: Membrane` whose fields are its parameters, with
#     variables(M)                 names of its state variables, the membrane potential first
#     units(M)                     their units
#     rest(m)                      their values where nothing has happened yet
#     derivative(m, y, input)      their rates of change per ms; `input`: I, the total current; xi, white noise; t, time
#     activity(m, y)               how far the state is above the threshold
#     fire(m, y, u, dt)            whether a neuron in this state spikes
#     reset(m, y)                  the state after a spike
#     refractory(m)                ms
# and, where they differ from what is below, held(M), n_noises(M), needs_random(M), graded(M), and for models that are
# defined in discrete time `step(m, y, input, dt)` in place of `derivative`.

abstract type Membrane end

n_variables(::Type{M}) where {M<:Membrane} = length(variables(M))
"Which variables keep their value while the neuron is refractory."
held(::Type{M}) where {M<:Membrane} = ntuple(k -> k == 1, n_variables(M))
"How many independent white noises the equations have."
n_noises(::Type{<:Membrane}) = 0
"Whether `fire` uses its random number."
needs_random(::Type{<:Membrane}) = false
"0, or which variable goes through the synapses in every step, as graded transmission; then spikes do not."
graded(::Type{<:Membrane}) = 0
refractory(m::Membrane) = m.refractory_period
"How many steps after a spike the neuron may spike again."
refractory_steps(m::Membrane, dt) = max(1, round(Int, refractory(m) / dt))
@inline fire(m::Membrane, y, u, dt) = activity(m, y) >= 0

# ---- structs of numbers as tuples of numbers --------------------------------------------------------------------------

function leaves(::Type{M}, x) where {M}
    M <: Number && return Any[x]
    found = Any[]
    for k in 1:fieldcount(M)
        append!(found, leaves(fieldtype(M, k), :(getfield($x, $k))))
    end
    return found
end

function rebuilt(::Type{M}, t, at::Int) where {M}
    M <: Number && return :($t[$at]), at + 1
    parts = Any[]
    for k in 1:fieldcount(M)
        part, at = rebuilt(fieldtype(M, k), t, at)
        push!(parts, part)
    end
    return M <: Tuple ? Expr(:tuple, parts...) : Expr(:new, M, parts...), at
end

"All numbers in a struct of structs and tuples, in order."
@generated flat(x::M) where {M} = Expr(:tuple, leaves(M, :x)...)
"The struct with these numbers."
@generated unflat(::Type{M}, t::Tuple) where {M} = Expr(:block, Expr(:meta, :inline), rebuilt(M, :t, 1)[1])

"The type with `T` for every Float64."
function retyped(::Type{M}, ::Type{T}) where {M,T}
    M === Float64 && return T
    isempty(M.parameters) && return M
    return Core.apply_type(M.name.wrapper, map(p -> p isa Type ? retyped(p, T) : p, M.parameters)...)
end

"Cells that differ: columns of all their numbers."
struct PerCell{C,D<:Tuple}
    columns::D
end

@inline at(p::PerCell{C}, i::Int) where {C} = unflat(C, map(c -> @inbounds(c[i]), p.columns))

const Cells = Union{Shared{<:Cell},PerCell{<:Cell}}
cell_type(::Shared{C}) where {C} = C
cell_type(::PerCell{C}) where {C} = C
membrane_type(::Type{Cell{S,M,R}}) where {S,M,R} = M

# ---- from parameters ----------------------------------------------------------------------------------------------------

"The parameter of neuron `i`."
function value(p::Parameters, name, i::Int)
    haskey(p.arrays, name) || return number(p, name)
    x = p.arrays[name]
    length(x) == p.n || fail(name, " must have one value per neuron (", p.n, "), got ", length(x))
    return Float64(x[i])
end

"Adds a model to MODELS: its parameters are the fields of `M`, unless `make(p, i)` says how neuron `i` is made."
function membrane_model!(name::String, ::Type{M}; make=(p, i) -> M{Float64}(map(f -> value(p, f, i), String.(fieldnames(M)))...)) where {M}
    MODELS[name] = (p, T, dt) -> build_cells(make, p, T, dt)
    return nothing
end

function build_cells(make, p::Parameters, ::Type{T}, dt) where {T}
    method = p.numbers["method"]::String
    n_receptors = length(p.numbers["receptors"])
    function cell(i)
        membrane = make(p, i)
        given = Any[given_receptor(p, j, i) for j in 1:n_receptors]
        receptors = Tuple(filter(r -> r !== nothing, given))
        return Cell(method == "discrete" ? Discrete() : scheme(method, membrane, receptors, dt), membrane, receptors), given
    end
    first_cell, given = cell(1)
    C = retyped(typeof(first_cell), T)
    cells = isempty(p.arrays) ? Shared{C}(unflat(C, map(T, flat(first_cell)))) :
            PerCell(C, T, p.n, first_cell, i -> first(cell(i)))
    return cells, blueprint(T, C, p, given, i -> rest(make(p, i)))
end

function PerCell(::Type{C}, ::Type{T}, n::Int, first_cell, cell) where {C,T}
    columns = map(_ -> Vector{T}(undef, n), flat(first_cell))
    fill_columns!(columns, 1, first_cell)
    for i in 2:n
        fill_columns!(columns, i, cell(i))
    end
    return PerCell{C,typeof(columns)}(columns)
end

function fill_columns!(columns, i::Int, cell)
    for (column, x) in zip(columns, flat(cell))
        column[i] = x
    end
end

"What the loop needs to know of the state of a cell."
function blueprint(::Type{T}, ::Type{C}, p::Parameters, given::Vector, resting) where {T,C}
    M = membrane_type(C)
    names, arrivals = String[string(v) for v in variables(M)], Int[]
    for (d, r) in zip(p.numbers["receptors"], given)
        push!(arrivals, r === nothing ? 1 : length(names) + arrival(typeof(r)))
        r === nothing || append!(names, variable_names(typeof(r), required(d, "name", String)))
    end
    append!(arrivals, own_arrivals(M))
    start = isempty(p.arrays) ? repeat(collect(T, resting(1)), 1, p.n) : T[x for i in 1:p.n for x in resting(i)]
    start = reshape(start, n_variables(M), p.n)
    initial = [k <= n_variables(M) ? start[k, :] : zeros(T, p.n) for k in 1:length(names)]
    return Blueprint{T}(Kernel{T}(PASS, 0, 0, 0, 0, T[]), T[1], T[], T[], 0.0, names, arrivals, initial, n_noises(M),
                        needs_random(M), graded(M))
end

"Variables of the model itself in which spikes arrive: receptors written into its equations."
own_arrivals(::Type{<:Membrane}) = Int[]
