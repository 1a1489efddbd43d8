# Delivery: the spikes of a step reach the rings of their targets. Work follows spikes, not synapses. Every target
# sums its input in the order of presynaptic neurons, so the sum does not depend on how neurons are split in blocks.

# A row of synapses begins somewhere in memory, and waiting for it costs more than working on it: several rows are asked
# for before the first of them is delivered. The text of the instruction differs between versions of LLVM; later versions
# of Julia do without until it has been tried there.
# `prefetch_own` is for what will be written.
for (name, writes) in ((:prefetch, 0), (:prefetch_own, 1))
    if VERSION < v"1.6"
        text = """
            %p = inttoptr i64 %0 to i8*
            call void @llvm.prefetch(i8* %p, i32 $writes, i32 3, i32 1)
            ret void"""
        @eval @inline $name(address::Int64) =
            Base.llvmcall(("declare void @llvm.prefetch(i8*, i32, i32, i32)", $text), Cvoid, Tuple{Int64}, address)
    else
        @eval @inline $name(address::Int64) = nothing
    end
end

const PREFETCH_MOST = 256           # synapses of a row
const ROWS_AHEAD = 8
# Fewer synapses are in the nearer caches anyway.
const SYNAPSES_NEAR = 1 << 15

@inline rows_ahead(synapses::Connectivity) = length(synapses.target) > SYNAPSES_NEAR ? ROWS_AHEAD : 0

@inline address_of(x::Array) = reinterpret(Int64, pointer(x))

"Asks for the synapses low + 1 : high, a cache line at a time."
@inline function prefetch_row(target::Int64, weight::Int64, size::Int, low::Int64, high::Int64)
    e, last = low, min(high, low + PREFETCH_MOST)
    while e <= last                     # a range of steps costs a division
        prefetch(target + 4e)
        prefetch(weight + size * e)
        size == 8 && prefetch(weight + 8e + 64)
        e += 16
    end
end

"Takes what the message of `step` will be written to back from those who read the one before the last."
function prepare_message!(barrier::Barrier, p::Int, part::Part, step::Int)
    prefetch_own(address_of(barrier.messages[p]) + 4 * message_at(step))
    spiking = address_of(part.spiking[(step&1)+1])
    for line in 0:3
        prefetch_own(spiking + 64line)
    end
    return nothing
end

"""
Asks for the synapses of neurons `list[at+low:at+high]` that lead into block `p`: first for where the rows begin, then for the
first rows, so that what is delivered later is there.
"""
function ask_ahead(setup::Setup, p::Int, list::Vector{Int32}, low::Int, high::Int, at::Int)
    for k in 1:length(setup.projections)
        projection = setup.projections[k]
        rows_ahead(projection.synapses) == 0 && continue
        splits = projection.splits
        where_rows_begin, apart = size(splits, 1) == 0 ? (address_of(projection.synapses.offset), 8) :
                                  (address_of(splits) + 8(p - 1), 8 * size(splits, 1))
        @inbounds for s in low:high
            prefetch(where_rows_begin + apart * list[at+s])
        end
    end
    for k in 1:length(setup.projections)
        projection = setup.projections[k]
        ahead = rows_ahead(projection.synapses)
        weight = projection.synapses.weight
        target_at, weight_at = address_of(projection.synapses.target), address_of(weight)
        @inbounds for s in low:min(high, low + ahead - 1)
            from, to = row_bounds(projection, p, list[at+s] + 1)
            prefetch_row(target_at, weight_at, sizeof(eltype(weight)), from, to)
        end
    end
    return nothing
end

"The synapses low + 1 : high of neuron `pre` that lead into block `part`; all of them where there is one block."
@inline function row_bounds(p::Projection, part::Int, pre::Integer)
    offset, splits = p.synapses.offset, p.splits
    @inbounds return size(splits, 1) == 0 ? (offset[pre], offset[pre+1]) : (splits[part, pre], splits[part+1, pre])
end

"""
Delivers the spikes of all parts in `step` to the neurons of part `p`: some rows are asked for, then they are delivered. False
if another thread failed. Parts that share `barrier` are waited for, one after the other; what has come is delivered meanwhile.
"""
function deliver_all!(setup::Setup, trial::Trial, p::Int, step::Int, barrier::Barrier=ALONE)
    # Graded amounts and weights that change are not part of the messages.
    if barrier.parties > 1 && (setup.blueprint.graded > 0 || setup.is_plastic)
        for q in 1:barrier.parties
            q == p || await(barrier, q, step)[1] >= 0 || return false
        end
    end
    for k in 1:length(setup.projections)
        projection = setup.projections[k]
        ring = trial.filters[k].ring
        if setup.blueprint.graded > 0
            deliver_graded!(ring, projection, trial.graded[(step&1)+1], trial.parts[p].rows, p, step)
        else
            weight = projection.pair === nothing ? projection.synapses.weight : trial.plastic[k].weight
            deliver_all!(setup, ring, projection, weight, trial.parts, p, k, step, barrier) || return false
        end
    end
    return true
end

function deliver_all!(setup::Setup{T}, ring::Matrix{T}, projection::Projection{T}, weight::Vector, parts::Vector{Part}, p::Int,
                      k::Int, step::Int, barrier::Barrier) where {T}
    buffer = (step & 1) + 1
    rows, waiting = parts[p].rows, 0
    for q in 1:length(parts)
        source = parts[q]
        spiking = source.spiking[buffer]
        if q == p || barrier.parties == 1
            m = source.n_spiking[8buffer]
            waiting = add_rows!(rows, waiting, ring, projection, weight, p, k, step, source, spiking, 1, m, 0, true)
            continue
        end
        if waiting > 0 && !has_come(barrier, q, step)
            deliver!(ring, projection.synapses, weight, rows, waiting, step)
            waiting = 0
        end
        m, several = await(barrier, q, step)
        m < 0 && return false
        at_once = min(m, POSTED_AT_ONCE)
        for s in at_once:LINE:m-1
            prefetch(address_of(spiking) + 4s)
        end
        message, at = barrier.messages[q], message_at(step) + 3
        k == 1 && ask_ahead(setup, p, message, 1, at_once, at)
        waiting = add_rows!(rows, waiting, ring, projection, weight, p, k, step, source, message, 1, at_once, at, several)
        waiting = add_rows!(rows, waiting, ring, projection, weight, p, k, step, source, spiking, at_once + 1, m, 0, several)
    end
    deliver!(ring, projection.synapses, weight, rows, waiting, step)
    return true
end

"""
Adds to the `waiting` rows those of spikes low:high of `source`, whose neurons are `list[at+low:at+high]`; delivers them when
there is room for no more. Returns how many wait.
"""
function add_rows!(rows::Vector{Row}, waiting::Int, ring::Matrix{T}, projection::Projection{T}, weight::Vector, p::Int, k::Int,
                   step::Int, source::Part, list::Vector{Int32}, low::Int, high::Int, at::Int, several::Bool) where {T}
    buffer = (step & 1) + 1
    counts = source.counts[buffer]
    for s in low:high
        amount = projection.short_term !== nothing ? source.released[k][buffer][s] :
                 several ? Float64(@inbounds(counts[s])) : 1.0
        waiting += 1
        @inbounds rows[waiting] = (row_bounds(projection, p, @inbounds(list[at+s]) + 1)..., amount)
        if waiting == length(rows)
            deliver!(ring, projection.synapses, weight, rows, waiting, step)
            waiting = 0
        end
    end
    return waiting
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
    m == 0 && return nothing
    target, delay = synapses.target, synapses.delay
    target_at, weight_at, size_of_weight = address_of(target), address_of(weight), sizeof(eltype(weight))
    depth, n = size(ring, 2), size(ring, 1)
    now = depth == 1 ? 0 : mod(step, depth)
    cell = depth == 1 ? 1 : row(ring, step + synapses.shared_delay) + 1
    ahead = rows_ahead(synapses)
    @inbounds for s in 1-ahead:m
        if ahead > 0 && s + ahead <= m
            low, high, _ = rows[s+ahead]
            prefetch_row(target_at, weight_at, size_of_weight, low, high)
        end
        s < 1 && continue
        low, high, given = rows[s]
        amount = T(given)
        if !isempty(delay)
            for e in low+1:high
                slot = now + delay[e]       # < 2 depth, since depth >= longest delay
                slot = ifelse(slot >= depth, slot - depth, slot)
                ring[slot*n+target[e]+1] += T(weight[e]) * amount
            end
        elseif amount == 1
            for e in low+1:high
                ring[cell+target[e]] += T(weight[e])
            end
        else
            for e in low+1:high
                ring[cell+target[e]] += T(weight[e]) * amount
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
