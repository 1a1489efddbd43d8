# Random numbers that are addressed, not consumed: Philox4x32-10 (Salmon et al. 2011, doi 10.1145/2063384.2063405).
# One block of four 32-bit words belongs to (seed, stream, trial, index, step ÷ 4); its four words are the draws of the
# four steps 4q .. 4q + 3. The same draw comes out whatever the threads, the batch or the pieces of a run.

const PHILOX_M0 = 0xD2511F53
const PHILOX_M1 = 0xCD9E8D57
const PHILOX_W0 = 0x9E3779B9
const PHILOX_W1 = 0xBB67AE85

"What a draw is for; one stream of random numbers each. Stimulus `s` (1, 2, ...) draws from `STREAM_STIMULUS + s`."
const STREAM_FIRE = 0x00000000
const STREAM_INITIAL = 0x00000002
const STREAM_BACKGROUND = 0x00000003  # size of the background noise
const STREAM_GATE = 0x00000004        # presence of the background noise
const STREAM_STIMULUS = 0x00000100
const STREAM_MEMBRANE = 0x00008000    # white noise k of a membrane's equations: + k
const STREAM_SEARCH = 0x00100000      # purpose p of search algorithm a: + 0x100 a + p
const STREAM_START = 0x00004000       # added: the value before the first step

# Both halves live in 64-bit lanes whose upper half is zero: LLVM turns the product into one vector instruction.
@inline function philox_round(c0::UInt64, c1::UInt64, c2::UInt64, c3::UInt64, k0::UInt64, k1::UInt64)
    p0 = c0 * UInt64(PHILOX_M0)
    p1 = c2 * UInt64(PHILOX_M1)
    low = 0x00000000ffffffff
    return (p1 >> 32) ⊻ c1 ⊻ k0, p1 & low, (p0 >> 32) ⊻ c3 ⊻ k1, p0 & low
end

"""
    philox4x32(c0, c1, c2, c3, k0, k1) -> NTuple{4,UInt32}

The ten-round Philox4x32 block of counter `c0..c3` under key `k0, k1` (all `UInt32`).
"""
@inline function philox4x32(c0::UInt32, c1::UInt32, c2::UInt32, c3::UInt32, k0::UInt32, k1::UInt32)
    x0, x1, x2, x3 = UInt64(c0), UInt64(c1), UInt64(c2), UInt64(c3)
    Base.Cartesian.@nexprs 10 r -> begin
        x0, x1, x2, x3 = philox_round(x0, x1, x2, x3, UInt64(k0), UInt64(k1))
        k0 += PHILOX_W0
        k1 += PHILOX_W1
    end
    return x0 % UInt32, x1 % UInt32, x2 % UInt32, x3 % UInt32
end

"Where draws come from: the seed of the run, what they are for, and the trial."
struct Source
    seed::UInt64
    stream::UInt32
    trial::UInt32
end

@inline function block(source::Source, index::Integer, quad::Integer)
    return philox4x32(index % UInt32, quad % UInt32, source.trial, source.stream,
                      source.seed % UInt32, (source.seed >> 32) % UInt32)
end

"The 32 random bits of `index` (0-based) at `step`."
@inline draw(source::Source, index::Integer, step::Integer) =
    @inbounds block(source, index, step >> 2)[(step & 3) + 1]

"A uniform number in (0, 1] from 32 random bits; never zero."
@inline uniform(::Type{T}, bits::UInt32) where {T} = muladd(T(bits), T(2.0^-32), T(2.0^-33))

"""
    fill_bits!(bits, source, quad, range)

The bits of neurons `range` (1-based) for steps `4quad .. 4quad + 3` into the four columns of `bits`.
"""
function fill_bits!(bits::Matrix{UInt32}, source::Source, quad::Integer, range::UnitRange{Int})
    n = size(bits, 1)
    1 <= first(range) && last(range) <= n && size(bits, 2) == 4 || throw(BoundsError(bits, range))
    c1, c2, c3 = quad % UInt32, source.trial, source.stream
    k0, k1 = source.seed % UInt32, (source.seed >> 32) % UInt32
    @inbounds @simd ivdep for i in range
        a, b, c, d = philox4x32((i - 1) % UInt32, c1, c2, c3, k0, k1)
        bits[i] = a
        bits[i + n] = b
        bits[i + 2n] = c
        bits[i + 3n] = d
    end
    return nothing
end

"""
    fill_normals!(normals, source, quad, range)

Standard normal draws of neurons `range` for steps `4quad .. 4quad + 3`, by the Box-Muller transform of the same bits
that `fill_bits!` gives. Always computed in double precision, so that every `dtype` sees the same noise.
"""
function fill_normals!(normals::Matrix{T}, source::Source, quad::Integer, range::UnitRange{Int}) where {T}
    n = size(normals, 1)
    1 <= first(range) && last(range) <= n && size(normals, 2) == 4 || throw(BoundsError(normals, range))
    c1, c2, c3 = quad % UInt32, source.trial, source.stream
    k0, k1 = source.seed % UInt32, (source.seed >> 32) % UInt32
    @inbounds @simd ivdep for i in range
        a, b, c, d = philox4x32((i - 1) % UInt32, c1, c2, c3, k0, k1)
        x, y = box_muller(uniform(Float64, a), uniform(Float64, b))
        z, w = box_muller(uniform(Float64, c), uniform(Float64, d))
        normals[i] = x
        normals[i + n] = y
        normals[i + 2n] = z
        normals[i + 3n] = w
    end
    return nothing
end

@inline function box_muller(u::Float64, v::Float64)
    radius = sqrt_positive(-2 * vlog(u))
    s, c = vsincospi2(v)
    return radius * c, radius * s
end

"A standard normal draw of `index` at `step`: the number that `fill_normals!` gives."
@inline function normal(source::Source, index::Integer, step::Integer)
    a, b, c, d = block(source, index, step >> 2)
    lane = step & 3
    x, y = lane < 2 ? box_muller(uniform(Float64, a), uniform(Float64, b)) :
           box_muller(uniform(Float64, c), uniform(Float64, d))
    return iseven(lane) ? x : y
end
