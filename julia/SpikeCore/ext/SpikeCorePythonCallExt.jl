"How Python calls SpikeCore in its own process, through PythonCall: plain values and arrays, in both directions."
module SpikeCorePythonCallExt

using PythonCall, SpikeCore

plain(x::Py) = pyisinstance(x, pybuiltins.dict) ? tree(x) :
               pyisinstance(x, pybuiltins.list) ? identity.(Any[plain(v) for v in x]) : pyconvert(Any, x)
tree(x::Py) = Dict{String,Any}(pyconvert(String, k) => plain(x[k]) for k in x)

python(x::AbstractDict) = pydict(k => python(v) for (k, v) in x)
python(x::AbstractVector) = pylist(python(v) for v in x)
python(x) = Py(x)

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

"""
    call(method, params, arrays)

`handle` for Python: its result and its arrays, or what there is to say of an exception, and None. Other Python threads go on
meanwhile.
"""
function call(method::String, @nospecialize(params), @nospecialize(arrays))
    values, named = tree(Py(params)), Py(arrays)
    given = Dict{String,Any}(pyconvert(String, k) => numbers(PyArray(named[k])) for k in named)
    reply = PythonCall.GIL.@unlock answer(method, values, given)
    reply isa Dict && return pytuple((python(reply), pybuiltins.None))
    return pytuple((python(reply[1]), pydict(k => Py(v) for (k, v) in reply[2])))
end

function answer(method::String, values::Dict{String,Any}, given::Dict{String,Any})
    try
        return SpikeCore.handle(method, values, given)
    catch problem
        return SpikeCore.describe(problem, catch_backtrace())
    end
end

precompile(plain, (Py,))
precompile(tree, (Py,))
precompile(call, (String, PyDict{Any,Any}, PyDict{Any,Any}))
precompile(answer, (String, Dict{String,Any}, Dict{String,Any}))
for T in (Dict{String,Any}, Vector{Any}, Vector{Int}, Vector{Float64}, Vector{String}, String, Int, Float64, Bool)
    precompile(python, (T,))
end

end
