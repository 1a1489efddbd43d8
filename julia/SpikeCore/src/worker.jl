# The other end of the worker transport: a loop that reads a request, calls `handle` and writes the reply.
# A message is its length (UInt64, little endian) and a TOML header; array bytes lie in files that the header names.

@static if VERSION < v"1.6"
    import Pkg
    const TOML = Pkg.TOML
else
    import TOML
end
import Mmap

const DTYPES = Dict{String,DataType}(
    "bool" => Bool, "int8" => Int8, "int16" => Int16, "int32" => Int32, "int64" => Int64, "uint8" => UInt8,
    "uint16" => UInt16, "uint32" => UInt32, "uint64" => UInt64, "float16" => Float16, "float32" => Float32,
    "float64" => Float64, "complex64" => ComplexF32, "complex128" => ComplexF64)
const DTYPE_NAMES = Dict{DataType,String}(T => name for (name, T) in DTYPES)

function read_message(io::IO)
    eof(io) && return nothing
    # Not read(io, n): on Julia 1.5 that waits for more than it was asked for.
    return String(read!(io, Vector{UInt8}(undef, read(io, UInt64))))
end

function write_message(io::IO, text::String)
    write(io, UInt64(sizeof(text)))
    write(io, text)
    flush(io)
    return nothing
end

"""
The array that `entry` describes: read from the shared request file, or, where it has a file of its own, mapped without a
copy. Python's C order `(trial, time, neuron)` is Julia's `(neuron, time, trial)`.
"""
function read_array(entry::Dict, requests::IO)
    T, dims = DTYPES[entry["dtype"]], Tuple(convert(Vector{Int}, reverse(entry["shape"])))
    offset = get(entry, "offset", 0)                    # an empty array has none
    return haskey(entry, "file") ? map_numbers(T, dims, entry["file"], offset) : read_numbers(T, dims, requests, offset)
end

map_numbers(T, dims, file, offset) = open(io -> Mmap.mmap(io, Array{T,length(dims)}, dims, offset; grow=false), file, "r")

function read_numbers(::Type{T}, dims::NTuple{N,Int}, requests::IOStream, offset::Int) where {T,N}
    prod(dims) == 0 && return Array{T,N}(undef, dims)
    seek(requests, offset)
    return read!(requests, Array{T,N}(undef, dims))
end

function read_arrays(header::Dict, requests::IO)
    arrays = Dict{String,Any}()
    for entry in get(header, "arrays", [])
        arrays[entry["name"]] = read_array(entry, requests)
    end
    return arrays
end

function write_arrays(arrays::Dict{String,Any}, replies::IO)
    entries = Dict{String,Any}[]
    seekstart(replies)
    for (name, x) in arrays
        push!(entries, write_numbers(name, x isa Array ? x : Array(x), replies))    # the bytes of a BitArray or a view are not its values
    end
    flush(replies)
    return entries
end

function write_numbers(name::String, x::Array{T,N}, replies::IOStream) where {T,N}
    offset = position(replies)
    write(replies, x)
    return Dict{String,Any}("name" => name, "dtype" => DTYPE_NAMES[T], "shape" => collect(Int, reverse(size(x))), "offset" => offset)
end

function answer(request::String, requests::IO, replies::IO)
    reply = Dict{String,Any}()
    try
        header = TOML.parse(request)
        reply["id"] = header["id"]
        result, arrays = handle(header["method"], convert(Dict{String,Any}, get(header, "params", Dict{String,Any}())),
                                read_arrays(header, requests))
        reply["result"] = result
        reply["arrays"] = write_arrays(arrays, replies)
    catch problem
        reply["error"] = describe(problem, catch_backtrace())
    end
    return sprint(print_toml, reply)
end

"What Python is told of an exception. One from a thread comes wrapped in the exception of its task."
function describe(problem, backtrace)
    while problem isa TaskFailedException || (problem isa CompositeException && !isempty(problem))
        problem = problem isa TaskFailedException ? problem.task.exception : first(problem.exceptions)
    end
    known = problem isa SpikeCoreError
    return Dict{String,Any}("kind" => known ? "SpikeCoreError" : string(typeof(problem)),
                            "message" => sprint(showerror, problem),
                            "trace" => known ? "" : first_lines(sprint(Base.show_backtrace, backtrace)))
end

function first_lines(text)
    lines = split(text, '\n')
    return join(lines[1:min(12, end)], '\n')
end

# ---- TOML of a reply --------------------------------------------------------------------------------------------------
# TOML.print of Julia 1.5 escapes text as Julia source, writes Inf, and leaves out empty tables.

function print_toml(io::IO, tree::AbstractDict)
    for (key, value) in tree
        print_value(io, string(key))
        print(io, " = ")
        print_value(io, value)
        print(io, '\n')
    end
end

print_value(io::IO, x::Union{Bool,Integer}) = print(io, x)
print_value(io::IO, x::AbstractFloat) = print(io, isnan(x) ? "nan" : isinf(x) ? (x > 0 ? "inf" : "-inf") : string(Float64(x)))

function print_value(io::IO, text::AbstractString)
    print(io, '"')
    for c in text
        if c == '"' || c == '\\'
            print(io, '\\', c)
        elseif c < ' ' || c == '\x7f'
            print(io, "\\u", string(UInt32(c); base=16, pad=4))
        else
            print(io, isvalid(c) ? c : '\ufffd')
        end
    end
    print(io, '"')
end

function print_value(io::IO, values::AbstractVector)
    print(io, '[')
    for (k, value) in enumerate(values)
        k == 1 || print(io, ", ")
        print_value(io, value)
    end
    print(io, ']')
end

function print_value(io::IO, tree::AbstractDict)
    print(io, '{')
    for (k, (key, value)) in enumerate(tree)
        k == 1 || print(io, ", ")
        print_value(io, string(key))
        print(io, " = ")
        print_value(io, value)
    end
    print(io, '}')
end

"""
    serve(request_pipe, reply_pipe, request_file, reply_file)

Serves requests until the pipe is closed, as it is when the parent ends in whatever way. The parent starts us in a session
of our own, so the terminal's Ctrl-C does not come here: Julia cannot ignore a SIGINT.
"""
function serve(request_pipe::Int, reply_pipe::Int, request_file::String, reply_file::String)
    NEXT_SESSION[] += Int(time_ns())        # so that no worker takes a session of an earlier one for its own
    LEVEL_OUTSIDE_LOOPS[] = 1
    optimise!(1)
    incoming, outgoing = fdio(request_pipe, true), fdio(reply_pipe, true)
    open(request_file, "r") do requests
        open(reply_file, "r+") do replies
            while true
                request = read_message(incoming)
                request === nothing && return
                write_message(outgoing, answer(request, requests, replies))
            end
        end
    end
end
