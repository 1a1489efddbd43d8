# Surrogate derivatives of a spike: what stands for the derivative of the step function at x = activity - threshold, and the
# function that it is the derivative of, which takes the place of the step where a run is to be smooth. Sources: SuperSpike,
# Zenke and Ganguli 2018; the others as in Norse (https://github.com/norse/norse) and snnTorch (arctan).
#
#     superspike         1 / (alpha |x| + 1)^2
#     sigmoid            alpha s (1 - s),  s = 1 / (1 + exp(-alpha x))
#     tanh               1 - tanh(alpha x)^2
#     triangle           alpha max(0, 1 - |x|)
#     arctan             alpha / 2 / (1 + (pi alpha x / 2)^2)
#     circ               alpha^3 / (x^2 + alpha^2)^(3/2)
#     erfc               2 exp(-(alpha x)^2) / sqrt(pi)
#     straight_through   1

"A surrogate; `alpha` is in 1 / (unit of x), but for circ, where it is in the unit of x."
abstract type Surrogate{T} end

for name in (:SuperSpike, :SigmoidSurrogate, :TanhSurrogate, :TriangleSurrogate, :ArctanSurrogate, :CircSurrogate, :ErfcSurrogate,
             :StraightThrough)
    @eval struct $name{T} <: Surrogate{T}
        alpha::T
    end
end

const SURROGATES = Dict{String,Any}("superspike" => SuperSpike, "sigmoid" => SigmoidSurrogate, "tanh" => TanhSurrogate,
                                    "triangle" => TriangleSurrogate, "arctan" => ArctanSurrogate, "circ" => CircSurrogate,
                                    "erfc" => ErfcSurrogate, "straight_through" => StraightThrough)

function surrogate(::Type{T}, d::Dict{String,Any}) where {T}
    name = required(d, "name", String)
    haskey(SURROGATES, name) || fail("surrogate must be one of ", join(sort!(collect(keys(SURROGATES))), ", "), ", got ", name)
    return SURROGATES[name]{T}(T(required(d, "alpha", Real)))
end

"The surrogate derivative at `x`."
@inline function slope(s::SuperSpike, x)
    y = s.alpha * abs(x) + 1
    return 1 / (y * y)
end
@inline function slope(s::SigmoidSurrogate, x)
    y = vexp(-s.alpha * abs(x))
    return s.alpha * y / ((1 + y) * (1 + y))
end
@inline function slope(s::TanhSurrogate, x)
    y = tanh_of(s.alpha * x)
    return (1 - y) * (1 + y)
end
@inline slope(s::TriangleSurrogate, x) = s.alpha * max(zero(x), 1 - abs(x))
@inline function slope(s::ArctanSurrogate, x)
    y = oftype(x, pi / 2) * s.alpha * x
    return s.alpha / 2 / (1 + y * y)
end
@inline function slope(s::CircSurrogate, x)
    y = x / s.alpha
    z = 1 + y * y
    return 1 / (z * sqrt_positive(z))
end
@inline function slope(s::ErfcSurrogate, x)
    y = s.alpha * x
    return oftype(x, 2 / sqrt(pi)) * vexp(-y * y)
end
@inline slope(s::StraightThrough, x) = one(x)

"(exp(2x) - 1) / (exp(2x) + 1), accurate near 0 and without overflow."
@inline function tanh_of(x)
    e = vexpm1(-2 * abs(x))
    y = -e / (e + 2)
    return ifelse(x < 0, -y, y)
end

"The function whose derivative is `slope`: 1/2 at 0."
@inline smooth(s::SuperSpike, x) = oftype(x, 0.5) + x / (1 + s.alpha * abs(x))
@inline function smooth(s::SigmoidSurrogate, x)
    y = vexp(-s.alpha * abs(x))
    return ifelse(x < 0, y, one(x)) / (1 + y)
end
@inline smooth(s::TanhSurrogate, x) = oftype(x, 0.5) + tanh_of(s.alpha * x) / s.alpha
@inline function smooth(s::TriangleSurrogate, x)
    y = max(-one(x), min(one(x), x))
    return oftype(x, 0.5) + s.alpha * (y - y * abs(y) / 2)
end
@inline smooth(s::ArctanSurrogate, x) = oftype(x, 0.5) + oftype(x, atan(pi / 2 * s.alpha * x) / pi)
@inline function smooth(s::CircSurrogate, x)
    y = x / s.alpha
    return oftype(x, 0.5) + s.alpha * y / sqrt_positive(1 + y * y)
end
@inline smooth(s::ErfcSurrogate, x) = oftype(x, 0.5) + oftype(x, error_function(s.alpha * x)) / s.alpha
@inline smooth(s::StraightThrough, x) = oftype(x, 0.5) + x

# Julia's standard library has no error function; that of its mathematical library has.
error_function(x) = ccall((:erf, Base.Math.libm), Cdouble, (Cdouble,), x)
