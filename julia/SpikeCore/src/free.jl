# What is free in a run: parameters of the model, weights, the initial state, stimuli. `Problem` (gradient.jl) holds a list of it.

"""
Something that is free: parameters of the model (`names`, as the model knows them), the weights of projection `index`, the initial
values of variable `index`, or a field of stimulus `index`. `value` has one number or one for each neuron, synapse or entry.
"""
mutable struct FreeParameter
    kind::String
    names::Vector{String}
    index::Int
    value::Vector{Float64}
    position::Int                   # of a number of the cell that is the parameter itself; 0: not so simple
    slopes::Matrix{Float64}         # of the cell's numbers by the parameter: [number, one or each neuron]
end

function free_parameter(problem, d::Dict{String,Any})
    kind, setup = required(d, "kind", String), problem.setup
    index = get(d, "index", 0)
    names = convert(Vector{String}, get(d, "names", String[]))
    parameter = FreeParameter(kind, names, index, Float64[], 0, zeros(0, 0))
    if kind == "model"
        isempty(names) && fail("a free parameter of the model must have a name")
        p = Parameters(problem.model, problem.arrays, setup.n)
        parameter.value = convert(Vector{Float64}, column(p, names[1]))
        parameter.position = simple_position(problem, names)
        parameter.slopes = simple_slopes(problem, parameter.position)
    elseif kind == "weight"
        1 <= index <= length(setup.projections) || fail("projection ", index, " does not exist")
        parameter.value = Float64.(problem.weights[index])
    elseif kind == "initial"
        1 <= index <= length(problem.initial) || fail("variable ", index, " does not exist")
        problem.at_rest = false
        x = problem.initial[index]
        all(c -> view(x, :, c) == view(x, :, 1), 1:size(x, 2)) || fail("a free initial state must be the same in all trials")
        parameter.value = get(d, "each", true) ? Float64.(x[:, 1]) : Float64[x[1, 1]]
    elseif kind == "stimulus"
        s = stimulus_place(setup, d)
        if s isa Table      # what is free is written to, and the arrays of the caller are not to be
            s = setup.stimuli.tables[index] = Table(s.target, copy(s.data), s.start, s.rate)
        end
        parameter.value = stimulus_values(setup, s, names[1])
        parameter.names = [names[1], string(d["group"])]
    else
        fail("unknown kind of free parameter ", kind)
    end
    return parameter
end

"Brings the values of what is free to where they are used."
function use_values!(problem)
    for parameter in problem.free
        if parameter.kind == "model"
            use_in_model!(problem.model, problem.arrays, parameter.names, parameter.value)
        elseif parameter.kind == "weight"
            problem.weights[parameter.index] .= parameter.value
        elseif parameter.kind == "initial"
            problem.initial[parameter.index] .= parameter.value
        else
            set_stimulus_values!(problem.setup, parameter)
        end
    end
    any(p -> p.kind == "model", problem.free) && rebuild!(problem)
    return nothing
end

"Gives parameters of a model the values `x`, one or one per neuron."
function use_in_model!(model::Dict{String,Any}, arrays::Dict{String,Any}, names::Vector{String}, x::Vector{Float64})
    for name in names
        if length(x) == 1
            model[name] = x[1]
        else
            arrays[name] = x
        end
    end
    return nothing
end

# ---- stimuli --------------------------------------------------------------------------------------------------------------

# A stimulus is found by its group (waves, tables, spikes, poisson, noises) and its place there.
function stimulus_place(setup::Setup, d)
    group = required(d, "group", String)
    group in ("waves", "tables", "spikes", "poisson", "noises") || fail("unknown group of stimuli ", group)
    all_of_them = group == "waves" ? setup.stimuli.wave_targets : getfield(setup.stimuli, Symbol(group))
    1 <= d["index"] <= length(all_of_them) || fail("stimulus ", d["index"], " does not exist")
    return all_of_them[d["index"]]
end

stimulus_of(setup::Setup, parameter::FreeParameter) =
    stimulus_place(setup, Dict{String,Any}("group" => parameter.names[2], "index" => parameter.index))

stimulus_values(setup, s::Target, field) = Float64.(s.strength)
stimulus_values(setup, s::GivenSpikes, field) = Float64.(s.weight)
stimulus_values(setup, s::Table, field) = field == "data" ? Float64.(vec(s.data)) : Float64.(s.target.strength)
stimulus_values(setup, s::Noise, field) = Float64.(s.target.strength)
stimulus_values(setup, s::PoissonInput, field) = field == "rate" ? s.mu .* (1000 / setup.dt) : Float64.(s.target.strength)

function set_stimulus_values!(setup::Setup, parameter::FreeParameter)
    s, x, field = stimulus_of(setup, parameter), parameter.value, parameter.names[1]
    s isa Target ? (s.strength .= x) : s isa GivenSpikes ? (s.weight .= x) : field == "data" ? (vec(s.data) .= x) :
    field == "rate" ? (s.mu .= x .* (setup.dt / 1000)) : (s.target.strength .= x)
    return nothing
end
