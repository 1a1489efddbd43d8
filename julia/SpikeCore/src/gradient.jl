# The gradient of a loss with respect to what is free in a run: forward over the segments of the run, back over them, and from
# what the loops of adjoint.jl know (numbers of cells, adjoints of states and inputs) to parameters.

mutable struct Problem{T,W}
    setup::Setup{T,W}
    model::Dict{String,Any}
    arrays::Dict{String,Any}
    cells::Any
    at_rest::Bool                   # the run begins at rest, which depends on the parameters
    first_step::Int
    steps::Int
    memory::Float64                 # for the tape [bytes]
    segment::Int                    # steps that are on it at once
    free::Vector{FreeParameter}
    losses::Vector{Loss{T}}
    weights::Vector{Vector{T}}
    initial::Vector{Matrix{T}}
    noises::Vector{Vector{Vector{Float64}}}
    rule::SpikeRule                 # of any surrogate: little depends on which
    groups::Vector{Lanes{T}}
    tiled::Vector{Any}              # the cells of each group's lanes
    states::Vector{Vector{LossState{T}}}    # per loss, per group
    optimiser::Dict{String,Any}
    device::Any                     # nothing: the processor
    workers::Vector{Any}            # who does the work of each group: its lanes, or those on the device
end

"""
    Problem(params, arrays)

A run to be differentiated: what `Run` takes, and `steps`, `surrogate` (name, alpha), `mode` (surrogate, soft or relaxed),
`stochastic`, `detach_reset`, `losses`, `free` (kind, names, index, each) and `memory`, bytes for the tape.
"""
function Problem(params::Dict{String,Any}, arrays::Dict{String,Any})
    run = Run(params, arrays)
    setup = run.setup
    is_membrane(setup.blueprint) || return CascadeProblem(run, params, arrays)
    return membrane_problem(setup, run.neurons, params, arrays)
end

function membrane_problem(setup::Setup{T,W}, cells, params::Dict{String,Any}, arrays::Dict{String,Any}) where {T,W}
    setup.is_plastic && fail("plasticity cannot be differentiated")
    steps, n, dt = required(params, "steps", Int), setup.n, Float64(setup.dt)
    steps >= 1 || fail("steps must be at least 1, got ", steps)
    rule = spike_rule(T, params)
    trials = length(setup.trials)
    losses = Loss{T}[build_loss(T, d, owned_by("loss.$j.", arrays), n, steps, trials, dt, setup.blueprint.variables)
                     for (j, d) in enumerate(required(params, "losses", Vector))]
    initial = [reduce(hcat, [trial.state[k][1:n] for trial in setup.trials]) for k in 1:length(setup.blueprint.variables)]
    problem = Problem{T,W}(
        setup, copy(params["model"]), owned_by("model.", arrays), cells, get(params, "initial", "rest") == "rest" && params["model"]["name"] != "Equations",
        setup.trials[1].step, steps, Float64(required(params, "memory", Real)), steps, FreeParameter[],
        losses, Vector{T}[Vector{T}(p.synapses.weight) for p in setup.projections], initial,
        [deepcopy(trial.noises) for trial in setup.trials], rule, Lanes{T}[], Any[], Vector{LossState{T}}[], Dict{String,Any}(),
        given_device(params), Any[])
    for d in required(params, "free", Vector)
        push!(problem.free, free_parameter(problem, d))
    end
    return problem
end

"The device that a gradient is to be computed on, if it is not the processor."
function given_device(params)
    name = get(params, "device", "cpu")::String
    return name == "cpu" ? nothing : device(name)
end

function spike_rule(::Type{T}, params) where {T}
    mode = required(params, "mode", String)
    mode in ("surrogate", "soft", "relaxed") || fail("mode must be surrogate, soft or relaxed, got ", mode)
    return SpikeRule(surrogate(T, required(params, "surrogate", Dict{String,Any})), mode == "relaxed", mode == "soft",
                     required(params, "stochastic", Bool), required(params, "detach_reset", Bool), get(params, "detach_spikes", false)::Bool)
end

"""
How many steps of a batch of `trials` are kept on the tape at once: as many as fit into `memory` bytes, but at least the square
root of their number, with as many checkpoints.
"""
function segment_length(setup::Setup{T}, trials::Int, steps::Int, memory::Float64) where {T}
    per_step = Float64(setup.n * trials) * sizeof(T) * (length(setup.blueprint.variables) + 5 + length(reached(setup)))
    least = max(ceil(Int, sqrt(steps)), min(steps, longest_delay(setup)))
    return floor(Int, clamp(memory / per_step, least, steps))
end

# ---- from parameters to numbers of cells --------------------------------------------------------------------------------

"The number of the cell that a parameter of the model is, if it is one."
function simple_position(problem::Problem, names::Vector{String})
    length(names) == 1 || return 0
    C = cell_type(problem.cells)
    M = membrane_type(C)
    string(problem.model["method"]) == "exact" && return 0
    if M <: TextModel
        startswith(names[1], "parameter.") || return 0
        k = findfirst(==(Symbol(names[1][length("parameter.")+1:end])), TEXT_MODELS[M.parameters[1]].parameters)
        return k === nothing ? 0 : k
    end
    problem.model["name"] in PLAIN_MODELS || return 0
    k = findfirst(==(Symbol(names[1])), fieldnames(M))
    return k === nothing ? 0 : k
end

n_numbers(problem::Problem) = length(leaves(cell_type(problem.cells), :x))

function simple_slopes(problem::Problem, position::Int)
    x = zeros(position == 0 ? 0 : n_numbers(problem), 1)
    position == 0 || (x[position, 1] = 1)
    return x
end

"Sets the slopes of a parameter that enters the cell's numbers in any way, by calling what makes them with dual numbers."
function find_slopes!(parameter::FreeParameter, problem::Problem)
    parameter.position == 0 || return nothing
    setup = problem.setup
    model = problem.model
    shared = isempty(problem.arrays)
    slopes = zeros(n_numbers(problem), shared ? 1 : setup.n)
    make = model["name"] == "Equations" ? equations_maker(text_model(model["formulas"])) : MAKERS[model["name"]]
    for i in 1:size(slopes, 2)
        numbers, arrays = copy(model), copy(problem.arrays)
        for name in parameter.names
            numbers[name] = Dual{1,Float64}(value(Parameters(model, problem.arrays, setup.n), name, i), (1.0,))
            delete!(arrays, name)
        end
        cell = Base.invokelatest(one_cell, make, Parameters(numbers, arrays, setup.n), i, Float64(setup.dt))[1]
        for (k, x) in enumerate(Base.invokelatest(flat, cell))
            slopes[k, i] = slope_of(x)
        end
    end
    parameter.slopes = slopes
    return nothing
end

"Makes the cells from the parameters of the model."
function rebuild!(problem::Problem{T}) where {T}
    setup = problem.setup
    if problem.cells isa PerCell && all(p -> p.kind != "model" || p.position > 0, problem.free)
        for parameter in problem.free
            parameter.kind == "model" && (view(problem.cells.columns[parameter.position], 1:setup.n) .= parameter.value)
        end
    else
        problem.cells = Base.invokelatest(MODELS[problem.model["name"]], Parameters(problem.model, problem.arrays, setup.n), T,
                                          Float64(setup.dt))[1]
    end
    problem.at_rest && Base.invokelatest(set_to_rest!, problem.initial, problem.cells, setup)
    return nothing
end

function set_to_rest!(initial::Vector{Matrix{T}}, cells, setup::Setup{T}) where {T}
    for i in 1:setup.n
        y = rest(at(cells, i).membrane)
        for k in 1:n_variables(membrane_type(cell_type(cells)))
            initial[k][i, :] .= y[k]
        end
    end
    return nothing
end

# ---- groups of trials -----------------------------------------------------------------------------------------------------

"Lays out the trials of a batch: in as many groups as threads can work on."
function lay_out!(problem, trials::Vector{Int})
    # On a device all trials go together.
    parts = device_of(problem) === nothing ? min(problem.setup.threads, length(trials)) : 1
    cuts = [div(length(trials) * p, parts) for p in 0:parts]
    chosen = [trials[cuts[p]+1:cuts[p+1]] for p in 1:parts]
    if length(problem.groups) != parts || any(p -> length(problem.groups[p].trials) != length(chosen[p]), 1:parts)
        make_groups!(problem, chosen)
    end
    for (lanes, t) in zip(problem.groups, chosen)
        lanes.trials = t
        lanes.together = length(trials) >= 4
    end
    for (loss, states) in zip(problem.losses, problem.states)
        foreach(state -> clear!(loss, state), states)
    end
    return nothing
end

function make_groups!(problem::Problem, chosen::Vector{Vector{Int}})
    setup = problem.setup
    watch = Int[k for loss in problem.losses for k in watched(loss)]
    free_input = any(p -> p.kind == "stimulus", problem.free)
    problem.segment = segment_length(setup, sum(length, chosen), problem.steps, problem.memory)
    problem.groups = [Lanes(setup, t, problem.segment, problem.rule.visible, watch, n_numbers(problem), free_input) for t in chosen]
    problem.states = loss_states(problem.losses, problem.groups, problem.segment)
    problem.tiled = Any[tile(problem.cells, lanes) for lanes in problem.groups]
    problem.workers = problem.device === nothing ? Any[lanes for lanes in problem.groups] :
                      Any[DeviceLanes(problem.device, lanes, setup) for lanes in problem.groups]
    return nothing
end

loss_states(losses::Vector{Loss{T}}, groups::Vector{Lanes{T}}, steps::Int) where {T} =
    [LossState{T}[loss_state(loss, lanes, steps) for lanes in groups] for loss in losses]

tile(cells::Shared, lanes::Lanes) = cells
tile(cells::PerCell{C,D}, lanes::Lanes{T}) where {C,D,T} =
    tile!(PerCell{C,D}(map(_ -> Vector{T}(undef, lanes.size), cells.columns)), cells, lanes)

"The cells of all lanes: those of the neurons, trial after trial."
tile!(tiled, cells::Shared, lanes::Lanes) = cells
function tile!(tiled::PerCell, cells::PerCell, lanes::Lanes)
    for (x, column) in zip(tiled.columns, cells.columns)
        for at in 0:lanes.n:lanes.size-1
            copyto!(x, at + 1, column, 1, min(lanes.n, lanes.size - at))
        end
    end
    return tiled
end

"`on_threads` for what contains loops over lanes; all else here is compiled with little optimisation."
with_threads(@nospecialize(work), parts::Int, threads::Int) = with_quick_loops(on_threads, work, parts, threads)

# ---- the gradient ---------------------------------------------------------------------------------------------------------

"""
    evaluate!(problem, trials, coefficients, wanted)

The loss of the `trials` (columns), the sum of the losses times their `coefficients`; and, if `wanted`, its gradient by what is free.
Returns (loss, value of each loss, gradients, number of spikes of each neuron).
"""
function evaluate!(problem, trials::Vector{Int}, coefficients::Vector{Float64}, wanted::Bool)
    length(coefficients) == length(problem.losses) || fail("coefficients must have one number per loss")
    isempty(trials) && fail("trials must name at least one")
    lay_out!(problem, trials)
    return Base.invokelatest(evaluate_laid_out!, problem, coefficients, wanted)
end

function evaluate_laid_out!(problem::Problem{T}, coefficients::Vector{Float64}, wanted::Bool) where {T}
    groups, setup = problem.groups, problem.setup
    for (p, lanes) in enumerate(groups)
        problem.tiled[p] = tile!(problem.tiled[p], problem.cells, lanes)
        load!(problem.workers[p], problem, p)
    end
    wanted && foreach(p -> p.kind == "model" && find_slopes!(p, problem), problem.free)
    starts = collect(0:problem.segment:problem.steps-1)
    lengths = [min(problem.segment, problem.steps - start) for start in starts]
    checkpoints = [Vector{Checkpoint{T}}(undef, length(starts)) for _ in groups]
    counts = [zeros(lanes.n) for lanes in groups]
    with_threads(length(groups), setup.threads) do p
        lanes = groups[p]
        start!(lanes, setup, problem.initial, problem.noises)
        for (c, (start, m)) in enumerate(zip(starts, lengths))
            c > 1 && carry_on!(lanes, lengths[c-1])
            wanted && (checkpoints[p][c] = checkpoint(lanes, setup, [states[p].carry for states in problem.states]))
            go_forward!(problem.workers[p], problem, p, problem.first_step + start, m)
            count_spikes!(counts[p], lanes, 1, m)
            for (loss, states) in zip(problem.losses, problem.states)
                observe!(loss, lanes, states[p], start, m)
            end
        end
    end
    loss, values = settled(problem, coefficients)
    rates = sum(counts)
    wanted || return loss, values, Vector{Float64}[], rates
    isfinite(loss) || fail("the loss is ", loss)
    differentiate_losses!(problem, coefficients)

    gradients = [zeros(length(p.value)) for p in problem.free]
    of_weights = [zeros(T, p.kind == "weight" ? length(p.value) : 0) for p in problem.free]
    numbers = free_numbers(problem)
    foreach(reset_adjoint!, problem.workers)
    for c in length(starts):-1:1
        start, m = starts[c], lengths[c]
        with_threads(length(groups), setup.threads) do p
            lanes = groups[p]
            if c < length(starts)
                keep_history!(problem.workers[p], m)
                restart!(lanes, setup, checkpoints[p][c])
                go_forward!(problem.workers[p], problem, p, problem.first_step + start, m)
            elseif m < problem.segment
                clear_history!(problem.workers[p], m)
            end
            pull_losses!(lanes, problem, p, coefficients, checkpoints[p][c].losses, start, m)
            go_back!(problem.workers[p], problem, p, numbers, problem.first_step + start, m)
            if any(parameter -> parameter.kind == "weight", problem.free)
                g = setup.blueprint.graded
                if g > 0
                    list_sent!(lanes, lanes.tape[g], lanes.size, m)
                else
                    problem.rule.relaxed ? list_sent!(lanes, lanes.spikes, 0, m) : list_fired!(lanes)
                end
            end
        end
        for (k, parameter) in enumerate(problem.free)
            parameter.kind == "stimulus" || continue
            foreach(lanes -> add_stimulus_gradient!(gradients[k], lanes, setup, parameter, problem.first_step + start, m), groups)
        end
        for (k, parameter) in enumerate(problem.free)
            parameter.kind == "weight" || continue
            problem.device === nothing ? add_weight_gradients!(of_weights[k], groups, setup, parameter.index, m) :
            add_weight_gradients!(of_weights[k], problem.workers[1], setup, parameter.index)
        end
    end
    foreach(fetch_adjoint!, problem.workers)
    for (k, parameter) in enumerate(problem.free)
        if parameter.kind == "weight"
            gradients[k] .= of_weights[k]
        elseif parameter.kind != "stimulus"
            add_of_lanes!(gradients[k], parameter, problem, numbers)
        end
    end
    return loss, values, gradients, rates
end

device_of(problem::Problem) = problem.device

# What the loop above asks of those who do the work; devices do it otherwise (see device/gradient.jl).
load!(lanes::Lanes, problem, p::Int) = nothing
fetch_adjoint!(lanes::Lanes) = nothing

function go_forward!(lanes::Lanes, problem::Problem, p::Int, first_step::Int, m::Int)
    fill_inputs!(lanes, problem.setup, first_step, m)
    forward!(lanes, problem.setup, problem.tiled[p], problem.rule, problem.weights, first_step, m)
    return nothing
end

go_back!(lanes::Lanes, problem::Problem, p::Int, numbers::Vector{Int}, first_step::Int, m::Int) =
    backward!(lanes, problem.setup, problem.tiled[p], problem.rule, problem.weights, numbers, first_step, m)

"The sum of the losses times their `coefficients`, and the value of each: means over trials."
function settled(problem, coefficients::Vector{Float64})
    trials = sum(lanes -> length(lanes.trials), problem.groups)
    values = Float64[settle!(loss, problem.groups, states) / trials for (loss, states) in zip(problem.losses, problem.states)]
    return sum(coefficients .* values), values
end

function differentiate_losses!(problem, coefficients::Vector{Float64})
    for (k, (loss, states)) in enumerate(zip(problem.losses, problem.states))
        coefficients[k] == 0 || differentiate!(loss, problem.groups, states)
    end
    return nothing
end

"How the loss depends on spikes and variables of group `p` in the `m` steps from `start`; `carried`: into them, by each loss."
function pull_losses!(lanes::Lanes{T}, problem, p::Int, coefficients::Vector{Float64}, carried::Vector{Vector{Vector{T}}}, start::Int,
                      m::Int) where {T}
    trials = sum(lanes -> length(lanes.trials), problem.groups)
    fill!(view(lanes.loss_spikes, :, 1:m), 0)
    foreach(x -> isempty(x) || fill!(view(x, :, 1:m), 0), lanes.loss_states)
    for (k, (loss, states)) in enumerate(zip(problem.losses, problem.states))
        scale = T(coefficients[k] / trials)
        scale == 0 || pull!(loss, lanes, states[p], carried[k], start, m, scale)
    end
    return nothing
end

function add_weight_gradients!(gradient::Vector{T}, groups::Vector{Lanes{T}}, setup::Setup{T}, k::Int, m::Int) where {T}
    rows = blocks(setup.n, min(setup.threads, cld(setup.n, 64)))
    with_threads(p -> weight_gradients!(gradient, groups, setup, k, rows[p], m), length(rows), setup.threads)
    return nothing
end

function count_spikes!(count::Vector{Float64}, lanes::Lanes{T}, first::Int, m::Int) where {T}
    total = zeros(T, lanes.size)
    for j in first:m
        add_scaled!(total, lanes.spikes, (j - 1) * lanes.size, one(T))
    end
    for l in 1:occupied(lanes)
        count[neuron_of(lanes, l)] += total[l]
    end
    return nothing
end

"The numbers of cells that anything free acts through."
function free_numbers(problem::Problem)
    found = Set{Int}()
    for parameter in problem.free, k in 1:size(parameter.slopes, 1)
        any(!=(0), view(parameter.slopes, k, :)) && push!(found, k)
    end
    return sort!(collect(found))
end

function reset_adjoint!(lanes)
    foreach(x -> fill!(x, 0), lanes.adjoint)
    foreach(x -> fill!(x, 0), lanes.history)
    fill!(lanes.numbers, 0)
    return nothing
end

"What lies behind the segment of `m` steps is what was at the begin of the one behind it."
function keep_history!(lanes, m::Int)
    for x in lanes.history
        isempty(x) && continue
        depth = min(size(x, 2) - m, size(x, 2))
        ahead = x[:, 1:depth]
        x[:, m+1:m+depth] = ahead
    end
    return nothing
end

clear_history!(lanes, m::Int) = foreach(x -> isempty(x) || fill!(view(x, :, m+1:size(x, 2)), 0), lanes.history)

"From numbers of cells and initial states to a parameter of the model or an initial value."
function add_of_lanes!(gradient::Vector{Float64}, parameter::FreeParameter, problem::Problem{T}, numbers::Vector{Int}) where {T}
    each_neuron = zeros(problem.setup.n)
    if parameter.kind == "initial"
        for lanes in problem.groups, l in 1:occupied(lanes)
            each_neuron[neuron_of(lanes, l)] += lanes.adjoint[parameter.index][l]
        end
    else
        slopes = parameter.slopes
        for k in numbers, lanes in problem.groups, l in 1:occupied(lanes)
            i = neuron_of(lanes, l)
            each_neuron[i] += slopes[k, size(slopes, 2) == 1 ? 1 : i] * lanes.numbers[l, k]
        end
        problem.at_rest && add_of_rest!(each_neuron, parameter, problem)
    end
    if length(gradient) == 1
        gradient[1] += sum(each_neuron)
    else
        gradient .+= each_neuron
    end
    return nothing
end

"The state at rest, where the run begins, depends on the parameters, too."
function add_of_rest!(each_neuron::Vector{Float64}, parameter::FreeParameter, problem::Problem{T}) where {T}
    for k in 1:size(parameter.slopes, 1)
        any(!=(0), view(parameter.slopes, k, :)) || continue
        rest_slopes = Base.invokelatest(slopes_of_rest, problem.cells, k, problem.setup.n)::Matrix{Float64}
        any(!=(0), rest_slopes) || continue
        for lanes in problem.groups, l in 1:occupied(lanes)
            i = neuron_of(lanes, l)
            by_number = parameter.slopes[k, size(parameter.slopes, 2) == 1 ? 1 : i]
            for v in 1:size(rest_slopes, 1)
                each_neuron[i] += by_number * rest_slopes[v, i] * lanes.adjoint[v][l]
            end
        end
    end
    return nothing
end

function slopes_of_rest(cells, k::Int, n::Int)
    M = membrane_type(cell_type(cells))
    slopes = zeros(n_variables(M), n)
    for i in 1:n
        y = rest(seeded_cell(at(cells, i), (k, 0, 0, 0)).membrane)
        for v in 1:n_variables(M)
            slopes[v, i] = slope_of(y[v])
        end
    end
    return slopes
end
