# What is searched: dimensions that are real numbers, whole numbers or choices. Within, every candidate is a point of the unit
# cube, where logarithmic scales are linear; outside, it has the user's units. Read search.jl next.

const REAL, INTEGER, CATEGORY = 0x00, 0x01, 0x02
const KINDS = Dict{String,UInt8}("real" => REAL, "integer" => INTEGER, "category" => CATEGORY)

"Per dimension: kind, and the ends of its scale, as logarithms where it is logarithmic. A category is its number, from 0."
struct Space
    kind::Vector{UInt8}
    log::Vector{Bool}
    low::Vector{Float64}
    high::Vector{Float64}
    from::Vector{Float64}   # what 0 and 1 mean: whole numbers have bins of width 1, so half a number beyond the ends
    to::Vector{Float64}
end

function Space(kinds::Vector, log::Vector{Bool}, low::Vector{Float64}, high::Vector{Float64})
    length(kinds) == length(log) == length(low) == length(high) >= 1 || fail("kind, log, low and high must have equal lengths, at least 1")
    kind, from, to = UInt8[], copy(low), copy(high)
    for j in 1:length(kinds)
        haskey(KINDS, kinds[j]) || fail("kind must be real, integer or category, got ", kinds[j])
        push!(kind, KINDS[kinds[j]])
        low[j] <= high[j] && isfinite(high[j] - low[j]) || fail("low must be below high, got ", low[j], " and ", high[j])
        if kind[j] != REAL
            from[j], to[j] = low[j] - 0.5, high[j] + 0.5
        end
        if log[j]
            from[j] > 0 || fail("a logarithmic scale must begin above 0, got ", low[j])
            from[j], to[j] = Base.log(from[j]), Base.log(to[j])
        end
    end
    return Space(kind, log, low, high, from, to)
end

Base.length(space::Space) = length(space.kind)

"The value in the user's units of coordinate `x` of dimension `j`."
function decode(space::Space, j::Int, x::Float64)
    0 < x < 1 || return x <= 0 ? space.low[j] : space.high[j]
    value = space.from[j] + x * (space.to[j] - space.from[j])
    space.log[j] && (value = exp(value))
    space.kind[j] == REAL || (value = floor(value + 0.5))
    return clamp(value, space.low[j], space.high[j])
end

"The coordinate of a value: the middle of what decodes to it."
function encode(space::Space, j::Int, value::Float64)
    x = clamp(value, space.low[j], space.high[j])
    space.log[j] && (x = log(x))
    width = space.to[j] - space.from[j]
    return width > 0 ? (x - space.from[j]) / width : 0.5
end

"What a whole number at coordinate `x` takes of the unit interval; 0 for real numbers."
function bin_width(space::Space, j::Int, x::Float64)
    space.kind[j] == REAL && return 0.0
    value = decode(space, j, clamp(x, 0.0, 1.0))
    edge(v) = space.log[j] ? log(v) : v
    return (edge(value + 0.5) - edge(value - 0.5)) / (space.to[j] - space.from[j])
end

"A coordinate that left the unit interval, mirrored back into it."
function reflect(x::Float64)
    0 <= x <= 1 && return x
    isfinite(x) || return 0.5
    x = mod(x, 2.0)
    return x > 1 ? 2 - x : x
end

function decoded(space::Space, candidates::Matrix{Float64})
    values = similar(candidates)
    for i in 1:size(candidates, 2), j in 1:size(candidates, 1)
        values[j, i] = decode(space, j, candidates[j, i])
    end
    return values
end
