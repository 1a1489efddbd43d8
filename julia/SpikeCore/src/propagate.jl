# Delivery: the spikes of a step reach the rings of their targets. Work follows spikes, not synapses. Every target
# sums its input in the order of presynaptic neurons, so the sum does not depend on how neurons are split in blocks.

# A row of synapses begins somewhere in memory, and waiting for it costs more than working on it: several rows are asked
# for before the first of them is delivered. The text of the instruction differs between versions of LLVM; later versions
# of Julia do without until it has been tried there.
@static if VERSION < v"1.6"
    @inline prefetch(address::Int64) = Base.llvmcall(("declare void @llvm.prefetch(i8*, i32, i32, i32)", """
        %p = inttoptr i64 %0 to i8*
        call void @llvm.prefetch(i8* %p, i32 0, i32 3, i32 1)
        ret void"""), Cvoid, Tuple{Int64}, address)
else
    @inline prefetch(address::Int64) = nothing
end

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

"Delivers the spikes of all parts in `step` to the neurons of part `p`: some rows are asked for, then they are delivered."
function deliver_all!(setup::Setup, trial::Trial, p::Int, step::Int)
    for k in 1:length(setup.projections)
        projection = setup.projections[k]
        ring = trial.filters[k].ring
        if setup.blueprint.graded > 0
            deliver_graded!(ring, projection, trial.graded[(step&1)+1], trial.parts[p].rows, p, step)
        elseif projection.pair === nothing
            deliver_all!(ring, projection, projection.synapses.weight, trial.parts, p, k, step)
        else
            deliver_all!(ring, projection, trial.plastic[k].weight, trial.parts, p, k, step)
        end
    end
    return nothing
end

function deliver_all!(ring::Matrix{T}, projection::Projection{T}, weight::Vector, parts::Vector{Part}, p::Int, k::Int,
                      step::Int) where {T}
    buffer = (step & 1) + 1
    rows, synapses = parts[p].rows, projection.synapses
    target_at, weight_at, size_of_weight = address_of(synapses.target), address_of(weight), sizeof(eltype(weight))
    m = 0
    for source in parts
        spiking, counts = source.spiking[buffer], source.counts[buffer]
        for s in 1:source.n_spiking[8buffer]
            m += 1
            low, high = row_bounds(projection, p, @inbounds(spiking[s]) + 1)
            prefetch_row(target_at, weight_at, size_of_weight, low, high)
            amount = projection.short_term === nothing ? Float64(@inbounds(counts[s])) : source.released[k][buffer][s]
            @inbounds rows[m] = (low, high, amount)
            if m == length(rows)
                deliver!(ring, synapses, weight, rows, m, step)
                m = 0
            end
        end
    end
    deliver!(ring, synapses, weight, rows, m, step)
    return nothing
end

"Delivers `amount` of every neuron, spike or no spike."
function deliver_graded!(ring::Matrix{T}, projection::Projection{T}, amount::Vector{T}, rows::Vector{Row}, p::Int,
                         step::Int) where {T}
    m = 0
    for pre in 1:length(amount)
        amount[pre] == 0 && continue
        m += 1
        rows[m] = (row_bounds(projection, p, pre)..., amount[pre])
        if m == length(rows)
            deliver!(ring, projection.synapses, projection.synapses.weight, rows, m, step)
            m = 0
        end
    end
    deliver!(ring, projection.synapses, projection.synapses.weight, rows, m, step)
    return nothing
end

"Adds the synapses low + 1 : high of each of `rows[1:m]`, times its amount, to the ring."
function deliver!(ring::Matrix{T}, synapses::Connectivity, weight::Vector, rows::Vector{Row}, m::Int, step::Int) where {T}
    target = synapses.target
    if isempty(synapses.delay)
        cell = row(ring, step + synapses.shared_delay) + 1
        @inbounds for s in 1:m
            low, high, given = rows[s]
            amount = T(given)
            if amount == 1
                for e in low+1:high
                    ring[cell+target[e]] += T(weight[e])
                end
            else
                for e in low+1:high
                    ring[cell+target[e]] += T(weight[e]) * amount
                end
            end
        end
    else
        delay = synapses.delay
        depth, n = size(ring, 2), size(ring, 1)
        now = mod(step, depth)
        @inbounds for s in 1:m
            low, high, given = rows[s]
            amount = T(given)
            for e in low+1:high
                slot = now + delay[e]       # < 2 depth, since depth >= longest delay
                slot = ifelse(slot >= depth, slot - depth, slot)
                ring[slot*n+target[e]+1] += T(weight[e]) * amount
            end
        end
    end
    return nothing
end

"Adds the effect of own spikes in `step` by lag to the self ring."
function remember!(self::Matrix{T}, values::Vector{T}, part::Part, step::Int) where {T}
    buffer = (step & 1) + 1
    spiking, counts = part.spiking[buffer], part.counts[buffer]
    for lag in 0:length(values)-1
        cell, value = row(self, step + 1 + lag) + 1, values[lag+1]
        @inbounds for s in 1:part.n_spiking[8buffer]
            self[cell+spiking[s]] += value * counts[s]
        end
    end
    return nothing
end
