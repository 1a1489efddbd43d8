# Where threads that share one network wait for each other, once per step. A step takes microseconds, so they spin;
# after a while they give way to other programs, and they never keep the garbage collector waiting.

struct Barrier
    parties::Int
    arrived::Threads.Atomic{Int}
    generation::Threads.Atomic{Int}
    broken::Threads.Atomic{Bool}
end

# The two counters are taken from a row of them, far enough apart for cache lines of their own: threads that wait for one
# must not slow down those that write the other.
function Barrier(parties::Int)
    spaced = [Threads.Atomic{Int}(0) for _ in 1:32]
    return Barrier(parties, spaced[8], spaced[24], Threads.Atomic{Bool}(false))
end

"Waits until all parties are here; false if one of them failed and will not come."
function wait!(b::Barrier)
    b.parties == 1 && return !b.broken[]
    generation = b.generation[]
    if Threads.atomic_add!(b.arrived, 1) == b.parties - 1
        b.arrived[] = 0
        Threads.atomic_add!(b.generation, 1)
    else
        spins = 0
        while b.generation[] == generation && !b.broken[]
            ccall(:jl_cpu_pause, Cvoid, ())
            GC.safepoint()
            (spins += 1) > 2000 && ccall(:sched_yield, Cint, ())
        end
    end
    return !b.broken[]
end

"""
    on_threads(work, parts, threads)

Calls `work(part)` for each of `1:parts` on up to `threads` threads, part `p` on thread `(p - 1) % threads + 1`; an
exception of one is thrown here after all have ended.
"""
function on_threads(work::F, parts::Int, threads::Int) where {F}
    if min(parts, threads) <= 1
        foreach(work, 1:parts)
        return nothing
    end
    failures = Vector{Any}(nothing, threads)
    Threads.@threads :static for thread in 1:Threads.nthreads()
        thread <= threads || continue
        try
            for part in thread:threads:parts
                work(part)
            end
        catch failure
            failures[thread] = failure
        end
    end
    for failure in failures
        failure === nothing || throw(failure)
    end
    return nothing
end
