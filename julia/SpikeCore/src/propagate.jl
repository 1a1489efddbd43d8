# Delivery: the spikes of a step reach the rings of their targets. Work follows spikes, not synapses. Every target
# sums its input in the order of presynaptic neurons, so the sum does not depend on how neurons are split in blocks.

"Adds the synapses of `spiking[1:m]` (zero-based, `counts` spikes each) that lead into block `part` to the ring."
function deliver!(ring::Matrix{T}, p::Projection{T}, spiking::Vector{Int32}, counts::Vector{Int32}, m::Int, step::Int,
                  part::Int) where {T}
    synapses, splits = p.synapses, p.splits
    target, weight, offset = synapses.target, synapses.weight, synapses.offset
    if isempty(synapses.delay)
        cell = row(ring, step + synapses.shared_delay) + 1
        @inbounds for s in 1:m
            pre = spiking[s] + 1
            low, high = size(splits, 1) == 0 ? (offset[pre], offset[pre+1]) : (splits[part, pre], splits[part+1, pre])
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
            pre = spiking[s] + 1
            low, high = size(splits, 1) == 0 ? (offset[pre], offset[pre+1]) : (splits[part, pre], splits[part+1, pre])
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
