# Distances between spike trains: which trains are compared with which, on how many threads, and the distances that need
# no file of their own. Read van_rossum.jl and spike_profile.jl next.

"Spike trains one after the other: train i has the sorted `times[offset[i]+1 : offset[i+1]]`."
struct Trains
    times::Vector{Float64}
    offset::Vector{Int64}
    function Trains(name::String, arrays)
        times = convert(Vector{Float64}, required(arrays, string(name, ".times"), Array))
        offset = convert(Vector{Int64}, required(arrays, string(name, ".offset"), Array))
        isempty(offset) && fail(name, ".offset must not be empty")
        offset[1] == 0 && offset[end] == length(times) && issorted(offset) ||
            fail(name, ".offset must rise from 0 to ", length(times))
        all(isfinite, times) || fail(name, ".times must be finite")
        return new(times, offset)
    end
end

Base.length(trains::Trains) = length(trains.offset) - 1
@inline start_of(trains::Trains, i) = trains.offset[i] + 1
@inline stop_of(trains::Trains, i) = trains.offset[i+1]

"""
A measure gives `distance(measure, x, lo, hi, y, p, q, scratch)` for the sorted trains `x[lo:hi]` and `y[p:q]`; `scratch`
is a vector of its own for every thread.
"""
abstract type Measure end

const MEASURES = Dict{String,Function}(
    "van_rossum" => params -> VanRossum(at_least_zero(params, "tau")),
    "victor_purpura" => params -> VictorPurpura(at_least_zero(params, "cost")),
    "coincidences" => params -> Coincidences(at_least_zero(params, "window")),
    "isi" => params -> profile(IsiProfile, params),
    "spike" => params -> profile(SpikeProfile, params),
)

function at_least_zero(params, name::String)
    value = Float64(required(params, name, Real))
    value >= 0 || fail(name, " must not be negative, got ", value)
    return value
end

# Below this, waking other threads takes longer than the work, in spikes that are compared.
const SPIKES_PER_THREAD = 20_000

"`distances` in service.jl: `measure` and its numbers, `pairs`, arrays `a.times`, `a.offset`, `b.times`, `b.offset`."
function distances(params, arrays)
    name = required(params, "measure", String)
    haskey(MEASURES, name) || fail("unknown measure ", name, "; known are ", join(sort!(collect(keys(MEASURES))), ", "))
    measure = MEASURES[name](params)
    a, b = Trains("a", arrays), Trains("b", arrays)
    pairs = required(params, "pairs", String)
    work = length(a.times) + length(b.times) * (pairs == "all" ? length(a) : 1)
    threads = clamp(min(required(params, "threads", Int), work ÷ SPIKES_PER_THREAD), 1, Threads.nthreads())
    if pairs == "matched"
        length(a) == length(b) || fail("pairs must be of as many trains a as b, got ", length(a), " and ", length(b))
        values = zeros(length(a))
        matched_distances!(values, measure, a, b, threads)
        return NOTHING, Dict{String,Any}("distance" => values)
    end
    pairs == "all" || fail("pairs must be matched or all, got ", pairs)
    matrix = zeros(length(b), length(a))
    all_distances!(matrix, measure, a, b, required(params, "above", Int), threads)
    return NOTHING, Dict{String,Any}("distance" => matrix)
end

# A thread takes several parts, so that one with long trains does not make the others wait.
function parts_of(n::Int, threads::Int)
    count = clamp(threads == 1 ? 1 : 8threads, 1, max(n, 1))
    return [(n * (k - 1)) ÷ count + 1:(n * k) ÷ count for k in 1:count]
end

function matched_distances!(values::Vector{Float64}, measure::M, a::Trains, b::Trains, threads::Int) where {M<:Measure}
    parts = parts_of(length(values), threads)
    on_threads(length(parts), threads) do part
        scratch = Float64[]
        for i in parts[part]
            values[i] = distance(measure, a.times, start_of(a, i), stop_of(a, i), b.times, start_of(b, i), stop_of(b, i), scratch)
        end
    end
end

"Column i of `matrix`: distances of train i of `a` to the trains j > above + i of `b`; the others stay zero."
function all_distances!(matrix::Matrix{Float64}, measure::M, a::Trains, b::Trains, above::Int, threads::Int) where {M<:Measure}
    parts = parts_of(length(a), threads)
    on_threads(length(parts), threads) do part
        scratch = Float64[]
        for i in parts[part], j in max(1, above + i + 1):length(b)
            matrix[j, i] = distance(measure, a.times, start_of(a, i), stop_of(a, i), b.times, start_of(b, j), stop_of(b, j), scratch)
        end
    end
end

# ---- Victor and Purpura ------------------------------------------------------------------------------------------------

"Least cost of turning one train into the other: 1 to insert or delete a spike, `cost` per ms to shift one."
struct VictorPurpura <: Measure
    cost::Float64
end

function distance(m::VictorPurpura, x, lo, hi, y, p, q, scratch)
    n, k = hi - lo + 1, q - p + 1
    k > n && return distance(m, y, p, q, x, lo, hi, scratch)
    resize!(scratch, k + 1)
    for j in 0:k
        scratch[j+1] = j
    end
    @inbounds for i in 1:n
        t = x[lo+i-1]
        diagonal, left = scratch[1], Float64(i)     # costs of i-1 spikes of x against j-1, of i against j-1
        scratch[1] = left
        for j in 1:k
            above = scratch[j+1]
            shifted = diagonal + m.cost * abs(t - y[p+j-1])
            left = ifelse(above < left, above, left) + 1
            left = ifelse(shifted < left, shifted, left)
            scratch[j+1] = left
            diagonal = above
        end
    end
    return scratch[k+1]
end

# ---- coincidences ------------------------------------------------------------------------------------------------------

"Number of pairs of spikes not more than `window` ms apart, each spike in one pair at most."
struct Coincidences <: Measure
    window::Float64
end

function distance(m::Coincidences, x, lo, hi, y, p, q, scratch)
    count = 0
    @inbounds while lo <= hi && p <= q
        if abs(x[lo] - y[p]) <= m.window
            count += 1
            lo += 1
            p += 1
        elseif x[lo] < y[p]
            lo += 1
        else
            p += 1
        end
    end
    return Float64(count)
end
