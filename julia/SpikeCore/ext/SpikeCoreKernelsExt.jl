"""
Devices of KernelAbstractions: the functions of a lane in SpikeCore's src/device become kernels. The device "kernels" is its CPU
backend, on all threads; other packages add theirs (see SpikeCoreCUDAExt).
"""
module SpikeCoreKernelsExt

using SpikeCore
using KernelAbstractions
import Adapt
import Atomix
import SpikeCore: add!, adding, delivered_at_once, each_lane, next!, put, room

"`kernel`: what calls a function for all lanes; `groups` spikes are delivered at once, by `width` workers each."
struct Kernels{B,K} <: SpikeCore.Device
    backend::B
    kernel::K
    groups::Int
    width::Int
end

"Lanes that add at the same time."
struct AtOnce end

adding(::Kernels) = AtOnce()
delivered_at_once(d::Kernels) = (d.groups, d.width)

room(d::Kernels, ::Type{T}, dims::Int...) where {T} = KernelAbstractions.zeros(d.backend, T, dims...)

function put(d::Kernels, x::AbstractArray)
    there = KernelAbstractions.allocate(d.backend, eltype(x), size(x)...)
    return copyto!(there, x)
end

@kernel function of_lane(f, what)
    l = @index(Global, Linear)
    f(Int(l), what...)
end

function each_lane(d::Kernels, f::F, count::Int, what::Vararg{Any,N}) where {F,N}
    count > 0 && d.kernel(f, what; ndrange=count)
    return nothing
end

@inline function add!(::AtOnce, x, at, amount)
    @inbounds Atomix.@atomic x[at] += amount
    return nothing
end

@inline function next!(::AtOnce, x, at)
    @inbounds return Atomix.@atomic x[at] += one(eltype(x))
end

Adapt.adapt_structure(to, cells::SpikeCore.PerCell{C}) where {C} = with_columns(SpikeCore.PerCell{C}, Adapt.adapt(to, cells.columns))
Adapt.adapt_structure(to, neurons::SpikeCore.PerNeuron{M}) where {M} =
    with_columns(SpikeCore.PerNeuron{M}, Adapt.adapt(to, neurons.columns))
with_columns(::Type{P}, columns::D) where {P,D} = P{D}(columns)

function __init__()
    SpikeCore.DEVICES["kernels"] = () -> Kernels(CPU(), of_lane(CPU()), Threads.nthreads(), 1)
end

end
