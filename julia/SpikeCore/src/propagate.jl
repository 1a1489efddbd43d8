# Delivery: the spikes of a step reach the rings of their targets. Work follows spikes, not synapses. Every target
# sums its input in the order of presynaptic neurons, so the sum does not depend on how neurons are split in blocks.

# A row of synapses begins somewhere in memory, and waiting for it costs more than working on it: while one row is
# delivered, the next ones are on their way. The text of the instruction differs between versions of LLVM; later versions
# of Julia do without until it has been tried there.
@static if VERSION < v"1.6"
    @inline prefetch(address::Int64) = Base.llvmcall(("declare void @llvm.prefetch(i8*, i32, i32, i32)", """
        %p = inttoptr i64 %0 to i8*
        call void @llvm.prefetch(i8* %p, i32 0, i32 3, i32 1)
        ret void"""), Cvoid, Tuple{Int64}, address)
else
    @inline prefetch(address::Int64) = nothing
end

const PREFETCH_AHEAD = 4            # spikes
const PREFETCH_MOST = 256           # synapses of a row

@inline address_of(x::Vector) = reinterpret(Int64, pointer(x))

"Asks for the synapses low + 1 : high, a cache line at a time."
@inline function prefetch_row(target::Int64, weight::Int64, size::Int, low::Int64, high::Int64)
    for e in low:16:min(high, low + PREFETCH_MOST)
        prefetch(target + 4e)
        prefetch(weight + size * e)
        size == 8 && prefetch(weight + 8e + 64)
    end
end

"The synapses low + 1 : high of neuron `pre` that lead into block `part`; all of them where there is one block."
@inline function row_bounds(p::Projection, part::Int, pre::Integer)
    offset, splits = p.synapses.offset, p.splits
    @inbounds return size(splits, 1) == 0 ? (offset[pre], offset[pre+1]) : (splits[part, pre], splits[part+1, pre])
end

"Adds the synapses of `spiking[1:m]` (zero-based, `counts` spikes each) that lead into block `part` to the ring."
function deliver!(ring::Matrix{T}, p::Projection{T}, spiking::Vector{Int32}, counts::Vector{Int32}, m::Int, step::Int,
                  part::Int) where {T}
    synapses = p.synapses
    target, weight = synapses.target, synapses.weight
    target_at, weight_at = address_of(target), address_of(weight)
    if isempty(synapses.delay)
        cell = row(ring, step + synapses.shared_delay) + 1
        @inbounds for s in 1:m
            if s + PREFETCH_AHEAD <= m
                prefetch_row(target_at, weight_at, sizeof(eltype(weight)), row_bounds(p, part, spiking[s+PREFETCH_AHEAD] + 1)...)
            end
            low, high = row_bounds(p, part, spiking[s] + 1)
            if counts[s] == 1
                for e in low+1:high
                    ring[cell+target[e]] += T(weight[e])
                end
            else
                for e in low+1:high
                    ring[cell+target[e]] += T(weight[e]) * counts[s]
                end
            end
        end
    else
        delay = synapses.delay
        depth, n = size(ring, 2), size(ring, 1)
        now = mod(step, depth)
        @inbounds for s in 1:m
            low, high = row_bounds(p, part, spiking[s] + 1)
            for e in low+1:high
                slot = now + delay[e]       # < 2 depth, since depth >= longest delay
                slot = ifelse(slot >= depth, slot - depth, slot)
                ring[slot*n+target[e]+1] += T(weight[e]) * counts[s]
            end
        end
    end
    return nothing
end

"Adds the effect of own spikes in `step` by lag to the self ring."
function remember!(self::Matrix{T}, values::Vector{T}, part::Part, step::Int) where {T}
    isempty(values) && return nothing
    buffer = (step & 1) + 1
    remember!(self, values, part.spiking[buffer], part.counts[buffer], part.n_spiking[buffer], step)
    return nothing
end

function remember!(self::Matrix{T}, values::Vector{T}, spiking::Vector{Int32}, counts::Vector{Int32}, m::Int,
                   step::Int) where {T}
    for lag in 0:length(values)-1
        cell, value = row(self, step + 1 + lag) + 1, values[lag+1]
        @inbounds for s in 1:m
            self[cell+spiking[s]] += value * counts[s]
        end
    end
    return nothing
end

"Delivers the spikes of all parts in `step` to the neurons of part `p`."
function deliver_all!(setup::Setup, trial::Trial, p::Int, step::Int)
    buffer = (step & 1) + 1
    for k in 1:length(setup.projections), source in trial.parts
        m = source.n_spiking[buffer]
        m == 0 && continue
        deliver!(trial.filters[k].ring, setup.projections[k], source.spiking[buffer], source.counts[buffer], m, step, p)
    end
    return nothing
end
