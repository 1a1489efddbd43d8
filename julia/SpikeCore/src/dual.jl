# Dual numbers: a value with its derivatives in N directions. A step function that is called with them gives its own
# derivatives; nothing about a model is written twice.

struct Dual{N,T<:Real} <: Real
    value::T
    partials::NTuple{N,T}
end

value(x::Real) = x
value(x::Dual) = x.value

"The number, a dual one as it is."
plain(x::Real) = Float64(x)
plain(x::Dual) = x
"The derivatives of `x`, in one direction."
slope_of(x::Dual) = x.partials[1]
slope_of(x::Real) = zero(x)

"`x` as a variable: direction `k` of `N`."
@inline seeded(x::T, ::Val{N}, k::Int=1) where {T<:Real,N} = Dual{N,T}(x, ntuple(j -> T(j == k), Val(N)))

Base.promote_rule(::Type{Dual{N,T}}, ::Type{R}) where {N,T<:Real,R<:Real} = Dual{N,promote_type(T, R)}
Base.promote_rule(::Type{Dual{N,T}}, ::Type{Dual{N,R}}) where {N,T<:Real,R<:Real} = Dual{N,promote_type(T, R)}
Dual{N,T}(x::Real) where {N,T<:Real} = Dual{N,T}(T(x), ntuple(_ -> zero(T), Val(N)))
Dual{N,T}(x::Dual{N}) where {N,T<:Real} = Dual{N,T}(T(x.value), map(T, x.partials))
Base.convert(::Type{Dual{N,T}}, x::Real) where {N,T<:Real} = Dual{N,T}(x)
Base.convert(::Type{Dual{N,T}}, x::Dual{N,T}) where {N,T<:Real} = x
Base.zero(::Type{Dual{N,T}}) where {N,T<:Real} = Dual{N,T}(zero(T))
Base.one(::Type{Dual{N,T}}) where {N,T<:Real} = Dual{N,T}(one(T))
Base.zero(x::Dual) = zero(typeof(x))
Base.one(x::Dual) = one(typeof(x))

"The value `f` and its derivative with respect to `x`, by the chain rule."
@inline chain(x::Dual{N,T}, f::T, slope::T) where {N,T<:Real} = Dual{N,T}(f, map(p -> slope * p, x.partials))

@inline Base.:+(x::Dual{N,T}, y::Dual{N,T}) where {N,T<:Real} = Dual{N,T}(x.value + y.value, map(+, x.partials, y.partials))
@inline Base.:-(x::Dual{N,T}, y::Dual{N,T}) where {N,T<:Real} = Dual{N,T}(x.value - y.value, map(-, x.partials, y.partials))
@inline Base.:*(x::Dual{N,T}, y::Dual{N,T}) where {N,T<:Real} =
    Dual{N,T}(x.value * y.value, map((p, q) -> p * y.value + x.value * q, x.partials, y.partials))
@inline function Base.:/(x::Dual{N,T}, y::Dual{N,T}) where {N,T<:Real}
    quotient = x.value / y.value
    return Dual{N,T}(quotient, map((p, q) -> (p - quotient * q) / y.value, x.partials, y.partials))
end
@inline Base.:-(x::Dual) = chain(x, -x.value, -one(x.value))
@inline Base.:+(x::Dual) = x
@inline Base.:^(x::Dual, n::Integer) = chain(x, x.value^n, n * x.value^(n - 1))
@inline Base.:^(x::Dual{N,T}, y::AbstractFloat) where {N,T<:Real} = chain(x, x.value^T(y), T(y) * x.value^T(y - 1))
@inline Base.muladd(x::Dual{N,T}, y::Dual{N,T}, z::Dual{N,T}) where {N,T<:Real} = x * y + z

# A plain number beside a dual one has no partials to carry.
for R in (:Float32, :Float64)
    @eval begin
        @inline Base.:+(x::Dual{N,$R}, y::$R) where {N} = Dual{N,$R}(x.value + y, x.partials)
        @inline Base.:+(x::$R, y::Dual{N,$R}) where {N} = Dual{N,$R}(x + y.value, y.partials)
        @inline Base.:-(x::Dual{N,$R}, y::$R) where {N} = Dual{N,$R}(x.value - y, x.partials)
        @inline Base.:-(x::$R, y::Dual{N,$R}) where {N} = Dual{N,$R}(x - y.value, map(-, y.partials))
        @inline Base.:*(x::Dual{N,$R}, y::$R) where {N} = chain(x, x.value * y, y)
        @inline Base.:*(x::$R, y::Dual{N,$R}) where {N} = chain(y, x * y.value, x)
        @inline Base.:/(x::Dual{N,$R}, y::$R) where {N} = chain(x, x.value / y, inv(y))
    end
end

for compare in (:<, :<=, :(==), :isless)
    @eval @inline Base.$compare(x::Dual{N,T}, y::Dual{N,T}) where {N,T<:Real} = $compare(x.value, y.value)
end
Base.isfinite(x::Dual) = isfinite(x.value)

"`a` or `b`, number by number: loops with a choice between structs are not vectorised."
@inline pick(first::Bool, a::T, b::T) where {T<:Real} = ifelse(first, a, b)
@inline pick(first::Bool, a::Dual{N,T}, b::Dual{N,T}) where {N,T<:Real} =
    Dual{N,T}(pick(first, a.value, b.value), map((p, q) -> pick(first, p, q), a.partials, b.partials))
@inline pick(first::Bool, a::Real, b::Real) = pick(first, promote(a, b)...)

@inline Base.abs(x::Dual) = chain(x, abs(x.value), ifelse(x.value < 0, -one(x.value), one(x.value)))
@inline Base.max(x::Dual{N,T}, y::Dual{N,T}) where {N,T<:Real} = pick(x.value < y.value, y, x)
@inline Base.min(x::Dual{N,T}, y::Dual{N,T}) where {N,T<:Real} = pick(y.value < x.value, y, x)
@inline Base.sin(x::Dual) = chain(x, sin(x.value), cos(x.value))
@inline Base.cos(x::Dual) = chain(x, cos(x.value), -sin(x.value))

@inline Base.exp(x::Dual) = chain(x, exp(x.value), exp(x.value))
@inline Base.log(x::Dual) = chain(x, log(x.value), inv(x.value))
@inline Base.sqrt(x::Dual) = chain(x, sqrt(x.value), inv(2 * sqrt(x.value)))
@inline Base.expm1(x::Dual) = chain(x, expm1(x.value), exp(x.value))
@inline Base.log1p(x::Dual) = chain(x, log1p(x.value), inv(1 + x.value))
@inline Base.tanh(x::Dual) = chain(x, tanh(x.value), 1 - tanh(x.value)^2)

@inline function vexp(x::Dual)
    y = vexp(x.value)
    return chain(x, y, y)
end
@inline vexpm1(x::Dual) = chain(x, vexpm1(x.value), vexp(x.value))
@inline vlog(x::Dual) = chain(x, vlog(x.value), inv(x.value))
@inline function sqrt_positive(x::Dual)
    y = sqrt_positive(x.value)
    return chain(x, y, inv(2y))
end

"The derivative of f = (exp(x) - 1) / x: by its series where the difference would cancel."
@inline function relative_exp_slope(x, f)
    small = abs(x) < one(x) / 100
    series = muladd(x, muladd(x, muladd(x, one(x) / 30, one(x) / 8), one(x) / 3), one(x) / 2)
    return pick(small, series, (vexp(x) - f) / pick(small, one(x), x))
end
