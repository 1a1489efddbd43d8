# Formulas given as text: parsed, and checked node by node against a list of names and functions, before anything of them
# becomes part of a step function. They consist of floats, names, + - * / ^ and calls of known functions. The functions
# are free of branches and calls, so that loops over neurons vectorise; they take dual numbers, too.

# ---- functions ----------------------------------------------------------------------------------------------------------

"`x^n` for a whole number `n`, by multiplication."
@inline raised(x, ::Val{0}) = one(x)
@inline raised(x, ::Val{1}) = x
@inline raised(x, ::Val{2}) = x * x
@inline function raised(x, ::Val{N}) where {N}
    N < 0 && return inv(raised(x, Val(-N)))
    half = raised(x, Val(N >> 1))
    return isodd(N) ? half * half * x : half * half
end

@inline raised(x, y) = raised(promote(x, y)...)
"`x^y` for any `y`: NaN where `x` is negative."
@inline function raised(x::T, y::T) where {T<:Real}
    inside = pick(x > 0, x, one(x))
    outside = pick(x < 0, oftype(x, NaN), pick(y > 0, zero(x), pick(y < 0, oftype(x, Inf), one(x))))
    return pick(x > 0, vexp(y * vlog(inside)), outside)
end

"The logarithm; NaN where `x` is negative."
@inline function logarithm(x)
    inside = pick(x > 0, x, one(x))
    return pick(x > 0, vlog(inside), pick(x < 0, oftype(x, NaN), oftype(x, -Inf)) + (x - x))
end

"log(1 + x), accurate for small `x`, too: the rounding of 1 + x is made good (Kahan)."
@inline function logarithm_1p(x)
    u = 1 + x
    exact = pick(u == 1, one(u), u)
    return pick(u == 1, x, logarithm(exact) * (x / pick(u == 1, one(u), u - 1)))
end
@inline logarithm_1p(x::Dual) = chain(x, logarithm_1p(x.value), inv(1 + x.value))

@inline function hyperbolic_tangent(x)
    e = vexpm1(x + x)
    return e / (e + 2)
end

"(exp(x) - 1) / x, 1 at 0."
@inline function relative_exp(x)
    safe = pick(x == 0, one(x), x)
    return pick(x == 0, one(x), vexpm1(safe) / safe)
end
@inline relative_exp(x::Dual) = chain(x, relative_exp(x.value), relative_exp_slope(x.value, relative_exp(x.value)))

# Angles are brought to one turn; what this rounds is as much as the angle itself was rounded.
@inline function turn(x)
    turns = Float64(x) * 0.15915494309189535
    return vsincospi2(turns - floor(turns))
end
@inline sine(x::T) where {T} = T(turn(x)[1])
@inline cosine(x::T) where {T} = T(turn(x)[2])
@inline sine(x::Dual) = chain(x, sine(x.value), cosine(x.value))
@inline cosine(x::Dual) = chain(x, cosine(x.value), -sine(x.value))

@inline logistic(x) = 1 / (1 + vexp(-x))
@inline rectified(x) = pick(x > 0, x, zero(x)) + (x - x)      # x - x keeps NaN and Inf visible
@inline smooth_rectified(x) = rectified(x) + logarithm_1p(vexp(-abs(x)))
@inline larger(x::T, y::T) where {T<:Real} = pick(x < y, y, x) + (y - y)
@inline smaller(x::T, y::T) where {T<:Real} = pick(y < x, y, x) + (y - y)
@inline larger(x, y) = larger(promote(x, y)...)
@inline smaller(x, y) = smaller(promote(x, y)...)
@inline larger(x, y, z, more...) = larger(larger(x, y), z, more...)
@inline smaller(x, y, z, more...) = smaller(smaller(x, y), z, more...)
@inline clipped(x, low, high) = smaller(larger(x, low), high)

"What a formula may call, and with how many values at least and at most."
const FORMULA_FUNCTIONS = Dict{Symbol,Tuple{Any,Int,Int}}(
    :+ => (+, 1, 2), :- => (-, 1, 2), :* => (*, 2, 2), :/ => (/, 2, 2), :^ => (raised, 2, 2), :exp => (vexp, 1, 1),
    :expm1 => (vexpm1, 1, 1), :log => (logarithm, 1, 1), :log1p => (logarithm_1p, 1, 1), :sqrt => (sqrt_positive, 1, 1),
    :abs => (abs, 1, 1), :tanh => (hyperbolic_tangent, 1, 1), :sin => (sine, 1, 1), :cos => (cosine, 1, 1),
    :max => (larger, 2, 100), :min => (smaller, 2, 100), :clip => (clipped, 3, 3), :exprel => (relative_exp, 1, 1),
    :sigmoid => (logistic, 1, 1), :relu => (rectified, 1, 1), :softplus => (smooth_rectified, 1, 1))

# ---- from text ----------------------------------------------------------------------------------------------------------

"""
    read_formula(text, names)

The expression that `text` says. A name becomes what `names` has for it; a number becomes `T(number)` with a symbol `T` that
the caller defines. Anything but arithmetic, these names and known functions is a `SpikeCoreError`.
"""
function read_formula(text::String, names::Dict{Symbol,Any})
    parsed = try
        Meta.parse(text)
    catch problem
        fail("the formula \"", text, "\" cannot be read: ", sprint(showerror, problem))
    end
    return formula(parsed, text, names)
end

formula(x::Symbol, text, names) =
    haskey(names, x) ? names[x] : fail("the formula \"", text, "\" has the unknown name `", x, "`")
formula(x::Union{Integer,AbstractFloat}, text, names) = :(T($(Float64(x))))
formula(x::Bool, text, names) = fail("the formula \"", text, "\" has `", x, "`, which is not arithmetic")
function formula(x::Expr, text, names)
    x.head === :call && x.args[1] isa Symbol && haskey(FORMULA_FUNCTIONS, x.args[1]) ||
        fail("the formula \"", text, "\" has `", x, "`, which is not arithmetic or a known function")
    f, least, most = FORMULA_FUNCTIONS[x.args[1]]
    least <= length(x.args) - 1 <= most ||
        fail("the formula \"", text, "\" calls `", x.args[1], "` with ", length(x.args) - 1, " values")
    if f === raised && whole_exponent(x.args[3]) !== nothing
        return Expr(:call, raised, formula(x.args[2], text, names), Val(whole_exponent(x.args[3])))
    end
    f === raised && x.args[3] == 0.5 && return Expr(:call, sqrt_positive, formula(x.args[2], text, names))
    return Expr(:call, f, map(a -> formula(a, text, names), x.args[2:end])...)
end
formula(x, text, names) = fail("the formula \"", text, "\" has `", x, "`, which is not arithmetic")

whole_exponent(x) = x isa Integer && abs(x) <= 64 ? Int(x) : nothing

"The names that occur in a formula."
function formula_names(text::String)
    found = Set{Symbol}()
    collect_names!(found, Meta.parse(text; raise=false))
    return found
end
collect_names!(found, x) = nothing
collect_names!(found, x::Symbol) = push!(found, x)
collect_names!(found, x::Expr) = foreach(a -> collect_names!(found, a), x.args)
