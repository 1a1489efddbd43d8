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
