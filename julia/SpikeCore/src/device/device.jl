# Runs on a device: a machine that does one small thing for many lanes at once. Lane (b - 1) n + i is neuron i of trial b. What is
# done for a lane is a function of plain arrays and numbers, built from the models' step functions; a device says where its
# arrays are and how such a function is called for all lanes. Extensions add devices (see ext/).

abstract type Device end

"One thread of the processor, one lane after the other: what tests compare other devices with, on every Julia."
struct Serial <: Device end

"How lanes add to the same number: one after the other, or at once (atomically)."
struct InTurn end

adding(::Serial) = InTurn()
"How many spikes are delivered at once, and how many synapses of each."
delivered_at_once(::Serial) = (1, 1)
"A copy of an array of the host."
put(::Serial, x::AbstractArray) = copy(x)
"An array of zeros."
room(::Serial, ::Type{T}, dims::Int...) where {T} = zeros(T, dims...)

"Calls `f(l, what...)` for l in 1:count, in any order; later calls see what this one did."
function each_lane(::Serial, f::F, count::Int, what::Vararg{Any,N}) where {F,N}
    for l in 1:count
        f(l, what...)
    end
    return nothing
end

@inline add!(::InTurn, x, at, amount) = (@inbounds x[at] += amount; nothing)
"Adds one to a counter, and returns what it is then."
@inline next!(::InTurn, x, at) = @inbounds x[at] += one(eltype(x))

# Devices that packages bring: name of the device => the package.
const DEVICE_PACKAGES = Dict(
    "kernels" => Base.PkgId(Base.UUID("63c18a36-062a-441e-b654-da1e3ab1ce7c"), "KernelAbstractions"),
    "cuda" => Base.PkgId(Base.UUID("052768ef-5323-5732-b1bb-66c8b64840ba"), "CUDA"))
"Name => a function that makes the device, or fails and says why it cannot."
const DEVICES = Dict{String,Any}("serial" => Serial)

"The device of this name; its package is loaded when it is first asked for."
function device(name::String)
    haskey(DEVICES, name) && return Base.invokelatest(DEVICES[name])
    haskey(DEVICE_PACKAGES, name) || fail("device must be cpu, ", join(sort!(collect(keys(DEVICE_PACKAGES))), ", "), ", got ", name)
    package = DEVICE_PACKAGES[name]
    reason = load_packages(package)
    isempty(reason) || fail("device ", name, " needs the Julia package ", package.name, ", but ", reason)
    haskey(DEVICES, name) || fail("device ", name, " needs an extension of SpikeCore that was not loaded with ", package.name)
    return Base.invokelatest(DEVICES[name])
end

"Why a device cannot be used; empty if it can."
function why_not(name::String)
    try
        device(name)
        return ""
    catch problem
        return sprint(showerror, problem)
    end
end

on_device(d::Device, neurons::Shared) = neurons
function on_device(d::Device, neurons::PerCell{C}) where {C}
    columns = map(x -> put(d, x), neurons.columns)
    return PerCell{C,typeof(columns)}(columns)
end
function on_device(d::Device, neurons::PerNeuron{M}) where {M}
    columns = map(x -> put(d, x), neurons.columns)
    return PerNeuron{M,typeof(columns)}(columns)
end

# ---- what lanes do in every kind of run ---------------------------------------------------------------------------------

@inline trial_of(l::Int, n::Int) = (l - 1) ÷ n + 1
@inline neuron_in(l::Int, n::Int) = (l - 1) % n + 1

function clear_lane!(l::Int, x, at::Int)
    @inbounds x[at+l] = 0
    return nothing
end

"What arrives in this step goes from its row of the ring into the variable."
function arrive_lane!(l::Int, into, to::Int, ring, from::Int)
    @inbounds begin
        into[to+l] += ring[from+l]
        ring[from+l] = 0
    end
    return nothing
end

"""
A projection on the device. `ring` has a column per step; of a direct one it is the variable that spikes add to, and the column
is given by who delivers.
"""
struct DeviceProjection{R,O,I,W,D}
    ring::R
    into::Int
    direct::Bool
    depth::Int
    shared_delay::Int
    offset::O
    target::I
    weight::W
    delay::D
end

function DeviceProjection(d::Device, p::Projection, weight, ring)
    c = p.synapses
    return DeviceProjection(ring, p.into, p.direct, max(size(ring, 2), 1), c.shared_delay, put(d, c.offset), put(d, c.target),
                            put(d, weight), put(d, c.delay))
end

"""
Delivers spikes first + 1 : last of the list, those of worker t: a group of `width` workers goes through a row of synapses
together. `amount` says how many spikes each is; nothing: one.
"""
function deliver_spikes!(t::Int, groups::Int, width::Int, list, amount, boundary, j::Int, n::Int, offset, target, weight, delay,
                         shared_delay::Int, ring, to::Int, depth::Int, lanes::Int, step::Int, way)
    g, w = (t - 1) ÷ width, (t - 1) % width
    @inbounds begin
        s, last = Int(boundary[j]) + 1 + g, Int(boundary[j+1])
        while s <= last
            l = Int(list[s])
            given = amount === nothing ? one(eltype(ring)) : eltype(ring)(amount[s])
            deliver_row!(w, width, l, given, n, offset, target, weight, delay, shared_delay, ring, to, depth, lanes, step, way)
            s += groups
        end
    end
    return nothing
end

"Delivers what every lane sends (`amount`), spike or no spike; each lane has `width` workers."
function deliver_graded!(t::Int, width::Int, amount, from::Int, n::Int, offset, target, weight, delay, shared_delay::Int, ring,
                         to::Int, depth::Int, lanes::Int, step::Int, way)
    l, w = (t - 1) ÷ width + 1, (t - 1) % width
    @inbounds given = amount[from+l]
    given == 0 && return nothing
    deliver_row!(w, width, l, given, n, offset, target, weight, delay, shared_delay, ring, to, depth, lanes, step, way)
    return nothing
end

@inline function deliver_row!(w::Int, width::Int, l::Int, given, n::Int, offset, target, weight, delay, shared_delay::Int, ring,
                              to::Int, depth::Int, lanes::Int, step::Int, way)
    pre, at = neuron_in(l, n), (trial_of(l, n) - 1) * n
    @inbounds begin
        e, high = Int(offset[pre]) + 1 + w, Int(offset[pre+1])
        while e <= high
            lag = isempty(delay) ? shared_delay : Int(delay[e])
            cell = depth == 1 ? 0 : mod(step + lag, depth) * lanes
            add!(way, ring, to + cell + at + Int(target[e]) + 1, eltype(ring)(weight[e]) * given)
            e += width
        end
    end
    return nothing
end
