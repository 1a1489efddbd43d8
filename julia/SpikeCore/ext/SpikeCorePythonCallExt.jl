"How Python calls SpikeCore in its own process, through PythonCall: plain values and arrays, in both directions."
module SpikeCorePythonCallExt

using PythonCall, SpikeCore

# Plain loops: each kind of generator would be compiled anew in every process.

plain(x::Py) = pyisinstance(x, pybuiltins.dict) ? tree(x) : pyisinstance(x, pybuiltins.list) ? list(x) : pyconvert(Any, x)

function tree(x::Py)
    found = Dict{String,Any}()
    for key in x
        found[pyconvert(String, key)] = plain(x[key])
    end
    return found
end

"A vector of one type where the elements are numbers or texts of one type, as TOML would give it."
function list(x::Py)
    found = Any[]
    for value in x
        push!(found, plain(value))
    end
    for T in (String, Int, Float64, Bool)
        !isempty(found) && all(v -> v isa T, found) && return convert(Vector{T}, found)
    end
    return found
end

function python(@nospecialize(x))
    if x isa AbstractDict
        tree = pydict()
        foreach(key -> pysetitem(tree, key, python(x[key])), keys(x))
        return tree
    elseif x isa AbstractVector
        list = pylist()
        foreach(value -> list.append(python(value)), x)
        return list
    end
    return Py(x)
end

# Smaller arrays are copied, which costs less than to keep track of them.
const SHARED_FROM = 1 << 16

"""
The numbers of a NumPy array whose order is Julia's. A large one is shared, and stays alive in Python as long as it is used here:
SpikeCore does not change what it is given.
"""
function numbers(x::PyArray{T}) where {T}
    sizeof(T) * length(x) < SHARED_FROM && return Array(x)
    shared = unsafe_wrap(Array, Base.unsafe_convert(Ptr{T}, x), size(x))
    return finalizer(_ -> (x; nothing), shared)
end

"A NumPy array with these numbers, of reversed dimensions, that Python owns."
function numpy(x::Array{T}) where {T}
    kind = T <: Complex ? string("complex", 8 * sizeof(T)) : lowercase(string(T))
    made = pyimport("numpy").empty(reverse(size(x)), kind)
    GC.@preserve x unsafe_copyto!(Ptr{T}(pyconvert(UInt, made.ctypes.data)), pointer(x), length(x))
    return made
end
numpy(x::AbstractArray) = numpy(collect(x))

"""
    call(method, params, arrays)

`handle` for Python: its result and its arrays, or what there is to say of an exception, and None. Other Python threads go on
meanwhile.
"""
function call(method::String, @nospecialize(params), @nospecialize(arrays))
    values, named, given = tree(Py(params)), Py(arrays), Dict{String,Any}()
    for name in named
        given[pyconvert(String, name)] = numbers(PyArray(named[name]))
    end
    reply = PythonCall.GIL.@unlock answer(method, values, given)
    reply isa Dict && return pytuple((python(reply), pybuiltins.None))
    found = pydict()
    for name in keys(reply[2])
        pysetitem(found, name, numpy(reply[2][name]))
    end
    return pytuple((python(reply[1]), found))
end

function answer(method::String, values::Dict{String,Any}, given::Dict{String,Any})
    try
        return SpikeCore.handle(method, values, given)
    catch problem
        return SpikeCore.describe(problem, catch_backtrace())
    end
end

# What a first call would otherwise compile, PythonCall's conversions of the arrays that it takes and gives included.
for f in (plain, tree, list, python)
    precompile(f, (Py,))
end
precompile(python, (Dict{String,Any},))
precompile(call, (String, PyDict{Any,Any}, PyDict{Any,Any}))
precompile(answer, (String, Dict{String,Any}, Dict{String,Any}))
precompile(Tuple{Type{Py},PyDict{Any,Any}})
for T in (Int64, Int32, Float64, Float32)
    for N in 1:3
        precompile(numpy, (Array{T,N},))
        for mutable in (true, false)
            precompile(numbers, (PyArray{T,N,mutable,true,T},))
            precompile(Tuple{Type{PyArray{T,N,mutable,true,T}},Val{:new},Ptr{T},NTuple{N,Int},NTuple{N,Int},Py,Py})
        end
    end
end

end
