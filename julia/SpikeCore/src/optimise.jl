# Steps of the optimisers that follow gradients, and the sessions in which Python fits: one iteration per call.

"""
    improve!(problem, trials, coefficients, method, rates)

One step of `method` from the gradient of the loss of `trials`; `rates`: the learning rate of each free parameter. What is free stays
within its bounds. Returns what `evaluate!` returns, of the values before the step.
"""
function improve!(problem, trials::Vector{Int}, coefficients::Vector{Float64}, settings::Dict{String,Any}, rates::Vector{Float64})
    outcome = evaluate!(problem, trials, coefficients, true)
    length(rates) == length(problem.free) || fail("learning rates must be one per free parameter")
    check_gradients(problem, outcome[3])
    state = problem.optimiser
    state["step"] = get(state, "step", 0)::Int + 1
    for (k, parameter) in enumerate(problem.free)
        rates[k] == 0 && continue
        low, high = state["low.$k"]::Vector{Float64}, state["high.$k"]::Vector{Float64}
        first = get!(() -> zeros(length(parameter.value)), state, "first.$k")::Vector{Float64}
        second = get!(() -> zeros(length(parameter.value)), state, "second.$k")::Vector{Float64}
        move!(parameter.value, outcome[3][k], first, second, low, high, settings["method"], settings, rates[k], state["step"])
    end
    use_values!(problem)
    return outcome
end

"""
Moves `x` against its gradient `g`, and back to its bounds. sgd: m <- momentum m + g, x <- x - rate m. rmsprop (Hinton): v <- decay v +
(1 - decay) g^2, x <- x - rate g / (sqrt(v) + epsilon). adam: Kingma and Ba 2015.
"""
function move!(x::Vector{Float64}, g::Vector{Float64}, m::Vector{Float64}, v::Vector{Float64}, low::Vector{Float64},
               high::Vector{Float64}, method::String, settings::Dict{String,Any}, rate::Float64, step::Int)
    of(name) = Float64(settings[name])::Float64     # or the loops below would box every number
    if method == "sgd"
        momentum = of("momentum")
        for i in 1:length(x)
            m[i] = momentum * m[i] + g[i]
            x[i] -= rate * m[i]
        end
    elseif method == "rmsprop"
        decay, epsilon = of("decay"), of("epsilon")
        for i in 1:length(x)
            v[i] = decay * v[i] + (1 - decay) * g[i]^2
            x[i] -= rate * g[i] / (sqrt(v[i]) + epsilon)
        end
    elseif method == "adam"
        b1, b2, epsilon = of("beta_1"), of("beta_2"), of("epsilon")
        c1, c2 = 1 - b1^step, 1 - b2^step
        for i in 1:length(x)
            m[i] = b1 * m[i] + (1 - b1) * g[i]
            v[i] = b2 * v[i] + (1 - b2) * g[i]^2
            x[i] -= rate * (m[i] / c1) / (sqrt(v[i] / c2) + epsilon)
        end
    else
        fail("unknown method ", method)
    end
    for i in 1:length(x)
        x[i] = clamp(x[i], low[length(low) == 1 ? 1 : i], high[length(high) == 1 ? 1 : i])
    end
    return nothing
end

function check_gradients(problem, gradients::Vector{Vector{Float64}})
    for (parameter, g) in zip(problem.free, gradients)
        i = findfirst(!isfinite, g)
        i === nothing && continue
        what = parameter.kind == "weight" ? "synapse" : parameter.kind == "stimulus" ? "entry" : "neuron"
        name = parameter.kind == "weight" ? "weight" : isempty(parameter.names) ? parameter.kind : parameter.names[1]
        fail("the gradient by ", name, " of ", what, " ", i - 1, " is ", g[i], "; its value is ", parameter.value[i])
    end
    return nothing
end

# ---- sessions ---------------------------------------------------------------------------------------------------------------

function open_problem(params, arrays)
    problem = Base.invokelatest(Problem, params, arrays)
    return Dict{String,Any}("session" => new_session(problem), "sizes" => Int[length(p.value) for p in problem.free]), NOTHING
end

"Takes values, bounds and the optimiser's state from arrays, where they are given."
function take_values!(problem, arrays)
    changed = false
    for (k, parameter) in enumerate(problem.free)
        if haskey(arrays, "value.$k")
            x = vec(arrays["value.$k"])
            length(x) == length(parameter.value) || fail("value.$k must have ", length(parameter.value), " numbers")
            parameter.value .= x
            changed = true
        end
        for name in ("low.$k", "high.$k", "first.$k", "second.$k")
            haskey(arrays, name) && (problem.optimiser[name] = convert(Vector{Float64}, vec(arrays[name])))
        end
    end
    changed && use_values!(problem)
    return nothing
end

chosen_trials(params) = 1 .+ convert(Vector{Int}, required(params, "trials", Vector))
chosen_coefficients(params) = convert(Vector{Float64}, required(params, "coefficients", Vector))

"The part of the trials just evaluated that are classified as their label says; empty where no loss has labels."
function accuracy(problem)
    k = findfirst(loss -> loss isa CrossEntropyLoss, problem.losses)
    k === nothing && return Float64[]
    return Float64[n_right(problem.losses[k], problem.groups, problem.states[k]) / sum(x -> length(x.trials), problem.groups)]
end

function outcome(problem, found, gradients::Bool)
    loss, values, of_free, counts = found
    result = Dict{String,Any}("loss" => loss, "losses" => values, "norms" => Float64[sqrt(sum(abs2, g)) for g in of_free],
                              "accuracy" => accuracy(problem))
    arrays = Dict{String,Any}("counts" => counts)
    if gradients
        for (k, g) in enumerate(of_free)
            arrays["gradient.$k"] = g
        end
    end
    return result, arrays
end

function evaluate_session(params, arrays)
    problem = session(params)
    take_values!(problem, arrays)
    wanted = get(params, "gradient", true)
    start = time_ns()
    found = Base.invokelatest(evaluate!, problem, chosen_trials(params), chosen_coefficients(params), wanted)
    seconds = (time_ns() - start) / 1e9
    wanted && check_gradients(problem, found[3])
    result, recorded = outcome(problem, found, wanted)
    result["seconds"] = seconds
    return result, recorded
end

function improve_session(params, arrays)
    problem = session(params)
    rates = convert(Vector{Float64}, required(params, "rates", Vector))
    found = Base.invokelatest(improve!, problem, chosen_trials(params), chosen_coefficients(params), params["settings"], rates)
    return outcome(problem, found, false)
end

"Draws from another seed from now on: stimuli, noise and spikes."
function reseed!(problem, seed::UInt64)
    setup = problem.setup
    setup.seed = seed
    for (k, trial) in enumerate(setup.trials)
        problem.noises[k] = first_noises(setup.stimuli, seed, trial.id, setup.n)
    end
    return nothing
end

"Sets what is given: values of what is free, bounds, the state of the optimiser, its step, the seed."
function take_session(params, arrays)
    problem = session(params)
    take_values!(problem, arrays)
    haskey(params, "step") && (problem.optimiser["step"] = params["step"])
    haskey(params, "seed") && reseed!(problem, UInt64(params["seed"]))
    return Dict{String,Any}(), NOTHING
end

function values_of_session(params, arrays)
    problem = session(params)
    found = Dict{String,Any}()
    for (k, parameter) in enumerate(problem.free)
        found["value.$k"] = parameter.value
        for name in ("first.$k", "second.$k")
            haskey(problem.optimiser, name) && (found[name] = problem.optimiser[name])
        end
    end
    return Dict{String,Any}("step" => get(problem.optimiser, "step", 0)), found
end

METHODS["open_gradient"] = open_problem
METHODS["evaluate"] = evaluate_session
METHODS["improve"] = improve_session
METHODS["take"] = take_session
METHODS["values"] = values_of_session
