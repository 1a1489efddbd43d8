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
# and, where they differ from what is below, slopes(m, ...), held(M), n_noises(M), needs_random(M), graded(M); for models
# that draw their spikes `spike_probability(m, y, dt)`, which is what is differentiated; for those that are defined in
# discrete time `step(m, y, input, dt)` in place of `derivative`.

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
refractory_steps(m::Membrane, dt) = max(1, round(Int, min(refractory(m) / dt, typemax(Int32))))
@inline fire(m::Membrane, y, u, dt) = activity(m, y) >= 0
"Derivatives of the rates, each with respect to its own variable, for the exponential Euler method; see `dual_slopes`."
@inline slopes(m::Membrane, y::Tuple, input, current_slope) = dual_slopes(m, y, input, current_slope)

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

# `map` takes another, slow way for tuples of more than 15.
@generated converted(::Type{T}, t::NTuple{N,Any}) where {T,N} = Expr(:tuple, [:(T(t[$k])) for k in 1:N]...)
@generated elements(columns::NTuple{N,AbstractVector}, i::Int) where {N} =
    Expr(:block, Expr(:meta, :inline), Expr(:tuple, [:(@inbounds columns[$k][i]) for k in 1:N]...))

"The type with `D` for every number of type `T`."
function retyped(::Type{M}, ::Type{T}, ::Type{D}) where {M,T,D}
    M === T && return D
    isempty(M.parameters) && return M
    return Core.apply_type(M.name.wrapper, map(p -> p isa Type ? retyped(p, T, D) : p, M.parameters)...)
end

"Cells that differ: columns of all their numbers."
struct PerCell{C,D<:Tuple}
    columns::D
end

@inline at(p::PerCell{C}, i::Int) where {C} = unflat(C, elements(p.columns, i))

const Cells = Union{Shared{<:Cell},PerCell{<:Cell}}
cell_type(::Shared{C}) where {C} = C
cell_type(::PerCell{C}) where {C} = C
membrane_type(::Type{Cell{S,M,R}}) where {S,M,R} = M

# Neurons are swept in blocks that fill vector registers. What is left over would be done one by one, slower and rounded
# otherwise, so a few more that never spike make the last block a whole one. Loops over few variables do several registers
# at once.
const BLOCK = 64
room_for(n::Int, variables::Int) = (block = variables < 4 ? BLOCK : BLOCK ÷ 4; block * cld(n, block))

"Lets columns and initial values go on to the end of the last block, as those of the last neuron."
function make_room!(cells, blueprint::Blueprint{T}, n::Int) where {T}
    room = room_for(n, length(blueprint.initial))
    foreach(x -> lengthen!(x, room), blueprint.initial)
    cells isa PerCell && foreach(x -> lengthen!(x::Vector{T}, room), cells.columns)
    return nothing
end
lengthen!(x::Vector, room::Int) = append!(x, fill(x[end], room - length(x)))

# ---- from parameters ----------------------------------------------------------------------------------------------------

"The parameter of neuron `i`."
function value(p::Parameters, name, i::Int)
    haskey(p.arrays, name) || return number(p, name)
    x = p.arrays[name]
    length(x) == p.n || fail(name, " must have one value per neuron (", p.n, "), got ", length(x))
    return plain(x[i])
end

"The type that holds all of these numbers: Float64, or dual."
common_type(values) = any(x -> x isa Dual, values) ? Dual{1,Float64} : Float64
"A struct `M{R}` of numbers of any type."
assemble(::Type{M}, values) where {M} = M{common_type(values)}(values...)


"How a neuron of each membrane model is made: (parameters, neuron) -> membrane."
const MAKERS = Dict{String,Any}()
"Models whose parameters are their fields."
const PLAIN_MODELS = Set{String}()

"Adds a model to MODELS: its parameters are the fields of `M`, unless `make(p, i)` says how neuron `i` is made."
function membrane_model!(name::String, ::Type{M}; make=nothing) where {M}
    names = String[String(f) for f in fieldnames(M)]
    made = make === nothing ? (p, i) -> assemble(M, Any[value(p, f, i) for f in names]) : make
    MODELS[name] = (p, T, dt) -> build_cells(made, p, T, dt)
    MAKERS[name] = made
    make === nothing && push!(PLAIN_MODELS, name)
    return nothing
end

# Models are made by code that is compiled for none of them: `Any` and calls at run time keep the first run of each quick.

function build_cells(@nospecialize(make), p::Parameters, ::Type{T}, dt::Float64) where {T}
    made = Base.invokelatest(one_cell, make, p, 1, dt)
    cell, given = made[1], made[2]::Vector{Any}
    C = retyped(typeof(cell), Float64, T)
    resting(i) = Base.invokelatest(rest, Base.invokelatest(make, p, i))
    different = differing(p)
    description = blueprint(T, C, p, given, resting, different)
    isempty(p.arrays) && return Base.invokelatest(shared_cells, C, T, cell), description
    return Base.invokelatest(different_cells, C, T, p, make, cell, dt, different), description
end

"The cell of neuron `i`, and its receptors as given."
function one_cell(@nospecialize(make), p::Parameters, i::Int, dt::Float64)
    membrane = make(p, i)
    given = Any[given_receptor(p, j, i) for j in 1:length(p.numbers["receptors"])]
    receptors = (given...,)
    method = p.numbers["method"]::String
    return Any[Cell(method == "discrete" ? Discrete() : scheme(method, membrane, receptors, dt), membrane, receptors), given]
end

shared_cells(::Type{C}, ::Type{T}, @nospecialize(cell)) where {C,T} = Shared{C}(unflat(C, converted(T, flat(cell))))

function different_cells(::Type{C}, ::Type{T}, p::Parameters, @nospecialize(make), @nospecialize(first_cell), dt::Float64,
                         different::Vector{Vector{Float64}}) where {C,T}
    n_numbers = length(flat(first_cell))
    columns = [Vector{T}(undef, p.n) for _ in 1:n_numbers]
    for i in 1:p.n
        # A cell like the one before it, of the same population, is not made again.
        i > 1 && alike(different, i) ? repeat_columns!(columns, i) :
            fill_columns!(columns, i, flat(i == 1 ? first_cell : one_cell(make, p, i, dt)[1]))
    end
    return PerCell{C,NTuple{n_numbers,Vector{T}}}((columns...,))
end

"The parameters that differ between neurons."
differing(p::Parameters) = Vector{Float64}[vec(Float64.(x)) for x in values(p.arrays) if length(x) == p.n]
"Whether neuron `i` has the parameters of the one before it."
alike(given::Vector{Vector{Float64}}, i::Int) = all(x -> @inbounds(x[i] === x[i-1]), given)

function repeat_columns!(columns::Vector{Vector{T}}, i::Int) where {T}
    for column in columns
        @inbounds column[i] = column[i-1]
    end
end

function fill_columns!(columns::Vector{Vector{T}}, i::Int, numbers) where {T}
    for (column, x) in zip(columns, numbers)
        column[i] = x
    end
end

"What the loop needs to know of the state of a cell."
function blueprint(::Type{T}, @nospecialize(C), p::Parameters, given::Vector{Any}, @nospecialize(resting),
                   different::Vector{Vector{Float64}}) where {T}
    M = membrane_type(C)
    names, arrivals = String[string(v) for v in variables(M)], Int[]
    for (d, r) in zip(p.numbers["receptors"], given)
        push!(arrivals, length(names) + arrival(typeof(r)))
        append!(names, variable_names(typeof(r), required(d, "name", String)))
    end
    append!(arrivals, own_arrivals(M))
    initial = Vector{T}[zeros(T, p.n) for _ in names]
    for i in 1:p.n
        at_rest = i > 1 && alike(different, i) ? nothing : resting(i)
        for k in 1:n_variables(M)::Int
            initial[k][i] = at_rest === nothing ? initial[k][i-1] : at_rest[k]
        end
    end
    return Blueprint{T}(Kernel{T}(PASS, 0, 0, 0, 0, T[]), T[1], T[], T[], 0.0, names, arrivals, initial, n_noises(M),
                        needs_random(M), graded(M))
end

"Variables of the model itself in which spikes arrive: receptors written into its equations."
own_arrivals(::Type{<:Membrane}) = Int[]
