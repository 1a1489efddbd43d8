# Connectivity compressed by presynaptic neuron: a spike costs the synapses of the neuron that fired, no others.

"""
Synapses sorted by (presynaptic, postsynaptic) neuron. Arrays are used as they came, without a copy: `offset` has
`n + 1` zero-based positions, `target` zero-based neurons. `delay` (in steps) is empty when all synapses share
`shared_delay`.
"""
struct Connectivity{W<:Union{Float32,Float64}}
    n::Int
    offset::Vector{Int64}
    target::Vector{Int32}
    weight::Vector{W}
    delay::Vector{Int32}
    shared_delay::Int
    longest_delay::Int
end

function Connectivity(n::Int, offset::Vector{Int64}, target::Vector{Int32}, weight::Vector{W}, delay::Vector{Int32},
                      shared_delay::Int) where {W}
    length(offset) == n + 1 || fail("offset must have ", n + 1, " elements, got ", length(offset))
    m = length(target)
    length(weight) == m || fail("weight must have ", m, " elements, got ", length(weight))
    length(delay) in (0, m) || fail("delay must have 0 or ", m, " elements, got ", length(delay))
    (offset[1] == 0 && offset[end] == m) || fail("offset must run from 0 to ", m)
    for pre in 1:n
        offset[pre+1] >= offset[pre] || fail("offset must not decrease, but does after neuron ", pre - 1)
        check_row(target, offset[pre] + 1, offset[pre+1], n) ||
            fail("targets of neuron ", pre - 1, " must be sorted and lie in 0..", n - 1)
    end
    longest = isempty(delay) ? shared_delay : Int(maximum(delay))
    shortest = isempty(delay) ? shared_delay : Int(minimum(delay))
    shortest >= 1 || fail("delay must be at least one step, got ", shortest)
    longest <= 1_000_000 || fail("delay must be at most 1000000 steps, got ", longest)
    return Connectivity{W}(n, offset, target, weight, delay, shared_delay, longest)
end

function check_row(target::Vector{Int32}, low::Int64, high::Int64, n::Int)
    low > high && return true
    @inbounds begin
        bad = flag(Float32, (target[low] < 0) | (target[high] >= n))
        @simd for k in low+1:high
            bad |= flag(Float32, target[k] < target[k-1])
        end
    end
    return bad == 0
end

"""
    split_rows(c, ranges) -> Matrix{Int64}

Where the targets of each block of neurons begin in each row: synapses `s[p, pre] + 1 : s[p + 1, pre]` of the whole
list lead from `pre` into `ranges[p]`.
"""
function split_rows(c::Connectivity, ranges::Vector{UnitRange{Int}})
    s = Matrix{Int64}(undef, length(ranges) + 1, c.n)
    for pre in 1:c.n
        low, high = c.offset[pre] + 1, c.offset[pre+1]
        s[1, pre] = low - 1
        s[end, pre] = high
        for p in 2:length(ranges)
            s[p, pre] = searchsortedfirst(c.target, Int32(first(ranges[p]) - 1), low, high, Base.Order.Forward) - 1
        end
    end
    return s
end
