# What every model file provides, and how parameters reach it.
#
# A neuron model is an immutable struct of scalars with the pure functions
#     step(model, state, input, dt)       -> state           subthreshold dynamics, or the drive
#     activity(model, state, dt)          -> number          what a spike is drawn from or compared with
#     fire(model, state, u, dt)           -> Bool            whether it spikes, given a uniform number u
#     reset(model, state, count)          -> state
# A model file adds a builder to MODELS: (parameters, number type, dt) -> (neurons, Blueprint).

"Parameters of one model as they came in: numbers by name, and arrays for those that differ between neurons."
struct Parameters
    numbers::Dict{String,Any}
    arrays::Dict{String,Any}
    n::Int
end

isgiven(p::Parameters, name) = haskey(p.numbers, name) || haskey(p.arrays, name)

function number(p::Parameters, name)
    haskey(p.arrays, name) && fail(name, " must be one number for all neurons")
    haskey(p.numbers, name) || fail("the parameter ", name, " is missing")
    return plain(p.numbers[name])
end

"The parameter as a vector of length 1 (the same for all neurons) or n."
function column(p::Parameters, name)
    haskey(p.arrays, name) || return [number(p, name)]
    x = p.arrays[name]
    length(x) == p.n || fail(name, " must have one value per neuron (", p.n, "), got ", length(x))
    return convert(Vector{Float64}, vec(x))
end

"One model for all neurons, or one per neuron from columns in the order of its fields; `at` gives that of neuron `i`."
struct Shared{M}
    model::M
end
struct PerNeuron{M,C<:Tuple}
    columns::C
end

@inline at(p::Shared, i::Int) = p.model
@inline at(p::PerNeuron{M}, i::Int) where {M} = M(map(c -> @inbounds(c[i]), p.columns)...)

"The number of neuron `i`, of one for all or of one each."
@inline one_or(x, i::Int) = @inbounds x[length(x) == 1 ? 1 : i]

"Neurons of model `M` from columns of length 1 or n, in the order of its fields."
function neurons(::Type{M}, ::Type{T}, n::Int, columns::NTuple{K,Vector{Float64}}) where {M,T,K}
    for column in columns
        length(column) == 1 || return per_neuron(M, T, n, columns)
    end
    return Shared{M}(M(ntuple(k -> T(columns[k][1]), Val(K))...))
end

function per_neuron(::Type{M}, ::Type{T}, n::Int, columns::NTuple{K,Vector{Float64}}) where {M,T,K}
    full = ntuple(k -> length(columns[k]) == 1 ? fill(T(columns[k][1]), n) : convert(Vector{T}, columns[k]), Val(K))
    return PerNeuron{M,NTuple{K,Vector{T}}}(full)
end

"What the loop needs to know of a model: what lies between spikes and its drive, and its state."
struct Blueprint{T}
    coupling::Kernel{T}
    coupling_gain::Vector{T}      # r, one or per neuron
    self::Vector{T}               # effect of an own spike by lag
    background_noise::Vector{T}   # amplitude; empty: none
    background_gate::Float64      # probability that it is present in a step
    # Membrane models only:
    variables::Vector{String}
    arrivals::Vector{Int}         # per receptor: the variable that its spikes add to
    initial::Vector{Vector{T}}    # per variable: its value at rest, per neuron
    noises::Int
    needs_random::Bool
    graded::Int
end

"Of a cascade model, which has no state but its kernels."
Blueprint(coupling::Kernel{T}, gain, self, noise=T[], gate=0.0) where {T} =
    Blueprint{T}(coupling, gain, self, noise, gate, String[], Int[], Vector{T}[], 0, true, 0)

is_membrane(b::Blueprint) = !isempty(b.variables)

const MODELS = Dict{String,Function}()
