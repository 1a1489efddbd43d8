# Tests of SpikeCore: one file per source file. Run with `julia -t 4 --project=julia/SpikeCore test/runtests.jl`.

using Test
using SpikeCore
const S = SpikeCore

const FILES = ["philox", "elementary", "emission", "expression", "formula", "equations", "connectivity", "kernels",
               "stimulus", "simulate", "dual", "integrate", "membrane", "service", "discrete", "distances", "likelihood",
               "adjoint", "optimise", "search", "hygiene"]

@testset "SpikeCore" begin
    for name in FILES
        @testset "$name" begin
            include("$name.jl")
        end
    end
end

println("SpikeCore on Julia $VERSION with $(Threads.nthreads()) threads: tests of ", length(FILES), " files passed")
