# A membrane model written as text. What comes in are plain formulas in coherent units, which become the functions that
# every other model file writes out: variables, derivative, activity, fire, reset. A model is a type, and its functions are
# generated from its formulas when they are first called: once for each distinct text, not for parameters or networks.

"Model number `Id` of `TEXT_MODELS`, with N parameters."
struct TextModel{Id,N,T} <: Membrane
    parameters::NTuple{N,T}
    refractory_period::T
end

"The formulas of a model, checked."
struct Formulas
    variables::Vector{Symbol}
    held::Vector{Bool}
    noises::Int
    arrivals::Vector{Int}
    definitions::Vector{Pair{Symbol,String}}
    derivatives::Vector{String}
    threshold::Vector{String}               # left side, > or >=, right side; empty: never fires
    reset::Vector{Pair{Symbol,String}}
    parameters::Vector{Symbol}
end

const FORMULA_NAMES = ("variables", "held", "noises", "arrivals", "definition_names", "definitions", "derivatives", "threshold",
                       "reset_names", "reset", "parameters")

const TEXT_MODELS = Formulas[]
const TEXT_MODEL_NUMBERS = Dict{String,Int}()

# ---- from formulas to functions -------------------------------------------------------------------------------------------

"What the names of a model are inside of its functions: local variables, so that no name can mean anything else."
local_name(name::Symbol) = Symbol("x_", name)

function names_after_step(f::Formulas)
    names = Dict{Symbol,Any}(name => local_name(name) for name in f.variables)
    for (k, name) in enumerate(f.parameters)
        names[name] = :(m.parameters[$k])
    end
    return names
end

"Reads the definitions that `texts` use, each of which uses only those before it; `names` gains them."
function needed_definitions!(names::Dict{Symbol,Any}, f::Formulas, texts)
    needed = Set{Symbol}()
    foreach(text -> union!(needed, formula_names(text)), texts)
    for (name, text) in Iterators.reverse(f.definitions)
        name in needed && union!(needed, formula_names(text))
    end
    code = Any[]
    for (name, text) in f.definitions
        name in needed || continue
        push!(code, :($(local_name(name)) = $(read_formula(text, names))))
        names[name] = local_name(name)
    end
    return code
end

unpacked(f::Formulas) = [:($(local_name(name)) = y[$k]) for (k, name) in enumerate(f.variables)]

"The names that differential equations may use besides."
function names_of_rates(f::Formulas)
    names = names_after_step(f)
    names[:t] = :(input.t)
    haskey(names, :I) || (names[:I] = :(input.I))
    for k in 1:f.noises
        names[Symbol("xi_", k)] = :(input.xi[$k])
    end
    return names
end

function derivative_code(f::Formulas)
    names = names_of_rates(f)
    code = needed_definitions!(names, f, f.derivatives)
    return Expr(:block, unpacked(f)..., code..., Expr(:tuple, (read_formula(d, names) for d in f.derivatives)...))
end

"The derivative of each rate with respect to its own variable: of each formula only what depends on it is a dual number."
function slopes_code(f::Formulas)
    slopes = map(1:length(f.variables)) do k
        names = names_of_rates(f)
        code = needed_definitions!(names, f, (f.derivatives[k],))
        own = :($(local_name(f.variables[k])) = seeded(y[$k], Val(1)))
        rate = read_formula(f.derivatives[k], names)
        return Expr(:let, Expr(:block), Expr(:block, unpacked(f)..., own, code..., :(slope_of($rate))))
    end
    return Expr(:tuple, slopes...)
end

"The sides of the threshold, as a tuple."
function threshold_code(f::Formulas)
    isempty(f.threshold) && return :((zero(T), one(T)))
    left, _, right = f.threshold
    names = names_after_step(f)
    code = needed_definitions!(names, f, (left, right))
    return Expr(:block, unpacked(f)..., code..., Expr(:tuple, read_formula(left, names), read_formula(right, names)))
end

function reset_code(f::Formulas)
    code = Any[unpacked(f)...]
    for (variable, text) in f.reset
        names = names_after_step(f)
        append!(code, needed_definitions!(names, f, (text,)))
        push!(code, :($(local_name(variable)) = $(read_formula(text, names))))
    end
    return Expr(:block, code..., Expr(:tuple, map(local_name, f.variables)...))
end

inlined(code) = Expr(:block, Expr(:meta, :inline), code)

@generated derivative(m::TextModel{Id,N,T}, y, input) where {Id,N,T} = inlined(derivative_code(TEXT_MODELS[Id]))
# Receptors are written into the equations, so that the current does not depend on the potential.
@generated slopes(m::TextModel{Id,N,T}, y::Tuple, input, current_slope) where {Id,N,T} = inlined(slopes_code(TEXT_MODELS[Id]))
@generated sides(m::TextModel{Id,N,T}, y) where {Id,N,T} = inlined(threshold_code(TEXT_MODELS[Id]))
@generated reset(m::TextModel{Id,N,T}, y) where {Id,N,T} = inlined(reset_code(TEXT_MODELS[Id]))

@inline function activity(m::TextModel, y)
    left, right = sides(m, y)
    return left - right
end

@generated function fire(m::TextModel{Id}, y, u, dt) where {Id}
    compare = !isempty(TEXT_MODELS[Id].threshold) && TEXT_MODELS[Id].threshold[2] == ">=" ? (>=) : (>)
    return inlined(:($compare(sides(m, y)...)))
end

# ---- what is known of the type ------------------------------------------------------------------------------------------

@generated variables(::Type{<:TextModel{Id}}) where {Id} = QuoteNode(Tuple(TEXT_MODELS[Id].variables))
@generated held(::Type{<:TextModel{Id}}) where {Id} = Tuple(TEXT_MODELS[Id].held)
@generated n_noises(::Type{<:TextModel{Id}}) where {Id} = TEXT_MODELS[Id].noises
own_arrivals(::Type{<:TextModel{Id}}) where {Id} = TEXT_MODELS[Id].arrivals
rest(m::TextModel{Id,N,T}) where {Id,N,T} = ntuple(k -> zero(T), n_variables(typeof(m)))

# ---- from parameters ----------------------------------------------------------------------------------------------------

"The number of the model with these formulas."
function text_model(d::Dict{String,Any})
    f = Formulas(symbols(d, "variables"), convert(Vector{Bool}, required(d, "held", Vector)), required(d, "noises", Int),
                 convert(Vector{Int}, required(d, "arrivals", Vector)),
                 pairs_of(d, "definition_names", "definitions"), texts(d, "derivatives"), texts(d, "threshold"),
                 pairs_of(d, "reset_names", "reset"), symbols(d, "parameters"))
    key = key_of(d)
    haskey(TEXT_MODEL_NUMBERS, key) && return TEXT_MODEL_NUMBERS[key]
    check_formulas(f)
    push!(TEXT_MODELS, f)
    return TEXT_MODEL_NUMBERS[key] = length(TEXT_MODELS)
end

"What tells one model from another: all its formulas."
function key_of(d::Dict{String,Any})
    parts = String[]
    for name in FORMULA_NAMES
        x = d[name]
        push!(parts, string(length(x)))
        for formula in x
            push!(parts, string(formula))
        end
    end
    return join(parts, '\n')
end

texts(d, name) = convert(Vector{String}, required(d, name, Vector))

function symbols(d, name)
    found = Symbol[Symbol(x) for x in texts(d, name)]
    all(Base.isidentifier, found) && allunique(found) || fail(name, " must be different names, got ", found)
    return found
end

function pairs_of(d, names, values)
    found, formulas = texts(d, names), texts(d, values)
    length(found) == length(formulas) || fail(names, " and ", values, " must have the same length")
    return Pair{Symbol,String}[Symbol(found[k]) => formulas[k] for k in 1:length(found)]
end

"Reads every formula once, so that what is wrong is refused here and not where functions are generated."
function check_formulas(f::Formulas)
    K = length(f.variables)
    K >= 1 || fail("variables must hold at least one")
    length(f.derivatives) == K && length(f.held) == K || fail("derivatives and held must have one entry per variable")
    all(k -> 1 <= k <= K, f.arrivals) || fail("arrivals must be numbers of variables")
    length(f.threshold) in (0, 3) && (isempty(f.threshold) || f.threshold[2] in (">", ">=")) ||
        fail("threshold must be a left side, > or >=, and a right side")
    all(v -> first(v) in f.variables, f.reset) || fail("reset must set variables")
    derivative_code(f)
    threshold_code(f)
    reset_code(f)
    return nothing
end

MODELS["Equations"] = function (p::Parameters, ::Type{T}, dt) where {T}
    id = text_model(required(p.numbers, "formulas", Dict{String,Any}))
    # Initial values that differ do not make the neurons differ.
    starts = Dict{String,Any}(name => x for (name, x) in p.arrays if startswith(name, "initial."))
    own = Parameters(p.numbers, Dict{String,Any}(name => x for (name, x) in p.arrays if !haskey(starts, name)), p.n)
    cells, blueprint = build_cells(equations_maker(id), own, T, dt)
    for (k, name) in enumerate(blueprint.variables)
        start = column(p, string("initial.", name))
        for i in 1:p.n
            blueprint.initial[k][i] = start[length(start) == 1 ? 1 : i]
        end
    end
    return cells, blueprint
end

"How a neuron of text model `id` is made."
function equations_maker(id::Int)
    names = map(string, TEXT_MODELS[id].parameters)
    return function (q, i)
        values = Any[value(q, string("parameter.", name), i) for name in names]
        period = value(q, "refractory_period", i)
        R = common_type(values)
        return TextModel{id,length(names),R}((map(x -> convert(R, x), values)...,), period)
    end
end
