# A loss that is any function of all spikes and of some variables of the whole run: one that the user wrote (julia_code.jl), or the
# one around `simulate` (differentiable.jl), of which only the adjoint is known. It keeps what it has seen of every step.

"""
`code`: a function of `(spikes, states)`, or of `(spikes, states, data)` where there are `data`; `gradient`: one that gives the
adjoints of both, or nothing where Zygote does. Arrays are [neuron, step, trial]; the first `skip` steps are not seen.
"""
mutable struct WholeLoss{T} <: Loss{T}
    names::Vector{Symbol}           # of the variables in `states`
    variables::Vector{Int}
    skip::Int
    steps::Int                      # of the run
    code::Any                       # nothing: it is the output of `simulate`
    gradient::Any
    data::NamedTuple
    spikes::Array{T,3}
    states::NamedTuple
    adjoint::Any                    # of spikes and states, where `code` is nothing
end

watched(loss::WholeLoss) = loss.variables

# `scratch` has what was seen: spikes of all steps, then each variable. On the way back it has their adjoints.
loss_state(loss::WholeLoss{T}, lanes::Lanes{T}, steps::Int) where {T} =
    LossState{T}(Vector{T}[], T[], zeros(T, lanes.size, loss.steps * (1 + length(loss.variables))))

function observe!(loss::WholeLoss{T}, lanes::Lanes{T}, state::LossState{T}, first::Int, m::Int) where {T}
    size = lanes.size
    copyto!(state.scratch, first * size + 1, lanes.seen, 1, m * size)
    for (k, v) in enumerate(loss.variables)
        copyto!(state.scratch, (k * loss.steps + first) * size + 1, lanes.tape[v], size + 1, m * size)
    end
    return nothing
end

"What was seen, [neuron, step, trial]; `k` = 0: spikes, or else of variable `k`."
function gathered(loss::WholeLoss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}, k::Int) where {T}
    n, skip = lanes[1].n, loss.skip
    y = Array{T,3}(undef, n, loss.steps - skip, sum(x -> length(x.trials), lanes))
    trial = 0
    for (x, state) in zip(lanes, states), b in 1:length(x.trials)
        trial += 1
        for j in 1:loss.steps-skip
            copyto!(view(y, :, j, trial), view(state.scratch, (b-1)*n+1:b*n, k * loss.steps + skip + j))
        end
    end
    return y
end

named(names::Vector{Symbol}, values::Vector) = (; zip(names, values)...)

"Writes `scale` times the adjoint `y` in the place of what was seen."
function put_adjoint!(loss::WholeLoss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}, k::Int, y, scale::T) where {T}
    n, skip = lanes[1].n, loss.skip
    foreach(state -> fill!(view(state.scratch, :, k*loss.steps+1:(k+1)*loss.steps), 0), states)
    y === nothing && return nothing
    given = convert(Array{T,3}, y)
    trial = 0
    for (x, state) in zip(lanes, states), b in 1:length(x.trials)
        trial += 1
        for j in 1:loss.steps-skip
            view(state.scratch, (b-1)*n+1:b*n, k * loss.steps + skip + j) .= scale .* view(given, :, j, trial)
        end
    end
    return nothing
end

batch_size(lanes) = sum(x -> length(x.trials), lanes)

"The loss of the batch as it stands; that of the others is a sum over trials, and what this returns is divided by their number."
function settle!(loss::WholeLoss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}) where {T}
    loss.spikes = gathered(loss, lanes, states, 0)
    loss.states = named(loss.names, [gathered(loss, lanes, states, k) for k in 1:length(loss.variables)])
    loss.code === nothing && return 0.0
    y = Base.invokelatest(loss.code, what_is_seen(loss, lanes)...)
    y isa Real || fail("a loss given as Julia code must return a number, got ", short(y))
    return Float64(y) * batch_size(lanes)
end

short(x) = (text = repr(x); length(text) <= 100 ? text : string("a ", typeof(x)))

"The arguments of the code: `data` has the columns of the batch, too."
what_is_seen(loss::WholeLoss, lanes) = isempty(loss.data) ? (loss.spikes, loss.states) :
    (loss.spikes, loss.states, merge(loss.data, (trials=reduce(vcat, [x.trials for x in lanes]),)))

function differentiate!(loss::WholeLoss{T}, lanes::Vector{Lanes{T}}, states::Vector{LossState{T}}) where {T}
    of_spikes, of_states = adjoints(loss, lanes)
    scale = T(batch_size(lanes))
    put_adjoint!(loss, lanes, states, 0, checked_adjoint(of_spikes, "spikes", loss), scale)
    of_states === nothing || all(name -> name in loss.names, keys(of_states)) ||
        fail("the gradient of a loss has adjoints of ", join(keys(of_states), ", "), "; recorded are ", join(loss.names, ", "))
    for (k, name) in enumerate(loss.names)
        y = of_states === nothing ? nothing : get(of_states, name, nothing)
        put_adjoint!(loss, lanes, states, k, checked_adjoint(y, string(name), loss), scale)
    end
    return nothing
end

"Adjoints of spikes and states; nothing for what the loss does not depend on."
function adjoints(loss::WholeLoss, lanes)
    loss.code === nothing && return loss.adjoint
    seen = what_is_seen(loss, lanes)
    found = loss.gradient === nothing ? by_zygote(loss.code, seen...) : Base.invokelatest(loss.gradient, seen...)
    found isa Union{Nothing,AbstractArray} && return found, nothing
    found isa Tuple && length(found) == 2 && found[2] isa Union{Nothing,NamedTuple} ||
        fail("the gradient of a loss must return (adjoint of spikes, (variable = its adjoint, ...)), got ", short(found))
    return found
end

by_zygote(f, spikes, states, data...) =
    Base.invokelatest(Base.invokelatest(pullback_of[], (s, x) -> f(s, x, data...), spikes, states)[2], 1.0)

function checked_adjoint(y, name::String, loss::WholeLoss)
    y === nothing && return nothing
    y isa AbstractArray{<:Real} && size(y) == size(loss.spikes) ||
        fail("the adjoint of ", name, " must be numbers of size ", size(loss.spikes), " [neuron, step, trial], got ",
             y isa AbstractArray ? string("size ", size(y), " of ", eltype(y)) : short(y))
    return y
end

function pull!(loss::WholeLoss{T}, lanes::Lanes{T}, state::LossState{T}, start, first::Int, m::Int, scale::T) where {T}
    size = lanes.size
    add_scaled!(lanes.loss_spikes, 0, state.scratch, first * size, scale, m * size)
    for (k, v) in enumerate(loss.variables)
        add_scaled!(lanes.loss_states[v], 0, state.scratch, (k * loss.steps + first) * size, scale, m * size)
    end
    return nothing
end

"From parameters: `record`, the variables; `code` and `gradient`; arrays `data.NAME`. Without code it is what `simulate` asks for."
function whole_loss(::Type{T}, d::Dict{String,Any}, arrays, steps::Int, variables) where {T}
    names = convert(Vector{String}, get(d, "record", String[]))
    for name in names
        name in variables || fail("a loss records ", name, ", but the model has ", isempty(variables) ? "no variables" : join(variables, ", "))
    end
    code = gradient = nothing
    if haskey(d, "code")
        code = function_from_code("the code of a loss", d["code"])
        if haskey(d, "gradient")
            gradient = function_from_code("the gradient of a loss", d["gradient"])
        else
            need_zygote("a loss given as Julia code", "Or give its derivative: JuliaLoss(code=..., gradient=\"(spikes, states) -> ...\")")
        end
    end
    found = sort!([name for name in keys(arrays) if startswith(name, "data.")])
    data = named([Symbol(name[6:end]) for name in found], [arrays[name] for name in found])
    return WholeLoss{T}(Symbol.(names), Int[findfirst(==(name), variables) for name in names], get(d, "skip", 0), steps, code,
                        gradient, data, zeros(T, 0, 0, 0), NamedTuple(), nothing)
end
