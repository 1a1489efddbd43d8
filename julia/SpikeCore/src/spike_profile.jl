# Distances that are means over time of a profile (Kreuz et al. 2013, J. Neurophysiol. 109:1457): the ISI-distance and
# the SPIKE-distance. Both profiles are followed from spike to spike of the two trains together.

"""
What a train is before its first and after its last spike: it goes on with an auxiliary spike. With `edges` "auxiliary"
these are at the borders of the time that is compared; with "corrected" as far from the first and last spike as their
neighbours where the border is nearer, and as distant from the other train as the first and last spike.
"""
abstract type Profile <: Measure end

struct IsiProfile <: Profile
    t_start::Float64
    t_stop::Float64
    corrected::Bool
end

struct SpikeProfile <: Profile
    t_start::Float64
    t_stop::Float64
    corrected::Bool
end

function profile(::Type{P}, params) where {P<:Profile}
    t_start, t_stop = Float64(required(params, "t_start", Real)), Float64(required(params, "t_stop", Real))
    t_start < t_stop || fail("t_stop must be after t_start = ", t_start, ", got ", t_stop)
    edges = required(params, "edges", String)
    edges in ("auxiliary", "corrected") || fail("edges must be auxiliary or corrected, got ", edges)
    return P(t_start, t_stop, edges == "corrected")
end

"A train `times[lo:hi]` between its auxiliary spikes, which have numbers lo - 1 and hi + 1."
struct Bordered
    times::Vector{Float64}
    lo::Int
    hi::Int
    lead::Float64
    trail::Float64
    own::Bool       # whether auxiliary spikes have a distance of their own to the other train
end

function Bordered(m::Profile, x, lo, hi)
    (!m.corrected || lo > hi) && return Bordered(x, lo, hi, m.t_start, m.t_stop, true)
    lo == hi && return Bordered(x, lo, hi, m.t_start, m.t_stop, false)
    return Bordered(x, lo, hi, min(m.t_start, 2x[lo] - x[lo+1]), max(m.t_stop, 2x[hi] - x[hi-1]), false)
end

@inline spike_at(b::Bordered, k) = k < b.lo ? b.lead : k > b.hi ? b.trail : @inbounds b.times[k]

"The spike of `b` nearest to `t`, among those from number k on."
@inline function nearest(b::Bordered, t, k)
    while k <= b.hi && abs(spike_at(b, k + 1) - t) <= abs(spike_at(b, k) - t)
        k += 1
    end
    return k
end

function distance(m::IsiProfile, x, lo, hi, y, p, q, scratch)
    a, b = Bordered(m, x, lo, hi), Bordered(m, y, p, q)
    i, j, t, total = lo - 1, p - 1, m.t_start, 0.0
    while t < m.t_stop
        until = min(spike_at(a, i + 1), spike_at(b, j + 1), m.t_stop)
        if until > t
            of_a, of_b = spike_at(a, i + 1) - spike_at(a, i), spike_at(b, j + 1) - spike_at(b, j)
            total += (until - t) * abs(of_a - of_b) / max(of_a, of_b)
        end
        i += i < hi && spike_at(a, i + 1) == until
        j += j < q && spike_at(b, j + 1) == until
        t = until
    end
    return total / (m.t_stop - m.t_start)
end

"Where a train is: between the spikes at `before` and `after`, which have these distances to the other train."
struct Place
    k::Int              # number of the spike before
    before::Float64
    after::Float64
    gap_before::Float64
    gap_after::Float64
    near::Int           # spike of the other train nearest to `after`
end

function Place(a::Bordered, b::Bordered)
    before, after = spike_at(a, a.lo - 1), spike_at(a, a.lo)
    near = nearest(b, before, b.lo - 1)
    own = abs(spike_at(b, near) - before)
    near = nearest(b, after, near)
    gap = abs(spike_at(b, near) - after)
    return Place(a.lo - 1, before, after, a.own ? own : gap, gap, near)
end

function next(place::Place, a::Bordered, b::Bordered)
    k = place.k + 1
    after = spike_at(a, k + 1)
    near = nearest(b, after, place.near)
    gap = k == a.hi && !a.own ? place.gap_after : abs(spike_at(b, near) - after)
    return Place(k, place.after, after, place.gap_after, gap, near)
end

interval(place::Place) = place.after - place.before

# Linear between two spikes of the train. Quotients come first: intervals may be too short for their squares.
function dissimilarity(p::Place, t)
    return p.gap_before * ((p.after - t) / interval(p)) + p.gap_after * ((t - p.before) / interval(p))
end

function dissimilarity(a::Place, b::Place, t)
    both = interval(a) + interval(b)
    return 2 * (dissimilarity(a, t) * (interval(b) / both) + dissimilarity(b, t) * (interval(a) / both)) / both
end

function distance(m::SpikeProfile, x, lo, hi, y, p, q, scratch)
    a, b = Bordered(m, x, lo, hi), Bordered(m, y, p, q)
    of_a, of_b = Place(a, b), Place(b, a)
    t, total = m.t_start, 0.0
    while t < m.t_stop
        until = min(of_a.after, of_b.after, m.t_stop)
        if until > t
            total += (until - t) / 2 * (dissimilarity(of_a, of_b, t) + dissimilarity(of_a, of_b, until))
        end
        if of_a.k < hi && of_a.after == until
            of_a = next(of_a, a, b)
        end
        if of_b.k < q && of_b.after == until
            of_b = next(of_b, b, a)
        end
        t = until
    end
    return total / (m.t_stop - m.t_start)
end
