# The narrow waist: handle(method, params, arrays), plain values and named arrays in both directions. Nothing above this
# file knows that it is called from outside, and nothing here knows which transport called.

const SESSIONS = Dict{Int,Any}()
const NEXT_SESSION = Ref(1)

"""
    handle(method, params, arrays) -> (result, arrays)

`params` and the result are trees of numbers, strings, vectors and `Dict{String,Any}`; arrays are named. Methods:
- `info`: version of Julia and of SpikeCore, threads, process id.
- `echo`: gives back what it got.
- `device`: the reason why `device` cannot be used; empty if it can.
- `open`: makes a run (see session.jl) and returns the number of its session.
- `advance`: `session`, `steps`; returns the spikes of these steps and what else is recorded; with `state` = true also the
  state after them, as arrays whose names begin with `state.`.
- `state`: the state between two steps, and mean rates where asked for.
- `run`: a short run in one call: what `open`, `advance` by `steps` with `state` = true, and `close` do.
- `distances`: between spike trains (see distances.jl).
- `open_gradient`: makes a run to be differentiated (see gradient.jl) and returns the number of its session and the sizes of
  what is free in it; `evaluate`: `session`, `trials`, `coefficients` of the losses, and values of what is free as `value.K`;
  returns the loss and, with `gradient` = true, `gradient.K`; `improve`: one step of an optimiser (see optimise.jl); `take`,
  `values`: set and get values, bounds and the state of the optimiser.
- `likelihood.open`, `.begin`, `.advance`, `.result`, `.evaluate`, `.errors`, `.rates`, `.design`: see likelihood_service.jl.
- `open_search`: makes a search by a population (see search/search.jl) and returns the number of its session and its first
  candidates; `ask`: the candidates; `tell`: `losses`, returns the next candidates; `search_state`, `search_best`.
- `close`: forgets the session; with `collect` = true its memory is given back at once.
Every inconsistency is a `SpikeCoreError`; it ends that call and, in `advance`, that session, never another one.
"""
function handle(method::String, params::Dict{String,Any}, arrays::Dict{String,Any})
    haskey(METHODS, method) || fail("unknown method ", method)
    return METHODS[method](params, arrays)
end

const NOTHING = Dict{String,Any}()

# Julia 1.5 compiles native code anew in every process. What is not a loop over neurons or synapses runs once or a few times:
# there a worker compiles it with little optimisation, which takes half as long. -1: as the command line says.
const LEVEL_OUTSIDE_LOOPS = Ref(-1)

function optimise!(level::Int)
    @static if VERSION < v"1.6"
        for part in (Base, SpikeCore)
            ccall(:jl_set_module_optlevel, Cvoid, (Any, Cint), part, level)
        end
    end
    return nothing
end

"Calls `work`, which contains loops over neurons and synapses; they are compiled with all optimisation."
function with_quick_loops(@nospecialize(work), @nospecialize(args...))
    optimise!(-1)
    try
        return Base.invokelatest(work, args...)
    finally
        optimise!(LEVEL_OUTSIDE_LOOPS[])
    end
end

"A method of the service that contains such loops."
with_loops(@nospecialize(method)) = (params, arrays) -> with_quick_loops(method, params, arrays)

function info(params, arrays)
    return Dict{String,Any}("julia" => string(VERSION), "threads" => Threads.nthreads(), "pid" => getpid(),
                            "cpu" => unsafe_string(Base.JLOptions().cpu_target), "sessions" => length(SESSIONS)), NOTHING
end

echo(params, arrays) = params, arrays

"Why a device cannot be used; empty if it can."
device_reason(params, arrays) = Dict{String,Any}("reason" => why_not(required(params, "device", String))), NOTHING

function open_session(params, arrays)
    # A nonlinearity given as text is a method newer than this call; so is all that is compiled for it.
    run = Base.invokelatest(run_on, get(params, "device", "cpu"), params, arrays)
    return Dict{String,Any}("session" => new_session(run)), NOTHING
end

"The run on the processor, or on another device."
function run_on(name::String, params, arrays)
    name == "cpu" && return Run(params, arrays)
    d = device(name)
    # On a device all lanes go together, whatever the threads.
    return Base.invokelatest(DeviceRun, d, Run(merge(params, Dict{String,Any}("threads" => 1)), arrays))
end

"Keeps `x` for the calls that follow; returns the number of its session."
function new_session(@nospecialize(x))
    id = NEXT_SESSION[]
    NEXT_SESSION[] += 1
    SESSIONS[id] = x
    return id
end

function session(params)
    id = required(params, "session", Int)
    haskey(SESSIONS, id) || fail("session ", id, " does not exist or has ended")
    return SESSIONS[id]
end

function advance_session(params, arrays)
    run = session(params)
    steps = required(params, "steps", Int)
    steps >= 1 || fail("steps must be at least 1, got ", steps)
    start = time_ns()
    try
        with_quick_loops(advance!, run, steps)
    catch
        delete!(SESSIONS, params["session"])
        rethrow()
    end
    seconds = (time_ns() - start) / 1e9
    setup = run.setup
    step, neuron, pointer = merged_spikes(setup.trials)
    result = Dict{String,Any}("seconds" => seconds)
    recorded = Dict{String,Any}("spike_step" => step, "spike_neuron" => neuron, "trial_pointer" => pointer)
    for (name, values) in zip(setup.recorder.names, setup.recorder.values)
        recorded[string("record.", name)] = values
    end
    for (k, values) in enumerate(setup.recorder.weights)
        setup.projections[k].pair === nothing || (recorded[string("weight.", k)] = values)
    end
    if get(params, "state", false)
        for (name, x) in session_state(params, arrays)[2]
            recorded[string("state.", name)] = x
        end
    end
    return result, recorded
end

"Spikes of all trials, one trial after the other, within a trial by step and then neuron."
function merged_spikes(trials::Vector{<:Trial})
    total = 0
    for trial in trials, part in trial.parts
        total += part.n_recorded
    end
    step, neuron = Vector{Int64}(undef, total), Vector{Int32}(undef, total)
    pointer = zeros(Int64, length(trials) + 1)
    k = 0
    for (j, trial) in enumerate(trials)
        k = merge_parts!(step, neuron, k, trial.parts)
        pointer[j+1] = k
    end
    return step, neuron, pointer
end

function merge_parts!(step::Vector{Int64}, neuron::Vector{Int32}, k::Int, parts::Vector{Part})
    position = ones(Int, length(parts))
    while true
        now = typemax(Int)
        for (p, part) in enumerate(parts)
            position[p] <= part.n_recorded && (now = min(now, part.recorded_step[position[p]]))
        end
        now == typemax(Int) && return k
        for (p, part) in enumerate(parts)
            while position[p] <= part.n_recorded && part.recorded_step[position[p]] == now
                k += 1
                step[k], neuron[k] = now, part.recorded_neuron[position[p]]
                position[p] += 1
            end
        end
    end
end

function session_state(params, arrays)
    run = session(params)
    refresh!(run)
    setup = run.setup
    trials = setup.trials
    state = state_arrays(setup)
    isempty(trials[1].activity_sum) || (state["mean_rate"] = reduce(hcat, [trial.activity_sum for trial in trials]))
    return Dict{String,Any}("step" => trials[1].step), state
end

function close_session(params, arrays)
    delete!(SESSIONS, get(params, "session", 0))
    get(params, "collect", false) && GC.gc()    # mapped arrays are given back when they are collected
    return Dict{String,Any}(), NOTHING
end

function short_run(params, arrays)
    steps = required(params, "steps", Int)
    id = open_session(params, arrays)[1]["session"]
    try
        return advance_session(Dict{String,Any}("session" => id, "steps" => steps, "state" => true), arrays)
    finally
        delete!(SESSIONS, id)
    end
end

const METHODS = Dict{String,Function}("info" => info, "echo" => echo, "device" => device_reason, "open" => open_session, "run" => short_run,
                                      "advance" => advance_session, "state" => session_state, "close" => close_session,
                                      "distances" => with_loops(distances))
for (name, method) in LIKELIHOOD_METHODS
    METHODS[name] = with_loops(method)
end
