# Spikes and recorded state of a run as outputs that any loss in Julia can be put around: `simulate` and its pullback. The rule for
# Zygote is in ext/SpikeCoreZygoteExt.jl.

"""
    differentiable_run(params, arrays; record=String[])

A run to be differentiated, whose outputs are spikes and the variables in `record`: `params` and `arrays` are those of `Problem`,
without losses. Parameters that are free, their order and their kind are those of `params["free"]`.

    differentiable_run(; model, weight, dt, steps, free, record=String[], ...)

The same for a network given by its matrix `weight[pre, post]`, whose zeros are no synapses. `model`: a dictionary of its name,
method, receptors and parameters, vectors where these differ between neurons. `free`: names of parameters of the model, or "weight"
(the synapses in the order of the transposed matrix: those of the first neuron first). Further arguments: `stimuli` and `arrays` (as
in `Run`), `trials`, `seed`, `delay` in steps, `receptor`, `threads`, `mode` ("surrogate", "soft" or "relaxed"), `surrogate` and
`alpha`, its steepness, `memory` for the tape in bytes.

# Example

Two neurons, of which one drives the other; how the number of spikes of the second depends on the weight:

    using SpikeCore, Zygote
    model = Dict{String,Any}(
        "name" => "Leaky", "method" => "discrete", "beta" => 0.8, "v_threshold" => 1.0, "bias" => 0.0,
        "receptors" => Any[Dict{String,Any}("kind" => "pulse", "name" => "input", "conductance" => false)])
    drive = Dict{String,Any}("kind" => "constant", "strength" => 0.3)
    run = differentiable_run(; model=model, weight=[0.0 0.5; 0.0 0.0], dt=1.0, steps=100, free=["weight", "beta"], stimuli=[drive])
    loss(values) = sum(simulate(run, values).spikes[2, :, :])
    Zygote.gradient(loss, free_values(run))
"""
function differentiable_run(params::Dict{String,Any}, arrays::Dict{String,Any}; record=String[])
    output = Dict{String,Any}("kind" => "output", "record" => String[name for name in record])
    return Base.invokelatest(Problem, merge(params, Dict{String,Any}("losses" => Any[output])), arrays)
end

function differentiable_run(; model, weight, dt, steps, free, record=String[], stimuli=Any[], arrays=Dict{String,Any}(), trials=1,
                            seed=0, delay=1, receptor=1, threads=1, mode="surrogate", surrogate="superspike", alpha=10.0,
                            dtype="float64", memory=2.0^28)
    n = size(weight, 1)
    size(weight, 2) == n || fail("weight must be a square matrix [pre, post], got size ", size(weight))
    by_pre = permutedims(weight)
    synapses = findall(!=(0), by_pre)
    given = Dict{String,Any}(
        "trials" => Int64[0:trials-1;], "projection.1.offset" => Int64[0; cumsum(vec(sum(by_pre .!= 0; dims=1)))],
        "projection.1.target" => Int32[at[1] - 1 for at in synapses],
        "projection.1.weight" => (dtype == "float32" ? Float32 : Float64)[by_pre[at] for at in synapses])
    merge!(given, arrays)
    for (name, x) in model
        x isa AbstractVector{<:Real} && (given["model.$name"] = collect(Float64, x))
    end
    what(name) = name == "weight" ? Dict{String,Any}("kind" => "weight", "index" => 1) :
                 Dict{String,Any}("kind" => "model", "names" => [name])
    params = Dict{String,Any}(
        "n" => n, "dt" => dt, "dtype" => dtype, "seed" => seed, "first_step" => 0, "threads" => threads, "record" => String[],
        "model" => Dict{String,Any}(name => x for (name, x) in model if !(x isa AbstractVector{<:Real})),
        "projections" => Any[Dict{String,Any}("delay" => delay, "receptor" => receptor)], "stimuli" => collect(Any, stimuli),
        "steps" => steps, "mode" => mode, "stochastic" => false, "detach_reset" => false,
        "surrogate" => Dict{String,Any}("name" => surrogate, "alpha" => alpha), "free" => Any[what(name) for name in free],
        "memory" => memory)
    return differentiable_run(params, given; record=record)
end

"""
    free_values(run)

The values of what is free in a run: a vector of numbers for each free parameter, of one or of one per neuron or synapse.
"""
free_values(run) = Vector{Float64}[copy(parameter.value) for parameter in run.free]

"""
    simulate(run, values)

Spikes and recorded variables of a run with these `values` of what is free: `(spikes = ..., states = (v = ..., ...))`, arrays
[neuron, step, trial]; variables are those at the ends of the steps. Spikes are those that a loss sees: smooth ones in the modes
soft and relaxed. It is differentiated by `SpikeCore.pullback`, and with Zygote loaded by `Zygote.gradient` of whatever is made of it.

# Example

See [`differentiable_run`](@ref).
"""
function simulate(run, values)
    loss = output_of(run)
    set_values!(run, values)
    evaluate!(run, all_trials(run), coefficients_of_output(run, 0.0), false)
    return (spikes=loss.spikes, states=loss.states)
end

"""
    pullback(run, values) -> (output, back)

The output of `simulate`, and a function `back(of_spikes, of_states)` from the adjoints of its arrays (nothing where a loss does not
depend on them; of_states may be left out) to those of `values`. It runs the simulation again, and back: nothing but `values` is kept.
"""
function pullback(run, values)
    output = simulate(run, values)
    kept = Vector{Float64}[collect(Float64, x) for x in values]
    function back(of_spikes, of_states=nothing)
        set_values!(run, kept)
        loss = output_of(run)
        loss.adjoint = (of_spikes, of_states)
        try
            return evaluate!(run, all_trials(run), coefficients_of_output(run, 1.0), true)[3]
        finally
            loss.adjoint = nothing
        end
    end
    return output, back
end

all_trials(run) = collect(1:length(run.setup.trials))
is_output(loss) = loss isa WholeLoss && loss.code === nothing
coefficients_of_output(run, c::Float64) = Float64[is_output(loss) ? c : 0.0 for loss in run.losses]

function output_of(run)
    k = findfirst(is_output, run.losses)
    k === nothing && fail("the run records no outputs; make it with differentiable_run")
    return run.losses[k]
end

function set_values!(run, values)
    length(values) == length(run.free) || fail("values must have one vector per free parameter (", length(run.free), "), got ", length(values))
    for (k, (parameter, x)) in enumerate(zip(run.free, values))
        length(x) == length(parameter.value) || fail("values[", k, "] must have ", length(parameter.value), " numbers, got ", length(x))
        parameter.value .= x
    end
    use_values!(run)
    return nothing
end
