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
