# Type inference of what a first call needs, done once when the package is compiled and not in every process.

# Double precision only, and no more than most first calls need: each statement lengthens the first start of an installation.
precompile(advance!, (Run{Float64,Float64,Shared{Cascade{Float64,Sigmoid,Bernoulli}},false}, Int))
precompile(Setup, (Type{Float64}, Type{Float64}, Blueprint{Float64}, Dict{String,Any}, Dict{String,Any}, Int, Float64))
for model in ("BernoulliGLM", "LIF")
    precompile(MODELS[model], (Parameters, Type{Float64}, Float64))
end
precompile(merged_spikes, (Vector{Trial{Float64}},))
precompile(state_arrays, (Setup{Float64,Float64},))
for method in (info, echo, open_session, short_run, advance_session, session_state, close_session)
    precompile(method, (Dict{String,Any}, Dict{String,Any}))
end
precompile(Run, (Dict{String,Any}, Dict{String,Any}))
precompile(serve, (Int, Int, String, String))

# From Julia 1.9 on compiled code is kept as well: there two small runs are done while the package is compiled.
@static if VERSION >= v"1.9"
    function small_run(model::Dict{String,Any}, receptors::Int, dt::Float64)
        params = Dict{String,Any}(
            "n" => 4, "dt" => dt, "dtype" => "float64", "seed" => 1, "model" => model, "record" => String[],
            "projections" => Any[Dict{String,Any}("delay" => 1, "receptor" => r) for r in 1:receptors], "record_every" => 1,
            "threads" => 2, "initial" => "rest", "first_step" => 0, "channels" => Any[],
            "stimuli" => Any[Dict{String,Any}("kind" => "constant", "strength" => 1.0, "start" => 0.0, "channel" => 0)])
        arrays = Dict{String,Any}("trials" => [0])
        for r in 1:receptors
            arrays["projection.$r.offset"], arrays["projection.$r.target"] = [0, 1, 1, 1, 1], Int32[1]
            arrays["projection.$r.weight"] = [1.0]
        end
        opened = ask("open", params, arrays)
        ask("advance", merge(opened, Dict{String,Any}("steps" => 20, "state" => true)))
        ask("state", opened)
        ask("close", opened)
        ask("run", merge(params, Dict{String,Any}("steps" => 20)), arrays)
        return nothing
    end

    "A request as Python writes it, answered as the worker does."
    function ask(method::String, params::Dict{String,Any}, arrays=Dict{String,Any}())
        reply = mktemp() do _, requests
            mktemp() do _, replies
                header = Dict{String,Any}("id" => 1, "method" => method, "params" => params, "arrays" => write_arrays(arrays, requests))
                TOML.parse(answer(sprint(print_toml, header), requests, replies))
            end
        end
        return reply["result"]
    end

    if ccall(:jl_generating_output, Cint, ()) == 1
        small_run(Dict{String,Any}("name" => "BernoulliGLM", "theta" => 5.0, "alpha" => 0.2, "coupling_window" => 5.0,
                                   "abs_ref_scale" => 3.0, "abs_ref_strength" => -100.0, "rel_ref_scale" => 7.0,
                                   "rel_ref_strength" => -30.0, "beta" => 0.5, "r" => 1.0, "b" => 0.0), 1, 1.0)
        receptors = Any[Dict{String,Any}("kind" => "exponential", "name" => name, "conductance" => false) for name in ("exc", "inh")]
        small_run(Dict{String,Any}("name" => "LIF", "tau_m" => 20.0, "E_L" => -70.0, "R" => 1.0, "v_threshold" => -50.0,
                                   "v_reset" => -60.0, "refractory_period" => 0.0, "tau_syn_exc" => 5.0, "tau_syn_inh" => 10.0,
                                   "method" => "exact", "receptors" => receptors, "receptor.1.tau" => 5.0,
                                   "receptor.2.tau" => 10.0), 2, 0.1)
    end

    # What these runs find by dispatch, and Base owns, is kept only where it is named.
    for (f, types...) in ((Base.indexed_iterate, Tuple{Dict{String,Any},Dict{String,Any}}, Int),
                          (Base.indexed_iterate, Tuple{Dict{String,Any},Dict{String,Any}}, Int, Int),
                          (getindex, Dict{String,DataType}, String), (convert, Type{Vector{Int}}, Vector{Int}),
                          (convert, Type{Vector{String}}, Vector{Union{}}), (in, Type, Tuple{DataType,DataType}), (delete!, Dict{Int,Any}, Int))
        precompile(f, types)
    end
    for V in (Vector{Union{}}, Vector{Array{Float64,3}})
        precompile(enumerate, (V,))
        precompile(iterate, (Base.Iterators.Enumerate{V},))
        precompile(iterate, (Base.Iterators.Enumerate{V}, Tuple{Int}))
    end
end
