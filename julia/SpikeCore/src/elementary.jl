# Elementary functions without branches or calls, so that LLVM vectorises the loops that use them; Julia 1.5 has none.
# Accurate to about two units in the last place on the ranges used here (see test/elementary.jl).

# What a loop finds out along the way is gathered in an integer as wide as its numbers: LLVM does not vectorise a loop that
# carries a Bool.
@inline flag(::Type{Float64}, x::Bool) = ifelse(x, one(Int64), zero(Int64))
@inline flag(::Type{Float32}, x::Bool) = ifelse(x, one(Int32), zero(Int32))

@inline sqrt_positive(x::T) where {T<:Union{Float32,Float64}} = Base.sqrt_llvm(x)

# exp(x) = 2^n (1 + q) with n = round(x / log 2) and q = exp(r) - 1, |r| <= log(2)/2. Adding 1.5 * 2^52 rounds to
# an integer whose low bits are then shifted into the exponent.
@inline function exp_parts(x::Float64)
    x = ifelse(x < -708.0, -708.0, ifelse(x > 709.0, 709.0, x))
    shifted = muladd(x, 1.4426950408889634, 6.755399441055744e15)
    n = shifted - 6.755399441055744e15
    r = muladd(n, -1.9082149292705877e-10, muladd(n, -0.6931471803691238, x))
    q = muladd(r, 1.6059043836821613e-10, 2.08767569878681e-9)
    q = muladd(r, q, 2.505210838544172e-8)
    q = muladd(r, q, 2.755731922398589e-7)
    q = muladd(r, q, 2.7557319223985893e-6)
    q = muladd(r, q, 2.48015873015873e-5)
    q = muladd(r, q, 0.0001984126984126984)
    q = muladd(r, q, 0.001388888888888889)
    q = muladd(r, q, 0.008333333333333333)
    q = muladd(r, q, 0.041666666666666664)
    q = muladd(r, q, 0.16666666666666666)
    q = muladd(r, q, 0.5)
    q = muladd(r * r, q, r)
    scale = reinterpret(Float64, (reinterpret(Int64, shifted) << 52) + 0x3ff0000000000000 % Int64)
    return scale, q
end

@inline function exp_parts(x::Float32)
    x = ifelse(x < -87.0f0, -87.0f0, ifelse(x > 88.0f0, 88.0f0, x))
    shifted = muladd(x, 1.442695f0, 1.2582912f7)
    n = shifted - 1.2582912f7
    r = muladd(n, 2.1219444f-4, muladd(n, -0.693359375f0, x))
    q = muladd(r, 1.984127f-4, 1.3888889f-3)
    q = muladd(r, q, 8.333334f-3)
    q = muladd(r, q, 4.1666668f-2)
    q = muladd(r, q, 0.16666667f0)
    q = muladd(r, q, 0.5f0)
    q = muladd(r * r, q, r)
    scale = reinterpret(Float32, (reinterpret(Int32, shifted) << 23) + 0x3f800000 % Int32)
    return scale, q
end

"`exp(x)`, saturating at the ends of the range instead of under- and overflowing; NaN stays NaN."
@inline function vexp(x::Union{Float32,Float64})
    scale, q = exp_parts(x)
    return muladd(scale, q, scale)
end

"`exp(x) - 1` without cancellation for small `x`."
@inline function vexpm1(x::Union{Float32,Float64})
    scale, q = exp_parts(x)
    return muladd(scale, q, scale - 1)
end

"`log(x)` of a positive, normal number."
@inline function vlog(x::Float64)
    bits = reinterpret(Int64, x)
    # Split at sqrt(1/2): x = 2^e m with m in [sqrt(1/2), sqrt(2)).
    shifted = bits - 0x3fe6a09e667f3bcd % Int64
    e = shifted >> 52
    m = reinterpret(Float64, bits - (e << 52))
    # Exact conversion of a small integer to a float without an instruction that AVX2 lacks.
    n = reinterpret(Float64, e + 0x4338000000000000 % Int64) - 6.755399441055744e15
    s = (m - 1) / (m + 1)
    z = s * s
    q = muladd(z, 0.09523809523809523, 0.10526315789473684)
    q = muladd(z, q, 0.11764705882352941)
    q = muladd(z, q, 0.13333333333333333)
    q = muladd(z, q, 0.15384615384615385)
    q = muladd(z, q, 0.18181818181818182)
    q = muladd(z, q, 0.2222222222222222)
    q = muladd(z, q, 0.2857142857142857)
    q = muladd(z, q, 0.4)
    q = muladd(z, q, 0.6666666666666666)
    q = muladd(z * s, q, 2s)
    return muladd(n, 0.6931471803691238, muladd(n, 1.9082149292705877e-10, q))
end

@inline vlog(x::Float32) = Float32(vlog(Float64(x)))

"`sin(2 pi v), cos(2 pi v)` for `v` in [0, 1]."
@inline function vsincospi2(v::Float64)
    shifted = muladd(v, 4.0, 6.755399441055744e15)
    quadrant = reinterpret(Int64, shifted)
    r = muladd(v, 4.0, -(shifted - 6.755399441055744e15)) * 1.5707963267948966
    z = r * r
    s = muladd(z, -7.647163731819816e-13, 1.6059043836821613e-10)
    s = muladd(z, s, -2.505210838544172e-8)
    s = muladd(z, s, 2.7557319223985893e-6)
    s = muladd(z, s, -0.0001984126984126984)
    s = muladd(z, s, 0.008333333333333333)
    s = muladd(z, s, -0.16666666666666666)
    s = muladd(z * r, s, r)
    c = muladd(z, 4.779477332387385e-14, -1.1470745597729725e-11)
    c = muladd(z, c, 2.08767569878681e-9)
    c = muladd(z, c, -2.755731922398589e-7)
    c = muladd(z, c, 2.48015873015873e-5)
    c = muladd(z, c, -0.001388888888888889)
    c = muladd(z, c, 0.041666666666666664)
    c = muladd(z, c, -0.5)
    c = muladd(z, c, 1.0)
    odd = (quadrant & 1) != 0
    sine = ifelse(odd, c, s)
    cosine = ifelse(odd, s, c)
    sine = ifelse((quadrant & 2) != 0, -sine, sine)
    cosine = ifelse(((quadrant + 1) & 2) != 0, -cosine, cosine)
    return sine, cosine
end
