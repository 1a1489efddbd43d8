# Receptors: what a spike that arrives at a membrane turns into. All synapses of a receptor share its time course, so it
# is a state of the postsynaptic neuron: a spike adds its weight to one variable, and the rest follows from there.
#
#     delta                v jumps by the weight s at the begin of a step, unless it is held; then s = 0
#     pulse                I = s during one step, then s = 0
#     exponential          ds/dt = -s / tau
#     double exponential   ds/dt = -s / tau_decay + peak x,  dx/dt = -x / tau_rise;  peak: the largest s after weight 1 is 1
#     alpha                the same with tau_rise = tau_decay
#
# The current into the membrane is s (current), or s (E - v) (conductance with reversal potential E).

"A receptor of conductances (`G` = true) or currents."
abstract type Receptor{G} end

struct DeltaSynapse <: Receptor{false} end

struct PulseSynapse{G,T} <: Receptor{G}
    reversal::T
end

# Rates are 1 / tau: to multiply is quicker than to divide.
struct ExponentialSynapse{G,T} <: Receptor{G}
    rate::T
    reversal::T
end

struct DoubleExponentialSynapse{G,T} <: Receptor{G}
    rise_rate::T
    decay_rate::T
    peak::T
    reversal::T
end

n_states(::Type{<:Union{DeltaSynapse,PulseSynapse,ExponentialSynapse}}) = 1
n_states(::Type{<:DoubleExponentialSynapse}) = 2

"Which of the receptor's variables a spike adds to."
arrival(::Type{<:Union{DeltaSynapse,PulseSynapse,ExponentialSynapse}}) = 1
arrival(::Type{<:DoubleExponentialSynapse}) = 2

variable_names(::Type{DeltaSynapse}, name) = [string("jump_", name)]
variable_names(::Type{<:Union{PulseSynapse,ExponentialSynapse}}, name) = [string("g_", name)]
variable_names(::Type{<:DoubleExponentialSynapse}, name) = [string("g_", name), string("x_", name)]

@inline current(r::Receptor{false}, s, v) = s[1]
@inline current(r::DeltaSynapse, s, v) = zero(v)
@inline current(r::Receptor{true}, s, v) = s[1] * (r.reversal - v)

@inline rates(r::Union{DeltaSynapse,PulseSynapse}, s) = (zero(s[1]),)
@inline rates(r::ExponentialSynapse, s) = (-r.rate * s[1],)
@inline rates(r::DoubleExponentialSynapse, s) = (r.peak * s[2] - r.decay_rate * s[1], -r.rise_rate * s[2])

"The receptor's state at the end of a step: a pulse or a jump is over."
@inline settle(r::Receptor, s) = s
@inline settle(r::Union{DeltaSynapse,PulseSynapse}, s) = (zero(s[1]),)

"1 / the largest s that x = 1 leads to, for ds/dt = x - s / decay and dx/dt = -x / rise."
function peak_gain(rise, decay)
    isapprox(value(rise), value(decay); rtol=1e-6) && return exp(1) / sqrt(rise * decay)
    time = log(decay / rise) * rise * decay / (decay - rise)
    return 1 / (rise * decay / (decay - rise) * (exp(-time / decay) - exp(-time / rise)))
end

# ---- several receptors: a tuple of them, their variables one after the other ------------------------------------------

@generated count_states(::Type{R}) where {R<:Tuple} = sum(Int[n_states(r) for r in fieldtypes(R)])

@inline first_of(s::Tuple, ::Val{N}) where {N} = ntuple(k -> s[k], Val(N))
@inline rest_of(s::NTuple{K,Any}, ::Val{N}) where {K,N} = ntuple(k -> s[k+N], Val(K - N))

"Total current into a membrane at `v`, and the rates of change of all receptor variables `s`."
@inline synapses(::Tuple{}, s::Tuple{}, v) = zero(v), ()
@inline function synapses(receptors::Tuple, s::Tuple, v)
    r = receptors[1]
    size = Val(n_states(typeof(r)))
    own = first_of(s, size)
    total, others = synapses(Base.tail(receptors), rest_of(s, size), v)
    return current(r, own, v) + total, (rates(r, own)..., others...)
end

@inline current_slope(r::Receptor{false}, s) = zero(s[1])
@inline current_slope(r::Receptor{true}, s) = -s[1]
@inline own_slopes(r::Union{DeltaSynapse,PulseSynapse}, s) = (zero(s[1]),)
@inline own_slopes(r::ExponentialSynapse, s) = (-r.rate,)
@inline own_slopes(r::DoubleExponentialSynapse, s) = (-r.decay_rate, -r.rise_rate)

"Derivatives: of the total current with respect to the potential, and of each receptor variable's rate with respect to itself."
@inline synaptic_slopes(::Tuple{}, s::Tuple{}) = false, ()
@inline function synaptic_slopes(receptors::Tuple, s::Tuple)
    r = receptors[1]
    size = Val(n_states(typeof(r)))
    own = first_of(s, size)
    total, others = synaptic_slopes(Base.tail(receptors), rest_of(s, size))
    return current_slope(r, own) + total, (own_slopes(r, own)..., others...)
end

@inline settle_all(::Tuple{}, s::Tuple{}) = ()
@inline function settle_all(receptors::Tuple, s::Tuple)
    r = receptors[1]
    size = Val(n_states(typeof(r)))
    return (settle(r, first_of(s, size))..., settle_all(Base.tail(receptors), rest_of(s, size))...)
end

@generated has_jumps(::Type{R}) where {R<:Tuple} = any(r -> r === DeltaSynapse, R.parameters)

"By how much the membrane potential jumps."
@inline jumps(::Tuple{}, s::Tuple{}) = false
@inline function jumps(receptors::Tuple, s::Tuple)
    r = receptors[1]
    others = jumps(Base.tail(receptors), rest_of(s, Val(n_states(typeof(r)))))
    return r isa DeltaSynapse ? s[1] + others : others
end

# ---- from parameters ----------------------------------------------------------------------------------------------------

"Receptor `j` of neuron `i` as the caller described it."
function given_receptor(p::Parameters, j::Int, i::Int)
    d = p.numbers["receptors"][j]
    kind, G = required(d, "kind", String), required(d, "conductance", Bool)
    of(name) = value(p, string("receptor.", j, ".", name), i)
    reversal = G ? of("reversal") : 0.0
    kind == "delta" && return DeltaSynapse()
    kind == "pulse" && return PulseSynapse{G,common_type((reversal,))}(reversal)
    kind == "exponential" && return exponential_synapse(G, 1 / of("tau"), reversal)
    kind == "double_exponential" || fail("unknown receptor ", kind)
    rise, decay = of("tau_rise"), of("tau_decay")
    return double_exponential_synapse(G, rise, decay, reversal)
end

exponential_synapse(G::Bool, rate, reversal) = ExponentialSynapse{G,common_type((rate, reversal))}(rate, reversal)
double_exponential_synapse(G::Bool, rise, decay, reversal) =
    DoubleExponentialSynapse{G,common_type((rise, decay, reversal))}(1 / rise, 1 / decay, peak_gain(rise, decay), reversal)
