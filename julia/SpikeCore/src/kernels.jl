# Kernels shared by all synapses of a projection are applied once per postsynaptic neuron: what arrives at a neuron is
# summed into a ring of rows, one row per step, and the filter of that sum goes into the drive.

@enum KernelKind::Int32 EXPONENTIAL=1 ARRAY=2 PASS=3

"""
Lag `k` = 0 is what arrived in this step. `EXPONENTIAL`: gain decay^k for k < window, without end if window = 0, by a
recursion. `ARRAY`: `values[k + 1]`, zero after its end. `PASS`: lag 0 only; the receptors of a membrane do the rest.
"""
struct Kernel{T}
    kind::KernelKind
    gain::T
    decay::T
    tail::T           # what is left at the end of the window and taken back there
    window::Int
    values::Vector{T}
end

function exponential_kernel(::Type{T}, gain, decay, window::Integer) where {T}
    0 <= decay <= 1 || fail("the decay of a kernel per step must lie in [0, 1], got ", decay)
    0 <= window <= 1_000_000 || fail("the window of a kernel must lie in 0..1000000 steps, got ", window)
    tail = window == 0 ? 0.0 : gain * Float64(decay)^window
    return Kernel{T}(EXPONENTIAL, gain, decay, tail, window, T[])
end

array_kernel(::Type{T}, values) where {T} =
    isempty(values) ? fail("a kernel given as an array must not be empty") :
    Kernel{T}(ARRAY, 0, 0, 0, length(values), convert(Vector{T}, values))

"Rows before the current one that the kernel still needs; the oldest of them is cleared in the same step."
history(k::Kernel) = k.kind == ARRAY ? length(k.values) - 1 : k.window

"A kernel at work on `n` neurons. Row `slot(f, step)` of `ring` is what arrives in `step`."
struct Filter{T}
    kernel::Kernel{T}
    ring::Matrix{T}
    trace::Vector{T}
end

Filter(kernel::Kernel{T}, ring::Matrix{T}) where {T} =
    Filter{T}(kernel, ring, zeros(T, kernel.kind == PASS ? 0 : size(ring, 1)))
Filter(kernel::Kernel{T}, n::Int, longest_delay::Int) where {T} =
    Filter(kernel, zeros(T, n, history(kernel) + longest_delay))

# The cell of neuron 1 of a row, counted from zero.
@inline row(ring::Matrix, step::Integer) = mod(step, size(ring, 2)) * size(ring, 1)

"""
    apply!(drive, filter, gain, step, range)

Adds the filtered input of neurons `range`, times `gain` (one number, or one per neuron), to `drive`, and frees the
row that no later step needs.
"""
function apply!(drive::Vector{T}, f::Filter{T}, gain::Vector{T}, step::Int, range::UnitRange{Int}) where {T}
    if f.kernel.kind == PASS
        pass!(drive, f.ring, step, range)
    elseif f.kernel.kind == EXPONENTIAL
        if length(gain) == 1
            exponential!(drive, f, gain[1], step, range)
        else
            exponential!(f, step, range)
            @inbounds @simd ivdep for i in range
                drive[i] += gain[i] * f.trace[i]
            end
        end
    else
        weighted_history!(f, step, range)
        @inbounds @simd ivdep for i in range
            drive[i] += gain[length(gain) == 1 ? 1 : i] * f.trace[i]
        end
    end
    return nothing
end

function pass!(into::Vector{T}, ring::Matrix{T}, step::Int, range::UnitRange{Int}) where {T}
    cell = row(ring, step)
    @inbounds @simd ivdep for i in range
        into[i] += ring[cell+i]
        ring[cell+i] = 0
    end
    return nothing
end

# trace(k) = decay trace(k - 1) + gain x(k) - gain decay^window x(k - window)
function exponential!(drive::Vector{T}, f::Filter{T}, scale::T, step::Int, range::UnitRange{Int}) where {T}
    k, trace, ring = f.kernel, f.trace, f.ring
    new, old = row(ring, step), row(ring, step - k.window)
    decay, gain, tail = k.decay, k.gain, k.tail
    @inbounds @simd ivdep for i in range
        x = muladd(decay, trace[i], muladd(gain, ring[new+i], -tail * ring[old+i]))
        trace[i] = x
        ring[old+i] = 0
        drive[i] = muladd(scale, x, drive[i])
    end
    return nothing
end

function exponential!(f::Filter{T}, step::Int, range::UnitRange{Int}) where {T}
    k, trace, ring = f.kernel, f.trace, f.ring
    new, old = row(ring, step), row(ring, step - k.window)
    decay, gain, tail = k.decay, k.gain, k.tail
    @inbounds @simd ivdep for i in range
        trace[i] = muladd(decay, trace[i], muladd(gain, ring[new+i], -tail * ring[old+i]))
        ring[old+i] = 0
    end
    return nothing
end

# trace(k) = sum over lags of values[lag + 1] x(k - lag)
function weighted_history!(f::Filter{T}, step::Int, range::UnitRange{Int}) where {T}
    trace, ring, values = f.trace, f.ring, f.kernel.values
    @inbounds begin
        @simd ivdep for i in range
            trace[i] = 0
        end
        for lag in 0:length(values)-1
            value, cell = values[lag+1], row(ring, step - lag)
            @simd ivdep for i in range
                trace[i] = muladd(value, ring[cell+i], trace[i])
            end
        end
        cell = row(ring, step - length(values) + 1)
        @simd ivdep for i in range
            ring[cell+i] = 0
        end
    end
    return nothing
end
