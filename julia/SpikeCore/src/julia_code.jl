# Functions that the user gives as Julia code. It is run as it stands, with the rights of the user: code is not data, and nothing
# here looks into it. Its derivatives come from Zygote, where that package is there (ext/SpikeCoreZygoteExt.jl sets the hook).

"`pullback_of[](f, x...)` gives the value of `f` and a function from its adjoint to those of `x`; nothing as long as Zygote is not loaded."
const pullback_of = Ref{Any}(nothing)

const CODES = Dict{String,Any}()
const HOMES = Module[]      # kept, or Julia 1.5 would free them while their functions live

"""
    function_from_code(what, code)

The function that `code` evaluates to, in a module of its own; a distinct text is evaluated once. It may consist of several
expressions, of which the last one is the function, and use the standard library. `what` it is, for errors.
"""
function function_from_code(what::String, code::String)
    haskey(CODES, code) && return CODES[code]
    push!(HOMES, Module(:JuliaCode))
    f = try
        Base.include_string(HOMES[end], code, what)
    catch problem
        fail(what, " cannot be evaluated: ", sprint(showerror, problem isa LoadError ? problem.error : problem))
    end
    isempty(methods(f)) && fail(what, " must be a function such as x -> x^2, got ", repr(f))
    return CODES[code] = f
end

# ---- Zygote ---------------------------------------------------------------------------------------------------------------

const ZYGOTE = Base.PkgId(Base.UUID("e88e6eb3-aa80-5325-afca-941959d7151f"), "Zygote")
const CHAIN_RULES_CORE = Base.PkgId(Base.UUID("d360d2e6-b24c-11e9-a2a3-2a2ae2dbcce4"), "ChainRulesCore")

"Loads Zygote, from the active or the default environment, if that has not been done; `why` it is needed, and `instead` of it."
function need_zygote(why::String, instead::String)
    reason = load_zygote()
    return isempty(reason) ? nothing : fail(why, " is differentiated by Zygote, but ", reason, ". ", instead)
end

"Tries to load Zygote; returns the reason why that failed, empty if it did not."
function load_zygote()
    pullback_of[] === nothing || return ""
    VERSION < v"1.9" && return "that needs Julia >= 1.9, and this is Julia $VERSION"
    for place in ("@", "@v#.#")
        place in LOAD_PATH || push!(LOAD_PATH, place)
    end
    for package in (ZYGOTE, CHAIN_RULES_CORE)
        Base.locate_package(package) === nothing &&
            return "the package $(package.name) is not installed: run `julia -e 'using Pkg; Pkg.add([\"Zygote\", \"ChainRulesCore\"])'`"
    end
    try
        foreach(Base.require, (CHAIN_RULES_CORE, ZYGOTE))
    catch problem
        return string("it cannot be loaded: ", sprint(showerror, problem))
    end
    return pullback_of[] === nothing ? "the extension SpikeCoreZygoteExt was not loaded with it" : ""
end

# ---- nonlinearities ---------------------------------------------------------------------------------------------------------

"A nonlinearity given as Julia code; `id` tells one from another, `zygote` whether its derivative has to come from there."
struct FromCode{id,zygote} end

const NONLINEARITIES_FROM_CODE = Dict{Tuple{String,String},Any}()

"""
    nonlinearity_from_code(code, derivative)

The function of one number that `code` evaluates to. How it is differentiated: by the function `derivative`, if that is not empty;
by dual numbers, if it takes them; by Zygote otherwise.
"""
function nonlinearity_from_code(code::String, derivative::String)
    haskey(NONLINEARITIES_FROM_CODE, (code, derivative)) && return NONLINEARITIES_FROM_CODE[(code, derivative)]
    f = number_function("nonlinearity", code)
    slope = isempty(derivative) ? nothing : number_function("the derivative of the nonlinearity", derivative)
    made = FromCode{length(NONLINEARITIES_FROM_CODE) + 1,slope === nothing && !takes_duals(f)}()
    F = typeof(made)
    @eval @inline (::$F)(x::T) where {T<:Union{Float32,Float64}} = convert(T, $f(x))
    if slope !== nothing
        @eval @inline (::$F)(x::Dual{N,T}) where {N,T<:Real} = chain(x, convert(T, $f(x.value)), convert(T, $slope(x.value)))
    elseif takes_duals(f)
        @eval @inline (::$F)(x::D) where {D<:Dual} = convert(D, $f(x))
    else
        @eval (::$F)(x::Dual) = chain_by_zygote(x, $f)
    end
    return NONLINEARITIES_FROM_CODE[(code, derivative)] = made
end

# Where code is tried. It need not be defined everywhere; where it is, it must give a number.
const PROBES = (-1.0, 0.0, 0.5, 1.0, 2.0)

function number_function(what::String, code::String)
    f = function_from_code(what, code)
    for x in PROBES
        y = try
            Base.invokelatest(f, x)
        catch problem
            problem isa Union{MethodError,UndefVarError} && fail(what, " fails at ", x, ": ", sprint(showerror, problem))
            continue
        end
        y isa Real || fail(what, " must give a real number, got ", repr(y), " at ", x)
    end
    return f
end

"Whether `f` takes dual numbers wherever it takes plain ones."
takes_duals(f) = all(x -> !works(f, x) || works(f, seeded(x, Val(1))), PROBES)

function works(f, x)
    try
        return Base.invokelatest(f, x) isa Real
    catch
        return false
    end
end

function chain_by_zygote(x::Dual{N,T}, f) where {N,T<:Real}
    y, back = pullback_of[](f, x.value)
    slope = back(one(T))[1]
    return chain(x, convert(T, y), slope === nothing ? zero(T) : convert(T, slope))     # nothing: it is a constant
end

"Makes sure that a nonlinearity can be differentiated."
need_derivative(nonlinearity) = nothing
need_derivative(::FromCode{id,true}) where {id} =
    need_zygote("a nonlinearity given as Julia code that dual numbers cannot pass through",
                "Or give its derivative: JuliaFunction(code=..., derivative=\"x -> ...\")")
