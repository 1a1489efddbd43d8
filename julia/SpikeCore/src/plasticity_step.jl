# Plasticity in the loop. Before the threads meet, each brings the traces of its own neurons up to this step; after it, each
# changes the synapses that lead to its own neurons.

"Brings traces and resources of the part's neurons up to `step`, whose spikes are listed, and says what they release."
function update_traces!(setup::Setup{T}, trial::Trial{T}, part::Part, step::Int) where {T}
    for k in 1:length(setup.projections)
        projection, plastic = setup.projections[k], trial.plastic[k]
        pair, short_term = projection.pair, projection.short_term
        pair === nothing || decay_traces!(pair, plastic, part, step)
        short_term === nothing || release!(short_term, plastic, part.released[k], part, step)
    end
    return nothing
end

"The traces x as the step before left them; `x` of `step` itself is the other of the two."
before(plastic::Plastic, step::Int) = plastic.pre[2-(step&1)]

# The spikes of the step before count from now on: (x + 1) decay. What others may still be reading is left alone.
function decay_traces!(rule::PairRule{T}, plastic::Plastic{T}, part::Part, step::Int) where {T}
    x, old, y = plastic.pre[(step&1)+1], before(plastic, step), plastic.post
    buffer = 2 - (step & 1)
    for s in 1:part.n_spiking[8buffer]
        i = part.spiking[buffer][s] + 1
        y[i] = raised(rule, y[i], part.counts[buffer][s])
    end
    @inbounds @simd ivdep for i in part.range
        x[i] = old[i] * rule.decay_pre
        y[i] *= rule.decay_post
    end
    for s in 1:part.n_spiking[8buffer]
        i = part.spiking[buffer][s] + 1
        x[i] = raised(rule, old[i], part.counts[buffer][s]) * rule.decay_pre
    end
    return nothing
end

@inline raised(rule::PairRule{T}, trace::T, count) where {T} = rule.nearest ? one(T) : trace + count

"Copies of both traces with the spikes of the last step added."
function traces_after(rule::PairRule{T}, plastic::Plastic{T}, trial::Trial{T}) where {T}
    x, y = copy(before(plastic, trial.step)), copy(plastic.post)
    buffer = 2 - (trial.step & 1)
    for part in trial.parts, s in 1:part.n_spiking[8buffer]
        i = part.spiking[buffer][s] + 1
        x[i] = raised(rule, x[i], part.counts[buffer][s])
        y[i] = raised(rule, y[i], part.counts[buffer][s])
    end
    return x, y
end

function release!(rule::ShortTermRule{T}, plastic::Plastic{T}, released::NTuple{2,Vector{Float64}}, part::Part, step::Int) where {T}
    buffer = (step & 1) + 1
    u, r, amount = plastic.used, plastic.resources, released[buffer]
    spiking, m = part.spiking[buffer], part.n_spiking[8buffer]
    used = view(part.scratch, 1:m)
    for s in 1:m
        i = spiking[s] + 1
        used[s] = u[i] - rule.facilitation_decay * u[i] + rule.jump * (1 - u[i])
        amount[s] = used[s] * r[i]
    end
    @inbounds @simd ivdep for i in part.range
        u[i] -= rule.facilitation_decay * u[i]
        r[i] += rule.recovery * (1 - r[i])
    end
    for s in 1:m
        i = spiking[s] + 1
        u[i] = used[s]
        r[i] -= amount[s]
        amount[s] *= part.counts[buffer][s]
    end
    return nothing
end

"Changes the synapses of neurons `spiking` in `step` that lead into part `p`, and those of its own neurons that spiked."
function change_weights!(setup::Setup{T}, trial::Trial{T}, p::Int, step::Int) where {T}
    for k in 1:length(setup.projections)
        projection = setup.projections[k]
        projection.pair === nothing || change_weights!(projection.pair, trial.plastic[k], projection, trial.parts, p, step)
    end
    return nothing
end

function change_weights!(rule::PairRule{T}, plastic::Plastic{T}, projection::Projection{T}, parts::Vector{Part}, p::Int,
                         step::Int) where {T}
    buffer = (step & 1) + 1
    weight, x, y, target = plastic.weight, plastic.pre[buffer], plastic.post, projection.synapses.target
    for source in parts, s in 1:source.n_spiking[8buffer]
        low, high = row_bounds(projection, p, source.spiking[buffer][s] + 1)
        count = source.counts[buffer][s]
        @inbounds for e in low+1:high
            weight[e] = depressed(rule, weight[e], y[target[e]+1], count)
        end
    end
    incoming, own = projection.incoming, parts[p]
    for s in 1:own.n_spiking[8buffer]
        j, count = own.spiking[buffer][s] + 1, own.counts[buffer][s]
        @inbounds for k in incoming.offset[j]+1:incoming.offset[j+1]
            e = incoming.synapse[k]
            weight[e] = potentiated(rule, weight[e], x[incoming.pre[k]+1], count)
        end
    end
    return nothing
end

"Takes a sample of the weights that lead into part `p`, after `step`."
function observe_weights!(setup::Setup{T}, trial::Trial{T}, p::Int, step::Int) where {T}
    r = setup.recorder
    (isempty(r.weights) || mod(step + 1, r.every) != 0) && return nothing
    sample = samples_before(r, step + 1) - samples_before(r, trial.step)
    for (k, projection) in enumerate(setup.projections)
        projection.pair === nothing && continue
        weight, values = trial.plastic[k].weight, r.weights[k]
        for pre in 1:setup.n
            low, high = row_bounds(projection, p, pre)
            for e in low+1:high
                values[e, sample, trial.column] = weight[e]
            end
        end
    end
    return nothing
end
