# Where threads that share one network wait for each other, once per step: each posts the spikes of its own neurons and reads
# those of the others. A step takes microseconds, so they spin; after a while they give way to other programs, and they never
# keep the garbage collector waiting.

# A message from one processor to another costs as much as hundreds of additions. So what is awaited and the first of what is
# read after it lie in one cache line: the step, how many neurons fired, whether one of them more than once, and the first of
# them. The others are read where they were collected. Messages of even and odd steps alternate.
const LINE = 16                     # numbers of a cache line
const POSTED_AT_ONCE = LINE - 3
const BETWEEN_MESSAGES = 16LINE     # so that nothing else comes near

struct Barrier
    parties::Int
    broken::Threads.Atomic{Bool}
    messages::Vector{Vector{Int32}}     # one per party: that of odd steps at BETWEEN_MESSAGES, of even ones at twice that
end

function Barrier(parties::Int)
    messages = Vector{Int32}[fill(typemin(Int32), 4BETWEEN_MESSAGES) for _ in 1:(parties == 1 ? 0 : parties)]
    return Barrier(parties, Threads.Atomic{Bool}(false), messages)
end

"For one party, which waits for nobody."
const ALONE = Barrier(1)

@inline message_at(step::Int) = BETWEEN_MESSAGES * (2 - (step & 1))

# Who sees what is written after the one sees what is written before it; what is read after the other is not read too early.
@inline release_fence() = Base.llvmcall("fence release\nret void", Cvoid, Tuple{})
@inline acquire_fence() = Base.llvmcall("fence acquire\nret void", Cvoid, Tuple{})

"Tells the other threads which neurons of part `p` fired in `step`, and how often."
function post!(b::Barrier, p::Int, spiking::Vector{Int32}, counts::Vector{Int32}, m::Int, step::Int)
    message, at = b.messages[p], message_at(step)
    several = false
    @inbounds for s in 1:m
        several |= counts[s] != 1
    end
    @inbounds for s in 1:min(m, POSTED_AT_ONCE)
        message[at+3+s] = spiking[s]
    end
    @inbounds message[at+2] = m
    @inbounds message[at+3] = several
    release_fence()
    @inbounds message[at+1] = step % Int32
    return nothing
end

@inline has_come(b::Barrier, q::Int, step::Int) = @inbounds(b.messages[q][message_at(step)+1]) == step % Int32

"""
Waits for the message of part `q` in `step`: how many neurons fired, and whether one of them did several times; (-1, false) if
a thread failed and will not post.
"""
function await(b::Barrier, q::Int, step::Int)
    message, at = b.messages[q], message_at(step)
    spins = 0
    while !has_come(b, q, step)
        b.broken[] && return -1, false
        ccall(:jl_cpu_pause, Cvoid, ())
        GC.safepoint()
        (spins += 1) > 2000 && ccall(:sched_yield, Cint, ())
    end
    acquire_fence()
    return @inbounds(Int(message[at+2])), @inbounds(message[at+3] != 0)
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
