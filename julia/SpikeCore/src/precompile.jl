# Type inference of what a first call needs, done once when the package is compiled and not in every process.

for T in (Float32, Float64), W in (Float32, Float64), M in (Cascade{T,Sigmoid,Bernoulli}, Cascade{T,Exponential,Poisson},
                                                            Cascade{T,Relu,Poisson}, Cascade{T,Identity,Threshold})
    precompile(advance!, (Run{T,W,Shared{M}}, Int))
end
for T in (Float32, Float64), W in (Float32, Float64)
    precompile(Setup, (Type{T}, Type{W}, Blueprint{T}, Dict{String,Any}, Dict{String,Any}, Int, Float64))
end
for T in (Float32, Float64)
    foreach(build -> precompile(build, (Parameters, Type{T}, Float64)), values(MODELS))
    precompile(merged_spikes, (Vector{Trial{T}},))
    precompile(state_arrays, (Setup{T,T},))
end
for method in values(METHODS)
    precompile(method, (Dict{String,Any}, Dict{String,Any}))
end
precompile(Run, (Dict{String,Any}, Dict{String,Any}))
precompile(serve, (Int, Int, String, String))

"Cells of a model with its usual receptors; the numbers do not matter here."
function usual_cells(model::String, ::Type{T}, method::String, receptors...) where {T}
    numbers = Dict{String,Any}("method" => method, "receptors" => Any[])
    foreach(name -> numbers[string(name)] = 1.0, fieldnames(getfield(SpikeCore, Symbol(model))))
    for (j, (kind, conductance)) in enumerate(receptors)
        push!(numbers["receptors"], Dict{String,Any}("kind" => kind, "conductance" => conductance, "name" => string(j)))
        foreach(name -> numbers[string("receptor.", j, ".", name)] = Float64(j), ("tau", "reversal"))
    end
    return MODELS[model](Parameters(numbers, Dict{String,Any}(), 1), T, 0.1)[1]
end

for (model, method, receptors) in (("LIF", "exact", (("exponential", false), ("exponential", false))),
                                      ("CobaLIF", "euler", (("exponential", true), ("exponential", true))),
                                      ("AdEx", "euler", (("exponential", true), ("exponential", true))),
                                      ("Izhikevich", "euler", (("pulse", false),)))
    precompile(advance!, (Run{Float64,Float64,typeof(usual_cells(model, Float64, method, receptors...))}, Int))
end
