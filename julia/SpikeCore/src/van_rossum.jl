# The distance of van Rossum (2001), Neural Computation 13:751, with which one spike against none is 1:
#
#     D^2 = sum_kl exp(-|a_k - a_l| / tau) + sum_kl exp(-|b_k - b_l| / tau) - 2 sum_kl exp(-|a_k - b_l| / tau)
#
# It is the integral of 2/tau (f_a - f_b)^2, where every spike adds exp(-t/tau) to f from its time on.

struct VanRossum <: Measure
    tau::Float64
end

# For one pair the integral itself, from spike to spike. All terms are positive: nothing cancels, equal trains give 0.
# In three sweeps, of which only the first and last have to be done one spike after the other.
function distance(m::VanRossum, x, lo, hi, y, p, q, scratch)
    n = (hi - lo + 1) + (q - p + 1)
    resize!(scratch, 2n)
    merge_spikes!(scratch, n, x, lo, hi, y, p, q)
    @inbounds for k in 1:n
        scratch[k] = vexpm1(-scratch[k] / m.tau)
    end
    f = total = 0.0
    @inbounds for k in 1:n
        decay = scratch[k]                          # exp(-interval / tau) - 1
        total -= f * f * decay * (2 + decay)
        f += f * decay + scratch[n+k]
    end
    return sqrt(total + f * f)
end

"Intervals between all spikes in order of time, from 0 for the first, and after `n` of them +1 for those of x, else -1."
function merge_spikes!(merged, n, x, lo, hi, y, p, q)
    n == 0 && return
    k = 0
    last = @inbounds lo > hi ? y[p] : p > q ? x[lo] : min(x[lo], y[p])
    # Which train has the next spike cannot be foreseen, so nothing branches on it.
    @inbounds while lo <= hi && p <= q
        s, t = x[lo], y[p]
        of_x = s <= t
        next = ifelse(of_x, s, t)
        k += 1
        merged[k], merged[n+k] = next - last, ifelse(of_x, 1.0, -1.0)
        last = next
        lo += of_x
        p += !of_x
    end
    rest, jump, first, stop = lo <= hi ? (x, 1.0, lo, hi) : (y, -1.0, p, q)
    @inbounds for i in first:stop
        k += 1
        merged[k], merged[n+k] = rest[i] - last, jump
        last = rest[i]
    end
end

# ---- all pairs ---------------------------------------------------------------------------------------------------------
#
# Between two spikes of `a` the sum of exp(-|a_k - t| / tau) over k is L exp(-t / tau) + R exp(t / tau) (Houghton and
# Kreuz 2012, Network 23:48). All spikes of many trains `b` are visited in order of time, with their exponentials known:
# two multiplications per spike, in place of one exponential and an unpredictable branch. Exponentials are relative to
# the middle of a frame of time, so that they neither overflow nor lose digits.

const FRAME = 32.0              # length of a frame in units of tau
const SPIKES_TOGETHER = 1 << 14 # of trains b that are visited together; their numbers stay in the cache
# A smaller D^2, relative to its positive terms, is left to the integral, which has all its digits.
const CANCELLED = 1e-4

"The spikes of some trains in order of time, with exp((middle - t) / tau) and exp((t - middle) / tau) in their frames."
struct Visit
    time::Vector{Float64}
    train::Vector{Int32}            # number within the trains visited
    falling::Vector{Float64}
    rising::Vector{Float64}
    middle::Vector{Float64}         # of every frame with spikes
    stop::Vector{Int}               # its last spike
end

function Visit(b::Trains, trains::UnitRange{Int}, tau::Float64)
    first, last = start_of(b, trains.start), stop_of(b, trains.stop)
    train = Vector{Int32}(undef, last - first + 1)
    for j in trains
        train[start_of(b, j)-first+1:stop_of(b, j)-first+1] .= j - trains.start + 1
    end
    time = b.times[first:last]
    order = sortperm(time)
    time = time[order]
    n = length(time)
    falling, rising, middle, stop = zeros(n), zeros(n), Float64[], Int[]
    k = 1
    while k <= n
        centre = time[k] + FRAME / 2 * tau
        while k <= n && time[k] <= centre + FRAME / 2 * tau
            falling[k] = vexp((centre - time[k]) / tau)
            rising[k] = vexp((time[k] - centre) / tau)
            k += 1
        end
        push!(middle, centre)
        push!(stop, k - 1)
    end
    return Visit(time, train[order], falling, rising, middle, stop)
end

"Adds the sums of exp(-|x_k - t| / tau) to `sums` of the trains visited; `left` and `right` hold those of x itself."
function visit!(sums::Vector{Float64}, v::Visit, x, lo, hi, left, right, tau)
    time, train, falling, rising = v.time, v.train, v.falling, v.rising
    k, spike = lo - 1, 1
    @inbounds for frame in eachindex(v.middle)
        middle, stop = v.middle[frame], v.stop[frame]
        while spike <= stop
            while k < hi && x[k+1] <= time[spike]
                k += 1
            end
            until = k < hi ? x[k+1] : Inf
            before = k < lo ? 0.0 : left[k-lo+1] * vexp((x[k] - middle) / tau)
            after = k < hi ? right[k-lo+2] * vexp((middle - x[k+1]) / tau) : 0.0
            last = searchsortedfirst(time, until, spike, stop, Base.Order.Forward) - 1
            for j in spike:last
                sums[train[j]] += before * falling[j] + after * rising[j]
            end
            spike = last + 1
        end
    end
end

"Sums of exp(-|x_k - x_l| / tau) over k <= l into `left` and over k >= l into `right`; over both, the return value."
function own_sums!(left::Vector{Float64}, right::Vector{Float64}, x, lo, hi, tau)
    n = hi - lo + 1
    resize!(left, n)
    resize!(right, n)
    n == 0 && return 0.0
    @inbounds for k in 1:n-1
        right[k] = vexp((x[lo+k-1] - x[lo+k]) / tau)
    end
    left[1], total = 1.0, 1.0
    @inbounds for k in 2:n
        left[k] = 1 + left[k-1] * right[k-1]
        total += 2left[k] - 1
    end
    right[n] = 1.0
    @inbounds for k in n-1:-1:1
        right[k] = 1 + right[k+1] * right[k]
    end
    return total
end

function own_sums(trains::Trains, tau::Float64)
    left, right = Float64[], Float64[]
    return [own_sums!(left, right, trains.times, start_of(trains, j), stop_of(trains, j), tau) for j in 1:length(trains)]
end

"Trains that are visited together: neighbours with at most `SPIKES_TOGETHER` spikes, or one."
function together(b::Trains)
    groups, start = UnitRange{Int}[], 1
    for j in 1:length(b)
        if j == length(b) || b.offset[j+2] - b.offset[start] > SPIKES_TOGETHER
            push!(groups, start:j)
            start = j + 1
        end
    end
    return groups
end

function all_distances!(matrix::Matrix{Float64}, m::VanRossum, a::Trains, b::Trains, above::Int, threads::Int)
    norms = own_sums(b, m.tau)
    for group in together(b)
        visit = Visit(b, group, m.tau)
        rows = 1:clamp(group.stop - 1 - above, 0, length(a))     # those with a j > above + i in the group
        parts = parts_of(length(rows), threads)
        on_threads(length(parts), threads) do part
            left, right, sums = Float64[], Float64[], zeros(length(group))
            for i in parts[part]
                lo, hi = start_of(a, i), stop_of(a, i)
                norm = own_sums!(left, right, a.times, lo, hi, m.tau)
                fill!(sums, 0.0)
                visit!(sums, visit, a.times, lo, hi, left, right, m.tau)
                for j in group
                    positive = norm + norms[j]
                    square = positive - 2sums[j-group.start+1]
                    matrix[j, i] = j <= above + i ? 0.0 :
                                square > CANCELLED * positive ? sqrt(square) :
                                distance(m, a.times, lo, hi, b.times, start_of(b, j), stop_of(b, j), left)
                end
            end
        end
    end
end
