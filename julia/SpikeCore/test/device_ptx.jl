# The functions of lanes compile to PTX, the code of Nvidia GPUs, without a GPU: nothing in them needs the host.

using GPUCompiler

struct WithoutDevice <: GPUCompiler.AbstractCompilerParams end
module Runtime
signal_exception() = nothing
malloc(size) = C_NULL
report_oom(size) = nothing
report_exception(name) = nothing
report_exception_name(name) = nothing
report_exception_frame(index, f, file, line) = nothing
end
GPUCompiler.runtime_module(::GPUCompiler.CompilerJob{<:Any,WithoutDevice}) = Runtime

"An array of a GPU, as its code sees it."
struct There{T,N} <: AbstractArray{T,N}
    at::Core.LLVMPtr{T,1}
    dims::NTuple{N,Int}
end
Base.size(x::There) = x.dims
Base.IndexStyle(::Type{<:There}) = IndexLinear()
Base.getindex(x::There{T}, i::Int) where {T} = unsafe_load(reinterpret(Ptr{T}, x.at), i)
Base.setindex!(x::There{T}, value, i::Int) where {T} = (unsafe_store!(reinterpret(Ptr{T}, x.at), convert(T, value), i); x)

there(::Type{A}) where {T,N,A<:Array{T,N}} = There{T,N}
there(::Type{S.PerCell{C,D}}) where {C,D} = S.PerCell{C,Tuple{map(there, fieldtypes(D))...}}
there(::Type{T}) where {T} = T <: Tuple ? Tuple{map(there, fieldtypes(T))...} : T

"A device that compiles what it is asked to do, and does it as the serial one."
struct Compiling <: S.Device
    done::Dict{Any,String}
end
S.adding(::Compiling) = S.InTurn()
S.delivered_at_once(::Compiling) = (1, 1)
S.put(::Compiling, x::AbstractArray) = copy(x)
S.room(::Compiling, ::Type{T}, dims::Int...) where {T} = zeros(T, dims...)

function S.each_lane(d::Compiling, f::F, count::Int, what::Vararg{Any,N}) where {F,N}
    types = Tuple{Int,map(x -> there(typeof(x)), what)...}
    get!(() -> ptx(F, types), d.done, (F, types))
    S.each_lane(S.Serial(), f, count, what...)
end

# A kernel returns nothing.
struct Kernel{F} end
(::Kernel{F})(l, what...) where {F} = (F.instance(l, what...); nothing)

function ptx(F, types)
    source = GPUCompiler.methodinstance(Kernel{F}, types)
    config = GPUCompiler.CompilerConfig(GPUCompiler.PTXCompilerTarget(; cap=v"7.0"), WithoutDevice(); kernel=true)
    return GPUCompiler.JuliaContext() do context
        GPUCompiler.compile(:asm, GPUCompiler.CompilerJob(source, config))[1]
    end
end

const COMPILING = Compiling(Dict{Any,String}())
S.DEVICES["compiling"] = () -> COMPILING

@testset "a run in $dtype" for dtype in ("float32", "float64")
    empty!(COMPILING.done)
    _, network = small_network(20; delays=true)
    stimuli = Any[Dict{String,Any}("kind" => "constant", "strength" => 18.0, "channel" => 0),
                  Dict{String,Any}("kind" => "noise", "tau" => 5.0, "strength" => 5.0, "channel" => 0)]
    for (model, more) in ((GLM, (;)), (RESTING, (initial="rest", stimuli=stimuli, projections=[Dict{String,Any}("delay" => 1, "receptor" => 1)])),
                          (merge(ADAPTIVE, Dict("V_cut" => -40.4)), (initial="rest", stimuli=stimuli, dt=0.1,
                                                                     projections=[Dict{String,Any}("delay" => 1, "receptor" => 1)])))
        spikes(request(20, network; model=model, trials=0:1, dtype=dtype, more..., device="compiling")..., [20])
    end
    names = Set(string(F) for (F, _) in keys(COMPILING.done))
    for name in ("membrane_lane!", "cascade_lane!", "deliver_spikes!", "noise_lane!", "exponential_lane!", "wave_lane!")
        @test any(x -> occursin(name, x), names)
    end
    @test all(code -> occursin(".visible .entry", code), values(COMPILING.done))
end
