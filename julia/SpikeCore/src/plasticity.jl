# Plasticity: rules that change weights, or how much of a weight a spike delivers. They see spikes when they are emitted
# (a delay is on the way to the target's membrane). Spikes of the same step do not pair; a spike delivers the weight as it
# was before that spike. Rules work on the magnitude m of a weight, `polarity` m being the weight.
#
# Pair rule, with the traces x of spikes before the synapse and y of spikes after it (decay exp(-dt / tau) per step, + 1 by a
# spike, or set to 1 for nearest neighbours):
#     spike before: m <- m + (pre_gain y + pre_offset) (m / high)^exponent
#     spike after:  m <- m + post_gain x (1 - m / high)^exponent         and m is kept in [low, high]
# Song, Miller and Abbott 2000 (exponent 0), van Rossum et al. 2000 (1), Guetig et al. 2003 (between), Vogels et al. 2011.
#
# Short-term plasticity (Tsodyks and Markram 1997), Euler steps: u <- u - dt u / tau_f + U (1 - u) s and
# r <- r + dt (1 - r) / tau_d - u r s, with the u after and the r before the update; a spike delivers u r of the weight.

struct PairRule{T}
    decay_pre::T
    decay_post::T
    pre_gain::T
    pre_offset::T
    post_gain::T
    exponent::T
    low::T
    high::T
    polarity::T
    nearest::Bool
end

struct ShortTermRule{T}
    jump::T
    facilitation_decay::T       # dt / tau_f
    recovery::T                 # dt / tau_d
end

"The synapses of each postsynaptic neuron: `synapse[offset[j] + 1 : offset[j + 1]]`, and where they come from."
struct Incoming
    offset::Vector{Int64}
    synapse::Vector{Int64}
    pre::Vector{Int32}
end

Incoming() = Incoming(Int64[], Int64[], Int32[])

function Incoming(c::Connectivity)
    offset = zeros(Int64, c.n + 1)
    for j in c.target
        offset[j+2] += 1
    end
    cumsum!(offset, offset)
    place = offset[1:end-1]
    synapse, pre = Vector{Int64}(undef, length(c.target)), Vector{Int32}(undef, length(c.target))
    for i in 1:c.n, e in c.offset[i]+1:c.offset[i+1]
        k = place[c.target[e]+1] += 1
        synapse[k], pre[k] = e, i - 1
    end
    return Incoming(offset, synapse, pre)
end

"What changes in one trial at the synapses of one projection; empty where no rule needs it."
struct Plastic{T}
    weight::Vector{T}
    pre::NTuple{2,Vector{T}}    # traces x before even and odd steps: others read the one while the owner writes the other
    post::Vector{T}
    used::Vector{T}             # u
    resources::Vector{T}        # r
end

function Plastic(::Type{T}, n::Int, weight, pair, short_term) where {T}
    traces = pair === nothing ? 0 : n
    released = short_term === nothing ? 0 : n
    return Plastic{T}(pair === nothing ? T[] : convert(Vector{T}, copy(weight)), (zeros(T, traces), zeros(T, traces)),
                      zeros(T, traces), zeros(T, released), ones(T, released))
end

@inline soft_bound(x, exponent) = exponent == 0 ? one(x) : exponent == 1 ? x : x^exponent

@inline function depressed(rule::PairRule{T}, weight::T, y::T, count) where {T}
    m = rule.polarity * weight
    m += count * muladd(rule.pre_gain, y, rule.pre_offset) * soft_bound(m / rule.high, rule.exponent)
    return rule.polarity * min(max(m, rule.low), rule.high)
end

@inline function potentiated(rule::PairRule{T}, weight::T, x::T, count) where {T}
    m = rule.polarity * weight
    m += count * rule.post_gain * x * soft_bound(1 - m / rule.high, rule.exponent)
    return rule.polarity * min(max(m, rule.low), rule.high)
end

# ---- from parameters ----------------------------------------------------------------------------------------------------

"The pair rule that `d` describes, or nothing."
function pair_rule(::Type{T}, d::Dict{String,Any}, dt::Float64) where {T}
    haskey(d, "pair") || return nothing
    p = required(d, "pair", Dict{String,Any})
    of(name) = Float64(required(p, name, Real))
    of("high") > of("low") || fail("the largest weight of a plastic synapse must exceed the smallest")
    return PairRule{T}(exp(-dt / of("tau_pre")), exp(-dt / of("tau_post")), of("pre_gain"), of("pre_offset"),
                       of("post_gain"), of("exponent"), of("low"), of("high"), of("polarity"), required(p, "nearest", Bool))
end

function short_term_rule(::Type{T}, d::Dict{String,Any}, dt::Float64) where {T}
    haskey(d, "short_term") || return nothing
    p = required(d, "short_term", Dict{String,Any})
    of(name) = Float64(required(p, name, Real))
    return ShortTermRule{T}(of("U"), dt / of("tau_f"), dt / of("tau_d"))
end
