# Among our own methods: those of packages that are loaded for other tests have dual numbers of their own.
@test isempty(filter(pair -> all(method -> method.module === SpikeCore, pair), detect_ambiguities(SpikeCore)))

@testset "every exported name has a docstring" begin
    for name in names(SpikeCore)
        @test occursin("No documentation found", string(Base.Docs.doc(getfield(SpikeCore, name)))) == false
    end
end

@testset "every model is registered by its own file" begin
    files = readdir(joinpath(@__DIR__, "..", "src", "models"))
    @test length(files) == length(S.MODELS)
end
