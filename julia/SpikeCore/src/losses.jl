# Losses of spike trains and of recorded variables. A loss looks at the segments of a run one after the other (`observe!`),
# then its value is known (`settle!`); on the way back it adds to the adjoint of what it saw, the last segment first
# (`pull!`). The value of a loss is the mean over trials of a sum over neurons.

abstract type Loss{T} end

"What a loss keeps of one group of lanes: `carry` goes from segment to segment, `back` on the way back."
struct LossState{T}
    carry::Vector{Vector{T}}
    back::Vector{T}
    scratch::Matrix{T}
end

"The state for segments of `steps`; unless a loss says otherwise, one number of each lane."
loss_state(::Loss{T}, lanes::Lanes{T}, steps::Int) where {T} =
    LossState{T}([zeros(T, lanes.size)], zeros(T, lanes.size), zeros(T, 0, 0))

"What a loss does once its value is known and its derivative is wanted."
differentiate!(::Loss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}) where {T} = nothing

"Makes the state as it was at the begin."
clear!(::Loss, state::LossState) = foreach(x -> fill!(x, 0), state.carry)

"Spikes of the data: those of trial k are `pointer[k] + 1 : pointer[k + 1]`, sorted by step. `weight`: one per neuron."
struct TargetSpikes{T}
    pointer::Vector{Int64}
    step::Vector{Int64}
    neuron::Vector{Int32}
    weight::Vector{T}
    mask::Vector{T}             # one per step of the run
end

"The target's spikes in the `m` steps from `first` (counted from the begin of the run), one matrix of lanes by step."
function fill_target!(into::Matrix{T}, target::TargetSpikes{T}, lanes::Lanes{T}, first::Int, m::Int) where {T}
    fill!(view(into, :, 1:m), 0)
    for (b, column) in enumerate(lanes.trials)
        range = target.pointer[column]+1:target.pointer[column+1]
        steps = view(target.step, range)
        for e in range[searchsortedfirst(steps, first):searchsortedlast(steps, first + m - 1)]
            into[(b-1)*lanes.n+target.neuron[e]+1, target.step[e]-first+1] += 1
        end
    end
    return nothing
end

"Sums over lanes, in the order of trials: the same for any number of threads."
function sum_of_lanes(f::F, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}) where {F,T}
    total = 0.0
    for (x, state) in zip(lanes, states), l in 1:occupied(x)
        total += f(state, l, neuron_of(x, l))
    end
    return total
end

# ---- rates and counts --------------------------------------------------------------------------------------------------

"`distance`: sum over neurons of |n - m| / duration (Hz); otherwise of (n - m)^2."
struct CountLoss{T} <: Loss{T}
    target::TargetSpikes{T}
    distance::Bool
    seconds::T
end

function settle!(loss::CountLoss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}) where {T}
    target = loss.target
    for (x, state) in zip(lanes, states)
        for (b, column) in enumerate(x.trials), e in target.pointer[column]+1:target.pointer[column+1]
            state.carry[1][(b-1)*x.n+target.neuron[e]+1] -= target.mask[target.step[e]+1]
        end
        for l in 1:occupied(x)
            difference, w = state.carry[1][l], one_or(target.weight, neuron_of(x, l))
            state.back[l] = loss.distance ? w * sign(difference) / loss.seconds : 2w * difference
        end
    end
    value(difference, w) = loss.distance ? w * abs(difference) / loss.seconds : w * difference^2
    return sum_of_lanes((state, l, i) -> Float64(value(state.carry[1][l], one_or(target.weight, i))), lanes, states)
end

"The squared difference of mean rate (Hz) and `goal`: of all neurons and trials together, or of each neuron."
struct TargetRateLoss{T} <: Loss{T}
    goal::Vector{T}
    seconds::T
    mask::Vector{T}
end

function settle!(loss::TargetRateLoss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}) where {T}
    n = lanes[1].n
    trials = sum(x -> length(x.trials), lanes)
    rate = zeros(n)
    sum_of_lanes((state, l, i) -> (rate[i] += state.carry[1][l] / (loss.seconds * trials); 0.0), lanes, states)
    if length(loss.goal) == 1
        difference = fill(sum(rate) / n - loss.goal[1], n)
        value = difference[1]^2
    else
        difference = rate .- loss.goal
        value = sum(abs2, difference) / n
    end
    for (x, state) in zip(lanes, states), l in 1:occupied(x)
        # `scale` will hold 1 / trials, as for every loss.
        state.back[l] = 2 * difference[neuron_of(x, l)] / (n * loss.seconds)
    end
    return value * trials
end

# Both see the number of spikes of each lane, those that the mask counts.
mask_of(loss::CountLoss) = loss.target.mask
mask_of(loss::TargetRateLoss) = loss.mask

function observe!(loss::Union{CountLoss{T},TargetRateLoss{T}}, lanes::Lanes{T}, state::LossState{T}, first::Int, m::Int) where {T}
    count, mask = state.carry[1], mask_of(loss)
    for j in 1:m
        add_scaled!(count, lanes.seen, (j - 1) * lanes.size, mask[first+j])
    end
    return nothing
end

function pull!(loss::Union{CountLoss{T},TargetRateLoss{T}}, lanes::Lanes{T}, state::LossState{T}, start, first::Int, m::Int,
               scale::T) where {T}
    mask = mask_of(loss)
    for j in 1:m
        add_scaled!(lanes.loss_spikes, (j - 1) * lanes.size, state.back, 0, scale * mask[first+j], lanes.size)
    end
    return nothing
end

# ---- variables ----------------------------------------------------------------------------------------------------------

"Mean over the steps, sum over neurons of (y - data)^2; `data` is [neuron, step, trial or one for all]."
struct VariableLoss{T} <: Loss{T}
    variable::Int
    data::Array{T,3}
    weight::Vector{T}
    mask::Vector{T}
end

"The variables that a loss looks at: one or several; 0: none."
watched(loss::Loss) = 0
watched(loss::VariableLoss) = loss.variable

function observe!(loss::VariableLoss{T}, lanes::Lanes{T}, state::LossState{T}, first::Int, m::Int) where {T}
    visit_variable(loss, lanes, first, m) do l, j, difference, w
        state.carry[1][l] += w * difference^2
    end
    return nothing
end

"Calls `f(lane, step, y - data, weight)` for every one that counts."
function visit_variable(f::F, loss::VariableLoss{T}, lanes::Lanes{T}, first::Int, m::Int) where {F,T}
    y, n = lanes.tape[loss.variable], lanes.n
    total = sum(loss.mask)
    for j in 1:m
        share = loss.mask[first+j] / total
        share == 0 && continue
        for (b, column) in enumerate(lanes.trials), i in 1:n
            data = loss.data[i, first+j, size(loss.data, 3) == 1 ? 1 : column]
            l = (b - 1) * n + i
            f(l, j, y[l, j+1] - data, share * one_or(loss.weight, i))
        end
    end
    return nothing
end

settle!(loss::VariableLoss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}) where {T} =
    sum_of_lanes((state, l, i) -> Float64(state.carry[1][l]), lanes, states)

function pull!(loss::VariableLoss{T}, lanes::Lanes{T}, state::LossState{T}, start, first::Int, m::Int, scale::T) where {T}
    into = lanes.loss_states[loss.variable]
    visit_variable(loss, lanes, first, m) do l, j, difference, w
        into[l, j] += 2 * scale * w * difference
    end
    return nothing
end

# ---- classes ------------------------------------------------------------------------------------------------------------

"""
Cross entropy of softmax(z) with the class of each trial, where z_c belongs to neuron `readout[c]`: the mean, the maximum or the
last value over the steps of a variable, or (variable 0) the number of spikes. `gain` is what z is multiplied with.
"""
struct CrossEntropyLoss{T} <: Loss{T}
    variable::Int
    readout::Vector{Int}
    labels::Vector{Int}         # per trial, from 1
    reduction::Int              # 1 mean, 2 maximum, 3 last, 4 sum
    gain::T
    steps::Int
end

watched(loss::CrossEntropyLoss) = loss.variable

loss_state(::CrossEntropyLoss{T}, lanes::Lanes{T}, steps::Int) where {T} =
    LossState{T}([zeros(T, lanes.size) for _ in 1:3], zeros(T, lanes.size), zeros(T, 0, 0))

function clear!(::CrossEntropyLoss{T}, state::LossState{T}) where {T}
    foreach(x -> fill!(x, 0), state.carry)
    fill!(state.carry[2], typemin(T))
    return nothing
end

"The value of a lane in step j."
@inline seen_value(loss::CrossEntropyLoss, lanes::Lanes, l::Int, j::Int) =
    loss.variable == 0 ? lanes.seen[l, j] : lanes.tape[loss.variable][l, j+1]

function observe!(loss::CrossEntropyLoss{T}, lanes::Lanes{T}, state::LossState{T}, first::Int, m::Int) where {T}
    z, top, top_step = state.carry
    for j in 1:m, b in 1:length(lanes.trials), i in loss.readout
        l = (b - 1) * lanes.n + i
        y = seen_value(loss, lanes, l, j)
        if loss.reduction == 2
            y > top[l] && (top[l] = y; top_step[l] = first + j)
            z[l] = top[l]
        elseif loss.reduction == 3
            z[l] = y
        else
            z[l] += loss.reduction == 1 ? y / loss.steps : y
        end
    end
    return nothing
end

function settle!(loss::CrossEntropyLoss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}) where {T}
    total = 0.0
    for (x, state) in zip(lanes, states), (b, column) in enumerate(x.trials)
        chosen = (b - 1) * x.n .+ loss.readout
        z = Float64[loss.gain * state.carry[1][l] for l in chosen]
        p = exp.(z .- maximum(z))
        p ./= sum(p)
        label = loss.labels[column]
        total -= log(max(p[label], floatmin(Float64)))
        p[label] -= 1
        for (c, l) in enumerate(chosen)
            state.back[l] = loss.gain * p[c]
        end
    end
    return total
end

"In how many of the trials z is largest at their label; of several largest the first one counts."
function n_right(loss::CrossEntropyLoss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}) where {T}
    right = 0
    for (x, state) in zip(lanes, states), (b, column) in enumerate(x.trials)
        right += argmax(view(state.carry[1], (b - 1) * x.n .+ loss.readout)) == loss.labels[column]
    end
    return right
end

function pull!(loss::CrossEntropyLoss{T}, lanes::Lanes{T}, state::LossState{T}, start, first::Int, m::Int, scale::T) where {T}
    into = loss.variable == 0 ? lanes.loss_spikes : lanes.loss_states[loss.variable]
    top_step = state.carry[3]
    for j in 1:m, b in 1:length(lanes.trials), i in loss.readout
        l = (b - 1) * lanes.n + i
        share = loss.reduction == 1 ? one(T) / loss.steps : loss.reduction == 2 ? T(top_step[l] == first + j) :
                loss.reduction == 3 ? T(first + j == loss.steps) : one(T)
        into[l, j] += scale * share * state.back[l]
    end
    return nothing
end

# ---- given adjoints -------------------------------------------------------------------------------------------------------

"A loss that the caller knows: its derivatives by the spikes (variable 0) or a variable, [neuron, step, trial]."
struct GivenLoss{T} <: Loss{T}
    variable::Int
    derivative::Array{T,3}
end

watched(loss::GivenLoss) = loss.variable

loss_state(::GivenLoss{T}, lanes::Lanes{T}, steps::Int) where {T} = LossState{T}([], T[], zeros(T, 0, 0))
observe!(::GivenLoss{T}, lanes::Lanes{T}, state::LossState{T}, first::Int, m::Int) where {T} = nothing
settle!(::GivenLoss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}) where {T} = 0.0

function pull!(loss::GivenLoss{T}, lanes::Lanes{T}, state::LossState{T}, start, first::Int, m::Int, scale::T) where {T}
    into = loss.variable == 0 ? lanes.loss_spikes : lanes.loss_states[loss.variable]
    for j in 1:m, (b, column) in enumerate(lanes.trials), i in 1:lanes.n
        into[(b-1)*lanes.n+i, j] += loss.derivative[i, first+j, column]
    end
    return nothing
end

# ---- from parameters ------------------------------------------------------------------------------------------------------

function build_loss(::Type{T}, d::Dict{String,Any}, arrays, n::Int, steps::Int, trials::Int, dt::Float64, variables) where {T}
    kind = required(d, "kind", String)
    array(name) = required(arrays, name, Array)
    weight() = T.(vec(get(arrays, "weight", [1.0])))
    mask() = T.(vec(get(arrays, "mask", ones(steps))))
    length(mask()) == steps || fail("the mask of a loss must have one value per step (", steps, ")")
    length(weight()) in (1, n) || fail("the weights of a loss must be one or one per neuron (", n, ")")
    function target()
        pointer, step, neuron = required(arrays, "pointer", Vector{Int64}), required(arrays, "step", Vector{Int64}),
                                required(arrays, "neuron", Vector{Int32})
        length(pointer) == trials + 1 && length(step) == length(neuron) == pointer[end] || fail("the data do not fit the trials")
        all(x -> 0 <= x < n, neuron) && all(x -> 0 <= x < steps, step) || fail("the data have spikes outside of the run")
        return TargetSpikes{T}(pointer, step, neuron, weight(), mask())
    end
    function variable()
        name = required(d, "variable", String)
        name == "spikes" && return 0
        k = findfirst(==(name), variables)
        return k === nothing ? fail("a loss looks at ", name, ", but the model has ", join(variables, ", ")) : k
    end
    function cube(name)
        x = array(name)
        data = convert(Array{T,3}, reshape(x, size(x, 1), size(x, 2), :))
        size(data)[1:2] == (n, steps) && size(data, 3) in (1, trials) || fail(name, " must be (trial, time, neuron)")
        return data
    end
    seconds() = T(sum(Float64.(mask())) * dt / 1000)
    kind in ("rate", "count") && return CountLoss{T}(target(), kind == "rate", seconds())
    kind == "target_rate" && return TargetRateLoss{T}(T.(vec(array("goal"))), seconds(), mask())
    if kind == "van_rossum"
        tau = Float64(required(d, "tau", Real))
        return VanRossumLoss{T}(target(), exp(-dt / tau), 2dt / tau, required(d, "recent", Bool), required(d, "root", Int))
    end
    kind == "variable" && return VariableLoss{T}(variable(), cube("data"), weight(), mask())
    if kind == "cross_entropy"
        labels = 1 .+ Int.(vec(array("labels")))
        readout = 1 .+ Int.(vec(array("readout")))
        length(labels) == trials && all(c -> 1 <= c <= length(readout), labels) && all(i -> 1 <= i <= n, readout) ||
            fail("labels and readout of a loss do not fit")
        reduction = findfirst(==(required(d, "reduction", String)), ["mean", "max", "last", "sum"])
        reduction === nothing && fail("unknown reduction")
        return CrossEntropyLoss{T}(variable(), readout, labels, reduction, required(d, "gain", Real), steps)
    end
    kind in ("julia", "output") && return whole_loss(T, d, arrays, steps, variables)
    kind == "given" && return GivenLoss{T}(variable(), cube("derivative"))
    return fail("unknown loss ", kind)
end
